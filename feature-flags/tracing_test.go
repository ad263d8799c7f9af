package featureflags_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/config"
	"github.com/hog-go/hog/common/tracing/tracingtest"
	featureflags "github.com/hog-go/hog/feature-flags"
)

func TestSpans(t *testing.T) {
	collector := tracingtest.Start(t, nil)
	h := setup(t, options{env: []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + collector.URL, "OTEL_TRACES_SAMPLER_ARG=1", "OTEL_LOG_LEVEL=INFO"}})
	require.Eventually(t, func() bool { // a span that ends before the exporter has started is lost
		require.Equal(t, 200, h.do(t, "POST", "/flags?v=2", `{"token":"phc_1","distinct_id":"secret"}`).status)
		return !strings.Contains(h.do(t, "GET", "/metrics", "").body, "tracing_spans_ended_total 0\n")
	}, 20*time.Second, time.Millisecond)
	require.NoError(t, h.stop(), "which sends what is queued")
	spans := collector.Spans()
	require.NotEmpty(t, spans)
	require.Equal(t, []string{"posthog-feature-flags", "POST /flags"}, []string{spans[0].Service, spans[0].Name})
	require.NotContains(t, fmt.Sprint(spans), "secret")
	require.NotContains(t, fmt.Sprint(spans), "phc_1")
}

func TestTracingSettings(t *testing.T) {
	tests := map[string]struct {
		env       string
		err, line string
	}{
		"off":              {env: "OTEL_LOG_LEVEL=warn"},
		"no address":       {env: "OTEL_EXPORTER_OTLP_ENDPOINT=udp://c", err: `OTEL_EXPORTER_OTLP_ENDPOINT: "udp://c" is no address of a collector`},
		"beyond the level": {env: "OTEL_EXPORTER_OTLP_ENDPOINT=c:4317 OTEL_LOG_LEVEL=error", line: "nothing is traced"},
		"debug":            {env: "OTEL_EXPORTER_OTLP_ENDPOINT=c:4317 OTEL_LOG_LEVEL=debug"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var cfg featureflags.Config
			require.NoError(t, config.LoadFrom(&cfg, append(strings.Fields(tt.env), "OBJECT_STORAGE_BUCKET=")))
			var out strings.Builder
			_, err := featureflags.New(t.Context(), cfg, featureflags.Deps{Log: slog.New(slog.NewTextHandler(&out, nil))})
			if tt.err != "" {
				require.ErrorContains(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.line != "", strings.Contains(out.String(), "nothing is traced"))
		})
	}
}

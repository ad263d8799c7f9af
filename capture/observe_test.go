package capture_test

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/capture"
	"github.com/hog-go/hog/common/config"
	"github.com/hog-go/hog/common/tracing/tracingtest"
)

func TestRequestLines(t *testing.T) {
	tests := map[string]struct {
		env    []string
		header string
		want   int // lines
	}{
		"nobody asks":     {header: "X-Other"},
		"the client asks": {header: "X-CAPTURE-DEBUG", want: 1},
		"all are drawn":   {env: []string{"VERBOSE_SAMPLE_PERCENT=100"}, header: "X-Other", want: 1},
		"none is drawn":   {env: []string{"VERBOSE_SAMPLE_PERCENT=0.0"}, header: "X-Other"},
		"a mirror":        {env: []string{"IS_MIRROR_DEPLOY=true", "VERBOSE_SAMPLE_PERCENT=100"}, header: "X-Other", want: 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			h := requestLines(t, &out, tt.env)
			r := httptest.NewRequest("POST", "/e/", strings.NewReader(eventBody))
			r.Header.Set(tt.header, "1")
			w := httptest.NewRecorder()
			h.Handler().ServeHTTP(w, r)
			require.Equal(t, 200, w.Code)
			require.Equal(t, tt.want, strings.Count(out.String(), "msg=request"))
			if tt.want > 0 {
				require.Contains(t, out.String(), "path=/e/ status=200")
				require.Contains(t, out.String(), "events=1 records=1")
			}
			mirror := len(tt.env) > 0 && tt.env[0] == "IS_MIRROR_DEPLOY=true"
			require.Equal(t, mirror, strings.Contains(out.String(), "is_mirror_deploy=true"))
		})
	}
}

func TestVerbosePercentIsAShare(t *testing.T) {
	var out strings.Builder
	h := requestLines(t, &out, []string{"VERBOSE_SAMPLE_PERCENT=50"})
	for range 1000 { // all or none of them by chance: once in 2^999 runs
		h.Handler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/e/", strings.NewReader(eventBody)))
	}
	lines := strings.Count(out.String(), "msg=request")
	require.Positive(t, lines)
	require.Less(t, lines, 1000)
}

// requestLines is a service that needs no servers and logs to out.
func requestLines(t *testing.T, out *strings.Builder, env []string) *capture.Service {
	t.Helper()
	var cfg capture.Config
	require.NoError(t, config.LoadFrom(&cfg, append([]string{"REDIS_URL=redis://127.0.0.1:1/", "NOOP_SINK=true"}, env...)))
	cfg.Address = ""
	svc, err := capture.New(t.Context(), cfg, capture.Deps{Log: slog.New(slog.NewTextHandler(out, nil))})
	require.NoError(t, err)
	return svc
}

func TestSpans(t *testing.T) {
	collector := tracingtest.Start(t, nil)
	h := setup(t, options{env: []string{"OTEL_URL=" + collector.URL, "OTEL_SERVICE_NAME=capture-ingest", "OTEL_SAMPLING_RATE=0.5"}})
	const trace, parent = "0af7651916cd43dd0448eb211c80319c", "b7ad6b7169203331"
	const other = "0af7651916cd43ddf448eb211c80319c" // in the other half of the traces
	post := func(path, trace, sampled string) {
		status, _, _ := h.do(t, "POST", path, map[string]string{"traceparent": "00-" + trace + "-" + parent + "-" + sampled}, eventBody)
		require.Equal(t, 200, status)
	}
	require.Eventually(t, func() bool { // a span that ends before the exporter has started is lost
		post("/e?api_key=secret", trace, "00")
		ended, _ := h.metric(t, "tracing_spans_ended_total")
		return ended > 0
	}, 20*time.Second, time.Millisecond)
	post("/batch/", other, "01")
	require.NoError(t, h.stop(), "which sends what is queued")

	spans := collector.Spans()
	require.NotEmpty(t, spans)
	for _, s := range spans {
		require.Equal(t, []string{"capture-ingest", "POST /e", trace, parent}, []string{s.Service, s.Name, s.TraceID, s.ParentID})
		require.NotContains(t, fmt.Sprint(s), "secret")
	}
}

func TestCollectorOfTracesIsDown(t *testing.T) {
	h := setup(t, options{env: []string{"OTEL_URL=http://127.0.0.1:1"}})
	for range 3000 { // more than the queue holds
		status, _, _ := h.do(t, "POST", "/e", nil, eventBody)
		require.Equal(t, 200, status)
	}
	require.NoError(t, h.stop())
}

func TestTraceAddress(t *testing.T) {
	var cfg capture.Config
	require.NoError(t, config.LoadFrom(&cfg, []string{"REDIS_URL=redis://127.0.0.1:1/", "NOOP_SINK=true", "OTEL_URL=udp://collector"}))
	_, err := capture.New(t.Context(), cfg, capture.Deps{})
	require.EqualError(t, err, `OTEL_URL: "udp://collector" is no address of a collector: use a form like http://localhost:4317`)
}

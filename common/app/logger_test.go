package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/app"
)

func TestNewLoggerLevels(t *testing.T) {
	tests := map[string]struct {
		environ []string
		plain   string // least level of a logger without attributes: d, i, w, e or - for none
		kafka   string // of one with the attribute component=kafka
		flags   string // of one with the attribute service=feature-flags
	}{
		"nothing set":                   {nil, "i", "i", "i"},
		"empty":                         {[]string{"RUST_LOG=", "LOG_LEVEL="}, "i", "i", "i"},
		"bare level":                    {[]string{"RUST_LOG=warn"}, "w", "w", "w"},
		"any case":                      {[]string{"RUST_LOG=DEBUG"}, "d", "d", "d"},
		"trace is debug":                {[]string{"RUST_LOG=trace"}, "d", "d", "d"},
		"off":                           {[]string{"RUST_LOG=off"}, "-", "-", "-"},
		"log level":                     {[]string{"LOG_LEVEL=error"}, "e", "e", "e"},
		"RUST_LOG wins":                 {[]string{"LOG_LEVEL=error", "RUST_LOG=debug"}, "d", "d", "d"},
		"pairs leave LOG_LEVEL alone":   {[]string{"LOG_LEVEL=error", "RUST_LOG=kafka=debug"}, "e", "d", "e"},
		"unknown targets":               {[]string{"RUST_LOG=info,rdkafka=warn,tower_http=off"}, "i", "i", "i"},
		"known targets":                 {[]string{"RUST_LOG=warn, kafka=debug ,feature_flags=error"}, "w", "d", "e"},
		"targets before the bare level": {[]string{"RUST_LOG=kafka=debug,error"}, "e", "d", "e"},
		"a bare target":                 {[]string{"RUST_LOG=kafka"}, "i", "d", "i"},
		"spans and fields are ignored":  {[]string{"RUST_LOG=[span{field=1}]=debug,warn"}, "w", "w", "w"},
	}
	letters := map[slog.Level]string{slog.LevelDebug: "d", slog.LevelInfo: "i", slog.LevelWarn: "w", slog.LevelError: "e"}
	least := func(log *slog.Logger) string {
		for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
			if log.Enabled(context.Background(), level) {
				return letters[level]
			}
		}
		return "-"
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			log, err := app.NewLogger(new(bytes.Buffer), tt.environ)
			require.NoError(t, err)
			require.Equal(t, tt.plain, least(log))
			require.Equal(t, tt.kafka, least(log.With("x", 1, "component", "kafka").WithGroup("g")))
			require.Equal(t, tt.flags, least(log.With("service", "feature-flags")))
		})
	}
}

func TestNewLoggerForms(t *testing.T) {
	var out bytes.Buffer
	log, err := app.NewLogger(&out, nil)
	require.NoError(t, err)
	log.With("component", "kafka").Info("hello", "n", 1)
	var line map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &line))
	require.Equal(t, "hello", line["msg"])
	require.Equal(t, "kafka", line["component"])

	out.Reset()
	log, err = app.NewLogger(&out, []string{"DEBUG="})
	require.NoError(t, err)
	log.Info("hello", "n", 1)
	log.Debug("DEBUG is about the form, not the level")
	require.True(t, strings.HasSuffix(out.String(), "level=INFO msg=hello n=1\n"), out.String())
}

func TestNewLoggerErrors(t *testing.T) {
	for entry, want := range map[string]string{
		"LOG_LEVEL=loud":           `LOG_LEVEL: "loud" is not a level: use error, warn, info, debug, trace or off`,
		"RUST_LOG=info,kafka=loud": `RUST_LOG: "loud" is not a level: use error, warn, info, debug, trace or off`,
	} {
		_, err := app.NewLogger(new(bytes.Buffer), []string{entry})
		require.EqualError(t, err, want)
	}
}

func TestDurationsHaveAUnit(t *testing.T) {
	for environ, want := range map[string]string{"": `"took":"1.5s"`, "DEBUG=1": "took=1.5s"} {
		var out bytes.Buffer
		log, err := app.NewLogger(&out, []string{environ})
		require.NoError(t, err)
		log.With("service", "x").Info("m", "took", 1500*time.Millisecond)
		require.Contains(t, out.String(), want)
	}
}

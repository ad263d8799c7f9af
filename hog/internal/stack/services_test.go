package stack_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/hog/internal/route"
	"github.com/hog-go/hog/hog/internal/stack"
)

// TestTableOwnsThePathsOfTheProxy sends the paths of the main app's proxy through the patterns of the table.
func TestTableOwnsThePathsOfTheProxy(t *testing.T) {
	mux := &route.Mux{}
	for _, e := range stack.Table {
		answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, e.Name) })
		mux.Routes = append(mux.Routes, route.Route{Service: e.Name, Patterns: e.Patterns, Handler: answer})
	}
	tests := map[string][]string{
		"capture": {
			"/e", "/e/", "/e/x", "/i/v0", "/i/v0/", "/i/v0/e", "/i/v0/e/", "/batch", "/batch/", "/batch2", "/capture", "/capture/",
			"/track", "/track/", "/engage", "/engage/",
		},
		"replay": {"/s", "/s/", "/s/x"},
		"feature-flags": {
			"/flags", "/flags/", "/decide/", "/flags/definitions", "/flags/definitions/", "/api/feature_flag/local_evaluation/",
			"/api/projects/1/feature_flags/x/remote_config", "/api/projects/@current/feature_flags/x/remote_config/",
		},
		"remote-config": {
			"/static/x.js", "/surveys", "/array/x/config.js", "/array/x/config", "/api/surveys/",
		},
		"property-defs": {"/api/v1/projects/1/property_definitions", "/api/v1/projects/1/property_definitions/"},
		"":              {"/", "/events", "/i/v1/logs", "/api/feature_flag"},
	}
	for service, paths := range tests {
		for _, path := range paths {
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, httptest.NewRequest("POST", path, nil))
			if service == "" {
				require.Equal(t, http.StatusNotFound, w.Code, path)
				continue
			}
			require.Equal(t, service, w.Body.String(), path)
		}
	}
}

// TestTable holds for every entry, also of services that are yet to come.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range stack.Table {
		require.False(t, seen[e.Name], "two services are called %s", e.Name)
		seen[e.Name] = true
		require.NotEmpty(t, e.About, e.Name)
		require.NotEmpty(t, e.Patterns, e.Name)
		require.NotNil(t, e.Settings, e.Name)
		require.Empty(t, e.Warnings(nil), e.Name)
		plan, err := e.Load(nil)
		require.NoError(t, err, "%s must start in an empty environment", e.Name)
		require.NotNil(t, plan.New, e.Name)
	}
}

func TestFind(t *testing.T) {
	tests := map[string]struct{ names, want []string }{
		"all":                   {nil, []string{"capture", "replay", "feature-flags", "remote-config", "property-defs"}},
		"one":                   {[]string{"replay"}, []string{"replay"}},
		"in the table's order":  {[]string{"replay", "capture"}, []string{"capture", "replay"}},
		"twice the same is one": {[]string{"replay", "replay"}, []string{"replay"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			entries, err := stack.Find(tt.names)
			require.NoError(t, err)
			var got []string
			for _, e := range entries {
				got = append(got, e.Name)
			}
			require.Equal(t, tt.want, got)
		})
	}
	_, err := stack.Find([]string{"capture", "cature"})
	require.EqualError(t, err, `no service is called "cature": there are capture, replay, feature-flags, remote-config, property-defs`)
}

func TestTopics(t *testing.T) {
	tests := map[string]struct {
		service string
		environ []string
		want    []string
	}{
		"recordings have a topic of their own": {"replay", nil,
			[]string{"events_plugin_ingestion_dlq", "session_recording_snapshot_item_events", "session_recording_snapshot_item_overflow"}},
		"KAFKA_TOPIC is that of events": {"replay", []string{"KAFKA_TOPIC=mine"},
			[]string{"events_plugin_ingestion_dlq", "session_recording_snapshot_item_events", "session_recording_snapshot_item_overflow"}},
		"the newer name is that of recordings": {"replay", []string{"CAPTURE_OUTPUT_SESSION_REPLAY_MAIN_TOPIC=mine"},
			[]string{"events_plugin_ingestion_dlq", "mine", "session_recording_snapshot_item_overflow"}},
		"events": {"capture", []string{"KAFKA_TOPIC=mine", "CAPTURE_MODE=recordings", "ADDRESS=nonsense"},
			[]string{"error_tracking_events", "events_plugin_ingestion_ai", "events_plugin_ingestion_dlq", "events_plugin_ingestion_historical", "events_plugin_ingestion_overflow",
				"heatmaps_ingestion", "ingestion-clientwarnings-main-1", "mine"}},
		"definitions of what capture writes": {"property-defs", []string{"KAFKA_TOPIC=mine"},
			[]string{"error_tracking_events", "events_plugin_ingestion_ai", "events_plugin_ingestion_historical", "events_plugin_ingestion_overflow", "mine"}},
		"definitions of what ingestion writes": {"property-defs", []string{"KAFKA_CONSUMER_TOPIC=mine"}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := stack.Topics([]string{tt.service}, tt.environ)
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestBadSettingsAreListedOnce(t *testing.T) {
	_, err := stack.Topics(nil, []string{"KAFKA_PRODUCER_LINGER_MS=soon", "OVERFLOW_ENABLED=perhaps"})
	problems, ok := err.(stack.SettingsError)
	require.True(t, ok, "%T", err)
	require.Len(t, problems, 2)
	require.Contains(t, err.Error(), "KAFKA_PRODUCER_LINGER_MS")
	require.Contains(t, err.Error(), "OVERFLOW_ENABLED")
}

func TestWarnings(t *testing.T) {
	entries, err := stack.Find(nil)
	require.NoError(t, err)
	got := stack.Warnings(entries, []string{"ADDRESS=0.0.0.0:3000", "CAPTURE_MODE=events", "KAFKA_HOST=x", "PATH=/bin"})
	require.Equal(t, []string{
		"ADDRESS is ignored: all services share the one port of hog: set HOG_ADDR or --addr",
		"CAPTURE_MODE is ignored: the services capture and replay are the two modes: name the one you want after hog start",
		"KAFKA_HOST is not a setting; did you mean KAFKA_HOSTS?",
	}, got)
}

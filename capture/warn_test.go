package capture_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/testkit"
)

// Each request is told about once, on the warnings' own topic, with the kind, the count and the SDK.
func TestIngestionWarnings(t *testing.T) {
	broker := testkit.Kafka(t)
	topic, hosts := broker.Topic(t, 1), strings.Join(broker.Brokers, ",")
	start := func(t *testing.T, env ...string) *harness {
		t.Helper()
		main := broker.Topic(t, 1)
		return serve(t, append([]string{
			"REDIS_URL=" + testkit.Redis(t), "KAFKA_HOSTS=" + hosts, "KAFKA_TOPIC=" + main, "CAPTURE_OUTPUT_SESSION_REPLAY_MAIN_TOPIC=" + main, "CAPTURE_OUTPUT_AI_MAIN_TOPIC=" + main,
			"KAFKA_PRODUCER_LINGER_MS=1", "KAFKA_PRODUCER_MESSAGE_MAX_BYTES=5000", "CAPTURE_V1_ENABLED=true",
			"CAPTURE_INGESTION_WARNINGS_ENABLED=true", "CAPTURE_INGESTION_WARNINGS_KAFKA_TOPIC=" + topic, "CAPTURE_INGESTION_WARNINGS_KAFKA_HOSTS=" + hosts,
		}, env...))
	}
	events := start(t)
	recordings := start(t, "CAPTURE_MODE=recordings")
	ai := start(t, "CAPTURE_MODE=ai")
	sdk := `"properties":{"$lib":"web","$lib_version":"1.2"}`
	one := func(token, fields string) string { return fmt.Sprintf(`{"token":%q,%s}`, token, fields) }
	for i, tt := range []struct {
		name    string
		to      *harness
		path    string
		body    string // with %s for the token
		headers map[string]string
		status  int
		kind    string
		details map[string]any
	}{
		{name: "cut id", to: events, path: "/e", body: one("%s", `"event":"e","distinct_id":"`+strings.Repeat("x", 300)+`",`+sdk), status: 200,
			kind: "distinct_id_truncated", details: map[string]any{"count": 1.0, "lib": "web", "libVersion": "1.2", "path": "/e", "maxLength": 200.0, "pipelineStep": "capture_validation"}},
		{name: "no name", to: events, path: "/batch", body: one("%s", `"batch":[{"event":"","distinct_id":"d",`+sdk+`},{"event":"b","distinct_id":"d"}]`), status: 400,
			kind: "missing_event_name", details: map[string]any{"count": 2.0, "lib": "web"}},
		{name: "no id", to: events, path: "/e", body: one("%s", `"event":"e"`), status: 400, kind: "missing_distinct_id", details: map[string]any{"lib": "unknown"}},
		{name: "too large for Kafka", to: events, path: "/e", body: one("%s", `"event":"e","distinct_id":"d","properties":{"x":"`+strings.Repeat("x", 6000)+`"}`), status: 413, kind: "message_size_too_large", details: map[string]any{"count": 1.0}},
		{name: "no session", to: recordings, path: "/s", body: one("%s", `"event":"$snapshot","distinct_id":"d","properties":{"$snapshot_data":[1]}`), status: 400, kind: "missing_session_id"},
		{name: "no snapshot", to: recordings, path: "/s", body: one("%s", `"event":"$snapshot","distinct_id":"d","properties":{"$session_id":"s"}`), status: 400, kind: "missing_snapshot_data"},
		{name: "not for the AI lane", to: ai, path: "/i/v0/ai/batch", body: one("%s", `"batch":[{"event":"$pageview","distinct_id":"d"}]`), status: 400, kind: "invalid_ai_event"},
		{name: "no form", to: ai, path: "/i/v0/ai", body: "x", headers: formHeaders("Content-Type: text/plain"), status: 400, kind: "invalid_ai_payload"},
		{name: "no trace", to: ai, path: "/i/v0/ai/otel", body: "x", headers: otelHeaders(), status: 400, kind: "invalid_ai_payload"},
		{name: "v1 events", to: events, path: v1Path, body: v1Batch(v1Event(1, "", ""), v1Event(2, "", ""), v1Event(3, "e", "")), headers: v1Headers(), status: 200,
			kind: "missing_event_name", details: map[string]any{"count": 2.0, "lib": "posthog-go", "libVersion": "1.2.3", "path": v1Path}},
		{name: "one v1 event", to: events, path: v1Path, body: v1Batch(v1Event(1, "e", `"options":5`)), headers: v1Headers(), status: 200,
			kind: "invalid_options", details: map[string]any{"count": 1.0, "distinctId": "d", "eventUuid": id(1)}},
		{name: "v1 batch", to: events, path: v1Path, body: v1Batch(), headers: v1Headers(), status: 400, kind: "empty_batch", details: map[string]any{"count": 1.0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			token := fmt.Sprintf("project-%d", i) // a project is warned of the same thing once an hour
			if tt.headers != nil {
				tt.headers["Authorization"] = "Bearer " + token
			}
			status, text, _ := tt.to.do(t, "POST", tt.path, tt.headers, strings.ReplaceAll(tt.body, "%s", token))
			require.Equal(t, tt.status, status, text)
			var warning struct {
				Event      string
				DistinctID string `json:"distinct_id"`
				Properties struct {
					Type    string         `json:"$$client_ingestion_warning_type"`
					Source  string         `json:"$$client_ingestion_warning_source"`
					Details map[string]any `json:"$$client_ingestion_warning_details"`
				}
			}
			r := broker.Records(t, topic, i+1, 20*time.Second)[i]
			require.Equal(t, token, string(r.Key))
			var value struct{ Data string }
			require.NoError(t, json.Unmarshal(r.Value, &value))
			require.NoError(t, json.Unmarshal([]byte(value.Data), &warning))
			require.Equal(t, "$$client_ingestion_warning", warning.Event)
			require.Equal(t, token, warning.DistinctID)
			require.Equal(t, tt.kind, warning.Properties.Type)
			require.Equal(t, "capture", warning.Properties.Source)
			for name, want := range tt.details {
				require.Equal(t, want, warning.Properties.Details[name], name)
			}
		})
	}
}

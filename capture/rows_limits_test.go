package capture_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Kinds of restrictions, as the main app names their keys.
const (
	kindDrop     = "drop_event_from_ingestion"
	kindOverflow = "force_overflow_from_ingestion"
	kindPerson   = "skip_person_processing"
	kindDLQ      = "redirect_to_dlq"
	kindTopic    = "redirect_to_topic"
)

// rule is the JSON of one restriction for project t, with fields beside version and token.
func rule(fields string) string { return `[{"version":2,"token":"t",` + fields + `}]` }

// rules are restrictions of several kinds with the same fields.
func rules(fields string, kinds ...string) map[string]string {
	m := map[string]string{}
	for _, kind := range kinds {
		m[kind] = rule(fields)
	}
	return m
}

const analytics = `"pipelines":["analytics"]`

func TestRowsRestrictions(t *testing.T) {
	scoped := analytics + `,"distinct_ids":["user1","user2"],"event_names":["$pageview"]`
	three := `{"token":"t","batch":[{"event":"$pageview","distinct_id":"user1"},{"event":"$identify","distinct_id":"user1"},{"event":"$pageview","distinct_id":"user3"}]}`
	all := []want{{event: "$pageview", key: "t:user1"}, {event: "$identify", key: "t:user1"}, {event: "$pageview", key: "t:user3"}}
	noPerson := map[string]string{"force_disable_person_processing": "true"}
	exception := `{"event":"$exception","distinct_id":"d","token":"t"}`
	run(t, nil, []row{
		{name: "row 63 lists are joined by and", rules: rules(scoped, kindDrop), path: "/batch", body: three, want: all[1:]},
		{name: "row 64 version 1", rules: map[string]string{kindDrop: strings.Replace(rule(scoped), `"version":2`, `"version":1`, 1)}, path: "/batch", body: three, want: all},
		{name: "row 64 another pipeline", rules: rules(strings.Replace(scoped, "analytics", "session_recordings", 1), kindDrop), path: "/batch", body: three, want: all},
		{name: "row 65 dead letters win over overflow", rules: rules(analytics, kindDLQ, kindOverflow, kindTopic), body: eventBody,
			want: []want{{topic: "dlq", key: "t:d", header: map[string]string{"dlq_reason": "event_restriction", "dlq_step": "capture", "dlq_timestamp": "2023-01-01T12:00:00.000Z"}}}},
		{name: "row 66 overflow without person processing", rules: rules(analytics, kindOverflow, kindPerson), body: eventBody, want: []want{{topic: "overflow", key: "-", header: noPerson}}},
		{name: "row 66 overflow alone", rules: rules(analytics, kindOverflow), body: eventBody, want: []want{{topic: "overflow", key: "t:d", header: map[string]string{"force_disable_person_processing": "-"}}}},
		{name: "no person processing alone", rules: rules(analytics, kindPerson), body: eventBody, want: []want{{key: "-", header: noPerson}}},
		{name: "row 96 errortracking", rules: rules(`"pipelines":["errortracking"]`, kindDrop), body: exception},
		{name: "row 96 error_tracking", rules: rules(`"pipelines":["error_tracking"]`, kindDrop), body: exception, want: []want{{topic: "exceptions"}}},
		{name: "row 96 analytics", rules: rules(analytics, kindDrop), body: exception, want: []want{{topic: "exceptions"}}},
		{name: "row 97 a topic", rules: rules(analytics+`,"args":{"topic":"{custom}"}`, kindTopic), body: eventBody, want: []want{{topic: "custom", key: "t:d"}}},
		{name: "row 97 no topic", rules: rules(analytics+`,"args":{}`, kindTopic), body: eventBody, want: []want{{key: "t:d"}}},
		{name: "row 97 empty topic", rules: rules(analytics+`,"args":{"topic":""}`, kindTopic), body: eventBody, want: []want{{key: "t:d"}}},
		{name: "AI events have a pipeline of their own", rules: rules(`"pipelines":["ai"]`, kindDrop), path: "/batch",
			body: `{"token":"t","batch":[{"event":"$ai_span","distinct_id":"d"},{"event":"e","distinct_id":"d"}]}`, want: []want{{event: "e"}}},
		{name: "an event by its uuid", rules: rules(analytics+`,"event_uuids":["550e8400-e29b-41d4-a716-446655440000"]`, kindDrop), body: withFields(`"distinct_id":"d","uuid":"550E8400-E29B-41D4-A716-446655440000"`)},
		{name: "heatmaps are not restricted", rules: rules(`"pipelines":["analytics","ai","errortracking"]`, kindDrop), body: `{"event":"$$heatmap","distinct_id":"d","token":"t"}`, want: []want{{topic: "heatmaps"}}},
		{name: "historical events do not overflow", rules: rules(analytics, kindOverflow), path: "/batch", body: `{"token":"t","historical_migration":true,"batch":[{"event":"e","distinct_id":"d"}]}`, want: []want{{topic: "historical"}}},
		{name: "another project", rules: rules(analytics, kindDrop), body: `{"event":"e","distinct_id":"d","token":"other"}`, want: []want{{key: "other:d"}}},
		{name: "rules that cannot be read", rules: map[string]string{kindDrop: `{`, kindOverflow: rule(analytics)}, body: eventBody, want: []want{{topic: "overflow"}}},
	})
	v1Rows := []row{
		{name: "v1 drop", rules: rules(analytics+`,"event_names":["a"]`, kindDrop), body: v1Batch(v1Event(1, "a", ""), v1Event(2, "b", "")), text: results("drop event_restriction_drop", "ok"), want: []want{{event: "b"}}},
		{name: "v1 dead letters", rules: rules(analytics, kindDLQ, kindOverflow), body: v1Batch(v1Event(1, "a", "")), text: results("ok"), want: []want{{topic: "dlq", key: "t:d", header: map[string]string{"dlq_step": "capture"}}}},
		{name: "v1 by session", rules: rules(analytics+`,"session_ids":["s"]`, kindDrop), body: v1Batch(v1Event(1, "a", `"session_id":"s"`), v1Event(2, "b", "")), text: results("drop event_restriction_drop", "ok"), want: []want{{event: "b"}}},
		{name: "v1 overflow without person processing", rules: rules(analytics, kindOverflow, kindPerson), body: v1Batch(v1Event(1, "a", "")), text: results("ok"), want: []want{{topic: "overflow", key: "-", header: noPerson}}},
	}
	for i := range v1Rows {
		v1Rows[i].path, v1Rows[i].headers = v1Path, v1Headers()
	}
	run(t, []string{"CAPTURE_V1_ENABLED=true"}, v1Rows)
}

func TestReplayRestrictions(t *testing.T) {
	body := `{"event":"$snapshot","token":"t","distinct_id":"u","properties":{"$session_id":"s-1","$snapshot_data":[1]}}`
	replays := `"pipelines":["session_recordings"]`
	rows := []row{
		{name: "drop", rules: rules(replays+`,"session_ids":["s-1"]`, kindDrop)},
		{name: "another session", rules: rules(replays+`,"session_ids":["s-2"]`, kindDrop), want: []want{{topic: "replay", key: "s-1"}}},
		{name: "by the name of the record", rules: rules(replays+`,"event_names":["$snapshot_items"]`, kindDrop)},
		{name: "overflow keeps the session together", rules: rules(replays, kindOverflow), want: []want{{topic: "replay_overflow", key: "s-1"}}},
		{name: "dead letters", rules: rules(replays, kindDLQ, kindOverflow), want: []want{{topic: "dlq", key: "t:u", header: map[string]string{"dlq_reason": "event_restriction"}}}},
		{name: "a topic", rules: rules(replays+`,"args":{"topic":"{custom}"}`, kindTopic), want: []want{{topic: "custom", key: "t:u"}}},
		{name: "no person processing", rules: rules(replays, kindPerson), want: []want{{topic: "replay", key: "s-1", header: map[string]string{"force_disable_person_processing": "true"}}}},
		{name: "analytics rules are for events", rules: rules(analytics, kindDrop), want: []want{{topic: "replay"}}},
	}
	for i := range rows {
		rows[i].path, rows[i].body = "/s", body
	}
	run(t, []string{"CAPTURE_MODE=recordings"}, rows)
}

// How long a test waits for what Redis says to take effect, and how often it looks.
const (
	waitLimit = 20 * time.Second
	tickLimit = 20 * time.Millisecond
)

// globalLimit turns the fleet's limiter on, at a threshold of one event, with exchanges so frequent that a test sees them.
var globalLimit = []string{
	"GLOBAL_RATE_LIMIT_ENABLED=true", "GLOBAL_RATE_LIMIT_TOKEN_DISTINCTID_THRESHOLD=1", "GLOBAL_RATE_LIMIT_TICK_INTERVAL_MS=10",
	"GLOBAL_RATE_LIMIT_MIN_SYNC_FLOOR=0", "CAPTURE_V1_ENABLED=true",
}

func TestRow113GlobalLimit(t *testing.T) {
	// until sends events of one key until the limiter has heard of them, and returns what the last came to.
	until := func(t *testing.T, h *harness, token string) {
		t.Helper()
		require.Eventually(t, func() bool {
			h.do(t, "POST", "/e", nil, fmt.Sprintf(`{"event":"e","token":%q,"distinct_id":"d"}`, token))
			for topic := range h.fresh(t) {
				if topic == "overflow" {
					return true
				}
			}
			return false
		}, waitLimit, tickLimit, "the limit does not take effect")
	}
	forced := []string{"OVERFLOW_ENABLED=true", "INGESTION_FORCE_OVERFLOW_BY_TOKEN_DISTINCT_ID=listed,both"}
	clock := "now=" + time.Now().UTC().Format(time.RFC3339) // the counts are of this minute
	h := setup(t, options{env: append(append(forced, clock), globalLimit...)})
	until(t, h, "limited")
	until(t, h, "both")
	noPerson := map[string]string{"force_disable_person_processing": "true"}
	over := []want{{topic: "overflow", key: "-", header: noPerson}}
	for _, token := range []string{"limited", "listed", "both"} {
		t.Run("row 113 v0 "+token, func(t *testing.T) {
			row{body: fmt.Sprintf(`{"event":"e","token":%q,"distinct_id":"d"}`, token), want: over}.run(t, h)
		})
		t.Run("row 113 v1 "+token, func(t *testing.T) {
			outcome := "ok"
			if token == "limited" {
				outcome = "warning person_processing_disabled"
			}
			row{path: v1Path, headers: v1Headers("Authorization: Bearer " + token), body: v1Batch(v1Event(1, "e", "")), text: results(outcome), want: over}.run(t, h)
		})
	}
	t.Run("row 113 v0 neither", func(t *testing.T) {
		row{body: `{"event":"e","token":"quiet","distinct_id":"v0"}`, want: []want{{key: "quiet:v0", header: map[string]string{"force_disable_person_processing": "-"}}}}.run(t, h)
	})
	t.Run("row 113 v1 neither", func(t *testing.T) {
		row{path: v1Path, headers: v1Headers("Authorization: Bearer quiet"), body: v1Batch(v1Event(1, "e", `"distinct_id":"v1"`)), text: results("ok"),
			want: []want{{key: "quiet:v1", header: map[string]string{"force_disable_person_processing": "-"}}}}.run(t, h)
	})
	t.Run("v1 counts what it judged", func(t *testing.T) {
		_, text, _ := h.do(t, "GET", "/metrics", nil, "")
		for outcome, n := range map[string]int{"limited": 1, "already_disabled": 2, "allowed": 1} {
			require.Contains(t, text, fmt.Sprintf("capture_v1_rate_limiter{capture_mode=\"events\",limiter=\"token_distinct_id\",outcome=%q,role=\"capture\"} %d\n", outcome, n))
		}
	})
	t.Run("other lanes keep their topic", func(t *testing.T) {
		row{body: `{"event":"$exception","token":"limited","distinct_id":"d"}`, want: []want{{topic: "exceptions", key: "limited:d", header: noPerson}}}.run(t, h)
	})
}

// A project's AI events have a budget in bytes over all processes; its other events have none.
func TestAIByteBudget(t *testing.T) {
	clock := "now=" + time.Now().UTC().Format(time.RFC3339)
	h := setup(t, options{env: []string{clock, "AI_BYTE_LIMIT_PER_SECOND=20", "GLOBAL_RATE_LIMIT_TICK_INTERVAL_MS=10", "CAPTURE_V1_ENABLED=true"}}) // 1200 bytes in a window
	big := fmt.Sprintf(`{"event":"$ai_span","token":"t","distinct_id":"d","properties":{"x":%q}}`, strings.Repeat("x", 2000))
	row{body: big, want: []want{{topic: "ai"}}}.run(t, h) // a project's first event always passes
	row{body: big}.run(t, h)
	row{body: eventBody, want: []want{{key: "t:d"}}}.run(t, h)
	row{path: v1Path, headers: v1Headers(), body: v1Batch(v1Event(1, "$ai_span", ""), v1Event(2, "e", "")), text: results("drop ai_byte_rate_limited", "ok"), want: []want{{event: "e"}}}.run(t, h)
	row{body: strings.Replace(big, `"t"`, `"other"`, 1), want: []want{{topic: "ai", key: "other:d"}}}.run(t, h)
	dropped, _ := h.metric(t, `capture_events_dropped_total`)
	require.EqualValues(t, 2, dropped)
}

package capture_test

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
)

const v1Path = "/i/v1/analytics/events"

// v1Headers are those of a sound request with changes: "Name: value", or "Name" for a header that is missing.
func v1Headers(changes ...string) map[string]string {
	h := map[string]string{
		"Authorization": "Bearer t", "Content-Type": "application/json", "User-Agent": "ua", "PostHog-Sdk-Info": "posthog-go/1.2.3", "PostHog-Attempt": "1",
		"PostHog-Request-Id": "550e8400-e29b-41d4-a716-446655440000", "PostHog-Request-Timestamp": "2023-01-01T12:00:00Z",
	}
	for _, change := range changes {
		name, value, set := strings.Cut(change, ": ")
		if h[name] = value; !set {
			delete(h, name)
			if name == "User-Agent" {
				h[name] = "" // which keeps the client from sending its own
			}
		}
	}
	return h
}

// id is the uuid of the n-th event of a batch.
func id(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

// v1Event is an event with fields that replace or follow the required ones.
func v1Event(n int, name, fields string) string {
	if fields != "" {
		fields = "," + fields
	}
	return fmt.Sprintf(`{"event":%q,"uuid":%q,"distinct_id":"d","timestamp":"2023-01-01T11:00:00Z"%s}`, name, id(n), fields)
}

func v1Batch(events ...string) string {
	return `{"created_at":"2023-01-01T12:00:00Z","batch":[` + strings.Join(events, ",") + `]}`
}

// results is the body of a successful answer; each outcome is a result, perhaps with a detail behind a space.
func results(outcomes ...string) string {
	var b strings.Builder
	b.WriteString(`{"results":{`)
	for i, o := range outcomes {
		if i > 0 {
			b.WriteByte(',')
		}
		result, detail, ok := strings.Cut(o, " ")
		fmt.Fprintf(&b, `%q:{"result":%q`, id(i+1), result)
		if ok {
			fmt.Fprintf(&b, `,"details":%q`, detail)
		}
		b.WriteByte('}')
	}
	b.WriteString(`}}`)
	return b.String()
}

func v1Error(tag, description string) string {
	uri := "https://posthog.com/docs/api"
	if tag == "billing_limit_exceeded" {
		uri = "https://posthog.com/docs/billing/limits"
	}
	return fmt.Sprintf(`{"error":%q,"error_description":%s,"error_uri":%q}`, tag, must(json.Marshal(description)), uri)
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// packed is s by a content encoding; "raw" is deflate without the zlib wrapper.
func packed(encoding, s string) string {
	var b bytes.Buffer
	switch encoding {
	case "gzip":
		return gz(s)
	case "deflate":
		w := zlib.NewWriter(&b)
		_, _ = w.Write([]byte(s))
		_ = w.Close()
	case "raw":
		w, _ := flate.NewWriter(&b, 6)
		_, _ = w.Write([]byte(s))
		_ = w.Close()
	case "br":
		w := brotli.NewWriter(&b)
		_, _ = w.Write([]byte(s))
		_ = w.Close()
	case "zstd":
		w, _ := zstd.NewWriter(&b)
		_, _ = w.Write([]byte(s))
		_ = w.Close()
	}
	return b.String()
}

func TestRowsV1(t *testing.T) {
	ok := v1Batch(v1Event(1, "e", ""))
	okWant := []want{{key: "t:d", event: "e", value: map[string]any{"sent_at": "2023-01-01T12:00:00Z", "timestamp": "2023-01-01T11:00:00Z"}}}
	noPerson := map[string]string{"force_disable_person_processing": "true"}
	post := func(name, body string, status int, text string, want []want, headers ...string) row {
		return row{name: name, path: v1Path, headers: v1Headers(headers...), body: body, status: status, text: text, want: want}
	}
	run(t, []string{"CAPTURE_V1_ENABLED=true"}, []row{
		post("one event", ok, 200, results("ok"), okWant),
		post("with a slash", ok, 200, results("ok"), okWant),
		post("row 84 headers missing", ok, 400, v1Error("missing_required_headers", `request is missing required headers: ["PostHog-Attempt", "user-agent"]`), nil, "User-Agent", "PostHog-Attempt"),
		post("row 85 attempt", ok, 400, v1Error("invalid_header_value", "invalid header value: PostHog-Attempt must be a positive integer: 0"), nil, "PostHog-Attempt: 0"),
		post("row 85 request id", ok, 400, v1Error("invalid_header_value", "invalid header value: PostHog-Request-Id is not a valid UUID: x"), nil, "PostHog-Request-Id: x"),
		post("row 85 timestamp", ok, 400, v1Error("invalid_header_value", "invalid header value: PostHog-Request-Timestamp is not valid RFC 3339: x"), nil, "PostHog-Request-Timestamp: x"),
		post("row 86 type in any case", ok, 200, results("ok"), okWant, "Content-Type: Application/JSON; charset=utf-8"),
		post("row 86 text/plain", ok, 415, v1Error("unsupported_content_type", "unsupported content type: text/plain"), nil, "Content-Type: text/plain"),
		post("row 86 lz4", ok, 415, v1Error("unsupported_encoding", "unsupported content encoding: lz4"), nil, "Content-Encoding: lz4"),
		post("row 87 personal key", ok, 401, v1Error("invalid_api_token", "The provided API token is not valid."), nil, "Authorization: Bearer phx_x"),
		post("row 87 scheme in any case", ok, 200, results("ok"), []want{{key: "phc_t:d"}}, "Authorization: bEaReR   phc_t  "),
		post("row 88 same uuid twice", v1Batch(v1Event(1, "a", ""), v1Event(1, "b", "")), 400, v1Error("duplicate_event_uuid", "duplicate event uuid: "+id(1)), nil),
		post("row 89 illegal id", v1Batch(v1Event(1, "e", `"distinct_id":"Undefined"`)), 200, results("ok person_processing_disabled"), []want{{key: "-", header: noPerson}}),
		post("row 90 what is spliced in", v1Batch(v1Event(1, "e", `"options":{"disable_skew_correction":true,"process_person_profile":false},"session_id":"s","properties":{"a":1}`)), 200, results("ok"),
			[]want{{header: map[string]string{"session_id": "s"}, data: map[string]any{"properties": map[string]any{
				"a": 1.0, "$session_id": "s", "$ignore_sent_at": true, "$process_person_profile": false, "$lib": "posthog-go", "$lib_version": "1.2.3"}}}}),
		{name: "row 99 only a content type", path: v1Path, headers: map[string]string{"Content-Type": "application/json"}, body: ok, status: 401,
			text: v1Error("missing_authorization", "request is missing the Authorization header")},
		post("row 99 basic", ok, 400, v1Error("invalid_header_value", "invalid header value: Authorization must use Bearer scheme"), nil, "Authorization: Basic x"),
		post("row 101 cookieless id", v1Batch(v1Event(1, "e", `"distinct_id":"$posthog_cookieless"`)), 200, results("drop cookieless_mode_required"), nil),
		post("row 101 cookieless mode", v1Batch(v1Event(1, "e", `"distinct_id":"$posthog_cookieless","options":{"cookieless_mode":true}`)), 200, results("ok"),
			[]want{{key: "t:203.0.113.9", value: map[string]any{"is_cookieless_mode": true}}}, "X-Forwarded-For: 203.0.113.9"),
		post("row 102 tours", v1Batch(v1Event(1, "a", `"options":{"product_tour_id":5}`), v1Event(2, "b", `"options":{"product_tour_id":""}`), v1Event(3, "c", `"options":{"product_tour_id":"x"}`)),
			200, results("drop invalid_options", "ok", "ok"), []want{{event: "b"}, {event: "c", data: map[string]any{"properties": map[string]any{"$product_tour_id": "x", "$lib": "posthog-go", "$lib_version": "1.2.3"}}}}),
		post("row 103 zlib", packed("deflate", ok), 200, results("ok"), okWant, "Content-Encoding: deflate"),
		post("row 103 raw deflate", packed("raw", ok), 200, results("ok"), okWant, "Content-Encoding: deflate"),
		post("row 103 GZIP", packed("gzip", ok), 200, results("ok"), okWant, "Content-Encoding: GZIP"),
		post("brotli", packed("br", ok), 200, results("ok"), okWant, "Content-Encoding: br"),
		post("zstd", packed("zstd", ok), 200, results("ok"), okWant, "Content-Encoding: zstd"),
		post("gzip that is none", ok, 400, v1Error("request_decoding_error", "Failed to decode request body."), nil, "Content-Encoding: gzip"),
		post("no JSON", `{"created_at":`, 400, v1Error("request_parsing_error", "Failed to parse request body."), nil),
		post("empty body", "", 400, v1Error("empty_body", "request body is empty"), nil),
		post("empty batch", v1Batch(), 400, v1Error("empty_batch", "request batch is empty"), nil),
		post("row 110 id of 201 bytes", v1Batch(v1Event(1, "e", `"distinct_id":"`+strings.Repeat("€", 67)+`"`)), 200, results("drop distinct_id_too_large"), nil),
		{name: "row 110 v0 takes it", body: withFields(`"distinct_id":"` + strings.Repeat("€", 67) + `"`), want: []want{{id: strings.Repeat("€", 67)}}},
		post("order of results, topics by name, no heatmap split", v1Batch(v1Event(1, "", ""), v1Event(2, "$exception", ""), v1Event(3, "$ai_generation", ""), v1Event(4, "$pageview", `"properties":{"$heatmap_data":{}}`), v1Event(5, "$$heatmap", "")), 200,
			results("drop missing_event_name", "ok", "ok", "ok", "ok"), []want{
				{topic: "exceptions", key: "t:d"}, {topic: "ai", key: "t:d"}, {event: "$pageview", header: map[string]string{"skip_heatmap_processing": "-"}}, {topic: "heatmaps"}}),
		{name: "a migration", path: v1Path, headers: v1Headers(), body: strings.Replace(v1Batch(v1Event(1, "e", ""), v1Event(2, "$exception", "")), `{"created`, `{"historical_migration":true,"created`, 1), text: results("ok", "ok"), want: []want{
			{topic: "historical", value: map[string]any{"historical_migration": true}, header: map[string]string{"historical_migration": "true"}},
			{topic: "exceptions", value: map[string]any{"historical_migration": true}, header: map[string]string{"historical_migration": "true"}}}},
		{name: "an internal batch", path: v1Path, headers: v1Headers("X-Forwarded-For: 203.0.113.9"), body: strings.Replace(ok, `{"created`, `{"capture_internal":true,"created`, 1), text: results("ok"),
			want: []want{{value: map[string]any{"ip": "127.0.0.1"}}}},
		post("clock ahead", ok, 200, results("ok"), []want{{value: map[string]any{"timestamp": "2023-01-01T10:59:50Z", "sent_at": "2023-01-01T12:00:10Z"}}}, "PostHog-Request-Timestamp: 2023-01-01T12:00:10Z"),
		{name: "the AI endpoint beside the others", path: "/i/v1/ai/events", headers: v1Headers(), body: v1Batch(v1Event(1, "$ai_span", "")), text: results("ok"), want: []want{{topic: "ai"}}},
		{name: "GET", method: "GET", path: v1Path, status: 405},
		{name: "no v1 unless asked for", env: []string{"CAPTURE_V1_ENABLED=false"}, path: v1Path, headers: v1Headers(), body: ok, status: 404},
		{name: "v1 by its older setting", env: []string{"CAPTURE_V1_ENABLED=false", "CAPTURE_V1_SINKS=msk"}, path: v1Path, headers: v1Headers(), body: ok, text: results("ok"), want: okWant},
		{name: "packed body over the limit", env: []string{"CAPTURE_V1_MAX_DECOMPRESSED_BODY_BYTES=100"}, path: v1Path, headers: v1Headers("Content-Encoding: gzip"), body: gz(ok), status: 413,
			text: v1Error("payload_too_large", "payload too large: decompressed gzip payload exceeds limit of 100 bytes")},
		{name: "body over the limit", env: []string{"CAPTURE_V1_MAX_COMPRESSED_BODY_BYTES=100"}, path: v1Path, headers: v1Headers(), body: ok, status: 413,
			text: v1Error("payload_too_large", "payload too large: Request body exceeds limit of 100 bytes")},
		{name: "import mode drops what is no migration", env: []string{"CAPTURE_MODE=import"}, path: v1Path, headers: v1Headers(), body: ok, text: results("drop non_historical_import_drop")},
		{name: "old events", env: []string{"ENABLE_HISTORICAL_REROUTING=true"}, path: v1Path, headers: v1Headers(), body: v1Batch(v1Event(1, "e", `"timestamp":"2022-12-30T12:00:00Z"`)), text: results("ok"),
			want: []want{{topic: "historical", value: map[string]any{"historical_migration": nil}}}},
		{name: "a listed key", env: []string{"OVERFLOW_ENABLED=true", "INGESTION_FORCE_OVERFLOW_BY_TOKEN_DISTINCT_ID=t"}, path: v1Path, headers: v1Headers(), body: ok, text: results("ok"), want: []want{{topic: "overflow", key: "-", header: noPerson}}},
		{name: "a listed key whose events a rule sends elsewhere", env: []string{"OVERFLOW_ENABLED=true", "INGESTION_FORCE_OVERFLOW_BY_TOKEN_DISTINCT_ID=t"}, rules: rules(analytics, kindDLQ),
			path: v1Path, headers: v1Headers(), body: ok, text: results("ok"), want: []want{{topic: "dlq", key: "t:d", header: map[string]string{"force_disable_person_processing": "-"}}}},
		{name: "a burst keeps its key", env: []string{"OVERFLOW_ENABLED=true", "OVERFLOW_PER_SECOND_LIMIT=1", "OVERFLOW_BURST_LIMIT=1"}, path: v1Path, headers: v1Headers(),
			body: v1Batch(v1Event(1, "a", ""), v1Event(2, "b", "")), text: results("ok", "ok"), want: []want{{event: "a", key: "t:d"}, {topic: "overflow", key: "t:d", event: "b", header: map[string]string{"force_disable_person_processing": "-"}}}},
	})
}

func TestRow100V1Quota(t *testing.T) {
	over := v1Error("billing_limit_exceeded", "Billing quota exceeded. Events are being dropped. Upgrade your plan to resume ingestion.")
	both := v1Batch(v1Event(1, "$pageview", ""), v1Event(2, "$exception", ""))
	rows := []row{
		{name: "row 100 events over quota", quotas: map[string]string{"events": "t"}, body: v1Batch(v1Event(1, "$exception", ""), v1Event(2, "$pageview", "")), status: 402, text: over},
		{name: "row 100 exceptions over quota", quotas: map[string]string{"exceptions": "t"}, body: both, text: results("ok", "drop exceptions_over_quota"), want: []want{{event: "$pageview"}}},
		{name: "row 100 nothing left", quotas: map[string]string{"exceptions": "t"}, body: v1Batch(v1Event(1, "$exception", "")), status: 402, text: over},
		{name: "row 100 surveys but for product tours", quotas: map[string]string{"survey_responses": "t"}, body: v1Batch(v1Event(1, "survey sent", ""), v1Event(2, "survey sent", `"options":{"product_tour_id":"x"}`)),
			text: results("drop survey_responses_over_quota", "ok"), want: []want{{event: "survey sent"}}},
		{name: "row 100 AI events", quotas: map[string]string{"llm_events": "t"}, body: v1Batch(v1Event(1, "$ai_other", ""), v1Event(2, "e", "")), text: results("drop llm_events_over_quota", "ok"), want: []want{{event: "e"}}},
		{name: "a batch without sound events is not refused for its quota", quotas: map[string]string{"events": "t"}, body: v1Batch(v1Event(1, "", "")), text: results("drop missing_event_name")},
	}
	for i := range rows {
		rows[i].path, rows[i].headers = v1Path, v1Headers()
	}
	run(t, []string{"CAPTURE_V1_ENABLED=true"}, rows)
}

func TestV1ResponseHeaders(t *testing.T) {
	h := setup(t, options{env: []string{"CAPTURE_V1_ENABLED=true"}})
	for name, headers := range map[string]map[string]string{"accepted": v1Headers(), "refused": v1Headers("Content-Type: text/plain")} {
		_, _, got := h.do(t, "POST", v1Path, headers, v1Batch(v1Event(1, "e", "")))
		require.Equal(t, "550e8400-e29b-41d4-a716-446655440000", got.Get("PostHog-Request-Id"), name)
		require.Equal(t, "Sun, 01 Jan 2023 12:00:00 +0000", got.Get("Date"), name)
		require.Equal(t, "application/json", got.Get("Content-Type"), name)
		require.Empty(t, got.Get("Retry-After"), name)
		if name == "refused" {
			require.Equal(t, "application/json", got.Get("Accept"))
			require.Equal(t, "gzip, deflate, br, zstd", got.Get("Accept-Encoding"))
		}
	}
	t.Run("row 109 preflight", func(t *testing.T) {
		status, text, got := h.do(t, http.MethodOptions, v1Path, map[string]string{"Origin": "https://a.example"}, "")
		require.Equal(t, 200, status)
		require.Empty(t, text)
		require.Equal(t, "POST,OPTIONS", got.Get("Access-Control-Allow-Methods"))
		require.Equal(t, "https://a.example", got.Get("Access-Control-Allow-Origin"))
	})
}

// A record that Kafka does not take fails its event alone, and one that may be taken later is to be sent again.
func TestV1SinkOutcomes(t *testing.T) {
	t.Run("too large", func(t *testing.T) {
		h := setup(t, options{env: []string{"CAPTURE_V1_ENABLED=true", "KAFKA_PRODUCER_MESSAGE_MAX_BYTES=2000"}})
		big := v1Event(2, "big", `"properties":{"x":"`+strings.Repeat("x", 3000)+`"}`)
		status, text, got := h.do(t, "POST", v1Path, v1Headers(), v1Batch(v1Event(1, "a", ""), big, v1Event(3, "c", "")))
		require.Equal(t, 200, status)
		require.Equal(t, results("ok", "drop event_too_big", "ok"), text)
		require.Empty(t, got.Get("Retry-After"))
		h.expect(t, []want{{event: "a"}, {event: "c"}})
	})
	t.Run("Kafka does not answer", func(t *testing.T) {
		h := setup(t, options{brokers: []string{"127.0.0.1:1"}, early: true, env: []string{"CAPTURE_V1_ENABLED=true", "KAFKA_MESSAGE_TIMEOUT_MS=200"}})
		start := time.Now()
		status, text, got := h.do(t, "POST", v1Path, v1Headers(), v1Batch(v1Event(1, "a", ""), v1Event(2, "", "")))
		require.Equal(t, 200, status)
		require.Equal(t, results("retry not_persisted", "drop missing_event_name"), text)
		require.Equal(t, "1", got.Get("Retry-After"))
		require.Less(t, time.Since(start), 10*time.Second)
	})
}

func TestV1Metrics(t *testing.T) {
	h := setup(t, options{env: []string{"CAPTURE_V1_ENABLED=true"}})
	h.do(t, "POST", v1Path, v1Headers(), v1Batch(v1Event(1, "a", ""), v1Event(2, "", ""), v1Event(3, "c", `"distinct_id":"null"`)))
	h.do(t, "POST", v1Path, v1Headers(), v1Batch())
	h.do(t, "POST", v1Path, v1Headers("Authorization"), "")
	_, text, _ := h.do(t, "GET", "/metrics", nil, "")
	for _, line := range []string{
		`capture_v1_parsed_events{capture_mode="events",error="",result="valid",role="capture"} 2`,
		`capture_v1_parsed_events{capture_mode="events",error="missing_event_name",result="malformed",role="capture"} 1`,
		`capture_v1_event_adjustments_applied{capture_mode="events",reason="person_processing_disabled",role="capture"} 1`,
		`capture_v1_serialize_duration_seconds_count{batch_size="2-8",capture_mode="events",role="capture"} 1`,
		`capture_v1_serialize_failed_total{capture_mode="events",role="capture"} 0`,
		`capture_v1_serialize_panic_total{capture_mode="events",role="capture"} 0`,
		`capture_v1_batch_outcomes{capture_mode="events",outcome="partial_failure",path="/i/v1/analytics/events",role="capture"} 1`,
		`capture_v1_analytics_error{capture_mode="events",error="empty_batch",level="warn",path="/i/v1/analytics/events",role="capture",status_code="400"} 1`,
		`capture_v1_analytics_error{capture_mode="events",error="missing_authorization",level="warn",path="/i/v1/analytics/events",role="capture",status_code="401"} 1`,
	} {
		require.True(t, slices.Contains(strings.Split(text, "\n"), line), line)
	}
}

func TestV1RestrictionMetrics(t *testing.T) {
	h := setup(t, options{env: []string{"CAPTURE_V1_ENABLED=true"}, rules: rules(`"pipelines":["analytics"],"event_names":["a"]`, kindPerson)})
	h.do(t, "POST", v1Path, v1Headers(), v1Batch(v1Event(1, "a", ""), v1Event(2, "b", `"distinct_id":"null"`)))
	_, text, _ := h.do(t, "GET", "/metrics", nil, "")
	require.Contains(t, text, `capture_v1_events_restricted{action="skip_person_processing",capture_mode="events",role="capture"} 1`+"\n")
}

func nonAIText(name string) string {
	return fmt.Sprintf("event %q is not an AI event: send it to the analytics endpoint", name)
}

func TestRowsAI(t *testing.T) {
	span := func(token, extra string) string {
		return `{"event":"$ai_span","distinct_id":"d","token":"` + token + `"` + extra + `}`
	}
	batch := func(events ...string) string { return `{"token":"t","batch":[` + strings.Join(events, ",") + `]}` }
	path := "/i/v0/ai/batch"
	big := `,"uuid":"` + id(1) + `","properties":{"x":"` + strings.Repeat("x", 500) + `"}`
	run(t, []string{"CAPTURE_MODE=ai", "CAPTURE_V1_ENABLED=true"}, []row{
		{name: "a batch of AI events", path: path, body: batch(span("t", ""), span("t", "")), want: []want{{topic: "ai", key: "t:d"}, {topic: "ai", key: "t:d"}}},
		{name: "another event refuses the batch", path: path, body: batch(span("t", ""), `{"event":"$pageview","distinct_id":"d"}`), status: 400, text: nonAIText("$pageview")},
		{name: "an AI event that is not of the product", path: path, body: batch(`{"event":"$ai_other","distinct_id":"d"}`), status: 400, text: nonAIText("$ai_other")},
		{name: "row 111 /batch", path: "/batch", body: batch(span("t", "")), status: 404},
		{name: "row 111 /e", body: span("t", ""), status: 404},
		{name: "row 111 v1 analytics", path: v1Path, headers: v1Headers(), body: v1Batch(v1Event(1, "$ai_span", "")), status: 404},
		{name: "v1 drops what is no AI event", path: "/i/v1/ai/events", headers: v1Headers(), body: v1Batch(v1Event(1, "$ai_span", ""), v1Event(2, "$exception", "")), text: results("ok", "drop misrouted_event"), want: []want{{topic: "ai", key: "t:d"}}},
		{name: "an event over the limit", env: []string{"AI_MAX_EVENT_BYTES=300"}, path: path, body: batch(span("t", ""), span("t", big)), status: 413,
			text: fmt.Sprintf("AI event $ai_span (uuid %s) is %d bytes, over the 300-byte limit", id(1), len(`{"token":"t","distinct_id":"d","uuid":"`+id(1)+`","event":"$ai_span","properties":{"x":""}}`)+500)},
		{name: "an event over the limit in v1", env: []string{"AI_MAX_EVENT_BYTES=300"}, path: "/i/v1/ai/events", headers: v1Headers(), body: v1Batch(v1Event(1, "$ai_span", `"properties":{"x":"`+strings.Repeat("x", 500)+`"}`), v1Event(2, "$ai_span", "")),
			text: results("drop ai_event_too_big", "ok"), want: []want{{topic: "ai"}}},
		{name: "no limit", env: []string{"AI_MAX_EVENT_BYTES=0"}, path: path, body: batch(span("t", big)), want: []want{{topic: "ai"}}},
		{name: "every $ai_ event by the other rule", env: []string{"CAPTURE_AI_LANE_PREDICATE=prefix"}, path: path, body: batch(`{"event":"$ai_other","distinct_id":"d"}`), want: []want{{topic: "ai"}}},
		{name: "a listed key where AI events overflow", env: []string{"CAPTURE_OUTPUT_AI_OVERFLOW_TOPIC=ai_overflow", "OVERFLOW_ENABLED=true", "INGESTION_FORCE_OVERFLOW_BY_TOKEN_DISTINCT_ID=t"}, path: path, body: batch(span("t", "")),
			want: []want{{topic: "ai_overflow", key: "-", header: map[string]string{"force_disable_person_processing": "true"}}}},
		{name: "the black hole", path: "/test/black_hole", body: batch(span("t", "")), want: nil},
	})
	run(t, []string{"CAPTURE_MODE=recordings"}, []row{
		{name: "row 111 recordings /i/v0/ai", path: "/i/v0/ai", status: 404},
		{name: "row 111 recordings /i/v0/ai/batch", path: path, body: batch(span("t", "")), status: 404},
	})
	run(t, []string{"CAPTURE_MODE=import"}, []row{{name: "row 111 import /i/v0/ai/batch", path: path, body: batch(span("t", "")), status: 404}})
	run(t, nil, []row{{name: "events mode takes AI batches, too", path: path, body: batch(span("t", ""), `{"event":"e","distinct_id":"d"}`), want: []want{{topic: "ai"}, {event: "e"}}}})
}

func TestBlackHole(t *testing.T) {
	path := "/test/black_hole"
	run(t, nil, []row{
		{name: "events", path: path, body: eventBody},
		{name: "gzip", path: path + "/", body: gz(eventBody)},
		{name: "a form", path: path, headers: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, body: "data=" + b64(eventBody)},
		{name: "what is no JSON", path: path, body: "{"},
		{name: "what cannot be unpacked", path: path, body: gz(eventBody)[:20]},
		{name: "nothing", path: path},
		{name: "GET", method: "GET", path: path},
		{name: "no form", path: path, headers: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, body: "{}", status: 400, text: "failed to decode request: expected form data in POST request payload"},
		{name: "no token", path: path, body: `{"event":"e","distinct_id":"d"}`, status: 401, text: "event submitted without an api_key"},
		{name: "no events", path: path, body: `{"token":"t","batch":[]}`, status: 400, text: "request holds no event"},
		{name: "no distinct id", path: path, body: `{"event":"e","token":"t"}`, status: 400, text: "event submitted without a distinct_id"},
	})
}

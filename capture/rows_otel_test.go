package capture_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const otelPath = "/i/v0/ai/otel"

// otelHeaders are those of an exporter with changes, as v1Headers.
func otelHeaders(changes ...string) map[string]string {
	h := map[string]string{"Authorization": "Bearer t", "Content-Type": "application/json"}
	for _, change := range changes {
		name, value, set := strings.Cut(change, ": ")
		if h[name] = value; !set {
			delete(h, name)
		}
	}
	return h
}

// attr is an OTLP attribute; value is the JSON of an AnyValue.
func attr(key, value string) string { return fmt.Sprintf(`{"key":%q,"value":%s}`, key, value) }

func text(s string) string { return fmt.Sprintf(`{"stringValue":%q}`, s) }

// span is an OTLP span that started at 2023-01-01T11:00:00Z.
func span(attrs ...string) string {
	return `{"traceId":"01010101010101010101010101010101","spanId":"0202020202020202","name":"n","startTimeUnixNano":"1672570800000000000","endTimeUnixNano":1672570801000000000,"attributes":[` +
		strings.Join(attrs, ",") + `]}`
}

func traces(resource string, spans ...string) string {
	return `{"resourceSpans":[{"resource":{"attributes":[` + resource + `]},"scopeSpans":[{"spans":[` + strings.Join(spans, ",") + `]}]}]}`
}

func TestRowsOTel(t *testing.T) {
	ai := attr("gen_ai.operation.name", text("chat"))
	post := func(name, body string, status int, answer string, want []want, headers ...string) row {
		return row{name: name, path: otelPath, headers: otelHeaders(headers...), body: body, status: status, text: answer, want: want}
	}
	named := func(name, event string, attrs ...string) row {
		r := post("row 104 "+name, traces("", span(attrs...)), 200, `{}`, nil)
		if event != "" {
			r.want = []want{{topic: "ai", event: event}}
		}
		return r
	}
	properties := map[string]any{
		"gen_ai.operation.name": "chat", "n": 42.0, "b": "abcd", "both": "span", "res": "x",
		"$ai_trace_id": "01010101010101010101010101010101", "$ai_span_id": "0202020202020202", "$ai_ingestion_source": "otel", "$otel_span_name": "n",
		"$otel_start_time_unix_nano": "1672570800000000000", "$otel_end_time_unix_nano": "1672570801000000000", "$geoip_disable": true, "$lib": "posthog-otel",
	}
	mixed := traces(attr("both", text("resource"))+","+attr("res", text("x"))+","+attr("host.name", text("h")),
		span(ai, attr("n", `{"intValue":"42"}`), attr("b", `{"bytesValue":"q80="}`), attr("both", text("span"))))
	many := func(n int, attrs ...string) string {
		spans := make([]string, n)
		for i := range spans {
			spans[i] = span(attrs...)
		}
		return traces("", spans...)
	}
	rows := []row{
		post("row 82 values, resource and span", mixed, 200, `{}`, []want{{topic: "ai", key: "t:240da7a2-f879-533c-9518-05515f0eeeea", event: "$ai_generation",
			value: map[string]any{"timestamp": "2023-01-01T11:00:00Z", "sent_at": nil, "ip": "203.0.113.9"}, data: map[string]any{"properties": properties}}}, "X-Forwarded-For: 203.0.113.9"),
		post("row 83 no AI spans", traces("", span(attr("http.method", text("GET")))), 200, `{}`, nil),
		named("eve.session.id", "$ai_span", attr("eve.session.id", text("s"))),
		named("llm.request.type", "$ai_generation", attr("llm.request.type", text("completion"))),
		named("logfire.msg", "", attr("logfire.msg", text("m"))),
		named("llm.model", "", attr("llm.model", text("m"))),
		post("a session for a person", traces("", span(ai, attr("$ai_session_id", text("session-1")))), 200, `{}`, []want{{topic: "ai", key: "t:4dffe842-0f80-5c61-8a28-667e29b3b68e"}}),
		post("gzip", gz(mixed), 200, `{}`, []want{{topic: "ai"}}, "Content-Encoding: gzip"),
		post("no spans", `{"resourceSpans":[]}`, 200, `{}`, nil),
		post("empty body", "", 400, "request missing data payload", nil),
		post("no token", mixed, 401, "event submitted without an api_key", nil, "Authorization"),
		post("a scheme in another case", mixed, 401, "event submitted without an api_key", nil, "Authorization: bearer t"),
		post("personal key", mixed, 401, "API key is not valid: personal_api_key", nil, "Authorization: Bearer phx_x"),
		post("another type", mixed, 400, "failed to decode request: Content-Type must be application/x-protobuf or application/json", nil, "Content-Type: text/plain"),
		post("another encoding", mixed, 400, "failed to decode request: Unsupported content-encoding: br", nil, "Content-Encoding: br"),
		post("no JSON", "{", 400, "failed to parse request: Invalid JSON: …", nil),
		post("no protobuf", "\xff\xff", 400, "failed to parse request: Invalid protobuf: …", nil, "Content-Type: application/x-protobuf"),
		post("too many spans", many(1001), 400, "failed to parse request: Too many spans: 1001 exceeds limit of 1000", nil),
		post("too many AI spans", many(101, ai), 400, "failed to parse request: Too many AI spans: 101 exceeds limit of 100", nil),
		post("body over the limit", strings.Repeat(" ", 4<<20+1), 413, "maximum event size exceeded: Request body exceeds limit of 4194304 bytes", nil),
		post("unpacked over the limit", gz(strings.Repeat(" ", 4<<20+1)), 413, "maximum event size exceeded: Decompressed payload would exceed 4194304 bytes (got 4194305 bytes)", nil, "Content-Encoding: gzip"),
		{name: "a dropped project", env: []string{"DROP_EVENTS_BY_TOKEN_DISTINCT_ID=t"}, path: otelPath, headers: otelHeaders(), body: mixed, text: `{}`},
		{name: "over quota", quotas: map[string]string{"llm_events": "t"}, path: otelPath, headers: otelHeaders(), body: mixed, status: 400, text: `{"error":"quota exceeded"}`},
		{name: "the general quota spares AI events", quotas: map[string]string{"events": "t"}, path: otelPath, headers: otelHeaders(), body: mixed, text: `{}`, want: []want{{topic: "ai"}}},
		{name: "restricted", rules: rules(`"pipelines":["ai"],"event_names":["$ai_span"]`, kindDrop), path: otelPath, headers: otelHeaders(), body: traces("", span(ai), span(attr("eve.x", text("")))), status: 400, text: `{"error":"event restricted"}`},
		{name: "restrictions of one span hold for all", rules: rules(`"pipelines":["ai"],"event_names":["$ai_span"]`, kindDLQ), path: otelPath, headers: otelHeaders(), body: traces("", span(ai), span(attr("eve.x", text("")))), text: `{}`,
			want: []want{{topic: "dlq", event: "$ai_generation"}, {topic: "dlq", event: "$ai_span"}}},
		{name: "a span over the limit is left out", env: []string{"AI_MAX_EVENT_BYTES=1000"}, path: otelPath, headers: otelHeaders(), body: traces("", span(ai), span(ai, attr("x", text(strings.Repeat("x", 1000))))), text: `{}`, want: []want{{topic: "ai"}}},
	}
	run(t, []string{"CAPTURE_MODE=ai"}, rows)
	run(t, nil, []row{post("events mode takes traces, too", mixed, 200, `{}`, []want{{topic: "ai"}})})
}

func TestOTelRefusalsByStage(t *testing.T) {
	h := setup(t, options{})
	ai := span(attr("gen_ai.operation.name", text("chat")))
	for _, r := range []struct {
		stage, tag, body string
		headers          []string
	}{
		{"otel_validation", "empty_payload", "", nil},
		{"otel_body_read", "oversize_event", strings.Repeat(" ", 4<<20+1), nil},
		{"otel_auth", "no_token", "{}", []string{"Authorization"}},
		{"otel_auth", "invalid_token", "{}", []string{"Authorization: Bearer phx_x"}},
		{"otel_parsing", "req_decoding", "{}", []string{"Content-Encoding: gzip"}},
		{"otel_parsing", "req_parsing", "{", nil},
		{"otel_validation", "req_parsing", traces("", strings.Repeat(ai+",", 100)+ai), nil},
	} {
		h.do(t, "POST", otelPath, otelHeaders(r.headers...), r.body)
		_, text, _ := h.do(t, "GET", "/metrics", nil, "")
		require.Contains(t, text, fmt.Sprintf("capture_error_by_stage_and_type{capture_mode=\"events\",error=%q,role=\"capture\",stage=%q} 1\n", r.tag, r.stage))
	}
}

// What exporters really send, recorded from them.
func TestOTelExporters(t *testing.T) {
	h := setup(t, options{})
	entries, err := os.ReadDir("internal/otel/testdata")
	require.NoError(t, err)
	sent := 0
	for _, entry := range entries {
		contentType := map[bool]string{true: "application/json", false: "application/x-protobuf"}[strings.HasSuffix(entry.Name(), ".json")]
		if entry.IsDir() || !strings.HasSuffix(entry.Name(), ".json") && !strings.HasSuffix(entry.Name(), ".pb") {
			continue
		}
		body, err := os.ReadFile("internal/otel/testdata/" + entry.Name())
		require.NoError(t, err)
		status, answer, _ := h.do(t, "POST", otelPath, otelHeaders("Content-Type: "+contentType), string(body))
		require.Equal(t, 200, status, "%s: %s", entry.Name(), answer)
		require.NotEmpty(t, h.fresh(t)["ai"], entry.Name())
		sent++
	}
	require.Positive(t, sent)
}

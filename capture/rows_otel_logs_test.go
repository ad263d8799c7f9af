package capture_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const otelLogsPath = "/i/v0/ai/otel/v1/logs"

// evaluation is the OTLP log record of the result of an evaluation.
func evaluation(attrs ...string) string {
	return `{"timeUnixNano":"1672570800000000000","traceId":"01010101010101010101010101010101","spanId":"0202020202020202","eventName":"gen_ai.evaluation.result","attributes":[` +
		strings.Join(append(attrs, attr("gen_ai.evaluation.name", text("correctness"))), ",") + `]}`
}

func logs(records ...string) string {
	return `{"resourceLogs":[{"scopeLogs":[{"logRecords":[` + strings.Join(records, ",") + `]}]}]}`
}

func TestRowsOTelLogs(t *testing.T) {
	passed := attr("gen_ai.evaluation.score.label", text("pass"))
	good := logs(evaluation(passed), `{"body":{"stringValue":"a line"}}`)
	post := func(name, body string, status int, answer string, want []want, headers ...string) row {
		return row{name: name, path: otelLogsPath, headers: otelHeaders(headers...), body: body, status: status, text: answer, want: want}
	}
	stored := []want{{topic: "ai", event: "$ai_evaluation", key: "t:240da7a2-f879-533c-9518-05515f0eeeea", value: map[string]any{"timestamp": "2023-01-01T11:00:00Z"}}}
	rows := []row{
		post("an evaluation", good, 200, `{}`, stored),
		post("gzip", gz(good), 200, `{}`, stored, "Content-Encoding: gzip"),
		post("lines", logs(`{"body":{"stringValue":"a line"}}`), 200, `{}`, nil),
		post("no records", logs(), 200, `{}`, nil),
		post("spans", traces("", span(attr("gen_ai.operation.name", text("chat")))), 200, `{}`, nil),
		post("empty body", "", 400, "request missing data payload", nil),
		post("no token", good, 401, "event submitted without an api_key", nil, "Authorization"),
		post("no JSON", "{", 400, "failed to parse request: Invalid JSON: …", nil),
		post("no protobuf", "\xff\xff", 400, "failed to parse request: Invalid protobuf: …", nil, "Content-Type: application/x-protobuf"),
		{name: "over quota", quotas: map[string]string{"llm_events": "t"}, path: otelLogsPath, headers: otelHeaders(), body: good, status: 400, text: `{"error":"quota exceeded"}`},
		{name: "a dropped project", env: []string{"DROP_EVENTS_BY_TOKEN_DISTINCT_ID=t"}, path: otelLogsPath, headers: otelHeaders(), body: good, text: `{}`},
	}
	run(t, []string{"CAPTURE_MODE=ai"}, rows)
	run(t, nil, rows[:1])
}

func TestOTelLogsMetrics(t *testing.T) {
	h := setup(t, options{})
	large := attr("large", text(strings.Repeat("x", 900_000)))
	passed := attr("gen_ai.evaluation.score.label", text("pass"))
	status, answer, _ := h.do(t, "POST", otelLogsPath, otelHeaders(), logs(evaluation(passed), evaluation(passed, large), `{}`))
	require.Equal(t, 200, status, answer)
	for name, want := range map[string]float64{
		"capture_ai_otel_logs_requests_total": 1, "capture_ai_otel_logs_requests_success": 1, "capture_ai_otel_log_records_accepted": 1,
		"capture_ai_otel_log_records_filtered": 2, "capture_ai_otel_evaluation_records_dropped": 1, "capture_ai_otel_logs_events_ingested": 1,
		"capture_ai_otel_requests_total": 0, "capture_ai_otel_spans_accepted": 0,
	} {
		have, _ := h.metric(t, name)
		require.Equal(t, want, have, name)
	}
}

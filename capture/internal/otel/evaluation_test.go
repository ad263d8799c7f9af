package otel_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/capture/internal/otel"
)

// evaluation is a log record of a result, with more fields.
func evaluation(fields ...[]byte) []byte {
	return join(append([][]byte{fixed(1, 1_704_067_200_000_000_000), field(9, ones), field(10, []byte("\x02\x02\x02\x02\x02\x02\x02\x02")),
		field(12, []byte("gen_ai.evaluation.result"))}, fields...)...)
}

// said are the attributes of a log record.
func said(pairs ...[]byte) []byte { return each(6, pairs) }

var (
	correctness = kv("gen_ai.evaluation.name", str("correctness"))
	passed      = kv("gen_ai.evaluation.score.label", str("pass"))
	scored      = kv("gen_ai.evaluation.score.value", double(0.9))
)

func parseLogs(t *testing.T, body []byte, contentType string) otel.Batch {
	t.Helper()
	b, err := otel.ParseLogs(body, contentType)
	require.Nil(t, err)
	require.Len(t, b.Events, b.AI)
	return b
}

func TestEvaluation(t *testing.T) {
	record := evaluation(said(correctness, passed, scored, kv("gen_ai.evaluation.explanation", str("grounded")), kv("mine", integer(1)), kv("$ai_gateway_verified", boolean(true))),
		field(5, list(kv("k", str("v")))))
	b := parseLogs(t, request(resource(kv("posthog.distinct_id", str("user-1")), kv("host.name", str("h")), kv("res", str("x"))), record, named("other")), protobuf)
	require.Equal(t, 2, b.Spans)
	require.Len(t, b.Events, 1)
	e := &b.Events[0]
	require.Equal(t, "user-1", e.DistinctID)
	require.Equal(t, time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), e.Time)
	have := decode(t, e)
	run, err := uuid.Parse(have["$ai_evaluation_run_id"].(string))
	require.NoError(t, err)
	require.Equal(t, uuid.Version(5), run.Version())
	delete(have, "$ai_evaluation_run_id")
	require.Equal(t, map[string]any{
		"gen_ai.evaluation.name": "correctness", "mine": json.Number("1"), "res": "x", "posthog.distinct_id": "user-1", "$geoip_disable": true,
		"$ai_evaluation_id": "a218d44f-54e2-5450-8dad-b3ac0f039d83", "$ai_evaluation_name": "correctness", "$ai_evaluation_runtime": "otel", "$ai_evaluation_type": "imported",
		"$ai_ingestion_source": "otel", "$ai_evaluation_result": "pass", "$ai_evaluation_result_type": "label", "$ai_evaluation_reasoning": "grounded",
		"$ai_trace_id": strings.Repeat("01", 16), "$ai_target_span_id": strings.Repeat("02", 8), "$otel_log_body": map[string]any{"k": "v"},
	}, have)
}

func TestEvaluationRunsAreToldApart(t *testing.T) {
	run := func(fields ...[]byte) (evaluation, run any) {
		have := decode(t, &parseLogs(t, request(nil, join(fields...)), protobuf).Events[0])
		return have["$ai_evaluation_id"], have["$ai_evaluation_run_id"]
	}
	record := evaluation(said(correctness, passed))
	id, first := run(record)
	again, same := run(record)
	other, second := run(record, fixed(11, 1))
	require.Equal(t, []any{id, id, first}, []any{again, other, same}, "what is sent again is the same run")
	require.NotEqual(t, first, second)
}

func TestEvaluationResults(t *testing.T) {
	score := func(v []byte) []byte { return kv("gen_ai.evaluation.score.value", v) }
	label := func(v []byte) []byte { return kv("gen_ai.evaluation.score.label", v) }
	tests := map[string]struct {
		fields []byte
		want   map[string]any // some properties, nil for absent; nil: no event
	}{
		"score":                       {said(correctness, scored), map[string]any{"$ai_evaluation_result": json.Number("0.9"), "$ai_evaluation_result_type": "number"}},
		"whole score":                 {said(correctness, score(integer(1))), map[string]any{"$ai_evaluation_result": json.Number("1.0")}},
		"negative score":              {said(correctness, score(double(-2))), map[string]any{"$ai_evaluation_result": json.Number("-2.0")}},
		"label before score":          {said(correctness, scored, label(str(" fail "))), map[string]any{"$ai_evaluation_result": "fail"}},
		"blank label, score":          {said(correctness, scored, label(str("  "))), map[string]any{"$ai_evaluation_result": json.Number("0.9")}},
		"trimmed name":                {said(kv("gen_ai.evaluation.name", str(" tone\n")), passed), map[string]any{"$ai_evaluation_name": "tone"}},
		"blank label":                 {said(correctness, label(str("  "))), nil},
		"no result":                   {said(correctness), nil},
		"score of no number":          {said(correctness, score(str("0.9"))), nil},
		"score that is not finite":    {said(correctness, score(double(nan()))), nil},
		"no name":                     {said(passed), nil},
		"blank name":                  {said(kv("gen_ai.evaluation.name", str(" ")), passed), nil},
		"name of no string":           {said(kv("gen_ai.evaluation.name", integer(1)), passed), nil},
		"explanation of no string":    {said(correctness, passed, kv("gen_ai.evaluation.explanation", integer(1))), map[string]any{"$ai_evaluation_reasoning": nil, "gen_ai.evaluation.explanation": nil}},
		"empty explanation":           {said(correctness, passed, kv("gen_ai.evaluation.explanation", str(""))), map[string]any{"$ai_evaluation_reasoning": ""}},
		"another event":               {join(said(correctness, passed), field(12, []byte("exception"))), nil},
		"an id that an attribute has": {join(said(correctness, passed, kv("$ai_trace_id", str("forged"))), field(9, nil)), map[string]any{"$ai_trace_id": nil}},
		"span id of another length":   {join(said(correctness, passed), field(10, []byte("x"))), map[string]any{"$ai_target_span_id": nil}},
		"geoip wanted":                {said(correctness, passed, kv("posthog.geoip_disable", boolean(false))), map[string]any{"$geoip_disable": false, "posthog.geoip_disable": nil}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := parseLogs(t, request(nil, evaluation(tt.fields)), protobuf)
			if tt.want == nil {
				require.Empty(t, b.Events)
				return
			}
			have := decode(t, &b.Events[0])
			for key, want := range tt.want {
				require.Equal(t, want, have[key], key)
			}
		})
	}
}

func TestEvaluationTimeAndPerson(t *testing.T) {
	observed := parseLogs(t, request(nil, join(evaluation(said(correctness, passed)), fixed(1, 0), fixed(11, 5e9))), protobuf).Events[0]
	require.Equal(t, time.Unix(5, 0).UTC(), observed.Time)
	require.Equal(t, "240da7a2-f879-533c-9518-05515f0eeeea", observed.DistinctID, "that of the spans of its trace")
	none := parseLogs(t, request(nil, join(evaluation(said(correctness, passed)), fixed(1, 0))), protobuf).Events[0]
	require.True(t, none.Time.IsZero())
}

func TestEvaluationsInJSON(t *testing.T) {
	const record = `{"timeUnixNano":"1704067200000000000","observedTimeUnixNano":1,"traceId":"01010101010101010101010101010101","spanId":"0202020202020202",
		"eventName":"gen_ai.evaluation.result","severityNumber":9,"body":{"stringValue":"done"},"attributes":[{"key":"gen_ai.evaluation.name","value":{"stringValue":"correctness"}},
		{"key":"gen_ai.evaluation.score.label","value":{"stringValue":"pass"}}]}`
	wrap := func(records string) []byte {
		return []byte(`{"resourceLogs":[{"resource":{"attributes":[{"key":"user.id","value":{"stringValue":"u"}}]},"scopeLogs":[{"scope":{"name":"s"},"logRecords":[` + records + `]}]}]}`)
	}
	b := parseLogs(t, wrap(record+`,{"eventName":null,"body":null}`), jsonType)
	require.Equal(t, 2, b.Spans)
	require.Len(t, b.Events, 1)
	require.Equal(t, "u", b.Events[0].DistinctID)
	require.Equal(t, time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), b.Events[0].Time)
	have := decode(t, &b.Events[0])
	require.Equal(t, []any{"pass", "done", strings.Repeat("01", 16)}, []any{have["$ai_evaluation_result"], have["$otel_log_body"], have["$ai_trace_id"]})

	require.Zero(t, parseLogs(t, []byte(`{"resourceSpans":[]}`), jsonType).Spans, "spans are no logs")
	for body, want := range map[string]string{
		`{`: "failed to parse request: Invalid JSON: ",
		`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"x"}]}]}]}`: `failed to parse request: Invalid OTLP logs format: timeUnixNano: "x" is no 64-bit integer`,
	} {
		_, err := otel.ParseLogs([]byte(body), jsonType)
		require.NotNil(t, err)
		require.Contains(t, err.Message, want)
	}
}

func TestEvaluationLimits(t *testing.T) {
	many := func(n int, record []byte) []byte {
		records := make([][]byte, n)
		for i := range records {
			records[i] = record
		}
		return request(nil, records...)
	}
	large := func(bytes int) []byte {
		return evaluation(said(correctness, passed, kv("large", str(strings.Repeat("x", bytes)))))
	}
	tests := map[string]struct {
		body     []byte
		events   int
		oversize int
		err      string
	}{
		"all that may be":              {body: many(100, evaluation(said(correctness, passed))), events: 100},
		"too many":                     {body: many(101, evaluation(said(correctness, passed))), err: "Too many evaluation records: 101 exceeds limit of 100"},
		"too many, though of no use":   {body: many(101, evaluation()), err: "Too many evaluation records: 101 exceeds limit of 100"},
		"records of other kinds":       {body: many(1000, named("x"))},
		"too many records":             {body: many(1001, named("x")), err: "Too many log records: 1001 exceeds limit of 1000"},
		"one too large, and another":   {body: request(nil, large(900_000), evaluation(said(correctness, passed))), events: 1, oversize: 1},
		"a resource that is too large": {body: request(resource(kv("large", str(strings.Repeat("x", 900_000)))), evaluation(said(correctness, passed)), named("x")), oversize: 1},
		"too large together":           {body: many(10, large(880_000)), err: "Expanded evaluation events exceed limit of 8388608 bytes"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b, err := otel.ParseLogs(tt.body, protobuf)
			if tt.err != "" {
				require.NotNil(t, err)
				require.Equal(t, "failed to parse request: "+tt.err, err.Message)
				require.Empty(t, b.Events)
				return
			}
			require.Nil(t, err)
			require.Len(t, b.Events, tt.events)
			require.Equal(t, tt.oversize, b.Oversize)
		})
	}
	_, err := otel.ParseLogs(nil, "text/plain")
	require.NotNil(t, err)
}

// FuzzParseLogs is FuzzParse for log records.
func FuzzParseLogs(f *testing.F) {
	f.Add(request(resource(kv("user.id", str("u"))), evaluation(said(correctness, scored), field(5, array(str("a"))))), false)
	f.Add([]byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"eventName":"gen_ai.evaluation.result","attributes":[{"key":"gen_ai.evaluation.name","value":{"stringValue":"n"}},{"key":"gen_ai.evaluation.score.value","value":{"intValue":"1"}}]}]}]}]}`), true)
	f.Fuzz(func(t *testing.T, body []byte, isJSON bool) {
		contentType := protobuf
		if isJSON {
			contentType = jsonType
		}
		b, err := otel.ParseLogs(body, contentType)
		if err != nil {
			require.Empty(t, b.Events)
			require.NotEmpty(t, err.Message)
			return
		}
		require.LessOrEqual(t, len(b.Events), b.Spans)
		for i := range b.Events {
			e := &b.Events[i]
			require.True(t, json.Valid(e.Data) && utf8.Valid(e.Data), "%q", e.Data)
			require.True(t, json.Valid(e.Properties))
			require.NotEmpty(t, e.DistinctID)
			require.Equal(t, "$ai_evaluation", e.Name)
		}
	})
}

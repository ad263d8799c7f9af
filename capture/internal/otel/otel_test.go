package otel_test

import (
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/capture/internal/otel"
)

const (
	protobuf = "application/x-protobuf"
	jsonType = "application/json; charset=utf-8"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// parse reads a request that must be accepted.
func parse(t *testing.T, body []byte, contentType string) otel.Batch {
	t.Helper()
	b, err := otel.Parse(body, contentType)
	require.Nil(t, err)
	return b
}

// props parses a request that must have one AI span and returns its event and properties.
func props(t *testing.T, body []byte) (otel.Event, map[string]any) {
	t.Helper()
	b := parse(t, body, protobuf)
	require.Len(t, b.Events, 1)
	return b.Events[0], decode(t, &b.Events[0])
}

func decode(t *testing.T, e *otel.Event) map[string]any {
	t.Helper()
	var data struct {
		Event      string         `json:"event"`
		DistinctID string         `json:"distinct_id"`
		Properties map[string]any `json:"properties"`
	}
	dec := json.NewDecoder(strings.NewReader(string(e.Data)))
	dec.UseNumber()
	dec.DisallowUnknownFields()
	require.NoError(t, dec.Decode(&data), "%s", e.Data)
	require.Equal(t, e.Name, data.Event)
	require.Equal(t, e.DistinctID, data.DistinctID)
	require.Contains(t, string(e.Data), `,"properties":`+string(e.Properties)+`}`)
	return data.Properties
}

func TestRows(t *testing.T) {
	t.Run("row 82 attribute values and the span over its resource", func(t *testing.T) {
		_, p := props(t, request(resource(kv("shared", str("resource")), kv("only", str("r"))), join(traced, attributes(
			kv("gen_ai.n", integer(42)), kv("gen_ai.b", raw(0xab, 0xcd)), kv("shared", str("span"))))))
		require.Equal(t, json.Number("42"), p["gen_ai.n"])
		require.Equal(t, "abcd", p["gen_ai.b"])
		require.Equal(t, "span", p["shared"])
		require.Equal(t, "r", p["only"])
	})
	t.Run("row 83 only spans without AI attributes", func(t *testing.T) {
		b := parse(t, request(nil, attributes(kv("http.request.method", str("POST")))), protobuf)
		require.Equal(t, otel.Batch{Spans: 1}, b)
	})
	for name, tt := range map[string]struct {
		attr []byte
		want string // "" is not AI
	}{
		"eve.session.id":        {kv("eve.session.id", str("s")), "$ai_span"},
		"completion":            {kv("llm.request.type", str("completion")), "$ai_generation"},
		"logfire.msg":           {kv("logfire.msg", str("x")), ""},
		"llm.model":             {kv("llm.model", str("x")), ""},
		"langchain":             {kv("langchain.chain.name", str("x")), ""},
		"embedding":             {kv("llm.request.type", str("embedding")), "$ai_embedding"},
		"rerank":                {kv("llm.request.type", str("rerank")), "$ai_span"},
		"traceloop":             {kv("traceloop.workflow.name", str("x")), "$ai_span"},
		"pydantic":              {kv("pydantic_ai.agent_name", str("x")), "$ai_span"},
		"gen_ai chat":           {kv("gen_ai.operation.name", str("chat")), "$ai_generation"},
		"gen_ai embeddings":     {kv("gen_ai.operation.name", str("embeddings")), "$ai_embedding"},
		"gen_ai other":          {kv("gen_ai.operation.name", str("execute_tool")), "$ai_span"},
		"gen_ai no string":      {kv("gen_ai.operation.name", integer(1)), "$ai_span"},
		"vercel doGenerate":     {kv("ai.operationId", str("ai.generateText.doGenerate")), "$ai_generation"},
		"vercel doStream":       {kv("ai.operationId", str("ai.streamObject.doStream")), "$ai_generation"},
		"vercel doEmbed":        {kv("ai.operationId", str("ai.embedMany.doEmbed")), "$ai_embedding"},
		"vercel toolCall":       {kv("ai.operationId", str("ai.toolCall")), "$ai_span"},
		"key without any value": {kv("gen_ai.x", nil), "$ai_span"},
	} {
		t.Run("row 104 "+name, func(t *testing.T) {
			b := parse(t, request(nil, attributes(tt.attr)), protobuf)
			if tt.want == "" {
				require.Empty(t, b.Events)
				return
			}
			require.Equal(t, tt.want, b.Events[0].Name)
		})
	}
}

func TestProviderOrder(t *testing.T) {
	tests := map[string]struct {
		attrs []byte
		want  string
	}{
		"vercel before gen_ai": {attributes(kv("gen_ai.operation.name", str("chat")), kv("ai.operationId", str("ai.toolCall"))), "$ai_span"},
		"vercel 7 follows gen_ai": {attributes(kv("gen_ai.operation.name", str("chat")), kv("ai.usage.tokens", integer(5))),
			"$ai_generation"},
		"operation id of no string": {attributes(kv("gen_ai.operation.name", str("chat")), kv("ai.operationId", integer(5))), "$ai_span"},
		"pydantic before gen_ai":    {attributes(kv("gen_ai.operation.name", str("chat")), kv("pydantic_ai.x", str("y"))), "$ai_span"},
		"last of a repeated key":    {attributes(kv("llm.request.type", str("chat")), kv("llm.request.type", str("embedding"))), "$ai_embedding"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e, _ := props(t, request(nil, tt.attrs))
			require.Equal(t, tt.want, e.Name)
		})
	}
}

func TestDistinctID(t *testing.T) {
	ai := kv("gen_ai.x", str("y"))
	owner := resource(kv("user.id", str("r-user")), kv("posthog.distinct_id", str("r-posthog")))
	tests := map[string]struct {
		resource []byte
		span     []byte
		want     string
	}{
		"AI SDK metadata first": {owner, attributes(ai, kv("user.id", str("u")), kv("posthog.distinct_id", str("p")),
			kv("ai.settings.context.posthog_distinct_id", str("c")), kv("ai.telemetry.metadata.posthog_distinct_id", str("m"))), "m"},
		"runtime context":     {owner, attributes(ai, kv("user.id", str("u")), kv("ai.settings.context.posthog_distinct_id", str("c"))), "c"},
		"posthog before user": {owner, attributes(ai, kv("user.id", str("u")), kv("posthog.distinct_id", str("p"))), "p"},
		"resource":            {owner, attributes(ai, kv("posthog.distinct_id", str("")), kv("user.id", integer(5))), "r-posthog"},
		"first of a repeated key, which is empty": {owner, attributes(ai, kv("user.id", str("")), kv("user.id", str("u"))), "r-posthog"},
		"session, uuid5":       {nil, join(traced, attributes(ai, kv("gen_ai.conversation.id", str("session-1")))), "4dffe842-0f80-5c61-8a28-667e29b3b68e"},
		"widest session first": {nil, attributes(ai, kv("gen_ai.conversation.id", str("c")), kv("$ai_session_id", str("session-1"))), "4dffe842-0f80-5c61-8a28-667e29b3b68e"},
		"trace, uuid5":         {nil, join(traced, attributes(ai)), "240da7a2-f879-533c-9518-05515f0eeeea"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e, _ := props(t, request(tt.resource, tt.span))
			require.Equal(t, tt.want, e.DistinctID)
		})
	}
	t.Run("one random id for all that tell nothing", func(t *testing.T) {
		anonymous := join(field(1, make([]byte, 16)), attributes(ai))
		b := parse(t, request(nil, anonymous, attributes(ai)), protobuf)
		require.Len(t, b.Events, 2)
		require.NoError(t, uuid.Validate(b.Events[0].DistinctID))
		require.Equal(t, b.Events[0].DistinctID, b.Events[1].DistinctID)
		other := parse(t, request(nil, anonymous), protobuf)
		require.NotEqual(t, b.Events[0].DistinctID, other.Events[0].DistinctID)
	})
}

func TestProperties(t *testing.T) {
	t.Run("everything a span has", func(t *testing.T) {
		body := field(1, join(
			field(2, join(
				field(1, join(field(1, []byte("lib")), field(2, []byte("6.7.1")))),
				field(2, join(traced, field(4, []byte("\xaa\xbb")), named("chat \"x\""), fixed(7, 1704067200000000001), fixed(8, 2),
					attributes(kv("gen_ai.f", double(1)), kv("gen_ai.half", double(0.5)), kv("gen_ai.nan", double(nan())), kv("gen_ai.t", boolean(true)),
						kv("gen_ai.list", array(str("a"), nil, integer(-1))), kv("gen_ai.map", list(kv("k", str("v")), kv("none", nil))),
						kv("gen_ai.empty", nil), kv("gen_ai.bad\xff", str("\xfe")), kv("$ai_trace_id", str("forged")), kv("$ai_gateway_verified", boolean(true))))),
			)),
			field(1, resource(kv("service.name", str("s")), kv("host.name", str("h")), kv("process.pid", integer(1)), kv("os.type", str("o")),
				kv("telemetry.sdk.name", str("t")), kv("hostname", str("kept")))), // the resource behind its spans
		))
		e, _ := props(t, body)
		require.Equal(t, time.Unix(1704067200, 1).UTC(), e.Time)
		require.Equal(t, "01010101010101010101010101010101", e.TraceID)
		require.Equal(t, "0202020202020202", e.SpanID)
		require.Equal(t, `{"service.name":"s","hostname":"kept","gen_ai.f":1.0,"gen_ai.half":0.5,"gen_ai.nan":null,"gen_ai.t":true,`+
			`"gen_ai.list":["a",-1],"gen_ai.map":{"k":"v"},"gen_ai.bad`+"\uFFFD"+`":"`+"\uFFFD"+`","$ai_trace_id":"01010101010101010101010101010101",`+
			`"$geoip_disable":true,"$ai_span_id":"0202020202020202","$ai_parent_id":"aabb","$ai_ingestion_source":"otel","$lib":"posthog-otel",`+
			`"$lib_version":"6.7.1","$otel_span_name":"chat \"x\"","$otel_start_time_unix_nano":"1704067200000000001",`+
			`"$otel_end_time_unix_nano":"2"}`, string(e.Properties))
	})
	t.Run("nothing but an AI attribute", func(t *testing.T) {
		e, p := props(t, request(nil, attributes(kv("gen_ai.x", str("y")))))
		require.True(t, e.Time.IsZero())
		require.NotContains(t, p, "$ai_parent_id")
		require.NotContains(t, p, "$otel_span_name")
		require.NotContains(t, p, "$lib_version")
		require.Equal(t, "0", p["$otel_start_time_unix_nano"])
		require.Equal(t, "", p["$ai_trace_id"])
	})
	ai := kv("gen_ai.x", str("y"))
	for name, tt := range map[string]struct {
		attrs []byte
		want  any
	}{
		"geoip off by default":    {attributes(ai), true},
		"geoip by the alias":      {attributes(ai, kv("posthog.geoip_disable", boolean(false))), false},
		"geoip by its own name":   {attributes(ai, kv("$geoip_disable", boolean(false)), kv("posthog.geoip_disable", boolean(true))), false},
		"geoip alias of any type": {attributes(ai, kv("posthog.geoip_disable", str("no"))), "no"},
	} {
		t.Run(name, func(t *testing.T) {
			_, p := props(t, request(nil, tt.attrs))
			require.Equal(t, tt.want, p["$geoip_disable"])
			require.NotContains(t, p, "posthog.geoip_disable")
		})
	}
	t.Run("a library that names itself", func(t *testing.T) {
		_, p := props(t, request(resource(kv("$lib", str("mine"))), attributes(ai)))
		require.Equal(t, "mine", p["$lib"])
	})
}

func TestErrorStatus(t *testing.T) {
	failed := func(message string) []byte { return field(15, join(field(2, []byte(message)), varint(3, 2))) }
	exception := func(pairs ...[]byte) []byte { return field(11, join(field(2, []byte("exception")), each(3, pairs))) }
	tests := map[string]struct {
		span   []byte
		error  any
		status any
	}{
		"ok":       {join(field(15, varint(3, 1)), exception(kv("exception.message", str("handled")))), nil, nil},
		"no words": {failed(""), "OpenTelemetry span status error", "500"},
		"message":  {failed("provider failed"), "provider failed", "500"},
		"exception and an attribute": {join(failed("x"), exception(kv("exception.type", str("RateLimitError")), kv("exception.message", str("Too many"))),
			attributes(kv("http.response.status_code", integer(429)))), "RateLimitError: Too many", "429"},
		"status in the exception": {join(failed("Status code: 500"), exception(kv("exception.message", str("Provider failed with HTTP 429")))),
			"Provider failed with HTTP 429", "429"},
		"type alone":           {join(failed(""), exception(kv("exception.type", str("Timeout")))), "Timeout", "500"},
		"last exception":       {join(failed(""), exception(kv("exception.type", str("A"))), exception(kv("exception.type", str("B")))), "B", "500"},
		"event known by a key": {join(failed(""), field(11, each(3, [][]byte{kv("exception.message", str("m"))})), field(11, field(2, []byte("log")))), "m", "500"},
		"numbers that are no status": {join(failed("status of 200 records is unknown"), exception(kv("exception.message", str("request to https://e.com/items/404 failed")))),
			"request to https://e.com/items/404 failed", "500"},
		"status=":            {failed("bad answer, status=503."), "bad answer, status=503.", "503"},
		"http status":        {failed("HTTP status code 418"), "HTTP status code 418", "418"},
		"out of range":       {failed("HTTP 999"), "HTTP 999", "500"},
		"digits in a string": {join(failed("x"), attributes(kv("status_code", str("404")))), "x", "404"},
		"what the client says": {join(failed("x"), attributes(kv("$ai_error", str("own")), kv("$ai_is_error", boolean(false)), kv("$ai_http_status", integer(418)))),
			"own", "418"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, p := props(t, request(nil, join(tt.span, attributes(kv("gen_ai.x", str("y"))))))
			require.Equal(t, tt.error, p["$ai_error"])
			if tt.status == nil {
				require.NotContains(t, p, "$ai_is_error")
				return
			}
			require.Equal(t, true, p["$ai_is_error"])
			require.Equal(t, json.Number(tt.status.(string)), p["$ai_http_status"])
		})
	}
}

func TestLimits(t *testing.T) {
	ai, other := attributes(kv("gen_ai.x", str("y"))), attributes(kv("x", str("y")))
	spans := func(n, others int) []byte {
		return field(1, field(2, []byte(strings.Repeat(string(field(2, ai)), n)+strings.Repeat(string(field(2, other)), others))))
	}
	t.Run("as many as may be", func(t *testing.T) {
		b := parse(t, spans(100, 900), protobuf)
		require.Len(t, b.Events, 100)
		require.Equal(t, 1000, b.Spans)
	})
	t.Run("too many spans", func(t *testing.T) {
		b, err := otel.Parse(spans(0, 1001), protobuf)
		require.Equal(t, http.StatusBadRequest, err.Status)
		require.Equal(t, "failed to parse request: Too many spans: 1001 exceeds limit of 1000", err.Message)
		require.Equal(t, otel.Batch{Spans: 1001}, b)
	})
	t.Run("too many AI spans", func(t *testing.T) {
		b, err := otel.Parse(spans(101, 1), protobuf)
		require.Equal(t, "failed to parse request: Too many AI spans: 101 exceeds limit of 100", err.Message)
		require.Equal(t, otel.Batch{Spans: 102, AI: 101}, b)
	})
	t.Run("a large resource beside many spans", func(t *testing.T) {
		body := field(1, join(field(1, resource(kv("big", str(strings.Repeat("x", 3<<20))))), field(2, []byte(strings.Repeat(string(field(2, ai)), 100)))))
		_, err := otel.Parse(body, protobuf)
		require.Equal(t, http.StatusRequestEntityTooLarge, err.Status)
	})
	t.Run("nesting", func(t *testing.T) {
		deep := func(levels int, wrap func([]byte) []byte) []byte {
			v := str("x")
			for range levels {
				v = wrap(v)
			}
			return request(nil, attributes(kv("gen_ai.deep", v)))
		}
		inArray := func(v []byte) []byte { return array(v) }
		inList := func(v []byte) []byte { return list(kv("k", v)) }
		for _, wrap := range []func([]byte) []byte{inArray, inList} {
			parse(t, deep(40, wrap), protobuf)
			for _, levels := range []int{41, 4000} {
				_, err := otel.Parse(deep(levels, wrap), protobuf)
				require.Equal(t, "failed to parse request: Invalid protobuf: recursion limit reached", err.Message)
			}
		}
	})
}

func TestRefusals(t *testing.T) {
	tests := map[string]struct {
		contentType, body, want string
	}{
		"content type":      {"text/plain", "x", "failed to decode request: Content-Type must be application/x-protobuf or application/json"},
		"no content type":   {"", "x", "failed to decode request: Content-Type must be application/x-protobuf or application/json"},
		"protobuf":          {protobuf, "\xff\xff\xff", "failed to parse request: Invalid protobuf: "},
		"cut protobuf":      {protobuf, string(request(nil, attributes(kv("gen_ai.x", str("y"))))[:9]), "failed to parse request: Invalid protobuf: "},
		"no JSON":           {jsonType, "not json", "failed to parse request: Invalid JSON: expected value at byte 0"},
		"no UTF-8":          {jsonType, "\"\xff\"", "failed to parse request: Invalid JSON: invalid UTF-8"},
		"JSON bomb":         {jsonType, strings.Repeat("[", 1<<20), "failed to parse request: Invalid JSON: recursion limit exceeded at byte 128"},
		"array":             {jsonType, "[]", "failed to parse request: Invalid OTLP trace format: expected an object at byte 0"},
		"spans of no array": {jsonType, `{"resourceSpans":{}}`, "failed to parse request: Invalid OTLP trace format: expected an array at byte 17"},
		"odd id":            {jsonType, oneJSON(`"traceId":"abc"`), "failed to parse request: Invalid OTLP trace format: traceId: "},
		"bad id":            {jsonType, oneJSON(`"spanId":"zz"`), "failed to parse request: Invalid OTLP trace format: spanId: "},
		"time":              {jsonType, oneJSON(`"startTimeUnixNano":-5`), "failed to parse request: Invalid OTLP trace format: startTimeUnixNano: \"-5\" is no 64-bit integer"},
		"integer":           {jsonType, oneAttr(`{"intValue":1.5}`), "failed to parse request: Invalid OTLP trace format: intValue \"1.5\" is no 64-bit integer"},
		"double":            {jsonType, oneAttr(`{"doubleValue":"x"}`), "failed to parse request: Invalid OTLP trace format: doubleValue \"x\" is no number"},
		"bytes":             {jsonType, oneAttr(`{"bytesValue":"!"}`), "failed to parse request: Invalid OTLP trace format: bytesValue: "},
		"bool":              {jsonType, oneAttr(`{"boolValue":"true"}`), "failed to parse request: Invalid OTLP trace format: boolValue is neither true nor false"},
		"string":            {jsonType, oneAttr(`{"stringValue":5}`), "failed to parse request: Invalid OTLP trace format: stringValue is no string"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b, err := otel.Parse([]byte(tt.body), tt.contentType)
			require.NotNil(t, err)
			require.Equal(t, http.StatusBadRequest, err.Status)
			require.True(t, strings.HasPrefix(err.Message, tt.want), err.Message)
			require.Empty(t, b.Events)
		})
	}
}

func oneJSON(members string) string {
	return `{"resourceSpans":[{"scopeSpans":[{"spans":[{` + members + `,"attributes":[{"key":"gen_ai.x","value":{"stringValue":"y"}}]}]}]}]}`
}

func oneAttr(value string) string {
	return `{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"gen_ai.x","value":` + value + `}]}]}]}]}`
}

func TestJSON(t *testing.T) {
	values := map[string]struct {
		value string
		want  string // "" is skipped
	}{
		"string":              {`{"stringValue":"a\"\u00e9"}`, `"a\"\u00e9"`},
		"empty string":        {`{"stringValue":""}`, `""`},
		"integer in quotes":   {`{"intValue":"-9007199254740993"}`, `-9007199254740993`},
		"integer":             {`{"intValue":42}`, `42`},
		"double":              {`{"doubleValue":1e3}`, `1000.0`},
		"double in quotes":    {`{"doubleValue":"NaN"}`, `null`},
		"infinity":            {`{"doubleValue":"-Infinity"}`, `null`},
		"double out of range": {`{"doubleValue":1e999}`, `null`},
		"bool":                {`{"boolValue":false}`, `false`},
		"bytes":               {`{"bytesValue":"q80="}`, `"abcd"`},
		"bytes, url alphabet": {`{"bytesValue":"-_8"}`, `"fbff"`},
		"array":               {`{"arrayValue":{"values":[{"intValue":"1"},{},null,{"stringValue":"x"}]}}`, `[1,"x"]`},
		"empty array":         {`{"arrayValue":{}}`, `[]`},
		"list":                {`{"kvlistValue":{"values":[{"value":{"boolValue":true},"key":"late"},{"key":"k\n","value":{"intValue":1}},{"key":"none"}]}}`, `{"late":true,"k\n":1}`},
		"nothing":             {`{}`, ``},
		"null":                {`null`, ``},
		"null of a kind":      {`{"doubleValue":null}`, ``},
		"unknown kind":        {`{"otherValue":5}`, ``},
		"last of several":     {`{"stringValue":"a","intValue":7}`, `7`},
		"nested in both":      {`{"arrayValue":{"values":[{"kvlistValue":{"values":[{"key":"a","value":{"arrayValue":{"values":[]}}}]}}]}}`, `[{"a":[]}]`},
	}
	for name, tt := range values {
		t.Run("value "+name, func(t *testing.T) {
			b := parse(t, []byte(oneAttr(tt.value)), jsonType)
			require.Len(t, b.Events, 1)
			require.True(t, json.Valid(b.Events[0].Data), string(b.Events[0].Data))
			if tt.want == "" {
				require.NotContains(t, string(b.Events[0].Properties), "gen_ai.x")
				return
			}
			require.True(t, strings.HasPrefix(string(b.Events[0].Properties), `{"gen_ai.x":`+tt.want+`,`), string(b.Events[0].Properties))
		})
	}
	t.Run("an empty request", func(t *testing.T) {
		for _, body := range []string{`{}`, `null`, `{"resourceSpans":[]}`, `{"resourceSpans":null}`, `{"resourceSpans":[{"scopeSpans":[{}]}],"x":{"y":[1]}}`} {
			require.Equal(t, otel.Batch{}, parse(t, []byte(body), jsonType))
		}
		require.Equal(t, otel.Batch{}, parse(t, nil, protobuf))
	})
	t.Run("of a name that comes twice the last counts", func(t *testing.T) {
		b := parse(t, []byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{},{}],"spans":[{"name":"a"}]}]}]}`), jsonType)
		require.Equal(t, 1, b.Spans)
		b = parse(t, []byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{},{}]}]}],"resourceSpans":[]}`), jsonType)
		require.Zero(t, b.Spans)
	})
	t.Run("numbers as numbers, enumerations by name", func(t *testing.T) {
		b := parse(t, []byte(oneJSON(`"traceId":"0AF7","startTimeUnixNano":1704067200000000000,"status":{"code":"STATUS_CODE_ERROR","message":"m"}`)), jsonType)
		require.Equal(t, "0af7", b.Events[0].TraceID)
		require.Equal(t, time.Unix(1704067200, 0).UTC(), b.Events[0].Time)
		require.Contains(t, string(b.Events[0].Properties), `"$ai_error":"m"`)
	})
}

// TestExporters reads what real exporters send; testdata/README.md tells how it was recorded.
func TestExporters(t *testing.T) {
	for _, file := range []string{"node.pb", "node.json", "python.pb"} {
		t.Run(file, func(t *testing.T) {
			body, err := os.ReadFile(filepath.Join("testdata", file))
			require.NoError(t, err)
			contentType := protobuf
			if strings.HasSuffix(file, ".json") {
				contentType = jsonType
			}
			b := parse(t, body, contentType)
			var got []byte
			for i := range b.Events {
				decode(t, &b.Events[i])
				got = append(append(append(got, b.Events[i].Time.Format(time.RFC3339Nano)...), ' '), append(b.Events[i].Data, '\n')...)
			}
			golden := filepath.Join("testdata", file+".golden")
			if *update {
				require.NoError(t, os.WriteFile(golden, got, 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), string(got))
		})
	}
	t.Run("both encodings say the same", func(t *testing.T) {
		a, err := os.ReadFile("testdata/node.pb.golden")
		require.NoError(t, err)
		b, err := os.ReadFile("testdata/node.json.golden")
		require.NoError(t, err)
		require.Equal(t, string(a), string(b))
	})
}

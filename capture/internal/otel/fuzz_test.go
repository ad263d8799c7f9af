package otel_test

import (
	"encoding/json"
	"os"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/capture/internal/otel"
)

// FuzzParse feeds both decoders. Whatever comes in, what comes out is bounded and is JSON.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"node.pb", "python.pb", "node.json"} {
		body, err := os.ReadFile("testdata/" + name)
		require.NoError(f, err)
		f.Add(body, name == "node.json")
	}
	f.Add(request(resource(kv("user.id", str("u"))), join(traced, attributes(kv("gen_ai.x", array(list(kv("a", raw(1))), double(0.1)))))), false)
	f.Add([]byte(oneAttr(`{"kvlistValue":{"values":[{"value":{"intValue":"1"},"key":"k"}]}}`)), true)
	f.Add([]byte(oneJSON(`"traceId":"00","status":{"code":2},"events":[{"attributes":[{"key":"exception.type"}]}]`)), true)
	f.Fuzz(func(t *testing.T, body []byte, isJSON bool) {
		contentType := protobuf
		if isJSON {
			contentType = jsonType
		}
		b, err := otel.Parse(body, contentType)
		if err != nil {
			require.Empty(t, b.Events)
			require.NotEmpty(t, err.Message)
			return
		}
		require.LessOrEqual(t, b.Spans, otel.MaxSpans)
		require.LessOrEqual(t, len(b.Events), otel.MaxAISpans)
		require.Len(t, b.Events, b.AI)
		for i := range b.Events {
			e := &b.Events[i]
			require.True(t, json.Valid(e.Data) && utf8.Valid(e.Data), "%q", e.Data)
			require.True(t, json.Valid(e.Properties))
			require.NotEmpty(t, e.DistinctID)
		}
	})
}

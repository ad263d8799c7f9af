package aiform_test

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/capture/internal/aiform"
)

var blobLimits = aiform.Limits{Event: 8 << 20, Blobs: true, Sum: 26214400}

func TestBlobs(t *testing.T) {
	f := accept(t, blobLimits, part("event", good), part("event.properties", `{"$ai_model":"m","$ai_input":"replaced","n":1}`),
		part("event.properties.$ai_input", `{"a":1}`, "Content-Type: application/json"),
		part("event.properties.$ai_output", "\x00\xff--XX", "Content-Type: Application/Octet-Stream", "Content-Encoding: gzip"))
	require.Equal(t, []aiform.Blob{
		{Property: "$ai_input", ContentType: "application/json", Data: []byte(`{"a":1}`)},
		{Property: "$ai_output", ContentType: "application/octet-stream", ContentEncoding: "gzip", Data: []byte("\x00\xff--XX")},
	}, f.Blobs)
	require.Len(t, f.Parts, 4)
	require.Equal(t, aiform.Part{Name: "event.properties.$ai_output", Length: 6, ContentType: "application/octet-stream", ContentEncoding: "gzip"}, f.Parts[3])

	d := f.Document()
	t.Run("the document is a multipart of all blobs", func(t *testing.T) {
		kind, params, err := mime.ParseMediaType(d.ContentType)
		require.NoError(t, err)
		require.Equal(t, "multipart/mixed", kind)
		require.Regexp(t, `^----posthog-ai-`+id+`-[A-Z2-7]{8}$`, params["boundary"])
		r := multipart.NewReader(bytes.NewReader(d.Body), params["boundary"])
		for _, want := range f.Blobs {
			p, err := r.NextRawPart()
			require.NoError(t, err)
			require.Equal(t, want.Property, p.FormName())
			require.Equal(t, want.ContentType, p.Header.Get("Content-Type"))
			require.Equal(t, want.ContentEncoding, p.Header.Get("Content-Encoding"))
			data, err := io.ReadAll(p)
			require.NoError(t, err)
			require.Equal(t, want.Data, data)
		}
		_, err = r.NextRawPart()
		require.Equal(t, io.EOF, err)
	})
	t.Run("the links lead to the parts", func(t *testing.T) {
		f.SetLinks(d, "s3://capture/llma/0f25663a3e84ea94/"+id)
		require.True(t, strings.HasPrefix(string(f.Properties), `{"$ai_model":"m","n":1,"$ai_input":"s3://capture/llma/0f25663a3e84ea94/`+id+`?range=`), string(f.Properties))
		var p map[string]any
		require.NoError(t, json.Unmarshal(f.Properties, &p))
		for _, b := range f.Blobs {
			_, span, ok := strings.Cut(p[b.Property].(string), "?range=")
			require.True(t, ok)
			from, to, _ := strings.Cut(span, "-")
			first, err := strconv.Atoi(from)
			require.NoError(t, err)
			last, err := strconv.Atoi(to)
			require.NoError(t, err)
			piece := string(d.Body[first : last+1])
			require.True(t, strings.HasPrefix(piece, `Content-Disposition: form-data; name="`+b.Property+"\"\r\nContent-Type: "+b.ContentType+"\r\n"), piece)
			_, content, _ := strings.Cut(piece, "\r\n\r\n")
			require.Equal(t, string(b.Data), content)
		}
		require.Contains(t, string(f.AppendData(nil)), `"properties":`+string(f.Properties)+`}`)
	})
	t.Run("only a blob beside the model", func(t *testing.T) {
		f := accept(t, blobLimits, part("event", `{`+head+`,"uuid":"`+id+`","properties":{"$ai_model":"m"}}`),
			part(`event.properties.a\"b`, "x", "Content-Type: text/plain; charset=utf-8"))
		d := f.Document()
		require.Contains(t, string(d.Body), `name="a\"b"`+"\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nx\r\n--")
		f.SetLinks(d, "x")
		require.True(t, json.Valid(f.Properties), string(f.Properties))
	})
	t.Run("no blobs, no document", func(t *testing.T) {
		require.Nil(t, accept(t, blobLimits, part("event", good), part("event.properties", `{"$ai_model":"m"}`)).Document())
	})
}

func TestObjectKey(t *testing.T) {
	require.Equal(t, "llma/0f25663a3e84ea94/"+id, aiform.ObjectKey("llma/", "phc_test_token", uuid.MustParse(id)))
	require.NotContains(t, aiform.ObjectKey("", "../../etc", uuid.MustParse(id)), "..")
}

func TestBlobRefusals(t *testing.T) {
	text := "Content-Type: text/plain"
	tests := map[string]struct {
		parts []string
		want  string
	}{
		"no content type":  {[]string{part("event.properties.x", "a")}, "Missing required Content-Type header for blob part 'event.properties.x'"},
		"other type":       {[]string{part("event.properties.x", "a", "Content-Type: image/png")}, "Unsupported content type for blob part 'event.properties.x': 'image/png'. Supported types: application/octet-stream, application/json, text/plain"},
		"empty":            {[]string{part("event.properties.x", "", text)}, "Blob part 'event.properties.x' cannot be empty (0 bytes)"},
		"nested":           {[]string{part("event.properties.a.b", "a", text)}, "Blob property 'event.properties.a.b' contains nested properties (dots). Only top-level properties are allowed."},
		"twice":            {[]string{part("event.properties.x", "a", text), part("event.properties.x", "b", text)}, "Duplicate blob property: event.properties.x"},
		"another field":    {[]string{part("nope", "a", text)}, "Unknown multipart field: 'nope'. Expected 'event', 'event.properties', or 'event.properties.<property_name>'"},
		"type with params": {[]string{part("event.properties.x", "a", "Content-Type: application/json; charset=utf-8")}, "Unsupported content type for blob part 'event.properties.x': 'application/json; charset=utf-8'. Supported types: application/octet-stream, application/json, text/plain"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := read(body(append([]string{part("event", good)}, tt.parts...)...), form, blobLimits)
			require.NotNil(t, err)
			require.Equal(t, "failed to parse request: "+tt.want, err.Message)
		})
	}
	t.Run("sum of all parts", func(t *testing.T) {
		l := aiform.Limits{Event: 8 << 20, Blobs: true, Sum: 150}
		_, err := read(body(part("event", good), part("event.properties.x", strings.Repeat("x", 61), text)), form, l)
		require.Equal(t, "maximum event size exceeded: Sum of all parts (151 bytes) exceeds maximum allowed size (150 bytes)", err.Message)
	})
}

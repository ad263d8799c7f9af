package aiform_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/capture/internal/aiform"
	"github.com/hog-go/hog/capture/internal/reject"
)

const (
	form = "multipart/form-data; boundary=XX"
	id   = "550e8400-e29b-41d4-a716-446655440000"
	head = `"event":"$ai_generation","distinct_id":"u"`
	good = `{` + head + `,"uuid":"` + id + `"}`
)

var limits = aiform.Limits{Event: 8 << 20}

// part is one part of a form; headers follow the name.
func part(name, content string, headers ...string) string {
	h := `Content-Disposition: form-data; name="` + name + `"`
	return strings.Join(append([]string{h}, headers...), "\r\n") + "\r\n\r\n" + content
}

// body joins parts.
func body(parts ...string) []byte {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString("--XX\r\n" + p + "\r\n")
	}
	b.WriteString("--XX--\r\n")
	return []byte(b.String())
}

// read opens and finishes a form.
func read(b []byte, contentType string, l aiform.Limits) (*aiform.Form, *reject.Error) {
	f, err := aiform.Open(b, contentType)
	if err != nil {
		return nil, err
	}
	return f, f.Finish(l)
}

func accept(t *testing.T, l aiform.Limits, parts ...string) *aiform.Form {
	t.Helper()
	f, err := read(body(parts...), form, l)
	require.Nil(t, err, "%v", err)
	return f
}

func TestRows(t *testing.T) {
	t.Run("row 79 first part blob", func(t *testing.T) {
		_, err := aiform.Open(body(part("blob", "x"), part("event", good)), form)
		require.Equal(t, http.StatusBadRequest, err.Status)
		require.Equal(t, "failed to parse request: First part must be 'event', got 'blob'", err.Message)
	})
	t.Run("row 80 a page view", func(t *testing.T) {
		_, err := read(body(part("event", strings.Replace(good, "$ai_generation", "$pageview", 1))), form, limits)
		require.Equal(t, http.StatusBadRequest, err.Status)
		require.Equal(t, "failed to parse request: Event name must be one of: $ai_generation, $ai_trace, $ai_span, $ai_embedding, $ai_metric, "+
			"$ai_feedback, got '$pageview'", err.Message)
	})
	t.Run("row 81 event and properties", func(t *testing.T) {
		f := accept(t, limits, part("event", good, "Content-Type: application/json"),
			part("event.properties", `{"$ai_model":"gpt"}`, "Content-Type: Application/JSON; charset=UTF-8", "Content-Encoding: identity"))
		require.Equal(t, `{"accepted_parts":[{"name":"event","length":90,"content-type":"application/json","content-encoding":null},`+
			`{"name":"event.properties","length":19,"content-type":"application/json; charset=UTF-8","content-encoding":"identity"}]}`,
			string(aiform.AppendAccepted(nil, f.Parts)))
		require.Equal(t, `{`+head+`,"uuid":"`+id+`","properties":{"$ai_model":"gpt"}}`, string(f.AppendData(nil)))
	})
}

func TestForm(t *testing.T) {
	t.Run("after the event part", func(t *testing.T) {
		f, err := aiform.Open(body(part("event", `{"event":"$ai_x","distinct_id":"d\u0041","uuid":"no uuid yet"}`), part("junk", "")), form)
		require.Nil(t, err)
		require.Equal(t, []string{"$ai_x", "dA", "no uuid yet"}, []string{f.Name, f.DistinctID, f.UUID})
	})
	t.Run("everything an event has", func(t *testing.T) {
		f := accept(t, limits, part("event", `{"event" : "$ai_trace","extra":{"a":[1.50]},"distinct_id":"old","uuid":"550E8400E29B41D4A716446655440000",
			"timestamp":"2023-01-01T11:00:00Z","sent_at":"2023-01-01T12:00:10+01:00","distinct_id":"u",
			"properties":{"$ai_model":"x","$ai_model":"m","$ignore_sent_at":true,"capture_internal":null,"$ai_gateway_verified":true,"n":1e2}}`))
		require.Equal(t, uuid.MustParse(id), f.ID)
		require.Equal(t, "u", f.DistinctID)
		require.Equal(t, "2023-01-01T11:00:00Z", f.Timestamp)
		require.True(t, f.SentAt.Equal(time.Date(2023, 1, 1, 11, 0, 10, 0, time.UTC)))
		require.True(t, f.IgnoreSentAt)
		require.True(t, f.Internal)
		require.Equal(t, `{"$ai_model":"x","$ai_model":"m","$ignore_sent_at":true,"capture_internal":null,"n":1e2}`, string(f.Properties))
		require.Equal(t, `{"event":"$ai_trace","extra":{"a":[1.50]},"distinct_id":"u","uuid":"550E8400E29B41D4A716446655440000",`+
			`"timestamp":"2023-01-01T11:00:00Z","sent_at":"2023-01-01T12:00:10+01:00","properties":`+string(f.Properties)+`}`, string(f.AppendData(nil)))
	})
	t.Run("fields of a wrong type count as missing", func(t *testing.T) {
		f := accept(t, limits, part("event", `{`+head+`,"uuid":"`+id+`","timestamp":5,"sent_at":"2023-01-01T12:00:10","properties":{"$ai_model":"m","$ignore_sent_at":1}}`))
		require.Empty(t, f.Timestamp)
		require.True(t, f.SentAt.IsZero(), "without an offset")
		require.False(t, f.IgnoreSentAt)
	})
	t.Run("of two properties parts the last counts", func(t *testing.T) {
		f := accept(t, limits, part("event", good), part("event.properties", `{}`), part("event.properties", `{"$ai_model":"m"}`))
		require.Equal(t, `{"$ai_model":"m"}`, string(f.Properties))
		require.Len(t, f.Parts, 3)
	})
	t.Run("a cut emoji is repaired", func(t *testing.T) {
		f := accept(t, limits, part("event", good), part("event.properties", `{"$ai_model":"m","x":"\ud83d"}`))
		require.Equal(t, `{"$ai_model":"m","x":"\ufffd"}`, string(f.Properties))
	})
	t.Run("a form survives its body", func(t *testing.T) {
		b := body(part("event", good), part("event.properties", `{"$ai_model":"m"}`))
		f, err := read(b, form, limits)
		require.Nil(t, err)
		clear(b)
		require.Equal(t, `{`+head+`,"uuid":"`+id+`","properties":{"$ai_model":"m"}}`, string(f.AppendData(nil)))
	})
	t.Run("boundary in quotes, type in capitals", func(t *testing.T) {
		_, err := read(body(part("event", good), part("event.properties", `{"$ai_model":"m"}`)), `Multipart/Form-Data; boundary="XX"`, limits)
		require.Nil(t, err)
	})
	t.Run("nothing accepted", func(t *testing.T) {
		require.Equal(t, `{"accepted_parts":[]}`, string(aiform.AppendAccepted(nil, nil)))
	})
}

func TestRefusals(t *testing.T) {
	const decode, parse, large = "failed to decode request: ", "failed to parse request: ", "maximum event size exceeded: "
	model := part("event.properties", `{"$ai_model":"m"}`)
	withProperties := func(p string) string { return part("event", `{`+head+`,"uuid":"`+id+`","properties":`+p+`}`) }
	tests := map[string]struct {
		contentType string // default form
		body        []byte
		want        string // begins the message; all of it if it ends in a full stop or quote
	}{
		"no multipart":          {"application/json", []byte(good), decode + "Content-Type must be multipart/form-data"},
		"no content type":       {"", []byte(good), decode + "Content-Type must be multipart/form-data"},
		"no boundary":           {"multipart/form-data", []byte(good), decode + "Invalid boundary in Content-Type: multipart boundary not found in Content-Type"},
		"bad content type":      {"multipart/form-data; boundary", []byte(good), decode + "Invalid boundary in Content-Type: "},
		"no framing":            {form, []byte("nothing"), decode + "Multipart parsing failed: incomplete multipart stream"},
		"bad headers":           {form, []byte("--XX\r\nno header\r\n\r\nx\r\n--XX--"), decode + "Multipart parsing failed: "},
		"cut part":              {form, []byte("--XX\r\n" + part("event", good)), decode + "Failed to read field data: field 'event' received with incomplete data"},
		"cut after a part":      {form, []byte("--XX\r\n" + part("event", good) + "\r\n--XX\r\n"), decode + "Multipart parsing failed: incomplete multipart stream"},
		"no parts":              {form, []byte("--XX--\r\n"), parse + "Missing required 'event' part in multipart data"},
		"part without name":     {form, []byte("--XX\r\nContent-Type: a/b\r\n\r\nx\r\n--XX--"), parse + "First part must be 'event', got 'unknown'"},
		"event too large":       {form, body(part("event", strings.Repeat(" ", 32769))), large + "Event part size (32769 bytes) exceeds maximum allowed size (32768 bytes)"},
		"event no UTF-8":        {form, body(part("event", "\xff")), parse + "Event part must be valid UTF-8"},
		"event no JSON":         {form, body(part("event", "{")), parse + "Event part must be valid JSON"},
		"event too deep":        {form, body(part("event", strings.Repeat("[", 200)+strings.Repeat("]", 200))), parse + "Event part must be valid JSON"},
		"event no object":       {form, body(part("event", "[]")), parse + "Event must be a JSON object"},
		"event without name":    {form, body(part("event", `{"distinct_id":"u"}`)), parse + "Event missing 'event' field"},
		"event name no string":  {form, body(part("event", `{"event":5}`)), parse + "Event missing 'event' field"},
		"no distinct id":        {form, body(part("event", `{"event":"$ai_x","distinct_id":7}`)), parse + "Event missing 'distinct_id' field"},
		"two events":            {form, body(part("event", good), part("event", good)), parse + "Duplicate 'event' part found"},
		"other part":            {form, body(part("event", good), part("blob", "x"), part("event", good)), parse + "Unknown multipart field: 'blob'. Expected 'event' or 'event.properties'"},
		"blob":                  {form, body(part("event", good), part("event.properties.x", "x")), parse + "Unknown multipart field: 'event.properties.x'. Expected 'event' or 'event.properties'"},
		"properties no UTF-8":   {form, body(part("event", good), part("event.properties", "\xff")), parse + "Properties part must be valid UTF-8"},
		"properties no JSON":    {form, body(part("event", good), part("event.properties", "x")), parse + "Properties part must be valid JSON"},
		"both kinds":            {form, body(withProperties("null"), model), parse + "Event cannot have both embedded properties and a separate 'event.properties' part"},
		"empty name":            {form, body(part("event", `{"event":"","distinct_id":""}`)), parse + "Event name cannot be empty"},
		"name before id":        {form, body(part("event", `{"event":"x","distinct_id":""}`)), parse + "Event name must be one of: "},
		"an AI event of others": {form, body(part("event", `{"event":"$ai_evaluation","distinct_id":"u"}`)), parse + "Event name must be one of: "},
		"empty distinct id":     {form, body(part("event", `{"event":"$ai_span","distinct_id":""}`)), parse + "distinct_id cannot be empty"},
		"properties no object":  {form, body(part("event", good), part("event.properties", "[]")), parse + "Event missing 'properties' field"},
		"null properties":       {form, body(withProperties("null")), parse + "Event missing 'properties' field"},
		"no properties":         {form, body(part("event", good)), parse + "Event properties must contain '$ai_model'"},
		"model no string":       {form, body(withProperties(`{"$ai_model":null}`)), parse + "$ai_model must be a string"},
		"empty model":           {form, body(withProperties(`{"$ai_model":""}`)), parse + "$ai_model cannot be empty"},
		"no uuid":               {form, body(part("event", `{`+head+`}`), model), parse + "Event UUID is required"},
		"uuid no string":        {form, body(part("event", `{`+head+`,"uuid":null}`), model), parse + "Event UUID is required"},
		"bad uuid":              {form, body(part("event", `{`+head+`,"uuid":"x"}`), model), parse + "Invalid UUID format: "},
		"empty uuid":            {form, body(part("event", `{`+head+`,"uuid":""}`), model), parse + "Invalid UUID format: "},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := read(tt.body, tt.contentType, limits)
			require.NotNil(t, err)
			require.True(t, strings.HasPrefix(err.Message, tt.want), err.Message)
			status := http.StatusBadRequest
			if strings.HasPrefix(tt.want, large) {
				status = http.StatusRequestEntityTooLarge
			}
			require.Equal(t, status, err.Status)
		})
	}
	t.Run("event and properties too large", func(t *testing.T) {
		b := body(part("event", good), part("event.properties", `{"$ai_model":"m"}`))
		_, err := read(b, form, aiform.Limits{Event: 106})
		require.Equal(t, large+"Combined event and properties size (107 bytes) exceeds maximum allowed size (106 bytes)", err.Message)
		for _, l := range []aiform.Limits{{Event: 107}, {}} {
			_, err := read(b, form, l)
			require.Nil(t, err)
		}
	})
}

// FuzzForm reads any body. What is accepted is JSON and no longer than what came.
func FuzzForm(f *testing.F) {
	f.Add(body(part("event", good), part("event.properties", `{"$ai_model":"m","$ai_gateway":1}`)))
	f.Add(body(part("event", `{`+head+`,"uuid":"`+id+`","properties":{"$ai_model":"\ud83d"}}`)))
	f.Add(body(part("event", good), part("event.properties", `{"$ai_model":"m"}`), part("event.properties.$ai_input", "abc", "Content-Type: text/plain; charset=utf-8")))
	f.Add([]byte("--XX\n" + part("event", good) + "\n--XX--"))
	f.Fuzz(func(t *testing.T, b []byte) {
		form, err := read(b, form, aiform.Limits{Event: 1 << 20, Blobs: true, Sum: 1 << 20})
		if err != nil {
			require.NotEmpty(t, err.Message)
			return
		}
		require.LessOrEqual(t, len(form.Properties), len(b)+2)
		require.True(t, json.Valid(form.AppendData(nil)), "%q", b)
		require.True(t, json.Valid(aiform.AppendAccepted(nil, form.Parts)))
		if d := form.Document(); d != nil {
			form.SetLinks(d, "s3://b/k")
			require.True(t, json.Valid(form.AppendData(nil)), "%q", b)
		}
	})
}

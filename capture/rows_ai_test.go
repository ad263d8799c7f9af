package capture_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/blob"
	"github.com/hog-go/hog/common/config"
	"github.com/hog-go/hog/common/testkit"
)

const aiPath = "/i/v0/ai"

// formPart is one part of a form; headers stand beside its name.
func formPart(name, content string, headers ...string) string {
	return "--XX\r\n" + strings.Join(append([]string{`Content-Disposition: form-data; name="` + name + `"`}, headers...), "\r\n") + "\r\n\r\n" + content + "\r\n"
}

func form(parts ...string) string { return strings.Join(parts, "") + "--XX--\r\n" }

func formHeaders(changes ...string) map[string]string {
	return otelHeaders(append([]string{"Content-Type: multipart/form-data; boundary=XX"}, changes...)...)
}

// aiEvent is the event part, with fields behind those that it needs.
func aiEvent(fields string) string {
	return `{"event":"$ai_generation","distinct_id":"d","uuid":"` + id(1) + `"` + fields + `}`
}

// accepted is the answer to parts, each given as name, length and content type ("" is none).
func accepted(parts ...[3]string) string {
	out := make([]string, len(parts))
	for i, p := range parts {
		contentType := "null"
		if p[2] != "" {
			contentType = fmt.Sprintf("%q", p[2])
		}
		out[i] = fmt.Sprintf(`{"name":%q,"length":%s,"content-type":%s,"content-encoding":null}`, p[0], p[1], contentType)
	}
	return `{"accepted_parts":[` + strings.Join(out, ",") + `]}`
}

func TestRowsMultipart(t *testing.T) {
	event, properties := aiEvent(`,"timestamp":"2023-01-01T11:00:00Z","sent_at":"2023-01-01T12:00:10Z","extra":1`), `{"$ai_model":"m","$ai_gateway_verified":true}`
	good := form(formPart("event", event, "Content-Type: application/json"), formPart("event.properties", properties))
	ok := accepted([3]string{"event", strconv.Itoa(len(event)), "application/json"}, [3]string{"event.properties", strconv.Itoa(len(properties)), ""})
	post := func(name, body string, status int, answer string, want []want, headers ...string) row {
		return row{name: name, path: aiPath, headers: formHeaders(headers...), body: body, status: status, text: answer, want: want}
	}
	goodWant := []want{{topic: "ai", key: "t:d", event: "$ai_generation",
		value: map[string]any{"uuid": id(1), "timestamp": "2023-01-01T10:59:50Z", "sent_at": "2023-01-01T12:00:10Z", "ip": "203.0.113.9",
			"data": `{"event":"$ai_generation","distinct_id":"d","uuid":"` + id(1) + `","timestamp":"2023-01-01T11:00:00Z","sent_at":"2023-01-01T12:00:10Z","extra":1,"properties":{"$ai_model":"m"}}`}}}
	inline := form(formPart("event", aiEvent(`,"properties":{"$ai_model":"m"}`)))
	run(t, []string{"CAPTURE_MODE=ai"}, []row{
		post("row 79 first part", form(formPart("blob", "x")), 400, "failed to parse request: First part must be 'event', got 'blob'", nil),
		post("row 80 another event", form(formPart("event", strings.Replace(aiEvent(`,"properties":{"$ai_model":"m"}`), "$ai_generation", "$pageview", 1))), 400,
			"failed to parse request: Event name must be one of: $ai_generation, $ai_trace, $ai_span, $ai_embedding, $ai_metric, $ai_feedback, got '$pageview'", nil),
		post("row 81 event and properties", good, 200, ok, goodWant, "X-Forwarded-For: 203.0.113.9"),
		post("gzip", gz(good), 200, ok, goodWant, "X-Forwarded-For: 203.0.113.9", "Content-Encoding: gzip"),
		post("properties inside", inline, 200, accepted([3]string{"event", strconv.Itoa(len(aiEvent(`,"properties":{"$ai_model":"m"}`))), ""}), []want{{topic: "ai"}}),
		post("no blobs without storage", form(formPart("event", event), formPart("event.properties.x", "x", "Content-Type: text/plain")), 400,
			"failed to parse request: Unknown multipart field: 'event.properties.x'. Expected 'event' or 'event.properties'", nil),
		post("empty body", "", 400, "request missing data payload", nil),
		post("no token", good, 401, "event submitted without an api_key", nil, "Authorization"),
		post("no form", good, 400, "failed to decode request: Content-Type must be multipart/form-data", nil, "Content-Type: application/json"),
		post("no uuid", form(formPart("event", `{"event":"$ai_span","distinct_id":"d","properties":{"$ai_model":"m"}}`)), 400, "failed to parse request: Event UUID is required", nil),
		post("no model", form(formPart("event", aiEvent(`,"properties":{}`))), 400, "failed to parse request: Event properties must contain '$ai_model'", nil),
		post("cut off", good[:len(good)-20], 400, "failed to decode request: …", nil),
		{name: "over quota", quotas: map[string]string{"llm_events": "t"}, path: aiPath, headers: formHeaders(), body: good, status: 429, text: "billing limit reached"},
		{name: "restricted", rules: rules(`"pipelines":["ai"],"event_uuids":["`+id(1)+`"]`, kindDrop), path: aiPath, headers: formHeaders(), body: good, text: `{"accepted_parts":[]}`},
		{name: "a restriction of analytics", env: []string{"CAPTURE_MODE=events"}, rules: rules(analytics, kindDrop), path: aiPath, headers: formHeaders(),
			body: strings.Replace(inline, "$ai_generation", "$pageview", 1), status: 400, text: "failed to parse request: Event name must be one of: …"},
		{name: "a dropped person", env: []string{"DROP_EVENTS_BY_TOKEN_DISTINCT_ID=t:d"}, path: aiPath, headers: formHeaders(), body: good, text: `{"accepted_parts":[]}`},
		{name: "event over the limit", env: []string{"AI_MAX_EVENT_BYTES=100"}, path: aiPath, headers: formHeaders(), body: good, status: 413,
			text: fmt.Sprintf("maximum event size exceeded: Combined event and properties size (%d bytes) exceeds maximum allowed size (100 bytes)", len(event)+len(properties))},
		{name: "body over the limit", env: []string{"AI_MAX_SUM_OF_PARTS_BYTES=100"}, path: aiPath, headers: formHeaders(), body: good, status: 413, text: "maximum event size exceeded: Request body exceeds limit of 110 bytes"},
		{name: "GET", method: "GET", path: aiPath, status: 405},
	})
	run(t, nil, []row{post("events mode takes forms, too", inline, 200, "…", []want{{topic: "ai"}})})
}

// Parts for single properties go to object storage, and the event carries where they are.
func TestAIBlobs(t *testing.T) {
	s3 := testkit.S3(t)
	folder := t.TempDir()
	stores := map[string]struct {
		env    []string
		config blob.Config
		scheme string
	}{
		"S3": {[]string{"AI_S3_BUCKET=" + s3.Bucket, "AI_S3_ENDPOINT=" + s3.Endpoint, "AI_S3_REGION=" + s3.Region, "AI_S3_ACCESS_KEY_ID=" + s3.AccessKey, "AI_S3_SECRET_ACCESS_KEY=" + s3.SecretKey},
			blob.Config{Bucket: s3.Bucket, Endpoint: s3.Endpoint, Region: s3.Region, AccessKey: s3.AccessKey, SecretKey: config.Secret(s3.SecretKey)}, "s3://" + s3.Bucket + "/"},
		"folder": {[]string{"AI_S3_BUCKET=file://" + folder}, blob.Config{Bucket: folder}, "file://" + folder + "/"},
	}
	for name, store := range stores {
		t.Run(name, func(t *testing.T) {
			h := setup(t, options{env: append(store.env, "CAPTURE_MODE=ai")})
			body := form(formPart("event", aiEvent(`,"properties":{"$ai_model":"m"}`)), formPart("event.properties.$ai_input", "a long prompt", "Content-Type: text/plain"))
			status, text, _ := h.do(t, "POST", aiPath, formHeaders(), body)
			require.Equal(t, 200, status, text)
			recs := h.fresh(t)["ai"]
			require.Len(t, recs, 1)
			var value struct{ Data string }
			require.NoError(t, json.Unmarshal(recs[0].Value, &value))
			var data struct{ Properties map[string]string }
			require.NoError(t, json.Unmarshal([]byte(value.Data), &data))
			link, ok := strings.CutPrefix(data.Properties["$ai_input"], store.scheme)
			require.True(t, ok, data.Properties)
			key, span, _ := strings.Cut(link, "?range=")
			require.Regexp(t, `^llma/[0-9a-f]{16}/`+id(1)+`$`, key)
			from, to, _ := strings.Cut(span, "-")
			first, err := strconv.Atoi(from)
			require.NoError(t, err)
			last, err := strconv.Atoi(to)
			require.NoError(t, err)

			bucket, err := blob.Open(t.Context(), store.config)
			require.NoError(t, err)
			defer bucket.Close()
			piece, err := bucket.ReadRange(t.Context(), key, int64(first), int64(last-first+1))
			require.NoError(t, err)
			require.True(t, strings.HasSuffix(string(piece), "\r\n\r\na long prompt"), "%s", piece)
		})
	}
	t.Run("storage that does not answer is no reason to lose the event", func(t *testing.T) {
		h := setup(t, options{env: []string{"CAPTURE_MODE=ai", "AI_S3_BUCKET=b", "AI_S3_ENDPOINT=http://127.0.0.1:1", "AI_S3_ACCESS_KEY_ID=a", "AI_S3_SECRET_ACCESS_KEY=b"}})
		body := form(formPart("event", aiEvent(`,"properties":{"$ai_model":"m"}`)), formPart("event.properties.x", "x", "Content-Type: text/plain"))
		status, text, _ := h.do(t, "POST", aiPath, formHeaders(), body)
		require.Equal(t, 503, status)
		require.Equal(t, "transient error, please retry", text)
		h.expect(t, nil)
	})
}

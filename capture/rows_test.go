package capture_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// row is one request and what must come of it. Nothing may land in a topic that the row does not name.
type row struct {
	name    string
	env     []string // settings beside the defaults
	method  string   // default POST
	path    string   // default /e
	headers map[string]string
	body    string
	quotas  map[string]string // resource -> token over quota
	rules   map[string]string // kind -> restrictions, as in options

	status int    // default 200
	text   string // of the answer; default {"status":"Ok"} for 200; a trailing … matches a prefix
	want   []want // records, in order within a topic
}

// want is a record; empty fields are not compared.
type want struct {
	topic  string // the output's name, default main
	key    string // "-" is no key
	event  string
	id     string // distinct id
	value  map[string]any
	data   map[string]any
	header map[string]string // "-" is null or absent
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func gz(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.String()
}

func (r row) run(t *testing.T, h *harness) {
	t.Helper()
	method, path := r.method, r.path
	if method == "" {
		method = http.MethodPost
	}
	if path == "" {
		path = "/e"
	}
	status, text, _ := h.do(t, method, path, r.headers, r.body)
	wantStatus := r.status
	if wantStatus == 0 {
		wantStatus = http.StatusOK
	}
	require.Equal(t, wantStatus, status, text)
	switch prefix, isPrefix := strings.CutSuffix(r.text, "…"); {
	case r.text == "" && wantStatus == http.StatusOK:
		require.Equal(t, `{"status":"Ok"}`, text)
	case isPrefix:
		require.True(t, strings.HasPrefix(text, prefix), text)
	default:
		require.Equal(t, r.text, text)
	}
	h.expect(t, r.want)
}

// run gives all rows one service with the settings env, except those that need one of their own.
func run(t *testing.T, env []string, rows []row) {
	t.Helper()
	var shared *harness
	for _, r := range rows {
		own := r.env != nil || r.quotas != nil || r.rules != nil
		if shared == nil && !own {
			shared = setup(t, options{env: env})
		}
		t.Run(r.name, func(t *testing.T) {
			if !own {
				r.run(t, shared)
				return
			}
			r.run(t, setup(t, options{env: append(append([]string{}, env...), r.env...), quotas: r.quotas, rules: r.rules}))
		})
	}
}

const eventBody = `{"event":"e","distinct_id":"d","token":"t"}`

// withFields is eventBody with other or more fields.
func withFields(fields string) string { return `{"event":"e","token":"t",` + fields + `}` }

func props(p string) string { return withFields(`"distinct_id":"d","properties":` + p) }

func TestRowsEvents(t *testing.T) {
	x := strings.Repeat
	packed := gz(`{"event":"my_event2","distinct_id":"my_id2","api_key":"my_token2"}`)
	packedWant := []want{{key: "my_token2:my_id2", event: "my_event2"}}
	tok1 := `{"event":"e1","distinct_id":"d1","api_key":"tok1"}`
	tok1Want := []want{{key: "tok1:d1", event: "e1"}}
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	two := `[{"token":"t1","event":"a","distinct_id":"1"},{"token":"t1","event":"b","distinct_id":"2"}]`
	heatmap := `{"event":"$pageview","distinct_id":"d","token":"t","timestamp":"2023-01-01T11:00:00Z","$set":{"x":1},"properties":{"$heatmap_data":{"/":[1]},"$viewport_width":9,"$current_url":"u","other":1}}`

	run(t, nil, []row{
		{name: "row 1 one event", path: "/i/v0/e", body: `{"token":"t1","event":"testing","distinct_id":"d1"}`, want: []want{{key: "t1:d1", event: "testing"}}},
		{name: "row 2 list of events", body: two, want: []want{{key: "t1:1", event: "a"}, {key: "t1:2", event: "b"}}},
		{name: "row 3 batch", path: "/batch", body: `{"token":"t1","batch":[{"event":"a","distinct_id":"1"},{"event":"b","distinct_id":"2"}]}`,
			want: []want{{key: "t1:1", value: map[string]any{"token": "t1"}}, {key: "t1:2", value: map[string]any{"token": "t1"}}}},
		{name: "row 4 historical batch", path: "/batch", body: `{"token":"t1","historical_migration":true,"batch":[{"event":"a","distinct_id":"1"},{"event":"b","distinct_id":"2"}]}`,
			want: []want{
				{topic: "historical", key: "t1:1", value: map[string]any{"historical_migration": true}, header: map[string]string{"historical_migration": "true"}},
				{topic: "historical", key: "t1:2", value: map[string]any{"historical_migration": true}, header: map[string]string{"historical_migration": "true"}}}},
		{name: "row 5 token of the batch", path: "/batch", body: `{"batch":[{"event":"e","token":"token1","distinct_id":"d"}],"api_key":"batched"}`,
			want: []want{{key: "batched:d", data: map[string]any{"token": "token1"}}}},
		{name: "row 6 $token", body: `{"event":"e","$token":"x","distinct_id":"d"}`, want: []want{{key: "x:d", data: map[string]any{"token": "x"}}}},
		{name: "row 6 api_key", body: `{"event":"e","api_key":"x","distinct_id":"d"}`, want: []want{{key: "x:d", data: map[string]any{"token": "x"}}}},
		{name: "row 7 token from properties", body: `{"event":"e","distinct_id":"d","properties":{"token":"px"}}`, want: []want{{key: "px:d"}}},
		{name: "row 8 no token", body: `{"event":"e","distinct_id":"d"}`, status: 401, text: "event submitted without an api_key"},
		{name: "row 9 empty token", path: "/batch", body: `{"api_key":"","batch":[{"event":"e","distinct_id":"d"}]}`, status: 401, text: "API key is not valid: empty"},
		{name: "row 10 personal key", body: `[{"token":"phx_hellothere","event":"e","distinct_id":"d"}]`, status: 401, text: "API key is not valid: personal_api_key"},
		{name: "row 11 token too long", body: `{"event":"e","distinct_id":"d","token":"` + x("x", 65) + `"}`, status: 401, text: "API key is not valid: too_long"},
		{name: "row 11 token of 64 bytes", body: `{"event":"e","distinct_id":"d","token":"` + x("x", 64) + `"}`, want: []want{{key: x("x", 64) + ":d"}}},
		{name: "row 12 token not ASCII", body: `{"event":"e","distinct_id":"d","token":"🦀"}`, status: 401, text: "API key is not valid: not_ascii"},
		{name: "row 13 two tokens", body: `[{"token":"token1","event":"e","distinct_id":"d"},{"token":"token2","event":"e","distinct_id":"d"}]`, status: 401, text: "batch submitted with inconsistent api_key values"},
		{name: "row 14 one token for all", body: `[{"token":"token1","event":"e","distinct_id":"d"},{"event":"e","distinct_id":"f"}]`, want: []want{{key: "token1:d"}, {key: "token1:f"}}},
		{name: "row 15 distinct_id null", body: withFields(`"distinct_id":null`), status: 400, text: "event submitted without a distinct_id"},
		{name: "row 15 distinct_id empty", body: withFields(`"distinct_id":""`), status: 400, text: "event submitted without a distinct_id"},
		{name: "row 15 distinct_id blank", body: withFields(`"distinct_id":" "`), status: 400, text: "event submitted without a distinct_id"},
		{name: "row 15 distinct_id tab and newline", body: withFields(`"distinct_id":"\t\n"`), status: 400, text: "event submitted without a distinct_id"},
		{name: "row 15 distinct_id absent", body: `{"event":"e","token":"t"}`, status: 400, text: "event submitted without a distinct_id"},
		{name: "row 16 integer id", body: withFields(`"distinct_id":23`), want: []want{{id: "23", data: map[string]any{"distinct_id": 23.0}}}},
		{name: "row 16 float id", body: withFields(`"distinct_id":23.4`), want: []want{{id: "23.4"}}},
		{name: "row 16 list id", body: withFields(`"distinct_id":["a", "b"]`), want: []want{{id: `["a","b"]`}}},
		{name: "row 16 object id", body: withFields(`"distinct_id":{"string":"a","number":3}`), want: []want{{id: `{"number":3,"string":"a"}`}}},
		{name: "row 17 own id before the property", body: withFields(`"distinct_id":23,"properties":{"distinct_id":"myid"}`), want: []want{{id: "23"}}},
		{name: "row 18 id from properties", body: withFields(`"properties":{"distinct_id":"myid"}`), want: []want{{id: "myid"}}},
		{name: "row 18 $distinct_id", body: withFields(`"$distinct_id":"23"`), want: []want{{id: "23", data: map[string]any{"distinct_id": "23"}}}},
		{name: "row 19 id cut", body: withFields(`"distinct_id":"` + x("a", 222) + `"`), want: []want{{id: x("a", 200)}}},
		{name: "row 20 150 wide characters", body: withFields(`"distinct_id":"` + x("€", 150) + `"`), want: []want{{id: x("€", 150)}}},
		{name: "row 21 250 wide characters", body: withFields(`"distinct_id":"` + x("€", 250) + `"`), want: []want{{id: x("€", 200)}}},
		{name: "row 22 blanks around the id", body: withFields(`"distinct_id":"  hello  "`), want: []want{{id: "  hello  "}}},
		{name: "row 23 NUL in the id", body: withFields(`"distinct_id":"a\u0000b"`), want: []want{{id: "a\uFFFDb"}}},
		{name: "row 24 empty name", body: `{"event":"","distinct_id":"d","token":"t"}`, status: 400, text: "event submitted with an empty event name"},
		{name: "row 25 no name", body: `{"token":"t","distinct_id":"d","properties":{"foo":42}}`, status: 400, text: "failed to hydrate events from request: non-engage request missing event name attribute"},
		{name: "row 26 engage", path: "/engage/", body: `{"token":"t","distinct_id":"d","$set":{"foo":42}}`, want: []want{{event: "$identify", data: map[string]any{"event": "$identify", "$set": map[string]any{"foo": 42.0}}}}},
		{name: "row 27 empty list", body: `[]`, status: 400, text: "request holds no event"},
		{name: "row 27 empty batch", path: "/batch", body: `{"api_key":"t","batch":[]}`, status: 400, text: "request holds no event"},
		{name: "row 28 empty body", body: ``, status: 400, text: "request missing data payload"},
		{name: "row 29 cut off JSON", body: `{"event":`, status: 400, text: "failed to parse request: …"},
		{name: "row 30 performance event", path: "/batch", body: `{"api_key":"t","batch":[{"event":"$performance_event","distinct_id":"d"}]}`},
		{name: "row 31 performance and another", path: "/batch", body: `{"api_key":"t","batch":[{"event":"$performance_event","distinct_id":"d"},{"event":"e","distinct_id":"d"}]}`, want: []want{{event: "e"}}},
		{name: "row 32 gzip by its magic", body: packed, want: packedWant},
		{name: "row 33 gzip by query", path: "/e?compression=gzip-js", body: packed, want: packedWant},
		{name: "row 33 gzip by header", headers: map[string]string{"Content-Encoding": "gzip"}, body: packed, want: packedWant},
		{name: "row 34 gzip hint on text", path: "/e?compression=gzip", body: "not gzip!", status: 400, text: "failed to decode request: invalid GZIP data"},
		{name: "row 35 base64 body", headers: map[string]string{"Content-Type": "text/plain"}, body: b64(tok1), want: tok1Want},
		{name: "row 36 form", headers: form, body: "data=" + url.QueryEscape(b64(tok1)), want: tok1Want},
		{name: "row 37 form with bare plus signs", headers: form, body: "data=eyJldmVudCI6ImZvcm0+Pj8/IiwiZGlzdGluY3RfaWQiOiJkZH5+IiwidG9rZW4iOiJ0b2sxIn0=", want: []want{{event: "form>>??", id: "dd~~"}}},
		{name: "row 38 GET", method: "GET", path: "/e/?data=" + url.QueryEscape(b64(tok1)), want: tok1Want},
		{name: "row 39 LZ-string form", headers: form, body: "data=N4IgpgbmB2AuIC5wQPoBsBeIA0IAmAlgM6wHQDGsKBei%2BAjDiLAPYDWMdrb6WAvkA%3D%3D%3D&compression=lz64", want: []want{{event: "ev_lz", key: "tok_lz:d1"}}},
		{name: "row 40 form that is none", headers: form, body: `{"event":"e"}`, status: 400, text: "failed to decode request: expected form data in POST request payload"},
		{name: "row 41 LZ-string that is none", path: "/e?compression=lz64", headers: form, body: "data=!!!!", status: 400, text: "failed to decode request: decompress_lz64: failed decompress to UTF16"},
		{name: "row 42 not UTF-8", body: "\xff\xfe\x7b", status: 400, text: "failed to decode request: invalid UTF8 in request payload"},
		{name: "row 43 uuid empty", body: withFields(`"distinct_id":"d","uuid":""`), want: []want{{data: map[string]any{"uuid": nil}}}},
		{name: "row 43 uuid not one", body: withFields(`"distinct_id":"d","uuid":"not-a-uuid"`), status: 400, text: "failed to parse request: …"},
		{name: "row 43 uuid", body: withFields(`"distinct_id":"d","uuid":"550e8400-e29b-41d4-a716-446655440000"`),
			want: []want{{value: map[string]any{"uuid": "550e8400-e29b-41d4-a716-446655440000"}, data: map[string]any{"uuid": "550e8400-e29b-41d4-a716-446655440000"}}}},
		{name: "row 44 uuid from the event time", env: []string{"now=2024-06-01T00:00:00Z"}, body: withFields(`"distinct_id":"d","timestamp":"2024-01-01T00:00:00Z"`), want: []want{{value: map[string]any{"uuid": "018cc251-f400-7…"}}}},
		{name: "row 45 sent_at in milliseconds", path: "/e?_=1704067200000", body: eventBody, want: []want{{value: map[string]any{"sent_at": "2024-01-01T00:00:00Z"}}}},
		{name: "row 45 sent_at in seconds", path: "/e?_=1704067200", body: eventBody, want: []want{{value: map[string]any{"sent_at": nil}}}},
		{name: "row 47 zone without minutes", env: []string{"now=2025-09-18T00:00:00Z"}, body: withFields(`"distinct_id":"d","timestamp":"2025-09-17T14:05:04.805+03"`), want: []want{{value: map[string]any{"timestamp": "2025-09-17T11:05:04.805Z"}}}},
		{name: "row 48 client address", headers: map[string]string{"X-Forwarded-For": "203.0.113.9, 10.0.0.1"}, body: eventBody, want: []want{{value: map[string]any{"ip": "203.0.113.9"}}}},
		{name: "row 49 internal event", headers: map[string]string{"X-Forwarded-For": "203.0.113.9"}, body: props(`{"capture_internal":false}`), want: []want{{value: map[string]any{"ip": "127.0.0.1"}}}},
		{name: "row 50 cookieless", headers: map[string]string{"X-Forwarded-For": "203.0.113.9"}, body: props(`{"$cookieless_mode":true}`), want: []want{{key: "t:203.0.113.9", value: map[string]any{"is_cookieless_mode": true}}}},
		{name: "row 51 cookieless text", body: props(`{"$cookieless_mode":"true"}`), status: 400, text: "event submitted with invalid cookieless mode"},
		{name: "row 51 cookieless null", body: props(`{"$cookieless_mode":null}`), status: 400, text: "event submitted with invalid cookieless mode"},
		{name: "row 52 own topics", path: "/batch", body: `{"token":"t","batch":[{"event":"$exception","distinct_id":"d"},{"event":"$$heatmap","distinct_id":"d"},{"event":"$$client_ingestion_warning","distinct_id":"d"}]}`,
			want: []want{{topic: "exceptions", key: "t:d"}, {topic: "heatmaps", key: "t:d"}, {topic: "warnings", key: "t:d"}}},
		{name: "row 52 own topics in a migration", path: "/batch", body: `{"token":"t","historical_migration":true,"batch":[{"event":"$exception","distinct_id":"d"},{"event":"$$heatmap","distinct_id":"d"},{"event":"$$client_ingestion_warning","distinct_id":"d"}]}`,
			want: []want{
				{topic: "exceptions", value: map[string]any{"historical_migration": nil}, header: map[string]string{"historical_migration": "-"}},
				{topic: "heatmaps", value: map[string]any{"historical_migration": nil}},
				{topic: "warnings", value: map[string]any{"historical_migration": nil}}}},
		{name: "row 53 heatmap data is split off", body: heatmap, want: []want{
			{event: "$pageview", header: map[string]string{"skip_heatmap_processing": "true"},
				data: map[string]any{"properties": map[string]any{"$viewport_width": 9.0, "$current_url": "u", "other": 1.0}, "$set": map[string]any{"x": 1.0}}},
			{topic: "heatmaps", key: "t:d", event: "$$heatmap", header: map[string]string{"skip_heatmap_processing": "-"},
				data: map[string]any{"distinct_id": "d", "timestamp": "2023-01-01T11:00:00Z", "$set": nil,
					"properties": map[string]any{"$heatmap_data": map[string]any{"/": []any{1.0}}, "$viewport_width": 9.0, "$current_url": "u"}}}}},
		{name: "row 67 beacon", path: "/e?beacon=1", body: eventBody, status: 204, want: []want{{key: "t:d"}}},
		{name: "row 67 no beacon", path: "/e?beacon=0", body: eventBody, want: []want{{key: "t:d"}}},
		{name: "row 71 index", method: "GET", path: "/", text: "capture"},
		{name: "row 98 first valid address", headers: map[string]string{"X-Forwarded-For": "junk, 203.0.113.9"}, body: eventBody, want: []want{{value: map[string]any{"ip": "203.0.113.9"}}}},
		{name: "row 98 X-Real-Ip before CF-Connecting-IP", headers: map[string]string{"X-Real-Ip": "203.0.113.8", "CF-Connecting-IP": "203.0.113.7"}, body: eventBody, want: []want{{value: map[string]any{"ip": "203.0.113.8"}}}},
		{name: "row 98 no valid address is the peer's", headers: map[string]string{"X-Forwarded-For": "junk"}, body: eventBody, want: []want{{value: map[string]any{"ip": "127.0.0.1"}}}},
		{name: "row 105 liveness", method: "GET", path: "/_liveness", text: "ok"},
		{name: "row 112 properties null", body: withFields(`"distinct_id":"d","properties":null`), status: 400, text: "failed to parse request: …"},
		{name: "the worked example of a record", path: "/e/?_=1672574410000", headers: map[string]string{"X-Forwarded-For": "203.0.113.9"},
			body: `{"api_key":"phc_test","event":"pv","distinct_id":"user-1","timestamp":"2023-01-01T11:00:00Z","properties":{"a":1}}`,
			want: []want{{key: "phc_test:user-1", value: map[string]any{
				"uuid": "01856cfc-e070-7…", "distinct_id": "user-1", "ip": "203.0.113.9", "now": "2023-01-01T12:00:00Z", "sent_at": "2023-01-01T12:00:10Z",
				"token": "phc_test", "event": "pv", "timestamp": "2023-01-01T10:59:50Z",
				"data": `{"token":"phc_test","distinct_id":"user-1","uuid":null,"event":"pv","properties":{"a":1},"timestamp":"2023-01-01T11:00:00Z"}`},
				header: map[string]string{"timestamp": "1672570790000", "now": "2023-01-01T12:00:00Z", "event": "pv", "token": "phc_test", "distinct_id": "user-1",
					"session_id": "-", "force_disable_person_processing": "-", "historical_migration": "-"}}}},
		{name: "a broken gzip stream", body: packed[:20], status: 400, text: "failed to decode request: invalid GZIP data"},
		{name: "gzip of what is not text", body: gz("\xff\xfe"), status: 400, text: "failed to decode request: invalid gzip data"},
		{name: "gateway properties are PostHog's own", body: `{"event":"$ai_generation","distinct_id":"d","token":"t","properties":{"a":1,"$ai_gateway_cost":5}}`,
			want: []want{{topic: "ai", key: "t:d", data: map[string]any{"properties": map[string]any{"a": 1.0}}}}},
		{name: "AI events that are not of the product stay in main", body: `{"event":"$ai_other","distinct_id":"d","token":"t"}`, want: []want{{key: "t:d"}}},
		{name: "lone surrogates become the replacement character", body: `{"event":"a\ud800","distinct_id":"d","token":"t"}`, want: []want{{event: "a\uFFFD"}}},
		{name: "numbers keep their digits", body: props(`{"n":12345678901234567890.10}`), want: []want{{value: map[string]any{"data": `{"token":"t","distinct_id":"d","uuid":null,"event":"e","properties":{"n":12345678901234567890.10}}`}}}},
		{name: "unknown fields are dropped", body: withFields(`"distinct_id":"d","type":"capture","library":"x","messageId":1`), want: []want{{value: map[string]any{"data": `{"token":"t","distinct_id":"d","uuid":null,"event":"e","properties":{}}`}}}},
	})
}

// Row 46 is the table of event times.
func TestRowsEventTime(t *testing.T) {
	const eleven, ahead10 = `"timestamp":"2023-01-01T11:00:00Z"`, "?_=1672574410000"
	at := func(name, query, fields, want_ string) row {
		return row{name: "row 46 " + name, path: "/e" + query, body: withFields(`"distinct_id":"d"` + fields), want: []want{{value: map[string]any{"timestamp": want_}}}}
	}
	run(t, nil, []row{
		at("client ahead", ahead10, ","+eleven, "2023-01-01T10:59:50Z"),
		at("client behind", "?_=1672574390000", ","+eleven, "2023-01-01T11:00:10Z"),
		at("clocks agree", "?_=1672574400000", ","+eleven, "2023-01-01T11:00:00Z"),
		at("no sent_at", "", ","+eleven, "2023-01-01T11:00:00Z"),
		at("sent_at ignored", ahead10, ","+eleven+`,"properties":{"$ignore_sent_at":true}`, "2023-01-01T11:00:00Z"),
		at("no timestamp", "?_=1672574405000", "", "2023-01-01T12:00:00Z"),
		at("offset", ahead10, ","+eleven+`,"offset":5000`, "2023-01-01T11:59:55Z"),
		at("not a date", "", `,"timestamp":"not a date"`, "2023-01-01T12:00:00Z"),
		at("too far ahead", "", `,"timestamp":"2023-01-02T11:00:00.001Z"`, "2023-01-01T12:00:00Z"),
		at("just within", "", `,"timestamp":"2023-01-02T11:00:00Z"`, "2023-01-02T11:00:00Z"),
		{name: "sent_at of a batch with an escape", path: "/batch", body: `{"token":"t","sent_at":"2023-01-01T12:00:10\u002b00:00","batch":[{"event":"e","distinct_id":"d",` + eleven + `}]}`,
			want: []want{{value: map[string]any{"sent_at": "2023-01-01T12:00:10Z", "timestamp": "2023-01-01T10:59:50Z"}}}},
		{name: "sent_at of a batch out of the calendar is ignored", path: "/batch", body: `{"token":"t","sent_at":"0000-01-01T00:00:00+23:00","batch":[{"event":"e","distinct_id":"d",` + eleven + `}]}`,
			want: []want{{value: map[string]any{"sent_at": nil, "timestamp": "2023-01-01T11:00:00Z"}}}},
		{name: "row 46 sent_at of a batch wins over the query", path: "/batch" + ahead10, body: `{"token":"t","sent_at":"2023-01-01T12:00:00.5+00:00","batch":[{"event":"e","distinct_id":"d",` + eleven + `}]}`,
			want: []want{{value: map[string]any{"timestamp": "2023-01-01T10:59:59.500Z", "sent_at": "2023-01-01T12:00:00.5Z"}}}},
		{name: "row 46 unreadable sent_at of a batch is ignored", path: "/batch" + ahead10, body: `{"token":"t","sent_at":"yesterday","batch":[{"event":"e","distinct_id":"d",` + eleven + `}]}`,
			want: []want{{value: map[string]any{"timestamp": "2023-01-01T10:59:50Z"}}}},
	})
}

func TestRowsRerouting(t *testing.T) {
	run(t, []string{"ENABLE_HISTORICAL_REROUTING=true"}, []row{
		{name: "row 54 two days old", body: withFields(`"distinct_id":"d","timestamp":"2022-12-30T12:00:00Z"`),
			want: []want{{topic: "historical", key: "t:d", value: map[string]any{"historical_migration": true}, header: map[string]string{"historical_migration": "true"}}}},
		{name: "row 54 two hours old", body: withFields(`"distinct_id":"d","timestamp":"2023-01-01T10:00:00Z"`), want: []want{{key: "t:d"}}},
		{name: "row 54 exception two days old", body: `{"event":"$exception","token":"t","distinct_id":"d","timestamp":"2022-12-30T12:00:00Z"}`, want: []want{{topic: "exceptions"}}},
	})
}

func TestRowsOverflow(t *testing.T) {
	three := `[{"event":"a","token":"t","distinct_id":"d"},{"event":"b","token":"t","distinct_id":"d"},{"event":"c","token":"t","distinct_id":"d"}]`
	noPerson := func(v string) map[string]string { return map[string]string{"force_disable_person_processing": v} }
	run(t, []string{"OVERFLOW_ENABLED=true", "OVERFLOW_PER_SECOND_LIMIT=1", "OVERFLOW_BURST_LIMIT=2"}, []row{
		{name: "row 55 burst", body: three, want: []want{{event: "a", key: "t:d"}, {event: "b", key: "t:d"}, {topic: "overflow", event: "c", key: "t:d", header: noPerson("-")}}},
	})
	run(t, []string{"OVERFLOW_ENABLED=true", "OVERFLOW_PER_SECOND_LIMIT=1", "OVERFLOW_BURST_LIMIT=1"}, []row{
		{name: "row 56 two ids", body: `[{"event":"a","token":"t","distinct_id":"1"},{"event":"b","token":"t","distinct_id":"2"}]`, want: []want{{key: "t:1"}, {key: "t:2"}}},
	})
	run(t, []string{"OVERFLOW_ENABLED=true", "INGESTION_FORCE_OVERFLOW_BY_TOKEN_DISTINCT_ID=one,three"}, []row{
		{name: "row 57 forced token", body: `{"event":"e","token":"one","distinct_id":"d"}`, want: []want{{topic: "overflow", key: "-", header: noPerson("true")}}},
		{name: "row 57 other token", body: `{"event":"e","token":"two","distinct_id":"d"}`, want: []want{{key: "two:d", header: noPerson("-")}}},
	})
	run(t, []string{"OVERFLOW_ENABLED=true", "INGESTION_FORCE_OVERFLOW_BY_TOKEN_DISTINCT_ID=one, two"}, []row{
		{name: "row 108 first entry", body: `{"event":"e","token":"one","distinct_id":"d"}`, want: []want{{topic: "overflow", key: "-"}}},
		{name: "row 108 entries are not trimmed", body: `{"event":"e","token":"two","distinct_id":"d"}`, want: []want{{key: "two:d"}}},
	})
	run(t, []string{"INGESTION_FORCE_OVERFLOW_BY_TOKEN_DISTINCT_ID=one"}, []row{
		{name: "the list needs OVERFLOW_ENABLED", body: `{"event":"e","token":"one","distinct_id":"d"}`, want: []want{{key: "one:d", header: noPerson("-")}}},
	})
	run(t, []string{"OVERFLOW_ENABLED=true", "INGESTION_FORCE_OVERFLOW_BY_TOKEN_DISTINCT_ID=one", "CAPTURE_OUTPUT_AI_OVERFLOW_TOPIC=ai_overflow"}, []row{
		{name: "AI overflow", body: `{"event":"$ai_span","token":"one","distinct_id":"d"}`, want: []want{{topic: "ai_overflow", key: "-", header: noPerson("true")}}},
		{name: "exceptions never overflow", body: `{"event":"$exception","token":"one","distinct_id":"d"}`, want: []want{{topic: "exceptions", key: "one:d", header: noPerson("-")}}},
	})
}

func TestRowsDropper(t *testing.T) {
	one := func(name, token, id string, kept bool) row {
		r := row{name: "row 58 " + name, body: fmt.Sprintf(`{"event":"e","token":%q,"distinct_id":%q}`, token, id)}
		if kept {
			r.want = []want{{key: token + ":" + id}}
		}
		return r
	}
	run(t, []string{"DROP_EVENTS_BY_TOKEN_DISTINCT_ID=token1:id1,token2,token3:id3"}, []row{
		one("id of a token", "token1", "id1", false), one("whole token", "token2", "any", false), one("another id", "token3", "id3", false),
		one("other id of the first", "token1", "id2", true), one("other id of the third", "token3", "id1", true),
	})
}

func TestRowsQuota(t *testing.T) {
	events := func(names ...string) string {
		var list []string
		for _, n := range names {
			list = append(list, `{"event":"`+n+`","distinct_id":"d"}`)
		}
		return `{"token":"t1","batch":[` + strings.Join(list, ",") + `]}`
	}
	survey := func(p string) string {
		return `{"token":"t1","event":"survey sent","distinct_id":"d","properties":` + p + `}`
	}
	over := func(resource string) map[string]string { return map[string]string{resource: "t1"} }
	for _, r := range []row{
		{name: "row 59 over the events quota", path: "/batch", quotas: over("events"), body: events("$pageview", "$pageview")},
		{name: "row 60 scoped quotas protect", path: "/batch", quotas: over("events"), body: events("$pageview", "$exception", "$ai_generation"),
			want: []want{{topic: "exceptions", event: "$exception"}, {topic: "ai", event: "$ai_generation"}}},
		{name: "row 61 over the exceptions quota", path: "/batch", quotas: over("exceptions"), body: events("$pageview", "$exception"), want: []want{{event: "$pageview"}}},
		{name: "row 62 survey of a product tour", quotas: over("surveys"), body: survey(`{"$product_tour_id":"x"}`), want: []want{{event: "survey sent"}}},
		{name: "row 62 survey", quotas: over("surveys"), body: survey(`{}`)},
		{name: "row 62 survey under the newer key", quotas: over("survey_responses"), body: survey(`{}`)},
		{name: "row 107 protected events keep the order of the quotas", path: "/batch", quotas: over("events"),
			env:  []string{"CAPTURE_OUTPUT_AI_MAIN_TOPIC=main", "CAPTURE_OUTPUT_ERROR_TRACKING_TOPIC=main"},
			body: events("$ai_generation", "survey sent", "$exception", "$pageview"), want: []want{{event: "$exception"}, {event: "survey sent"}, {event: "$ai_generation"}}},
		{name: "beacon over quota", path: "/batch?beacon=1", quotas: over("events"), body: events("$pageview")},
	} {
		run(t, r.env, []row{{name: r.name, path: r.path, quotas: r.quotas, body: r.body, want: r.want}})
	}
}

func TestRowsSizes(t *testing.T) {
	run(t, []string{"KAFKA_INGESTION_PRODUCER_MESSAGE_MAX_BYTES=8388608"}, []row{
		{name: "row 91 body over 20 MiB", path: "/batch", body: `{"pad":"` + strings.Repeat("x", 20972544-10) + `"}`, status: 413, text: "maximum event size exceeded: Request body exceeds limit of 20971520 bytes"},
	})
	run(t, nil, []row{
		{name: "row 68 record over message.max.bytes", body: props(`{"pad":"` + strings.Repeat("x", 1_000_000) + `"}`), status: 413, text: "maximum event size exceeded: Event rejected by kafka during send"},
		{name: "unpacked payload over its limit", body: gz(`{"pad":"` + strings.Repeat("x", 104857600) + `"}`), status: 413, text: "maximum event size exceeded: Decompressed payload would exceed 104857600 bytes (got …"},
	})
}

func TestRowsImport(t *testing.T) {
	run(t, []string{"CAPTURE_MODE=import"}, []row{
		{name: "import discards what is no migration", path: "/batch", body: `{"token":"t","batch":[{"event":"e","distinct_id":"d"}]}`},
		{name: "import takes migrations", path: "/batch", body: `{"token":"t","historical_migration":true,"batch":[{"event":"e","distinct_id":"d"}]}`, want: []want{{topic: "historical", key: "t:d"}}},
	})
}

func TestRowsRecordings(t *testing.T) {
	rec := func(fields, p string) string {
		return `[{"event":"$snapshot","token":"t","distinct_id":"u"` + fields + `,"properties":{` + p + `}}]`
	}
	const session, data = `"$session_id":"s-1"`, `"$snapshot_data":[{"a":1}]`
	ok := session + "," + data
	properties := func(kv ...any) map[string]any {
		p := map[string]any{"distinct_id": "u", "$session_id": "s-1", "$window_id": "s-1", "$snapshot_source": "web", "$snapshot_items": []any{map[string]any{"a": 1.0}}, "$lib": "web"}
		for i := 0; i < len(kv); i += 2 {
			p[kv[i].(string)] = kv[i+1]
		}
		return map[string]any{"properties": p}
	}
	one := func(kv ...any) []want { return []want{{topic: "replay", key: "s-1", data: properties(kv...)}} }
	const invalid, noID = "replay event has invalid session id", "replay event submitted without session id"
	over := strings.Repeat("x", 1_000_001)
	run(t, []string{"CAPTURE_MODE=recordings"}, []row{
		{name: "row 72 two items, one record", path: "/s", body: `[{"event":"$snapshot","token":"t","distinct_id":"u","properties":{"$session_id":"s-1","$snapshot_data":[{"a":1}]}},{"event":"$snapshot","properties":{"$snapshot_data":{"b":2}}}]`,
			want: []want{{topic: "replay", key: "s-1", event: "$snapshot_items", id: "u", header: map[string]string{"session_id": "s-1", "event": "$snapshot_items"},
				data: properties("$snapshot_items", []any{map[string]any{"a": 1.0}, map[string]any{"b": 2.0}})}}},
		{name: "row 73 session id of 70", path: "/s", body: rec("", `"$session_id":"`+strings.Repeat("a", 70)+`",`+data), want: []want{{topic: "replay", key: strings.Repeat("a", 70)}}},
		{name: "row 73 session id of 71", path: "/s", body: rec("", `"$session_id":"`+strings.Repeat("a", 71)+`",`+data), status: 400, text: invalid},
		{name: "row 73 session id with an underscore", path: "/s", body: rec("", `"$session_id":"a_b",`+data), status: 400, text: invalid},
		{name: "row 73 session id a number", path: "/s", body: rec("", `"$session_id":5,`+data), status: 400, text: invalid},
		{name: "row 74 no session id", path: "/s", body: rec("", data), status: 400, text: noID},
		{name: "row 74 no snapshot data", path: "/s", body: rec("", session), status: 400, text: "replay event submitted without snapshot data"},
		{name: "row 74 snapshot data is text", path: "/s", body: rec("", session+`,"$snapshot_data":"x"`), status: 400, text: "replay event submitted without snapshot data"},
		{name: "row 77 unpacked recording too large", path: "/s/", body: gz(over), status: 413, text: "maximum event size exceeded: Decompressed payload would exceed 1000000 bytes…"},
		{name: "row 78 library of the user agent", path: "/s", headers: map[string]string{"User-Agent": "posthog-ios/3.1"}, body: rec("", ok), want: one("$lib", "posthog-ios")},
		{name: "row 78 browser", path: "/s", headers: map[string]string{"User-Agent": "Mozilla/5.0"}, body: rec("", ok), want: one()},
		{name: "row 93 source flutter", path: "/s", body: rec("", ok+`,"$snapshot_source":"flutter"`), want: one()},
		{name: "row 93 source mobile", path: "/s", body: rec("", ok+`,"$snapshot_source":"mobile"`), want: one("$snapshot_source", "mobile")},
		{name: "row 93 source Mobile", path: "/s", body: rec("", ok+`,"$snapshot_source":"Mobile"`), want: one()},
		{name: "row 93 source absent", path: "/s", body: rec("", ok), want: one()},
		{name: "row 94 personal key", path: "/s", body: strings.Replace(rec("", ok), `"t"`, `"phx_a"`, 1), status: 401, text: "API key is not valid: personal_api_key"},
		{name: "row 95 sent_at of the item", path: "/s?_=1672574410000", body: rec(`,"sent_at":"2023-01-01T12:00:05Z"`, ok), want: []want{{topic: "replay", value: map[string]any{"sent_at": "2023-01-01T12:00:05Z"}}}},
		{name: "row 95 sent_at of the query", path: "/s?_=1672574410000", body: rec(`,"sent_at":5`, ok), want: []want{{topic: "replay", value: map[string]any{"sent_at": "2023-01-01T12:00:10Z"}}}},
		{name: "row 111 no AI endpoint here", path: "/i/v0/ai", body: "{}", status: 404},
		{name: "row 111 no events here", path: "/e", body: eventBody, status: 404},
		{name: "no token", path: "/s", body: `[{"event":"$snapshot","properties":{}}]`, status: 401, text: "event submitted without an api_key"},
		{name: "no items", path: "/s", body: `[]`, status: 400, text: "request holds no event"},
		{name: "empty distinct id", path: "/s", body: strings.Replace(rec("", ok), `"u"`, `""`, 1), status: 400, text: "event submitted without a distinct_id"},
		{name: "library is no text", path: "/s", body: rec("", ok+`,"$lib":5`), status: 400, text: "failed to parse request: …"},
		{name: "single recording with host and window", path: "/s", body: strings.Trim(rec("", ok+`,"$window_id":"w","$snapshot_host":"h","$lib":"js"`), "[]"), want: one("$window_id", "w", "$snapshot_host", "h", "$lib", "js")},
	})
	run(t, []string{"CAPTURE_MODE=recordings", "DROP_EVENTS_BY_TOKEN_DISTINCT_ID=t"}, []row{
		{name: "the token dropper is for events", path: "/s", body: rec("", ok), want: one()},
	})
	run(t, []string{"CAPTURE_MODE=recordings"}, []row{
		{name: "row 75 over the recordings quota", path: "/s", quotas: map[string]string{"recordings": "t"}, body: rec("", ok), text: `{"status":"Ok","quota_limited":["recordings"]}`},
		{name: "recordings of apps have a quota beside it", path: "/s", quotas: map[string]string{"mobile_recordings": "t"}, body: rec("", ok+`,"$snapshot_source":"mobile"`), text: `{"status":"Ok","quota_limited":["recordings"]}`},
		{name: "which is not for others", path: "/s", quotas: map[string]string{"mobile_recordings": "t"}, body: rec("", ok), want: one()},
	})
	run(t, []string{"CAPTURE_MODE=recordings"}, []row{
		{name: "row 76 heavy session", path: "/s", quotas: map[string]string{"overflow": "s-1"}, body: rec("", ok), want: []want{{topic: "replay_overflow", key: "s-1"}}},
	})
}

func TestRow92LargeEvent(t *testing.T) {
	t.Run("row 92 4 MiB event", func(t *testing.T) {
		h := setup(t, options{env: []string{"KAFKA_INGESTION_PRODUCER_MESSAGE_MAX_BYTES=8388608"}, topicConfig: map[string]string{"max.message.bytes": "8388608"}})
		row{body: props(`{"pad":"` + strings.Repeat("x", 4<<20) + `"}`), want: []want{{key: "t:d"}}}.run(t, h)
	})
}

func TestRow70Preflight(t *testing.T) {
	t.Run("row 70 preflight", func(t *testing.T) {
		h := setup(t, options{})
		status, text, header := h.do(t, "OPTIONS", "/e/", map[string]string{"Origin": "https://a.example", "Access-Control-Request-Headers": "x-foo"}, "")
		require.Equal(t, 200, status)
		require.Empty(t, text)
		require.Equal(t, "https://a.example", header.Get("Access-Control-Allow-Origin"))
		require.Equal(t, "true", header.Get("Access-Control-Allow-Credentials"))
		require.Equal(t, "x-foo", header.Get("Access-Control-Allow-Headers"))
		require.Equal(t, "GET,POST,OPTIONS", header.Get("Access-Control-Allow-Methods"))

		status, _, header = h.do(t, "POST", "/e/", map[string]string{"Origin": "https://a.example"}, "")
		require.Equal(t, 400, status)
		require.Equal(t, "https://a.example", header.Get("Access-Control-Allow-Origin"), "errors can be read by pages too")
		require.Equal(t, "text/plain; charset=utf-8", header.Get("Content-Type"))

		status, text, header = h.do(t, "PUT", "/e", nil, eventBody)
		require.Equal(t, 405, status)
		require.Empty(t, text)
		require.NotEmpty(t, header.Get("Allow"))
		status, text, _ = h.do(t, "POST", "/nowhere", nil, eventBody)
		require.Equal(t, 404, status)
		require.Empty(t, text)
	})
}

package decode_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/compress"
	"github.com/hog-go/hog/feature-flags/internal/decode"
	"github.com/hog-go/hog/feature-flags/match"
)

func gzipped(t testing.TB, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(s))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

const form = "application/x-www-form-urlencoded"

func TestDecodeBody(t *testing.T) {
	const plain = `{"token":"test","distinct_id":"user"}`
	tests := map[string]struct {
		wire decode.Wire
		err  string // part of the error; "" means that the request is plain's
		saw  []decode.Kludge
	}{
		"JSON":                               {wire: decode.Wire{Body: []byte(plain)}},
		"JSON as text":                       {wire: decode.Wire{Body: []byte(plain), ContentType: "text/plain; charset=utf-8"}},
		"row 56 base64 with an escape":       {wire: decode.Wire{Body: []byte("eyJ0b2tlbiI6ICJ0ZXN0IiwgImRpc3RpbmN0X2lkIjogInVzZXIifQo%3D"), Compression: decode.Base64}, saw: []decode.Kludge{decode.Base64Body}},
		"base64 that nobody announced":       {wire: decode.Wire{Body: []byte(b64(plain))}, saw: []decode.Kludge{decode.Base64Body}},
		"base64 without padding":             {wire: decode.Wire{Body: []byte(strings.TrimRight(b64(plain+" "), "="))}, saw: []decode.Kludge{decode.PaddingNeeded, decode.Base64Body}},
		"row 57 gzip by its first bytes":     {wire: decode.Wire{Body: gzipped(t, plain)}, saw: []decode.Kludge{decode.DetectedGzip}},
		"gzip by the query":                  {wire: decode.Wire{Body: gzipped(t, plain), Compression: decode.Gzip}},
		"gzip by the header":                 {wire: decode.Wire{Body: gzipped(t, plain), ContentEncoding: "gzip"}},
		"gzip in spite of the query":         {wire: decode.Wire{Body: gzipped(t, plain), Compression: decode.Base64}, saw: []decode.Kludge{decode.DetectedGzip}},
		"gzipped base64":                     {wire: decode.Wire{Body: gzipped(t, b64(plain)), Compression: decode.Gzip}, saw: []decode.Kludge{decode.Base64Body}},
		"row 121 gzip that is none":          {wire: decode.Wire{Body: []byte(plain), Compression: decode.Gzip}, err: "Failed to decode request: gzip decompression failed: "},
		"row 121 unknown compression":        {wire: decode.Wire{Body: []byte(plain), Compression: decode.Unsupported}, err: "Failed to decode request: Unsupported compression type. Please check your request format and try again."},
		"row 59 unknown content type":        {wire: decode.Wire{Body: []byte(plain), ContentType: "text/xml"}, err: "unsupported content type: text/xml"},
		"nonsense":                           {wire: decode.Wire{Body: []byte("nonsense")}, err: "invalid JSON. "},
		"nothing":                            {wire: decode.Wire{}, err: "invalid JSON. "},
		"trailing garbage":                   {wire: decode.Wire{Body: []byte(plain + "x")}, err: "invalid JSON. "},
		"JSON5":                              {wire: decode.Wire{Body: []byte(`{/* c */ token: 'test', // d` + "\n" + `"distinct_id": "us\x65r",}`)}},
		"too deep":                           {wire: decode.Wire{Body: []byte(`{"a":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`)}, err: "JSON nesting too deep"},
		"too deep in JSON5":                  {wire: decode.Wire{Body: []byte(`{a:` + strings.Repeat("[", 100_000))}, err: "JSON nesting too deep"},
		"form":                               {wire: decode.Wire{Body: []byte("data=" + b64(plain)), ContentType: form}},
		"form with escapes and more":         {wire: decode.Wire{Body: []byte("data=" + strings.ReplaceAll(b64(plain+" "), "=", "%3D") + "&compression=base64"), ContentType: form}},
		"form with more and no padding":      {wire: decode.Wire{Body: []byte("data=" + b64(plain+"  ") + "&compression=base64"), ContentType: form}, err: "Base64 decoding error: "},
		"form without prefix":                {wire: decode.Wire{Body: []byte(b64(plain + "  ")), ContentType: form}, saw: []decode.Kludge{decode.NoDataPrefix}},
		"row 125 form of JSON5":              {wire: decode.Wire{Body: []byte("data=" + b64(`{token:'t'}`)), ContentType: form}, err: "Failed to decode request: invalid JSON structure. "},
		"form with gzip":                     {wire: decode.Wire{Body: []byte("x"), ContentType: form, Compression: decode.Gzip}, err: "Gzip compression not supported for form-urlencoded data"},
		"form that is no UTF-8":              {wire: decode.Wire{Body: []byte{'d', 0xff}, ContentType: form}, err: "Invalid UTF-8 in form data"},
		"form that is no UTF-8 when decoded": {wire: decode.Wire{Body: []byte("data=%ff"), ContentType: form}, err: "Failed to URL decode form data"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var saw []decode.Kludge
			tt.wire.Limit = 1 << 20
			tt.wire.Saw = func(k decode.Kludge) { saw = append(saw, k) }
			req, _, err := decode.Decode(tt.wire)
			if tt.err != "" {
				require.ErrorContains(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, decode.Request{Token: "test", DistinctID: "user", HasDistinctID: true}, req)
			if tt.saw != nil {
				require.Subset(t, saw, tt.saw)
			}
		})
	}
	t.Run("bomb", func(t *testing.T) {
		_, _, err := decode.Decode(decode.Wire{Body: gzipped(t, strings.Repeat(" ", 100_000)), Limit: 10_000})
		var large *compress.TooLargeError
		require.ErrorAs(t, err, &large)
	})
}

func TestDecodeFields(t *testing.T) {
	long := strings.Repeat("ü", 150)
	tests := map[string]struct {
		body string
		want decode.Request // with the token t
	}{
		"row 58 NaN is null": {`{"token":"t","distinct_id":"u","person_properties":{"a":NaN}}`, decode.Request{HasDistinctID: true, DistinctID: "u", PersonProperties: decode.Object(`{"a":null}`)}},
		"a number beyond float64 is null": {`{"token":"t","distinct_id":"u","person_properties":{"a":1e999,"b":-1E+400,"c":` + strings.Repeat("9", 400) + `,"d":1e308}}`,
			decode.Request{HasDistinctID: true, DistinctID: "u", PersonProperties: decode.Object(`{"a":null,"b":null,"c":null,"d":1e308}`)}},
		"older names": {`{"$token":"t","$distinct_id":"u","$properties":{},"$groups":{"o":1.50},"$group_properties":{"o":{"a":1}},"$anon_distinct_id":"n","$device_id":"d","flag_keys_to_evaluate":["k"],"evaluation_environments":["e"]}`,
			decode.Request{HasDistinctID: true, DistinctID: "u", PersonProperties: decode.Object(`{}`), Groups: []decode.Group{{"o", []byte("1.50")}},
				GroupProperties: []decode.GroupProperties{{"o", decode.Object(`{"a":1}`)}}, AnonDistinctID: "n", DeviceID: "d", FlagKeys: []string{"k"}, EvaluationContexts: []string{"e"}}},
		"row 124 two names of one field": {`{"token":"t","api_key":"x","$distinct_id":"x","distinct_id":"u"}`, decode.Request{HasDistinctID: true, DistinctID: "u"}},
		"numbers as distinct id":         {`{"token":"t","distinct_id":123.45}`, decode.Request{HasDistinctID: true, DistinctID: "123.45"}},
		"an integer as distinct id":      {`{"token":"t","distinct_id":42}`, decode.Request{HasDistinctID: true, DistinctID: "42"}},
		"an exponent":                    {`{"token":"t","distinct_id":1e3}`, decode.Request{HasDistinctID: true, DistinctID: "1000.0"}},
		"long distinct id":               {`{"token":"t","distinct_id":"` + long + `"}`, decode.Request{HasDistinctID: true, DistinctID: long}},
		"longer distinct id":             {`{"token":"t","distinct_id":"` + long + long + `"}`, decode.Request{HasDistinctID: true, DistinctID: (long + long)[:400]}},
		"ids among the properties": {`{"token":"t","person_properties":{"$anon_distinct_id":"n","$device_id":"d"}}`,
			decode.Request{PersonProperties: decode.Object(`{"$anon_distinct_id":"n","$device_id":"d"}`), AnonDistinctID: "n", DeviceID: "d"}},
		"row 90 empty device id": {`{"token":"t","device_id":"","person_properties":{"$device_id":"d-1"}}`, decode.Request{PersonProperties: decode.Object(`{"$device_id":"d-1"}`), DeviceID: "d-1"}},
		"switches":               {`{"token":"t","geoip_disable":true,"disable_flags":true,"timezone":"Asia/Tehran","cookieless_hash_extra":"x","evaluation_runtime":"Server","ip_address":"1.2.3.4"}`, decode.Request{NoGeoIP: true, NoFlags: true, TimeZone: "Asia/Tehran", CookielessExtra: "x", Runtime: match.RuntimeServer}},
		"nulls":                  {`{"token":"t","distinct_id":null,"groups":null,"flag_keys":null,"geoip_disable":null,"evaluation_runtime":null}`, decode.Request{}},
		"no flags at all":        {`{"token":"t","flag_keys":[]}`, decode.Request{FlagKeys: []string{}}},
		"escapes":                {`{"tok\u0065n":"t","distinct_id":"\ud83d\ude00\n\ud800"}`, decode.Request{HasDistinctID: true, DistinctID: "😀\n\ufffd"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.want.Token = "t"
			got, _, err := decode.Decode(decode.Wire{Body: []byte(tt.body), Limit: 1 << 20})
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
	for _, wrong := range []string{`{"groups":[]}`, `{"distinct_id":true}`, `{"token":1}`, `{"flag_keys":[1]}`, `{"person_properties":"a"}`, `{"group_properties":{"a":1}}`, `{"geoip_disable":"yes"}`, `[]`, `"a"`, `{"token":"t",}x`, `{"evaluation_runtime":1}`} {
		t.Run("wrong type "+wrong, func(t *testing.T) {
			_, _, err := decode.Decode(decode.Wire{Body: []byte(wrong)})
			require.EqualError(t, err, "Failed to decode request: invalid JSON. Please check your request format and try again.")
		})
	}
}

func TestParseQuery(t *testing.T) {
	tests := map[string]struct {
		query string
		want  decode.Query
	}{
		"nothing":               {"", decode.Query{}},
		"everything":            {"v=2&config=true&compression=GZIP-js&ver=1.2&_=17&only_evaluate_survey_feature_flags=1&detailed_analysis&only_use_override_person_properties=true&x=y", decode.Query{Version: 2, HasVersion: true, Config: true, HasConfig: true, Compression: decode.Gzip, LibVersion: "1.2", SentAt: 17, HasSentAt: true, SurveysOnly: true, Detailed: true, Overrides: true}},
		"empty is absent":       {"v=&compression=&_=", decode.Query{}},
		"empty config is on":    {"config=", decode.Query{Config: true, HasConfig: true}},
		"config off":            {"config=NO", decode.Query{HasConfig: true}},
		"no version":            {"v=x", decode.Query{Version: 1, HasVersion: true}},
		"beyond 32 bits":        {"v=2147483648", decode.Query{Version: 1, HasVersion: true}},
		"aliases":               {"version=3&lib_version=9&sent_at=1", decode.Query{Version: 3, HasVersion: true, LibVersion: "9", SentAt: 1, HasSentAt: true}},
		"escapes":               {"compr%65ssion=base64", decode.Query{Compression: decode.Base64}},
		"escapes that are none": {"ver=1;%2&v=%32", decode.Query{LibVersion: "1;%2", Version: 2, HasVersion: true}},
		"other compressions":    {"compression=lz64", decode.Query{Compression: decode.Unsupported}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := decode.ParseQuery(tt.query)
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
	t.Run("row 126 wrong type", func(t *testing.T) {
		_, err := decode.ParseQuery("_=abc")
		var q *decode.QueryError
		require.ErrorAs(t, err, &q)
	})
}

func TestTokenOf(t *testing.T) {
	for body, want := range map[string]string{
		`{"api_key":"a","token":"t"}`: "t", `{"$token":"d","api_key":"a"}`: "a", `{"$token":"d"}`: "d", `{"token":null,"api_key":"a"}`: "", `{"token":"t"`: "", `{token:"t"}`: "", "": "",
	} {
		require.Equal(t, want, decode.TokenOf([]byte(body)), body)
	}
}

// What encoding/json takes for an object must be read the same way; nothing may panic.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{"token":"t","distinct_id":1e3,"person_properties":{"a":[1,{"b":null}]}}`, `{token:'t',/**/a:+.5,b:0x1F,c:-Infinity,}`, `{"a":"\u00e9\ud800"}`, "{\"a\":1}\xff", `eyJhIjoxfQ==`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		req, _, err := decode.Decode(decode.Wire{Body: body, Limit: 1 << 16})
		var typed struct {
			Token *string `json:"token"`
		}
		if err == nil && json.Valid(body) && json.Unmarshal(body, &typed) == nil && typed.Token != nil && bytes.Count(body, []byte("token")) == 1 && bytes.Contains(body, []byte(`"token"`)) {
			require.Equal(t, *typed.Token, req.Token)
		}
		for key, value := range req.PersonProperties.All() {
			require.True(t, json.Valid(value), "%q: %q", key, value)
		}
	})
}

package featureflags_test

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func gzipped(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.String()
}

// Requests: how they may come, and what is answered to those that are none.
func TestRequests(t *testing.T) {
	h := setup(t, options{env: []string{"MAX_DECOMPRESSED_BODY_BYTES=100000"}})
	h.cacheFlags(t, 1, onFlag)
	const form = "application/x-www-form-urlencoded"
	good := func(t *testing.T, r reply) { require.True(t, r.flags(t)["on"].Enabled, r.body) }
	bad := func(status int, text string) func(*testing.T, reply) {
		return func(t *testing.T, r reply) {
			require.Equal(t, status, r.status, r.body)
			require.Contains(t, r.body, text)
			if strings.HasPrefix(text, "{") {
				require.Equal(t, "application/json", r.header.Get("Content-Type"))
				require.JSONEq(t, text, r.body)
			} else {
				require.Equal(t, "text/plain; charset=utf-8", r.header.Get("Content-Type"))
			}
		}
	}
	const noToken = `{"type":"authentication_error","code":"not_authenticated","detail":"No API token provided. Please include a valid API token in your request.","attr":null}`
	const unknown = `{"type":"authentication_error","code":"authentication_failed","detail":"The provided API key is invalid or has expired. Please check your API key and try again.","attr":null}`
	const noID = "The distinct_id field is missing from the request. Please include a valid identifier."
	pad := func(n int) string {
		return `{"token":"phc_1","distinct_id":"ann","x":"` + strings.Repeat("x", n-44) + `"}`
	}
	require.Len(t, pad(2097152), 2097152)
	tests := map[string]struct {
		path, body string
		header     []string
		want       func(*testing.T, reply)
	}{
		"row 57 gzip without a hint":                       {"/flags?v=2", gzipped(ann), nil, good},
		"row 57 gzip by the query":                         {"/flags?v=2&compression=gzip-js", gzipped(ann), []string{"Content-Type", "text/plain"}, good},
		"row 58 NaN":                                       {"/flags?v=2", `{"token":"phc_1","distinct_id":"u","person_properties":{"a":NaN}}`, nil, good},
		"row 59 content type":                              {"/flags?v=2", ann, []string{"Content-Type", "text/xml"}, bad(400, "unsupported content type: text/xml")},
		"row 60 no token":                                  {"/flags?v=2", `{"distinct_id":"u"}`, nil, bad(401, noToken)},
		"row 60 empty token":                               {"/flags?v=2", `{"token":"","distinct_id":"u"}`, nil, bad(401, noToken)},
		"row 60 unknown token":                             {"/flags?v=2", `{"token":"phc_x","distinct_id":"u"}`, nil, bad(401, unknown)},
		"a token that no table can hold":                   {"/flags?v=2", `{"token":"phc_\u0000","distinct_id":"u"}`, nil, bad(401, unknown)},
		"row 60 no distinct id":                            {"/flags?v=2", `{"token":"phc_1"}`, nil, bad(400, noID)},
		"row 60 no distinct id and no flags":               {"/flags?v=2", `{"token":"phc_1","disable_flags":true}`, nil, func(t *testing.T, r reply) { require.Empty(t, r.flags(t)); require.False(t, r.errors(t)) }},
		"row 120 too large":                                {"/flags?v=2", pad(2097153), nil, bad(413, "Failed to buffer the request body")},
		"row 120 just right":                               {"/flags?v=2", pad(2097152), nil, good},
		"row 121 unknown compression":                      {"/flags?compression=lz64", ann, nil, bad(400, "Failed to decode request: Unsupported compression type. Please check your request format and try again.")},
		"row 121 no gzip":                                  {"/flags?compression=gzip", ann, nil, bad(400, "Failed to decode request: ")},
		"row 122 no token, to the byte":                    {"/flags?v=2", `{"distinct_id":"u"}`, nil, func(t *testing.T, r reply) { require.Equal(t, noToken, r.body) }},
		"row 124 two names of a field":                     {"/flags?v=2", `{"token":"phc_1","api_key":"x","distinct_id":"u"}`, nil, good},
		"row 125 form of JSON5":                            {"/flags?v=2", "data=e3Rva2VuOid0J30=", []string{"Content-Type", form}, bad(400, "Failed to decode request: invalid JSON structure. Please check your request format and try again.")},
		"row 126 query":                                    {"/flags?_=abc", ann, nil, bad(400, "_")},
		"form":                                             {"/flags?v=2", "data=eyJ0b2tlbiI6InBoY18xIiwiZGlzdGluY3RfaWQiOiJhbm4ifQ==", []string{"Content-Type", form}, good},
		"bomb":                                             {"/flags?v=2", gzipped(pad(200000)), nil, bad(413, "Decompressed request body exceeded 100000 bytes (got ")},
		"empty body":                                       {"/flags?v=2", "", nil, bad(400, "Failed to decode request: invalid JSON.")},
		"distinct id before the team":                      {"/flags?v=2", `{"token":"phc_x"}`, nil, bad(400, noID)},
		"empty distinct id":                                {"/flags?v=2", `{"token":"phc_1","distinct_id":""}`, nil, good},
		"only flags of surveys":                            {"/flags?v=2&only_evaluate_survey_feature_flags=true", ann, nil, func(t *testing.T, r reply) { require.Empty(t, r.flags(t)) }},
		"detailed analysis is for internal callers":        {"/flags?v=2&detailed_analysis=true", ann, nil, func(t *testing.T, r reply) { require.NotContains(t, r.body, "conditions") }},
		"the same with a token where no token is set":      {"/flags?v=2&detailed_analysis=true", ann, []string{"Authorization", "Bearer "}, func(t *testing.T, r reply) { require.NotContains(t, r.body, "conditions") }},
		"row 97 keys, an unknown one among them, of flags": {"/flags?v=2", `{"token":"phc_1","distinct_id":"u","flag_keys":["on","zzz"]}`, nil, func(t *testing.T, r reply) { good(t, r); require.Len(t, r.flags(t), 1); require.False(t, r.errors(t)) }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { tt.want(t, h.post(t, tt.path, tt.body, tt.header...)) })
	}
}

func TestMethods(t *testing.T) {
	h := setup(t, options{})
	for _, path := range []string{"/flags", "/flags/", "/decide", "/decide/"} {
		head := h.do(t, "HEAD", path, "")
		require.Equal(t, 200, head.status)
		require.Equal(t, "application/json", head.header.Get("Content-Type"))
		require.Empty(t, head.body)
		options := h.do(t, "OPTIONS", path, "")
		require.Equal(t, 204, options.status)
		require.Equal(t, "GET, POST, OPTIONS, HEAD", options.header.Get("Allow"))
		for _, method := range []string{"DELETE", "TRACE"} {
			wrong := h.do(t, method, path, "")
			require.Equal(t, 405, wrong.status)
			require.Equal(t, "GET, POST, OPTIONS, HEAD", wrong.header.Get("Allow"))
		}
		preflight := h.do(t, "OPTIONS", path, "", "Origin", "https://a.example", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "x-a")
		require.Equal(t, 200, preflight.status)
		require.Equal(t, "https://a.example", preflight.header.Get("Access-Control-Allow-Origin"))
		require.Equal(t, "true", preflight.header.Get("Access-Control-Allow-Credentials"))
		require.Equal(t, "x-a", preflight.header.Get("Access-Control-Allow-Headers"))
		require.Equal(t, "GET,POST,OPTIONS,HEAD", preflight.header.Get("Access-Control-Allow-Methods"))
	}
	for path, want := range map[string]string{"/": "feature flags", "/_readiness": "ready", "/_liveness": "ok", "/_startup": "started"} {
		r := h.do(t, "GET", path, "", "Origin", "https://a.example")
		require.Equal(t, 200, r.status)
		require.Equal(t, want, r.body)
		require.Equal(t, "x-posthog-rate-limit-warning", r.header.Get("Access-Control-Expose-Headers"))
	}
	require.Contains(t, h.do(t, "GET", "/metrics", "").body, "go_goroutines")
}

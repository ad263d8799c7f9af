package httpserver_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/httpserver"
)

// corsHeaders returns the headers that CORS is about, one line each.
func corsHeaders(h http.Header) []string {
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(h)) {
		if key == "Vary" || strings.HasPrefix(key, "Access-Control-") {
			lines = append(lines, strings.ToLower(key)+": "+strings.Join(h[key], "|"))
		}
	}
	return lines
}

func TestCORS(t *testing.T) {
	const (
		vary        = "vary: origin, access-control-request-method, access-control-request-headers"
		credentials = "access-control-allow-credentials: true"
		origin      = "access-control-allow-origin: https://a.example"
		v0          = "access-control-allow-methods: GET,POST,OPTIONS"
		v1          = "access-control-allow-methods: POST,OPTIONS"
		exposed     = "access-control-expose-headers: Retry-After,PostHog-Request-Id"
	)
	from := []string{"Origin", "https://a.example"}
	tests := map[string]struct {
		method, path string
		headers      []string
		status       int
		want         []string
	}{
		"row 70 preflight": {"OPTIONS", "/e/", append(from, "Access-Control-Request-Headers", "x-foo"), 200,
			[]string{credentials, "access-control-allow-headers: x-foo", v0, origin, vary}},
		"row 109 preflight of v1":       {"OPTIONS", "/i/v1/analytics/events", nil, 200, []string{credentials, v1, vary}},
		"preflight without header list": {"OPTIONS", "/e", from, 200, []string{credentials, v0, origin, vary}},
		"preflight without origin":      {"OPTIONS", "/e", nil, 200, []string{credentials, v0, vary}},
		"preflight of an unknown path":  {"OPTIONS", "/nope", from, 200, []string{credentials, v0, origin, vary}},
		"preflight of a probe":          {"OPTIONS", "/_readiness", from, 200, []string{credentials, v0, origin, vary}},
		"preflight of the root":         {"OPTIONS", "/", from, 200, []string{credentials, v0, origin, vary}},
		"answer":                        {"POST", "/e", from, 200, []string{credentials, origin, vary}},
		"answer without origin":         {"GET", "/e", nil, 200, []string{credentials, vary}},
		"null origin":                   {"POST", "/e", []string{"Origin", "null"}, 200, []string{credentials, "access-control-allow-origin: null", vary}},
		"the first of two origins":      {"POST", "/e", append(from, "Origin", "https://b.example"), 200, []string{credentials, origin, vary}},
		"answer of v1 exposes headers":  {"POST", "/i/v1/analytics/events", from, 200, []string{credentials, origin, exposed, vary}},
		"probe":                         {"GET", "/_liveness", from, 200, []string{credentials, origin, vary}},
		"not found":                     {"GET", "/nope", from, 404, []string{credentials, origin, vary}},
		"not found below v1":            {"GET", "/i/v1/nope", from, 404, []string{credentials, origin, exposed, vary}},
		"wrong method":                  {"PUT", "/e", from, 405, []string{credentials, origin, vary}},
		"panic":                         {"POST", "/panic", from, 500, []string{credentials, origin, vary}},
	}
	e, _, _ := newEngine(t, nil)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			resp, body, err := do(t, e, tt.method, tt.path, tt.headers...)
			require.NoError(t, err)
			require.Equal(t, tt.status, resp.StatusCode)
			require.Equal(t, tt.want, corsHeaders(resp.Header))
			if tt.method == http.MethodOptions {
				require.Empty(t, body)
				require.Equal(t, "0", resp.Header.Get("Content-Length"))
				require.Empty(t, resp.Header.Get("Allow"))
				require.Empty(t, resp.Header.Get("Content-Type"))
			}
		})
	}
}

func TestSharedCORSValuesCannotBeSpoilt(t *testing.T) {
	e, _, _ := newEngine(t, nil)
	e.GET("/vary", func(c *gin.Context) { c.Writer.Header().Add("Vary", "accept-encoding") })
	for range 2 {
		resp, _, err := do(t, e, "GET", "/vary")
		require.NoError(t, err)
		require.Equal(t, []string{"vary: origin, access-control-request-method, access-control-request-headers|accept-encoding"}, corsHeaders(resp.Header)[1:])
	}
}

func TestCORSPreflightOnly(t *testing.T) {
	e, _, _ := newEngine(t, func(o *httpserver.EngineOptions) {
		o.CORS = &httpserver.CORS{PreflightOnly: true, CORSRules: httpserver.CORSRules{Methods: "GET,HEAD"}}
	})
	e.OPTIONS("/options", func(c *gin.Context) { c.Status(http.StatusNoContent) })
	ask := func(header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("OPTIONS", "/options", nil)
		if len(header) == 2 {
			r.Header.Set(header[0], header[1])
		}
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		return w
	}
	w := ask("Access-Control-Request-Method", "POST")
	require.Equal(t, 200, w.Code)
	require.Equal(t, "GET,HEAD", w.Header().Get("Access-Control-Allow-Methods"))
	w = ask()
	require.Equal(t, 204, w.Code)
	require.Empty(t, w.Header().Get("Access-Control-Allow-Methods"))
	require.Equal(t, "true", w.Header().Get("Access-Control-Allow-Credentials"))
}

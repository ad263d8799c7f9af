package httpserver_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/httpserver"
)

// newEngine returns an engine with capture's CORS rules, a few routes, and the registry and log it writes to.
func newEngine(t *testing.T, change func(*httpserver.EngineOptions)) (*gin.Engine, *prometheus.Registry, *bytes.Buffer) {
	t.Helper()
	reg, log := prometheus.NewRegistry(), new(bytes.Buffer)
	o := httpserver.EngineOptions{
		Log: slog.New(slog.NewTextHandler(log, nil)), Registerer: reg, Gatherer: reg,
		CORS: &httpserver.CORS{Under: []httpserver.CORSUnder{
			{Prefix: "/i/v1/", CORSRules: httpserver.CORSRules{Methods: "POST,OPTIONS", Expose: "Retry-After,PostHog-Request-Id"}},
		}},
	}
	if change != nil {
		change(&o)
	}
	e := httpserver.NewEngine(o)
	ok := func(c *gin.Context) { c.String(http.StatusOK, "done") }
	httpserver.Both(e, []string{http.MethodGet}, "/", ok)
	httpserver.Both(e, []string{http.MethodGet, http.MethodPost}, "/e", ok)
	httpserver.Both(e.Group("/i/v1"), []string{http.MethodPost}, "/analytics/events", ok)
	httpserver.Both(e, []string{http.MethodPost}, "/users/:id", ok)
	httpserver.Both(e, []string{http.MethodPost}, "/panic", func(c *gin.Context) {
		c.Header("Content-Length", "9")
		panic("kaboom")
	})
	httpserver.Both(e, []string{http.MethodPost}, "/half", func(c *gin.Context) {
		c.String(http.StatusOK, "half")
		c.Writer.Flush()
		panic(errors.New("kaboom"))
	})
	httpserver.Both(e, []string{http.MethodPost}, "/cut", func(*gin.Context) { panic(http.ErrAbortHandler) })
	return e, reg, log
}

// do sends one request over a real connection; headers come in pairs.
func do(t *testing.T, h http.Handler, method, path string, headers ...string) (resp *http.Response, body string, err error) {
	t.Helper()
	server := httptest.NewServer(h)
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, nil)
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	resp, err = server.Client().Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp, string(b), err
}

func TestRoutes(t *testing.T) {
	tests := map[string]struct {
		method, path string
		status       int
		body, allow  string
	}{
		"row 71 root":                         {"GET", "/", 200, "done", ""},
		"without slash":                       {"GET", "/e", 200, "done", ""},
		"with slash":                          {"POST", "/e/", 200, "done", ""},
		"HEAD on a GET route has no body":     {"HEAD", "/e/", 200, "", ""},
		"HEAD on a POST route":                {"HEAD", "/i/v1/analytics/events", 405, "", "POST, OPTIONS"},
		"in a group":                          {"POST", "/i/v1/analytics/events/", 200, "done", ""},
		"parameter":                           {"POST", "/users/12/", 200, "done", ""},
		"unknown path":                        {"GET", "/nope", 404, "", ""},
		"case matters":                        {"GET", "/E", 404, "", ""},
		"double slash is another path":        {"GET", "//e", 404, "", ""},
		"wrong method":                        {"PUT", "/e", 405, "", "GET, HEAD, POST, OPTIONS"},
		"method of a client's own invention":  {"BREW", "/e", 405, "", "GET, HEAD, POST, OPTIONS"},
		"wrong method on an operational path": {"POST", "/_liveness", 405, "", "GET, HEAD, OPTIONS"},
		"panic":                               {"POST", "/panic", 500, "", ""},
		"row 105 liveness":                    {"GET", "/_liveness", 200, "ok", ""},
		"liveness with slash":                 {"GET", "/_liveness/", 200, "ok", ""},
		"row 105 readiness running":           {"GET", "/_readiness", 200, "ok", ""},
		"readiness by HEAD":                   {"HEAD", "/_readiness", 200, "", ""},
	}
	e, _, _ := newEngine(t, nil)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			resp, body, err := do(t, e, tt.method, tt.path)
			require.NoError(t, err)
			require.Equal(t, tt.status, resp.StatusCode)
			require.Equal(t, tt.body, body)
			require.Equal(t, tt.allow, resp.Header.Get("Allow"))
			if tt.body == "" && tt.method != http.MethodHead {
				require.Empty(t, resp.Header.Get("Content-Type"), "an empty body has no type")
			}
		})
	}
}

func TestAllowWithoutCORS(t *testing.T) {
	e, _, _ := newEngine(t, func(o *httpserver.EngineOptions) { o.CORS = nil })
	resp, _, err := do(t, e, "OPTIONS", "/e", "Origin", "https://a.example")
	require.NoError(t, err)
	require.Equal(t, 405, resp.StatusCode)
	require.Equal(t, "GET, HEAD, POST", resp.Header.Get("Allow"))
	require.Empty(t, resp.Header.Get("Access-Control-Allow-Origin"))
}

func TestProbes(t *testing.T) {
	answer := func(ok bool, detail string) func() (bool, string) {
		return func() (bool, string) { return ok, detail }
	}
	tests := map[string]struct {
		ready, live           func() (bool, string)
		readyStatus, liveStat int
		readyBody, liveBody   string
	}{
		"well, with detail":               {answer(true, "kafka: ok"), answer(true, "http: Healthy"), 200, 200, "kafka: ok", "http: Healthy"},
		"well, without":                   {answer(true, ""), answer(true, ""), 200, 200, "ok", "ok"},
		"row 105 readiness in shutdown":   {answer(false, "shutting down"), nil, 503, 200, "shutting down", "ok"},
		"row 65 liveness of no component": {nil, answer(false, "no component"), 200, 500, "ok", "no component"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e, _, _ := newEngine(t, func(o *httpserver.EngineOptions) { o.Ready, o.Live = tt.ready, tt.live })
			resp, body, err := do(t, e, "GET", "/_readiness")
			require.NoError(t, err)
			require.Equal(t, tt.readyStatus, resp.StatusCode)
			require.Equal(t, tt.readyBody, body)
			resp, body, err = do(t, e, "GET", "/_liveness")
			require.NoError(t, err)
			require.Equal(t, tt.liveStat, resp.StatusCode)
			require.Equal(t, tt.liveBody, body)
		})
	}
}

func TestMetricsEndpoint(t *testing.T) {
	e, _, _ := newEngine(t, nil)
	_, _, err := do(t, e, "GET", "/e")
	require.NoError(t, err)
	resp, body, err := do(t, e, "GET", "/metrics")
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode)
	require.Contains(t, body, `http_requests_total{method="GET",path="/e",status="200"} 1`)

	e, _, _ = newEngine(t, func(o *httpserver.EngineOptions) { o.Gatherer = nil })
	resp, _, err = do(t, e, "GET", "/metrics")
	require.NoError(t, err)
	require.Equal(t, 404, resp.StatusCode)
}

func TestRequestMetrics(t *testing.T) {
	e, reg, _ := newEngine(t, func(o *httpserver.EngineOptions) { o.ConstLabels = prometheus.Labels{"role": "capture"} })
	for _, r := range [][2]string{
		{"GET", "/e"}, {"GET", "/e"}, {"HEAD", "/e/"}, {"POST", "/users/1"}, {"POST", "/users/2"}, {"POST", "/panic"}, {"OPTIONS", "/x"},
		{"GET", "/wp-login.php"}, {"GET", "/.env"}, {"DELETE", "/e"}, {"BREW", "/e"}, {"MELT", "/nope"},
	} {
		_, _, err := do(t, e, r[0], r[1])
		require.NoError(t, err)
	}
	_, _, err := do(t, e, "POST", "/cut")
	require.Error(t, err)

	require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP http_requests_total HTTP requests answered, by method, route pattern and status.
# TYPE http_requests_total counter
http_requests_total{method="DELETE",path="unmatched",role="capture",status="405"} 1
http_requests_total{method="GET",path="/e",role="capture",status="200"} 2
http_requests_total{method="GET",path="unmatched",role="capture",status="404"} 2
http_requests_total{method="HEAD",path="/e/",role="capture",status="200"} 1
http_requests_total{method="OPTIONS",path="unmatched",role="capture",status="200"} 1
http_requests_total{method="OTHER",path="unmatched",role="capture",status="404"} 1
http_requests_total{method="OTHER",path="unmatched",role="capture",status="405"} 1
http_requests_total{method="POST",path="/cut",role="capture",status="200"} 1
http_requests_total{method="POST",path="/panic",role="capture",status="500"} 1
http_requests_total{method="POST",path="/users/:id",role="capture",status="200"} 2
`), "http_requests_total"))
	count, err := testutil.GatherAndCount(reg, "http_requests_duration_seconds")
	require.NoError(t, err)
	require.Equal(t, 10, count)
}

func TestTwoEnginesShareARegistry(t *testing.T) {
	reg := prometheus.NewRegistry()
	for range 2 {
		e := httpserver.NewEngine(httpserver.EngineOptions{Registerer: reg})
		_, _, err := do(t, e, "GET", "/_liveness")
		require.NoError(t, err)
	}
	families, err := reg.Gather()
	require.NoError(t, err)
	require.Len(t, families, 2)
	for _, f := range families {
		if f.GetName() == "http_requests_total" {
			require.InDelta(t, 2, f.GetMetric()[0].GetCounter().GetValue(), 0)
		}
	}
}

func TestRecovery(t *testing.T) {
	t.Run("the body is the service's, the cause is in the log alone", func(t *testing.T) {
		e, _, log := newEngine(t, func(o *httpserver.EngineOptions) {
			o.Panicked = func(c *gin.Context) { c.String(http.StatusInternalServerError, "internal server error") }
		})
		resp, body, err := do(t, e, "POST", "/panic")
		require.NoError(t, err)
		require.Equal(t, 500, resp.StatusCode)
		require.Equal(t, "internal server error", body)
		require.Contains(t, log.String(), "panic=kaboom")
		require.Contains(t, log.String(), "engine_test.go")
	})
	t.Run("half a response is cut off", func(t *testing.T) {
		e, _, log := newEngine(t, nil)
		resp, body, err := do(t, e, "POST", "/half")
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.Equal(t, 200, resp.StatusCode)
		require.Equal(t, "half", body)
		require.Contains(t, log.String(), "panic=kaboom")
	})
	t.Run("a handler may cut the connection itself", func(t *testing.T) {
		e, _, log := newEngine(t, nil)
		_, _, err := do(t, e, "POST", "/cut")
		require.Error(t, err)
		require.Empty(t, log.String())
	})
}

func TestTrace(t *testing.T) {
	var seen []string
	e, _, _ := newEngine(t, func(o *httpserver.EngineOptions) {
		o.Trace = func(r *http.Request, route string) func(int) {
			return func(status int) { seen = append(seen, fmt.Sprint(r.Method, " ", route, " ", status)) }
		}
	})
	send := func(method, path string) {
		defer func() { _ = recover() }() // http.ErrAbortHandler, which the server takes
		e.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, path, nil))
	}
	for _, path := range []string{"/e", "/users/1?x=y", "/panic", "/cut", "/half"} {
		send(http.MethodPost, path)
	}
	send(http.MethodGet, "/nowhere")
	send(http.MethodDelete, "/e")
	for _, path := range []string{"/_readiness", "/_liveness", "/metrics"} {
		send(http.MethodGet, path)
	}
	send(http.MethodOptions, "/e")
	require.Equal(t, []string{
		"POST /e 200", "POST /users/:id 200", "POST /panic 500", "POST /cut 500", "POST /half 500", "GET  404", "DELETE  405",
	}, seen, "neither probes nor preflights")
}

package tracing

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/hog-go/hog/common/httpserver"
	"github.com/hog-go/hog/common/tracing/tracingtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bundle is a tracer that has started, and an HTTP server that it traces.
type bundle struct {
	*Tracer
	reg    *prometheus.Registry
	log    *bytes.Buffer
	engine http.Handler
}

func setup(t *testing.T, cfg Config) bundle {
	t.Helper()
	b := bundle{reg: prometheus.NewRegistry(), log: new(bytes.Buffer)}
	cfg.Service, cfg.Timeout = "capture-test", cmp.Or(cfg.Timeout, time.Minute)
	tracer, err := New(cfg, slog.New(slog.NewTextHandler(b.log, nil)), b.reg)
	require.NoError(t, err)
	engine := httpserver.NewEngine(httpserver.EngineOptions{Gatherer: b.reg, Trace: tracer.Hook()})
	engine.POST("/team/:token", func(c *gin.Context) { _, _ = io.Copy(io.Discard, c.Request.Body) })
	engine.POST("/fails", func(c *gin.Context) { c.Status(http.StatusServiceUnavailable) })
	engine.POST("/panics", func(*gin.Context) { panic("kaboom") })
	require.NoError(t, tracer.start(t.Context()))
	b.Tracer, b.engine = tracer, engine
	return b
}

func (b bundle) send(method, path, body string, headers ...string) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	b.engine.ServeHTTP(httptest.NewRecorder(), r)
}

func (b bundle) counts() (ended, sent, failed float64) {
	m := b.metrics
	return testutil.ToFloat64(m.ended), testutil.ToFloat64(m.sent), testutil.ToFloat64(m.failed)
}

func TestSpansOfRequests(t *testing.T) {
	c := tracingtest.Start(t, nil)
	b := setup(t, Config{Endpoint: c.URL, Ratio: 1})
	b.send("POST", "/team/phc_secret?api_key=phc_secret", `{"token":"phc_secret"}`, "Authorization", "Bearer phc_secret")
	b.send("POST", "/fails", "")
	b.send("POST", "/panics", "")
	b.send("GET", "/nothing/phc_secret", "")
	b.send("BREW", "/nothing", "")
	b.send("GET", "/_readiness", "")
	b.send("GET", "/metrics", "")
	b.stop(t.Context())

	request := func(method, route, size, status string) map[string]string {
		attributes := map[string]string{"http.request.method": method, "http.request.body.size": size, "http.response.status_code": status}
		if route != "" {
			attributes["http.route"] = route
		}
		if status >= "500" {
			attributes["error.type"] = status
		}
		return attributes
	}
	want := []tracingtest.Span{
		{Name: "POST /team/:token", Status: "UNSET", Attributes: request("POST", "/team/:token", "22", "200")},
		{Name: "POST /fails", Status: "ERROR", Attributes: request("POST", "/fails", "0", "503")},
		{Name: "POST /panics", Status: "ERROR", Attributes: request("POST", "/panics", "0", "500")},
		{Name: "GET", Status: "UNSET", Attributes: request("GET", "", "0", "404")},
		{Name: "HTTP", Status: "UNSET", Attributes: request("_OTHER", "", "0", "404")},
	}
	have := c.Spans()
	require.NotContains(t, fmt.Sprint(have), "phc_secret")
	for i := range have {
		require.Len(t, have[i].TraceID, 32)
		have[i].TraceID = ""
		if i < len(want) {
			want[i].Service, want[i].Kind = "capture-test", "SERVER"
		}
	}
	require.Equal(t, want, have, "probes have none")
	ended, sent, failed := b.counts()
	require.Equal(t, []float64{5, 5, 0}, []float64{ended, sent, failed})
}

func TestSampling(t *testing.T) {
	const traceID, parentID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	sampled, unsampled := "00-"+traceID+"-"+parentID+"-01", "00-"+traceID+"-"+parentID+"-00"
	tests := map[string]struct {
		ratio       float64
		traceparent string
		want        bool
		child       bool
	}{
		"all":                              {ratio: 1, want: true},
		"none":                             {ratio: 0},
		"the caller traces":                {ratio: 1, traceparent: sampled, want: true, child: true},
		"the caller does not":              {ratio: 1, traceparent: unsampled, want: true, child: true},
		"the caller traces, we do not":     {ratio: 0, traceparent: sampled},
		"a header that is none":            {ratio: 1, traceparent: "00-zz-zz-01", want: true},
		"a header that is none, and ratio": {ratio: 0, traceparent: "00-zz-zz-01"},
		"more than all is all":             {ratio: 7, want: true},
		"less than none is none":           {ratio: -1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := tracingtest.Start(t, nil)
			b := setup(t, Config{Endpoint: c.URL, Ratio: tt.ratio})
			var headers []string
			if tt.traceparent != "" {
				headers = []string{"traceparent", tt.traceparent}
			}
			b.send("POST", "/fails", "", headers...)
			b.stop(t.Context())
			if !tt.want {
				require.Empty(t, c.Spans())
				return
			}
			require.Len(t, c.Spans(), 1)
			if tt.child {
				span := c.Spans()[0]
				require.Equal(t, []string{traceID, parentID}, []string{span.TraceID, span.ParentID})
			}
		})
	}
}

func TestRatioIsAShare(t *testing.T) {
	c := tracingtest.Start(t, nil)
	b := setup(t, Config{Endpoint: c.URL, Ratio: 0.5})
	for range 1000 { // all or none of them by chance: once in 2^999 runs
		b.send("POST", "/fails", "")
	}
	b.stop(t.Context())
	require.NotEmpty(t, c.Spans())
	require.Less(t, len(c.Spans()), 1000)
}

// A collector that takes connections and never answers is the worst: nothing fails early.
func TestRequestsDoNotWaitForTheCollector(t *testing.T) {
	stuck := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	c := tracingtest.Start(t, stuck)
	b := setup(t, Config{Endpoint: c.URL, Ratio: 1, Timeout: time.Hour})
	b.flush = time.Millisecond
	const requests = 4000
	for range requests {
		b.send("POST", "/fails", "")
	}
	b.stop(t.Context())
	ended, sent, failed := b.counts()
	require.EqualValues(t, requests, ended)
	require.Zero(t, sent)
	require.Positive(t, failed)
	require.LessOrEqual(t, failed, float64(2048+512), "the rest found the queue full")
	require.Equal(t, 1, strings.Count(b.log.String(), "traces cannot be exported"), b.log.String())
}

func TestCollectorIsDown(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	b := setup(t, Config{Endpoint: l.Addr().String(), Ratio: 1, Timeout: time.Millisecond})
	b.send("POST", "/fails", "")
	b.stop(t.Context())
	ended, sent, failed := b.counts()
	require.Equal(t, []float64{1, 0, 1}, []float64{ended, sent, failed})
	require.Contains(t, b.log.String(), "traces cannot be exported")
}

func TestHTTPSIsTLS(t *testing.T) {
	const handshake = 0x16 // first byte of a TLS record
	for scheme, want := range map[string]bool{"https": true, "http": false} {
		t.Run(scheme, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			b := setup(t, Config{Endpoint: scheme + "://" + l.Addr().String(), Ratio: 1})
			b.flush = time.Millisecond
			b.send("POST", "/fails", "")
			var flushing sync.WaitGroup
			flushing.Go(func() { _ = b.provider.ForceFlush(t.Context()) }) // which makes it dial
			conn, err := l.Accept()
			require.NoError(t, err)
			first := make([]byte, 1)
			_, err = io.ReadFull(conn, first)
			require.NoError(t, err)
			require.NoError(t, l.Close())
			require.NoError(t, conn.Close())
			b.stop(t.Context())
			flushing.Wait()
			require.Equal(t, want, first[0] == handshake)
		})
	}
}

func TestCollectorComesBack(t *testing.T) {
	answers := make(chan error, 3)
	c := tracingtest.Start(t, func(context.Context) error { return <-answers })
	b := setup(t, Config{Endpoint: c.URL, Ratio: 1})
	refused := status.Error(codes.InvalidArgument, "not today") // what is not tried again
	for _, answer := range []error{refused, refused, nil} {
		answers <- answer
		b.send("POST", "/fails", "")
		require.NoError(t, b.provider.ForceFlush(t.Context()))
	}
	b.stop(t.Context())
	ended, sent, failed := b.counts()
	require.Equal(t, []float64{3, 1, 2}, []float64{ended, sent, failed})
	require.Equal(t, 1, strings.Count(b.log.String(), "traces cannot be exported"))
	require.Equal(t, 1, strings.Count(b.log.String(), "traces are exported again"))
}

func TestRunSendsWhatIsQueuedAtTheEnd(t *testing.T) {
	c := tracingtest.Start(t, nil)
	log, reg := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	tracer, err := New(Config{Endpoint: c.URL, Ratio: 1, Timeout: time.Minute}, log, reg)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- tracer.Run(ctx) }()
	r := httptest.NewRequest("POST", "/", nil)
	require.Eventually(t, func() bool { // what ends before Run has begun is not exported
		tracer.Begin(r, "/")(http.StatusOK)
		return testutil.ToFloat64(tracer.metrics.ended) > 0
	}, time.Minute, time.Millisecond)
	cancel()
	require.NoError(t, <-ended)
	require.Len(t, c.Spans(), 1)
}

func TestOff(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no collector":              {Ratio: 1},
		"only what is worse":        {Endpoint: "http://localhost:4317", Ratio: 1, Level: LevelWarn},
		"nothing":                   {Endpoint: "http://localhost:4317", Ratio: 1, Level: LevelOff},
		"no collector, bad address": {Level: LevelDebug},
	} {
		t.Run(name, func(t *testing.T) {
			tracer, err := New(cfg, slog.New(slog.DiscardHandler), nil)
			require.NoError(t, err)
			require.Nil(t, tracer)
			require.Nil(t, tracer.Hook())
		})
	}
}

func TestEndpoints(t *testing.T) {
	for text, want := range map[string]string{
		"http://collector:4317": "http://collector:4317", "https://collector": "https://collector", "collector:4317": "http://collector:4317",
		"ftp://collector": "", "http://": "", "http://a b": "", ":4317 ": "",
	} {
		have, err := parseEndpoint(text)
		require.Equal(t, want, have)
		require.Equal(t, want == "", err != nil, text)
	}
}

func TestLevels(t *testing.T) {
	for text, want := range map[string]Level{"info": LevelInfo, "INFO": LevelInfo, "Trace": LevelTrace, "4": LevelDebug, "warn": LevelWarn, "error": LevelError} {
		var have Level
		require.NoError(t, have.UnmarshalText([]byte(text)))
		require.Equal(t, want, have)
	}
	require.EqualError(t, new(Level).UnmarshalText([]byte("loud")), `"loud" is not a level: use error, warn, info, debug, trace or off`)
}

// BenchmarkBegin is what a request costs more while tracing is on.
func BenchmarkBegin(b *testing.B) {
	for name, ratio := range map[string]float64{"sampled": 1, "not sampled": 0} {
		b.Run(name, func(b *testing.B) {
			tracer, err := New(Config{Endpoint: "http://localhost:4317", Ratio: ratio}, slog.New(slog.DiscardHandler), nil)
			require.NoError(b, err)
			r := httptest.NewRequest("POST", "/i/v0/e/", nil)
			b.ReportAllocs()
			for b.Loop() {
				tracer.Begin(r, "/i/v0/e/")(http.StatusOK)
			}
		})
	}
}

package httpserver_test

import (
	"net/http"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/common/httpserver"
)

// sink is a response writer that costs nothing, so that what is measured is the engine.
type sink struct{ header http.Header }

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }
func (s *sink) WriteHeader(int)             {}

// hotRequest returns an engine like capture's with an empty handler, and a function that sends one event's request through it.
func hotRequest(e *gin.Engine) func() {
	e.POST("/i/v0/e/", func(c *gin.Context) { c.Status(http.StatusOK) })
	req, _ := http.NewRequest(http.MethodPost, "/i/v0/e/?compression=gzip", nil)
	req.Header.Set("Origin", "https://a.example")
	w := &sink{header: http.Header{}}
	return func() {
		clear(w.header)
		e.ServeHTTP(w, req)
	}
}

func captureEngine() *gin.Engine {
	return httpserver.NewEngine(httpserver.EngineOptions{
		Registerer: prometheus.NewRegistry(),
		CORS: &httpserver.CORS{Under: []httpserver.CORSUnder{
			{Prefix: "/i/v1/", CORSRules: httpserver.CORSRules{Methods: "POST,OPTIONS"}},
		}},
	})
}

// BenchmarkMiddleware is metrics, CORS and recovery around an empty handler; BenchmarkBareGin is its floor.
func BenchmarkMiddleware(b *testing.B) {
	send := hotRequest(captureEngine())
	b.ReportAllocs()
	for b.Loop() {
		send()
	}
}

func BenchmarkMiddlewareParallel(b *testing.B) {
	e := captureEngine()
	hotRequest(e)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		req, _ := http.NewRequest(http.MethodPost, "/i/v0/e/", nil)
		w := &sink{header: http.Header{}}
		for pb.Next() {
			clear(w.header)
			e.ServeHTTP(w, req)
		}
	})
}

func BenchmarkBareGin(b *testing.B) {
	send := hotRequest(gin.New())
	b.ReportAllocs()
	for b.Loop() {
		send()
	}
}

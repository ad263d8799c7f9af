package httpserver

import (
	"maps"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/common/metrics"
)

const (
	// unmatchedPath is the path label of requests that no route took, so that scanners cannot grow the metrics without bound.
	unmatchedPath = "unmatched"
	// otherMethod is the method label of methods that HTTP does not define.
	otherMethod = "OTHER"
)

// requestMetrics counts and times requests by method, route pattern and status.
type requestMetrics struct {
	total   *prometheus.CounterVec
	seconds *prometheus.HistogramVec

	// series holds what was looked up before. Readers take no lock and the map is never written to: a miss copies it, which happens
	// once per combination in the life of the process.
	series atomic.Pointer[map[seriesKey]series]
	mu     sync.Mutex // held while the map is replaced
}

type seriesKey struct {
	method, path string
	status       int
}

// series is one combination of label values, resolved.
type series struct {
	total   prometheus.Counter
	seconds prometheus.Observer
}

func newRequestMetrics(reg prometheus.Registerer, constant prometheus.Labels) *requestMetrics {
	labels := []string{"method", "path", "status"}
	m := &requestMetrics{
		total: metrics.Register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total", ConstLabels: constant,
			Help: "HTTP requests answered, by method, route pattern and status.",
		}, labels)),
		seconds: metrics.Register(reg, prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_requests_duration_seconds", ConstLabels: constant,
			Help:    "Time from the parsed request header to the end of the handler, by method, route pattern and status.",
			Buckets: metrics.HTTPSeconds(),
		}, labels)),
	}
	m.series.Store(&map[seriesKey]series{})
	return m
}

// observe is the middleware. It records in a deferred call, so that a handler which cuts its connection by a panic is counted as well.
func (m *requestMetrics) observe(c *gin.Context) {
	start := time.Now()
	defer func() {
		key := seriesKey{method: methodLabel(c.Request.Method), path: c.FullPath(), status: c.Writer.Status()}
		if key.path == "" {
			key.path = unmatchedPath
		}
		s, ok := (*m.series.Load())[key]
		if !ok {
			s = m.resolve(key)
		}
		s.total.Inc()
		s.seconds.Observe(time.Since(start).Seconds())
	}()
	c.Next()
}

// resolve makes the series of key and adds it to the map.
func (m *requestMetrics) resolve(key seriesKey) series {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := *m.series.Load()
	if s, ok := known[key]; ok {
		return s
	}
	status := strconv.Itoa(key.status)
	s := series{
		total:   m.total.WithLabelValues(key.method, key.path, status),
		seconds: m.seconds.WithLabelValues(key.method, key.path, status),
	}
	grown := maps.Clone(known)
	grown[key] = s
	m.series.Store(&grown)
	return s
}

// methodLabel keeps methods invented by clients out of the metrics.
func methodLabel(method string) string {
	if KnownMethod(method) {
		return method
	}
	return otherMethod
}

// KnownMethod tells whether HTTP defines a method; clients can send any.
func KnownMethod(method string) bool {
	switch method {
	case http.MethodGet, http.MethodPost, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodConnect, http.MethodTrace:
		return true
	default:
		return false
	}
}

package capture

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// otelMetrics is what the OTLP endpoint counts, under the names of the original.
type otelMetrics struct {
	requests *prometheus.CounterVec
	success  prometheus.Counter
	size     prometheus.Histogram
	filtered prometheus.Counter
	accepted prometheus.Counter
	perBatch prometheus.Histogram
	ingested prometheus.Counter
}

func newOTelMetrics(
	counters func(name, help string, labels ...string) *prometheus.CounterVec,
	counter func(name, help string) prometheus.Counter,
	histogram func(name, help string, buckets []float64) prometheus.Histogram,
) *otelMetrics {
	return &otelMetrics{
		requests: counters("capture_ai_otel_requests_total", "OTLP requests with a token", "format"),
		success:  counter("capture_ai_otel_requests_success", "OTLP requests whose spans are stored"),
		size:     histogram("capture_ai_otel_body_size_bytes", "bodies of OTLP requests on the wire", prometheus.ExponentialBuckets(256, 4, 8)),
		filtered: counter("capture_ai_otel_spans_filtered", "spans that are not AI spans"),
		accepted: counter("capture_ai_otel_spans_accepted", "AI spans"),
		perBatch: histogram("capture_ai_otel_spans_per_request", "spans in a request", []float64{1, 5, 10, 25, 50, 100, 250, 500, 1000}),
		ingested: counter("capture_ai_otel_events_ingested", "AI spans acknowledged by the sink"),
	}
}

func (m *otelMetrics) request(contentType string, size int) {
	format := "other"
	switch {
	case strings.HasPrefix(contentType, "application/x-protobuf"):
		format = "protobuf"
	case strings.HasPrefix(contentType, "application/json"):
		format = "json"
	}
	m.requests.WithLabelValues(format).Inc()
	m.size.Observe(float64(size))
}

func (m *otelMetrics) spans(all, ai int) {
	m.perBatch.Observe(float64(all))
	m.filtered.Add(float64(all - ai))
	m.accepted.Add(float64(ai))
}

func (m *otelMetrics) stored(n int) {
	m.success.Inc()
	m.ingested.Add(float64(n))
}

package capture

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/capture/internal/otel"
)

// otelMetrics is what an OTLP endpoint counts, under the names of the original.
type otelMetrics struct {
	requests *prometheus.CounterVec
	success  prometheus.Counter
	size     prometheus.Histogram
	filtered prometheus.Counter
	accepted prometheus.Counter
	oversize prometheus.Counter   // nil: nothing is left out
	perBatch prometheus.Histogram // nil: not measured
	ingested prometheus.Counter
}

// makers register metrics.
type makers struct {
	counters  func(name, help string, labels ...string) *prometheus.CounterVec
	counter   func(name, help string) prometheus.Counter
	histogram func(name, help string, buckets []float64) prometheus.Histogram
}

func newOTelMetrics(m makers) *otelMetrics {
	return &otelMetrics{
		requests: m.counters("capture_ai_otel_requests_total", "OTLP requests with a token", "format"),
		success:  m.counter("capture_ai_otel_requests_success", "OTLP requests whose spans are stored"),
		size:     m.histogram("capture_ai_otel_body_size_bytes", "bodies of OTLP requests on the wire", prometheus.ExponentialBuckets(256, 4, 8)),
		filtered: m.counter("capture_ai_otel_spans_filtered", "spans that are not AI spans"),
		accepted: m.counter("capture_ai_otel_spans_accepted", "AI spans"),
		perBatch: m.histogram("capture_ai_otel_spans_per_request", "spans in a request", []float64{1, 5, 10, 25, 50, 100, 250, 500, 1000}),
		ingested: m.counter("capture_ai_otel_events_ingested", "AI spans acknowledged by the sink"),
	}
}

func newOTelLogsMetrics(m makers) *otelMetrics {
	return &otelMetrics{
		requests: m.counters("capture_ai_otel_logs_requests_total", "OTLP requests with logs and a token", "format"),
		success:  m.counter("capture_ai_otel_logs_requests_success", "OTLP requests whose evaluations are stored"),
		size:     m.histogram("capture_ai_otel_logs_body_size_bytes", "bodies of OTLP requests with logs on the wire", prometheus.ExponentialBuckets(256, 4, 8)),
		filtered: m.counter("capture_ai_otel_log_records_filtered", "log records that are not evaluations"),
		accepted: m.counter("capture_ai_otel_log_records_accepted", "evaluations"),
		oversize: m.counters("capture_ai_otel_evaluation_records_dropped", "evaluations left out", "reason").WithLabelValues("expanded_size"),
		ingested: m.counter("capture_ai_otel_logs_events_ingested", "evaluations acknowledged by the sink"),
	}
}

func (m *otelMetrics) request(contentType string, size int) {
	format := "unknown"
	switch {
	case strings.HasPrefix(contentType, "application/x-protobuf"):
		format = "protobuf"
	case strings.HasPrefix(contentType, "application/json"):
		format = "json"
	}
	m.requests.WithLabelValues(format).Inc()
	m.size.Observe(float64(size))
}

func (m *otelMetrics) spans(b *otel.Batch) {
	if m.perBatch != nil {
		m.perBatch.Observe(float64(b.Spans))
	}
	if m.oversize != nil {
		m.oversize.Add(float64(b.Oversize))
	}
	m.filtered.Add(float64(b.Spans - b.AI))
	m.accepted.Add(float64(b.AI))
}

func (m *otelMetrics) stored(n int) {
	m.success.Inc()
	m.ingested.Add(float64(n))
}

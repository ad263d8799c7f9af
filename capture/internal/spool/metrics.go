package spool

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/common/blob"
)

// metricSet has the names of the original.
type metricSet struct {
	duration    prometheus.Histogram
	bodySize    prometheus.Histogram
	uploads     *prometheus.CounterVec
	flushErrors prometheus.Counter
	events      prometheus.Counter
	bytes       prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, buffered func() float64) *metricSet {
	m := &metricSet{
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "capture_s3_upload_duration_seconds", Help: "time to upload one object, one attempt", Buckets: prometheus.ExponentialBuckets(0.01, 2, 11),
		}),
		bodySize: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "capture_s3_upload_body_size_bytes", Help: "bytes of an uploaded object", Buckets: prometheus.ExponentialBuckets(1<<10, 2, 16),
		}),
		uploads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "capture_s3_upload_total", Help: "attempts to upload an object, by outcome and reason"}, []string{"outcome", "reason"}),
		flushErrors: prometheus.NewCounter(prometheus.CounterOpts{Name: "capture_s3_flush_errors_total", Help: "batches of events given up after all attempts"}),
		events:      prometheus.NewCounter(prometheus.CounterOpts{Name: "capture_s3_events_written_total", Help: "events in uploaded objects"}),
		bytes:       prometheus.NewCounter(prometheus.CounterOpts{Name: "capture_s3_bytes_written_total", Help: "bytes of events in uploaded objects"}),
	}
	reg.MustRegister(m.duration, m.bodySize, m.uploads, m.flushErrors, m.events, m.bytes,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "capture_s3_buffered_bytes", Help: "bytes that wait to be uploaded or are being uploaded"}, buffered))
	return m
}

func (m *metricSet) uploaded(size int, took time.Duration, err error) {
	m.bodySize.Observe(float64(size))
	m.duration.Observe(took.Seconds())
	if err != nil {
		m.uploads.WithLabelValues("error", blob.Reason(err)).Inc()
		return
	}
	m.uploads.WithLabelValues("success", "ok").Inc()
}

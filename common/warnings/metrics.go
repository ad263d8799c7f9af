package warnings

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/common/metrics"
)

// What becomes of a warning. Emitted ones are counted again when they are delivered or lost.
const (
	outcomeEmitted   = "emitted"
	outcomeThrottled = "throttled"
	outcomeCapped    = "cardinality_capped"
	outcomeQueueFull = "queue_full"
	outcomeSerialize = "serialize_error"
	outcomeEnqueue   = "enqueue_error"
	outcomeDelivered = "delivered"
	outcomeFailed    = "delivery_failed"
)

type metricSet struct {
	warnings *prometheus.CounterVec // type, source, path, outcome
	keys     prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metricSet {
	return &metricSet{
		warnings: metrics.Register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ingestion_warnings_total",
			Help: "Warnings to projects, by what became of them; emitted ones are counted again as delivered or delivery_failed.",
		}, []string{"type", "source", "path", "outcome"})),
		keys: metrics.Register(reg, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ingestion_warnings_throttle_keys",
			Help: "Pairs of project and type that were warned within the last hour.",
		})),
	}
}

// count takes the labels type, source and path.
func (m *metricSet) count(outcome string, labels ...string) {
	m.warnings.WithLabelValues(append(labels[:len(labels):len(labels)], outcome)...).Inc()
}

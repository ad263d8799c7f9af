package kafka

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// consumerMetrics are the figures of one consumer.
type consumerMetrics struct {
	records      *prometheus.CounterVec
	lag          *prometheus.GaugeVec
	commits      prometheus.Counter
	commitErrors prometheus.Counter
	collectors   []prometheus.Collector
}

func newConsumerMetrics(prefix string, reg prometheus.Registerer) (*consumerMetrics, error) {
	m := &consumerMetrics{}
	b := metricBuilder{prefix: prefix, all: &m.collectors}
	m.records = b.counter("records_total", "Records that were handled.", "topic")
	m.lag = b.gauge("lag_records", "Records behind the last handled batch, as of its fetch.", "topic", "partition")
	m.commits = b.counter("commits_total", "Commits of offsets.").WithLabelValues()
	m.commitErrors = b.counter("commit_errors_total", "Commits of offsets that failed.").WithLabelValues()
	return m, register(reg, m.collectors, prefix)
}

func (m *consumerMetrics) partition(p TopicPartition) (lag prometheus.Gauge, records prometheus.Counter) {
	return m.lag.WithLabelValues(p.Topic, strconv.Itoa(int(p.Partition))), m.records.WithLabelValues(p.Topic)
}

// forget removes the lag of a partition that is no longer ours.
func (m *consumerMetrics) forget(p TopicPartition) {
	m.lag.DeleteLabelValues(p.Topic, strconv.Itoa(int(p.Partition)))
}

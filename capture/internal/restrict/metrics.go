package restrict

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/common/metrics"
)

// metricSet is what is counted, under the names of the original.
type metricSet struct {
	applied [pipelines][kinds]prometheus.Counter
	fetched *prometheus.CounterVec

	refreshed, rules, tokens, stale *prometheus.GaugeVec
}

// Results of reading a kind.
const (
	resultSuccess    = "success"
	resultNotFound   = "not_found"
	resultError      = "error"
	resultParseError = "parse_error"
)

func newMetrics(reg prometheus.Registerer) *metricSet {
	gauge := func(name, help string) *prometheus.GaugeVec {
		return metrics.Register(reg, prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"pipeline"}))
	}
	m := &metricSet{
		fetched: metrics.Register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "capture_event_restrictions_redis_fetch",
			Help: "Readings of one kind of restrictions from Redis.",
		}, []string{"restriction_type", "result"})),
		refreshed: gauge("capture_event_restrictions_last_refresh_timestamp", "When the restrictions were last read, in unix seconds."),
		rules:     gauge("capture_event_restrictions_loaded_count", "Rules when they were last read."),
		tokens:    gauge("capture_event_restrictions_tokens_count", "Projects that had rules when they were last read."),
		stale:     gauge("capture_event_restrictions_stale", "1 when restrictions are too old to be obeyed, or were never read."),
	}
	applied := metrics.Register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "capture_event_restrictions_applied",
		Help: "Events that a restriction matched.",
	}, []string{"restriction_type", "pipeline"}))
	for p := range m.applied {
		for k := range m.applied[p] {
			m.applied[p][k] = applied.WithLabelValues(kindNames[k], pipelineNames[p])
		}
	}
	return m
}

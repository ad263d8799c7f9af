package limiter

import (
	"github.com/hog-go/hog/common/metrics"
	"github.com/prometheus/client_golang/prometheus"
)

// keyGauge is shared by the overflow limiters of a process: each adds and takes away its own keys.
func keyGauge(reg prometheus.Registerer) prometheus.Gauge {
	return metrics.Register(reg, prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "partition_limits_key_count",
		Help: "Keys whose rate the overflow limiters keep track of.",
	}))
}

func refreshErrors(reg prometheus.Registerer, service string) *prometheus.CounterVec {
	return metrics.Register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: service + "_billing_limits_refresh_errors_total",
		Help: "Readings of a set of limited projects or sessions that failed; the set stays as it was.",
	}, []string{"cache_key"}))
}

func loadedGauge(reg prometheus.Registerer, service string) *prometheus.GaugeVec {
	return metrics.Register(reg, prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: service + "_billing_limits_loaded_tokens",
		Help: "Members of a set of limited projects or sessions when it was last read from Redis.",
	}, []string{"cache_key"}))
}

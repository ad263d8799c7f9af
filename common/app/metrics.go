package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/common/metrics"
)

// lifecycleMetrics have the names of PostHog's rust/common/lifecycle. Apps of one process share them, told apart by service_name.
type lifecycleMetrics struct {
	initiated *prometheus.CounterVec   // service_name, trigger_component, trigger_reason
	seconds   *prometheus.HistogramVec // service_name, component, result
	results   *prometheus.CounterVec   // service_name, component, result
	finished  *prometheus.CounterVec   // service_name, clean
	healthy   *prometheus.GaugeVec     // service_name, component
}

func newLifecycleMetrics(reg prometheus.Registerer) *lifecycleMetrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return metrics.Register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, append([]string{"service_name"}, labels...)))
	}
	return &lifecycleMetrics{
		initiated: counter("lifecycle_shutdown_initiated_total", "Shutdowns begun, by who began them and why.", "trigger_component", "trigger_reason"),
		results:   counter("lifecycle_component_shutdown_result_total", "Components ended, by result.", "component", "result"),
		finished:  counter("lifecycle_shutdown_completed_total", "Shutdowns that went through all components in time, by whether each completed.", "clean"),
		seconds: metrics.Register(reg, prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "lifecycle_component_shutdown_duration_seconds",
			Help:    "Time from asking a component to stop to its end.",
			Buckets: metrics.HTTPSeconds(),
		}, []string{"service_name", "component", "result"})),
		healthy: metrics.Register(reg, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "lifecycle_component_healthy",
			Help: "1 while the health check of a component is good, 0 while it is stalled or unhealthy.",
		}, []string{"service_name", "component"})),
	}
}

// Package metrics holds what the services share around Prometheus: bucket lists, a registry with the collectors every process has, and
// registration that bears several instances of one part in one process.
package metrics

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// HTTPSeconds are the buckets of http_requests_duration_seconds in every service, 5 ms to 1 min.
func HTTPSeconds() []float64 {
	return []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60}
}

// ServeSeconds are the buckets of other durations in seconds, as PostHog's rust/common/serve_metrics sets them.
func ServeSeconds() []float64 {
	return []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 50, 100, 250}
}

// Milliseconds are the buckets of timers whose unit is the millisecond, as PostHog's rust/common/metrics sets them.
func Milliseconds() []float64 {
	return []float64{1, 5, 10, 50, 100, 250, 500, 1000, 2000, 5000, 10000}
}

// BatchSizes are the buckets of histograms that count the events of a batch.
func BatchSizes() []float64 {
	return []float64{1, 10, 25, 50, 75, 100, 250, 500, 750, 1000}
}

// NewRegistry returns a registry with the collectors of the Go runtime and the process. A service that labels all its metrics registers
// them through prometheus.WrapRegistererWith.
func NewRegistry() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return reg
}

// Register registers c and returns it, or the equal collector that is there already: two HTTP servers of one process then count into
// the same vectors. A nil reg leaves c unregistered, for tests and for programs without metrics. A collector that clashes with another
// of its name is a programmer's mistake and panics.
func Register[C prometheus.Collector](reg prometheus.Registerer, c C) C {
	if reg == nil {
		return c
	}
	err := reg.Register(c)
	if there, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if existing, ok := there.ExistingCollector.(C); ok {
			return existing
		}
	}
	if err != nil {
		panic(fmt.Sprintf("metrics: %v", err))
	}
	return c
}

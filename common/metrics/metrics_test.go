package metrics_test

import (
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/metrics"
)

func TestBucketsRise(t *testing.T) {
	for name, buckets := range map[string][]float64{
		"http": metrics.HTTPSeconds(), "serve": metrics.ServeSeconds(), "ms": metrics.Milliseconds(), "batch": metrics.BatchSizes(),
	} {
		require.True(t, slices.IsSorted(buckets), name)
		require.Equal(t, buckets, slices.Compact(slices.Clone(buckets)), name)
	}
}

func TestNewRegistry(t *testing.T) {
	count, err := testutil.GatherAndCount(metrics.NewRegistry(), "go_goroutines", "process_cpu_seconds_total")
	require.NoError(t, err)
	require.Equal(t, 2, count)
}

func TestRegister(t *testing.T) {
	make1 := func() *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "x_total", Help: "h"}, []string{"a"})
	}
	for name, reg := range map[string]prometheus.Registerer{
		"plain":   prometheus.NewRegistry(),
		"wrapped": prometheus.WrapRegistererWith(prometheus.Labels{"role": "r"}, prometheus.NewRegistry()),
	} {
		first := metrics.Register(reg, make1())
		require.Same(t, first, metrics.Register(reg, make1()), name)
		require.Panics(t, func() {
			metrics.Register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{Name: "x_total", Help: "h"}, []string{"b"}))
		}, name)
		require.Panics(t, func() {
			metrics.Register(reg, prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "x_total", Help: "h"}, []string{"a"}))
		}, name)
	}
	c := make1()
	require.Same(t, c, metrics.Register(nil, c))
}

package group

import "github.com/prometheus/client_golang/prometheus"

type metricSet struct {
	hits, misses, fails, negativeHits, errors prometheus.Counter
	took                                      prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) *metricSet {
	cache := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "prop_defs_group_type_cache", Help: "group types looked up in memory, by what came of it"}, []string{"action"})
	m := &metricSet{
		hits: cache.WithLabelValues("hit"), misses: cache.WithLabelValues("miss"), fails: cache.WithLabelValues("fail"), negativeHits: cache.WithLabelValues("negative_hit"),
		errors: prometheus.NewCounter(prometheus.CounterOpts{Name: "prop_defs_personhog_resolve_errors", Help: "lookups of group types that failed, in personhog or the database"}),
		took: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "prop_defs_personhog_resolve_duration_ms", Help: "time of a lookup of group types", Buckets: prometheus.ExponentialBuckets(0.5, 2, 14)}),
	}
	reg.MustRegister(cache, m.errors, m.took)
	return m
}

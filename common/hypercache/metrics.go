package hypercache

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// readerMetrics have the names and labels that the main app and the original use, so that one panel shows all readers.
type readerMetrics struct {
	hitRedis, hitObjects, hitFallback, miss prometheus.Counter
	missTombstone, fallbackTombstone        prometheus.Counter
}

func newReaderMetrics(reg prometheus.Registerer, namespace, value string) readerMetrics {
	gets := counterVec(reg, prometheus.CounterOpts{
		Name: "posthog_hypercache_get_from_cache",
		Help: "Reads of precomputed documents, by the tier that had them.",
	}, "result", "namespace", "value")
	tombstones := counterVec(reg, prometheus.CounterOpts{
		Name: "posthog_tombstone_total",
		Help: "Events that should never happen, such as a precomputed document that no tier has.",
	}, "failure_type", "namespace", "value")
	return readerMetrics{
		hitRedis:          gets.WithLabelValues("hit_redis", namespace, value),
		hitObjects:        gets.WithLabelValues("hit_s3", namespace, value),
		hitFallback:       gets.WithLabelValues("hit_fallback", namespace, value),
		miss:              gets.WithLabelValues("missing", namespace, value),
		missTombstone:     tombstones.WithLabelValues("hypercache_miss", namespace, value),
		fallbackTombstone: tombstones.WithLabelValues("hypercache_fallback_miss", namespace, value),
	}
}

// counterVec registers a vector, or takes the one that an earlier Reader of the process has registered.
func counterVec(reg prometheus.Registerer, opts prometheus.CounterOpts, labels ...string) *prometheus.CounterVec {
	vec := prometheus.NewCounterVec(opts, labels)
	if err := reg.Register(vec); err != nil {
		if earlier, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
			return earlier.ExistingCollector.(*prometheus.CounterVec)
		}
		panic(err) // same name with other labels: a programmer's mistake
	}
	return vec
}

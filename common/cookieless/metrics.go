package cookieless

import "github.com/prometheus/client_golang/prometheus"

const operationGetSaltForDay = "getSaltForDay"

// metrics have the names and labels of the original. A day lasts about a week as a label; each leaves three series behind.
type metrics struct {
	hits, misses, redisErrors *prometheus.CounterVec // by operation and day
}

func newMetrics(reg prometheus.Registerer) *metrics {
	labels := []string{"operation", "day"}
	m := &metrics{
		hits: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cookieless_salt_cache_hit_total",
			Help: "Salts of cookieless days found in this process.",
		}, labels),
		misses: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cookieless_salt_cache_miss_total",
			Help: "Salts of cookieless days asked of Redis.",
		}, labels),
		redisErrors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cookieless_redis_error_total",
			Help: "Salts that Redis could not give or keep, by the step that failed. Events of that day get no distinct id.",
		}, labels),
	}
	reg.MustRegister(m.hits, m.misses, m.redisErrors)
	return m
}

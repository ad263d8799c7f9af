package person

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metricSet struct {
	typeHits, typeMisses, realtimeErrors prometheus.Counter
	person, groups, cohorts, realtime    prometheus.Histogram
	types, fetch, connect, hold          prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) *metricSet {
	f := promauto.With(reg)
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	timer := func(name, help string) prometheus.Histogram {
		return f.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(0.25, 2, 14)})
	}
	return &metricSet{
		typeHits:       counter("flags_group_type_cache_hit_total", "Group types found in memory."),
		typeMisses:     counter("flags_group_type_cache_miss_total", "Group types read from the database."),
		realtimeErrors: counter("flags_realtime_cohort_query_error_total", "Realtime cohorts that could not be read: persons were taken to be in none."),
		person:         timer("flags_person_query_time", "Time of reading a person with its static cohorts, in ms."),
		groups:         timer("flags_group_query_time", "Time of reading groups, in ms."),
		cohorts:        timer("flags_cohort_query_time", "Time of reading static cohorts, in ms: they come with the person."),
		realtime:       timer("flags_realtime_cohort_query_time", "Time of reading realtime cohorts, in ms."),
		types:          timer("flags_groups_db_fetch_time", "Time of reading the group types of a team, in ms."),
		fetch:          timer("flags_properties_db_fetch_time", "Time of all that is read of a person for a request, in ms."),
		connect:        timer("flags_db_connection_time", "Wait for a connection to the database of persons, in ms."),
		hold:           timer("flags_connection_hold_time_ms", "Time for which a request keeps such a connection."),
	}
}

package write

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/property-defs/internal/definition"
)

// metricSet is what the writer counts, under the names of the original.
type metricSet struct {
	duplicates, unresolved, forcedSmall, dequeued prometheus.Counter
	acquire                                       prometheus.Histogram
	removed, notCached                            prometheus.Counter
	issueFailed                                   *prometheus.CounterVec
	droppedRows                                   *prometheus.CounterVec
	probes                                        *prometheus.CounterVec
	probeDropped                                  *prometheus.CounterVec
	probeTook                                     *prometheus.HistogramVec
	tables                                        [definition.Kinds]tableMetrics
}

// tableMetrics are those of one table, named after it.
type tableMetrics struct {
	success, retried, gaveUp, dropped, emptied, noop prometheus.Counter // results of an attempt
	sent, changed, cacheRemoved                      prometheus.Counter
	took, cacheTook                                  prometheus.Histogram
}

var milliseconds = prometheus.ExponentialBuckets(0.5, 2, 16) // 0.5 ms to 16 s

func newMetrics(reg prometheus.Registerer) *metricSet {
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		reg.MustRegister(c)
		return c
	}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		reg.MustRegister(c)
		return c
	}
	histogram := func(name, help string) prometheus.Histogram {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: milliseconds})
		reg.MustRegister(h)
		return h
	}
	cacheActions := counters("prop_defs_updates_cache", "updates that were to be forgotten", "action")
	m := &metricSet{
		duplicates:   counter("prop_defs_duplicates_in_batch", "updates that another one in the batch equals"),
		unresolved:   counter("propdefs_v2_propdefs_dropped_uncached", "properties of groups left out because the index of the group type is not known"),
		forcedSmall:  counter("prop_defs_forced_small_batch", "batches written before they were full"),
		dequeued:     counter("prop_defs_recv_dequeued", "updates taken from the queue"),
		acquire:      histogram("prop_defs_batch_acquire_time_ms", "time to fill a batch"),
		removed:      cacheActions.WithLabelValues("removed"),
		notCached:    cacheActions.WithLabelValues("not_cached"),
		issueFailed:  counters("prop_defs_issue_failed", "chunks that failed in every attempt of a round", "reason", "class"),
		droppedRows:  counters("propdefs_v2_batch_rows_dropped_fk", "rows of teams or projects that are gone", "table"),
		probes:       counters("propdefs_read_filter_attempt", "probes before a write", "table", "result"),
		probeDropped: counters("propdefs_read_filter_rows_dropped", "rows that the database had", "table"),
		probeTook: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "propdefs_read_filter_time_ms", Help: "time of a probe", Buckets: milliseconds}, []string{"table", "result"}),
	}
	reg.MustRegister(m.probeTook)
	for kind := range definition.Kind(definition.Kinds) {
		prefix := "propdefs_v2_" + kind.String() + "_"
		attempts := counters(prefix+"batch_attempt", "attempts to write a chunk", "result")
		m.tables[kind] = tableMetrics{
			success: attempts.WithLabelValues("success"), retried: attempts.WithLabelValues("retry"), gaveUp: attempts.WithLabelValues("failed"),
			dropped: attempts.WithLabelValues("dropped_fk"), emptied: attempts.WithLabelValues("emptied_fk"), noop: attempts.WithLabelValues("noop"),
			sent:         counter(prefix+"batch_size", "rows sent"),
			changed:      counter(prefix+"batch_rows", "rows that changed"),
			cacheRemoved: counter(prefix+"cache_removed", "entries forgotten"),
			took:         histogram(prefix+"batch_ms", "time of a statement"),
			cacheTook:    histogram(prefix+"batch_cache_time_ms", "time to forget entries"),
		}
	}
	return m
}

func (m *metricSet) taken(start time.Time, n, full int) {
	m.acquire.Observe(float64(time.Since(start).Milliseconds()))
	m.dequeued.Add(float64(n))
	if n < full {
		m.forcedSmall.Inc()
	}
}

func (m *metricSet) forgot(kind definition.Kind, start time.Time, removed, missing int) {
	if removed+missing == 0 {
		return
	}
	m.removed.Add(float64(removed))
	m.notCached.Add(float64(missing))
	m.tables[kind].cacheRemoved.Add(float64(removed))
	m.tables[kind].cacheTook.Observe(float64(time.Since(start).Microseconds()) / 1000)
}

func (m *metricSet) probed(kind definition.Kind, start time.Time, err error, late bool) {
	result := "success"
	if late && err != nil {
		result = "timeout"
	} else if err != nil {
		result = "failed"
	}
	m.probes.WithLabelValues(kind.String(), result).Inc()
	m.probeTook.WithLabelValues(kind.String(), result).Observe(float64(time.Since(start).Milliseconds()))
}

package propertydefs

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/property-defs/internal/definition"
	"github.com/hog-go/hog/property-defs/internal/derive"
	"github.com/hog-go/hog/property-defs/internal/known"
	"github.com/hog-go/hog/property-defs/internal/queue"
)

// metricSet is what the handling of events counts, under the names of the original.
type metricSet struct {
	received, seen, compacted, known, empty, bad, filtered, blocked prometheus.Counter
	unstored                                                        prometheus.Counter // offsets
	noProperties, nameTooLong, tooMany                              prometheus.Counter // of events
	longKeys, flagProperties                                        prometheus.Counter // of updates
	perEvent                                                        prometheus.Histogram
	hits, misses                                                    [definition.Kinds]prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metricSet {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		reg.MustRegister(c)
		return c
	}
	counters := func(name, help, label string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
		reg.MustRegister(c)
		return c
	}
	events := counters("prop_defs_events_skipped", "events that made no definition, by reason", "reason")
	updates := counters("prop_defs_skipped_updates", "updates left out of an event, by reason", "reason")
	hits := counters("prop_defs_cache_hits", "updates that were known", "cache")
	misses := counters("prop_defs_cache_misses", "updates that were not known", "cache")
	m := &metricSet{
		received:       counter("prop_defs_events_received", "events of teams that are looked at"),
		seen:           counter("prop_defs_seen_updates", "updates that events stand for"),
		compacted:      counter("prop_defs_compaction_dropped_updates", "updates that another worker brought first, or that an event repeats"),
		known:          counter("prop_defs_filtered_by_cache", "updates that were known"),
		empty:          counter("prop_defs_empty_events", "messages without a value"),
		bad:            counter("prop_defs_event_parse_error", "messages that are no event"),
		filtered:       counter("prop_defs_skipped_due_to_team_filter", "events of teams that are not looked at"),
		blocked:        counter("prop_defs_worker_blocked", "times that a worker waited for room in the queue"),
		unstored:       counter("prop_defs_offset_store_failures", "batches whose offset was not kept, because their partition was lost before they were queued"),
		noProperties:   events.WithLabelValues("no_properties_event"),
		nameTooLong:    events.WithLabelValues("name_wont_fit_in_postgres"),
		tooMany:        events.WithLabelValues("too_many_properties"),
		longKeys:       updates.WithLabelValues("property_name_wont_fit_in_postgres"),
		flagProperties: updates.WithLabelValues("feature_flag_event_property"),
		perEvent: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "prop_defs_updates_per_event", Help: "updates that an event stands for", Buckets: []float64{1, 10, 25, 50, 75, 100, 150, 200, 300, 500, 1000, 2500, 10000}}),
	}
	reg.MustRegister(m.perEvent)
	for kind := range definition.Kind(definition.Kinds) {
		m.hits[kind] = hits.WithLabelValues(kind.String())
		m.misses[kind] = misses.WithLabelValues(kind.String())
	}
	return m
}

// add takes over what a batch of events counted.
func (m *metricSet) add(s *derive.Stats, updates int) {
	for c, n := range map[prometheus.Counter]int{
		m.received: s.Received, m.seen: s.Seen, m.empty: s.Empty, m.bad: s.Bad, m.filtered: s.Filtered, m.noProperties: s.NoProperties,
		m.nameTooLong: s.NameTooLong, m.tooMany: s.TooMany, m.longKeys: s.LongKeys, m.flagProperties: s.FlagProperties,
	} {
		if n > 0 {
			c.Add(float64(n))
		}
	}
	missed := 0
	for kind := range definition.Kind(definition.Kinds) {
		m.hits[kind].Add(float64(s.Hits[kind]))
		m.misses[kind].Add(float64(s.Misses[kind]))
		m.known.Add(float64(s.Hits[kind]))
		missed += s.Misses[kind]
	}
	m.compacted.Add(float64(missed - updates))
	for _, n := range s.PerEvent {
		m.perEvent.Observe(float64(n))
	}
}

// gauges are read when somebody asks for the metrics.
func gauges(reg prometheus.Registerer, cache *known.Cache, q *queue.Queue) {
	for kind := range definition.Kind(definition.Kinds) {
		labels := prometheus.Labels{"cache": kind.String()}
		reg.MustRegister(
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "prop_defs_cache_len", Help: "entries", ConstLabels: labels},
				func() float64 { return float64(cache.Len(kind)) }),
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "prop_defs_cache_fill_ratio", Help: "entries as a part of the capacity", ConstLabels: labels},
				func() float64 { return float64(cache.Len(kind)) / float64(cache.Capacity(kind)) }),
			prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "prop_defs_cache_evictions", Help: "entries that made room or got another value", ConstLabels: labels},
				func() float64 { return float64(cache.Evictions(kind)) }),
			prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "prop_defs_cache_replacements", Help: "entries that got another value", ConstLabels: labels},
				func() float64 { return float64(cache.Replacements(kind)) }),
		)
	}
	reg.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "prop_defs_cache_bytes", Help: "memory of the caches when they are full"},
			func() float64 { return float64(cache.Bytes()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "prop_defs_channel_messages_in_flight", Help: "updates in the queue"},
			func() float64 { return float64(q.Len()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "prop_defs_channel_capacity", Help: "free places of the queue"},
			func() float64 { return float64(q.Capacity() - q.Len()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "prop_defs_channel_capacity_total", Help: "places of the queue"},
			func() float64 { return float64(q.Capacity()) }),
	)
}

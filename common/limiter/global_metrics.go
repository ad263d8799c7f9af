package limiter

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/common/metrics"
	"github.com/hog-go/hog/common/redis"
)

// tally is something that shards count under their lock, so that the cores do not quarrel over a counter for each event.
type tally int

const (
	allowed tally = iota
	overThreshold
	outageSkipped
	dryRunCustom
	dryRunDefault
	hit
	miss
	syncQueued
	belowFloor
	writesFull
	readsFull
	evictedFull
	evictedIdle

	tallies = iota
)

// globalMetrics are those of one Global, under the names of the original.
type globalMetrics struct {
	tallies [tallies]prometheus.Counter

	errors        *prometheus.CounterVec // of this scope, by step and cause
	stale         prometheus.Counter
	written, read prometheus.Counter
	tick          prometheus.Observer

	keys, writesLeft, readsLeft prometheus.Gauge
	unread                      prometheus.Gauge

	fetched           *prometheus.CounterVec
	loaded, refreshed prometheus.Gauge
}

func newGlobalMetrics(reg prometheus.Registerer, cfg *GlobalConfig) *globalMetrics {
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return metrics.Register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels))
	}
	scoped := func(name, help string, labels ...string) *prometheus.CounterVec {
		vec := counters("global_rate_limiter_"+name, help, append([]string{"scope"}, labels...)...)
		return vec.MustCurryWith(prometheus.Labels{"scope": cfg.Scope})
	}
	gauge := func(name, help string) prometheus.Gauge {
		opts := prometheus.GaugeOpts{Name: "global_rate_limiter_" + name, Help: help}
		return metrics.Register(reg, prometheus.NewGaugeVec(opts, []string{"scope"})).WithLabelValues(cfg.Scope)
	}
	m := &globalMetrics{
		errors: scoped("error_total", "Exchanges with Redis that failed, and what found no room in memory.", "step", "cause"),
		tick: metrics.Register(reg, prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "global_rate_limiter_tick_ms", Help: "Duration of an exchange with Redis.", Buckets: metrics.Milliseconds(),
		}, []string{"scope"})).WithLabelValues(cfg.Scope),
		keys:       gauge("cache_size", "Keys remembered."),
		writesLeft: gauge("write_deferred_size", "Counts that wait to be written after an exchange."),
		readsLeft:  gauge("sync_deferred_size", "Keys that wait to be read after an exchange."),
		unread:     gauge("read_failing_seconds", "Since when no reading succeeded, at the last that was tried."),
		fetched:    counters("global_rate_limiter_custom_thresholds_fetch_total", "Readings of thresholds from Redis.", "result"),
		loaded:     gauge("custom_thresholds_loaded", "Thresholds from Redis that are in force."),
		refreshed:  gauge("custom_thresholds_last_refresh_timestamp", "When thresholds were last read, in unix seconds."),
	}
	gauge("window_seconds", "Window over which is counted; processes that share counts must agree.").Set(cfg.Window.Seconds())
	m.stale = m.errors.WithLabelValues("pipeline", "stale_epoch_purged")
	records := scoped("records_total", "Counters of Redis that were written or read.", "op")
	m.written, m.read = records.WithLabelValues("redis_write"), records.WithLabelValues("redis_read")

	eval := scoped("eval_counts_total", "Decisions about events or batches of them.", "result")
	cache := scoped("cache_counts_total", "Decisions by what was known of the key.", "result")
	skipped := scoped("sync_skipped_total", "Readings that were not due, as the key is far below its threshold.", "reason")
	evicted := scoped("eviction_total", "Keys that were forgotten.", "cause")
	dryRun := counters(cfg.Service+"_global_rate_limiter_dry_run", "Decisions to limit that a dry run did not carry out.", "key_type")
	m.tallies = [tallies]prometheus.Counter{
		allowed:       eval.WithLabelValues("allowed"),
		overThreshold: eval.WithLabelValues("limited"),
		outageSkipped: scoped("outage_limit_skipped_total", "Decisions not to limit as Redis could not be read for long.").WithLabelValues(),
		dryRunCustom:  dryRun.WithLabelValues("custom"),
		dryRunDefault: dryRun.WithLabelValues("global"),
		hit:           cache.WithLabelValues("hit"),
		miss:          cache.WithLabelValues("miss"),
		syncQueued:    cache.WithLabelValues("sync_queued"),
		belowFloor:    skipped.WithLabelValues("below_floor"),
		writesFull:    m.errors.WithLabelValues("enqueue_update", "write_batch_full"),
		readsFull:     m.errors.WithLabelValues("queue_sync", "pending_sync_full"),
		evictedFull:   evicted.WithLabelValues("size"),
		evictedIdle:   evicted.WithLabelValues("expired"),
	}
	return m
}

// failed counts a command that did not succeed.
func (m *globalMetrics) failed(err error, timeout, other string) {
	cause := other
	if errors.Is(err, redis.ErrTimeout) {
		cause = timeout
	}
	m.errors.WithLabelValues("pipeline", cause).Inc()
}

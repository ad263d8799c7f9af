// Package billing counts evaluations in Redis, where the main app collects them as usage.
//
//	posthog:decide_requests:<team>            hash: field = unix seconds / 120, value = count
//	posthog:decide_requests:sdk:<team>:<sdk>  likewise
//
// Counts are added up in memory and written at a steady interval. A write that fails is tried again with the next, so an outage of Redis
// costs nothing while the counts fit into memory; a crash loses at most one interval. Requests never wait for any of it.
package billing

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/hog-go/hog/common/redis"
)

// Kind is what is counted.
type Kind uint8

// The kinds.
const (
	Decide          Kind = iota // flags evaluated here
	LocalEvaluation             // definitions fetched for evaluation elsewhere
	kinds
)

var (
	prefixes = [kinds]string{"posthog:decide_requests:", "posthog:local_evaluation_requests:"}
	labels   = [kinds]string{"decide", "local_evaluation"}
)

// bucket is the time that one field of a hash stands for. The main app has the same number.
const bucket = 120

// Config is read once, by New.
type Config struct {
	Off           bool          // count nothing
	Interval      time.Duration // between two writes
	MaxPending    int           // counters in memory
	BatchSize     int           // counters in one round trip
	ShutdownFlush time.Duration // for the last write
	Now           func() time.Time
}

// Store is all that a Counter needs of Redis.
type Store interface {
	// HIncrBy adds to fields of hashes. On an error some may have been changed.
	HIncrBy(ctx context.Context, steps []redis.HashIncrement) error
}

// Counter adds up. Make it with New and give Run a goroutine.
type Counter struct {
	cfg   Config
	store Store
	log   *slog.Logger

	mu      sync.Mutex
	pending map[slot]int64
	flushed time.Time // the last write that left nothing behind

	records                     [kinds]prometheus.Counter
	entries, lostFull, lostStop prometheus.Counter
	failures                    *prometheus.CounterVec
	round, duration, recording  prometheus.Histogram
}

// slot is one counter: two fields in Redis.
type slot struct {
	kind Kind
	team int32
	sdk  string
	at   int64 // unix seconds / bucket
}

// New makes a Counter.
func New(cfg Config, store Store, log *slog.Logger, reg prometheus.Registerer) *Counter {
	f := promauto.With(reg)
	records := f.NewCounterVec(prometheus.CounterOpts{Name: "flags_billing_records_total", Help: "Billable requests."}, []string{"request_type"})
	lost := f.NewCounterVec(prometheus.CounterOpts{Name: "flags_billing_unflushed_requests_total", Help: "Billable requests that were not written."}, []string{"cause"})
	c := &Counter{
		cfg: cfg, store: store, log: log.With("component", "billing"), pending: map[slot]int64{}, flushed: cfg.Now(),
		entries:  f.NewCounter(prometheus.CounterOpts{Name: "flags_billing_entries_flushed_total", Help: "Counters written."}),
		failures: f.NewCounterVec(prometheus.CounterOpts{Name: "flags_billing_flush_errors_total", Help: "Writes that failed; they are tried again."}, []string{"error_type"}),
		round:    f.NewHistogram(prometheus.HistogramOpts{Name: "flags_billing_increment_time_ms", Help: "Time of one round trip to Redis.", Buckets: prometheus.ExponentialBuckets(0.25, 2, 14)}),
		duration: f.NewHistogram(prometheus.HistogramOpts{Name: "flags_billing_flush_duration_ms", Help: "Time of writing all that was pending.", Buckets: prometheus.ExponentialBuckets(0.25, 2, 14)}),
		recording: f.NewHistogram(prometheus.HistogramOpts{
			Name: "flags_billing_record_duration_us", Help: "Time of counting one request in memory.", Buckets: prometheus.ExponentialBuckets(0.125, 2, 14),
		}),
		lostFull: lost.WithLabelValues("full"), lostStop: lost.WithLabelValues("shutdown"),
	}
	for k := range kinds {
		c.records[k] = records.WithLabelValues(labels[k])
	}
	f.NewGaugeFunc(prometheus.GaugeOpts{Name: "flags_billing_pending_entries", Help: "Counters that wait to be written."}, func() float64 {
		c.mu.Lock()
		defer c.mu.Unlock()
		return float64(len(c.pending))
	})
	f.NewGaugeFunc(prometheus.GaugeOpts{Name: "flags_billing_pending_records", Help: "Requests that wait to be written."}, func() (sum float64) {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, n := range c.pending {
			sum += float64(n)
		}
		return sum
	})
	f.NewGaugeFunc(prometheus.GaugeOpts{Name: "flags_billing_seconds_since_successful_flush", Help: "Age of the last complete write."}, func() float64 {
		c.mu.Lock()
		defer c.mu.Unlock()
		return cfg.Now().Sub(c.flushed).Seconds()
	})
	return c
}

// Record counts one request of a team. sdk is as agent.SDK gives it.
func (c *Counter) Record(kind Kind, teamID int32, sdk string) {
	if c.cfg.Off {
		return
	}
	begun := time.Now()
	defer func() { c.recording.Observe(float64(time.Since(begun).Nanoseconds()) / 1000) }()
	c.records[kind].Inc()
	key := slot{kind: kind, team: teamID, sdk: sdk, at: c.cfg.Now().Unix() / bucket}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.pending[key]; !ok && len(c.pending) >= c.cfg.MaxPending {
		c.lostFull.Inc()
		return
	}
	c.pending[key]++
}

// Run writes until ctx ends, then once more.
func (c *Counter) Run(ctx context.Context) error {
	tick := time.NewTicker(c.cfg.Interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.cfg.ShutdownFlush)
			defer cancel()
			if left := c.flush(last); left > 0 {
				c.lostStop.Add(float64(left))
				c.log.ErrorContext(last, "billing counts lost at the stop", "requests", left)
			}
			return nil
		case <-tick.C:
			c.flush(ctx)
		}
	}
}

// flush writes what is pending and returns the number of requests that are still not written.
func (c *Counter) flush(ctx context.Context) (left int64) {
	c.mu.Lock()
	taken := c.pending
	c.pending = make(map[slot]int64, len(taken))
	c.mu.Unlock()
	if begun := time.Now(); len(taken) > 0 {
		defer func() { c.duration.Observe(float64(time.Since(begun).Microseconds()) / 1000) }()
	}
	batch := make([]slot, 0, min(len(taken), c.cfg.BatchSize))
	write := func() bool {
		if err := c.write(ctx, batch, taken); err != nil {
			c.failures.WithLabelValues(redisError(err)).Inc()
			c.log.WarnContext(ctx, "billing counts not written, will try again", "counters", len(batch), "err", err)
			return false
		}
		for _, key := range batch {
			delete(taken, key)
		}
		c.entries.Add(float64(len(batch)))
		batch = batch[:0]
		return true
	}
	ok := true
	for key := range taken { // entries that write deletes have been visited
		if batch = append(batch, key); len(batch) == c.cfg.BatchSize {
			if ok = write(); !ok {
				break
			}
		}
	}
	if ok && len(batch) > 0 {
		ok = write()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if ok {
		c.flushed = c.cfg.Now()
	}
	for key, n := range taken {
		c.pending[key] += n
		left += n
	}
	return left
}

func (c *Counter) write(ctx context.Context, batch []slot, counts map[slot]int64) error {
	steps := make([]redis.HashIncrement, 0, 2*len(batch))
	for _, key := range batch {
		team, field := strconv.FormatInt(int64(key.team), 10), strconv.FormatInt(key.at, 10)
		steps = append(steps,
			redis.HashIncrement{Key: prefixes[key.kind] + team, Field: field, By: counts[key]},
			redis.HashIncrement{Key: prefixes[key.kind] + "sdk:" + team + ":" + key.sdk, Field: field, By: counts[key]})
	}
	start := time.Now()
	defer func() { c.round.Observe(float64(time.Since(start).Microseconds()) / 1000) }()
	return c.store.HIncrBy(ctx, steps)
}

// redisError is a label for an error of Redis.
func redisError(err error) string {
	if errors.Is(err, redis.ErrTimeout) {
		return "timeout"
	}
	return "redis"
}

package restrict

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/common/redis"
)

// Config is read once, by New.
type Config struct {
	Interval      time.Duration // between two readings; default 30s
	FailOpenAfter time.Duration // age from which rules are not obeyed any more; default 5m
	Pipelines     []Pipeline    // that the service has events of; others have no rules
}

// retryAfter is the longest wait after a reading that failed: a Redis that comes up after the service, or comes back, is
// not left alone for a whole interval.
const retryAfter = 5 * time.Second

// Store is all that Restrictions needs of Redis.
type Store interface {
	// Get returns the value at key. No key is redis.ErrNotFound, a value that is no text redis.ErrParse.
	Get(ctx context.Context, key string) (string, error)
}

// Restrictions are the rules of all projects. Make them with New and give Run a goroutine.
type Restrictions struct {
	cfg     Config
	store   Store
	log     *slog.Logger
	metrics *metricSet

	current atomic.Pointer[snapshot] // nil before the first reading

	failing bool        // of Run: the last reading failed
	garbled [kinds]bool // of Run: the kind did not parse when it was last read
}

// snapshot is never changed.
type snapshot struct {
	at    time.Time // when it was read
	rules [pipelines]tokenRules
}

// New checks cfg and starts nothing.
func New(cfg Config, store Store, log *slog.Logger, reg prometheus.Registerer) (*Restrictions, error) {
	cfg.Interval = cmp.Or(cfg.Interval, 30*time.Second)
	cfg.FailOpenAfter = cmp.Or(cfg.FailOpenAfter, 5*time.Minute)
	if cfg.Interval < 0 || cfg.FailOpenAfter < 0 || len(cfg.Pipelines) == 0 {
		return nil, fmt.Errorf("restrictions: positive times and at least one pipeline are needed, not %+v", cfg)
	}
	r := &Restrictions{cfg: cfg, store: store, log: log.With("component", "restrictions"), metrics: newMetrics(reg)}
	r.setStale(1)
	return r, nil
}

// For returns the rules of the project token for events of p. It takes no lock and does not allocate.
func (r *Restrictions) For(token []byte, p Pipeline, now time.Time) Rules {
	s := r.current.Load()
	if s == nil || len(s.rules[p]) == 0 || now.Sub(s.at) > r.cfg.FailOpenAfter {
		return Rules{}
	}
	rules := s.rules[p][string(token)]
	if len(rules) == 0 {
		return Rules{}
	}
	return Rules{rules: rules, applied: &r.metrics.applied[p]}
}

// Run reads the rules until ctx ends.
func (r *Restrictions) Run(ctx context.Context) error {
	for {
		wait := r.cfg.Interval
		if err := r.refresh(ctx); err != nil {
			wait = min(wait, retryAfter)
			r.failed(ctx, err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}

var errRefreshSlow = errors.New("no answer within the refresh interval")

// refresh replaces the snapshot, unless Redis cannot be read.
func (r *Restrictions) refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, r.cfg.Interval, errRefreshSlow)
	defer cancel()
	var wg sync.WaitGroup
	var read [kinds]reading
	for k := range read {
		wg.Go(func() { read[k] = r.read(ctx, kind(k)) })
	}
	wg.Wait()
	next := &snapshot{at: time.Now()}
	for _, p := range r.cfg.Pipelines {
		next.rules[p] = tokenRules{}
	}
	var err error
	for k := range read {
		r.metrics.fetched.WithLabelValues(kindNames[k], read[k].result).Inc()
		err = cmp.Or(err, read[k].down) // one stands for all: they mostly fail alike
		r.noteGarbled(ctx, kind(k), read[k].garbled)
		for i := range read[k].entries {
			read[k].entries[i].add(kind(k), &next.rules)
		}
	}
	if err != nil {
		return err
	}
	r.current.Store(next)
	r.refreshed(ctx, next)
	return nil
}

// reading is what one key of Redis gave.
type reading struct {
	entries []entry
	result  string
	down    error // Redis did not answer
	garbled error // the value makes no sense
}

func (r *Restrictions) read(ctx context.Context, k kind) reading {
	text, err := r.store.Get(ctx, kindKeys[k])
	switch {
	case redis.IsNotFound(err):
		return reading{result: resultNotFound}
	case errors.Is(err, redis.ErrParse):
		return reading{result: resultParseError, garbled: err}
	case err != nil:
		return reading{result: resultError, down: err}
	}
	entries, err := parseEntries(text)
	if err != nil {
		return reading{result: resultParseError, garbled: err}
	}
	return reading{entries: entries, result: resultSuccess}
}

func (r *Restrictions) refreshed(ctx context.Context, s *snapshot) {
	for _, p := range r.cfg.Pipelines {
		rules := 0
		for _, of := range s.rules[p] {
			rules += len(of)
		}
		name := p.String()
		r.metrics.refreshed.WithLabelValues(name).Set(float64(s.at.Unix()))
		r.metrics.rules.WithLabelValues(name).Set(float64(rules))
		r.metrics.tokens.WithLabelValues(name).Set(float64(len(s.rules[p])))
	}
	r.setStale(0)
	if r.failing {
		r.failing = false
		r.log.InfoContext(ctx, "event restrictions can be read again")
	}
}

// failed logs the first failure of a row.
func (r *Restrictions) failed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	if s := r.current.Load(); s != nil && time.Since(s.at) > r.cfg.FailOpenAfter {
		r.setStale(1)
	}
	if !r.failing {
		r.failing = true
		r.log.WarnContext(ctx, "event restrictions cannot be read, the last ones known stay in force for a while",
			"fail_open_after", r.cfg.FailOpenAfter, "err", err)
	}
}

// noteGarbled logs when a kind stops or begins to make sense.
func (r *Restrictions) noteGarbled(ctx context.Context, k kind, err error) {
	switch was := r.garbled[k]; {
	case err != nil && !was:
		r.log.ErrorContext(ctx, "event restrictions of one kind cannot be parsed, none of that kind is in force", "key", kindKeys[k], "err", err)
	case err == nil && was:
		r.log.InfoContext(ctx, "event restrictions of one kind can be parsed again", "key", kindKeys[k])
	}
	r.garbled[k] = err != nil
}

func (r *Restrictions) setStale(to float64) {
	for _, p := range r.cfg.Pipelines {
		r.metrics.stale.WithLabelValues(p.String()).Set(to)
	}
}

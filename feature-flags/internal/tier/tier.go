// Package tier limits requests per key in two tiers: beyond the first, answers carry a warning; beyond the second, requests are refused.
package tier

import (
	"context"
	"time"

	"github.com/hog-go/hog/feature-flags/internal/rate"
)

// Verdict is what becomes of a request.
type Verdict uint8

// The verdicts.
const (
	Allowed Verdict = iota
	Warned
	Blocked
)

// Config is read once, by New.
type Config struct {
	Capacity     int                   // requests of a key that pass at once
	PerSecond    float64               // requests that a key may send for ever
	WarnCapacity int                   // requests that pass at once without a warning; 0 never warns
	LogOnly      bool                  // warn in place of refusing
	Overrides    map[string]rate.Limit // of keys with a limit of their own, which is never only logged and has no warnings
	Sweep        time.Duration         // between two sweeps of idle keys

	OverridesOnly bool // only the keys of Overrides are limited
}

// Limiter decides. Its Run forgets idle keys.
type Limiter struct {
	cfg     Config
	warn    *rate.Buckets[string] // nil: no warnings
	enforce *rate.Buckets[string]
	own     *rate.Buckets[string] // of the keys with a limit of their own, which know no warning
}

// New makes a Limiter.
func New(cfg Config) *Limiter {
	l := &Limiter{cfg: cfg, enforce: rate.New[string](rate.Limit{Burst: cfg.Capacity, PerSecond: cfg.PerSecond}, nil), own: rate.New(rate.Limit{}, cfg.Overrides)}
	if cfg.WarnCapacity > 0 {
		l.warn = rate.New[string](rate.Limit{Burst: cfg.WarnCapacity, PerSecond: cfg.PerSecond}, nil)
	}
	return l
}

// Check counts one request of key.
func (l *Limiter) Check(key string, now time.Time) Verdict {
	if _, ok := l.cfg.Overrides[key]; ok {
		if l.own.Allow(key, now) {
			return Allowed
		}
		return Blocked
	}
	if l.cfg.OverridesOnly {
		return Allowed
	}
	v := l.check(key, now)
	if v == Blocked && l.cfg.LogOnly {
		return Warned
	}
	return v
}

func (l *Limiter) check(key string, now time.Time) Verdict {
	warn := l.warn != nil && !l.warn.Allow(key, now)
	switch {
	case !l.enforce.Allow(key, now):
		return Blocked
	case warn:
		return Warned
	default:
		return Allowed
	}
}

// Len is the number of keys in memory.
func (l *Limiter) Len() int { return l.enforce.Len() + l.own.Len() }

// Run sweeps until ctx ends.
func (l *Limiter) Run(ctx context.Context) error {
	tick := time.NewTicker(l.cfg.Sweep)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			l.enforce.Sweep(now)
			l.own.Sweep(now)
			if l.warn != nil {
				l.warn.Sweep(now)
			}
		}
	}
}

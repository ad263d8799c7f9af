// Package library evaluates flags inside another program, without a service: the caller brings the flags and the addresses of the
// databases, and what is known of persons, groups and cohorts is read from there. It is what the Python package calls.
//
//	flags as JSON ─▶ compiled, once per text ─┐
//	request ──────────────────────────────────┼─▶ match ─▶ Answer
//	persons, groups, cohorts (Postgres) ──────┘
//
// # Failures
//
// A database that cannot be reached is a *PoolError, as callers of a library expect. A statement about a person that fails is not: the flags
// that needed it fail, as they do in the service's answers, and Answer.Warnings tells of the cause. So it is where the time zone of the team or
// its cohorts cannot be read: then dates are in UTC, conditions on cohorts are not met, and Answer.Errors is set.
package library

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/feature-flags/internal/fresh"
)

// Config is read once, by New. Zero fields are the defaults.
type Config struct {
	MaxConns int           // of a pool; default 10
	CacheTTL time.Duration // of cohorts, group types and time zones; default 60 s, negative: none is kept
	Bytes    int64         // of the definitions that are kept compiled, for each set of databases; default 256 MiB
}

// Limits that the service has, too.
const (
	acquireTimeout   = 5 * time.Second
	statementTimeout = 3 * time.Second
	readTimeout      = acquireTimeout + statementTimeout + 500*time.Millisecond // so that the server's own answer still arrives
	callTimeout      = 30 * time.Second
)

// Library evaluates flags. It is safe for concurrent use.
type Library struct {
	cfg     Config
	sources *fresh.Cache[URLs, *source]

	mu    sync.Mutex
	pools map[postgres.URL]*postgres.DB // one for each database, whatever it is used for
}

// New makes a Library, which opens pools as they are asked for. End it with Close.
func New(cfg Config) *Library {
	cfg.MaxConns = cmp.Or(cfg.MaxConns, 10)
	cfg.CacheTTL = max(cmp.Or(cfg.CacheTTL, time.Minute), 0)
	cfg.Bytes = cmp.Or(cfg.Bytes, 256<<20)
	return &Library{
		cfg: cfg, pools: map[postgres.URL]*postgres.DB{},
		sources: fresh.New[URLs, *source](fresh.Config{TTL: 1 << 62, Weight: 1 << 62}, nil),
	}
}

// Close closes the pools, once the connections in use are free. No call may begin after it.
func (l *Library) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for _, db := range l.pools {
		errs = append(errs, db.Close())
	}
	clear(l.pools)
	return errors.Join(errs...)
}

// source gives the source of some databases. The first call for them makes sure that they can be reached; a failure is not remembered.
func (l *Library) source(ctx context.Context, urls URLs) (*source, error) {
	if s, ok := l.sources.Peek(urls); ok {
		return s, nil
	}
	return l.sources.Get(ctx, urls, func(ctx context.Context, _ *source, _ bool) (*source, error) {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		p, err := l.open(urls)
		if err != nil {
			return nil, err
		}
		if err := p.ping(ctx); err != nil {
			return nil, err
		}
		return newSource(l.cfg, p), nil
	})
}

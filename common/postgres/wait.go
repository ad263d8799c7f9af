package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"
)

const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second
	pingLimit  = 5 * time.Second // a server that accepts and then hangs must not hold up the retries
)

// Wait returns nil as soon as db's server answers a statement, and retries with jittered backoff until
// then, without a limit of its own: the error is that of ctx, with the last failure in its text. A wrong
// password or a missing database is retried too, since in a fresh deployment both may be mended by a
// start script that runs beside us; the log says what was wrong.
func Wait(ctx context.Context, db *DB, log *slog.Logger) error {
	log = log.With("component", "postgres", "pool", db.cfg.Name)
	for attempt, delay := 1, firstRetry; ; attempt, delay = attempt+1, min(2*delay, lastRetry) {
		err := ping(ctx, db)
		if err == nil {
			if attempt > 1 {
				log.InfoContext(ctx, "postgres answers", "attempt", attempt)
			}
			return nil
		}
		if ctx.Err() == nil {
			log.WarnContext(ctx, "postgres does not answer yet", "url", db.cfg.URL, "attempt", attempt, "err", err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for postgres %s: %w (last failure: %v)", db.cfg.URL, context.Cause(ctx), err)
		case <-time.After(jittered(delay)):
		}
	}
}

func ping(ctx context.Context, db *DB) error {
	ctx, cancel := context.WithTimeout(ctx, pingLimit)
	defer cancel()
	return db.PingContext(ctx)
}

// jittered spreads d over 50 % to 100 % of it, so that replicas do not knock together.
func jittered(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }

// Package admin is what somebody without PostHog's main app needs to have feature flags: it makes teams, flags and
// cohorts in the tables that the main app has them in, and publishes them to the caches that the services read.
//
//	flags.json ─▶ Import ─▶ Postgres ─▶ Publish ─▶ Redis: flags.json, flags_with_cohorts.json, team metadata, SDK config
//
// Postgres is authoritative; Publish may be run at any time and writes what the tables say. A database of the main app
// is never written: what is changed there without the main app knowing would be overwritten or confuse it. Sources of
// the documents: PostHog's products/feature_flags/backend/flags_cache.py and local_evaluation.py,
// posthog/storage/hypercache.py.
package admin

import (
	"context"
	"errors"
	"fmt"

	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/common/redis"
	"github.com/hog-go/hog/common/schema"
)

// ErrMainApp says that a database is the main app's, which alone may change it.
var ErrMainApp = errors.New("the database is that of PostHog's main app: make teams and flags there")

// Options say where things are.
type Options struct {
	DB      *postgres.DB // teams, flags, cohorts
	Persons *postgres.DB // persons, members of static cohorts, group types; may be DB
	// Caches are the Redis servers that the services read; each is written. They hold text, in whichever format.
	Caches []*redis.Client
	// ClientConfig returns the document that configures SDKs in clients of a token; nil publishes none.
	ClientConfig func(token string) []byte
}

// Store reads and changes a self-hoster's teams and flags.
type Store struct {
	Options
	caches []*redis.Client // in the main app's format
}

// New makes a Store.
func New(o Options) *Store {
	s := &Store{Options: o}
	for _, c := range o.Caches {
		s.caches = append(s.caches, c.As(redis.Pickle))
	}
	return s
}

// writable refuses to touch what the main app owns.
func (s *Store) writable(ctx context.Context) error {
	var owned bool
	if err := s.DB.QueryRowContext(ctx, `SELECT to_regclass($1) IS NOT NULL`, schema.DjangoTable).Scan(&owned); err != nil {
		return fmt.Errorf("look whose database it is: %w", err)
	}
	if owned {
		return ErrMainApp
	}
	return nil
}

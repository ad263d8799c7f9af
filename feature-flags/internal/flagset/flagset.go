// Package flagset gets the flags of a team, compiled and ready for evaluation.
//
//	memory, while the version tag in Redis is the same ─▶ HyperCache (Redis, object storage) ─▶ Postgres
//
// The tag is one small value beside the cached document, so that a change made in the main app is seen at once and the document is read
// and compiled only when it has changed. Where there is no tag the document itself is compared. Cohorts come with the document; where
// they do not they are read from Postgres, and kept for minutes, since they are large and change rarely.
package flagset

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/hog-go/hog/common/hypercache"
	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/common/redis"
	"github.com/hog-go/hog/feature-flags/internal/answer"
	"github.com/hog-go/hog/feature-flags/internal/fault"
	"github.com/hog-go/hog/feature-flags/internal/fresh"
	"github.com/hog-go/hog/feature-flags/internal/team"
	"github.com/hog-go/hog/feature-flags/match"
)

// Cache is where the main app keeps flags for evaluation; their version tag lies in Redis at the same key and tagSuffix.
var Cache = hypercache.Config{Namespace: "feature_flags", Value: "flags.json"}

const (
	tagSuffix  = ":etag"
	tagTimeout = 500 * time.Millisecond
)

// Flags are the compiled flags of a team, with the answers that were already encoded for them. They are shared and immutable.
type Flags struct {
	Set       *match.Set
	Fragments *answer.Fragments

	tag      string // "": unknown
	digest   [sha256.Size]byte
	zone     string
	size     int64
	document []byte
}

// Config is read once, by New.
type Config struct {
	Fresh       time.Duration // how long flags are used without looking at their version again
	Keep        time.Duration // how long flags that nobody asks for are kept
	Bytes       int64         // of all documents in memory
	CohortBytes int64         // of cohorts that come from the database
	CohortTTL   time.Duration
	ReadTimeout time.Duration // of the database, the wait for a connection included

	ExplicitExact func(teamID int32) bool
	Realtime      func(teamID int32) bool
}

// Documents gives the flags of the cache.
type Documents interface {
	// Get returns a document, hypercache.ErrMiss if no tier has it.
	Get(ctx context.Context, key hypercache.Key) (hypercache.Document, error)
}

// Tags gives version tags.
type Tags interface {
	// Get returns the unpickled text at key; redis.ErrNotFound if there is none.
	Get(ctx context.Context, key string) (string, error)
}

// Source gets flags. It is safe for concurrent use.
type Source struct {
	cfg     Config
	cached  Documents
	tags    Tags
	tables  *tables
	log     *slog.Logger
	flags   *fresh.Cache[int32, *Flags]
	cohorts *fresh.Cache[int32, []byte]
	metrics *metricSet
}

// New makes a Source on the main database.
func New(cfg Config, cached Documents, tags Tags, db *postgres.DB, log *slog.Logger, reg prometheus.Registerer) *Source {
	s := &Source{
		cfg: cfg, cached: cached, tags: tags, tables: &tables{db: db, timeout: cfg.ReadTimeout}, log: log.With("component", "flags"),
		flags:   fresh.New[int32](fresh.Config{TTL: cfg.Fresh, Keep: cfg.Keep, Weight: cfg.Bytes}, func(f *Flags) int64 { return f.size }),
		cohorts: fresh.New[int32](fresh.Config{TTL: cfg.CohortTTL, Weight: cfg.CohortBytes}, func(c []byte) int64 { return int64(len(c)) }),
	}
	s.metrics = newMetrics(reg, s)
	return s
}

// Get returns the flags of a team. An error that wraps fault.ErrCorruptFlags is about the definitions, all others are outages.
func (s *Source) Get(ctx context.Context, t *team.Team) (*Flags, error) {
	if f, ok := s.flags.Peek(t.ID); ok && f.zone == t.TimeZone {
		s.metrics.memoryHits.Inc()
		return f, nil
	}
	return s.flags.Get(ctx, t.ID, func(ctx context.Context, old *Flags, had bool) (*Flags, error) {
		if !had || old.zone != t.TimeZone {
			old = nil
		}
		return s.load(ctx, t, old)
	})
}

// load returns old where it still holds.
func (s *Source) load(ctx context.Context, t *team.Team, old *Flags) (*Flags, error) {
	tag := s.tag(ctx, t)
	if old != nil && tag != "" && tag == old.tag {
		s.metrics.memoryHits.Inc()
		return old, nil
	}
	s.metrics.memoryMisses.Inc()
	document, err := s.document(ctx, t)
	if err != nil {
		return nil, err
	}
	f := &Flags{tag: tag, digest: sha256.Sum256(document), zone: t.TimeZone, size: int64(len(document)), document: document}
	if old != nil && f.digest == old.digest && !old.Set.NeedsCohorts() {
		renewed := *old
		renewed.tag = tag
		return &renewed, nil
	}
	return f, s.compile(ctx, t, f)
}

// tag is the version of the cached flags, "" if it cannot be told.
func (s *Source) tag(ctx context.Context, t *team.Team) string {
	ctx, cancel := context.WithTimeout(ctx, tagTimeout)
	defer cancel()
	tag, err := s.tags.Get(ctx, Cache.RedisKey(hypercache.ID(t.ID))+tagSuffix)
	switch {
	case err == nil:
		return tag
	case redis.IsNotFound(err):
		s.metrics.noVersion.WithLabelValues("missing").Inc()
	default:
		s.metrics.noVersion.WithLabelValues("redis_error").Inc()
	}
	return ""
}

func (s *Source) document(ctx context.Context, t *team.Team) ([]byte, error) {
	doc, err := s.cached.Get(ctx, hypercache.ID(t.ID))
	if err == nil {
		if doc.JSON == nil {
			return []byte("null"), nil // known to be empty
		}
		return doc.JSON, nil
	}
	if !errors.Is(err, hypercache.ErrMiss) {
		return nil, fmt.Errorf("read the cached flags of team %d: %w", t.ID, err)
	}
	s.metrics.databaseReads.Inc()
	begun := time.Now()
	defer func() { s.metrics.queryTime.Observe(float64(time.Since(begun).Microseconds()) / 1000) }()
	return s.tables.flags(ctx, t.ID)
}

// compile makes the set of f, with cohorts from the database where it needs them.
func (s *Source) compile(ctx context.Context, t *team.Team, f *Flags) (err error) {
	s.metrics.graphs.Inc()
	options := match.Options{Location: t.Location, ExplicitExact: s.cfg.ExplicitExact(t.ID), RealtimeCohorts: s.cfg.Realtime(t.ID)}
	f.Set, err = match.Compile(f.document, nil, options)
	if err == nil && f.Set.NeedsCohorts() {
		s.metrics.cohortSource.WithLabelValues("cache_manager").Inc()
		var cohorts []byte
		if cohorts, err = s.teamCohorts(ctx, t.ID); err != nil {
			return err
		}
		f.size += int64(len(cohorts))
		f.Set, err = match.Compile(f.document, cohorts, options)
	} else {
		s.metrics.cohortSource.WithLabelValues("preloaded").Inc()
	}
	if err != nil {
		s.log.ErrorContext(ctx, "flag definitions cannot be parsed", "team_id", t.ID, "err", err)
		return fmt.Errorf("%w: team %d: %w", fault.ErrCorruptFlags, t.ID, err)
	}
	for key, flaw := range f.Set.Flaws() {
		s.log.WarnContext(ctx, "flag cannot be evaluated", "team_id", t.ID, "flag", key, "err", flaw)
	}
	f.document = nil
	f.Fragments = answer.NewFragments(f.Set)
	return nil
}

func (s *Source) teamCohorts(ctx context.Context, teamID int32) ([]byte, error) {
	if c, ok := s.cohorts.Peek(teamID); ok {
		s.metrics.cohortHits.Inc()
		return c, nil
	}
	return s.cohorts.Get(ctx, teamID, func(ctx context.Context, _ []byte, _ bool) ([]byte, error) {
		s.metrics.cohortMisses.Inc()
		s.metrics.cohortReads.Inc()
		return s.tables.cohorts(ctx, teamID)
	})
}

type metricSet struct {
	memoryHits, memoryMisses, databaseReads, cohortHits, cohortMisses, cohortReads, graphs prometheus.Counter
	queryTime                                                                              prometheus.Histogram
	noVersion, cohortSource                                                                *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer, s *Source) *metricSet {
	f := promauto.With(reg)
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	gauge := func(name, help string, value func() float64) {
		f.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	gauge("flags_definitions_inmem_cache_size_bytes", "Documents of the flags in memory.", func() float64 { _, w := s.flags.Size(); return float64(w) })
	gauge("flags_cohort_cache_size_bytes", "Cohorts in memory that came from the database.", func() float64 { _, w := s.cohorts.Size(); return float64(w) })
	gauge("flags_cohort_cache_entries", "Teams whose cohorts are in memory.", func() float64 { n, _ := s.cohorts.Size(); return float64(n) })
	return &metricSet{
		memoryHits:    counter("flags_definitions_inmem_cache_hit_total", "Requests whose flags were in memory."),
		memoryMisses:  counter("flags_definitions_inmem_cache_miss_total", "Documents of flags that had to be read."),
		databaseReads: counter("flags_db_flag_reads_total", "Flags read from the database, since no cache had them."),
		cohortHits:    counter("flags_cohort_cache_hit_total", "Cohorts found in memory."),
		cohortMisses:  counter("flags_cohort_cache_miss_total", "Cohorts read from the database."),
		cohortReads:   counter("flags_db_cohort_reads_total", "Reads of a team's cohorts from the database."),
		graphs:        counter("flags_dependency_graph_build_total", "Sets of flags compiled, with the order of their dependencies."),
		queryTime: f.NewHistogram(prometheus.HistogramOpts{
			Name: "flags_definition_query_time", Help: "Time of reading flags from the database, in ms.", Buckets: prometheus.ExponentialBuckets(0.25, 2, 14),
		}),
		noVersion:    f.NewCounterVec(prometheus.CounterOpts{Name: "flags_definitions_inmem_cache_no_version_total", Help: "Flags whose version could not be told."}, []string{"reason"}),
		cohortSource: f.NewCounterVec(prometheus.CounterOpts{Name: "flags_cohort_source_total", Help: "Where the cohorts of compiled flags came from."}, []string{"source"}),
	}
}

// Package team finds the project that a public token belongs to.
//
//	memory ─▶ HyperCache (Redis, object storage) ─▶ Postgres
//
// Tokens that are certainly nobody's are remembered for a while, so that a wrong snippet on a busy page costs no statement for each view.
// An outage says nothing about a token, and nothing is remembered of it.
package team

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/hog-go/hog/common/cookieless"
	"github.com/hog-go/hog/common/hypercache"
	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/common/readthrough"
	"github.com/hog-go/hog/feature-flags/internal/fresh"
)

// ErrUnknownToken says that no team has a token.
var ErrUnknownToken = errors.New("no team has this token")

// Cache is where the main app keeps teams.
var Cache = hypercache.Config{Namespace: "team_metadata", Value: "full_metadata.json", ByToken: true}

// Team is what the service needs to know of a project. It is shared: do not change it.
type Team struct {
	ID             int32
	ProjectID      int64
	UUID           string
	OrganizationID string // "" in very old data
	Token          string
	Location       *time.Location // of dates without a zone
	TimeZone       string         // its name
	Cookieless     cookieless.Mode
	MinimalEvents  bool // SDKs are to send short $feature_flag_called events
}

// row is a team as the cache and the table have it.
type row struct {
	ID             int32   `json:"id" db:"id"`
	ProjectID      *int64  `json:"project_id" db:"project_id"`
	UUID           string  `json:"uuid" db:"uuid"`
	OrganizationID *string `json:"organization_id" db:"organization_id"`
	Token          string  `json:"api_token" db:"api_token"`
	TimeZone       *string `json:"timezone" db:"timezone"`
	Cookieless     *int16  `json:"cookieless_server_hash_mode" db:"cookieless_server_hash_mode"`
	MinimalEvents  *bool   `json:"minimal_flag_called_events" db:"minimal_flag_called_events"`
}

func (r *row) team() *Team {
	t := &Team{ID: r.ID, ProjectID: int64(r.ID), UUID: r.UUID, Token: r.Token, TimeZone: "UTC", Location: time.UTC}
	if r.ProjectID != nil {
		t.ProjectID = *r.ProjectID
	}
	if r.OrganizationID != nil {
		t.OrganizationID = *r.OrganizationID
	}
	t.MinimalEvents = r.MinimalEvents != nil && *r.MinimalEvents
	if r.Cookieless != nil {
		t.Cookieless = cookieless.Mode(*r.Cookieless)
	}
	if r.TimeZone != nil && *r.TimeZone != "" {
		if zone, err := time.LoadLocation(*r.TimeZone); err == nil {
			t.TimeZone, t.Location = *r.TimeZone, zone
		}
	}
	return t
}

// Config is read once, by New.
type Config struct {
	Fresh       time.Duration // how long a team is used without asking for it again
	Max         int           // teams in memory
	Negative    int           // unknown tokens in memory
	NegativeTTL time.Duration
	ReadTimeout time.Duration // of the database, the wait for a connection included

	// Adopt, if not nil, is asked about a token that no team has. If it returns nil the database is asked once more.
	Adopt func(ctx context.Context, token string) error
}

// Documents gives the teams of the cache.
type Documents interface {
	// Get returns a document, hypercache.ErrMiss if no tier has it.
	Get(ctx context.Context, key hypercache.Key) (hypercache.Document, error)
}

// Source finds teams. It is safe for concurrent use.
type Source struct {
	cfg      Config
	cached   Documents
	db       *postgres.DB
	teams    *fresh.Cache[string, *Team]
	negative *readthrough.Negative
	log      *slog.Logger
	query    atomic.Pointer[string] // of a team, once it is known which tables there are

	hits, negativeHits, reads prometheus.Counter
}

// New makes a Source on the main database.
func New(cfg Config, cached Documents, db *postgres.DB, log *slog.Logger, reg prometheus.Registerer) *Source {
	f := promauto.With(reg)
	return &Source{
		cfg: cfg, cached: cached, db: db, log: log.With("component", "team"),
		teams:        fresh.New[string, *Team](fresh.Config{TTL: cfg.Fresh, Keep: time.Hour, Weight: int64(cfg.Max)}, nil),
		negative:     readthrough.NewNegative(cfg.Negative, cfg.NegativeTTL),
		hits:         f.NewCounter(prometheus.CounterOpts{Name: "flags_team_cache_hit_total", Help: "Teams found in memory or in the cache of the main app."}),
		negativeHits: f.NewCounter(prometheus.CounterOpts{Name: "flags_team_negative_cache_hit_total", Help: "Tokens known to be nobody's."}),
		reads:        f.NewCounter(prometheus.CounterOpts{Name: "flags_db_team_reads_total", Help: "Teams asked of the database."}),
	}
}

// ByToken is the team of a public token: ErrUnknownToken if there certainly is none, any other error is an outage.
func (s *Source) ByToken(ctx context.Context, token string) (*Team, error) {
	if strings.Contains(token, "\x00") || !utf8.ValidString(token) {
		return nil, ErrUnknownToken // the database cannot even be asked about it
	}
	if t, ok := s.teams.Peek(token); ok {
		s.hits.Inc()
		return t, nil
	}
	if s.negative.Contains(token) {
		s.negativeHits.Inc()
		return nil, ErrUnknownToken
	}
	t, err := s.teams.Get(ctx, token, func(ctx context.Context, _ *Team, _ bool) (*Team, error) { return s.load(ctx, token) })
	if errors.Is(err, ErrUnknownToken) {
		s.negative.Add(token)
	}
	return t, err
}

func (s *Source) load(ctx context.Context, token string) (*Team, error) {
	if t, ok := s.fromCache(ctx, token); ok {
		s.hits.Inc()
		return t, nil
	}
	t, err := s.fromTable(ctx, token)
	if errors.Is(err, ErrUnknownToken) && s.cfg.Adopt != nil {
		if err := s.cfg.Adopt(ctx, token); err != nil {
			s.log.WarnContext(ctx, "token of no team was not adopted", "err", err)
			return nil, ErrUnknownToken
		}
		return s.fromTable(ctx, token)
	}
	return t, err
}

func (s *Source) fromTable(ctx context.Context, token string) (*Team, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.ReadTimeout)
	defer cancel()
	s.reads.Inc()
	query, err := s.teamQuery(ctx)
	if err != nil {
		return nil, err
	}
	var r row
	err = s.db.GetContext(ctx, &r, query, token)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, ErrUnknownToken
	case err != nil:
		return nil, fmt.Errorf("look up a team by its token: %w", err)
	}
	return r.team(), nil
}

// The query of a team. Its verb is whether SDKs are to send short events, which has a table of its own in newer main apps.
const (
	teamQuery = `SELECT t.id, t.project_id, t.uuid, t.organization_id, t.api_token, t.timezone, t.cookieless_server_hash_mode,
	%s AS minimal_flag_called_events
FROM posthog_team t WHERE t.api_token = $1`
	minimalEvents = `(SELECT (to_jsonb(c)->>'minimal_flag_called_events')::boolean FROM feature_flags_teamfeatureflagsconfig c WHERE c.team_id = t.id)`
)

// teamQuery looks once whether there is that table.
func (s *Source) teamQuery(ctx context.Context) (string, error) {
	if q := s.query.Load(); q != nil {
		return *q, nil
	}
	var there bool
	if err := s.db.GetContext(ctx, &there, `SELECT to_regclass('feature_flags_teamfeatureflagsconfig') IS NOT NULL`); err != nil {
		return "", fmt.Errorf("look for the tables of teams: %w", err)
	}
	query := fmt.Sprintf(teamQuery, "NULL::boolean")
	if there {
		query = fmt.Sprintf(teamQuery, minimalEvents)
	}
	s.query.Store(&query)
	return query, nil
}

// fromCache passes over documents that say nothing, or that are another team's.
func (s *Source) fromCache(ctx context.Context, token string) (*Team, bool) {
	doc, err := s.cached.Get(ctx, hypercache.Text(token))
	if err != nil || doc.JSON == nil {
		return nil, false
	}
	var r row
	if err := json.Unmarshal(doc.JSON, &r); err != nil || r.ID == 0 || r.Token != token {
		s.log.WarnContext(ctx, "cached team is unusable", "team_id", r.ID, "err", err)
		return nil, false
	}
	return r.team(), true
}

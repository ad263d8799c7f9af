// Package person reads what the databases know of the person and the groups of a request: properties, static and realtime cohorts, group
// types. All reads go to replicas.
package person

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/feature-flags/internal/fresh"
	"github.com/hog-go/hog/feature-flags/match"
)

// Spans beyond which a read is worth a line in the log.
const (
	slowPerson  = 500 * time.Millisecond
	slowGroups  = 300 * time.Millisecond
	slowConnect = 100 * time.Millisecond
)

// Config is read once, by New.
type Config struct {
	GroupTypeTTL time.Duration
	GroupTypes   int // teams whose group types are kept
	RealtimeTTL  time.Duration
	Realtime     int           // persons whose realtime cohorts are kept
	ReadTimeout  time.Duration // of all that is read for a request, the wait for a connection included
}

// Store reads. It is safe for concurrent use.
type Store struct {
	timeout    time.Duration
	db         *postgres.DB
	behavioral *postgres.DB // nil: there are no realtime cohorts
	log        *slog.Logger
	types      *fresh.Cache[tenant, []match.GroupType]
	realtime   *fresh.Cache[visitor, []int32]
	metrics    *metricSet
}

type tenant struct {
	team    int32
	project int64
}

type visitor struct {
	team int32
	uuid string
}

// New makes a Store on the database of persons.
func New(cfg Config, db, behavioral *postgres.DB, log *slog.Logger, reg prometheus.Registerer) *Store {
	return &Store{
		timeout: cfg.ReadTimeout, db: db, behavioral: behavioral, log: log.With("component", "person"), metrics: newMetrics(reg),
		types:    fresh.New[tenant, []match.GroupType](fresh.Config{TTL: cfg.GroupTypeTTL, Weight: int64(cfg.GroupTypes)}, nil),
		realtime: fresh.New[visitor, []int32](fresh.Config{TTL: cfg.RealtimeTTL, Keep: cfg.RealtimeTTL, Weight: int64(cfg.Realtime)}, nil),
	}
}

// GroupTypes are the group types of a team and of a project, 0 for none, from memory for a while.
func (s *Store) GroupTypes(ctx context.Context, teamID int32, projectID int64) ([]match.GroupType, error) {
	key := tenant{teamID, projectID}
	if types, ok := s.types.Peek(key); ok {
		s.metrics.typeHits.Inc()
		return types, nil
	}
	return s.types.Get(ctx, key, func(ctx context.Context, _ []match.GroupType, _ bool) ([]match.GroupType, error) {
		s.metrics.typeMisses.Inc()
		defer s.timed(ctx, s.metrics.types, "group types", slowGroups, teamID)()
		ctx, cancel := context.WithTimeout(ctx, s.timeout)
		defer cancel()
		var rows []struct {
			Index int    `db:"group_type_index"`
			Name  string `db:"group_type"`
		}
		if err := s.db.SelectContext(ctx, &rows, `SELECT DISTINCT group_type_index, group_type FROM posthog_grouptypemapping WHERE team_id = $1 OR project_id = $2`, teamID, projectID); err != nil {
			return nil, fmt.Errorf("read the group types of team %d: %w", teamID, err)
		}
		types := make([]match.GroupType, len(rows))
		for i, r := range rows {
			types[i] = match.GroupType{Index: r.Index, Name: r.Name}
		}
		return types, nil
	})
}

// Fetch reads what needs asks for into data. On an error data is as it was.
func (s *Store) Fetch(ctx context.Context, teamID int32, distinctID string, needs match.Needs, data *match.Data) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	defer since(s.metrics.fetch, time.Now())
	found, groups, err := s.read(ctx, teamID, distinctID, needs)
	if errors.Is(err, driver.ErrBadConn) { // an idle connection whose server has gone meanwhile
		found, groups, err = s.read(ctx, teamID, distinctID, needs)
	}
	if err != nil {
		return err
	}
	data.Fetched = true
	data.Groups = groups
	if found != nil {
		data.Person, data.PersonCreatedAt, data.StaticCohorts = found.Properties, found.CreatedAt.UTC().Format(time.RFC3339Nano), found.cohorts
		if len(needs.RealtimeCohorts) > 0 {
			data.RealtimeCohorts = s.realtimeCohorts(ctx, visitor{team: teamID, uuid: found.UUID}, needs.RealtimeCohorts)
		}
	}
	return nil
}

// read reads everything on one connection.
func (s *Store) read(ctx context.Context, teamID int32, distinctID string, needs match.Needs) (*personRow, []match.GroupData, error) {
	begun := time.Now()
	conn, err := s.db.Connx(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("connect to the database of persons: %w", err)
	}
	got := time.Now()
	s.metrics.connect.Observe(milliseconds(got.Sub(begun)))
	if wait := got.Sub(begun); wait > slowConnect {
		s.log.WarnContext(ctx, "slow connection", "took", wait, "team_id", teamID)
	}
	defer func() {
		_ = conn.Close() // back to the pool
		since(s.metrics.hold, got)
	}()
	found, err := s.person(ctx, conn, teamID, distinctID, needs.StaticCohorts)
	if err != nil {
		return nil, nil, err
	}
	groups, err := s.groups(ctx, conn, teamID, needs.Groups)
	return found, groups, err
}

type personRow struct {
	UUID       string    `db:"uuid"`
	Properties []byte    `db:"properties"`
	CreatedAt  time.Time `db:"created_at"`
	Cohorts    []byte    `db:"cohorts"` // JSON array
	cohorts    []int32
}

// personQuery finds the person of a distinct id, and which of some static cohorts it is in, in one round trip. Both tables are large and
// keyed by team.
const personQuery = `SELECT p.uuid::text AS uuid, p.properties, p.created_at,
	(SELECT json_agg(m.cohort_id) FROM posthog_cohortpeople m WHERE m.person_id = p.id AND m.cohort_id = ANY($3::int[])) AS cohorts
FROM posthog_persondistinctid d
JOIN posthog_person p ON p.id = d.person_id AND p.team_id = d.team_id
WHERE d.team_id = $1 AND d.distinct_id = $2
LIMIT 1`

// person is nil if there is none.
func (s *Store) person(ctx context.Context, conn *sqlx.Conn, teamID int32, distinctID string, cohorts []int32) (*personRow, error) {
	defer s.timed(ctx, s.metrics.person, "person", slowPerson, teamID)()
	if len(cohorts) > 0 {
		defer since(s.metrics.cohorts, time.Now())
	} else {
		cohorts = []int32{}
	}
	var row personRow
	err := conn.GetContext(ctx, &row, personQuery, teamID, distinctID, cohorts)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err == nil && row.Cohorts != nil {
		err = json.Unmarshal(row.Cohorts, &row.cohorts)
	}
	if err != nil {
		return nil, fmt.Errorf("read a person of team %d: %w", teamID, err)
	}
	return &row, nil
}

// groupsQuery keeps index and key of each wanted group together.
const groupsQuery = `SELECT g.group_type_index, g.group_properties
FROM UNNEST($2::int[], $3::text[]) AS want (group_type_index, group_key)
JOIN posthog_group g ON g.team_id = $1 AND g.group_type_index = want.group_type_index AND g.group_key = want.group_key`

func (s *Store) groups(ctx context.Context, conn *sqlx.Conn, teamID int32, want []match.GroupRef) ([]match.GroupData, error) {
	if len(want) == 0 {
		return nil, nil
	}
	defer s.timed(ctx, s.metrics.groups, "groups", slowGroups, teamID)()
	var rows []struct {
		Index      int    `db:"group_type_index"`
		Properties []byte `db:"group_properties"`
	}
	err := conn.SelectContext(ctx, &rows, groupsQuery, teamID,
		postgres.Column(want, func(g *match.GroupRef) int32 { return int32(g.Index) }), postgres.Column(want, func(g *match.GroupRef) string { return g.Key }))
	if err != nil {
		return nil, fmt.Errorf("read groups of team %d: %w", teamID, err)
	}
	groups := make([]match.GroupData, len(rows))
	for i, r := range rows {
		groups[i] = match.GroupData{Index: r.Index, Properties: r.Properties}
	}
	return groups, nil
}

// realtimeCohorts are those of the wanted cohorts that a person is in. A person is in none while they cannot be read: a flag that waits
// for this database would be worse than one that is late.
func (s *Store) realtimeCohorts(ctx context.Context, v visitor, want []int32) []int32 {
	if s.behavioral == nil {
		return nil
	}
	in, err := s.realtime.Get(ctx, v, func(ctx context.Context, _ []int32, _ bool) ([]int32, error) {
		ctx, cancel := context.WithTimeout(ctx, s.timeout)
		defer cancel()
		defer since(s.metrics.realtime, time.Now())
		in := []int32{}
		err := s.behavioral.SelectContext(ctx, &in, `SELECT cohort_id FROM cohort_membership
			WHERE team_id = $1 AND person_id = $2::uuid AND cohort_id = ANY($3::bigint[]) AND in_cohort`, v.team, v.uuid, wide(want))
		return in, err
	})
	if err != nil {
		s.metrics.realtimeErrors.Inc()
		s.log.WarnContext(ctx, "realtime cohorts cannot be read", "team_id", v.team, "err", err)
		return nil
	}
	return in
}

func wide(ids []int32) []int64 {
	out := make([]int64, len(ids))
	for i, id := range ids {
		out[i] = int64(id)
	}
	return out
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func since(h prometheus.Observer, begun time.Time) { h.Observe(milliseconds(time.Since(begun))) }

// timed measures until the returned function is called.
func (s *Store) timed(ctx context.Context, h prometheus.Observer, what string, slow time.Duration, teamID int32) func() {
	start := time.Now()
	return func() {
		took := time.Since(start)
		h.Observe(milliseconds(took))
		if took > slow {
			s.log.WarnContext(ctx, "slow query", "query", what, "took", took, "team_id", teamID)
		}
	}
}

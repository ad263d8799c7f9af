// Package continuity keeps the variants of a person who was anonymous first. Flags with experience continuity hash the id that the person
// had when it first saw them; the database holds that id by person and flag.
//
//	a request with an anonymous id:  some flag of one of its persons has no id yet ─▶ write the anonymous id for those, read from the writer
//	                                 else                                          ─▶ read from the replica
//
// A failure costs the flags with continuity their value, and no others. Source: PostHog's rust/feature-flags/src/flags/flag_matching_utils.rs.
package continuity

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/hog-go/hog/common/cookieless"
	"github.com/hog-go/hog/common/postgres"
)

// Retries: the first wait, the longest wait, the number of tries.
const (
	readWait, readTries   = 50 * time.Millisecond, 3
	writeWait, writeTries = 100 * time.Millisecond, 2
	maxWait               = 300 * time.Millisecond
)

// Store reads and writes overrides. It is safe for concurrent use.
type Store struct {
	timeout        time.Duration
	reader, writer *postgres.DB
	teamLabel      func(teamID int32) string
	log            *slog.Logger

	writes  *prometheus.CounterVec
	retries *prometheus.CounterVec
	results *prometheus.CounterVec
}

// Deps are what New needs.
type Deps struct {
	Reader, Writer *postgres.DB              // of persons
	TeamLabel      func(teamID int32) string // what metrics call a team
	Log            *slog.Logger
	Registerer     prometheus.Registerer
}

// New makes a Store. timeout is for all that a request needs of it, the wait for connections included.
func New(timeout time.Duration, d Deps) *Store {
	f := promauto.With(d.Registerer)
	return &Store{
		timeout: timeout, reader: d.Reader, writer: d.Writer, teamLabel: d.TeamLabel, log: d.Log.With("component", "continuity"),
		writes:  f.NewCounterVec(prometheus.CounterOpts{Name: "flags_flag_hash_key_writes_total", Help: "Requests that wrote overrides."}, []string{"successful_write"}),
		retries: f.NewCounterVec(prometheus.CounterOpts{Name: "flags_hash_key_retries_total", Help: "Statements about overrides that were tried again."}, []string{"team_id", "operation"}),
		results: f.NewCounterVec(prometheus.CounterOpts{Name: "flags_hash_key_query_result_total", Help: "Requests by whether they have overrides."}, []string{"result"}),
	}
}

// Ask is what a request wants to know.
type Ask struct {
	TeamID     int32
	DistinctID string
	AnonID     string   // "": none
	Keys       []string // flags with continuity
	ReadOnly   bool
}

// Overrides are the ids to hash, by flag key. An anonymous id is first written where the person has none.
func (s *Store) Overrides(ctx context.Context, a Ask) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	ids := []string{a.DistinctID}
	if a.AnonID != "" && a.AnonID != a.DistinctID {
		ids = append(ids, a.AnonID)
	}
	rows, err := s.read(ctx, s.reader, a.TeamID, ids)
	if err != nil {
		return nil, err
	}
	if a.AnonID != "" && !a.ReadOnly && missing(rows, a.Keys) {
		if err := s.write(ctx, a, ids); err != nil {
			return nil, err
		}
		if rows, err = s.read(ctx, s.writer, a.TeamID, ids); err != nil {
			return nil, err
		}
	}
	overrides := combine(rows, a.DistinctID)
	result := "empty"
	if len(overrides) > 0 {
		result = "found"
	}
	s.results.WithLabelValues(result).Inc()
	return overrides, nil
}

type row struct {
	DistinctID string  `db:"distinct_id"`
	PersonID   int64   `db:"person_id"`
	Key        *string `db:"feature_flag_key"` // nil: the person has no override at all
	HashKey    *string `db:"hash_key"`
}

// readQuery gives at least one row for each person that has one of the ids.
const readQuery = `SELECT d.distinct_id, d.person_id, o.feature_flag_key, o.hash_key
FROM posthog_persondistinctid d
LEFT JOIN posthog_featureflaghashkeyoverride o ON o.team_id = d.team_id AND o.person_id = d.person_id
WHERE d.team_id = $1 AND d.distinct_id = ANY($2::text[])`

func (s *Store) read(ctx context.Context, db *postgres.DB, teamID int32, ids []string) (rows []row, err error) {
	err = s.again(ctx, teamID, "get_overrides", readWait, readTries, worthRetrying, func() error {
		rows = rows[:0]
		return db.SelectContext(ctx, &rows, readQuery, teamID, ids)
	})
	if err != nil {
		return nil, fmt.Errorf("read flag overrides of team %d: %w", teamID, err)
	}
	return rows, nil
}

// missing tells whether some flag has an override of none of the persons. Without a person there is nobody to write for.
func missing(rows []row, keys []string) bool {
	if len(rows) == 0 {
		return false
	}
	have := map[string]bool{}
	for _, r := range rows {
		if r.Key != nil {
			have[*r.Key] = true
		}
	}
	for _, key := range keys {
		if !have[key] {
			return true
		}
	}
	return false
}

// writeQuery adds what is missing in one statement, and so in one transaction: for each person that still exists and has one of the ids,
// and each flag, unless there is an override already, also one that another request adds meanwhile.
const writeQuery = `INSERT INTO posthog_featureflaghashkeyoverride (team_id, person_id, feature_flag_key, hash_key)
SELECT p.team_id, p.id, want.key, $4
FROM posthog_person p
CROSS JOIN UNNEST($3::text[]) AS want (key)
WHERE p.team_id = $1
  AND p.id IN (SELECT d.person_id FROM posthog_persondistinctid d WHERE d.team_id = $1 AND d.distinct_id = ANY($2::text[]))
  AND NOT EXISTS (SELECT 1 FROM posthog_featureflaghashkeyoverride o WHERE o.team_id = p.team_id AND o.person_id = p.id AND o.feature_flag_key = want.key)
ON CONFLICT DO NOTHING`

func (s *Store) write(ctx context.Context, a Ask, ids []string) error {
	var added int64
	// A foreign key is violated when a person is deleted between its reading and the insert; the next try does not see it any more.
	retry := func(err error) bool { return postgres.IsForeignKey(err) || worthRetrying(err) }
	err := s.again(ctx, a.TeamID, "set_overrides", writeWait, writeTries, retry, func() error {
		result, err := s.writer.ExecContext(ctx, writeQuery, a.TeamID, ids, a.Keys, a.AnonID)
		if err == nil {
			added, err = result.RowsAffected()
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("write flag overrides of team %d: %w", a.TeamID, err)
	}
	s.writes.WithLabelValues(map[bool]string{true: "true", false: "false"}[added > 0]).Inc()
	return nil
}

// combine lets the person of the distinct id win over that of the anonymous id. The id that cookieless visitors share keeps nobody's
// variants.
func combine(rows []row, distinctID string) map[string]string {
	overrides := map[string]string{}
	for _, first := range []bool{false, true} {
		for _, r := range rows {
			if r.Key != nil && r.HashKey != nil && *r.HashKey != cookieless.Sentinel && (r.DistinctID == distinctID) == first {
				overrides[*r.Key] = *r.HashKey
			}
		}
	}
	return overrides
}

// RetriedError is what is left after more tries than one.
type RetriedError struct{ Err error }

func (e *RetriedError) Error() string { return e.Err.Error() }

// Unwrap returns the last failure.
func (e *RetriedError) Unwrap() error { return e.Err }

// again runs f until it succeeds, fails for good, or has failed often enough.
func (s *Store) again(ctx context.Context, teamID int32, operation string, wait time.Duration, tries int, retry func(error) bool, f func() error) error {
	for try := 1; ; try++ {
		err := f()
		if err != nil && try > 1 {
			err = &RetriedError{Err: err}
		}
		if err == nil || try == tries || !retry(err) || ctx.Err() != nil {
			return err
		}
		s.retries.WithLabelValues(s.teamLabel(teamID), operation).Inc()
		timer := time.NewTimer(min(wait, maxWait)/2 + rand.N(min(wait, maxWait)/2))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
		wait *= 2
	}
}

// worthRetrying leaves timeouts out: the proxy in front has given up by the time that a second one is over.
func worthRetrying(err error) bool { return postgres.IsTransient(err) && !postgres.IsTimeout(err) }

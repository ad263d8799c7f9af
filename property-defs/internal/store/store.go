// Package store has the statements on the three tables of definitions. Each works on a set of rows at once and is a
// transaction of its own; their text is the same for every number of rows, so that a connection prepares it once.
//
// Source of the semantics: PostHog's rust/property-defs-rs/src/batch_ingestion.rs and read_filter.rs.
package store

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/property-defs/internal/definition"
)

var (
	//go:embed sql/write_events.sql
	writeEvents string
	//go:embed sql/write_events_with_mode.sql
	writeEventsWithMode string
	//go:embed sql/write_event_properties.sql
	writeEventProperties string
	//go:embed sql/write_properties.sql
	writeProperties string
)

// Writer writes to one database. It is safe for use by many goroutines.
type Writer struct {
	db  *postgres.DB
	now func() time.Time
	// needsMode is whether posthog_eventdefinition has a column enforcement_mode that must be given; nil: not looked yet.
	needsMode atomic.Pointer[bool]
}

// NewWriter makes a Writer; it asks nothing of the database. now is the clock of last_seen_at.
func NewWriter(db *postgres.DB, now func() time.Time) *Writer { return &Writer{db: db, now: now} }

// Write writes rows of one kind and tells how many rows of the table changed. Properties of groups must be resolved.
func (w *Writer) Write(ctx context.Context, kind definition.Kind, rows []definition.Update) (changed int64, err error) {
	var result sql.Result
	switch kind {
	case definition.Event:
		result, err = w.events(ctx, rows)
	case definition.EventProperty:
		result, err = w.db.ExecContext(ctx, writeEventProperties, events(rows), properties(rows), teamIDs(rows), projectIDs(rows))
	case definition.Property:
		result, err = w.db.ExecContext(ctx, writeProperties, ids(rows), properties(rows), parents(rows), groupIndexes(rows),
			postgres.Column(rows, func(u *definition.Update) bool { return u.Type == definition.Numeric }), teamIDs(rows), projectIDs(rows), types(rows))
	}
	if err != nil {
		return 0, fmt.Errorf("write %d rows of %s: %w", len(rows), kind, err)
	}
	return result.RowsAffected()
}

func (w *Writer) events(ctx context.Context, rows []definition.Update) (sql.Result, error) {
	needsMode := w.needsMode.Load()
	if needsMode == nil {
		v, err := w.modeIsRequired(ctx)
		if err != nil {
			return nil, err
		}
		w.needsMode.Store(&v)
		needsMode = &v
	}
	query := writeEvents
	if *needsMode {
		query = writeEventsWithMode
	}
	result, err := w.db.ExecContext(ctx, query, ids(rows), events(rows), teamIDs(rows), projectIDs(rows), w.now())
	switch postgres.Code(err) {
	case "23502", "42703": // not null violation, undefined column: the table was migrated under us
		w.needsMode.Store(nil)
	}
	return result, err
}

// modeIsRequired looks for a column that the newest main app has and that Django may fill in Python only.
func (w *Writer) modeIsRequired(ctx context.Context) (bool, error) {
	var required bool
	err := w.db.GetContext(ctx, &required, `SELECT attnotnull AND NOT atthasdef FROM pg_attribute
		WHERE attrelid = 'posthog_eventdefinition'::regclass AND attname = 'enforcement_mode' AND NOT attisdropped`)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look at posthog_eventdefinition: %w", err)
	}
	return required, nil
}

// Reset closes idle connections: the server behind them may have become read-only.
func (w *Writer) Reset() { w.db.Reset() }

func ids(rows []definition.Update) []uuid.UUID {
	return postgres.Column(rows, func(*definition.Update) uuid.UUID { return uuid.Must(uuid.NewV7()) }) // fails without randomness only
}

func events(rows []definition.Update) []string {
	return postgres.Column(rows, func(u *definition.Update) string { return u.Event })
}

func properties(rows []definition.Update) []string {
	return postgres.Column(rows, func(u *definition.Update) string { return u.Property })
}

func teamIDs(rows []definition.Update) []int32 {
	return postgres.Column(rows, func(u *definition.Update) int32 { return u.Team })
}

func projectIDs(rows []definition.Update) []int64 {
	return postgres.Column(rows, func(u *definition.Update) int64 { return u.Project })
}

func parents(rows []definition.Update) []int16 {
	return postgres.Column(rows, func(u *definition.Update) int16 { return int16(u.Parent) })
}

func groupIndexes(rows []definition.Update) []*int16 {
	return postgres.Column(rows, func(u *definition.Update) *int16 {
		if u.GroupIndex == definition.NoGroup {
			return nil
		}
		return &u.GroupIndex
	})
}

func types(rows []definition.Update) []*string {
	return postgres.Column(rows, func(u *definition.Update) *string {
		if u.Type == definition.Untyped {
			return nil
		}
		return new(u.Type.String())
	})
}

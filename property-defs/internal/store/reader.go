package store

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/property-defs/internal/definition"
)

var (
	//go:embed sql/known_events.sql
	knownEvents string
	//go:embed sql/known_event_properties.sql
	knownEventProperties string
	//go:embed sql/known_properties.sql
	knownProperties string
	//go:embed sql/team_event_properties.sql
	teamEventProperties string
	//go:embed sql/team_properties.sql
	teamProperties string
)

// Reader reads from one database, which may lag behind the one that is written.
type Reader struct{ db *postgres.DB }

// NewReader makes a Reader; it asks nothing of the database.
func NewReader(db *postgres.DB) *Reader { return &Reader{db: db} }

// Found is a row of the input that the database has.
type Found struct {
	Place int             // in the input
	Type  definition.Type // stored, of a property
}

// Known tells which rows the database has: any property and pair that is there, and events that were seen in their window.
func (r *Reader) Known(ctx context.Context, kind definition.Kind, rows []definition.Update) (found []Found, err error) {
	var query string
	var args []any
	switch kind {
	case definition.Event:
		query, args = knownEvents, []any{projectIDs(rows), events(rows), windows(rows)}
	case definition.EventProperty:
		query, args = knownEventProperties, []any{projectIDs(rows), events(rows), properties(rows)}
	case definition.Property:
		query, args = knownProperties, []any{projectIDs(rows), properties(rows), parents(rows),
			postgres.Column(rows, func(u *definition.Update) int16 { return u.GroupIndex })}
	}
	err = r.each(ctx, query, args, func(scan func(...any) error) error {
		var f Found
		var name string
		into := []any{&f.Place}
		if kind == definition.Property {
			into = append(into, &name)
		}
		err := scan(into...)
		f.Place-- // ordinality counts from 1
		f.Type = definition.ParseType(name)
		found = append(found, f)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for %d rows of %s: %w", len(rows), kind, err)
	}
	return found, nil
}

func windows(rows []definition.Update) []time.Time {
	return postgres.Column(rows, func(u *definition.Update) time.Time { return time.Unix(u.Window, 0) })
}

// EventProperties gives at most limit pairs of a project, in order, that come after the pair of event and property.
func (r *Reader) EventProperties(ctx context.Context, project int64, event, property string, limit int) (pairs [][2]string, err error) {
	err = r.each(ctx, teamEventProperties, []any{project, event, property, limit}, func(scan func(...any) error) error {
		var p [2]string
		err := scan(&p[0], &p[1])
		pairs = append(pairs, p)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read event properties of project %d: %w", project, err)
	}
	return pairs, nil
}

// Properties calls f for at most limit properties of a project that are of no group, as they come.
func (r *Reader) Properties(ctx context.Context, project int64, limit int, f func(name string, t definition.Type, p definition.Parent)) error {
	err := r.each(ctx, teamProperties, []any{project, limit}, func(scan func(...any) error) error {
		var name, typ string
		var parent int16
		if err := scan(&name, &typ, &parent); err != nil {
			return err
		}
		if parent >= int16(definition.OfEvent) && parent <= int16(definition.OfSession) {
			f(name, definition.ParseType(typ), definition.Parent(parent))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read properties of project %d: %w", project, err)
	}
	return nil
}

func (r *Reader) each(ctx context.Context, query string, args []any, f func(scan func(...any) error) error) error {
	rows, err := r.db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

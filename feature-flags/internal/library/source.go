package library

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/hog-go/hog/feature-flags/internal/continuity"
	"github.com/hog-go/hog/feature-flags/internal/flagset"
	"github.com/hog-go/hog/feature-flags/internal/fresh"
	"github.com/hog-go/hog/feature-flags/internal/person"
	"github.com/hog-go/hog/feature-flags/match"
)

// cachedTeams is how many teams are remembered.
const cachedTeams = 10_000

// DefinitionsError says that the flags of a call cannot be parsed.
type DefinitionsError struct{ Err error }

func (e *DefinitionsError) Error() string {
	return "Failed to parse feature flags JSON: " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *DefinitionsError) Unwrap() error { return e.Err }

// source is what is read from, and known of, some databases.
type source struct {
	db         pools
	persons    *person.Store
	continuity *continuity.Store
	zones      *fresh.Cache[int32, *time.Location]
	sets       *fresh.Cache[definitions, *flags]
}

// definitions is what flags are compiled from. The text is the caller's, which brings the same one with every call.
type definitions struct {
	team int32
	zone *time.Location
	text string
}

// flags are compiled ones.
type flags struct {
	set        *match.Set
	keys       [][]byte // as JSON, by Flag.Index
	hasCohorts bool     // cohorts were read from the database: they age
	size       int64
}

func newSource(cfg Config, db pools) *source {
	log := slog.New(slog.DiscardHandler) // callers learn from errors and warnings
	return &source{
		db: db,
		persons: person.New(person.Config{
			GroupTypeTTL: cfg.CacheTTL, GroupTypes: cachedTeams, Realtime: 1, ReadTimeout: readTimeout,
		}, db.PersonsReader, nil, log, nil),
		continuity: continuity.New(readTimeout, continuity.Deps{
			Reader: db.PersonsReader, Writer: db.PersonsWriter, TeamLabel: func(int32) string { return "" }, Log: log,
		}),
		zones: fresh.New[int32, *time.Location](fresh.Config{TTL: cfg.CacheTTL, Weight: cachedTeams}, nil),
		sets:  fresh.New[definitions](fresh.Config{TTL: cfg.CacheTTL, Weight: cfg.Bytes}, func(f *flags) int64 { return f.size }),
	}
}

// zone is the time zone of a team's dates. The one known before will do while the database cannot tell.
func (s *source) zone(ctx context.Context, teamID int32) (*time.Location, error) {
	if zone, ok := s.zones.Peek(teamID); ok {
		return zone, nil
	}
	return s.zones.Get(ctx, teamID, func(ctx context.Context, old *time.Location, had bool) (*time.Location, error) {
		ctx, cancel := context.WithTimeout(ctx, readTimeout)
		defer cancel()
		var name *string
		err := again(s.db.MainReader, func() error {
			return s.db.MainReader.GetContext(ctx, &name, `SELECT timezone FROM posthog_team WHERE id = $1`, teamID)
		})
		switch {
		case err == nil && name != nil:
			if zone, err := time.LoadLocation(*name); err == nil {
				if had && old.String() == zone.String() {
					return old, nil // equal ones must be the same, since flags are kept by zone
				}
				return zone, nil
			}
			return time.UTC, nil
		case err == nil, errors.Is(err, sql.ErrNoRows):
			return time.UTC, nil
		case had:
			return old, nil
		default:
			return nil, fmt.Errorf("read the time zone of team %d: %w", teamID, err)
		}
	})
}

// define puts the flags of a text into a. Where the time zone of the team or its cohorts cannot be read, by another cause than that the
// main reader is unreachable, dates are in UTC and conditions on cohorts are not met, and a says so.
func (s *source) define(ctx context.Context, teamID int32, text string, a *Answer) error {
	zone, err := s.zone(ctx, teamID)
	if err := a.failed(mainReader, err); err != nil {
		return err
	}
	if err != nil {
		a.Errors, zone = true, time.UTC
	}
	d := definitions{team: teamID, zone: zone, text: text}
	if a.flags, err = s.flags(ctx, d); err == nil {
		return nil
	}
	if _, ok := errors.AsType[*DefinitionsError](err); ok {
		return err
	}
	if err := a.failed(mainReader, err); err != nil {
		return err
	}
	a.Errors = true
	a.flags, err = compile([]byte(text), nil, zone) // not kept: the next call tries again
	return err
}

// flags compiles the text, unless that was done already. The text may change after the call. A failure is a *DefinitionsError, or that of
// the main reader.
func (s *source) flags(ctx context.Context, d definitions) (*flags, error) {
	if f, ok := s.sets.Peek(d); ok {
		return f, nil
	}
	d.text = strings.Clone(d.text)
	return s.sets.Get(ctx, d, func(ctx context.Context, old *flags, had bool) (*flags, error) {
		if had && !old.hasCohorts {
			return old, nil
		}
		text := []byte(d.text)
		f, err := compile(text, nil, d.zone)
		if err != nil || !f.set.NeedsCohorts() {
			return f, err
		}
		var cohorts []byte
		err = again(s.db.MainReader, func() (err error) {
			cohorts, err = flagset.Cohorts(ctx, s.db.MainReader, readTimeout, d.team)
			return err
		})
		if err != nil {
			return nil, err
		}
		if f, err = compile(text, cohorts, d.zone); err != nil {
			return nil, fmt.Errorf("with the cohorts of team %d: %w", d.team, err)
		}
		f.hasCohorts = true
		return f, nil
	})
}

// compile fails with a *DefinitionsError. cohorts are nil for those of the text.
func compile(text, cohorts []byte, zone *time.Location) (*flags, error) {
	if err := check(text); err != nil {
		return nil, &DefinitionsError{err}
	}
	set, err := match.Compile(text, cohorts, match.Options{Location: zone})
	if err != nil {
		return nil, &DefinitionsError{err}
	}
	f := &flags{set: set, size: int64(len(text) + len(cohorts)), keys: make([][]byte, set.Len())}
	for i := range f.keys {
		f.keys[i] = quote(set.Flag(i).Key)
	}
	return f, nil
}

// check wants an object with a list of flags, each with an id and a key: package match leaves out what is none, since caches may hold it.
func check(text []byte) error {
	var document struct {
		Flags *[]*struct {
			ID  *int32  `json:"id"`
			Key *string `json:"key"`
		} `json:"flags"`
	}
	if err := json.Unmarshal(text, &document); err != nil {
		return err
	}
	if document.Flags == nil {
		return errors.New("missing field `flags`")
	}
	for i, f := range *document.Flags {
		switch {
		case f == nil:
			return fmt.Errorf("flags[%d] is null", i)
		case f.ID == nil:
			return fmt.Errorf("flags[%d]: missing field `id`", i)
		case f.Key == nil:
			return fmt.Errorf("flags[%d]: missing field `key`", i)
		}
	}
	return nil
}

package library

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/hog-go/hog/feature-flags/internal/continuity"
	"github.com/hog-go/hog/feature-flags/internal/fault"
	"github.com/hog-go/hog/feature-flags/match"
)

// Request is one question. Its JSON form is what the Python package sends.
type Request struct {
	URLs            URLs                       `json:"urls"`
	TeamID          int32                      `json:"team_id"`
	ProjectID       int64                      `json:"project_id"` // its group types are the team's, too
	DistinctID      string                     `json:"distinct_id"`
	AnonDistinctID  string                     `json:"hash_key_override"` // "": none
	Groups          map[string]json.RawMessage `json:"groups"`            // type -> key
	Person          json.RawMessage            `json:"person_properties"` // object, nil for none
	GroupProperties map[string]json.RawMessage `json:"group_properties"`  // type -> object
	FlagKeys        []string                   `json:"flag_keys"`         // nil: all
}

// Answer is what became of the flags.
type Answer struct {
	Errors   bool     // not everything could be computed
	Warnings []string // what could not be read, and why

	results []match.Result
	flags   *flags
}

// Evaluate evaluates the flags of a JSON document {"flags": […]}, of which it keeps nothing after the call. Errors are a
// *DefinitionsError or a *PoolError.
func (l *Library) Evaluate(ctx context.Context, r *Request, document string) (*Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	s, err := l.source(ctx, r.URLs)
	if err != nil {
		if bad := check([]byte(document)); bad != nil { // comes before the pools, as in the original
			err = &DefinitionsError{bad}
		}
		return nil, err
	}
	a := &Answer{}
	if err := s.define(ctx, r.TeamID, document, a); err != nil {
		return nil, err
	}
	question := r.question(time.Now())
	e := a.flags.set.Begin(question)
	defer e.End()
	if e.Kept() == 0 {
		return a, nil
	}
	if e.UsesGroups() {
		var types []match.GroupType
		err := again(s.db.PersonsReader, func() (err error) {
			types, err = s.persons.GroupTypes(ctx, r.TeamID, r.ProjectID)
			return err
		})
		if err := a.failed(personsReader, err); err != nil {
			return nil, err
		}
		if err != nil {
			e.GroupTypesFailed()
		} else {
			e.SetGroupTypes(types)
		}
	}
	data, err := s.read(ctx, r, a, e.Needs())
	if err != nil {
		return nil, err
	}
	a.results = e.Run(data, nil)
	a.Errors = a.Errors || e.Errors()
	return a, nil
}

// question is the request as the matcher sees it. Flags for any runtime are evaluated, since the caller chose them.
func (r *Request) question(now time.Time) *match.Request {
	q := &match.Request{
		DistinctID: r.DistinctID, AnonDistinctID: r.AnonDistinctID, PersonProperties: r.Person, FlagKeys: r.FlagKeys, Runtime: match.RuntimeAll, Now: now,
	}
	for name, key := range r.Groups {
		q.Groups = append(q.Groups, match.Group{Type: name, Key: key, Properties: r.GroupProperties[name]})
	}
	for name, properties := range r.GroupProperties {
		if _, both := r.Groups[name]; !both {
			q.Groups = append(q.Groups, match.Group{Type: name, Properties: properties})
		}
	}
	return q
}

// read gets what is stored about the person and its groups.
func (s *source) read(ctx context.Context, r *Request, a *Answer, needs match.Needs) (*match.Data, error) {
	data := &match.Data{}
	if needs.Fetch {
		err := again(s.db.PersonsReader, func() error { return s.persons.Fetch(ctx, r.TeamID, r.DistinctID, needs, data) })
		if err := a.failed(personsReader, err); err != nil {
			return nil, err
		}
		if err != nil {
			data.FetchFailure = fault.Flag(err)
		}
	}
	if needs.HashKeys == match.HashKeysNeeded {
		if err := s.readOverrides(ctx, r, a, data); err != nil {
			return nil, err
		}
	}
	return data, nil
}

// readOverrides gets, and for a person who was anonymous before writes, the ids that flags with experience continuity hash. It tries again
// by itself.
func (s *source) readOverrides(ctx context.Context, r *Request, a *Answer, data *match.Data) error {
	keys, err := s.continuity.Overrides(ctx, continuity.Ask{
		TeamID: r.TeamID, DistinctID: r.DistinctID, AnonID: r.AnonDistinctID, Keys: a.flags.set.ContinuityKeys(),
	})
	data.HashKeys, data.HashKeysFailed = keys, err != nil
	pool := personsReader
	if err != nil && s.db.PersonsReader.PingContext(ctx) == nil {
		pool = personsWriter // both are used, and the error does not say which it was
	}
	return a.failed(pool, err)
}

// failed makes an error of one that is about the pool, and a warning of any other.
func (a *Answer) failed(pool string, err error) error {
	switch {
	case err == nil:
		return nil
	case unreachable(err):
		return &PoolError{Pool: pool, Err: err}
	default:
		a.Warnings = append(a.Warnings, fmt.Sprintf("flags evaluated without data: %s pool: %s", pool, err))
		return nil
	}
}

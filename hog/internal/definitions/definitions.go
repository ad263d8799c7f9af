// Package definitions stands in for ingestion between capture and property-defs, until there is an ingestion stage: it turns what
// capture produced into events as ClickHouse reads them, as far as definitions depend on it. A project key that nobody knows becomes a team
// of a project of its own, since hog takes any key.
package definitions

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/hog-go/hog/common/event"
	"github.com/hog-go/hog/feature-flags/admin"
)

// Teams finds teams, and makes those that are missing.
type Teams interface {
	// EnsureTeam returns the team of a token. An error that is neither admin.ErrToken nor admin.ErrMainApp may be gone at the next try.
	EnsureTeam(ctx context.Context, team admin.NewTeam) (admin.Team, error)
}

// Translator finds the team of each event. It is safe for use by many goroutines.
type Translator struct {
	source Teams
	log    *slog.Logger

	mu    sync.Mutex
	teams map[string]*admin.Team // by project key, nil for what can be none; there are as many as keys
}

// New makes a Translator.
func New(source Teams, log *slog.Logger) *Translator {
	return &Translator{source: source, log: log.With("component", "teams"), teams: map[string]*admin.Team{}}
}

// Translate appends an event to dst. ok is false for a record that is no event. While the database does not answer it waits; its error is
// that of ctx.
func (t *Translator) Translate(ctx context.Context, dst, value []byte) (out []byte, ok bool, err error) {
	var c event.Captured
	if err := json.Unmarshal(value, &c); err != nil {
		return dst, false, nil
	}
	var r event.Raw
	if err := json.Unmarshal([]byte(c.Data), &r); err != nil {
		return dst, false, nil
	}
	team, err := t.team(ctx, c.Token)
	if err != nil || team == nil {
		return dst, false, err
	}
	for name, value := range map[string]json.RawMessage{"$set": r.Set, "$set_once": r.SetOnce} {
		if _, has := r.Properties[name]; len(value) > 0 && !has {
			if r.Properties == nil {
				r.Properties = map[string]json.RawMessage{}
			}
			r.Properties[name] = value
		}
	}
	properties, err := json.Marshal(r.Properties)
	if err != nil {
		return dst, false, nil
	}
	text, err := json.Marshal(event.ClickHouse{TeamID: team.ID, ProjectID: &team.ProjectID, Event: r.Event, Properties: new(string(properties))})
	if err != nil {
		return dst, false, nil
	}
	return append(dst, text...), true, nil
}

// team finds the team of a key, and makes one if there is none. It is nil for a key that is none, or that the main app does not know.
func (t *Translator) team(ctx context.Context, token string) (*admin.Team, error) {
	t.mu.Lock()
	defer t.mu.Unlock() // over the lookup, too: a new key comes from several partitions at once
	if found, ok := t.teams[token]; ok {
		return found, nil
	}
	for {
		found, err := t.source.EnsureTeam(ctx, admin.NewTeam{Name: token, Token: token})
		switch {
		case err == nil:
			t.teams[token] = &found
			return &found, nil
		case errors.Is(err, admin.ErrToken):
			t.log.WarnContext(ctx, "events of a project key are left out", "err", err)
			t.teams[token] = nil
			return nil, nil
		case errors.Is(err, admin.ErrMainApp):
			return nil, nil // it may make the team later
		}
		t.log.WarnContext(ctx, "the team of a project key could not be looked up, trying on", "err", err)
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

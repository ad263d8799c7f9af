// Package group finds the index of a group type, 0 to 4, by its name. Events have names, the table of definitions has indexes;
// who knows both is the personhog service, or the table posthog_grouptypemapping where there is none.
package group

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/property-defs/internal/definition"
)

// Name is a group type of a team.
type Name struct {
	Team    int32
	Project int64 // of the update that asks
	Name    string
}

// Source looks group types up.
type Source interface {
	// Indexes gives the indexes of the names that it knows. It is called with at least one name and no repeats.
	Indexes(ctx context.Context, names []Name) (map[Name]int16, error)
}

// Config of a Resolver.
type Config struct {
	CacheSize    int           // known names; they never change
	NegativeSize int           // names that were not found
	NegativeTTL  time.Duration // for how long those are not asked for again
}

// Resolver answers from memory where it can. It is for one goroutine.
type Resolver struct {
	source   Source
	ttl      time.Duration
	found    memory[int16]
	missing  memory[time.Time] // until when
	now      func() time.Time
	log      *slog.Logger
	lastWarn time.Time
	metrics  *metricSet
}

// New makes a Resolver and asks nothing.
func New(cfg Config, source Source, log *slog.Logger, reg prometheus.Registerer) *Resolver {
	return &Resolver{
		source: source, ttl: cfg.NegativeTTL, found: newMemory[int16](cfg.CacheSize), missing: newMemory[time.Time](cfg.NegativeSize),
		now: time.Now, log: log.With("component", "group-types"), metrics: newMetrics(reg),
	}
}

// Resolve sets GroupIndex of the rows that lack it and whose group type is known. One request is made for all that is not in
// memory; after an error those rows stay as they are.
func (r *Resolver) Resolve(ctx context.Context, rows []definition.Update) error {
	now := r.now()
	var ask []Name
	for i := range rows {
		u := &rows[i]
		if !u.Unresolved() {
			continue
		}
		n := nameOf(u)
		if !possible(n.Name) {
			r.metrics.fails.Inc()
		} else if index, ok := r.found.get(n); ok {
			r.metrics.hits.Inc()
			u.GroupIndex = index
		} else if until, ok := r.missing.get(n); ok && now.Before(until) {
			r.metrics.negativeHits.Inc()
		} else {
			ask = append(ask, n)
		}
	}
	if len(ask) == 0 {
		return nil
	}
	slices.SortFunc(ask, compareNames)
	ask = slices.Compact(ask)
	r.metrics.misses.Add(float64(len(ask)))
	start := time.Now()
	answer, err := r.source.Indexes(ctx, ask)
	r.metrics.took.Observe(float64(time.Since(start).Milliseconds()))
	if err != nil {
		r.metrics.errors.Inc()
		return fmt.Errorf("look up %d group types: %w", len(ask), err)
	}
	r.learn(ctx, ask, answer, now)
	for i := range rows {
		if rows[i].Unresolved() {
			if index, ok := answer[nameOf(&rows[i])]; ok {
				rows[i].GroupIndex = index
			}
		}
	}
	return nil
}

func (r *Resolver) learn(ctx context.Context, asked []Name, answer map[Name]int16, now time.Time) {
	for _, n := range asked {
		if index, ok := answer[n]; ok {
			r.found.put(n, index)
			continue
		}
		r.metrics.fails.Inc()
		r.missing.put(n, now.Add(r.ttl))
		if now.Sub(r.lastWarn) > 10*time.Second { // one name stands for all, of which there may be many
			r.lastWarn = now
			r.log.WarnContext(ctx, "a group type has no index: its properties are left out until it has one", "team_id", n.Team, "group_type", n.Name)
		}
	}
}

// possible tells whether there may be a group type of that name: the column holds 400 characters, and no NUL. Names come from events as
// they are, so one that PostgreSQL refuses would keep it from finding the others, and long ones would fill the memory.
func possible(name string) bool {
	return strings.IndexByte(name, 0) < 0 && utf8.RuneCountInString(name) <= 400
}

func nameOf(u *definition.Update) Name { return Name{Team: u.Team, Project: u.Project, Name: u.Group} }

func compareNames(a, b Name) int {
	return cmp.Or(cmp.Compare(a.Team, b.Team), cmp.Compare(a.Project, b.Project), cmp.Compare(a.Name, b.Name))
}

// memory is a map of at most size entries. A full one starts again: real names are few, and these maps are large.
type memory[V any] struct {
	size    int
	entries map[Name]V
}

func newMemory[V any](size int) memory[V] {
	return memory[V]{size: max(size, 1), entries: map[Name]V{}}
}

func (m *memory[V]) get(n Name) (V, bool) {
	v, ok := m.entries[n]
	return v, ok
}

func (m *memory[V]) put(n Name, v V) {
	if len(m.entries) >= m.size {
		clear(m.entries)
	}
	m.entries[n] = v
}

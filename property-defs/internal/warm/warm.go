// Package warm fills the cache of a fresh process with what the database knows of a team, when the team's first event comes by.
// It works beside the stream and never delays it. Events and properties of groups are left to the stream.
package warm

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/hog-go/hog/property-defs/internal/definition"
	"github.com/hog-go/hog/property-defs/internal/known"
)

// Config of a Warmer; every field is required.
type Config struct {
	Concurrency     int // teams at a time
	QueueDepth      int // teams that wait
	EventProperties int // rows of a team that are read at most
	Properties      int // likewise
	ChunkSize       int // rows of a statement on event properties
}

// Reader reads what is known of a project; see store.Reader.
type Reader interface {
	// EventProperties gives at most limit pairs in order, after the pair of event and property.
	EventProperties(ctx context.Context, project int64, event, property string, limit int) ([][2]string, error)
	// Properties calls f for at most limit properties of no group.
	Properties(ctx context.Context, project int64, limit int, f func(name string, t definition.Type, p definition.Parent)) error
}

// Warmer warms each team once. Give Run a goroutine.
type Warmer struct {
	cfg    Config
	reader Reader
	cache  *known.Cache
	log    *slog.Logger

	seen  sync.Map // team id -> struct{}; warmed, or on the way
	teams chan team

	results *prometheus.CounterVec
	rows    [definition.Kinds]prometheus.Counter
	took    prometheus.Histogram
}

type team struct {
	id      int32
	project int64
}

// New makes a Warmer and reads nothing.
func New(cfg Config, reader Reader, cache *known.Cache, log *slog.Logger, reg prometheus.Registerer) *Warmer {
	rows := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "propdefs_cache_warming_rows", Help: "entries brought into the cache by warming"}, []string{"cache"})
	w := &Warmer{
		cfg: cfg, reader: reader, cache: cache, log: log.With("component", "cache-warming"), teams: make(chan team, cfg.QueueDepth),
		results: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "propdefs_cache_warming_teams", Help: "teams, by what became of them"}, []string{"result"}),
		took: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "propdefs_cache_warming_team_time_ms", Help: "time to warm a team", Buckets: prometheus.ExponentialBuckets(1, 4, 10)}),
	}
	w.rows[definition.EventProperty] = rows.WithLabelValues(definition.EventProperty.String())
	w.rows[definition.Property] = rows.WithLabelValues(definition.Property.String())
	reg.MustRegister(rows, w.results, w.took)
	return w
}

// Saw asks for a team to be warmed, if it was not. It never waits: when too many teams do, a later event of the team asks again.
func (w *Warmer) Saw(id int32, project int64) {
	if _, ok := w.seen.Load(id); ok {
		return
	}
	if _, ok := w.seen.LoadOrStore(id, struct{}{}); ok {
		return
	}
	select {
	case w.teams <- team{id, project}:
	default:
		w.results.WithLabelValues("queue_full").Inc()
		w.seen.Delete(id)
	}
}

// Run warms teams until ctx ends.
func (w *Warmer) Run(ctx context.Context) error {
	var group errgroup.Group
	for range w.cfg.Concurrency {
		group.Go(func() error {
			for {
				select {
				case t := <-w.teams:
					w.one(ctx, t)
				case <-ctx.Done():
					return nil
				}
			}
		})
	}
	return group.Wait()
}

func (w *Warmer) one(ctx context.Context, t team) {
	start := time.Now()
	if err := w.Team(ctx, t.id, t.project); err != nil {
		w.seen.Delete(t.id)
		if ctx.Err() == nil {
			w.results.WithLabelValues("failed").Inc()
			w.log.WarnContext(ctx, "a team could not be warmed; its next event tries again", "team_id", t.id, "project_id", t.project, "err", err)
		}
		return
	}
	w.results.WithLabelValues("completed").Inc()
	w.took.Observe(float64(time.Since(start).Milliseconds()))
}

// Team reads one team into the cache. What the cache knows better stays.
func (w *Warmer) Team(ctx context.Context, id int32, project int64) error {
	if err := w.eventProperties(ctx, id, project); err != nil {
		return err
	}
	return w.reader.Properties(ctx, project, w.cfg.Properties, func(name string, t definition.Type, p definition.Parent) {
		w.add(definition.Update{Kind: definition.Property, Team: id, Project: project, Property: name, Type: t, Parent: p, GroupIndex: definition.NoGroup})
	})
}

// eventProperties reads page after page, a statement for each, so that none is long.
func (w *Warmer) eventProperties(ctx context.Context, id int32, project int64) error {
	var last [2]string
	for left := w.cfg.EventProperties; left > 0; {
		page := min(w.cfg.ChunkSize, left)
		pairs, err := w.reader.EventProperties(ctx, project, last[0], last[1], page)
		if err != nil {
			return err
		}
		for _, p := range pairs {
			w.add(definition.Update{Kind: definition.EventProperty, Team: id, Project: project, Event: p[0], Property: p[1], GroupIndex: definition.NoGroup})
		}
		if len(pairs) < page {
			return nil
		}
		last = pairs[len(pairs)-1]
		left -= len(pairs)
	}
	return nil
}

func (w *Warmer) add(u definition.Update) {
	u.Key = definition.KeyOf(&u)
	if w.cache.Add(&u) {
		w.rows[u.Kind].Inc()
	}
}

package warm_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/testkit"
	"github.com/hog-go/hog/property-defs/internal/definition"
	"github.com/hog-go/hog/property-defs/internal/known"
	"github.com/hog-go/hog/property-defs/internal/pgtest"
	"github.com/hog-go/hog/property-defs/internal/store"
	"github.com/hog-go/hog/property-defs/internal/warm"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// counting tells how many rows each statement on pairs gave; the first fails of them fail.
type counting struct {
	*store.Reader
	pages []int
	fails int
}

func (c *counting) EventProperties(ctx context.Context, project int64, event, property string, limit int) ([][2]string, error) {
	if c.fails > 0 {
		c.fails--
		return nil, errors.New("the reader is gone")
	}
	pairs, err := c.Reader.EventProperties(ctx, project, event, property, limit)
	c.pages = append(c.pages, len(pairs))
	return pairs, err
}

type bundle struct {
	db     *pgtest.DB
	cache  *known.Cache
	reader *counting
	warmer *warm.Warmer
}

func setup(t *testing.T, db *pgtest.DB, cfg warm.Config) *bundle {
	t.Helper()
	db.Clean(t)
	b := &bundle{db: db, cache: known.New(known.Capacities{Events: 1000, EventProperties: 1000, Properties: 1000}), reader: &counting{Reader: store.NewReader(db.DB)}}
	b.warmer = warm.New(cfg, b.reader, b.cache, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	return b
}

var plenty = warm.Config{Concurrency: 1, QueueDepth: 10, EventProperties: 1000, Properties: 1000, ChunkSize: 1000}

func (b *bundle) covered(u definition.Update) bool {
	u.Team, u.Project, u.GroupIndex = 1, 1, definition.NoGroup
	u.Key = definition.KeyOf(&u)
	return b.cache.Covers(&u)
}

func pair(event, property string) definition.Update {
	return definition.Update{Kind: definition.EventProperty, Event: event, Property: property}
}

func prop(name string, t definition.Type) definition.Update {
	return definition.Update{Kind: definition.Property, Parent: definition.OfEvent, Property: name, Type: t}
}

func (b *bundle) pairs(n int) {
	b.db.MustExec(`INSERT INTO posthog_eventproperty (event, property, team_id, project_id) SELECT 'e' || n % 2, 'p' || n, 1, 1 FROM generate_series(0, $1 - 1) n`, n)
}

func TestWarming(t *testing.T) {
	db := pgtest.New(t)
	t.Run("row W1 limit of pairs", func(t *testing.T) {
		cfg := plenty
		cfg.EventProperties = 2
		b := setup(t, db, cfg)
		b.pairs(4)
		require.NoError(t, b.warmer.Team(t.Context(), 1, 1))
		require.Equal(t, []bool{true, true, false, false}, []bool{
			b.covered(pair("e0", "p0")), b.covered(pair("e0", "p2")), b.covered(pair("e1", "p1")), b.covered(pair("e1", "p3"))})
	})
	t.Run("row W2 untyped", func(t *testing.T) {
		b := setup(t, db, plenty)
		b.db.MustExec(`INSERT INTO posthog_propertydefinition (name, team_id, project_id, property_type) VALUES ('misc', 1, 1, NULL), ('plan', 1, NULL, 'String')`)
		require.NoError(t, b.warmer.Team(t.Context(), 1, 1))
		require.True(t, b.covered(prop("misc", definition.Untyped)))
		require.False(t, b.covered(prop("misc", definition.Boolean)))
		require.True(t, b.covered(prop("plan", definition.Numeric)))
	})
	t.Run("row W3 what the stream says stays", func(t *testing.T) {
		b := setup(t, db, plenty)
		b.db.MustExec(`INSERT INTO posthog_propertydefinition (name, team_id, project_id) VALUES ('p', 1, 1)`)
		u := prop("p", definition.Numeric)
		u.Team, u.Project, u.GroupIndex = 1, 1, definition.NoGroup
		u.Key = definition.KeyOf(&u)
		b.cache.Add(&u)
		require.NoError(t, b.warmer.Team(t.Context(), 1, 1))
		typ, ok := b.cache.Property(u.Key)
		require.True(t, ok)
		require.Equal(t, definition.Numeric, typ)
	})
	t.Run("row W4 pages", func(t *testing.T) {
		cfg := plenty
		cfg.ChunkSize = 2
		b := setup(t, db, cfg)
		b.pairs(5)
		require.NoError(t, b.warmer.Team(t.Context(), 1, 1))
		require.Equal(t, []int{2, 2, 1}, b.reader.pages)
		require.Equal(t, 5, b.cache.Len(definition.EventProperty))
	})
	t.Run("groups and odd kinds are left to the stream", func(t *testing.T) {
		b := setup(t, db, plenty)
		b.db.MustExec(`INSERT INTO posthog_propertydefinition (name, team_id, project_id, type, group_type_index, property_type) VALUES
			('seats', 1, 1, 3, 0, 'Numeric'), ('odd', 1, 1, 9, NULL, 'String'), ('email', 1, 1, 2, NULL, 'String'), ('long', 1, 1, 4, NULL, 'Duration')`)
		require.NoError(t, b.warmer.Team(t.Context(), 1, 1))
		require.Equal(t, 2, b.cache.Len(definition.Property))
	})
}

func TestTeamsAreWarmedOnce(t *testing.T) {
	b := setup(t, pgtest.New(t), plenty)
	b.pairs(3)
	b.reader.fails = 1
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- b.warmer.Run(ctx) }()
	require.Eventually(t, func() bool { // the first try fails, and a later event makes the second
		b.warmer.Saw(1, 1)
		return b.cache.Len(definition.EventProperty) == 3
	}, 10*time.Second, time.Millisecond)
	b.warmer.Saw(1, 1)
	cancel()
	require.NoError(t, <-done)
	require.Len(t, b.reader.pages, 1)
}

func TestFullQueueForgetsTheTeam(t *testing.T) {
	cfg := plenty
	cfg.QueueDepth = 1
	cache := known.New(known.Capacities{Events: 10, EventProperties: 10, Properties: 10})
	reader := &teamReader{read: make(chan int64, 10)}
	w := warm.New(cfg, reader, cache, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	w.Saw(1, 1)
	w.Saw(2, 2) // no room
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- w.Run(ctx) }()
	require.EqualValues(t, 1, <-reader.read)
	w.Saw(2, 2)
	require.EqualValues(t, 2, <-reader.read)
	cancel()
	require.NoError(t, <-done)
}

// teamReader has nothing and tells who was asked for.
type teamReader struct{ read chan int64 }

func (r *teamReader) EventProperties(context.Context, int64, string, string, int) ([][2]string, error) {
	return nil, nil
}

func (r *teamReader) Properties(_ context.Context, project int64, _ int, _ func(string, definition.Type, definition.Parent)) error {
	r.read <- project
	return nil
}

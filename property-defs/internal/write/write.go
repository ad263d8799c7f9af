// Package write brings queued updates into the database: in batches, a statement for each chunk of rows of one table.
//
//	queue ─▶ batch ─▶ sort, drop equal ones ─▶ group types ─▶ chunks by table, written side by side ─▶ progress
//
// A batch ends when each of its rows is settled: written, left out for a reason that a retry cannot mend, or kept back because its
// group type is not known. Only then may the offsets that wait for it be committed. What happens to a chunk that fails:
//
//	SQLSTATE 23503 on team_id or project_id   the rows of that tenant are dropped and stay in the cache, so that nobody writes them again;
//	                                          at most 3 times a chunk, not counted as an attempt
//	anything else                             3 attempts, 50 to 150 ms apart, then by its class:
//	  a row is to blame (rowIsToBlame)        the chunk is halved until the row is alone; that row is given up and forgotten
//	  all others: the database is             the rows stay where they are, and are tried again with growing pauses, for ever
//
// The original gives a chunk up after 3 attempts in both cases, and has committed its offsets before.
package write

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/hog-go/hog/property-defs/internal/definition"
	"github.com/hog-go/hog/property-defs/internal/known"
	"github.com/hog-go/hog/property-defs/internal/progress"
	"github.com/hog-go/hog/property-defs/internal/queue"
	"github.com/hog-go/hog/property-defs/internal/store"
)

// Store writes one chunk.
type Store interface {
	// Write is a transaction of its own. It tells how many rows of the table changed.
	Write(ctx context.Context, kind definition.Kind, rows []definition.Update) (changed int64, err error)
	// Reset drops idle connections, after the server turned out to be read-only.
	Reset()
}

// Resolver finds the indexes of group types.
type Resolver interface {
	// Resolve sets GroupIndex of the unresolved rows that it knows the index of. After an error the others stay unresolved.
	Resolve(ctx context.Context, rows []definition.Update) error
}

// Prober tells which rows of a chunk are in the database already; see store.Reader.
type Prober interface {
	Known(ctx context.Context, kind definition.Kind, rows []definition.Update) ([]store.Found, error)
}

// Config of a Writer; every field is required.
type Config struct {
	BatchSize    int           // updates of a batch
	BatchPeriod  time.Duration // how long the first update of a batch waits for company
	ChunkSize    int           // rows of a statement
	Concurrency  int           // statements at a time
	ProbeTimeout time.Duration // of a probe; only with a Prober
}

// Deps are what a Writer works with. Resolver and Prober may be nil: then nothing is resolved or probed.
type Deps struct {
	Queue    *queue.Queue
	Progress *progress.Tracker
	Cache    *known.Cache
	Store    Store
	Resolver Resolver
	Prober   Prober
	// Alive is called whenever there is progress, or a reason to wait.
	Alive func()
	Log   *slog.Logger
}

// Writer is the one consumer of the queue. Give Run a goroutine.
type Writer struct {
	cfg Config
	Deps
	log     *slog.Logger
	metrics *metricSet
	state   state
}

// New makes a Writer and starts nothing.
func New(cfg Config, deps Deps, reg prometheus.Registerer) *Writer {
	if deps.Alive == nil {
		deps.Alive = func() {}
	}
	return &Writer{cfg: cfg, Deps: deps, log: deps.Log.With("component", "writer"), metrics: newMetrics(reg)}
}

// Ready tells whether the database takes rows, as far as is known, and what is wrong with it.
func (w *Writer) Ready() (ok bool, detail string) { return w.state.ready() }

// Run writes batches until ctx ends. What is not written then is read again from Kafka by whoever comes next.
func (w *Writer) Run(ctx context.Context) error {
	var batch []definition.Update
	for {
		start := time.Now()
		var last uint64
		var err error
		if batch, last, err = w.Queue.Take(ctx, batch[:0], w.cfg.BatchSize, w.cfg.BatchPeriod, w.Alive); err != nil {
			return nil
		}
		w.metrics.taken(start, len(batch), w.cfg.BatchSize)
		if !w.Batch(ctx, batch) {
			return nil
		}
		w.Progress.Written(last)
		clear(batch)
	}
}

// Batch writes updates, in any order and with repeats, and tells whether all of them are settled, which fails only when ctx ends.
// It reorders the slice.
func (w *Writer) Batch(ctx context.Context, batch []definition.Update) bool {
	n := len(batch)
	slices.SortFunc(batch, compare)
	batch = slices.CompactFunc(batch, equal)
	w.metrics.duplicates.Add(float64(n - len(batch)))
	w.resolve(ctx, batch)

	var group errgroup.Group
	group.SetLimit(w.cfg.Concurrency)
	for _, c := range split(batch, w.cfg.ChunkSize) {
		group.Go(func() error {
			defer w.Alive()
			w.forget(c.kind, c.unresolved)
			w.metrics.unresolved.Add(float64(len(c.unresolved)))
			if len(c.rows) == 0 {
				w.metrics.tables[c.kind].noop.Inc()
				return nil
			}
			rows := w.probe(ctx, c.kind, c.rows)
			if len(rows) == 0 {
				return nil
			}
			return w.chunk(ctx, c.kind, rows, false)
		})
	}
	return group.Wait() == nil
}

func (w *Writer) resolve(ctx context.Context, batch []definition.Update) {
	if w.Resolver == nil || !slices.ContainsFunc(batch, func(u definition.Update) bool { return u.Unresolved() }) {
		return
	}
	if err := w.Resolver.Resolve(ctx, batch); err != nil && ctx.Err() == nil {
		w.log.WarnContext(ctx, "group types could not be looked up: the properties of groups in this batch are left out until they are seen again", "err", err)
	}
}

// chunk is what one statement writes, and what it would have if the group types were known.
type chunk struct {
	kind       definition.Kind
	rows       []definition.Update
	unresolved []definition.Update
}

// split cuts a sorted batch into chunks. Only rows that are written count; rows that are not go along with their neighbors.
func split(batch []definition.Update, size int) (chunks []chunk) {
	for _, kind := range []definition.Kind{definition.Event, definition.EventProperty, definition.Property} {
		c := chunk{kind: kind}
		for i := range batch {
			switch u := &batch[i]; {
			case u.Kind != kind:
				continue
			case u.Unresolved():
				c.unresolved = append(c.unresolved, *u)
				continue
			case len(c.rows) == size:
				chunks = append(chunks, c)
				c = chunk{kind: kind}
			}
			c.rows = append(c.rows, batch[i])
		}
		if len(c.rows) > 0 || len(c.unresolved) > 0 {
			chunks = append(chunks, c)
		}
	}
	return chunks
}

// forget removes rows from the cache, so that the next sighting brings them again.
func (w *Writer) forget(kind definition.Kind, rows []definition.Update) {
	start := time.Now()
	removed, missing := 0, 0
	for i := range rows {
		if w.Cache.Remove(&rows[i]) {
			removed++
		} else {
			missing++
		}
	}
	w.metrics.forgot(kind, start, removed, missing)
}

// compare puts the rows of a table into the order of its unique index, which all replicas keep, so that no two of them wait for
// each other.
func compare(a, b definition.Update) int {
	return cmp.Or(
		cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Project, b.Project), cmp.Compare(a.Event, b.Event), cmp.Compare(a.Property, b.Property),
		cmp.Compare(a.Parent, b.Parent), cmp.Compare(a.Group, b.Group), cmp.Compare(a.Team, b.Team),
		cmp.Compare(a.Type, b.Type), cmp.Compare(a.Window, b.Window), cmp.Compare(a.GroupIndex, b.GroupIndex),
	)
}

func equal(a, b definition.Update) bool { return a == b }

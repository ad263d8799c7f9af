package write

import (
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/property-defs/internal/definition"
)

// Limits of the original: attempts of a chunk, and how often rows of a missing tenant are dropped from it.
const (
	maxAttempts = 3
	maxStrips   = 3
)

// longestPause between two rounds of attempts while the database is in trouble.
const longestPause = 10 * time.Second

// chunk settles rows of one table. halved: they are a part of a chunk that failed. Its error is that of ctx.
func (w *Writer) chunk(ctx context.Context, kind definition.Kind, rows []definition.Update, halved bool) error {
	for round := 1; ; round++ {
		var err error
		if rows, err = w.round(ctx, kind, rows, halved); err == nil {
			w.state.set(nil)
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		w.metrics.issueFailed.WithLabelValues("failed", class(err)).Inc()
		if rowIsToBlame(err) {
			return w.salvage(ctx, kind, rows, err)
		}
		w.state.set(err)
		w.log.ErrorContext(ctx, "the database takes no rows, trying on", "table", kind, "rows", len(rows), "round", round, "sqlstate", postgres.Code(err), "err", err)
		if class(err) == classReadOnly {
			w.Store.Reset()
		}
		w.Alive() // waiting for a database is no stall
		if err := pause(ctx, min(time.Duration(round)*time.Second, longestPause)); err != nil {
			return err
		}
	}
}

// salvage writes what it can of a chunk in which some row cannot be written.
func (w *Writer) salvage(ctx context.Context, kind definition.Kind, rows []definition.Update, err error) error {
	if len(rows) == 1 {
		w.forget(kind, rows)
		w.log.ErrorContext(ctx, "a definition cannot be written and is left out", "table", kind, "team_id", rows[0].Team, "project_id", rows[0].Project,
			"event", rows[0].Event, "property", rows[0].Property, "sqlstate", postgres.Code(err), "err", err)
		return nil
	}
	w.log.WarnContext(ctx, "a chunk cannot be written, trying its halves", "table", kind, "rows", len(rows), "sqlstate", postgres.Code(err), "err", err)
	half := len(rows) / 2
	if err := w.chunk(ctx, kind, rows[:half], true); err != nil {
		return err
	}
	return w.chunk(ctx, kind, rows[half:], true)
}

// round makes up to three attempts, and gives back the rows that are left of the chunk. Halves of a failed one get a single attempt
// where a row is to blame.
func (w *Writer) round(ctx context.Context, kind definition.Kind, rows []definition.Update, halved bool) ([]definition.Update, error) {
	m := &w.metrics.tables[kind]
	strips := 0
	for attempt := 1; len(rows) > 0; {
		start := time.Now()
		changed, err := w.attempt(ctx, kind, rows)
		m.took.Observe(float64(time.Since(start).Microseconds()) / 1000)
		if err == nil {
			m.success.Inc()
			m.sent.Add(float64(len(rows)))
			m.changed.Add(float64(changed))
			return nil, nil
		}
		if column, id, ok := missingTenant(err); ok && strips < maxStrips {
			strips++
			rows = w.strip(ctx, kind, rows, column, id)
			continue
		}
		if attempt == maxAttempts || halved && rowIsToBlame(err) {
			m.gaveUp.Inc()
			return rows, err
		}
		m.retried.Inc()
		if err := pause(ctx, time.Duration(50*attempt)*time.Millisecond); err != nil {
			return rows, err
		}
		attempt++
	}
	m.emptied.Inc()
	return nil, nil
}

// writeTimeout bounds a statement, which takes some hundred milliseconds at worst: a server that went away without a word is given up.
const writeTimeout = 30 * time.Second

func (w *Writer) attempt(ctx context.Context, kind definition.Kind, rows []definition.Update) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	return w.Store.Write(ctx, kind, rows)
}

// strip drops the rows of a team or project that is gone. They stay in the cache: nobody will miss them.
func (w *Writer) strip(ctx context.Context, kind definition.Kind, rows []definition.Update, column string, id int64) []definition.Update {
	n := len(rows)
	rows = slices.DeleteFunc(slices.Clone(rows), func(u definition.Update) bool {
		return column == "team_id" && int64(u.Team) == id || column == "project_id" && u.Project == id
	})
	w.metrics.tables[kind].dropped.Inc()
	w.metrics.droppedRows.WithLabelValues(kind.String()).Add(float64(n - len(rows)))
	w.log.WarnContext(ctx, "rows of a missing tenant were dropped", "table", kind, "column", column, "id", id, "rows", n-len(rows))
	return rows
}

// missingTenant reads which tenant a foreign key violation is about.
func missingTenant(err error) (column string, id int64, ok bool) {
	text, found := strings.CutPrefix(postgres.Detail(err), "Key (")
	if !found || !postgres.IsForeignKey(err) {
		return "", 0, false
	}
	column, rest, found := strings.Cut(text, ")=(")
	if !found || column != "team_id" && column != "project_id" {
		return "", 0, false
	}
	number, _, found := strings.Cut(rest, ")")
	id, parseErr := strconv.ParseInt(number, 10, 64)
	return column, id, found && parseErr == nil
}

// rowIsToBlame tells whether what is in the rows is the cause: by class of SQLSTATE, data that a column does not hold (22), a constraint (23,
// 44), two rows that a trigger made into one (21), a limit of the server (54), or code of others, such as a trigger that raises (P0, 09, 27,
// 38, 39). Waiting would not change that.
func rowIsToBlame(err error) bool {
	code := postgres.Code(err)
	return len(code) == 5 && slices.Contains([]string{"09", "21", "22", "23", "27", "38", "39", "44", "54", "P0"}, code[:2])
}

// Classes of errors, as the metric has them.
const (
	classReadOnly = "read_only"
	classDeadlock = "deadlock"
	classTimeout  = "timeout"
	classTenant   = "foreign_key"
	classRow      = "row"
	classOther    = "other"
)

func class(err error) string {
	switch code := postgres.Code(err); {
	case code == "25006":
		return classReadOnly
	case code == "40P01":
		return classDeadlock
	case postgres.IsTimeout(err):
		return classTimeout
	case postgres.IsForeignKey(err):
		return classTenant
	case rowIsToBlame(err):
		return classRow
	default:
		return classOther
	}
}

// pause waits for d and up to 50 ms more, so that replicas do not retry in step.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d + rand.N(50*time.Millisecond))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

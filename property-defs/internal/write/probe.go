package write

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/hog-go/hog/property-defs/internal/definition"
)

// probe drops the rows that the database has. A database that is read costs less than one that is written, so it pays where the
// cache is cold. Whatever goes wrong, the chunk is written as it is. Rows that are dropped stay in the cache.
func (w *Writer) probe(ctx context.Context, kind definition.Kind, rows []definition.Update) []definition.Update {
	if w.Prober == nil {
		return rows
	}
	start := time.Now()
	limited, cancel := context.WithTimeout(ctx, w.cfg.ProbeTimeout)
	defer cancel()
	found, err := w.Prober.Known(limited, kind, rows)
	w.metrics.probed(kind, start, err, errors.Is(limited.Err(), context.DeadlineExceeded))
	if err != nil {
		w.log.WarnContext(ctx, "the reader does not answer, writing without asking it", "table", kind, "rows", len(rows), "err", err)
		return rows
	}
	drop := make([]bool, len(rows))
	for _, f := range found {
		u := &rows[f.Place]
		if kind == definition.Property && f.Type == definition.Untyped && u.Type != definition.Untyped {
			continue // it has a type now
		}
		drop[f.Place] = true
		if kind == definition.Property && f.Type != definition.Untyped {
			stored := *u
			stored.Type = f.Type
			w.Cache.Add(&stored) // so that it covers typed updates, too
		}
	}
	kept := slices.Clone(rows)[:0]
	for i := range rows {
		if !drop[i] {
			kept = append(kept, rows[i])
		}
	}
	w.metrics.probeDropped.WithLabelValues(kind.String()).Add(float64(len(rows) - len(kept)))
	return kept
}

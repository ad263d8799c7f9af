package capture

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// trouble logs errors of the sink, at most one in each period: when Kafka is down every request fails the same way.
type trouble struct {
	every time.Duration
	last  atomic.Int64 // unix nanoseconds
	more  atomic.Int64 // errors since
}

func (t *trouble) note(ctx context.Context, log *slog.Logger, err error) {
	now, last := time.Now().UnixNano(), t.last.Load()
	if now-last < int64(t.every) || !t.last.CompareAndSwap(last, now) {
		t.more.Add(1)
		return
	}
	log.WarnContext(ctx, "events were not acknowledged", "err", err, "like_it_since_last", t.more.Swap(0))
}

package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Tail reads every partition of the topics from a position on, outside of any group and without committing anything. It calls f for
// one message at a time, those of a partition in their order, until ctx ends, which is no error, or f gives one, which it returns.
// It waits for topics that do not exist yet. Partitions that are added later are not noticed.
func Tail(ctx context.Context, cfg ClientConfig, log *slog.Logger, topics []string, from Position, f func(Message) error) error {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return fmt.Errorf("tail: %w", err)
	}
	log = log.With("component", "kafka-tail")
	a, err := NewAdmin(cfg, log)
	if err != nil {
		return fmt.Errorf("tail: %w", err)
	}
	defer a.Close()
	if err := a.WaitForTopics(ctx, topics...); err != nil {
		return nil // ctx ended
	}
	l, err := a.cluster.layout(ctx, topics, false)
	if err != nil {
		return fmt.Errorf("tail: %w", err)
	}
	r := &reader{cluster: a.cluster, log: log,
		cfg: readerConfig{maxWait: 500 * time.Millisecond, minBytes: 1, maxBytes: 16 << 20, partitionMax: 1 << 20}}
	for _, topic := range topics {
		for p := range l.topics[topic].partitions {
			r.cursors = append(r.cursors, &cursor{topic: topic, partition: int32(p), offset: int64(from), reset: Earliest, out: make(chan fetched, readAhead)})
		}
	}
	r.state = (&outcomeLog{log: log}).note
	return r.tail(ctx, f)
}

// tail runs the reader and gives f its messages.
func (r *reader) tail(ctx context.Context, f func(Message) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	var one sync.Mutex // f is called by one at a time
	var failure error  // of f; guarded by one
	wg.Go(func() { r.run(ctx) })
	for _, c := range r.cursors {
		wg.Go(func() {
			for {
				select {
				case got := <-c.out:
					c.took()
					one.Lock()
					for i := 0; i < len(got.messages) && failure == nil && ctx.Err() == nil; i++ {
						failure = f(got.messages[i])
					}
					if failure != nil {
						cancel(failure)
					}
					one.Unlock()
				case <-ctx.Done():
					return
				}
			}
		})
	}
	wg.Wait()
	return failure
}

// outcomeLog logs when something starts to fail and when it works again.
type outcomeLog struct {
	log    *slog.Logger
	mu     sync.Mutex
	failed bool
}

func (o *outcomeLog) note(ctx context.Context, err error) {
	o.mu.Lock()
	was := o.failed
	o.failed = err != nil
	o.mu.Unlock()
	if err != nil && !was {
		o.log.WarnContext(ctx, "kafka is in trouble, retrying", "err", err)
	} else if err == nil && was {
		o.log.InfoContext(ctx, "kafka works again")
	}
}

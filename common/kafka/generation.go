package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	kafkago "github.com/segmentio/kafka-go"
)

// Batch is what a handler gets: records of one partition in their order, at least one.
type Batch struct {
	Topic     string
	Partition int32
	Messages  []Message
	// HighWatermark is the offset after the last record of the partition, when the batch was fetched: Lag is counted from it.
	HighWatermark int64

	worker *partitionWorker
}

// Last is the offset of the last message.
func (b *Batch) Last() int64 { return b.Messages[len(b.Messages)-1].Offset }

// Lag is how many records followed the batch when it was fetched.
func (b *Batch) Lag() int64 { return max(b.HighWatermark-1-b.Last(), 0) }

// Mark says that everything up to and including offset is done, so that the next commit may say so to the group. It may be called
// at any time and from any goroutine, also after the handler returned; it never goes back, and does nothing once the partition is
// no longer ours.
func (b *Batch) Mark(offset int64) { b.worker.mark(offset + 1) }

// Commit is Mark and a commit at once, which costs a round trip.
func (b *Batch) Commit(offset int64) error {
	b.Mark(offset)
	return b.worker.gen.commit()
}

// generation is one period of a fixed assignment.
type generation struct {
	c       *Consumer
	gen     *kafkago.Generation
	workers []*partitionWorker
	slots   chan struct{} // one token per handler at work

	mu       sync.Mutex // a commit at a time
	canceled context.CancelFunc
	failure  error // of a handler; guarded by mu
}

// partitionWorker hands the batches of one partition to the handler.
type partitionWorker struct {
	gen    *generation
	cursor *cursor
	lag    prometheus.Gauge
	count  prometheus.Counter

	mu        sync.Mutex
	done      int64 // offset after the last record that is done; -1 = none
	committed int64 // what the group knows
}

func (w *partitionWorker) mark(next int64) {
	w.mu.Lock()
	w.done = max(w.done, next)
	w.mu.Unlock()
}

// generation runs one assignment from its beginning to its end. Its work is done inside gen.Start, since kafka-go keeps the
// connection to the coordinator, and waits with the next generation, until that returns.
func (c *Consumer) generation(ctx context.Context, gen *kafkago.Generation, handle func(context.Context, Batch) error) error {
	parts := assigned(gen)
	g := &generation{c: c, gen: gen, slots: make(chan struct{}, c.cfg.Concurrency)}
	for _, p := range parts {
		cur := &cursor{topic: p.Topic, partition: p.Partition, offset: p.Offset, reset: c.cfg.reset(), out: make(chan fetched, readAhead)}
		lag, count := c.metrics.partition(p)
		g.workers = append(g.workers, &partitionWorker{gen: g, cursor: cur, lag: lag, count: count, done: -1, committed: -1})
	}
	finished := make(chan struct{})
	gen.Start(func(genCtx context.Context) {
		defer close(finished)
		g.run(ctx, genCtx, parts, handle)
	})
	<-finished
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.failure
}

func (g *generation) run(ctx, genCtx context.Context, parts []TopicPartition, handle func(context.Context, Batch) error) {
	work, cancel := context.WithCancel(genCtx)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	g.canceled = cancel

	// Handlers outlive work by the grace; kafka-go's generation context has no values, so theirs comes from the caller's.
	handling, stopHandling := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stopHandling(nil)
	defer context.AfterFunc(work, func() {
		timer := time.AfterFunc(g.c.cfg.HandlerGrace, func() { stopHandling(errGrace) })
		context.AfterFunc(handling, func() { timer.Stop() })
	})()

	g.c.log.InfoContext(ctx, "kafka partitions assigned", "generation", g.gen.ID, "partitions", len(parts))
	if g.c.cfg.OnAssigned != nil {
		g.c.cfg.OnAssigned(handling, parts)
	}
	g.c.setFault(ctx, doJoin, nil)
	g.c.setPhase("")

	var wg sync.WaitGroup
	cursors := make([]*cursor, len(g.workers))
	for i, w := range g.workers {
		cursors[i] = w.cursor
		wg.Go(func() { w.run(work, handling, handle) })
	}
	r := &reader{cluster: g.c.cluster, cursors: cursors, log: g.c.log,
		cfg:   readerConfig{maxWait: g.c.cfg.FetchMaxWait, minBytes: g.c.cfg.FetchMinBytes, maxBytes: g.c.cfg.FetchMaxBytes, partitionMax: g.c.cfg.PartitionMaxBytes},
		state: func(ctx context.Context, err error) { g.c.setFault(ctx, doFetch, err) }}
	wg.Go(func() {
		if len(cursors) > 0 {
			r.run(work)
		}
	})
	wg.Go(func() { g.commitLoop(work) })
	<-work.Done()
	wg.Wait()
	if g.c.cfg.OnDrain != nil {
		g.c.cfg.OnDrain(handling)
	}
	if err := g.commit(); err != nil {
		g.c.log.WarnContext(ctx, "last commit of a generation failed, some records will be read again", "err", err)
	}
	g.c.log.InfoContext(ctx, "kafka partitions revoked", "generation", g.gen.ID, "partitions", len(parts))
	for _, p := range parts {
		g.c.metrics.forget(p)
	}
	if g.c.cfg.OnRevoked != nil {
		for i, w := range g.workers {
			w.mu.Lock()
			parts[i].Offset = max(parts[i].Offset, w.done)
			w.mu.Unlock()
		}
		g.c.cfg.OnRevoked(handling, parts)
	}
}

var errGrace = errors.New("kafka partition was revoked or the consumer stopped, and the grace for handlers is over")

// fail ends the generation because of a handler's error.
func (g *generation) fail(err error) {
	g.mu.Lock()
	if g.failure == nil {
		g.failure = err
	}
	g.mu.Unlock()
	g.canceled()
}

func (g *generation) commitLoop(ctx context.Context) {
	tick := time.NewTicker(g.c.cfg.CommitInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := g.commit(); ctx.Err() == nil {
				g.c.setFault(ctx, doCommit, err)
			}
		}
	}
}

// commit tells the group what is done and not known to it yet.
func (g *generation) commit() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	offsets := map[string]map[int]int64{}
	for _, w := range g.workers {
		w.mu.Lock()
		if w.done > w.committed {
			if offsets[w.cursor.topic] == nil {
				offsets[w.cursor.topic] = map[int]int64{}
			}
			offsets[w.cursor.topic][int(w.cursor.partition)] = w.done
		}
		w.mu.Unlock()
	}
	if len(offsets) == 0 {
		return nil
	}
	if err := g.gen.CommitOffsets(offsets); err != nil {
		g.c.metrics.commitErrors.Inc()
		return fmt.Errorf("commit offsets of group %s: %w", g.gen.GroupID, err)
	}
	g.c.metrics.commits.Inc()
	for _, w := range g.workers {
		if next, ok := offsets[w.cursor.topic][int(w.cursor.partition)]; ok {
			w.mu.Lock()
			w.committed = max(w.committed, next)
			w.mu.Unlock()
		}
	}
	return nil
}

// run hands over batches until work ends or a handler fails.
func (w *partitionWorker) run(work, handling context.Context, handle func(context.Context, Batch) error) {
	var rest fetched
	for {
		var ok bool
		if rest, ok = w.gather(work, rest); !ok {
			return
		}
		n := min(len(rest.messages), w.gen.c.cfg.BatchMaxRecords)
		b := Batch{Topic: w.cursor.topic, Partition: w.cursor.partition, Messages: rest.messages[:n:n], HighWatermark: rest.highWatermark, worker: w}
		rest.messages = rest.messages[n:]
		select {
		case w.gen.slots <- struct{}{}:
		case <-work.Done():
			return
		}
		err := handle(handling, b)
		<-w.gen.slots
		if err != nil {
			w.gen.fail(fmt.Errorf("handle %s/%d at offset %d: %w", b.Topic, b.Partition, b.Messages[0].Offset, err))
			return
		}
		w.count.Add(float64(n))
		w.lag.Set(float64(b.Lag()))
		if !w.gen.c.cfg.ManualMark {
			b.Mark(b.Last())
		}
	}
}

// gather waits for messages, and for more of them as BatchMaxWait and BatchMaxRecords say; false = work ended.
func (w *partitionWorker) gather(work context.Context, have fetched) (fetched, bool) {
	var full <-chan time.Time
	for {
		limit := w.gen.c.cfg.BatchMaxRecords
		if len(have.messages) >= limit || len(have.messages) > 0 && w.gen.c.cfg.BatchMaxWait == 0 {
			return have, work.Err() == nil
		}
		if len(have.messages) > 0 && full == nil {
			full = time.After(w.gen.c.cfg.BatchMaxWait)
		}
		select {
		case f := <-w.cursor.out:
			w.cursor.took()
			if w.gen.c.cfg.DecompressLZ4 {
				unpackLZ4(f.messages)
			}
			if len(have.messages) == 0 {
				have = f
			} else {
				have = fetched{messages: append(have.messages, f.messages...), highWatermark: f.highWatermark}
			}
		case <-full:
			return have, work.Err() == nil
		case <-work.Done():
			return have, false
		}
	}
}

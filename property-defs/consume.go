package propertydefs

import (
	"context"
	"sync"
	"time"

	"github.com/hog-go/hog/common/kafka"
	"github.com/hog-go/hog/property-defs/internal/derive"
	"github.com/hog-go/hog/property-defs/internal/progress"
)

// worker is what one goroutine needs to handle a batch.
type worker struct {
	*derive.Deriver
	event []byte // of Translate
}

// handle makes updates of a batch and queues them. The batch is not marked here but when they are written.
func (s *Service) handle(ctx context.Context, b kafka.Batch) error {
	w := <-s.workers
	defer func() {
		w.Stats.Reset()
		s.workers <- w
	}()
	now := s.now().Unix()
	for i := range b.Messages {
		if err := s.message(ctx, w, &b.Messages[i], now); err != nil {
			s.forget(w, 0)
			if ctx.Err() != nil { // the partition is no longer ours
				return nil
			}
			return err
		}
	}
	s.metrics.add(&w.Stats, len(w.Updates))
	s.enqueue(ctx, w, b)
	return nil
}

func (s *Service) message(ctx context.Context, w *worker, m *kafka.Message, now int64) error {
	value, err := kafka.OpenEnvelope(m.Value)
	if err != nil {
		value = m.Value // no event either
	}
	if s.translate != nil {
		var ok bool
		if w.event, ok, err = s.translate(ctx, w.event[:0], value); err != nil || !ok {
			return err
		}
		value = w.event
	}
	outcome, err := w.Message(value, now)
	switch outcome {
	case derive.Empty, derive.Bad:
		if s.badLog.allow() {
			s.log.WarnContext(ctx, "a message is no event and is passed over", "topic", m.Topic, "partition", m.Partition, "offset", m.Offset, "err", err)
		}
	case derive.TooManyUpdates:
		s.log.WarnContext(ctx, "an event has too many properties and is passed over", "topic", m.Topic, "partition", m.Partition, "offset", m.Offset,
			"event", w.Skipped.Event, "team_id", w.Skipped.Team, "threshold", s.cfg.SkipThreshold)
	}
	return nil
}

// enqueue hands the updates of a batch over, and its offset with them. When ctx ends first, the partition is no longer ours: what did
// not get in is forgotten, and whoever reads the batch next brings it again.
func (s *Service) enqueue(ctx context.Context, w *worker, b kafka.Batch) {
	var need uint64
	if len(w.Updates) > 0 {
		last, pushed, err := s.queue.Push(ctx, w.Updates)
		s.forget(w, pushed)
		if err != nil {
			s.metrics.unstored.Inc()
			return
		}
		need = last
	}
	last := b.Last()
	b.Messages = nil // they alias the memory of the fetch, which may be let go now
	s.progress.Handled(progress.Partition{Topic: b.Topic, ID: b.Partition}, last, need, &b)
}

// forget empties the worker, and drops from the cache what nobody will write: the updates from a place on.
func (s *Service) forget(w *worker, from int) {
	for i := range w.Updates[from:] {
		s.cache.Remove(&w.Updates[from+i])
	}
	clear(w.Updates)
	w.Updates = w.Updates[:0]
}

// drain writes what is queued before the offsets of a generation are committed for the last time.
func (s *Service) drain(ctx context.Context) {
	s.progress.Await(ctx.Done(), s.queue.Flush())
}

func (s *Service) revoked(_ context.Context, partitions []kafka.TopicPartition) {
	for _, p := range partitions {
		s.progress.Forget(progress.Partition{Topic: p.Topic, ID: p.Partition})
	}
}

func (s *Service) blocked(ctx context.Context) {
	s.metrics.blocked.Inc()
	s.log.WarnContext(ctx, "Worker blocked", "why", "the queue is full: the database does not keep up")
}

// throttle lets one through in a while.
type throttle struct {
	every time.Duration

	mu   sync.Mutex
	next time.Time
}

func (t *throttle) allow() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if now.Before(t.next) {
		return false
	}
	t.next = now.Add(t.every)
	return true
}

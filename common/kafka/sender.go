package kafka

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// sender owns the traffic with one broker: which partitions have something for it, when the next request is due, and the
// workers, each with a connection of its own, that send it.
type sender struct {
	pr     *Producer
	id     int32
	addr   atomic.Pointer[string] // host:port of the last metadata
	metric brokerMetrics

	mu      sync.Mutex
	pending []*partition // have something to send; some entries may be out of date, take tells
	due     time.Time    // of the next request; meaningless while pending is empty

	wake chan struct{} // capacity 1: due came earlier
	turn chan struct{} // capacity 1, holds the token of the one worker that waits for work
	kept []*partition  // belongs to the worker whose turn it is

	down     atomic.Pointer[string] // why there is no connection; nil = there is one, or none was needed
	troubled atomic.Bool            // the last answer refused something that is worth a retry

	stop context.CancelFunc
	done sync.WaitGroup
}

func (pr *Producer) newSender(ctx context.Context, id int32, addr string) *sender {
	ctx, cancel := context.WithCancel(ctx)
	s := &sender{pr: pr, id: id, metric: pr.metrics.broker(id), wake: make(chan struct{}, 1), turn: make(chan struct{}, 1), stop: cancel}
	s.addr.Store(&addr)
	for range pr.cfg.MaxInFlight {
		s.done.Go(func() { s.work(ctx) })
	}
	return s
}

// list notes that p has something to send, at the given time or later. The caller holds p's lock.
func (s *sender) list(p *partition, due time.Time) {
	s.mu.Lock()
	earlier := len(s.pending) == 0 || due.Before(s.due)
	s.pending = append(s.pending, p)
	if earlier {
		s.due = due
	}
	s.mu.Unlock()
	if earlier {
		s.kick()
	}
}

// hurry makes the next request due now.
func (s *sender) hurry(now time.Time) {
	s.mu.Lock()
	earlier := now.Before(s.due)
	if earlier {
		s.due = now
	}
	s.mu.Unlock()
	if earlier {
		s.kick()
	}
}

func (s *sender) kick() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// work sends requests one after the other until ctx ends.
func (s *sender) work(ctx context.Context) {
	w := worker{sender: s, compressor: compressor{codec: codecNamed(s.pr.cfg.Compression)}}
	defer w.disconnect()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case s.turn <- struct{}{}:
		case <-ctx.Done():
			return
		}
		// The batches are taken last, so that they go on filling while there is no connection.
		ok := s.awaitDue(ctx, timer)
		if ok {
			s.metric.pending.Set(1)
			ok = w.connect(ctx)
			s.metric.pending.Set(0)
		}
		if ok {
			w.batches = s.collect(time.Now(), w.batches[:0])
		}
		<-s.turn
		if !ok {
			return
		}
		if len(w.batches) > 0 {
			w.send(ctx)
		}
	}
}

// awaitDue waits until a request is due; false = ctx ended.
func (s *sender) awaitDue(ctx context.Context, timer *time.Timer) bool {
	for {
		s.mu.Lock()
		wait := time.Hour
		if len(s.pending) > 0 {
			wait = time.Until(s.due)
		}
		s.mu.Unlock()
		if wait <= 0 {
			return ctx.Err() == nil
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-s.wake:
		case <-ctx.Done():
			return false
		}
	}
}

// maxRequestBytes bounds one request, far below the 100 MiB that brokers take (socket.request.max.bytes): what is over goes
// into the next.
const maxRequestBytes = 16 << 20

// collect takes a batch from every listed partition, due or not: a request that is under way anyway costs the others nothing,
// and one beat for all partitions makes the fewest requests.
func (s *sender) collect(now time.Time, out []*batch) []*batch {
	s.mu.Lock()
	list := s.pending
	s.pending = s.kept[:0]
	s.mu.Unlock()

	total := 0
	for i, p := range list {
		if total > maxRequestBytes {
			for _, p := range list[i:] {
				s.list(p, now)
			}
			break
		}
		b, later := p.take(s, now)
		if b != nil {
			b.partition = p
			out = append(out, b)
			total += len(b.raw)
		} else if !later.IsZero() {
			s.list(p, later)
		}
	}
	clear(list)
	s.kept = list[:0]
	return out
}

// backoff doubles from base to limit and spreads the result by a fifth either way.
func backoff(base, limit time.Duration, failures int) time.Duration {
	d := min(base<<min(max(failures-1, 0), 16), limit)
	return d*4/5 + time.Duration(rand.Int64N(int64(max(d*2/5, 1))))
}

// sortBatches brings the batches of one topic together, as the protocol wants them.
func sortBatches(batches []*batch) {
	slices.SortFunc(batches, func(a, b *batch) int { return a.partition.compare(b.partition.topic.name, b.partition.id) })
}

func (p *partition) compare(topic string, id int32) int {
	return cmp.Or(cmp.Compare(p.topic.name, topic), cmp.Compare(p.id, id))
}

package kafka

import (
	"context"
	"sync"
	"time"
)

// Run keeps the producer going until ctx ends: it finds the brokers, retrying for ever, follows their changes, and lets records
// expire. Then it refuses new records and returns when every queued one has its result, which is within MessageTimeout. It always returns nil, and may be called once.
func (pr *Producer) Run(ctx context.Context) error {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	wg.Go(func() { pr.followCluster(work) })
	wg.Go(func() { pr.expireLoop(work) })
	wg.Go(func() { pr.observeLoop(work) })

	<-ctx.Done()
	pr.draining.Store(true)
	for pr.queued.Load() > 0 {
		<-pr.empty
	}
	stop()
	wg.Wait()
	pr.cluster.close()
	return nil
}

// expireLoop fails what waited longer than MessageTimeout. What is in flight expires by the deadline of its request.
func (pr *Producer) expireLoop(ctx context.Context) {
	tick := time.NewTicker(max(min(pr.cfg.MessageTimeout/20, 500*time.Millisecond), time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			pr.expire(now.Add(-pr.cfg.MessageTimeout))
		}
	}
}

func (pr *Producer) expire(before time.Time) {
	for _, t := range *pr.topics.Load() {
		records, batches := t.expired(before)
		for i := range records {
			pr.metrics.errors.Inc()
			pr.unreserve(1, int64(records[i].size))
			w := records[i].waiter
			w.call.note(w.index, ErrTimeout)
			w.call.finish(1)
		}
		for _, b := range batches {
			pr.settle(b, ErrTimeout)
		}
	}
}

// observeInterval is librdkafka's statistics interval in the services that we stand in for.
const observeInterval = 10 * time.Second

func (pr *Producer) observeLoop(ctx context.Context) {
	tick := time.NewTicker(observeInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			for _, t := range *pr.topics.Load() {
				t.observeBatches()
			}
		}
	}
}

// followCluster owns the senders: one for each broker of the last metadata answer.
func (pr *Producer) followCluster(ctx context.Context) {
	senders := map[int32]*sender{}
	defer func() {
		for _, s := range senders {
			s.stop()
		}
		for _, s := range senders {
			s.done.Wait()
		}
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	failures := 0 // rounds in a row that left something open
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-pr.need:
		}
		if pr.refresh(ctx, senders) {
			failures = 0
			timer.Reset(pr.cfg.MetadataRefresh)
			if !pause(ctx, metadataPause) {
				return
			}
			continue
		}
		failures++
		timer.Reset(0) // the pause is here, so that needMetadata cannot make it shorter
		if !pause(ctx, backoff(pr.cfg.RetryBackoff, pr.cfg.RetryBackoffMax, failures)) {
			return
		}
	}
}

// metadataPause bounds how often a cluster in trouble is asked about itself.
const metadataPause = 50 * time.Millisecond

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// refresh asks for metadata and acts on it; false = something is still open, so ask again soon.
func (pr *Producer) refresh(ctx context.Context, senders map[int32]*sender) bool {
	topics := *pr.topics.Load()
	names := make([]string, 0, len(topics))
	for name := range topics {
		names = append(names, name)
	}
	if !pr.health.greeted() {
		names = nil // the first time ask for all, to tell how many there are
	}
	reqCtx, cancel := context.WithTimeout(ctx, pr.cfg.Client.DialTimeout)
	l, err := pr.cluster.layout(reqCtx, names, true)
	cancel()
	if err != nil {
		if ctx.Err() == nil {
			pr.unreachable(ctx, err)
		}
		return false
	}
	pr.greet(ctx, len(l.topics))
	pr.adopt(ctx, l, senders)

	settled := names != nil || len(topics) == 0
	for name, t := range topics {
		if tl, known := l.topics[name]; known {
			t.update(pr, tl, func(leader int32) *sender { return senders[leader] })
		}
		settled = settled && !t.unsettled()
	}
	return settled
}

// adopt starts senders for new brokers and stops those of brokers that are gone; their partitions have moved or will.
func (pr *Producer) adopt(ctx context.Context, l *layout, senders map[int32]*sender) {
	for id, addr := range l.brokers {
		switch s := senders[id]; {
		case s == nil:
			senders[id] = pr.newSender(ctx, id, addr)
		case *s.addr.Load() != addr:
			s.addr.Store(&addr)
		}
	}
	for id, s := range senders {
		if _, there := l.brokers[id]; !there && len(l.brokers) > 0 {
			pr.disown(s)
			s.stop()
			s.done.Wait()
			pr.metrics.forget(s.metric)
			delete(senders, id)
		}
	}
	pr.health.watch(senders)
}

// disown takes every partition from a sender that is about to end.
func (pr *Producer) disown(s *sender) {
	for _, t := range *pr.topics.Load() {
		if parts := t.parts.Load(); parts != nil {
			for _, p := range *parts {
				p.leave(pr, s)
			}
		}
	}
}

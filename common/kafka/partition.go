package kafka

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// partition is the queue of one partition: an open batch that is being filled, sealed ones behind it, and at most one in flight.
type partition struct {
	topic *topic
	id    int32
	led   atomic.Bool // has a leader; a hint for keyless records

	mu        sync.Mutex // taken before a sender's lock, never after
	sender    *sender    // of the leader; nil while there is none
	open      *batch     // takes records; nil = none
	queue     []*batch   // take no more records; oldest first
	inFlight  *batch     // at the sender that is waiting for its answer
	listed    bool       // sender knows that there is something to send
	notBefore time.Time  // of the next attempt, after a failed one
	failures  int        // in a row, for the backoff

	// Idempotence, used by the sender that has the batch in flight, so never by two at once.
	producer  producerID // whose sequence this is; zero = none yet
	nextSeq   int32      // of the next new batch
	discarded producerID // not to be used here any more, see sender.assignSequence
}

// add appends r to the open batch, or opens one, and tells the sender when there was nothing to send before. It tells whether a
// batch became full.
func (p *partition) add(pr *Producer, now time.Time, r *Record, size int, w waiter) (full bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.open
	if b != nil && (len(b.raw)+size > pr.batchBytes || now.Sub(b.opened) > pr.openFor) {
		p.sealLocked()
		b, full = nil, true
	}
	if b == nil {
		b = pr.newBatch(now)
		p.open = b
	}
	b.add(now.UnixMilli(), r, size, w)
	if int(b.count) >= pr.cfg.BatchNumMessages || len(b.raw) >= pr.batchBytes {
		p.sealLocked()
		full = true
	}
	switch {
	case p.sender == nil:
		pr.needMetadata()
	case !p.listed:
		p.listLocked(pr)
	case full:
		p.sender.hurry(now)
	}
	return full
}

func (p *partition) sealLocked() {
	p.queue = append(p.queue, p.open)
	p.open = nil
}

// listLocked gives the partition to its sender if there is something to send and nothing in flight.
func (p *partition) listLocked(pr *Producer) {
	var due time.Time
	switch {
	case p.sender == nil || p.listed || p.inFlight != nil:
		return
	case len(p.queue) > 0:
		due = p.queue[0].opened // in the past: now
	case p.open != nil:
		due = p.open.opened.Add(pr.cfg.Linger)
	default:
		return
	}
	if p.notBefore.After(due) {
		due = p.notBefore
	}
	p.listed = true
	p.sender.list(p, due)
}

// setSender moves the partition to the sender of its new leader; nil = there is none.
func (p *partition) setSender(pr *Producer, s *sender) {
	p.led.Store(s != nil)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sender == s {
		return
	}
	p.sender, p.listed = s, false // the old sender skips it from now on
	p.listLocked(pr)
}

// leave is setSender(nil) for a partition that still belongs to s.
func (p *partition) leave(pr *Producer, s *sender) {
	p.mu.Lock()
	mine := p.sender == s
	p.mu.Unlock()
	if mine {
		p.setSender(pr, nil)
	}
}

// take gives s the next batch and marks it as in flight. It gives nil when there is nothing for s to send; after a failed
// attempt and before the next, it gives the time of that.
func (p *partition) take(s *sender, now time.Time) (b *batch, later time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sender != s || p.inFlight != nil {
		return nil, time.Time{}
	}
	if p.notBefore.After(now) {
		return nil, p.notBefore
	}
	p.listed = false
	switch {
	case len(p.queue) > 0:
		b = p.queue[0]
		p.queue = slices.Delete(p.queue, 0, 1)
	default:
		b, p.open = p.open, nil
	}
	p.inFlight = b
	return b, time.Time{}
}

// finished ends the flight of a batch that needs no further attempt.
func (p *partition) finished(pr *Producer, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inFlight = nil
	if ok {
		p.failures, p.notBefore = 0, time.Time{}
	}
	p.listLocked(pr)
}

// again puts the batches back in front, to be sent after a pause that grows with each failure in a row.
func (p *partition) again(pr *Producer, now time.Time, pause bool, batches ...*batch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inFlight = nil
	p.queue = slices.Insert(p.queue, 0, batches...)
	if pause {
		p.failures++
		p.notBefore = now.Add(backoff(pr.cfg.RetryBackoff, pr.cfg.RetryBackoffMax, p.failures))
	}
	p.listLocked(pr)
}

// expired removes the waiting batches that were opened before the given time.
func (p *partition) expired(before time.Time, out []*batch) []*batch {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for n < len(p.queue) && p.queue[n].opened.Before(before) {
		if p.queue[n].sequence >= 0 {
			p.discardProducer() // it waits for a retry, so nothing is in flight
		}
		n++
	}
	out = append(out, p.queue[:n]...)
	p.queue = slices.Delete(p.queue, 0, n)
	if p.open != nil && p.open.opened.Before(before) {
		out = append(out, p.open)
		p.open = nil
	}
	return out
}

// idle tells whether nothing waits for a leader.
func (p *partition) idle() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open == nil && len(p.queue) == 0
}

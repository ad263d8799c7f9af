package kafka

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// topic holds the partitions of one topic, and the records that came before anybody knew how many there are.
type topic struct {
	name string
	// parts is swapped by a metadata answer, never changed. nil = not known yet.
	parts atomic.Pointer[[]*partition]
	code  atomic.Int32 // of the last metadata answer, 0 = fine

	sticky      atomic.Int32 // partition of keyless records
	stickyUntil atomic.Int64 // ns since 1970

	mu     sync.Mutex
	all    []*partition // every one ever seen; parts is a prefix of it, shorter if the topic was made anew with fewer
	parked []parked     // oldest first; only while parts is nil

	batchBytes, batchEvents, batches atomic.Int64 // acknowledged since the last look of metrics
	metrics                          topicMetrics
}

// parked is a record whose partition cannot be chosen yet. Its bytes are copies.
type parked struct {
	record Record
	size   int
	at     time.Time
	waiter waiter
}

// add puts r into the batch of its partition, or parks it while the topic is unknown.
func (t *topic) add(pr *Producer, now time.Time, r *Record, size int, w waiter) {
	parts := t.parts.Load()
	if parts == nil {
		if t.park(now, r, size, w) {
			pr.needMetadata()
			return
		}
		parts = t.parts.Load()
	}
	t.place(pr, *parts, now, r, size, w)
}

func (t *topic) place(pr *Producer, parts []*partition, now time.Time, r *Record, size int, w waiter) {
	if !pr.keyless.matches(r.Key) {
		parts[pr.hash(r.Key, int32(len(parts)))].add(pr, now, r, size, w)
		return
	}
	p := t.stickyPartition(pr, parts, now)
	if p.add(pr, now, r, size, w) {
		t.stickyUntil.Store(0) // a full batch is the natural moment to change
	}
}

// stickyPartition keeps keyless records together for StickyLinger, so that they fill few batches instead of many (KIP-480).
// Two callers that race here both choose well.
func (t *topic) stickyPartition(pr *Producer, parts []*partition, now time.Time) *partition {
	if id := int(t.sticky.Load()); now.UnixNano() < t.stickyUntil.Load() && id < len(parts) {
		return parts[id]
	}
	first := rand.IntN(len(parts))
	chosen := parts[first]
	for i := range parts {
		if p := parts[(first+i)%len(parts)]; p.led.Load() {
			chosen = p
			break
		}
	}
	t.sticky.Store(chosen.id)
	t.stickyUntil.Store(now.Add(pr.cfg.StickyLinger).UnixNano())
	return chosen
}

// park keeps a copy of r. It tells false if the partitions became known meanwhile.
func (t *topic) park(now time.Time, r *Record, size int, w waiter) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.parts.Load() != nil {
		return false
	}
	t.parked = append(t.parked, parked{record: cloneRecord(r), size: size, at: now, waiter: w})
	return true
}

func cloneRecord(r *Record) Record {
	c := Record{Topic: r.Topic, Key: bytes.Clone(r.Key), Value: bytes.Clone(r.Value), Headers: slices.Clone(r.Headers)}
	for i := range c.Headers {
		c.Headers[i].Value = bytes.Clone(c.Headers[i].Value)
	}
	return c
}

// update takes over what a metadata answer says: partitions are added, leaders change. Parked records find their partition
// before any later record does, which keeps the order.
func (t *topic) update(pr *Producer, l topicLayout, senderOf func(leader int32) *sender) {
	t.code.Store(int32(l.code))
	if len(l.leaders) == 0 {
		return // unknown, or being made; what was known before stays in use
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := len(t.all); i < len(l.leaders); i++ {
		t.all = append(t.all, &partition{topic: t, id: int32(i)})
	}
	for i, p := range t.all {
		leader := int32(-1)
		if i < len(l.leaders) {
			leader = l.leaders[i]
		}
		p.setSender(pr, senderOf(leader))
	}
	parts := slices.Clone(t.all[:len(l.leaders)])
	for i := range t.parked {
		k := &t.parked[i]
		t.place(pr, parts, k.at, &k.record, k.size, k.waiter)
	}
	t.parked = nil
	t.parts.Store(&parts)
}

// expired removes what waits since before the given time: parked records and batches.
func (t *topic) expired(before time.Time) (records []parked, batches []*batch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for n < len(t.parked) && t.parked[n].at.Before(before) {
		n++
	}
	records, t.parked = t.parked[:n:n], t.parked[n:]
	for _, p := range t.all {
		batches = p.expired(before, batches)
	}
	return records, batches
}

// unsettled tells whether records wait for metadata: for the partitions or for a leader.
func (t *topic) unsettled() bool {
	parts := t.parts.Load()
	if parts == nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		return len(t.parked) > 0
	}
	for _, p := range *parts {
		if !p.led.Load() && !p.idle() {
			return true
		}
	}
	return false
}

package limiter

import (
	"math"
	"math/rand/v2"
	"sync"
)

// globalShard holds part of the keys.
type globalShard struct {
	mu sync.Mutex
	// slots are the places in counts, by hash. There is no pointer in millions of entries for the garbage collector to look at. Of five
	// million keys two share a count with a chance of less than one in a million, and nobody can seek that: the hash is seeded.
	slots  map[uint64]uint32
	counts []globalCount
	writes globalQueue
	reads  globalQueue
	tally  [tallies]uint64 // since the last exchange
	_      [64]byte        // against false sharing
}

// globalCount is what is known of a key.
type globalCount struct {
	hash     uint64
	estimate float64 // the fleet's count when it was last read
	pending  uint64  // counted here since, as far as the estimate does not hold it
	synced   int64   // nanoseconds at which it was last read, 0 if never
	seen     uint32  // seconds at which it was last counted

	// Where the key is in the queues, if the generation is still that of the queue.
	writeGeneration uint32
	writeSlot       uint32
	readGeneration  uint32
}

// countLocked returns the count of a key, which is valid until the lock is given up, and whether the key is known. For one that is
// not there has to be room: when there are bound of them, one is forgotten.
func (s *globalShard) countLocked(hash uint64, bound int) (c *globalCount, known bool) {
	slot, known := s.slots[hash]
	if known {
		return &s.counts[slot], true
	}
	if len(s.counts) >= bound {
		s.removeLocked(s.smallestLocked())
		s.tally[evictedFull]++
	}
	s.slots[hash] = uint32(len(s.counts))
	s.counts = append(s.counts, globalCount{hash: hash})
	return &s.counts[len(s.counts)-1], false
}

// queued is a key that waits for an exchange.
type queued struct {
	hash   uint64 // of a read
	window int64  // of a write
	n      uint64 // of a write
	end    int    // of the key in the queue's text; it begins where the one before ends
}

// globalQueue holds keys as bytes in a row and keeps its memory, so that a key which is queued in every exchange costs no garbage.
type globalQueue struct {
	items      []queued
	text       []byte
	generation uint32 // goes up when the queue is emptied
}

// add appends a key, unless there are bound already.
func (q *globalQueue) add(item queued, key []byte, bound int) (slot uint32, ok bool) {
	if len(q.items) >= bound {
		return 0, false
	}
	q.text = append(q.text, key...)
	item.end = len(q.text)
	q.items = append(q.items, item)
	return uint32(len(q.items) - 1), true
}

// moveTo empties q into another queue.
func (q *globalQueue) moveTo(to *globalQueue) {
	offset := len(to.text)
	to.text = append(to.text, q.text...)
	for _, item := range q.items {
		item.end += offset
		to.items = append(to.items, item)
	}
	q.items, q.text = q.items[:0], q.text[:0]
	q.generation++
}

// key is that of item i.
func (q *globalQueue) key(i int) []byte {
	start := 0
	if i > 0 {
		start = q.items[i-1].end
	}
	return q.text[start:q.items[i].end]
}

// addWriteLocked queues n of key for Redis. A key is queued once for each window.
func (s *globalShard) addWriteLocked(c *globalCount, key []byte, n uint64, window int64, bound int) {
	if n == 0 {
		return
	}
	if c.writeGeneration == s.writes.generation {
		if item := &s.writes.items[c.writeSlot]; item.window == window {
			item.n += n
			return
		}
	}
	slot, ok := s.writes.add(queued{window: window, n: n}, key, bound)
	if !ok {
		s.tally[writesFull]++
		return
	}
	c.writeSlot, c.writeGeneration = slot, s.writes.generation
}

// readLocked sets what Redis says of a key: all that was counted here but what still waits to be written.
func (s *globalShard) readLocked(hash uint64, estimate float64, at int64) {
	slot, ok := s.slots[hash]
	if !ok {
		return
	}
	c := &s.counts[slot]
	c.estimate, c.synced, c.pending = estimate, at, 0
	if c.writeGeneration == s.writes.generation {
		c.pending = s.writes.items[c.writeSlot].n
	}
}

// evictSample is how many keys are looked at to find one that can be forgotten.
const evictSample = 8

// smallestLocked is the place of the smallest of a few counts that chance picks, so that a flood of keys does not keep the busy ones
// out.
func (s *globalShard) smallestLocked() (slot int) {
	least := math.Inf(1)
	next := rand.IntN(len(s.counts))
	for range evictSample {
		if c := &s.counts[next]; c.estimate+float64(c.pending) < least {
			slot, least = next, c.estimate+float64(c.pending)
		}
		next = (next + 1) % len(s.counts)
	}
	return slot
}

// removeLocked forgets a key; the last one takes its place.
func (s *globalShard) removeLocked(slot int) {
	last := len(s.counts) - 1
	delete(s.slots, s.counts[slot].hash)
	if slot != last {
		s.counts[slot] = s.counts[last]
		s.slots[s.counts[slot].hash] = uint32(slot)
	}
	s.counts = s.counts[:last]
}

// sweepLocked forgets the keys that were last counted before a time, in seconds.
func (s *globalShard) sweepLocked(before uint32) {
	for slot := 0; slot < len(s.counts); {
		if s.counts[slot].seen >= before {
			slot++
			continue
		}
		s.removeLocked(slot)
		s.tally[evictedIdle]++
	}
}

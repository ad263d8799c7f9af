// Package progress knows which Kafka offsets may be committed: those of messages whose updates are all written.
//
// A handled batch of a partition waits for the number of its last update (see package queue), or, if it brought nothing new, for
// what the batches before it in its partition wait for. What another partition brought first is not waited for: the message
// that brought it holds its own offset back until it is written, and so is read again after a crash.
package progress

import "sync"

// Marker is told what is done: a batch of common/kafka without its messages.
type Marker interface{ Mark(offset int64) }

// Partition names a partition.
type Partition struct {
	Topic string
	ID    int32
}

// Tracker is safe for use by many goroutines.
type Tracker struct {
	mu      sync.Mutex
	written uint64 // every update up to this number is
	waiting map[Partition][]wait
	changed chan struct{} // closed, and replaced, when written grows
}

// wait is an offset that may be marked when written has reached need. In a slice both grow.
type wait struct {
	need   uint64
	offset int64
	marker Marker
}

// New makes a Tracker.
func New() *Tracker { return &Tracker{waiting: map[Partition][]wait{}, changed: make(chan struct{})} }

// Handled says that the messages of p up to offset are handled, and that the last update that they brought is number need; 0 for
// none. It must be called in the order of the offsets.
func (t *Tracker) Handled(p Partition, offset int64, need uint64, m Marker) {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := t.waiting[p]
	if n := len(list); n > 0 {
		need = max(need, list[n-1].need)
		if list[n-1].need == need { // one entry for each time something new came, however long the writer takes
			list[n-1] = wait{need, offset, m}
			return
		}
	}
	if need <= t.written {
		m.Mark(offset)
		return
	}
	t.waiting[p] = append(list, wait{need, offset, m})
}

// Written says that every update up to number last is written, or given up.
func (t *Tracker) Written(last uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.written = max(t.written, last)
	for p, list := range t.waiting {
		n := 0
		for n < len(list) && list[n].need <= t.written {
			n++
		}
		if n == 0 {
			continue
		}
		list[n-1].marker.Mark(list[n-1].offset)
		if n == len(list) {
			delete(t.waiting, p)
		} else {
			t.waiting[p] = append(list[:0], list[n:]...)
		}
	}
	close(t.changed)
	t.changed = make(chan struct{})
}

// Await returns when every update up to number last is written, or done ends; it tells which.
func (t *Tracker) Await(done <-chan struct{}, last uint64) bool {
	for {
		t.mu.Lock()
		ok, changed := t.written >= last, t.changed
		t.mu.Unlock()
		if ok {
			return true
		}
		select {
		case <-changed:
		case <-done:
			return false
		}
	}
}

// Forget drops what is known of partitions that are no longer ours.
func (t *Tracker) Forget(ps ...Partition) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range ps {
		delete(t.waiting, p)
	}
}

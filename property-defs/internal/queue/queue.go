// Package queue holds the updates that wait for the writer. It is bounded: where the database is slow, those who bring updates
// wait, and so does Kafka.
//
// Every update has a number, its place in the order of all. The writer takes them in that order, so "written up to number n" says
// everything about what an offset waits for.
package queue

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hog-go/hog/property-defs/internal/definition"
)

// Queue is for any number of goroutines that Push and one that Takes.
type Queue struct {
	capacity int
	blocked  func(context.Context) // called each time a Push has to wait

	mu      sync.Mutex
	items   []definition.Update // [0:head] are taken already
	head    int
	pushed  uint64        // number of the last update that came in
	flush   uint64        // Take waits for no company up to this number
	room    chan struct{} // closed, and replaced, when updates were taken while somebody waited
	waiting bool

	arrived chan struct{} // size 1: something came, or a flush was asked for
	length  atomic.Int64
}

// New makes a queue for capacity updates. blocked, if not nil, is told when somebody has to wait.
func New(capacity int, blocked func(context.Context)) *Queue {
	if blocked == nil {
		blocked = func(context.Context) {}
	}
	return &Queue{capacity: max(capacity, 1), blocked: blocked, room: make(chan struct{}), arrived: make(chan struct{}, 1)}
}

// Len is the number of updates that wait; Capacity is the largest that it may be.
func (q *Queue) Len() int { return int(q.length.Load()) }

// Capacity is the largest Len.
func (q *Queue) Capacity() int { return q.capacity }

// Push appends updates in their order and gives the number of the last one that went in. It waits for room; when ctx ends
// meanwhile, it gives the error of ctx and how many went in.
func (q *Queue) Push(ctx context.Context, updates []definition.Update) (last uint64, pushed int, err error) {
	for told := false; ; {
		q.mu.Lock()
		n := min(len(updates)-pushed, q.capacity-(len(q.items)-q.head))
		q.items = append(q.items, updates[pushed:pushed+n]...)
		q.pushed += uint64(n)
		pushed += n
		last = q.pushed
		room := q.room
		q.waiting = q.waiting || pushed < len(updates)
		q.length.Store(int64(len(q.items) - q.head))
		q.mu.Unlock()
		if n > 0 {
			q.wake()
		}
		if pushed == len(updates) {
			return last, pushed, nil
		}
		if !told {
			told = true
			q.blocked(ctx)
		}
		select {
		case <-room:
		case <-ctx.Done():
			return last, pushed, context.Cause(ctx)
		}
	}
}

func (q *Queue) wake() {
	select {
	case q.arrived <- struct{}{}:
	default:
	}
}

// Flush makes Take hand out what is in the queue now without waiting for more, and gives the number of the last such update.
func (q *Queue) Flush() (last uint64) {
	q.mu.Lock()
	q.flush = q.pushed
	last = q.pushed
	q.mu.Unlock()
	q.wake()
	return last
}

// Take appends at least one and at most limit updates to dst and gives the number of the last. It waits until limit are there, or
// the first has waited for patience, or a Flush covers it; meanwhile it calls alive every second. Its error is that of ctx.
func (q *Queue) Take(ctx context.Context, dst []definition.Update, limit int, patience time.Duration, alive func()) ([]definition.Update, uint64, error) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var late <-chan time.Time
	expired := false
	for {
		q.mu.Lock()
		n := len(q.items) - q.head
		first := q.pushed - uint64(n) + 1
		if n >= limit || n > 0 && (expired || first <= q.flush) {
			dst, last := q.takeLocked(dst, min(n, limit))
			q.mu.Unlock()
			return dst, last, nil
		}
		q.mu.Unlock()
		if n > 0 && late == nil {
			timer := time.NewTimer(patience)
			defer timer.Stop()
			late = timer.C
		}
		select {
		case <-q.arrived:
		case <-late:
			expired = true
		case <-tick.C:
			alive()
		case <-ctx.Done():
			return dst, 0, context.Cause(ctx)
		}
	}
}

func (q *Queue) takeLocked(dst []definition.Update, n int) ([]definition.Update, uint64) {
	dst = append(dst, q.items[q.head:q.head+n]...)
	clear(q.items[q.head : q.head+n]) // their strings belong to the caller now
	q.head += n
	switch {
	case q.head == len(q.items):
		q.items, q.head = q.items[:0], 0
	case q.head >= len(q.items)/2: // moved once for each time it was taken, at most
		q.items = q.items[:copy(q.items, q.items[q.head:])]
		clear(q.items[len(q.items):cap(q.items)])
		q.head = 0
	}
	if cap(q.items) > keep && len(q.items) < keep/4 {
		q.items = append(make([]definition.Update, 0, keep), q.items...)
	}
	q.length.Store(int64(len(q.items) - q.head))
	if q.waiting {
		q.waiting = false
		close(q.room)
		q.room = make(chan struct{})
	}
	return dst, q.pushed - uint64(len(q.items)-q.head)
}

// keep is the capacity, in updates, that an empty queue may hold on to: about 1.5 MB.
const keep = 16 << 10

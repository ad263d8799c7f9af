package kafka

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

// call is one Produce or ProduceEach waiting for its records.
//
// References: one per record that is enqueued, one of the caller. Whoever drops the last one puts the call back into the pool,
// so a caller may leave early and the batches still have somebody to report to.
type call struct {
	refs    atomic.Int32
	pending atomic.Int32  // records without a result, plus one while the caller is still enqueueing
	done    chan struct{} // capacity 1: filled by the last result, or by the first failure of a Produce

	mu   sync.Mutex
	err  error   // the first failure
	each []error // of ProduceEach, by record; errPending = none yet. Empty for Produce
}

var errPending = errors.New("no result yet")

var callPool = sync.Pool{New: func() any { return &call{done: make(chan struct{}, 1)} }}

// newCall gives a call that counts its caller once; each > 0 makes it keep that many results.
func newCall(each int) *call {
	c := callPool.Get().(*call)
	c.refs.Store(1)
	c.pending.Store(1)
	for range each {
		c.each = append(c.each, errPending)
	}
	return c
}

// expect counts n records more, before they are enqueued.
func (c *call) expect(n int32) {
	c.refs.Add(n)
	c.pending.Add(n)
}

// sealed says that nothing more will be enqueued.
func (c *call) sealed() {
	if c.pending.Add(-1) == 0 {
		c.signal()
	}
}

func (c *call) signal() {
	select {
	case c.done <- struct{}{}:
	default:
	}
}

// release drops n references.
func (c *call) release(n int32) {
	if c.refs.Add(-n) > 0 {
		return
	}
	select {
	case <-c.done:
	default:
	}
	c.err = nil
	clear(c.each)
	c.each = c.each[:0]
	callPool.Put(c)
}

// note writes down the result of one record. The caller of ProduceEach reads all results when the last one is in.
func (c *call) note(index int32, err error) {
	if err == nil && len(c.each) == 0 {
		return
	}
	c.mu.Lock()
	if len(c.each) > 0 {
		c.each[index] = err
	}
	if err != nil && c.err == nil {
		c.err = err
		if len(c.each) == 0 {
			c.signal()
		}
	}
	c.mu.Unlock()
}

// finish gives n records, whose results are noted, back.
func (c *call) finish(n int32) {
	if c.pending.Add(-n) == 0 {
		c.signal()
	}
	c.release(n)
}

// wait blocks until all records are acknowledged, one failed, or ctx ended.
func (c *call) wait(ctx context.Context) error {
	select {
	case <-c.done:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// waitEach blocks until every record has its result or ctx ended, which then is the result of the rest. It gives nil when all
// were delivered.
func (c *call) waitEach(ctx context.Context) []error {
	var cause error
	select {
	case <-c.done:
	case <-ctx.Done():
		cause = context.Cause(ctx)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if cause == nil && c.err == nil {
		return nil
	}
	out := make([]error, len(c.each))
	failed := false
	for i, err := range c.each {
		if err == errPending {
			err = cause
		}
		out[i] = err
		failed = failed || err != nil
	}
	if !failed {
		return nil
	}
	return out
}

// deliver tells every waiter of b the same result. Neighbours in a batch mostly come from one call, which is told once.
func (b *batch) deliver(err error) {
	for i := 0; i < len(b.waiters); {
		c, j := b.waiters[i].call, i
		for ; j < len(b.waiters) && b.waiters[j].call == c; j++ {
			c.note(b.waiters[j].index, err)
		}
		c.finish(int32(j - i))
		i = j
	}
	clear(b.waiters)
	b.waiters = b.waiters[:0]
}

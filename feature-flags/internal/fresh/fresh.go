// Package fresh keeps what was loaded for a short time, so that a hundred requests of one project ask its store once. Of the callers that
// want an expired key, one loads and the others wait for it. Without a time to keep values, nobody gets what was asked for before the call:
// callers who find a load under way share the one after it. What is no longer fresh is kept too, as far as there is room: a loader gets it
// and may find that it still holds.
package fresh

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"time"
)

// Config bounds a Cache.
type Config struct {
	TTL    time.Duration // how long a value is used without loading again; 0: each call gets a load that began after it
	Keep   time.Duration // how long an expired value that nobody confirms is kept; 0: until room is needed
	Weight int64         // of all values together; what does not fit is used once and not kept
	Now    func() time.Time
}

// Cache holds values of type V by key. Make it with New; it is safe for concurrent use.
type Cache[K comparable, V any] struct {
	cfg   Config
	weigh func(V) int64

	mu      sync.Mutex
	entries map[K]*list.Element // of *entry[K, V]
	order   *list.List          // the most recently used in front
	weight  int64
	loads   map[K]*load[V]
}

type entry[K comparable, V any] struct {
	key    K
	value  V
	weight int64
	loaded time.Time
}

// load is one in progress, or the one after that; done is closed when value and err are there.
type load[V any] struct {
	done  chan struct{}
	next  *load[V] // begins when this one is done, by the first of the callers who want it
	value V
	err   error
}

// wait is for callers other than the one who loads.
func (l *load[V]) wait(ctx context.Context) (V, error) {
	select {
	case <-l.done:
		return l.value, l.err
	case <-ctx.Done():
		var none V
		return none, context.Cause(ctx)
	}
}

// New makes a Cache. weigh may be nil: each value then weighs 1.
func New[K comparable, V any](cfg Config, weigh func(V) int64) *Cache[K, V] {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if weigh == nil {
		weigh = func(V) int64 { return 1 }
	}
	return &Cache[K, V]{cfg: cfg, weigh: weigh, entries: map[K]*list.Element{}, order: list.New(), loads: map[K]*load[V]{}}
}

// Loader gets a value anew. old is what was loaded before, if had. Its context does not end with the caller's, since others may wait for
// the same value: the loader bounds its own time.
type Loader[V any] func(ctx context.Context, old V, had bool) (V, error)

// Get returns the value of key. The error is the loader's, or that of ctx for a caller who did not want to wait any longer.
func (c *Cache[K, V]) Get(ctx context.Context, key K, fetch Loader[V]) (V, error) {
	c.mu.Lock()
	old, had, isFresh := c.lookLocked(key)
	if isFresh {
		c.mu.Unlock()
		return old, nil
	}
	l := &load[V]{done: make(chan struct{}), err: errUnfinished}
	running := c.loads[key]
	switch {
	case running == nil:
		c.loads[key] = l
		c.mu.Unlock()
	case c.cfg.TTL > 0:
		c.mu.Unlock()
		return running.wait(ctx)
	case running.next != nil:
		next := running.next
		c.mu.Unlock()
		return next.wait(ctx)
	default:
		running.next = l
		c.mu.Unlock()
		<-running.done
		c.mu.Lock()
		old, had, _ = c.lookLocked(key)
		c.mu.Unlock()
	}
	defer c.finish(key, l) // also after a panic, so that nobody waits for ever

	// Detached, so that a client who leaves does not fail those who wait for its load.
	l.value, l.err = fetch(context.WithoutCancel(ctx), old, had)
	return l.value, l.err
}

// errUnfinished is what the others get if a loader panicked.
var errUnfinished = errors.New("the load that was under way did not finish: try again")

func (c *Cache[K, V]) finish(key K, l *load[V]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.err == nil {
		c.storeLocked(key, l.value)
	}
	if l.next != nil {
		c.loads[key] = l.next
	} else {
		delete(c.loads, key)
	}
	close(l.done)
}

// Peek returns the value of key if it is fresh.
func (c *Cache[K, V]) Peek(key K) (value V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	value, _, ok = c.lookLocked(key)
	return value, ok
}

// Size is the number of values and their weight.
func (c *Cache[K, V]) Size() (entries int, weight int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.entries), c.weight
}

func (c *Cache[K, V]) lookLocked(key K) (value V, had, isFresh bool) {
	e, ok := c.entries[key]
	if !ok {
		return value, false, false
	}
	found := e.Value.(*entry[K, V])
	age := c.cfg.Now().Sub(found.loaded)
	if c.cfg.Keep > 0 && age > c.cfg.Keep {
		c.removeLocked(e)
		return value, false, false
	}
	c.order.MoveToFront(e)
	return found.value, true, age < c.cfg.TTL
}

func (c *Cache[K, V]) storeLocked(key K, value V) {
	if e, ok := c.entries[key]; ok {
		c.removeLocked(e)
	}
	weight := c.weigh(value)
	if weight > c.cfg.Weight {
		return
	}
	for c.weight+weight > c.cfg.Weight {
		c.removeLocked(c.order.Back())
	}
	c.entries[key] = c.order.PushFront(&entry[K, V]{key: key, value: value, weight: weight, loaded: c.cfg.Now()})
	c.weight += weight
}

func (c *Cache[K, V]) removeLocked(e *list.Element) {
	gone := c.order.Remove(e).(*entry[K, V])
	delete(c.entries, gone.key)
	c.weight -= gone.weight
}

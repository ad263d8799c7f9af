package readthrough

import (
	"container/list"
	"sync"
	"time"
)

// Negative remembers for a while which keys do not exist. It lives in memory and not in Redis, where whoever asks for made-up
// keys could push out real values. The zero value remembers nothing.
type Negative struct {
	max int
	ttl time.Duration

	mu    sync.Mutex
	byKey map[string]*list.Element
	order list.List // of absentKey, oldest first: as all live equally long, that is also the order in which they expire
}

type absentKey struct {
	key     string
	expires time.Time
}

// NewNegative makes a Negative of at most max keys, each kept for ttl. When it is full the oldest goes.
func NewNegative(max int, ttl time.Duration) *Negative {
	return &Negative{max: max, ttl: ttl, byKey: make(map[string]*list.Element)}
}

// Contains tells whether key is known not to exist.
func (n *Negative) Contains(key string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.expireLocked(time.Now())
	_, ok := n.byKey[key]
	return ok
}

// Add remembers that key does not exist, from now on for the whole ttl.
func (n *Negative) Add(key string) {
	if n.max <= 0 || n.ttl <= 0 {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	n.removeLocked(n.byKey[key])
	n.expireLocked(now)
	if len(n.byKey) >= n.max {
		n.removeLocked(n.order.Front())
	}
	n.byKey[key] = n.order.PushBack(absentKey{key: key, expires: now.Add(n.ttl)})
}

// Remove forgets key.
func (n *Negative) Remove(key string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.removeLocked(n.byKey[key])
}

func (n *Negative) expireLocked(now time.Time) {
	for e := n.order.Front(); e != nil && !now.Before(e.Value.(absentKey).expires); e = n.order.Front() {
		n.removeLocked(e)
	}
}

func (n *Negative) removeLocked(e *list.Element) {
	if e != nil {
		delete(n.byKey, n.order.Remove(e).(absentKey).key)
	}
}

package warnings

import (
	"strings"
	"sync"
	"time"
)

// throttleEvery is the time between two warnings of a type to a project. It holds per process.
const throttleEvery = time.Hour

// throttle remembers what was said to whom within the last hour.
type throttle struct {
	maxKeys int

	mu   sync.Mutex
	said map[throttleKey]time.Time
}

type throttleKey struct {
	token string
	kind  Type
}

// take claims the right to warn now, and otherwise gives the outcome to count.
func (t *throttle) take(token string, kind Type, now time.Time) (outcome string, ok bool) {
	key := throttleKey{token, kind}
	t.mu.Lock()
	defer t.mu.Unlock()
	last, there := t.said[key]
	switch {
	case there && now.Sub(last) < throttleEvery:
		return outcomeThrottled, false
	case !there && len(t.said) >= t.maxKeys:
		return outcomeCapped, false
	case !there:
		key.token = strings.Clone(token) // the caller's may be a part of a request body
	}
	t.said[key] = now
	return "", true
}

// sweep forgets what was said long enough ago, and tells how many keys are left.
func (t *throttle) sweep(now time.Time) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, last := range t.said {
		if now.Sub(last) >= throttleEvery {
			delete(t.said, key)
		}
	}
	return len(t.said)
}

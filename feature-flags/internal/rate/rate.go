// Package rate limits how often something happens per key: token buckets in the form of GCRA, whose whole state is
// one time a key, when its bucket will be full again. Memory holds only keys whose bucket is not full; Sweep forgets
// the others.
package rate

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Limit is the size of a bucket and how fast it fills.
type Limit struct {
	Burst     int     // requests that pass at once
	PerSecond float64 // refill; 0 never refills
}

var units = map[string]time.Duration{"second": time.Second, "minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}

// Parse reads a rate such as 1200/minute; the units are second, minute, hour and day. The bucket holds what passes in
// one unit.
func Parse(text string) (Limit, error) {
	number, unit, _ := strings.Cut(text, "/")
	n, err := strconv.Atoi(strings.TrimSpace(number))
	per, known := units[strings.TrimSpace(unit)]
	if err != nil || n < 1 || !known {
		return Limit{}, fmt.Errorf("%q is no rate: give a number above 0 and a unit, such as 600/minute (second, minute, hour, day)", text)
	}
	return Per(n, per), nil
}

// Per is the limit of n requests in each period.
func Per(n int, period time.Duration) Limit {
	return Limit{Burst: n, PerSecond: float64(n) / period.Seconds()}
}

// Buckets holds a bucket for each key. It is safe for concurrent use.
type Buckets[K comparable] struct {
	usual  pace
	others map[K]pace

	mu   sync.Mutex
	full map[K]time.Time // when the bucket will be full again; absent: it is
}

// pace is a Limit in the terms of GCRA.
type pace struct {
	cost time.Duration // what one request takes to refill
	room time.Duration // what all of a full bucket take but one
}

func paceOf(l Limit) pace {
	cost := time.Duration(math.MaxInt64 / 4) // no refill within anybody's lifetime
	if seconds := 1 / l.PerSecond; l.PerSecond > 0 && seconds < cost.Seconds() {
		cost = time.Duration(seconds * float64(time.Second))
	}
	if most := math.MaxInt64 / 4 / max(l.Burst, 1); cost > time.Duration(most) {
		cost = time.Duration(most)
	}
	return pace{cost: cost, room: cost * time.Duration(l.Burst-1)}
}

// New makes the buckets of all keys, each of limit l or of its own in others, which may be nil.
func New[K comparable](l Limit, others map[K]Limit) *Buckets[K] {
	b := &Buckets[K]{usual: paceOf(l), others: make(map[K]pace, len(others)), full: map[K]time.Time{}}
	for key, other := range others {
		b.others[key] = paceOf(other)
	}
	return b
}

// Allow takes one request of key from its bucket at now, and reports whether there was one. What is refused costs
// nothing.
func (b *Buckets[K]) Allow(key K, now time.Time) bool {
	p, own := b.others[key]
	if !own {
		p = b.usual
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	full, ok := b.full[key]
	if !ok || full.Before(now) {
		full = now
	}
	if full.Sub(now) > p.room {
		return false
	}
	b.full[key] = full.Add(p.cost)
	return true
}

// Sweep forgets the keys whose bucket is full at now, as if they had never been seen.
func (b *Buckets[K]) Sweep(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, full := range b.full {
		if !full.After(now) {
			delete(b.full, key)
		}
	}
}

// Len is the number of keys in memory.
func (b *Buckets[K]) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.full)
}

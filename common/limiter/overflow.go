package limiter

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Decision is what an Overflow says of an event.
type Decision int

// The decisions. Forced is stronger than Limited: callers give up the order of a listed key's events, but not that of a fast one.
const (
	Allowed Decision = iota
	Limited          // its key sends too fast
	Forced           // its key is listed
)

// OverflowConfig is read once, by NewOverflow.
type OverflowConfig struct {
	PerSecond int // events per second that a key may send for ever; 0 measures nothing, and only listed keys overflow
	Burst     int // events of a key that pass at once; at least 1 when PerSecond is set

	// ForcedKeys is a comma separated list of keys. Entries are not trimmed, so a blank after a comma is part of the key. One that is
	// no key but the first part of one that is not blank (a project's token) stands for all of them.
	ForcedKeys string

	// MaxKeys bounds the memory, about 150 bytes each. Only keys that sent within the time that their events take at PerSecond are
	// held, so it matters under attack alone: what finds no room is allowed. Default 1,000,000.
	MaxKeys int
}

// Overflow tells which keys would overload the one partition that they hash to. It is a token bucket per key in the form of GCRA,
// whose state is a single time: when the bucket will be full again. Source: PostHog's rust/common/limiters/src/overflow.rs.
//
// Checks may be made from many goroutines. Run forgets keys that have been quiet.
type Overflow struct {
	cfg      OverflowConfig
	interval int64 // nanoseconds of one event
	reach    int64 // nanoseconds that a key may be ahead of the clock, one event not counted
	forced   map[string]struct{}

	start  time.Time // origin of the nanoseconds below, so that they come from the monotonic clock
	seed   maphash.Seed
	shards [overflowShards]overflowShard
	keys   prometheus.Gauge
}

// overflowShards is a power of two, well above the number of cores that check at once.
const overflowShards = 64

type overflowShard struct {
	mu sync.Mutex
	// full holds, by key, the nanoseconds after start at which the bucket is full again. They are behind pointers because an
	// assignment to the map would need the key as a string, and so a copy of it, each time.
	full  map[string]*int64
	swept int64    // when a lack of room was last met by a sweep
	_     [40]byte // to a cache line, against false sharing
}

// NewOverflow checks cfg and starts nothing.
func NewOverflow(cfg OverflowConfig, reg prometheus.Registerer) (*Overflow, error) {
	cfg.MaxKeys = cmp.Or(cfg.MaxKeys, 1_000_000)
	if cfg.PerSecond < 0 || cfg.MaxKeys < 0 || cfg.PerSecond > int(time.Second) {
		return nil, fmt.Errorf("overflow limiter: value out of range in %+v", cfg)
	}
	if cfg.PerSecond > 0 && cfg.Burst < 1 {
		return nil, fmt.Errorf("overflow limiter: burst of %d lets nothing pass, it must be at least 1", cfg.Burst)
	}
	o := &Overflow{cfg: cfg, forced: map[string]struct{}{}, start: time.Now(), seed: maphash.MakeSeed(), keys: keyGauge(reg)}
	if cfg.PerSecond > 0 {
		o.interval = int64(time.Second) / int64(cfg.PerSecond)
		o.reach = o.interval * int64(cfg.Burst-1)
	}
	for entry := range strings.SplitSeq(cfg.ForcedKeys, ",") {
		if entry != "" {
			o.forced[entry] = struct{}{}
		}
	}
	for i := range o.shards {
		o.shards[i].full = map[string]*int64{}
	}
	return o, nil
}

// Check counts one event of key at now and decides where it goes. Only events that are allowed use up what the key has. The key is
// copied if it is kept.
func (o *Overflow) Check(key []byte, now time.Time) Decision {
	if o.isForced(key) {
		return Forced
	}
	if o.interval == 0 {
		return Allowed
	}
	at := int64(now.Sub(o.start))
	s := &o.shards[maphash.Bytes(o.seed, key)%overflowShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	full, known := s.full[string(key)]
	switch {
	case !known:
		if s.makeRoomLocked(o, at) {
			first := at + o.interval
			s.full[string(key)] = &first
			o.keys.Inc()
		}
		return Allowed
	case *full-at > o.reach:
		return Limited
	}
	*full = max(*full, at) + o.interval
	return Allowed
}

func (o *Overflow) isForced(key []byte) bool {
	if len(o.forced) == 0 {
		return false
	}
	if _, ok := o.forced[string(key)]; ok {
		return true
	}
	for len(key) > 0 {
		part, rest, _ := bytes.Cut(key, []byte{':'})
		if len(bytes.TrimSpace(part)) > 0 {
			_, ok := o.forced[string(part)]
			return ok
		}
		key = rest
	}
	return false
}

// Run sweeps about once a minute until ctx ends.
func (o *Overflow) Run(ctx context.Context) error {
	for {
		// The jitter keeps instances that started together apart.
		wait := time.NewTimer(time.Minute + rand.N(10*time.Second))
		select {
		case <-ctx.Done():
			wait.Stop()
			return nil
		case now := <-wait.C:
			o.Sweep(now)
		}
	}
}

// Sweep forgets the keys that have at now all of their burst again, as if they had never been seen.
func (o *Overflow) Sweep(now time.Time) {
	at := int64(now.Sub(o.start))
	for i := range o.shards {
		s := &o.shards[i]
		s.mu.Lock()
		s.sweepLocked(o, at)
		s.mu.Unlock()
	}
}

func (s *overflowShard) sweepLocked(o *Overflow, at int64) {
	before := len(s.full)
	for key, full := range s.full {
		if *full <= at {
			delete(s.full, key)
		}
	}
	o.keys.Sub(float64(before - len(s.full)))
}

// makeRoomLocked reports whether one more key may be held. A shard that is full is swept, but at most once a second: keys that all
// are busy would otherwise cost a sweep for each event.
func (s *overflowShard) makeRoomLocked(o *Overflow, at int64) bool {
	bound := max(1, o.cfg.MaxKeys/overflowShards)
	if len(s.full) < bound {
		return true
	}
	if at-s.swept < int64(time.Second) {
		return false
	}
	s.swept = at
	s.sweepLocked(o, at)
	return len(s.full) < bound
}

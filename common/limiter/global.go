package limiter

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/common/redis"
)

// GlobalConfig is read once, by NewGlobal. Processes that are to share counts need the same Prefix and Window.
type GlobalConfig struct {
	Service string // first part of the name of the dry run's counter: capture
	Scope   string // label of the metrics, which tells several limiters of a process apart
	Prefix  string // of the keys in Redis: <prefix>:<key>:<number of the window since 1970>

	Window        time.Duration // over which is counted, in whole seconds; default 60s
	Threshold     uint64        // count of a key within a window from which on it is limited; at least 1
	Overrides     string        // other thresholds: key=value,... A key is that of Count, or its part before the first colon
	OverrideScale uint64        // what Overrides are multiplied with, if their unit is not that of Threshold; default 1
	DryRun        bool          // count what would be limited, and limit nothing

	// ThresholdKey is where Redis may hold thresholds as {"key": number}. While it does, they replace the Overrides. "": nowhere.
	ThresholdKey     string
	ThresholdRefresh time.Duration // between two readings of it; default 60s

	Tick         time.Duration // between two exchanges with Redis; default 1s
	SyncInterval time.Duration // age at which the fleet's count of a key is read again; default 15s
	SyncFloor    uint64        // count, but at most 1 % of the threshold, below which a key is not read; 0: all are

	// MaxReadOutage is how long reading may fail before counts that no reading confirmed stop limiting. Default Window, negative: for
	// ever.
	MaxReadOutage time.Duration

	MaxKeys           int           // keys remembered, at about 95 bytes each; default 300,000
	MaxWrites         int           // counts that wait to be written; more are lost. Default 200,000
	MaxReads          int           // keys that wait to be read; more have to come again. Default 200,000
	MaxKeysPerTick    int           // keys read, and keys written, in one exchange; default 20,000
	MaxKeysPerCommand int           // Redis keys in one command, of which a read takes two; default 2,000
	MaxCommands       int           // commands at once; default 4
	ReadTimeout       time.Duration // of one command; default 250ms
	WriteTimeout      time.Duration // of one command; default 250ms

	// A key that nothing was counted of for TTL or Idle, whichever is shorter, is forgotten, but not within a Window. Defaults 10m, 5m.
	TTL, Idle time.Duration
}

// GlobalStore is all that a Global needs of the Redis that holds counts.
type GlobalStore interface {
	// IncrBy adds to counters and renews their time to live. On an error some may have been changed.
	IncrBy(ctx context.Context, steps []redis.Increment) ([]int64, error)
	// MGet returns the values at keys in their order, with "" for those that do not exist.
	MGet(ctx context.Context, keys ...string) ([]string, error)
}

// ThresholdStore is all that a Global needs of the Redis that holds thresholds.
type ThresholdStore interface {
	// Get returns the value at key. No key is redis.ErrNotFound.
	Get(ctx context.Context, key string) (string, error)
}

// Global limits what all processes that share a Redis take of a key within a window. Make it with NewGlobal and give Run a
// goroutine. Source: PostHog's rust/common/limiters, global_rate_limiter.rs and GLOBAL_RATE_LIMITER.md.
//
// Redis holds a counter per key and window. The count at a time is that of the window it falls in, plus that of the one before,
// weighted with the part of it that a window ending now would still cover. Every Tick a process adds what it counted since the last
// one, then reads the keys that are due. In between it judges a key by the count that it read last, which drains by one threshold per
// window, plus what it counted itself since: Count never waits.
//
// A key is due for reading when it is new, and else when its last reading is SyncInterval old: half of that from 80 % of its threshold
// on, four times that below 50 %. The next count queues it, and the exchange after that reads it. So the fleet's count is late, but
// bounded: a process learns what others took within that interval and two ticks, and meanwhile lets pass what, together with its last
// reading, is below the threshold. Near the threshold that is SyncInterval/2 + 2 ticks.
//
// It fails open. The first count of a key always passes. What finds no room in MaxWrites is not counted. While Redis cannot be read
// a process goes by its own counts for MaxReadOutage, then only by what is left of the last reading.
type Global struct {
	cfg        GlobalConfig
	store      GlobalStore
	thresholds ThresholdStore
	log        *slog.Logger
	metrics    *globalMetrics

	start       time.Time // origin of the nanoseconds below and in the shards
	seed        maphash.Seed
	shards      [globalShards]globalShard
	shardKeys   int // bounds of a shard
	shardWrites int
	shardReads  int

	static   *overrides                // those of the configuration
	current  atomic.Pointer[overrides] // what holds now; never nil
	unreadAt atomic.Int64              // nanoseconds at which reading began to fail, 0 while it works

	// Of Run alone.
	nextWrite, nextRead, nextSweep int // shards
	failing                        bool
}

// globalShards is a power of two, well above the number of cores that count at once, and high enough that sweeping one of five
// million keys holds its lock for less than a millisecond.
const globalShards = 256

// NewGlobal checks cfg and starts nothing. thresholds may be nil if cfg has no ThresholdKey.
func NewGlobal(cfg GlobalConfig, store GlobalStore, thresholds ThresholdStore, log *slog.Logger, reg prometheus.Registerer) (*Global, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	if cfg.ThresholdKey != "" && thresholds == nil {
		return nil, errors.New("global limiter: a key of thresholds needs a Redis that holds it")
	}
	g := &Global{
		cfg: cfg, store: store, thresholds: thresholds, log: log.With("component", "global_limiter", "scope", cfg.Scope),
		metrics: newGlobalMetrics(reg, &cfg), start: time.Now(), seed: maphash.MakeSeed(),
		shardKeys: perShard(cfg.MaxKeys), shardWrites: perShard(cfg.MaxWrites), shardReads: perShard(cfg.MaxReads),
	}
	g.static = parseOverrides(cfg.Overrides, cfg.OverrideScale, g.log)
	g.current.Store(g.static)
	for i := range g.shards {
		s := &g.shards[i]
		s.slots = map[uint64]uint32{}
		s.writes.generation, s.reads.generation = 1, 1
	}
	return g, nil
}

func perShard(bound int) int { return (bound + globalShards - 1) / globalShards }

// complete fills in defaults.
func (c *GlobalConfig) complete() error {
	set := func(d *time.Duration, to time.Duration) { *d = cmp.Or(*d, to) }
	set(&c.Window, time.Minute)
	set(&c.Tick, time.Second)
	set(&c.SyncInterval, 15*time.Second)
	set(&c.ThresholdRefresh, time.Minute)
	set(&c.MaxReadOutage, c.Window)
	set(&c.ReadTimeout, 250*time.Millisecond)
	set(&c.WriteTimeout, 250*time.Millisecond)
	set(&c.TTL, 10*time.Minute)
	set(&c.Idle, 5*time.Minute)
	c.OverrideScale = cmp.Or(c.OverrideScale, 1)
	c.MaxKeys = cmp.Or(c.MaxKeys, 300_000)
	c.MaxWrites = cmp.Or(c.MaxWrites, 200_000)
	c.MaxReads = cmp.Or(c.MaxReads, 200_000)
	c.MaxKeysPerTick = cmp.Or(c.MaxKeysPerTick, 20_000)
	c.MaxKeysPerCommand = cmp.Or(c.MaxKeysPerCommand, 2_000)
	c.MaxCommands = cmp.Or(c.MaxCommands, 4)
	switch {
	case c.Service == "" || c.Scope == "" || c.Prefix == "" || c.Threshold == 0:
		return fmt.Errorf("global limiter: service, scope, prefix and threshold are needed, not %+v", *c)
	case c.Window < time.Second || c.Window%time.Second != 0:
		return fmt.Errorf("global limiter: the window has to be a number of seconds, not %s", c.Window)
	case min(c.Tick, c.SyncInterval, c.ThresholdRefresh, c.ReadTimeout, c.WriteTimeout, c.TTL, c.Idle) < 0,
		min(c.MaxKeys, c.MaxWrites, c.MaxReads, c.MaxKeysPerTick, c.MaxKeysPerCommand, c.MaxCommands) < 0:
		return fmt.Errorf("global limiter: negative value in %+v", *c)
	}
	return nil
}

// Count adds n to key at now, which is the wall clock's, and reports whether the key is over its threshold. What is limited counts,
// too. The key is copied if it is kept; callers keep it short, and an empty one is never limited. Count does not allocate for keys
// that are known.
func (g *Global) Count(key []byte, n uint64, now time.Time) (limited bool) {
	if len(key) == 0 {
		return false
	}
	threshold, custom := g.threshold(key)
	at := g.nanos(now)
	hash := maphash.Bytes(g.seed, key)
	s := &g.shards[hash%globalShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	c, known := s.countLocked(hash, g.shardKeys)
	c.seen = uint32(at / int64(time.Second))
	c.pending += n
	s.addWriteLocked(c, key, n, g.windowAt(now), g.shardWrites)
	level := judged{decayed: g.decayed(c, threshold, at), pending: float64(c.pending), threshold: float64(threshold)}
	s.tally[g.syncLocked(s, c, key, at, level, known)]++
	if limited = known && g.exceeds(s, level, at); !limited {
		s.tally[allowed]++
		return false
	}
	s.tally[overThreshold]++
	if !g.cfg.DryRun {
		return true
	}
	if custom {
		s.tally[dryRunCustom]++
	} else {
		s.tally[dryRunDefault]++
	}
	return false
}

// judged is the count of a key at some time.
type judged struct {
	decayed   float64 // what is left of the last reading
	pending   float64 // counted since
	threshold float64
}

func (j judged) level() float64 { return j.decayed + j.pending }

// exceeds tells whether a key is to be limited. Nothing but a reading takes away from what is pending, so without readings it would
// grow until it limits a key that is under its threshold.
func (g *Global) exceeds(s *globalShard, j judged, at int64) bool {
	if j.level() < j.threshold {
		return false
	}
	since := g.unreadAt.Load()
	if since == 0 || g.cfg.MaxReadOutage < 0 || at-since < int64(g.cfg.MaxReadOutage) || j.decayed >= j.threshold {
		return true
	}
	s.tally[outageSkipped]++
	return false
}

// syncLocked queues a key for reading if that is due, and returns what happened, as a tally.
func (g *Global) syncLocked(s *globalShard, c *globalCount, key []byte, at int64, j judged, known bool) tally {
	result := hit
	if !known {
		result = miss
	}
	if floor := min(float64(g.cfg.SyncFloor), max(1, float64(uint64(j.threshold)/100))); j.level() < floor {
		s.tally[belowFloor]++
		return result
	}
	pressure := max(j.level(), c.estimate) / j.threshold
	if c.synced != 0 && at-c.synced <= int64(g.syncAfter(pressure)) || c.readGeneration == s.reads.generation {
		return result
	}
	if _, ok := s.reads.add(queued{hash: c.hash}, key, g.shardReads); !ok {
		s.tally[readsFull]++
		return result
	}
	c.readGeneration = s.reads.generation
	if known {
		return syncQueued
	}
	return result
}

// syncAfter is the age at which a count is read again, by its part of the threshold.
func (g *Global) syncAfter(pressure float64) time.Duration {
	switch {
	case pressure < 0.5:
		return 4 * g.cfg.SyncInterval
	case pressure < 0.8:
		return g.cfg.SyncInterval
	}
	return g.cfg.SyncInterval / 2
}

// decayed is what is left at a time of the last reading of a key.
func (g *Global) decayed(c *globalCount, threshold uint64, at int64) float64 {
	if c.synced == 0 {
		return 0
	}
	windows := float64(max(0, at-c.synced)) / float64(g.cfg.Window)
	return max(0, c.estimate-float64(threshold)*windows)
}

// threshold is that of key, and whether it is not the default.
func (g *Global) threshold(key []byte) (threshold uint64, custom bool) {
	of := g.current.Load().byKey
	if len(of) == 0 {
		return g.cfg.Threshold, false
	}
	if threshold, custom = of[string(key)]; custom {
		return threshold, true
	}
	if i := bytes.IndexByte(key, ':'); i >= 0 {
		if threshold, custom = of[string(key[:i])]; custom {
			return threshold, true
		}
	}
	return g.cfg.Threshold, false
}

// nanos is t on the clock of the shards, and never 0.
func (g *Global) nanos(t time.Time) int64 { return max(1, int64(t.Sub(g.start))) }

// windowAt is the number of the window that t falls in.
func (g *Global) windowAt(t time.Time) int64 { return t.Unix() / int64(g.cfg.Window/time.Second) }

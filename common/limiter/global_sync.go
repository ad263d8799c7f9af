package limiter

import (
	"cmp"
	"context"
	"errors"
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hog-go/hog/common/redis"
)

// Run exchanges counts with Redis until ctx ends, and then writes what is left.
func (g *Global) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	if g.cfg.ThresholdKey != "" {
		wg.Go(func() { g.refreshThresholds(ctx) })
	}
	tick := time.NewTicker(g.cfg.Tick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			// Each command has a timeout, and one tick's worth of them is all that is tried.
			g.write(context.WithoutCancel(ctx), time.Now())
			g.survey()
			return nil
		case <-tick.C:
			g.exchange(ctx, time.Now())
		}
	}
}

// exchange writes before it reads, so that what is read holds what was counted here.
func (g *Global) exchange(ctx context.Context, now time.Time) {
	written, err := g.write(ctx, now)
	read, readErr := g.read(ctx, now)
	err = cmp.Or(err, readErr)
	g.sweep(now)
	g.survey()
	g.metrics.tick.Observe(float64(time.Since(now)) / float64(time.Millisecond))
	switch {
	case ctx.Err() != nil:
	case err != nil && !g.failing:
		g.failing = true
		g.log.WarnContext(ctx, "counts cannot be exchanged with Redis, limits become blunt and then open", "err", err)
	case err == nil && g.failing && written+read > 0: // one that had nothing to do proves nothing
		g.failing = false
		g.log.InfoContext(ctx, "counts are exchanged with Redis again")
	}
}

// take empties the queues of as many shards, from next on, as one exchange has room for.
func (g *Global) take(next *int, queue func(*globalShard) *globalQueue) *globalQueue {
	taken := &globalQueue{}
	for range globalShards {
		if len(taken.items) >= g.cfg.MaxKeysPerTick {
			break
		}
		s := &g.shards[*next]
		*next = (*next + 1) % globalShards
		s.mu.Lock()
		if q := queue(s); len(q.items) > 0 {
			q.moveTo(taken)
		}
		s.mu.Unlock()
	}
	return taken
}

// write adds what was counted to Redis, and tells of how many keys. What fails is not tried again, as it may have been done.
func (g *Global) write(ctx context.Context, now time.Time) (keys int, err error) {
	taken := g.take(&g.nextWrite, func(s *globalShard) *globalQueue { return &s.writes })
	oldest := g.windowAt(now) - 1 // of those that are still read
	steps := make([]redis.Increment, 0, len(taken.items))
	for i, item := range taken.items {
		if item.window < oldest {
			g.metrics.stale.Inc()
			continue
		}
		steps = append(steps, redis.Increment{
			Key: g.redisKey(taken.key(i), item.window), By: int64(min(item.n, math.MaxInt64)), TTL: 2 * g.cfg.Window,
		})
	}
	err = g.inChunks(len(steps), g.cfg.MaxKeysPerCommand, func(from, to int) error {
		ctx, cancel := context.WithTimeout(ctx, g.cfg.WriteTimeout)
		defer cancel()
		if _, err := g.store.IncrBy(ctx, steps[from:to]); err != nil {
			g.metrics.failed(err, "write_timeout", "redis_write")
			return err
		}
		g.metrics.written.Add(float64(to - from))
		return nil
	})
	return len(steps), err
}

// read updates the keys that are due, and tells how many they were.
func (g *Global) read(ctx context.Context, now time.Time) (keys int, err error) {
	taken := g.take(&g.nextRead, func(s *globalShard) *globalQueue { return &s.reads })
	if len(taken.items) == 0 {
		return 0, nil
	}
	var succeeded atomic.Bool
	err = g.inChunks(len(taken.items), max(1, g.cfg.MaxKeysPerCommand/2), func(from, to int) error {
		if err := g.readSome(ctx, now, taken, from, to); err != nil {
			g.metrics.failed(err, "read_timeout", "redis_error")
			return err
		}
		succeeded.Store(true)
		return nil
	})
	switch {
	case succeeded.Load():
		g.unreadAt.Store(0)
		g.metrics.unread.Set(0)
	case ctx.Err() == nil:
		g.unreadAt.CompareAndSwap(0, g.nanos(now))
		g.metrics.unread.Set(time.Duration(g.nanos(now) - g.unreadAt.Load()).Seconds())
	}
	return len(taken.items), err
}

func (g *Global) readSome(ctx context.Context, now time.Time, taken *globalQueue, from, to int) error {
	ctx, cancel := context.WithTimeout(ctx, g.cfg.ReadTimeout)
	defer cancel()
	window := g.windowAt(now)
	keys := make([]string, 0, 2*(to-from))
	for i := from; i < to; i++ {
		keys = append(keys, g.redisKey(taken.key(i), window), g.redisKey(taken.key(i), window-1))
	}
	values, err := g.store.MGet(ctx, keys...)
	if err != nil {
		return err
	}
	if len(values) != len(keys) {
		return errors.New("mget: answer of another length than the question")
	}
	g.metrics.read.Add(float64(len(values)))
	at := g.nanos(time.Now())
	for i := from; i < to; i++ {
		hash := taken.items[i].hash
		estimate := g.weighted(values[2*(i-from)], values[2*(i-from)+1], now)
		s := &g.shards[hash%globalShards]
		s.mu.Lock()
		s.readLocked(hash, estimate, at)
		s.mu.Unlock()
	}
	return nil
}

// weighted is the count of a window that ends now. A value that is no count is 0.
func (g *Global) weighted(current, previous string, now time.Time) float64 {
	c, _ := strconv.ParseUint(current, 10, 64)
	p, _ := strconv.ParseUint(previous, 10, 64)
	begun := now.Sub(time.Unix(g.windowAt(now)*int64(g.cfg.Window/time.Second), 0))
	return float64(c) + float64(p)*(1-float64(begun)/float64(g.cfg.Window))
}

// redisKey is that of the counter of key in a window.
func (g *Global) redisKey(key []byte, window int64) string {
	b := make([]byte, 0, len(g.cfg.Prefix)+len(key)+22)
	b = append(append(b, g.cfg.Prefix...), ':')
	b = append(append(b, key...), ':')
	return string(strconv.AppendInt(b, window, 10))
}

// inChunks calls do for ranges of at most size of n things, several at once, and returns one of the errors.
func (g *Global) inChunks(n, size int, do func(from, to int) error) error {
	var wg sync.WaitGroup
	var first atomic.Pointer[error]
	slots := make(chan struct{}, g.cfg.MaxCommands)
	for from := 0; from < n; from += size {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := do(from, min(from+size, n)); err != nil {
				first.CompareAndSwap(nil, &err)
			}
		})
	}
	wg.Wait()
	if err := first.Load(); err != nil {
		return *err
	}
	return nil
}

// sweepsPerTick spreads the search for forgotten keys: with a tick of a second each shard is swept about once a minute.
const sweepsPerTick = 4

func (g *Global) sweep(now time.Time) {
	idle := max(g.cfg.Window, min(g.cfg.TTL, g.cfg.Idle))
	before := (g.nanos(now) - int64(idle)) / int64(time.Second)
	if before <= 0 {
		return
	}
	for range sweepsPerTick {
		s := &g.shards[g.nextSweep]
		g.nextSweep = (g.nextSweep + 1) % globalShards
		s.mu.Lock()
		s.sweepLocked(uint32(before))
		s.mu.Unlock()
	}
}

// survey brings the metrics up to date.
func (g *Global) survey() {
	var sum [tallies]uint64
	keys, writes, reads := 0, 0, 0
	for i := range g.shards {
		s := &g.shards[i]
		s.mu.Lock()
		for t, n := range s.tally {
			sum[t] += n
		}
		clear(s.tally[:])
		keys, writes, reads = keys+len(s.counts), writes+len(s.writes.items), reads+len(s.reads.items)
		s.mu.Unlock()
	}
	for t, n := range sum {
		g.metrics.tallies[t].Add(float64(n))
	}
	g.metrics.keys.Set(float64(keys))
	g.metrics.writesLeft.Set(float64(writes))
	g.metrics.readsLeft.Set(float64(reads))
}

package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// DefaultSaveEvery bounds what kill -9 can lose of Redis: the worst that Redis itself loses with its default
// "appendfsync everysec" is one second; the counters and caches kept here bear five.
const DefaultSaveEvery = 5 * time.Second

// clockTick is how often times to live advance, and so how early a key can expire. miniredis can advance them exactly,
// on every command, but then sorts all keys on every command.
const clockTick = 100 * time.Millisecond

// RedisOptions says where the server listens and keeps its data. Only Dir is required.
type RedisOptions struct {
	Dir       string        // data directory, created if missing
	Addr      string        // a loopback address; default "127.0.0.1:0" (a free port)
	SaveEvery time.Duration // default DefaultSaveEvery
	Log       *slog.Logger  // default: discarded
}

// Redis is a running server. There is no limit on its memory and no eviction: it is for thousands of keys, not for
// millions.
//
// Databases 0 to 15 are saved: strings, hashes (with the time to live of their fields), lists, sets and sorted sets,
// with the keys' time to live. Not saved: streams, HyperLogLogs, scripts, subscriptions. A snapshot is taken key by key while
// clients write, so it can hold one of two keys that a transaction wrote together; after Stop it is exact.
type Redis struct {
	server   *miniredis.Miniredis
	url      string
	file     string
	log      *slog.Logger
	lock     *dirLock
	running  sync.WaitGroup
	cancel   context.CancelFunc
	stopOnce sync.Once
	stopErr  error
}

// StartRedis returns when the server answers, its data loaded. A damaged snapshot is moved aside with a warning: what
// is kept here can be built anew, so a start without it beats no start.
func StartRedis(_ context.Context, o RedisOptions) (*Redis, error) {
	o.Addr = cmp.Or(o.Addr, "127.0.0.1:0")
	o.SaveEvery = cmp.Or(o.SaveEvery, DefaultSaveEvery)
	log := cmp.Or(o.Log, slog.New(slog.DiscardHandler)).With("component", "embedded_redis")
	if o.Dir == "" || o.SaveEvery < 0 {
		return nil, fmt.Errorf("embedded redis: need a data directory and a positive SaveEvery, got %q and %s", o.Dir, o.SaveEvery)
	}
	if err := CheckAddr(o.Addr, "redis"); err != nil {
		return nil, err
	}
	lock, err := lockDir(o.Dir)
	if err != nil {
		return nil, err
	}
	r := &Redis{server: miniredis.NewMiniRedis(), file: filepath.Join(o.Dir, "redis.snapshot"), log: log, lock: lock}
	keys, err := r.start(o.Addr)
	if err != nil {
		lock.unlock()
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	r.running.Go(func() { r.saveEvery(ctx, o.SaveEvery) })
	r.running.Go(func() { r.expireKeys(ctx) })
	log.Info("redis is up", "addr", r.server.Addr(), "dir", o.Dir, "keys", keys)
	return r, nil
}

func (r *Redis) start(addr string) (keys int, err error) {
	saved, err := readSnapshot(r.file)
	var damage *damagedError
	switch {
	case errors.As(err, &damage):
		aside, err := moveAside(r.file)
		if err != nil {
			return 0, explain(err, filepath.Dir(r.file))
		}
		r.log.Warn("the saved redis data is damaged and was moved aside; starting empty", "file", r.file, "moved_to", aside, "err", damage)
	case err != nil:
		return 0, explain(err, filepath.Dir(r.file))
	}
	restore(r.server, saved, time.Now())
	// A snapshot at once shows whether the directory takes one, while somebody is looking.
	if err := r.save(); err != nil {
		return 0, err
	}
	if err := r.server.StartAddr(addr); err != nil {
		return 0, explainPort(err, "redis")
	}
	r.url = "redis://" + r.server.Addr() + "/"
	return len(saved), nil
}

// URL is what a client connects to; append the number of a database other than 0.
func (r *Redis) URL() string { return r.url }

// Stop closes the port and then saves, so that every answered write is saved. Only the first call does anything.
func (r *Redis) Stop(context.Context) error {
	r.stopOnce.Do(func() {
		r.cancel()
		r.running.Wait()
		r.server.Close()
		r.stopErr = r.save()
		r.lock.unlock()
	})
	return r.stopErr
}

// expireKeys makes time pass for the keys that expire; miniredis does not do it by itself.
func (r *Redis) expireKeys(ctx context.Context) {
	tick := time.NewTicker(clockTick)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := time.Now()
		r.server.FastForward(now.Sub(last))
		last = now
	}
}

// saveEvery saves at a steady interval if any command ran since the last time.
func (r *Redis) saveEvery(ctx context.Context, interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	saved, failing := 0, false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		commands := r.server.CommandCount()
		if commands == saved && !failing {
			continue
		}
		err := r.save()
		switch {
		case err != nil && !failing:
			r.log.ErrorContext(ctx, "redis data cannot be saved; trying on", "file", r.file, "err", err)
		case err == nil && failing:
			r.log.InfoContext(ctx, "redis data is saved again", "file", r.file)
		}
		failing = err != nil
		if !failing {
			saved = commands
		}
	}
}

func (r *Redis) save() error {
	return explain(writeSnapshot(r.file, capture(r.server, time.Now())), filepath.Dir(r.file))
}

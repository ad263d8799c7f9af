// Package readthrough keeps what a slow loader says in Redis, and in memory what it says does not exist.
//
// A read asks Redis, then the memory of absent keys, then the loader, and caches what that says:
//
//	Redis says     asks memory   cache afterwards                          found → source / not found → source
//	value          no            (a TTL begins anew)                       PositiveCache
//	nothing        yes           found: Redis; not found: memory           LoaderCacheMiss / LoaderNotFoundCacheMiss, NegativeCache
//	no JSON of V   no            deleted, then as after nothing            LoaderCacheCorrupted / LoaderNotFoundCacheCorrupted
//	error          yes           untouched                                 LoaderRedisUnavailable / LoaderNotFoundRedisUnavailable, NegativeCache
//
// Failure policy: open. Redis trouble costs speed, never an answer; and while it lasts nothing is learnt, because an answer that
// may be an outage's must not outlive it. The rules are those of PostHog's rust/common/cache.
package readthrough

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Store is what a Cache needs of Redis. Values are JSON text.
type Store interface {
	// Get returns the text at key. For a key that does not exist it returns an error that Deps.NotFound knows.
	Get(ctx context.Context, key string) (string, error)
	// GetEx is Get, and makes the key live for ttl from now on.
	GetEx(ctx context.Context, key string, ttl time.Duration) (string, error)
	// Set stores value for ttl, or for good if ttl is 0.
	Set(ctx context.Context, key, value string, ttl time.Duration) error
	// Del removes key; one that does not exist is no error.
	Del(ctx context.Context, key string) error
}

// Config is read once, by New.
type Config struct {
	Prefix string        // put before every key
	TTL    time.Duration // of values in Redis since they were last read; 0 keeps them for good
}

// Deps are what New needs. Corrupt and Negative may be nil.
type Deps struct {
	Store    Store
	NotFound func(error) bool // recognises the Store's error for a key that does not exist
	Corrupt  func(error) bool // recognises the Store's error for a value that it cannot decode, which then counts like bad JSON
	Negative *Negative        // memory of absent keys; caches may share one if their prefixes differ
	Log      *slog.Logger     // gets no keys, which may hold a customer's secret
}

// Cache reads values of type V through Redis. It is safe for concurrent use.
type Cache[V any] struct {
	cfg  Config
	deps Deps
}

// New makes a Cache.
func New[V any](cfg Config, deps Deps) (*Cache[V], error) {
	if cfg.TTL < 0 {
		return nil, fmt.Errorf("readthrough: TTL %s of %q is negative", cfg.TTL, cfg.Prefix)
	}
	if deps.Corrupt == nil {
		deps.Corrupt = func(error) bool { return false }
	}
	if deps.Negative == nil {
		deps.Negative = &Negative{} // remembers nothing
	}
	deps.Log = deps.Log.With("component", "readthrough", "prefix", cfg.Prefix)
	return &Cache[V]{cfg: cfg, deps: deps}, nil
}

// Result is a value, if there is one, and where the answer came from.
type Result[V any] struct {
	Value  V
	Found  bool
	Source Source
}

// Loader gets a value from where it lives. found is false for one that does not exist, which is no error.
type Loader[V any] func(ctx context.Context, key string) (value V, found bool, err error)

// Get is the value of key. The only errors are the loader's, as they are.
func (c *Cache[V]) Get(ctx context.Context, key string, load Loader[V]) (Result[V], error) {
	full := c.cfg.Prefix + key
	value, err := c.read(ctx, full)
	switch {
	case err == nil:
		return Result[V]{Value: value, Found: true, Source: PositiveCache}, nil
	case errors.Is(err, errCorrupt):
		c.deps.Log.WarnContext(ctx, "cached value is corrupt, loading it anew", "err", err)
		c.del(ctx, full)
		return c.loadAndKeep(ctx, key, load, LoaderCacheCorrupted, LoaderNotFoundCacheCorrupted)
	}
	absent := c.deps.NotFound(err)
	if !absent {
		c.deps.Log.WarnContext(ctx, "Redis is unavailable, going without cache", "err", err)
	}
	switch {
	case c.deps.Negative.Contains(full):
		return Result[V]{Source: NegativeCache}, nil
	case absent:
		return c.loadAndKeep(ctx, key, load, LoaderCacheMiss, LoaderNotFoundCacheMiss)
	}
	return c.load(ctx, key, load, LoaderRedisUnavailable, LoaderNotFoundRedisUnavailable)
}

// Invalidate makes the next Get of key ask the loader. It does what it can: when Redis fails the value stays until its TTL.
func (c *Cache[V]) Invalidate(ctx context.Context, key string) {
	full := c.cfg.Prefix + key
	c.del(ctx, full)
	c.deps.Negative.Remove(full)
}

var errCorrupt = errors.New("corrupt value")

func (c *Cache[V]) read(ctx context.Context, key string) (value V, err error) {
	var text string
	if c.cfg.TTL > 0 {
		text, err = c.deps.Store.GetEx(ctx, key, c.cfg.TTL)
	} else {
		text, err = c.deps.Store.Get(ctx, key)
	}
	if err != nil {
		if c.deps.Corrupt(err) {
			err = fmt.Errorf("%w: %w", errCorrupt, err)
		}
		return value, err
	}
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		return value, fmt.Errorf("%w: %w", errCorrupt, err)
	}
	return value, nil
}

func (c *Cache[V]) load(ctx context.Context, key string, load Loader[V], ifFound, ifNot Source) (Result[V], error) {
	value, found, err := load(ctx, key)
	switch {
	case err != nil:
		return Result[V]{}, err
	case found:
		return Result[V]{Value: value, Found: true, Source: ifFound}, nil
	}
	return Result[V]{Source: ifNot}, nil
}

func (c *Cache[V]) loadAndKeep(ctx context.Context, key string, load Loader[V], ifFound, ifNot Source) (Result[V], error) {
	result, err := c.load(ctx, key, load, ifFound, ifNot)
	if err != nil {
		return result, err
	}
	full := c.cfg.Prefix + key
	if !result.Found {
		c.deps.Negative.Add(full)
		return result, nil
	}
	c.deps.Negative.Remove(full)
	if err := c.write(ctx, full, result.Value); err != nil {
		c.deps.Log.WarnContext(ctx, "value was not cached", "err", err)
	}
	return result, nil
}

func (c *Cache[V]) write(ctx context.Context, key string, value V) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return c.deps.Store.Set(ctx, key, string(text), c.cfg.TTL)
}

func (c *Cache[V]) del(ctx context.Context, key string) {
	if err := c.deps.Store.Del(ctx, key); err != nil {
		c.deps.Log.WarnContext(ctx, "cached value was not deleted", "err", err)
	}
}

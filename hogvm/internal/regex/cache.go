package regex

import (
	"hash/maphash"
	"strings"
	"sync"
)

const (
	maxCached     = 8192     // patterns kept by the process, as in PostHog's Rust VM
	maxCachedSize = 1024     // bytes of a pattern; longer ones are compiled each time
	cacheShards   = 16       // so that goroutines seldom meet at one lock
	maxTables     = 64 << 20 // bytes of the DFAs of all patterns
)

// cached is the process-wide cache: programs of any VM ask for the same patterns again and again.
var cached = newCache()

// Compile returns the matcher of pattern, in the syntax of package regexp; caseInsensitive is a (?i) in front of it, which flags inside
// the pattern override. The error wraps a *syntax.Error, and errors are not cached.
func Compile(pattern string, caseInsensitive bool) (*Regex, error) {
	if len(pattern) > maxCachedSize {
		return compile(pattern, caseInsensitive, &cached.tables)
	}
	return cached.get(pattern, caseInsensitive)
}

type cacheKey struct {
	pattern         string
	caseInsensitive bool
}

type cache struct {
	seed   maphash.Seed
	tables budget
	shards [cacheShards]cacheShard
}

type cacheShard struct {
	mu      sync.RWMutex
	entries map[cacheKey]*Regex
}

func newCache() *cache {
	c := &cache{seed: maphash.MakeSeed()}
	c.tables.free.Store(maxTables)
	for i := range c.shards {
		c.shards[i].entries = map[cacheKey]*Regex{}
	}
	return c
}

func (c *cache) get(pattern string, caseInsensitive bool) (*Regex, error) {
	shard := &c.shards[maphash.String(c.seed, pattern)%cacheShards]
	key := cacheKey{pattern, caseInsensitive}
	shard.mu.RLock()
	r := shard.entries[key]
	shard.mu.RUnlock()
	if r != nil {
		return r, nil
	}
	r, err := compile(pattern, caseInsensitive, &c.tables)
	if err != nil {
		return nil, err
	}
	key.pattern = strings.Clone(pattern) // the caller's may be a piece of an event
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if other := shard.entries[key]; other != nil {
		return other, nil // compiled twice at once; its tables may be warm
	}
	if len(shard.entries) == maxCached/cacheShards {
		for victim := range shard.entries { // a random one: cheap, and no scan of new patterns can flush all old ones
			delete(shard.entries, victim)
			break
		}
	}
	shard.entries[key] = r
	return r, nil
}

// Package known remembers which definitions are in the database, or on their way there, so that an event that brings
// nothing new costs no write. It holds hashes and no names: an entry takes 32 bytes, whatever its strings are.
//
//	table        key                                    value             covers an update when
//	eventdefs    team, project, name                    window start      its window is not later
//	eventprops   team, project, event, property         see SetTyped      it is there
//	propdefs     team, project, parent, group, name     type              the type is known, or the update has none
//
// Each is bounded by a number of entries. A lost entry costs one write that changes nothing; a wrong one would cost a definition.
package known

import (
	"sync/atomic"

	"github.com/hog-go/hog/property-defs/internal/definition"
)

// Capacities are the largest numbers of entries.
type Capacities struct{ Events, EventProperties, Properties int }

// Cache is safe for use by many goroutines; looking up takes no lock.
type Cache struct {
	tables [definition.Kinds]*table
	// epoch changes whenever a Property of events is removed: see SetTyped.
	epoch atomic.Uint32
}

// New makes a cache of a fixed size. Memory is touched, and so taken, as entries come.
func New(c Capacities) *Cache {
	cache := &Cache{tables: [definition.Kinds]*table{
		definition.Event:         newTable(c.Events),
		definition.EventProperty: newTable(c.EventProperties),
		definition.Property:      newTable(c.Properties),
	}}
	cache.epoch.Store(1)
	return cache
}

// Prefetch brings what is known of names in a scope nearer to the processor: the tables are larger than its caches, and looking names up
// one by one would wait for memory each time. The result means nothing.
func (c *Cache) Prefetch(kind definition.Kind, scope definition.Key, names []definition.Key) uint64 {
	return c.tables[kind].prefetch(scope, names)
}

// Event gives the start of the window in which the event was last passed on.
func (c *Cache) Event(k definition.Key) (window int64, ok bool) {
	v, ok := c.tables[definition.Event].get(k)
	return int64(v), ok
}

// EventProperty tells whether the pair is known. typed means that the type of its property is known, too, so that one lookup answers
// for both: somebody has called SetTyped, and no property was removed since.
func (c *Cache) EventProperty(k definition.Key) (ok, typed bool) {
	v, ok := c.tables[definition.EventProperty].get(k)
	return ok, ok && v == c.epoch.Load()
}

// Epoch is what SetTyped wants to be told: how the cache was before the type was looked up.
func (c *Cache) Epoch() uint32 { return c.epoch.Load() }

// SetTyped notes on a pair that the type of its property was known in an epoch. If a property was removed since, the note says nothing.
func (c *Cache) SetTyped(k definition.Key, epoch uint32) {
	c.tables[definition.EventProperty].set(k, epoch)
}

// Property gives the type that is known of a property, which may be none.
func (c *Cache) Property(k definition.Key) (t definition.Type, ok bool) {
	v, ok := c.tables[definition.Property].get(k)
	return definition.Type(v), ok
}

// Covers tells whether writing u would change nothing.
func (c *Cache) Covers(u *definition.Update) bool {
	v, ok := c.tables[u.Kind].get(u.Key)
	return ok && covers(u, v)
}

func covers(u *definition.Update, value uint32) bool {
	switch u.Kind {
	case definition.Event:
		return int64(value) >= u.Window
	case definition.Property:
		return definition.Type(value) != definition.Untyped || u.Type == definition.Untyped
	default:
		return true
	}
}

func valueOf(u *definition.Update) uint32 {
	switch u.Kind {
	case definition.Event:
		return uint32(max(u.Window, 0)) // good until 2106
	case definition.Property:
		return uint32(u.Type)
	default:
		return 0
	}
}

// Add remembers u, unless it is covered, and tells whether it did: of several goroutines that bring the same update, one gets
// true, and has to see to it that u is written, or to Remove it.
func (c *Cache) Add(u *definition.Update) bool {
	return c.tables[u.Kind].add(u)
}

// Remove forgets the row of u, whatever is known of it, and tells whether it was known.
func (c *Cache) Remove(u *definition.Update) bool {
	removed := c.tables[u.Kind].remove(u.Key)
	if u.Kind == definition.Property && u.Parent == definition.OfEvent { // those of groups are removed all the time
		c.epoch.Add(1)
	}
	return removed
}

// Len is the number of entries of one kind.
func (c *Cache) Len(k definition.Kind) int { return int(c.tables[k].length.Load()) }

// Capacity is the largest number of entries of one kind.
func (c *Cache) Capacity(k definition.Kind) int { return c.tables[k].capacity }

// Evictions is how many entries of one kind had to make room so far, or got a new value: the original counts both.
func (c *Cache) Evictions(k definition.Kind) uint64 {
	return c.tables[k].evicted.Load() + c.Replacements(k)
}

// Replacements is how many entries of one kind got a new value so far.
func (c *Cache) Replacements(k definition.Kind) uint64 { return c.tables[k].replaced.Load() }

// Bytes is the memory that the tables take when all of it is touched.
func (c *Cache) Bytes() int {
	n := 0
	for _, t := range c.tables {
		n += len(t.buckets) * 64
	}
	return n
}

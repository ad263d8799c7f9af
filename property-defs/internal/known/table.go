package known

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/hog-go/hog/property-defs/internal/definition"
)

// A slot is two words:
//
//	hi  key.Hi, 0 while the slot is empty
//	lo  31 bits of key.Lo │ 1 bit: looked up since the hand last passed │ 32 bits of value
//
// A key of 95 bits takes another for itself once in 10^19 lookups in a table of a billion; a definition would be lost then.
const (
	keyMask   = 0xfffffffe_00000000
	usedBit   = 0x00000001_00000000
	valueMask = 0x00000000_ffffffff
)

type slot struct{ hi, lo atomic.Uint64 }

// bucket is a cache line.
type bucket [4]slot

// table is a set-associative hash table of a fixed size. Lookups take no lock: a reader that meets a writer may see the halves
// of two entries, which is one more way to the false match above and no likelier. Writers, who are rare, take turns.
//
// A key may be in either of two buckets, and there are two slots for each entry, so that a bucket hardly ever overflows: an entry that
// is pushed out early is written again at each sighting. At capacity a hand goes round and takes the first entry that
// nobody looked up since it last came by (CLOCK): keys that were seen once leave before those that are in use.
type table struct {
	buckets  []bucket
	capacity int

	mu                sync.Mutex
	hand              int // the next slot to look at
	length            atomic.Int64
	evicted, replaced atomic.Uint64
}

func newTable(capacity int) *table {
	capacity = max(capacity, 1)
	t := &table{buckets: make([]bucket, max((capacity*2+3)/4, 1)), capacity: capacity}
	largePages(unsafe.Slice((*byte)(unsafe.Pointer(&t.buckets[0])), len(t.buckets)*int(unsafe.Sizeof(bucket{}))))
	return t
}

// buckets of k, the preferred one first.
func (t *table) places(k definition.Key) [2]*bucket {
	n := uint64(len(t.buckets))
	i, _ := bits.Mul64(k.Hi, n)
	return [2]*bucket{&t.buckets[i], &t.buckets[uint64(uint32(k.Lo))*n>>32]}
}

// get finds the value of k.
func (t *table) get(k definition.Key) (value uint32, ok bool) {
	n := uint64(len(t.buckets))
	i, _ := bits.Mul64(k.Hi, n)
	if value, ok = t.buckets[i].get(k); ok {
		return value, ok
	}
	return t.buckets[uint64(uint32(k.Lo))*n>>32].get(k)
}

func (b *bucket) get(k definition.Key) (value uint32, ok bool) {
	for i := range b {
		if s := &b[i]; s.hi.Load() == k.Hi {
			if lo := s.lo.Load(); (lo^k.Lo)&keyMask == 0 {
				if lo&usedBit == 0 {
					s.lo.CompareAndSwap(lo, lo|usedBit) // may lose to a writer, who knows better
				}
				return uint32(lo), true
			}
		}
	}
	return 0, false
}

// set gives k another value, if it is there; a lost race does no harm to anybody who calls this.
func (t *table) set(k definition.Key, value uint32) {
	for _, b := range t.places(k) {
		for i := range b {
			s := &b[i]
			if lo := s.lo.Load(); s.hi.Load() == k.Hi && (lo^k.Lo)&keyMask == 0 {
				s.lo.CompareAndSwap(lo, lo&^valueMask|uint64(value))
				return
			}
		}
	}
}

// prefetch loads the first bucket of each key. The loads do not wait for each other, as those of lookups with work in between do.
func (t *table) prefetch(scope definition.Key, names []definition.Key) (sum uint64) {
	n := uint64(len(t.buckets))
	for i := range names {
		b, _ := bits.Mul64(scope.Hi^names[i].Hi, n)
		sum += t.buckets[b][0].hi.Load()
	}
	return sum
}

// find gives the slot of k, else a free one for it, else nil.
func (t *table) find(k definition.Key) (s *slot, found bool) {
	var free [2]*slot
	var room [2]int
	for p, b := range t.places(k) {
		for i := range b {
			switch hi := b[i].hi.Load(); {
			case hi == k.Hi && (b[i].lo.Load()^k.Lo)&keyMask == 0:
				return &b[i], true
			case hi == 0:
				if room[p]++; free[p] == nil {
					free[p] = &b[i]
				}
			}
		}
	}
	if room[0] <= 1 && room[1] > room[0] { // else the bucket that is looked into first
		return free[1], false
	}
	return free[0], false
}

// add gives the key of u its value, unless the value that it has covers u; it tells whether it did.
func (t *table) add(u *definition.Update) bool {
	k, value := u.Key, valueOf(u)
	t.mu.Lock()
	defer t.mu.Unlock()
	s, found := t.find(k)
	if found {
		lo := s.lo.Load()
		if covers(u, uint32(lo)) {
			return false
		}
		t.replaced.Add(1)
		s.lo.Store(k.Lo&keyMask | lo&usedBit | uint64(value))
		return true
	}
	switch {
	case s == nil:
		s = t.places(k)[0].victim(k)
		t.evicted.Add(1)
	case int(t.length.Load()) >= t.capacity:
		t.evictLocked()
		fallthrough
	default:
		t.length.Add(1)
	}
	s.hi.Store(0)
	s.lo.Store(k.Lo&keyMask | uint64(value))
	s.hi.Store(k.Hi)
	return true
}

// victim chooses among the slots of a full bucket: one that was not looked up, else one by the key, so that no place is favored.
func (b *bucket) victim(k definition.Key) *slot {
	start := int(k.Lo & 3)
	for i := range b {
		if s := &b[(start+i)&3]; s.lo.Load()&usedBit == 0 {
			return s
		}
	}
	return &b[start]
}

// evictLocked moves the hand on to an entry to drop. It ends: a full turn clears every bit.
func (t *table) evictLocked() {
	for {
		s := &t.buckets[t.hand>>2][t.hand&3]
		if t.hand++; t.hand == len(t.buckets)*4 {
			t.hand = 0
		}
		if s.hi.Load() == 0 {
			continue
		}
		if lo := s.lo.Load(); lo&usedBit != 0 {
			s.lo.Store(lo &^ usedBit)
			continue
		}
		s.hi.Store(0)
		t.length.Add(-1)
		t.evicted.Add(1)
		return
	}
}

// remove drops k and tells whether it was there.
func (t *table) remove(k definition.Key) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, found := t.find(k)
	if found {
		s.hi.Store(0)
		t.length.Add(-1)
	}
	return found
}

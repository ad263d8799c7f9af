package value

import "hash/maphash"

// Mark tells what an object stands for. It follows from a key of the object being true, and is kept current by Set.
type Mark uint8

// The marks.
const (
	Plain     Mark = iota
	DateTime       // "__hogDateTime__": dt (epoch seconds), zone
	Date           // "__hogDate__": year, month, day
	ErrorMark      // "__hogError__": type, message, payload?
	Interval       // "__hogInterval__": value, unit
)

// The keys behind the marks.
const (
	DateTimeKey = "__hogDateTime__"
	DateKey     = "__hogDate__"
	ErrorKey    = "__hogError__"
	IntervalKey = "__hogInterval__"
)

var markKeys = [...]string{DateTime: DateTimeKey, Date: DateKey, ErrorMark: ErrorKey, Interval: IntervalKey}

// Entry is one key of an object with its value.
type Entry struct {
	Key   string
	Value Value
}

// Object maps strings to values in the order of insertion.
//
// Up to indexFrom entries are searched one by one, since comparing a few lengths costs less than a hash. Larger objects have an open
// addressing table whose slots hold 32 bits of the key's hash and the entry's position plus one.
type Object struct {
	entries  []Entry
	index    []uint64
	weight   int  // as in Array
	flat     bool // no value is a container or function: known once the object is weighed
	mark     Mark
	borrowed bool // entries and index belong to an object that must not change
	lent     bool // index belongs to a Shape
}

// indexFrom is where a table begins to pay: BenchmarkObjectGet crosses over between 8 and 12 keys.
const indexFrom = 8

var hashSeed = maphash.MakeSeed()

// Hash returns the hash of a key, for [Object.GetHashed]. It differs from process to process, so that nobody can choose keys that collide.
func Hash(key string) uint64 { return maphash.String(hashSeed, key) }

// NewObject returns an empty object with room for n entries.
func NewObject(n int) *Object { return &Object{entries: make([]Entry, 0, n)} }

// Len returns the number of entries.
func (o *Object) Len() int { return len(o.entries) }

// Mark tells what the object stands for.
func (o *Object) Mark() Mark { return o.mark }

// Peek returns the entries for looking only: neither the slice nor a container in it may be kept, written to or returned to the program.
// See Entries for that.
func (o *Object) Peek() []Entry { return o.entries }

// Entries returns the entries; the caller may keep the values, but not the slice, and not write to it.
func (o *Object) Entries() []Entry {
	o.own()
	return o.entries
}

// Get returns the value of key, and whether there is one.
func (o *Object) Get(key string) (Value, bool) {
	return o.at(o.find(key))
}

// GetHashed is Get for a key whose hash is known.
func (o *Object) GetHashed(key string, hash uint64) (Value, bool) {
	return o.at(o.findHashed(key, hash))
}

// PeekHashed is GetHashed for looking only, as Peek.
func (o *Object) PeekHashed(key string, hash uint64) (Value, bool) {
	if i := o.findHashed(key, hash); i >= 0 {
		return o.entries[i].Value, true
	}
	return Value{}, false
}

// PeekHinted is PeekHashed with a guess at the entry, which is brought up to date: objects of one origin have their keys in one order.
func (o *Object) PeekHinted(key string, hash uint64, hint *int32) (Value, bool) {
	if i := int(*hint); i < len(o.entries) && o.entries[i].Key == key {
		return o.entries[i].Value, true
	}
	i := o.findHashed(key, hash)
	if i < 0 {
		return Value{}, false
	}
	*hint = int32(i)
	return o.entries[i].Value, true
}

// PeekAt is PeekKey that only looks at entry i.
func (o *Object) PeekAt(i int, key string) (Value, bool) {
	if i < len(o.entries) && o.entries[i].Key == key {
		return o.entries[i].Value, true
	}
	return Value{}, false
}

// IsFlat tells whether all values are known to be scalars.
func (o *Object) IsFlat() bool { return o.flat }

// PeekKey is Get for looking only, as Peek.
func (o *Object) PeekKey(key string) (Value, bool) {
	if i := o.find(key); i >= 0 {
		return o.entries[i].Value, true
	}
	return Value{}, false
}

// Has tells whether key is there.
func (o *Object) Has(key string) bool { return o.find(key) >= 0 }

func (o *Object) at(i int) (Value, bool) {
	if i < 0 {
		return Value{}, false
	}
	v := o.entries[i].Value
	if o.borrowed && v.IsContainer() {
		o.own()
		v = o.entries[i].Value
	}
	return v, true
}

// Set gives key a value. A key that is there keeps its place.
func (o *Object) Set(key string, v Value) {
	o.own()
	o.weight, o.flat = 0, false
	if i := o.find(key); i >= 0 {
		o.entries[i].Value = v
	} else {
		o.entries = append(o.entries, Entry{key, v})
		o.grown()
	}
	if len(key) > 5 && key[:5] == "__hog" {
		o.remark()
	}
}

// grown enters the newest entry into the table, which is made or doubled when it is due.
func (o *Object) grown() {
	n := len(o.entries)
	if n <= indexFrom {
		return
	}
	if 2*n > len(o.index) || o.lent {
		o.lent = false
		size := 4 * indexFrom
		for size < 3*n {
			size *= 2
		}
		o.index = make([]uint64, size)
		for i := range o.entries {
			o.enter(i)
		}
		return
	}
	o.enter(n - 1)
}

func (o *Object) enter(i int) {
	hash, mask := Hash(o.entries[i].Key), uint64(len(o.index)-1)
	slot := hash & mask
	for o.index[slot] != 0 {
		slot = (slot + 1) & mask
	}
	o.index[slot] = hash>>32<<32 | uint64(i+1)
}

func (o *Object) find(key string) int {
	if o.index != nil {
		return o.lookup(key, Hash(key))
	}
	return o.scan(key)
}

func (o *Object) findHashed(key string, hash uint64) int {
	if o.index != nil {
		return o.lookup(key, hash)
	}
	return o.scan(key)
}

func (o *Object) scan(key string) int {
	for i := range o.entries {
		if o.entries[i].Key == key {
			return i
		}
	}
	return -1
}

func (o *Object) lookup(key string, hash uint64) int {
	mask := uint64(len(o.index) - 1)
	for slot := hash & mask; o.index[slot] != 0; slot = (slot + 1) & mask {
		if s := o.index[slot]; s>>32 == hash>>32 {
			if i := int(uint32(s)) - 1; o.entries[i].Key == key {
				return i
			}
		}
	}
	return -1
}

func (o *Object) remark() {
	o.mark = Plain
	for m := DateTime; m <= Interval; m++ {
		if v, ok := o.PeekKey(markKeys[m]); ok && v == OfBool(true) {
			o.mark = m
			return
		}
	}
}

// own is Array.own.
func (o *Object) own() {
	if !o.borrowed {
		return
	}
	entries := make([]Entry, len(o.entries), len(o.entries)+1)
	for i, e := range o.entries {
		entries[i] = Entry{e.Key, e.Value.Fresh()}
	}
	o.entries, o.borrowed = entries, false
	if o.index != nil {
		o.index = append([]uint64(nil), o.index...)
	}
}

package regex

import (
	"runtime"
	"sync/atomic"
)

const (
	maxTableSize = 256 << 10 // bytes of one DFA
	minRows      = 16
	reservedRows = 2 // never used: with three columns or more, no row has the name of an entry
	// A table that is flushed must have served so many bytes for each of its states, or building it cost more than regexp would have:
	// the rule and the figure are RE2's.
	minBytesPerState = 10
	maxStrikes       = 3 // failures of a table, or of a prefix, until it is given up
	stateOverhead    = 80
)

// table is an array of rows, one for each state, with an entry for each class. Its rows only ever become more complete. When it is full, a
// larger copy replaces it, with the same states.
type table struct {
	*states
	trans []uint32 // atomic; rows are named by the index of their first column, which is never below entries
}

// states are those of a table and its larger copies.
type states struct {
	restarts bool             // transitions to the start are entryRestart
	starts   [contexts]uint32 // by context: the row at which threads start, or entryMatch
	served   atomic.Int64     // bytes read in runs that built something here; others leave no trace

	// Guarded by the mutex of the DFA.
	keys  []string          // by row number: instructions, two bytes each, and a context
	index map[string]uint32 // row by key
	taken *reservation
}

// budget bounds the bytes of all DFAs together, since each cached pattern may own one.
type budget struct{ free atomic.Int64 }

// reservation is what states have taken of a budget; the garbage collector gives it back after them.
type reservation struct {
	from  *budget
	bytes int64
}

// take reserves n bytes more and tells whether they were to be had, of this DFA's share and of all.
func (r *reservation) take(n int) bool {
	if r.bytes+int64(n) > maxTableSize {
		return false
	}
	if r.from.free.Add(-int64(n)) < 0 {
		r.from.free.Add(int64(n))
		return false
	}
	r.bytes += int64(n)
	return true
}

// firstTable returns the table that the first run makes; nil if there is no memory for it.
func (d *dfa) firstTable() *table {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t := d.current.Load(); t != nil || d.over.Load() {
		return t
	}
	return d.flushLocked()
}

// flushLocked replaces the current table by one with nothing but the start; it returns nil if there is no memory for that.
func (d *dfa) flushLocked() *table {
	size := minRows * int(d.classes.columns())
	t := &table{states: &states{
		restarts: d.prefix != nil && d.useless.Load() < maxStrikes,
		index:    map[string]uint32{},
		taken:    &reservation{from: d.mem},
	}}
	if !t.taken.take(4 * size) {
		return nil
	}
	runtime.AddCleanup(t.states, func(r *reservation) { r.from.free.Add(r.bytes) }, t.taken)
	t.trans = make([]uint32, size)
	t.keys = make([]string, reservedRows)
	for context := range contexts {
		t.starts[context] = entryMatch
		if d.startMatches {
			continue
		}
		if t, t.starts[context] = d.internLocked(t, d.withContext(d.start, context)); t.starts[context] == entryUnknown {
			return nil
		}
	}
	d.current.Store(t)
	return t
}

// internLocked returns the row of the state key, which it adds if need be, and the table that has it: t or a larger one.
// The row is entryUnknown if the table is full.
func (d *dfa) internLocked(t *table, key string) (*table, uint32) {
	if row, ok := t.index[key]; ok {
		return t, row
	}
	columns := int(d.classes.columns())
	row := len(t.keys) * columns
	if !t.taken.take(len(key) + stateOverhead) {
		return t, entryUnknown
	}
	if row == len(t.trans) {
		if !t.taken.take(4 * len(t.trans)) {
			return t, entryUnknown
		}
		t = &table{states: t.states, trans: append(make([]uint32, 0, 2*row), t.trans...)[:2*row]}
		d.current.Store(t)
	}
	t.keys = append(t.keys, key)
	t.index[key] = uint32(row)
	return t, uint32(row)
}

// blamePrefix counts texts in which the prefix is everywhere; after some, no table restarts any more.
func (d *dfa) blamePrefix() {
	if d.useless.Add(1) == maxStrikes {
		d.mu.Lock()
		defer d.mu.Unlock()
		if !d.over.Load() {
			d.flushLocked()
		}
	}
}

// build returns the missing entry at row and column, having published it, and moves the run to the newest table;
// entryUnknown means that the DFA gives up.
func (r *run) build(row, column uint32) uint32 {
	d := r.d
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over.Load() {
		return entryUnknown
	}
	key := r.t.keys[row/d.classes.columns()]
	t := d.current.Load()
	if t.states != r.t.states {
		r.from = r.i // another run flushed the table
	}
	next, nextKey := d.stepLocked(key, column, t.restarts)
	t, row = d.internLocked(t, key)
	if row != entryUnknown && nextKey != "" {
		t, next = d.internLocked(t, nextKey)
	}
	if row != entryUnknown && next != entryUnknown {
		atomic.StoreUint32(&t.trans[row+column], next)
		r.t, r.built = t, true
		return next
	}
	if t = d.makeRoomLocked(t, r); t == nil {
		return entryUnknown
	}
	if nextKey != "" {
		t, next = d.internLocked(t, nextKey)
	}
	r.t, r.from, r.built = t, r.i, true
	return next
}

// makeRoomLocked flushes the full table t; if that did not pay several times running, the DFA ends.
func (d *dfa) makeRoomLocked(t *table, r *run) *table {
	if t.served.Load()+int64(r.i-r.from) >= minBytesPerState*int64(len(t.keys)) {
		d.strikes = 0
	} else if d.strikes++; d.strikes == maxStrikes {
		d.over.Store(true)
		d.current.Store(nil)
		return nil
	}
	return d.flushLocked()
}

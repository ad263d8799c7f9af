package regex

import (
	"regexp/syntax"
	"sync"
	"sync/atomic"
	"unicode/utf8"
)

// dfa runs a program over classes of runes and builds its states when a text first needs them. A state is the set of instructions
// that threads of the program wait at. Only whether there is a match is asked, so neither the order of threads nor the place where they
// began matters, and the first match ends the run.
//
// Readers load transitions atomically and take no lock. A missing transition is computed under mu and published in the newest table,
// after the row it leads to; the reader goes on in that table.
type dfa struct {
	prefix  *scanner // every match begins where it stops; nil without
	mem     *budget
	current atomic.Pointer[table]
	over    atomic.Bool  // texts keep needing new states: regexp is the better one
	useless atomic.Int32 // texts in which prefix stopped too often

	mu      sync.Mutex
	builder // its constants may be read without mu
}

func newDFA(prog *syntax.Prog, c *classes, prefix *scanner, mem *budget) *dfa {
	return &dfa{prefix: prefix, mem: mem, builder: newBuilder(prog, c)}
}

// Entries of a table that are no rows.
const (
	entryUnknown = iota
	entryMatch
	entryDead    // no match any more
	entryRestart // all threads are at the start: skip to where prefix stops next
	entries
)

const (
	scanCalls = 16 // a prefix is judged after so many stops …
	scanSkip  = 8  // … by the bytes that it skips between them
)

// match tells whether the program matches anywhere in s; ok is false if the DFA is not up to it.
func (d *dfa) match(s string) (matched, ok bool) {
	if d.over.Load() {
		return false, false
	}
	r := run{d: d, s: s, t: d.current.Load()}
	if r.t == nil {
		if r.t = d.firstTable(); r.t == nil {
			return false, false
		}
	}
	if r.t.restarts && d.prefix.fits(s) {
		r.prefix = d.prefix
	}
	matched, ok = r.match()
	if r.built {
		r.t.served.Add(int64(r.i - r.from))
	}
	return matched, ok
}

// run is one search.
type run struct {
	d      *dfa
	t      *table
	s      string
	i      int      // next byte
	prefix *scanner // as long as it pays
	stops  int      // of prefix
	built  bool     // a transition, in t
	from   int      // value of i when the current table began to serve this run

	interval int // of the last rune that was not ASCII
}

func (r *run) match() (matched, ok bool) {
	s, classes := r.s, r.d.classes
	next := r.restart()
	for {
		switch next {
		case entryUnknown:
			return false, false
		case entryMatch:
			return true, true
		case entryDead:
			return false, true
		}
		// The loop over ASCII: one load depends on the one before, so a byte costs the latency of the first-level cache.
		row, i, trans := next, r.i, r.t.trans
		for ; i < len(s); i++ {
			if next = atomic.LoadUint32(&trans[row+uint32(classes.ascii[s[i]])]); next < entries {
				break
			}
			row = next
		}
		column, size := uint32(columnEnd), 0
		if i < len(s) {
			if column, size = uint32(classes.ascii[s[i]]), 1; column == columnNonASCII {
				var c rune
				c, size = utf8.DecodeRuneInString(s[i:])
				r.interval = classes.interval(c, r.interval)
				column = uint32(classes.ids[r.interval])
			}
		}
		r.i = i
		if next = atomic.LoadUint32(&trans[row+column]); next == entryUnknown {
			next = r.build(row, column)
		}
		r.i += size
		if next == entryRestart {
			next = r.restart()
		}
	}
}

// restart returns the row at which threads start, at the next place where a match may begin, or what else is known there.
func (r *run) restart() uint32 {
	if r.prefix != nil {
		at := r.prefix.next(r.s, r.i)
		if at < 0 {
			return entryDead
		}
		r.i = at
		if r.stops++; r.stops >= scanCalls && at < r.stops*scanSkip {
			r.prefix = nil
			r.d.blamePrefix()
		}
	}
	return r.t.starts[contextAt(r.s, r.i)]
}

// Contexts: what zero-width assertions can see of the rune before.
const (
	contextOther = iota
	contextWord
	contextLine
	contextText // nothing before
	contexts
)

func contextAt(s string, i int) int {
	if i == 0 {
		return contextText
	}
	return contextAfter(rune(s[i-1])) // bytes of a longer rune are "other", as that is
}

func contextAfter(r rune) int {
	switch {
	case r == '\n':
		return contextLine
	case syntax.IsWordChar(r):
		return contextWord
	}
	return contextOther
}

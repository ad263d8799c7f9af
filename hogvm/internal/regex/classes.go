package regex

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
	"unicode"
	"unicode/utf8"
)

// Columns of a row of the DFA. Classes of runes follow.
const (
	columnNonASCII = iota // never filled: it ends the loop over ASCII
	columnEnd             // the end of the text
	firstClass
)

const maxClasses = 250

// classes maps every rune to a class such that the program can not tell the runes of one class apart.
type classes struct {
	ascii  [256]uint8 // by byte; columnNonASCII from 0x80 on
	starts []rune     // of the intervals of runes, ascending from 0
	ids    []uint8    // class of each interval
	sample []rune     // a rune of each class, by class; for columnEnd -1, as syntax.EmptyOpContext wants it
}

// interval returns the number of the interval of r, looking at hint first: neighbours in a text are often neighbours in Unicode.
func (c *classes) interval(r rune, hint int) int {
	if c.starts[hint] <= r && (hint+1 == len(c.starts) || r < c.starts[hint+1]) {
		return hint
	}
	i, found := slices.BinarySearch(c.starts, r)
	if !found {
		i--
	}
	return i
}

// columns is the width of a row.
func (c *classes) columns() uint32 { return uint32(len(c.sample)) }

// classify cuts the runes at every bound that the program knows and groups the intervals by the instructions that take them.
// It tells whether there are few enough.
func classify(prog *syntax.Prog) (*classes, bool) {
	matchers, starts := boundaries(prog)
	if len(matchers)*len(starts) > 1<<20 {
		return nil, false // a second of work, for a table nobody could afford
	}
	c := &classes{starts: starts, sample: []rune{-1, -1}}
	bySignature := map[string]uint8{}
	var signature []byte
	for _, r := range starts {
		signature = signature[:0]
		var bits uint64
		for i, m := range matchers {
			if m.MatchRune(r) {
				bits |= 1 << (i % 64)
			}
			if i%64 == 63 || i == len(matchers)-1 {
				signature = binary.LittleEndian.AppendUint64(signature, bits)
				bits = 0
			}
		}
		id, ok := bySignature[string(signature)]
		if !ok {
			if len(c.sample) == firstClass+maxClasses {
				return nil, false
			}
			id = uint8(len(c.sample))
			bySignature[string(signature)] = id
			c.sample = append(c.sample, r)
		}
		c.ids = append(c.ids, id)
	}
	interval := 0
	for r := range rune(utf8.RuneSelf) {
		for interval+1 < len(starts) && starts[interval+1] <= r {
			interval++
		}
		c.ascii[r] = c.ids[interval]
	}
	return c, true
}

// matcher is what a rune instruction takes.
type matcher struct {
	op     syntax.InstOp
	flags  uint32
	rune   rune
	ranges string // if it is not one rune
}

// boundaries returns the distinct rune instructions of prog and the first runes of the intervals which they cut.
func boundaries(prog *syntax.Prog) (matchers []*syntax.Inst, starts []rune) {
	starts = []rune{0}
	cut := func(lo, hi rune) { starts = append(starts, lo, hi+1) }
	seen := map[matcher]bool{}
	var bounds []byte
	for i := range prog.Inst {
		inst := &prog.Inst[i]
		switch inst.Op {
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAnyNotNL:
			m := matcher{op: inst.Op, flags: inst.Arg}
			if len(inst.Rune) == 1 {
				m.rune = inst.Rune[0]
			} else {
				for _, r := range inst.Rune { // not string(inst.Rune), in which surrogates are all one
					bounds = binary.LittleEndian.AppendUint32(bounds, uint32(r))
				}
				m.ranges = string(bounds)
				bounds = bounds[:0]
			}
			if seen[m] {
				continue
			}
			seen[m] = true
			matchers = append(matchers, inst)
			cutRunes(inst, cut)
		case syntax.InstEmptyWidth:
			word := syntax.EmptyWordBoundary | syntax.EmptyNoWordBoundary
			if syntax.EmptyOp(inst.Arg)&word != 0 {
				matchers = append(matchers, wordRunes)
				cutRunes(wordRunes, cut)
			}
			if syntax.EmptyOp(inst.Arg)&^word != 0 {
				matchers = append(matchers, newline)
				cutRunes(newline, cut)
			}
		}
	}
	slices.Sort(starts)
	return matchers, slices.Compact(starts)
}

// What zero-width assertions look at.
var (
	wordRunes = &syntax.Inst{Op: syntax.InstRune, Rune: []rune{'0', '9', 'A', 'Z', '_', '_', 'a', 'z'}}
	newline   = &syntax.Inst{Op: syntax.InstRune1, Rune: []rune{'\n'}}
)

func cutRunes(inst *syntax.Inst, cut func(lo, hi rune)) {
	switch {
	case inst.Op == syntax.InstRuneAnyNotNL:
		cut('\n', '\n')
	case len(inst.Rune) == 1:
		r := inst.Rune[0]
		cut(r, r)
		if inst.Op == syntax.InstRune && syntax.Flags(inst.Arg)&syntax.FoldCase != 0 {
			for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
				cut(f, f)
			}
		}
	default:
		for i := 0; i+1 < len(inst.Rune); i += 2 {
			cut(inst.Rune[i], inst.Rune[i+1])
		}
	}
}

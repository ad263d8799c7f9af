package regex

import (
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxScanCost is the share of places that a scan may stop at and still pay: a stop costs as much as ten bytes of scanning.
const maxScanCost = 0.02

const maxBuckets = 8

// scanner finds the places at which one of some sequences may begin. It may stop where none does, but misses none.
//
// A single sequence that begins with single bytes is left to strings.Index. Others share eight buckets: masks[c] has the bit 8*i+b clear
// if c may stand at place i of a sequence of bucket b. Shifting a byte in per character ("shift-or") then runs through all alternatives at once,
// with one load, one shift and one or for each character and no branch that depends on them.
type scanner struct {
	literal   string
	masks     *[256]uint64
	size      int // places looked at: the length of the shortest sequence
	asciiFold bool
}

// newScanner returns nil if scanning for p would not pay.
func newScanner(p sequences) *scanner {
	if len(p.all) == 0 || p.cost() > maxScanCost {
		return nil
	}
	if literal := p.literal(); literal != "" && p.shortened(len(literal)).cost() <= maxScanCost {
		return &scanner{literal: literal, size: len(literal)}
	}
	s := &scanner{masks: new([256]uint64), size: maxSequence, asciiFold: p.asciiFold}
	for _, seq := range p.all {
		s.size = min(s.size, len(seq.bytes))
	}
	buckets := p.shortened(s.size).merged(maxBuckets)
	if buckets.cost() > maxScanCost {
		return nil
	}
	for c := range s.masks {
		s.masks[c] = ^uint64(0)
		for i, bucket := range buckets.all {
			for place := range s.size {
				if bucket.bytes[place].contains(byte(c)) {
					s.masks[c] &^= 1 << (8*place + i)
				}
			}
		}
	}
	return s
}

// literal returns the single bytes that p begins with if it is one sequence.
func (p sequences) literal() string {
	if len(p.all) != 1 {
		return ""
	}
	var literal []byte
	for _, set := range p.all[0].bytes {
		n := 0
		for _, word := range set {
			n += bits.OnesCount64(word)
		}
		if n != 1 {
			break
		}
		literal = append(literal, byte(set.first()))
	}
	return string(literal)
}

func (p sequences) shortened(size int) sequences {
	out := sequences{}
	for _, s := range p.all {
		out.all = append(out.all, sequence{bytes: slices.Clone(s.bytes[:size])})
	}
	return out
}

// merged puts sequences of equal length together until there are no more than n. Neighbours by their first bytes share most.
func (p sequences) merged(n int) sequences {
	slices.SortFunc(p.all, func(a, b sequence) int {
		return slices.CompareFunc(a.bytes, b.bytes, func(x, y byteSet) int { return x.first() - y.first() })
	})
	out := sequences{}
	size := (len(p.all) + n - 1) / n
	for group := range slices.Chunk(p.all, size) {
		for _, s := range group[1:] {
			for place := range s.bytes {
				group[0].bytes[place].addAll(&s.bytes[place])
			}
		}
		out.all = append(out.all, group[0])
	}
	return out
}

// fits tells whether the scanner finds every place in s.
func (p *scanner) fits(s string) bool { return !p.asciiFold || ascii(s) }

// next returns the first place from i on at which a sequence may begin, or -1.
func (p *scanner) next(s string, i int) int {
	if p.literal != "" {
		if at := strings.Index(s[i:], p.literal); at >= 0 {
			return i + at
		}
		return -1
	}
	shift := 8 * (p.size - 1)
	state := ^uint64(0)
	masks := p.masks
	for ; i+4 <= len(s); i += 4 {
		a := state<<8 | masks[s[i]]
		b := a<<8 | masks[s[i+1]]
		c := b<<8 | masks[s[i+2]]
		d := c<<8 | masks[s[i+3]]
		if uint8((a&b&c&d)>>shift) != 0xFF {
			for n, state := range [4]uint64{a, b, c, d} {
				if uint8(state>>shift) != 0xFF {
					return i + n - p.size + 1
				}
			}
		}
		state = d
	}
	for ; i < len(s); i++ {
		state = state<<8 | masks[s[i]]
		if uint8(state>>shift) != 0xFF {
			return i - p.size + 1
		}
	}
	return -1
}

func ascii(s string) bool {
	for len(s) >= 8 {
		// One load of eight bytes: the compiler sees through the shifts.
		word := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		if word&0x8080808080808080 != 0 {
			return false
		}
		s = s[8:]
	}
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

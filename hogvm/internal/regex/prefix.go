package regex

import (
	"math/bits"
	"regexp/syntax"
	"unicode"
	"unicode/utf8"
)

const (
	maxSequence  = 8   // bytes of a sequence that a scanner looks at
	maxSequences = 128 // alternatives
	maxFactors   = 64  // places of a concatenation that are tried as a factor
)

// byteSet is a set of bytes.
type byteSet [4]uint64

func (b *byteSet) add(c byte)           { b[c>>6] |= 1 << (c & 63) }
func (b *byteSet) contains(c byte) bool { return b[c>>6]&(1<<(c&63)) != 0 }

func (b *byteSet) addAll(other *byteSet) {
	for i := range b {
		b[i] |= other[i]
	}
}

// first returns the lowest byte of the set, 256 if there is none.
func (b *byteSet) first() int {
	for i, word := range b {
		if word != 0 {
			return 64*i + bits.TrailingZeros64(word)
		}
	}
	return 256
}

// sequence is what a match begins with: at each place one byte of a set.
type sequence struct {
	bytes []byteSet
	exact bool // it is a whole match, so that what follows the expression may be appended
}

// sequences are alternatives: each match begins with one of them.
type sequences struct {
	all []sequence
	// asciiFold says that letters k and s stand for U+212A and U+017F, too, which the sets leave out: they hold for ASCII texts only.
	asciiFold bool
}

// everything is the prefix of anything.
func everything() sequences { return sequences{all: []sequence{{}}} }

// nothing is the exact empty prefix, to be extended.
func nothing() sequences { return sequences{all: []sequence{{exact: true}}} }

// prefixes returns what every match of re begins with.
func prefixes(re *syntax.Regexp) sequences {
	switch re.Op {
	case syntax.OpNoMatch:
		return sequences{}
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText,
		syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return nothing()
	case syntax.OpLiteral:
		return literalPrefix(re)
	case syntax.OpCharClass:
		return classPrefix(re)
	case syntax.OpCapture:
		return prefixes(re.Sub[0])
	case syntax.OpPlus:
		return inexact(prefixes(re.Sub[0]))
	case syntax.OpStar:
		return union(inexact(prefixes(re.Sub[0])), nothing())
	case syntax.OpQuest:
		return union(prefixes(re.Sub[0]), nothing())
	case syntax.OpConcat:
		return concatPrefix(re.Sub)
	case syntax.OpAlternate:
		p := sequences{}
		for _, sub := range re.Sub {
			p = union(p, prefixes(sub))
		}
		return p
	default: // any rune, and what Simplify does not leave
		return everything()
	}
}

func concatPrefix(subs []*syntax.Regexp) sequences {
	p := nothing()
	for _, sub := range subs {
		if !p.extensible() {
			break
		}
		p = product(p, prefixes(sub))
	}
	return p
}

// extensible tells whether a sequence may grow.
func (p sequences) extensible() bool {
	for _, s := range p.all {
		if s.exact && len(s.bytes) < maxSequence {
			return true
		}
	}
	return false
}

func literalPrefix(re *syntax.Regexp) sequences {
	s := sequence{exact: true}
	asciiFold := false
	for _, r := range re.Rune {
		if len(s.bytes) == maxSequence {
			s.exact = false
			break
		}
		fold := re.Flags&syntax.FoldCase != 0 && folds(r)
		if r == utf8.RuneError || fold && r >= utf8.RuneSelf && r != 'ſ' && r != '\u212A' {
			s.exact = false
			break
		}
		if !fold {
			for _, c := range []byte(string(r)) {
				var set byteSet
				set.add(c)
				s.bytes = append(s.bytes, set)
			}
			continue
		}
		var set byteSet
		for f, first := r, true; first || f != r; f, first = unicode.SimpleFold(f), false {
			if f < utf8.RuneSelf {
				set.add(byte(f))
			} else {
				asciiFold = true
			}
		}
		s.bytes = append(s.bytes, set)
	}
	return sequences{all: []sequence{s.cut()}, asciiFold: asciiFold}
}

// classPrefix takes classes of ASCII characters; the length of others varies.
func classPrefix(re *syntax.Regexp) sequences {
	var set byteSet
	for i := 0; i+1 < len(re.Rune); i += 2 {
		if re.Rune[i+1] >= utf8.RuneSelf {
			return everything()
		}
		for c := re.Rune[i]; c <= re.Rune[i+1]; c++ {
			set.add(byte(c))
		}
	}
	return sequences{all: []sequence{{bytes: []byteSet{set}, exact: true}}}
}

// cut shortens s to what a scanner looks at.
func (s sequence) cut() sequence {
	if len(s.bytes) > maxSequence {
		return sequence{bytes: s.bytes[:maxSequence]}
	}
	return s
}

func inexact(p sequences) sequences {
	for i := range p.all {
		p.all[i].exact = false
	}
	return p
}

func union(p, q sequences) sequences {
	if len(p.all)+len(q.all) > maxSequences {
		return everything()
	}
	return sequences{all: append(p.all, q.all...), asciiFold: p.asciiFold || q.asciiFold}
}

// product appends each of q to each exact one of p.
func product(p, q sequences) sequences {
	out := sequences{asciiFold: p.asciiFold || q.asciiFold}
	for _, s := range p.all {
		if !s.exact {
			out.all = append(out.all, s)
			continue
		}
		for _, next := range q.all {
			joined := append(s.bytes[:len(s.bytes):len(s.bytes)], next.bytes...)
			out.all = append(out.all, sequence{bytes: joined, exact: next.exact}.cut())
		}
		if len(out.all) > maxSequences {
			return inexact(p)
		}
	}
	return out
}

// bestFactor returns the alternatives of the part of re that is rarest in common text: every match contains one of them.
func bestFactor(re *syntax.Regexp) sequences {
	best := prefixes(re)
	subs := flatten(nil, re)
	for i := 1; i < min(len(subs), maxFactors); i++ {
		if p := concatPrefix(subs[i:]); p.cost() < best.cost() {
			best = p
		}
	}
	return best
}

// cost estimates the share of the places of a text at which a scan for p stops; 1 if it stops everywhere.
func (p sequences) cost() float64 {
	total := 0.0
	for _, s := range p.all {
		share := 1.0
		for i := range s.bytes {
			share *= s.bytes[i].frequency()
		}
		total += share
	}
	return min(total, 1)
}

// frequency estimates how often a byte of the set occurs in names, addresses, and user agents.
func (b *byteSet) frequency() float64 {
	total := 0.0
	for c := range 256 {
		if b.contains(byte(c)) {
			switch {
			case c == ' ' || c == '/' || c == '.' || 'a' <= c && c <= 'z':
				total += 0.03
			case '0' <= c && c <= '9':
				total += 0.02
			case c >= utf8.RuneSelf:
				total += 0.001
			default:
				total += 0.005
			}
		}
	}
	return min(total, 1)
}

// folds tells whether case folding gives r other forms.
func folds(r rune) bool { return unicode.SimpleFold(r) != r }

package like

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// segment is a part of a pattern between two %.
type segment struct {
	size int    // characters
	text string // literal, if it needs neither wildcards nor folding; else its places are used

	places []rune // a character each, folded if need be, or anyCharacter
	fold   bool
	head   string // the characters before the first wildcard; with fold, those before the first beyond ASCII, in lower case
	stable bool   // no character of the head folds to one beyond ASCII, as k and s do
}

// segmentBuilder collects segments.
type segmentBuilder struct {
	fold   bool
	places []rune
}

func (b *segmentBuilder) add(place rune) {
	if b.fold && place > anyCharacter {
		place = folded(place)
	}
	b.places = append(b.places, place)
}

// finish returns the segment of what was added since the last one.
func (b *segmentBuilder) finish() segment {
	g := segment{size: len(b.places)}
	literal := true
	for _, r := range b.places {
		literal = literal && r > anyCharacter && (!b.fold || unicode.SimpleFold(r) == r)
	}
	if literal {
		g.text = string(b.places)
	} else {
		g.places, g.fold = slices.Clone(b.places), b.fold
		end := slices.IndexFunc(g.places, func(r rune) bool { return r <= anyCharacter || g.fold && r >= utf8.RuneSelf })
		if end < 0 {
			end = len(g.places)
		}
		g.head = string(g.places[:end])
		g.stable = !strings.ContainsAny(g.head, "ks")
	}
	b.places = b.places[:0]
	return g
}

// anyCharacter is the place of a _; no character has this value. Bytes that are no UTF-8 are characters below it.
const anyCharacter rune = -1

// decode returns the first character of s and its size in bytes. A byte that is no UTF-8 is a character of its own, equal to itself alone.
func decode(s string) (rune, int) {
	if s[0] < utf8.RuneSelf {
		return rune(s[0]), 1
	}
	r, size := utf8.DecodeRuneInString(s)
	if r == utf8.RuneError && size == 1 {
		return anyCharacter - 1 - rune(s[0]), 1
	}
	return r, size
}

// folded returns the same character for all that are equal by simple case folding.
func folded(r rune) rune {
	switch {
	case 'A' <= r && r <= 'Z':
		return r + 'a' - 'A'
	case r < utf8.RuneSelf:
		return r
	}
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	if 'A' <= least && least <= 'Z' {
		return least + 'a' - 'A'
	}
	return least
}

// matchPrefix tells whether s begins with the segment, and how many bytes that takes.
func (g *segment) matchPrefix(s string) (n int, ok bool) {
	if g.places == nil {
		return len(g.text), strings.HasPrefix(s, g.text)
	}
	for _, want := range g.places {
		if n == len(s) {
			return 0, false
		}
		r, size := decode(s[n:])
		if want == anyCharacter {
			if r == '\n' {
				return 0, false
			}
		} else if r != want && (!g.fold || folded(r) != want) {
			return 0, false
		}
		n += size
	}
	return n, true
}

// matchSuffix is matchPrefix at the end of s.
func (g *segment) matchSuffix(s string) (n int, ok bool) {
	if g.places == nil {
		return len(g.text), strings.HasSuffix(s, g.text)
	}
	for range g.places {
		if n == len(s) {
			return 0, false
		}
		_, size := utf8.DecodeLastRuneInString(s[:len(s)-n])
		n += size
	}
	_, ok = g.matchPrefix(s[len(s)-n:])
	return n, ok
}

// find returns the end of the first place at which s has the segment, or -1.
func (g *segment) find(s string) int {
	if g.places == nil {
		if i := strings.Index(s, g.text); i >= 0 {
			return i + len(g.text)
		}
		return -1
	}
	if g.head != "" && (!g.fold || g.stable || isASCII(s)) {
		return g.findByHead(s)
	}
	for i := 0; i < len(s); {
		if n, ok := g.matchPrefix(s[i:]); ok {
			return i + n
		}
		_, size := decode(s[i:])
		i += size
	}
	return -1
}

// findByHead is find by way of the places that have the head.
func (g *segment) findByHead(s string) int {
	for from := 0; ; from++ {
		at := 0
		if g.fold {
			at = indexFolded(s[from:], g.head)
		} else {
			at = strings.Index(s[from:], g.head)
		}
		if at < 0 {
			return -1
		}
		from += at
		if n, ok := g.matchPrefix(s[from:]); ok {
			return from + n
		}
	}
}

// indexFolded returns the first place at which s has lower, a text of ASCII in lower case, or -1.
func indexFolded(s, lower string) int {
	first := lower[0]
	upper := first
	if 'a' <= first && first <= 'z' {
		upper -= 'a' - 'A'
	}
places:
	for i := 0; i+len(lower) <= len(s); i++ {
		if s[i] != first && s[i] != upper {
			continue
		}
		for n := 1; n < len(lower); n++ {
			if c := s[i+n]; c != lower[n] && (c < 'A' || c > 'Z' || c+'a'-'A' != lower[n]) {
				continue places
			}
		}
		return i
	}
	return -1
}

func isASCII(s string) bool {
	var all byte
	for i := range len(s) {
		all |= s[i]
	}
	return all < utf8.RuneSelf
}

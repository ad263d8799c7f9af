package regex

import (
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// gapped is a pattern of literals with .* between them, at one or both ends bound to an end of the text. Literals are looked for from
// left to right, each at its first place: with gaps that take anything, an early place is never worse than a later one.
type gapped struct {
	literals   []string // at least one; the first or last may be "" beside an anchor
	start, end bool     // anchored to the beginning, to the end of the text
	lines      bool     // gaps do not cross a newline, and no literal has one: a match lies within a line
}

// gaps returns nil if re is something else.
func gaps(re *syntax.Regexp) *gapped {
	subs := flatten(nil, re)
	g := &gapped{}
	if len(subs) > 0 && subs[0].Op == syntax.OpBeginText {
		g.start, subs = true, subs[1:]
	}
	if len(subs) > 0 && subs[len(subs)-1].Op == syntax.OpEndText {
		g.end, subs = true, subs[:len(subs)-1]
	}
	var literal strings.Builder
	var gap syntax.Op // of the gaps so far, which must all be alike
	for _, sub := range subs {
		switch {
		case sub.Op == syntax.OpEmptyMatch:
		case sub.Op == syntax.OpLiteral && plain(sub):
			for _, r := range sub.Rune {
				literal.WriteRune(r)
			}
		case sub.Op == syntax.OpStar && (sub.Sub[0].Op == syntax.OpAnyChar || sub.Sub[0].Op == syntax.OpAnyCharNotNL):
			if gap != 0 && gap != sub.Sub[0].Op {
				return nil
			}
			gap = sub.Sub[0].Op
			g.literals = append(g.literals, literal.String())
			literal.Reset()
		default:
			return nil
		}
	}
	g.literals = append(g.literals, literal.String())
	if gap == syntax.OpAnyCharNotNL {
		g.lines = true
		for _, l := range g.literals {
			if strings.Contains(l, "\n") {
				return nil
			}
		}
	}
	return g
}

// plain tells whether the runes of a literal stand for themselves alone. U+FFFD stands for every invalid byte, too.
func plain(literal *syntax.Regexp) bool {
	for _, r := range literal.Rune {
		if r == utf8.RuneError || literal.Flags&syntax.FoldCase != 0 && folds(r) {
			return false
		}
	}
	return true
}

func (g *gapped) match(s string) bool {
	if !g.lines {
		return g.matchIn(s)
	}
	newline := strings.IndexByte(s, '\n')
	switch {
	case newline < 0:
		return g.matchIn(s)
	case g.start:
		return !g.end && g.matchIn(s[:newline])
	case g.end:
		return g.matchIn(s[strings.LastIndexByte(s, '\n')+1:])
	}
	for {
		if g.matchIn(s[:newline]) {
			return true
		}
		s = s[newline+1:]
		if newline = strings.IndexByte(s, '\n'); newline < 0 {
			return g.matchIn(s)
		}
	}
}

// matchIn matches within s, whose newlines do not matter.
func (g *gapped) matchIn(s string) bool {
	literals := g.literals
	if g.start {
		first := literals[0]
		if len(literals) == 1 && g.end {
			return s == first
		}
		if !strings.HasPrefix(s, first) {
			return false
		}
		s, literals = s[len(first):], literals[1:]
	}
	if g.end && len(literals) > 0 {
		last := literals[len(literals)-1]
		if !strings.HasSuffix(s, last) {
			return false
		}
		s, literals = s[:len(s)-len(last)], literals[:len(literals)-1]
	}
	for _, l := range literals {
		i := strings.Index(s, l)
		if i < 0 {
			return false
		}
		s = s[i+len(l):]
	}
	return true
}

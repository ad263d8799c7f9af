// Package like matches texts against patterns of the LIKE operators.
//
// The operators of the VM (Compile) match the whole text: % stands for any run of characters, newlines included, _ for one character
// other than a newline, a backslash before %, _ or another backslash takes away their meaning, and everything else stands for itself.
// The functions like, ilike, notLike and notILike (Search) look for the pattern anywhere in the text, know no escapes, and let no % cross a newline.
package like

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/hog-go/hog/hogvm/internal/regex"
)

// Pattern is a compiled pattern of the LIKE operators. It is safe for concurrent use.
//
// The parts between the % are looked for from left to right, each at its first place: as a % takes anything, an early place is never worse
// than a later one. A part always has as many characters as what it matches, so that one bound to the end has just one place.
type Pattern struct {
	prefix, suffix segment // bound to the beginning and the end
	middle         []segment
	whole          bool // no %: prefix is the whole pattern
}

// Compile returns the matcher of pattern, which it does not keep. With fold, characters match by Unicode simple case folding. Any text
// is a pattern.
func Compile(pattern string, fold bool) *Pattern {
	p := &Pattern{}
	var segments []segment
	b := segmentBuilder{fold: fold}
	for i := 0; i < len(pattern); {
		place, size := decode(pattern[i:])
		i += size
		switch {
		case place == '%':
			segments = append(segments, b.finish())
			continue
		case place == '_':
			place = anyCharacter
		case place == '\\' && i < len(pattern) && strings.IndexByte(`%_\`, pattern[i]) >= 0:
			place = rune(pattern[i])
			i++
		}
		b.add(place)
	}
	segments = append(segments, b.finish())
	p.prefix, p.whole = segments[0], len(segments) == 1
	if p.whole {
		return p
	}
	p.suffix = segments[len(segments)-1]
	for _, s := range segments[1 : len(segments)-1] {
		if s.size > 0 {
			p.middle = append(p.middle, s)
		}
	}
	return p
}

// Match tells whether the pattern matches the whole of s. It does not keep s, and allocates nothing.
func (p *Pattern) Match(s string) bool {
	n, ok := p.prefix.matchPrefix(s)
	if !ok || p.whole {
		return ok && n == len(s)
	}
	s = s[n:]
	if n, ok = p.suffix.matchSuffix(s); !ok {
		return false
	}
	s = s[:len(s)-n]
	for i := range p.middle {
		end := p.middle[i].find(s)
		if end < 0 {
			return false
		}
		s = s[end:]
	}
	return true
}

// Search returns the matcher of pattern by the rules of the functions. It comes from the cache of package regex.
func Search(pattern string, fold bool) (*regex.Regex, error) {
	var b strings.Builder
	for {
		i := strings.IndexAny(pattern, "%_")
		if i < 0 {
			break
		}
		b.WriteString(regexp.QuoteMeta(pattern[:i]))
		if b.WriteByte('.'); pattern[i] == '%' {
			b.WriteByte('*')
		}
		pattern = pattern[i+1:]
	}
	b.WriteString(regexp.QuoteMeta(pattern))
	return regex.Compile(strings.ToValidUTF8(b.String(), string(utf8.RuneError)), fold)
}

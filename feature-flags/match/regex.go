package match

import (
	"regexp"
	"strings"
	"time"

	"github.com/dlclark/regexp2/v2"
)

// backtrackLimit bounds one search by a regular expression with look-around; what takes longer is an operator error. PostHog's limit is
// 10,000 steps, which is well below a millisecond; the rest is for a busy machine.
const backtrackLimit = 20 * time.Millisecond

// The clock that stops searches would otherwise look ten times a second. It only runs while there is a search.
func init() { regexp2.SetTimeoutCheckPeriod(backtrackLimit / 4) }

// pattern is a regular expression by the rules of Rust's crate fancy-regex: there is look-around, and \d, \s, \w and \b know all of Unicode.
type pattern struct {
	ascii   *regexp.Regexp  // for text of ASCII alone, where Go's classes are the same; nil if Go cannot express the pattern
	unicode *regexp.Regexp  // for other text, if Go can express that form
	general *regexp2.Regexp // for all else; nil if it is not needed, or the pattern is none
}

func newPattern(source string) *pattern {
	p := &pattern{}
	form, bounds := unicodeForm(source)
	var err error
	if p.ascii, err = regexp.Compile(source); err == nil && !bounds {
		if p.unicode, err = regexp.Compile(form); err == nil {
			return p
		}
	}
	if p.general, err = regexp2.Compile(form, regexp2.RE2); err != nil {
		p.general = nil
		return p
	}
	p.general.MatchTimeout = backtrackLimit
	return p
}

// match searches in s; ok is false if the pattern is none, or the search takes too long.
func (p *pattern) match(s string) (found, ok bool) {
	switch {
	case p.ascii != nil && isASCII(s):
		return p.ascii.MatchString(s), true
	case p.unicode != nil:
		return p.unicode.MatchString(s), true
	case p.general != nil:
		found, err := p.general.MatchString(s)
		return found, err == nil
	case p.ascii != nil:
		return p.ascii.MatchString(s), true
	default:
		return false, false
	}
}

// The classes as Unicode's technical standard 18 has them, for use between brackets.
const (
	digitClass = `\p{Nd}`
	spaceClass = `\t-\r\x{85}\p{Z}`
	wordClass  = `\p{L}\p{Nl}\p{M}\p{Nd}\p{Pc}\x{200C}\x{200D}\x{24B6}-\x{24E9}`
)

// unicodeForm spells the classes of a pattern out. In brackets, \S and \W stay as they are, since there is no way to say them there. bounds
// tells whether there are limits of words, which become look-around.
func unicodeForm(source string) (form string, bounds bool) {
	var b strings.Builder
	brackets := false
	for i := 0; i < len(source); i++ {
		switch c := source[i]; {
		case c == '\\' && i+1 < len(source):
			i++
			spelt, isBound := unicodeEscape(source[i], brackets)
			b.WriteString(spelt)
			bounds = bounds || isBound
		case brackets && strings.HasPrefix(source[i:], "[:"):
			n := max(strings.Index(source[i:], ":]"), 0) + 2 // [:alpha:]
			b.WriteString(source[i : i+n])
			i += n - 1
		case c == '[' && !brackets:
			brackets = true
			n := 1
			if strings.HasPrefix(source[i+n:], "^") {
				n++
			}
			if strings.HasPrefix(source[i+n:], "]") { // stands for itself
				n++
			}
			b.WriteString(source[i : i+n])
			i += n - 1
		default:
			brackets = brackets && c != ']'
			b.WriteByte(c)
		}
	}
	return b.String(), bounds
}

// unicodeEscape is what stands for a backslash and c.
func unicodeEscape(c byte, brackets bool) (spelt string, bound bool) {
	const word = "[" + wordClass + "]"
	switch {
	case c == 'd':
		return digitClass, false
	case c == 'D':
		return `\P{Nd}`, false
	case c == 's' && brackets:
		return spaceClass, false
	case c == 'w' && brackets:
		return wordClass, false
	case brackets:
		return `\` + string(rune(c)), false
	case c == 's':
		return "[" + spaceClass + "]", false
	case c == 'S':
		return "[^" + spaceClass + "]", false
	case c == 'w':
		return word, false
	case c == 'W':
		return "[^" + wordClass + "]", false
	case c == 'b':
		return "(?:(?<=" + word + ")(?!" + word + ")|(?<!" + word + ")(?=" + word + "))", true
	case c == 'B':
		return "(?:(?<=" + word + ")(?=" + word + ")|(?<!" + word + ")(?!" + word + "))", true
	default:
		return `\` + string(rune(c)), false
	}
}

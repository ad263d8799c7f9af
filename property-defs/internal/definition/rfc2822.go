package definition

import (
	"bytes"
	"strings"
	"time"
	"unicode"
)

// rfc2822 tells whether s is a date-time of RFC 2822 as the chrono crate reads it: names in any case, weekday optional but
// right, seconds optional, the obsolete zone names, comments at the end.
func rfc2822(s []byte) bool {
	p := dateParser{rest: s, ok: true}
	p.blank()
	weekday := p.weekday()
	p.blank()
	day := p.number(1, 2)
	p.space()
	month := p.word("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec") + 1
	p.space()
	year := p.year()
	p.space()
	hour := p.number(2, 2)
	p.colon()
	minute, second := p.number(2, 2), 0
	if p.peekColon() {
		p.colon()
		second = p.number(2, 2)
	}
	p.space()
	p.zone()
	p.comments()
	if !p.ok || len(p.rest) > 0 || hour > 23 || minute > 59 || second > 60 {
		return false
	}
	date := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	return date.Day() == day && date.Month() == time.Month(month) && (weekday < 0 || date.Weekday() == time.Weekday(weekday))
}

// dateParser eats rest from its front; ok turns false at the first thing that is not as it should be.
type dateParser struct {
	rest []byte
	ok   bool
}

func (p *dateParser) blank() { p.rest = bytes.TrimLeftFunc(p.rest, unicode.IsSpace) }

func (p *dateParser) space() {
	n := len(p.rest)
	p.blank()
	p.ok = p.ok && len(p.rest) < n
}

func (p *dateParser) peekColon() bool {
	return bytes.HasPrefix(bytes.TrimLeftFunc(p.rest, unicode.IsSpace), []byte{':'})
}

func (p *dateParser) colon() {
	if p.ok = p.ok && p.peekColon(); p.ok {
		p.blank()
		p.rest = p.rest[1:]
		p.blank()
	}
}

// number reads at least low and at most high digits.
func (p *dateParser) number(low, high int) (v int) {
	n := 0
	for n < len(p.rest) && n < high && digit(p.rest[n], '9') {
		v = v*10 + int(p.rest[n]-'0')
		n++
	}
	p.ok = p.ok && n >= low
	p.rest = p.rest[n:]
	return v
}

func (p *dateParser) year() int {
	before := len(p.rest)
	y := p.number(2, 9) // chrono refuses years of more than six digits as out of range
	switch digits := before - len(p.rest); {
	case digits == 2 && y < 50:
		return y + 2000
	case digits == 2, digits == 3:
		return y + 1900
	case y > 262_142:
		p.ok = false
	}
	return y
}

// word reads one of three letters and gives its index.
func (p *dateParser) word(words ...string) int {
	if len(p.rest) >= 3 {
		for i, w := range words {
			if strings.EqualFold(string(p.rest[:3]), w) {
				p.rest = p.rest[3:]
				return i
			}
		}
	}
	p.ok = false
	return -1
}

// weekday reads "Tue," if there is one and gives its number, else -1.
func (p *dateParser) weekday() int {
	if len(p.rest) == 0 || digit(p.rest[0], '9') {
		return -1
	}
	day := p.word("sun", "mon", "tue", "wed", "thu", "fri", "sat")
	if p.ok = p.ok && len(p.rest) > 0 && p.rest[0] == ','; p.ok {
		p.rest = p.rest[1:]
	}
	return day
}

// zone reads +hhmm or a name of RFC 822.
func (p *dateParser) zone() {
	if len(p.rest) > 0 && (p.rest[0] == '+' || p.rest[0] == '-') {
		p.rest = p.rest[1:]
		hour, minute := p.number(2, 2), p.number(2, 2)
		p.ok = p.ok && hour < 24 && minute < 60
		return
	}
	n := 0
	for n < len(p.rest) && (p.rest[n]|0x20) >= 'a' && (p.rest[n]|0x20) <= 'z' {
		n++
	}
	name := strings.ToLower(string(p.rest[:n]))
	p.rest = p.rest[n:]
	switch name {
	case "gmt", "ut", "est", "edt", "cst", "cdt", "mst", "mdt", "pst", "pdt":
	default:
		p.ok = p.ok && n == 1 && name != "j"
	}
}

// comments skips any number of them; they nest, and a backslash quotes.
func (p *dateParser) comments() {
	for p.ok {
		s := bytes.TrimLeftFunc(p.rest, unicode.IsSpace)
		if len(s) == 0 || s[0] != '(' {
			return
		}
		depth, i := 0, 0
		for ; i < len(s); i++ {
			switch s[i] {
			case '\\':
				i++
			case '(':
				depth++
			case ')':
				depth--
			}
			if depth == 0 {
				break
			}
		}
		if p.ok = depth == 0; p.ok {
			p.rest = s[min(i+1, len(s)):]
		}
	}
}

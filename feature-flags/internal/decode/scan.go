package decode

import (
	"iter"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/hog-go/hog/common/rawjson"
)

// scanner walks one JSON text, strictly. All methods stop at the first error, after which ok is false.
type scanner struct {
	text []byte
	at   int
	deep int
	ok   bool
}

func (s *scanner) space() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// take consumes c and tells whether it was there.
func (s *scanner) take(c byte) bool {
	if s.at < len(s.text) && s.text[s.at] == c {
		s.at++
		return true
	}
	return false
}

// value consumes a value and returns its text.
func (s *scanner) value() []byte {
	s.space()
	start := s.at
	if s.at >= len(s.text) {
		s.ok = false
		return nil
	}
	switch c := s.text[s.at]; c {
	case '"':
		s.str()
	case '{':
		for range s.members() {
			s.value()
		}
	case '[':
		for range s.elements() {
			s.value()
		}
	case 't':
		s.word("true")
	case 'f':
		s.word("false")
	case 'n':
		s.word("null")
	default:
		s.number()
	}
	return s.text[start:s.at]
}

func (s *scanner) word(w string) {
	if len(s.text)-s.at < len(w) || string(s.text[s.at:s.at+len(w)]) != w {
		s.ok = false
		return
	}
	s.at += len(w)
}

// number refuses what no float64 holds: the reader of JSON5 makes it null.
func (s *scanner) number() {
	n, ok := rawjson.Number(s.text[s.at:])
	s.ok = s.ok && ok && !overflows(s.text[s.at:s.at+n])
	s.at += n
}

// overflows tells whether a number is beyond float64, which takes an exponent or very many digits.
func overflows(number []byte) bool {
	if len(number) <= 308 && !slices.ContainsFunc(number, func(c byte) bool { return c|0x20 == 'e' }) {
		return false
	}
	f, _ := strconv.ParseFloat(string(number), 64)
	return math.IsInf(f, 0)
}

// str consumes a string and returns what is between its quotes, with its escapes, and whether there are any.
func (s *scanner) str() (inner []byte, escaped bool) {
	if !s.take('"') {
		s.ok = false
		return nil, false
	}
	start := s.at
	for {
		s.at += rawjson.PlainPrefix(s.text[s.at:])
		if s.at < len(s.text) && s.text[s.at] == '"' {
			inner = s.text[start:s.at]
			s.at++
			return inner, escaped
		}
		_, size := rawjson.Escape(s.text[s.at:])
		if size == 0 { // the end of the text, or a control character
			s.ok = false
			return nil, false
		}
		escaped = true
		s.at += size
	}
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c-'0' < 10:
		return c - '0', true
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	default:
		return 0, false
	}
}

// members gives the keys of an object, in the memory of the text; the body must consume the value of each.
func (s *scanner) members() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if !s.enter('{') {
			return
		}
		if s.space(); s.take('}') {
			s.deep--
			return
		}
		for s.ok {
			s.space()
			key, escaped := s.str()
			if escaped {
				key = rawjson.AppendUnescaped(nil, key)
			}
			if s.space(); !s.take(':') {
				s.ok = false
			}
			if !s.ok || !yield(key) || !s.next('}') {
				return
			}
		}
	}
}

// elements gives the indexes of an array; the body must consume each element.
func (s *scanner) elements() iter.Seq[int] {
	return func(yield func(int) bool) {
		if !s.enter('[') {
			return
		}
		if s.space(); s.take(']') {
			s.deep--
			return
		}
		for i := 0; s.ok; i++ {
			if !yield(i) || !s.next(']') {
				return
			}
		}
	}
}

func (s *scanner) enter(open byte) bool {
	s.space()
	if !s.take(open) || s.deep >= maxDepth {
		s.ok = false
		return false
	}
	s.deep++
	return true
}

// next consumes what follows an entry, and tells whether another one comes.
func (s *scanner) next(end byte) bool {
	if !s.ok {
		return false
	}
	s.space()
	if s.take(',') {
		return true
	}
	if s.take(end) {
		s.deep--
	} else {
		s.ok = false
	}
	return false
}

// tooDeep tells whether a text that may be JSON5 nests too far; braces inside strings do not count.
func tooDeep(text []byte) bool {
	deep := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '{', '[':
			if deep++; deep > maxDepth {
				return true
			}
		case '}', ']':
			deep--
		case '"', '\'':
			for i++; i < len(text) && text[i] != c; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		}
	}
	return false
}

// valid makes text valid UTF-8, with U+FFFD for what is not. It returns text itself where nothing is to be done.
func valid(text []byte) (out []byte, changed bool) {
	if utf8.Valid(text) {
		return text, false
	}
	return []byte(string([]rune(string(text)))), true
}

// numberText is the text form of a JSON number: integers as they stand, others as the shortest that gives the same float, with .0
// where that is a whole number.
func numberText(raw []byte) string {
	for _, c := range raw {
		if c == '.' || c|0x20 == 'e' {
			f, _ := strconv.ParseFloat(string(raw), 64) // finite: see scanner.number
			return floatText(f)
		}
	}
	return string(raw)
}

func floatText(f float64) string {
	format := byte('f')
	if a := max(f, -f); a != 0 && (a < 1e-5 || a >= 1e16) {
		format = 'e'
	}
	text := strconv.FormatFloat(f, format, -1, 64)
	for _, c := range []byte(text) {
		if c == '.' || c == 'e' {
			return text
		}
	}
	return text + ".0"
}

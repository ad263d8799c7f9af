package scan

import (
	"fmt"
	"unicode/utf16"

	"github.com/hog-go/hog/common/rawjson"
)

// maxDepth is how many containers may be open at once, serde_json's recursion limit.
const maxDepth = 127

// SyntaxError says why a payload is no JSON, and where.
type SyntaxError struct {
	Offset int // in bytes from the start of the payload
	Want   string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%s at byte %d", e.Want, e.Offset) }

// scanner walks over b. Its methods report false after a syntax error, which is then in err.
type scanner struct {
	b       []byte
	i       int
	depth   int // containers open around the value that comes next
	err     *SyntaxError
	tooMany bool   // stopped for the number of events
	name    []byte // the last key, unescaped, where it had escapes
}

func (s *scanner) fail(want string) bool {
	if s.err == nil {
		s.err = &SyntaxError{Offset: s.i, Want: want}
	}
	return false
}

// space skips white space and returns the byte that follows, 0 at the end.
func (s *scanner) space() byte {
	for s.i < len(s.b) {
		switch c := s.b[s.i]; c {
		case ' ', '\n', '\r', '\t':
			s.i++
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) open() bool {
	s.i++
	s.depth++
	if s.depth > maxDepth {
		return s.fail("recursion limit exceeded")
	}
	return true
}

func (s *scanner) close() {
	s.i++
	s.depth--
}

// key reads the next member's name and colon in an object whose brace is open, and stops before the value. done means
// that the object ended instead.
func (s *scanner) key(first bool) (key []byte, done, ok bool) {
	c := s.space()
	if c == '}' {
		s.close()
		return nil, true, true
	}
	if !first {
		if c != ',' {
			return nil, false, s.fail("expected `,` or `}`")
		}
		s.i++
		c = s.space()
	}
	if c != '"' {
		return nil, false, s.fail("key must be a string")
	}
	start := s.i
	escaped, ok := s.str()
	if !ok {
		return nil, false, false
	}
	key = s.b[start+1 : s.i-1]
	if escaped {
		s.name = rawjson.AppendUnescaped(s.name[:0], key)
		key = s.name
	}
	if s.space() != ':' {
		return nil, false, s.fail("expected `:`")
	}
	s.i++
	s.space()
	return key, false, true
}

// more steps to the next element of an array whose bracket is open; done means that the array ended.
func (s *scanner) more(first bool) (done, ok bool) {
	c := s.space()
	if c == ']' {
		s.close()
		return true, true
	}
	if !first {
		if c != ',' {
			return false, s.fail("expected `,` or `]`")
		}
		s.i++
		if s.space() == ']' {
			return false, s.fail("trailing comma")
		}
	}
	if s.i >= len(s.b) {
		return false, s.fail("EOF while parsing a list")
	}
	return false, true
}

// str skips a string that starts at i, and tells whether it has escapes.
func (s *scanner) str() (escaped, ok bool) {
	s.i++
	for {
		s.i += rawjson.PlainPrefix(s.b[s.i:])
		if s.i >= len(s.b) {
			return escaped, s.fail("EOF while parsing a string")
		}
		switch s.b[s.i] {
		case '"':
			s.i++
			return escaped, true
		case '\\':
			escaped = true
			if !s.escape() {
				return escaped, false
			}
		default:
			return escaped, s.fail("control character found while parsing a string")
		}
	}
}

// escape passes an escape. Half of a surrogate pair is replaced where it stands: what reads the text later would refuse it.
func (s *scanner) escape() bool {
	r, size := rawjson.Escape(s.b[s.i:])
	switch {
	case size == 0 && s.i+1 >= len(s.b):
		return s.fail("EOF while parsing a string")
	case size == 0:
		return s.fail("invalid escape")
	case utf16.IsSurrogate(r):
		copy(s.b[s.i+2:], "fffd")
	}
	s.i += size
	return true
}

// raw skips the value at i and returns its text.
func (s *scanner) raw() ([]byte, bool) {
	start := s.i
	if !s.skip() {
		return nil, false
	}
	return s.b[start:s.i], true
}

// skip passes over the value at i, of any kind. It keeps the kinds of the open containers in a bit set instead of
// recursing: a bit is set for an object.
func (s *scanner) skip() bool {
	var objects [2]uint64
	base := s.depth
	for {
		switch c := s.space(); {
		case c == '"':
			if _, ok := s.str(); !ok {
				return false
			}
		case c == '{' || c == '[':
			if !s.open() {
				return false
			}
			n := s.depth - base
			if c == '{' {
				objects[n>>6] |= 1 << (n & 63)
				_, done, ok := s.key(true)
				if !ok {
					return false
				}
				if !done {
					continue
				}
			} else {
				objects[n>>6] &^= 1 << (n & 63)
				done, ok := s.more(true)
				if !ok {
					return false
				}
				if !done {
					continue
				}
			}
		case c == '-' || c >= '0' && c <= '9':
			if !s.number() {
				return false
			}
		default:
			if !s.literal() {
				return false
			}
		}
		// A value has ended: step to the next one of the innermost container, leaving those that end here.
		for {
			n := s.depth - base
			if n == 0 {
				return true
			}
			var done, ok bool
			if objects[n>>6]>>(n&63)&1 != 0 {
				_, done, ok = s.key(false)
			} else {
				done, ok = s.more(false)
			}
			if !ok {
				return false
			}
			if !done {
				break
			}
		}
	}
}

func (s *scanner) literal() bool {
	for _, word := range [...]string{"true", "false", "null"} {
		if s.i+len(word) <= len(s.b) && string(s.b[s.i:s.i+len(word)]) == word {
			s.i += len(word)
			return true
		}
	}
	if s.i >= len(s.b) {
		return s.fail("EOF while parsing a value")
	}
	return s.fail("expected value")
}

func (s *scanner) number() bool {
	n, ok := rawjson.Number(s.b[s.i:])
	s.i += n
	return ok || s.fail("invalid number")
}

// end checks that nothing but white space is left.
func (s *scanner) end() bool {
	if s.space(); s.i < len(s.b) {
		return s.fail("trailing characters")
	}
	return true
}

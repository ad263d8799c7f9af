// Package jsonraw reads JSON in the order in which it is written, and yields views into the text: what a caller only
// passes on is never decoded. It is for the AI endpoints, whose few fields lie scattered in large documents; package
// scan is the reader of the analytics endpoints and knows their shapes.
//
// The rules are those of package scan: nesting beyond 127 containers is refused, which also bounds the stack, names are
// matched exactly, and a lone surrogate escape (\ud800) is rewritten to \ufffd in place. The text must be valid UTF-8,
// must stay untouched while views live, and is changed in that one way.
package jsonraw

import (
	"fmt"
	"iter"

	"github.com/hog-go/hog/capture/internal/scan"
)

// maxDepth is how many containers may be open at once, serde_json's recursion limit.
const maxDepth = 127

// Error says what a Reader expected instead of what it found, and where.
type Error struct {
	Offset int // in bytes from the start of the text
	Want   string
}

func (e *Error) Error() string { return fmt.Sprintf("%s at byte %d", e.Want, e.Offset) }

// Reader walks over a text from value to value. After an error it yields nothing more; Err tells which one.
type Reader struct {
	b     []byte
	i     int
	depth int
	err   *Error
	key   []byte // last name that had escapes
}

// New returns a Reader at the start of text.
func New(text []byte) *Reader { return &Reader{b: text} }

// Check tells whether text is one JSON value, and repairs its surrogates.
func Check(text []byte) error {
	r := New(text)
	r.Skip()
	r.End()
	return r.Err()
}

// Err returns the error that stopped r, or nil.
func (r *Reader) Err() error {
	if r.err == nil {
		return nil
	}
	return r.err
}

func (r *Reader) fail(want string) bool {
	if r.err == nil {
		r.err = &Error{Offset: r.i, Want: want}
	}
	return false
}

// End fails unless nothing but white space is left.
func (r *Reader) End() {
	if r.space(); r.i < len(r.b) {
		r.fail("trailing characters")
	}
}

// Kind is the first byte of the next value, with '0' for every number: { [ " t f n 0. It is 0 at the end, before what
// begins no value, and after an error.
func (r *Reader) Kind() byte {
	if r.err != nil {
		return 0
	}
	switch c := r.space(); {
	case c == '-' || c-'0' <= 9:
		return '0'
	case c == '{' || c == '[' || c == '"' || c == 't' || c == 'f' || c == 'n':
		return c
	}
	return 0
}

// space skips white space and returns the byte that follows, 0 at the end.
func (r *Reader) space() byte {
	for r.i < len(r.b) {
		switch c := r.b[r.i]; c {
		case ' ', '\n', '\r', '\t':
			r.i++
		default:
			return c
		}
	}
	return 0
}

// Members yields the names in the next value, an object; null counts as an empty one, anything else is an error. The
// loop's body may read the member's value, else it is skipped. A name is valid until the next. A loop left early leaves
// r in the middle of the object, good for nothing.
func (r *Reader) Members() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if !r.open('{', "expected an object") {
			return
		}
		for first := true; r.next(first, '}'); first = false {
			name, ok := r.name()
			if !ok {
				return
			}
			r.space()
			at := r.i
			if !yield(name) {
				return
			}
			if r.i == at {
				r.Skip()
			}
		}
	}
}

// Elements yields once for each element of the next value, an array; the rest is as for Members.
func (r *Reader) Elements() func(yield func() bool) {
	return func(yield func() bool) {
		if !r.open('[', "expected an array") {
			return
		}
		for first := true; r.next(first, ']'); first = false {
			at := r.i
			if !yield() {
				return
			}
			if r.i == at {
				r.Skip()
			}
		}
	}
}

// open enters a container that begins with c, and tells whether there is one.
func (r *Reader) open(c byte, want string) bool {
	switch kind := r.Kind(); {
	case r.err != nil:
		return false
	case kind == 'n':
		r.literal()
		return false
	case kind != c:
		return r.fail(want)
	}
	r.i++
	if r.depth++; r.depth > maxDepth {
		return r.fail("recursion limit exceeded")
	}
	return true
}

// next steps to the following member or element; it is false after the last.
func (r *Reader) next(first bool, end byte) bool {
	if r.err != nil {
		return false
	}
	c := r.space()
	if c == end {
		r.i++
		r.depth--
		return false
	}
	if first {
		return true
	}
	if c != ',' {
		return r.fail("expected `,` or `" + string(end) + "`")
	}
	r.i++
	if r.space() == end {
		return r.fail("trailing comma")
	}
	return true
}

// name reads a member's name and colon.
func (r *Reader) name() (name []byte, ok bool) {
	if r.space() != '"' {
		return nil, r.fail("key must be a string")
	}
	start := r.i
	escaped, ok := r.str()
	if !ok {
		return nil, false
	}
	name = r.b[start+1 : r.i-1]
	if escaped {
		r.key = scan.AppendUnquoted(r.key[:0], r.b[start:r.i])
		name = r.key
	}
	if r.space() != ':' {
		return nil, r.fail("expected `:`")
	}
	r.i++
	return name, true
}

// Raw returns the next value's text; nil after an error.
func (r *Reader) Raw() []byte {
	r.space()
	start := r.i
	if r.Skip(); r.err != nil {
		return nil
	}
	return r.b[start:r.i]
}

// Text returns the contents of the next value, a string: a view where it has no escapes. It is nil after an error.
func (r *Reader) Text() []byte {
	if r.Kind() != '"' {
		r.fail("expected a string")
		return nil
	}
	raw := r.Raw()
	if raw == nil {
		return nil
	}
	var arena []byte
	return scan.Text(raw, &arena)
}

// Skip passes over the next value, checking it.
func (r *Reader) Skip() {
	switch r.Kind() {
	case '{':
		for range r.Members() {
		}
	case '[':
		for range r.Elements() {
		}
	case '"':
		r.str()
	case '0':
		r.number()
	default:
		if r.err == nil {
			r.literal()
		}
	}
}

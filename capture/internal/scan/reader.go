package scan

import "iter"

// Reader walks over JSON from value to value, for documents whose few fields of interest lie scattered: what the caller
// only passes on is never decoded. It goes by the rules of this package: nesting beyond 127 containers is refused, names
// are matched exactly, and a lone surrogate escape (\ud800) is rewritten to \ufffd in place. The text must be valid
// UTF-8, and must stay untouched while views live.
//
// After an error a Reader yields nothing more; Err tells which one.
type Reader struct{ s scanner }

// NewReader returns a Reader at the start of text.
func NewReader(text []byte) *Reader { return &Reader{scanner{b: text}} }

// Check tells whether text is one JSON value, and repairs its surrogates. The error is a *SyntaxError.
func Check(text []byte) error {
	r := NewReader(text)
	r.Skip()
	r.End()
	return r.Err()
}

// Err returns the *SyntaxError that stopped r, or nil.
func (r *Reader) Err() error {
	if r.s.err == nil {
		return nil
	}
	return r.s.err
}

// End fails unless nothing but white space is left.
func (r *Reader) End() {
	if r.s.err == nil {
		r.s.end()
	}
}

// Kind is the first byte of the next value, with '0' for every number: { [ " t f n 0. It is 0 at the end, before what
// begins no value, and after an error.
func (r *Reader) Kind() byte {
	if r.s.err != nil {
		return 0
	}
	switch c := r.s.space(); {
	case c == '-' || c-'0' <= 9:
		return '0'
	case c == '{' || c == '[' || c == '"' || c == 't' || c == 'f' || c == 'n':
		return c
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
		for first := true; r.s.err == nil; first = false {
			name, done, ok := r.s.key(first)
			at := r.s.i
			if done || !ok || !yield(name) {
				return
			}
			if r.s.i == at {
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
		for first := true; r.s.err == nil; first = false {
			done, ok := r.s.more(first)
			at := r.s.i
			if done || !ok || !yield() {
				return
			}
			if r.s.i == at {
				r.Skip()
			}
		}
	}
}

// open enters a container that begins with c, and tells whether there is one.
func (r *Reader) open(c byte, want string) bool {
	switch kind := r.Kind(); {
	case r.s.err != nil:
		return false
	case kind == 'n':
		r.s.literal()
		return false
	case kind != c:
		return r.s.fail(want)
	}
	return r.s.open()
}

// Raw returns the next value's text; nil after an error.
func (r *Reader) Raw() []byte {
	r.s.space()
	start := r.s.i
	if r.Skip(); r.s.err != nil {
		return nil
	}
	return r.s.b[start:r.s.i]
}

// Text returns the contents of the next value, a string: a view where it has no escapes. It is nil after an error.
func (r *Reader) Text() []byte {
	if r.Kind() != '"' {
		r.s.fail("expected a string")
		return nil
	}
	raw := r.Raw()
	if raw == nil {
		return nil
	}
	var arena []byte
	return Text(raw, &arena)
}

// Skip passes over the next value, checking it.
func (r *Reader) Skip() {
	if r.s.err == nil {
		r.s.skip()
	}
}

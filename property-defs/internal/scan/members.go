package scan

import (
	"bytes"
	"slices"

	"github.com/hog-go/hog/property-defs/internal/definition"
)

// Member is a member of an object in the properties. It holds places in the text: Scanner.Key and Scanner.Value read them. With a fifth
// field it would no longer be made in registers, which takes a tenth off the speed of a scan.
type Member struct {
	keyFrom, keyTo     uint32 // in the text, or in names if keyFrom has the bit inNames
	valueFrom, valueTo uint32
}

// inNames marks a key that had escapes. A text is never that long.
const inNames = 1 << 31

// Members are those of the properties, in their order, keys that repeat included.
type Members struct {
	Top     []Member
	Set     []Member // of $set, if it is an object
	SetOnce []Member // of $set_once, likewise
}

const (
	listTop = iota
	listSet
	listSetOnce
	listGroup
	lists
)

// properties reads an object into m and reports false unless it is JSON. In place it is followed by the quote of the text.
func (s *Scanner) properties(m *Members) bool {
	s.strict, s.depth = true, 1
	s.names = s.names[:0]
	for i := range s.lists {
		s.lists[i] = s.lists[i][:0]
	}
	if s.space() != '{' || !s.object(listTop) {
		return false
	}
	switch x := s.space(); {
	case s.inner && x == '"':
		s.i++
	case s.inner || s.i < len(s.b):
		return false
	}
	*m = Members{Top: s.lists[listTop], Set: s.lists[listSet], SetOnce: s.lists[listSetOnce]}
	return true
}

// Group reads the members of m's value, if it is an object.
func (s *Scanner) Group(m Member) ([]Member, bool) {
	s.i, s.inner, s.strict, s.depth = int(m.valueFrom), len(s.text) == 0, true, 2
	s.lists[listGroup] = s.lists[listGroup][:0]
	if s.peek() != '{' || !s.object(listGroup) {
		return nil, false
	}
	return s.lists[listGroup], true
}

// object reads the object at i into a list.
func (s *Scanner) object(list int) (ok bool) {
	s.lists[list], ok = s.members(s.lists[list], list == listTop)
	return ok
}

// members appends the members of the object at i to list. At the top, what is inside $set and $set_once goes into lists of its own,
// the last of equal keys winning.
func (s *Scanner) members(list []Member, top bool) ([]Member, bool) {
	s.i++
	for first := true; ; first = false {
		from, to, done, ok := s.member(first)
		if !ok || done {
			return list, ok
		}
		m := Member{keyFrom: uint32(from), keyTo: uint32(to), valueFrom: uint32(s.i)}
		key := s.b[from:to]
		if s.escaped {
			if s.inner {
				return list, false
			}
			if m, key, ok = s.unescapeKey(m); !ok {
				return list, false
			}
		}
		if top && len(key) >= len("$set") && key[1] == 's' && key[0] == '$' {
			ok = s.setMember(key)
		} else {
			ok = s.skip()
		}
		if !ok {
			return list, false
		}
		m.valueTo = uint32(s.i)
		list = append(list, m)
	}
}

// setMember passes the value of a property whose name begins with $s, and keeps the members of $set and $set_once. A later one takes the
// place of an earlier one, also if it is no object.
func (s *Scanner) setMember(key []byte) bool {
	list := listTop
	switch string(key) {
	case "$set":
		list = listSet
	case "$set_once":
		list = listSetOnce
	default:
		return s.skip()
	}
	s.lists[list] = s.lists[list][:0]
	if s.peek() != '{' {
		return s.skip()
	}
	s.depth++
	ok := s.object(list)
	s.depth--
	return ok
}

// unescapeKey appends the key's characters to names, and makes m point there.
func (s *Scanner) unescapeKey(m Member) (_ Member, key []byte, ok bool) {
	from := len(s.names)
	s.names, ok = decode(s.names, s.b[m.keyFrom:m.keyTo+1])
	m.keyFrom, m.keyTo = uint32(from)|inNames, uint32(len(s.names))
	return m, s.names[from:], ok
}

// decode appends the characters of a string to dst; text is what follows its first quote, the last one included.
func decode(dst, text []byte) ([]byte, bool) {
	n := len(dst)
	dst = slices.Grow(dst, len(text)+8)
	c := cursor{b: text}
	out, ok := c.unescape(dst[n:cap(dst)])
	return dst[:n+len(out)], ok
}

// Key is the name of m.
func (s *Scanner) Key(m Member) []byte {
	if m.Escaped() {
		return s.names[m.keyFrom&^inNames : m.keyTo]
	}
	return s.b[m.keyFrom:m.keyTo]
}

// Escaped tells whether the name of m was written with escapes; only then it may hold a control character.
func (m Member) Escaped() bool { return m.keyFrom&inNames != 0 }

// Untyped tells whether the value of m is null, an array or an object.
func (s *Scanner) Untyped(m Member) bool {
	c := s.b[m.valueFrom]
	return c == '{' || c == '[' || c == 'n'
}

// Value is the value of m as far as types depend on it. It is on the way of new definitions only, and may allocate.
func (s *Scanner) Value(m Member) definition.Value {
	text := s.b[m.valueFrom:m.valueTo]
	switch text[0] {
	case '{', '[', 'n':
		return definition.Value{}
	case 't', 'f':
		return definition.Value{Kind: definition.Bool}
	case '\\': // in place: that makes it a string with quotes
		text, _ = decode(nil, append(slices.Clone(text), '"')) // it was seen to be valid
		fallthrough
	case '"':
		inner := text[1 : len(text)-1]
		if bytes.IndexByte(inner, '\\') >= 0 {
			inner, _ = decode(nil, text[1:])
		}
		return definition.Value{Kind: definition.Text, Text: inner}
	default:
		return definition.Value{Kind: definition.Number, Text: text}
	}
}

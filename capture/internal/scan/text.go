package scan

import (
	"bytes"

	"github.com/hog-go/hog/common/rawjson"
)

// Text returns the contents of the JSON string raw, quotes included in raw: a view where it has no escapes, else bytes
// appended to *arena.
func Text(raw []byte, arena *[]byte) []byte {
	inner := raw[1 : len(raw)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	n := len(*arena)
	*arena = rawjson.AppendUnescaped(*arena, inner)
	return (*arena)[n:len(*arena):len(*arena)]
}

// EachMember calls f for every member of the JSON object raw, which must be valid: with the name, unescaped, and with
// the member's text from the name's quote to the end of the value. The name is valid during the call.
func EachMember(raw []byte, f func(name, value, member []byte)) {
	s := scanner{b: raw}
	s.space()
	s.open()
	for first := true; ; first = false {
		from := s.i
		name, done, ok := s.key(first)
		if done || !ok {
			return
		}
		for raw[from] != '"' {
			from++
		}
		value, ok := s.raw()
		if !ok {
			return
		}
		f(name, value, raw[from:s.i])
	}
}

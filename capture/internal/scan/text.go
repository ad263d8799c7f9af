package scan

import (
	"bytes"
	"unicode/utf8"
)

// Text returns the contents of the JSON string raw, quotes included in raw: a view where it has no escapes, else bytes
// appended to *arena.
func Text(raw []byte, arena *[]byte) []byte {
	inner := raw[1 : len(raw)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	n := len(*arena)
	*arena = AppendUnquoted(*arena, raw)
	return (*arena)[n:len(*arena):len(*arena)]
}

// AppendUnquoted appends the contents of a valid JSON string, quotes included in raw, to dst.
func AppendUnquoted(dst, raw []byte) []byte {
	s := raw[1 : len(raw)-1]
	for {
		k := bytes.IndexByte(s, '\\')
		if k < 0 {
			return append(dst, s...)
		}
		dst = append(dst, s[:k]...)
		c := s[k+1]
		s = s[k+2:]
		switch c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, _ := hex4(s, 0)
			s = s[4:]
			if r >= 0xD800 && r < 0xDC00 { // the scanner has seen to it that the other half follows
				low, _ := hex4(s, 2)
				s = s[6:]
				r = (r-0xD800)<<10 | (low - 0xDC00) + 0x10000
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, c)
		}
	}
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

package event

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

const (
	eachByte = 0x0101010101010101
	topBits  = 0x8080808080808080
)

// special returns a word whose lowest set bit marks the first byte of w (little endian) that a JSON string cannot
// hold as it is: a quote, a backslash or a control character. Bits above the first may be wrong: a borrow spills
// upwards only.
func special(w uint64) uint64 {
	quote := w ^ (eachByte * '"')
	slash := w ^ (eachByte * '\\')
	return ((quote-eachByte)&^quote | (slash-eachByte)&^slash | (w-eachByte*0x20)&^w) & topBits
}

// PlainPrefix returns how many bytes at the start of s need no escaping inside a JSON string. It tests eight bytes a
// step; s must be valid UTF-8 for the rest to be valid JSON.
func PlainPrefix(s []byte) int {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		if m := special(binary.LittleEndian.Uint64(s[i:])); m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' {
			return i
		}
	}
	return i
}

const hexDigits = "0123456789abcdef"

// AppendEscaped appends s to dst as the inside of a JSON string, without the quotes around it. s must be valid UTF-8.
// It is the second encoding of an event's data, and so runs over every byte that capture passes on.
func AppendEscaped(dst, s []byte) []byte {
	for {
		// JSON text has a quote every few bytes: a word is stored whole and cut back to its plain part, which costs less
		// than finding the length of each short run before copying it.
		for len(s) >= 8 && cap(dst)-len(dst) >= 8 {
			w := binary.LittleEndian.Uint64(s)
			n := len(dst)
			dst = dst[:n+8]
			binary.LittleEndian.PutUint64(dst[n:], w)
			m := special(w)
			if m == 0 {
				s = s[8:]
				continue
			}
			k := bits.TrailingZeros64(m) >> 3
			dst = appendEscape(dst[:n+k], s[k])
			s = s[k+1:]
		}
		k := PlainPrefix(s)
		dst = append(dst, s[:k]...)
		if k == len(s) {
			return dst
		}
		dst = appendEscape(dst, s[k])
		s = s[k+1:]
	}
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	default:
		return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
	}
}

// AppendString appends s to dst as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	if b := []byte(s); utf8.Valid(b) {
		dst = AppendEscaped(dst, b)
	} else {
		dst = AppendEscaped(dst, []byte(string([]rune(s))))
	}
	return append(dst, '"')
}

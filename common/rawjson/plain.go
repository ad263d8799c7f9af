package rawjson

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

const (
	eachByte = 0x0101010101010101
	topBits  = 0x8080808080808080
)

// Special returns a word whose lowest set bit is in the first byte of w (little endian) that a JSON string cannot hold as it is: a quote, a
// backslash or a control character; 0 where there is none. Bits above the first may be wrong: a borrow spills upwards only.
func Special(w uint64) uint64 {
	low := w ^ eachByte*2 // swaps the quote and the blank: what is below 0x21 then is a quote or a control character
	slash := w ^ eachByte*'\\'
	return ((low-eachByte*0x21)&^low | (slash-eachByte)&^slash) & topBits
}

// PlainPrefix returns how many bytes at the start of s need no escaping inside a JSON string. It tests eight bytes a step and does not look
// whether they are UTF-8.
func PlainPrefix(s []byte) int {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		if m := Special(binary.LittleEndian.Uint64(s[i:])); m != 0 {
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

// AppendEscaped appends s to dst as the inside of a JSON string, without the quotes around it. s must be valid UTF-8. In capture it runs
// over every byte that is passed on.
func AppendEscaped(dst, s []byte) []byte {
	for {
		// JSON text has a quote every few bytes: a word is stored whole and cut back to its plain part, which costs less
		// than finding the length of each short run before copying it.
		for len(s) >= 8 && cap(dst)-len(dst) >= 8 {
			w := binary.LittleEndian.Uint64(s)
			n := len(dst)
			dst = dst[:n+8]
			binary.LittleEndian.PutUint64(dst[n:], w)
			m := Special(w)
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

package scan

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

const (
	eachByte = 0x0101010101010101
	topBits  = 0x8080808080808080
)

// special returns a word whose lowest set bit marks the first byte of w (little endian) that ends a plain run inside a
// JSON string: a quote, a backslash or a control character. Bits above the first may be wrong: a borrow spills upwards only.
func special(w uint64) uint64 {
	low := w ^ eachByte*2 // swaps the quote and the blank: what is below 0x21 then is a quote or a control character
	slash := w ^ (eachByte * '\\')
	return ((low-eachByte*0x21)&^low | (slash-eachByte)&^slash) & topBits
}

// str skips a string whose quote is at i; not for inner text.
func (c *cursor) str() bool {
	b, i := c.b, c.i+1
	for {
		for i+8 <= len(b) {
			m := special(binary.LittleEndian.Uint64(b[i:]))
			if m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				break
			}
			i += 8
		}
		if i >= len(b) {
			return false
		}
		switch x := b[i]; {
		case x == '"':
			c.i = i + 1
			return true
		case x == '\\':
			if i+1 >= len(b) {
				return false
			}
			c.escaped = true
			switch e := escapes[b[i+1]]; e {
			case 0:
				return false
			case 'u':
				_, n := unicodeEscape(b[i:], c.strict)
				if n == 0 {
					return false
				}
				i += n
			default:
				i += 2
			}
		case x < 0x20:
			return false
		default: // in the last bytes of b, which make no word
			i++
		}
	}
}

// innerStr is str where quotes are \". What is rare, such as a character by its number, is an error here, after which the text is
// unescaped and read again.
func (c *cursor) innerStr() bool {
	b, i := c.b, c.i
	if i+1 >= len(b) || b[i+1] != '"' {
		return false
	}
	for i += 2; ; {
		for i+8 <= len(b) {
			m := special(binary.LittleEndian.Uint64(b[i:]))
			if m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				break
			}
			i += 8
		}
		if i+3 >= len(b) {
			return false // there is a brace and a quote to come at least
		}
		switch x := b[i]; {
		case x == '\\' && b[i+1] == '"':
			c.i = i + 2
			return true
		case x == '\\' && b[i+1] == '\\':
			c.escaped = true
			switch e := b[i+2]; {
			case e == '\\' && (b[i+3] == '"' || b[i+3] == '\\'):
				i += 4
			case e != '"' && e != '\\' && e != 'u' && escapes[e] != 0:
				i += 3
			default:
				return false
			}
		case x < 0x20 || x == '"' || x == '\\':
			return false
		default:
			i++
		}
	}
}

// escapes has what the byte after a backslash stands for; 'u' for a code point, 0 for an error.
var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'u': 'u'}

// unescape decodes the string whose first character is at i into buf, which must have room for the rest of b and 8 bytes
// more, and passes its closing quote.
func (c *cursor) unescape(buf []byte) ([]byte, bool) {
	b, i, n := c.b, c.i, 0
	for {
		for i+8 <= len(b) {
			w := binary.LittleEndian.Uint64(b[i:])
			binary.LittleEndian.PutUint64(buf[n:], w) // what is too much is overwritten by what comes next
			m := special(w)
			if m != 0 {
				k := bits.TrailingZeros64(m) >> 3
				i += k
				n += k
				break
			}
			i += 8
			n += 8
		}
		if i >= len(b) {
			return nil, false
		}
		switch x := b[i]; {
		case x == '"':
			c.i = i + 1
			return buf[:n], true
		case x == '\\':
			if i+1 >= len(b) {
				return nil, false
			}
			switch e := escapes[b[i+1]]; e {
			case 0:
				return nil, false
			case 'u':
				r, size := unicodeEscape(b[i:], true)
				if size == 0 {
					return nil, false
				}
				n += utf8.EncodeRune(buf[n:n+utf8.UTFMax], r)
				i += size
			default:
				buf[n] = e
				n++
				i += 2
			}
		case x < 0x20:
			return nil, false
		default:
			buf[n] = x
			n++
			i++
		}
	}
}

// unicodeEscape reads \uXXXX, or two of them that make one character, and gives their length, 0 for an error. With strict, half
// of a character is one.
func unicodeEscape(b []byte, strict bool) (r rune, size int) {
	r, ok := hex4(b, 2)
	switch {
	case !ok:
		return 0, 0
	case !strict || r < 0xD800 || r >= 0xE000:
		return r, 6
	case r >= 0xDC00 || len(b) < 12 || b[6] != '\\' || b[7] != 'u':
		return 0, 0
	}
	low, ok := hex4(b, 8)
	if !ok || low < 0xDC00 || low >= 0xE000 {
		return 0, 0
	}
	return (r-0xD800)<<10 | (low - 0xDC00) + 0x10000, 12
}

func hex4(b []byte, i int) (r rune, ok bool) {
	if i+4 > len(b) {
		return 0, false
	}
	for _, c := range b[i : i+4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

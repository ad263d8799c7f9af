package scan

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/hog-go/hog/common/rawjson"
)

// str skips a string whose quote is at i; not for inner text.
func (c *cursor) str() bool {
	b, i := c.b, c.i+1
	for {
		for i+8 <= len(b) {
			m := rawjson.Special(binary.LittleEndian.Uint64(b[i:]))
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
			c.escaped = true
			r, size := rawjson.Escape(b[i:])
			if size == 0 || c.strict && utf16.IsSurrogate(r) {
				return false
			}
			i += size
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
			m := rawjson.Special(binary.LittleEndian.Uint64(b[i:]))
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
			e := b[i+2]
			if e == '\\' && (b[i+3] == '"' || b[i+3] == '\\') {
				i += 4
			} else if _, size := rawjson.Escape(b[i+1:]); size == 2 && e != '"' && e != '\\' {
				i += 3
			} else {
				return false
			}
		case x < 0x20 || x == '"' || x == '\\':
			return false
		default:
			i++
		}
	}
}

// unescape decodes the string whose first character is at i into buf, which must have room for the rest of b and 8 bytes
// more, and passes its closing quote.
func (c *cursor) unescape(buf []byte) ([]byte, bool) {
	b, i, n := c.b, c.i, 0
	for {
		for i+8 <= len(b) {
			w := binary.LittleEndian.Uint64(b[i:])
			binary.LittleEndian.PutUint64(buf[n:], w) // what is too much is overwritten by what comes next
			m := rawjson.Special(w)
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
			r, size := rawjson.Escape(b[i:])
			if size == 0 || utf16.IsSurrogate(r) {
				return nil, false
			}
			n += utf8.EncodeRune(buf[n:n+utf8.UTFMax], r)
			i += size
		case x < 0x20:
			return nil, false
		default:
			buf[n] = x
			n++
			i++
		}
	}
}

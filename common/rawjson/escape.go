package rawjson

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// appendEscape appends the shortest escape of c, but for \b and \f, which few encoders write.
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

// Escape reads the escape at the start of s, its backslash included, and returns what it stands for and its length in bytes: 0 where s
// begins with none. Two \u escapes that make one character are one of 12 bytes. Half of such a pair is returned as it is, a rune that
// [utf16.IsSurrogate] knows and [utf8.AppendRune] replaces.
func Escape(s []byte) (r rune, size int) {
	if len(s) >= 2 && s[0] == '\\' {
		if c := simple[s[1]]; c != 0 {
			return rune(c), 2
		}
	}
	return unicodeEscape(s)
}

// simple has what the byte after a backslash stands for; 0 where that takes more bytes, or is an error.
var simple = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func unicodeEscape(s []byte) (r rune, size int) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, 0
	}
	r, ok := hex4(s[2:])
	if !ok {
		return 0, 0
	}
	if r >= 0xD800 && r < 0xDC00 && len(s) >= 12 && s[6] == '\\' && s[7] == 'u' {
		if low, ok := hex4(s[8:]); ok && low >= 0xDC00 && low < 0xE000 {
			return utf16.DecodeRune(r, low), 12
		}
	}
	return r, 6
}

// hex4 reads the four hexadecimal digits at the start of s, which is long enough.
func hex4(s []byte) (r rune, ok bool) {
	for _, c := range s[:4] {
		switch {
		case c-'0' <= 9:
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

// AppendUnescaped appends to dst what the inside of a JSON string stands for. Half of a surrogate pair becomes U+FFFD. s must be without
// errors, as a scanner has found it; a backslash that begins no escape stays.
func AppendUnescaped(dst, s []byte) []byte {
	for {
		k := bytes.IndexByte(s, '\\')
		if k < 0 {
			return append(dst, s...)
		}
		dst = append(dst, s[:k]...)
		r, size := Escape(s[k:])
		if size == 0 {
			r, size = '\\', 1
		}
		dst = utf8.AppendRune(dst, r)
		s = s[k+size:]
	}
}

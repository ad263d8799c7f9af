// Package urlencoded reads application/x-www-form-urlencoded text, which the query of a URL is, too, and percent escapes, by the parser of
// the URL standard (url.spec.whatwg.org/#urlencoded-parsing). Browsers and the original follow it; net/url does not: it gives up a parameter that has a
// semicolon in it or a percent sign that begins no escape.
package urlencoded

import (
	"iter"
	"strings"
)

// Pairs yields the name and the value of each parameter, decoded, in their order. A name may come more than once.
func Pairs(s string) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for pair := range strings.SplitSeq(s, "&") {
			if pair == "" {
				continue
			}
			name, value, _ := strings.Cut(pair, "=")
			if !yield(Decode(name), Decode(value)) {
				return
			}
		}
	}
}

// Decode makes text of a name or a value; bytes that are no UTF-8 become U+FFFD.
func Decode(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return strings.ToValidUTF8(s, "\ufffd")
	}
	return strings.ToValidUTF8(string(Append(nil, s)), "\ufffd")
}

// Append decodes a name or a value onto dst, whatever bytes come out. A percent sign that begins no escape stands for itself.
func Append[T string | []byte](dst []byte, s T) []byte { return decode(dst, s, ' ') }

// AppendPercent is Append for the other parts of a URL, where a plus sign is one.
func AppendPercent[T string | []byte](dst []byte, s T) []byte { return decode(dst, s, '+') }

func decode[T string | []byte](dst []byte, s T, plus byte) []byte {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '+':
			dst = append(dst, plus)
		case c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			dst = append(dst, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

func isHex(c byte) bool { return c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'f' }

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return (c | 0x20) - 'a' + 10
}

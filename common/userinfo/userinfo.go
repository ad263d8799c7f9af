// Package userinfo takes URLs of servers as people write them: with passwords that no URL may hold as they are. The URL standard
// (url.spec.whatwg.org), which the original's parser follows, has a reading for them, net/url has none.
package userinfo

import (
	"fmt"
	"net/url"
	"strings"
)

// Encode percent-encodes what should be in the user and the password of a URL, which end at the last @ before the path. What is encoded
// already stays. A / ? or # ends them in every reading.
func Encode(s string) string {
	scheme, rest, _ := strings.Cut(s, "://")
	end := len(rest)
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		end = i
	}
	at := strings.LastIndexByte(rest[:end], '@')
	if at < 0 {
		return s
	}
	const plain = "-._~!$&'()*+,;=:"
	var b strings.Builder
	for i := range at {
		c := rest[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9'
		if _, err := url.PathUnescape(rest[i:min(i+3, at)]); letter || strings.IndexByte(plain, c) >= 0 || c == '%' && err == nil {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return scheme + "://" + b.String() + rest[at:]
}

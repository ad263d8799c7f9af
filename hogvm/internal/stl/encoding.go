package stl

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/hog-go/hog/hogvm/fault"
	"github.com/hog-go/hog/hogvm/native"
	"github.com/hog-go/hog/hogvm/value"
)

var encodings = map[string]native.Entry{
	"base64Encode":          {Func: base64Encode, Min: 1, Max: 1},
	"base64Decode":          {Func: base64Decode, Min: 1, Max: 1},
	"tryBase64Decode":       {Func: tryBase64Decode, Min: 1, Max: 1},
	"encodeURLComponent":    {Func: encodeURLComponent, Min: 1, Max: 1},
	"decodeURLComponent":    {Func: decodeURLComponent, Min: 1, Max: 1},
	"tryDecodeURLComponent": {Func: tryDecodeURLComponent, Min: 1, Max: 1},
	"generateUUIDv4":        {Func: generateUUIDv4, Min: 0, Max: 0},
}

func base64Encode(c *native.Call, args []value.Value) (value.Value, error) {
	s, err := str(args[0])
	if err != nil {
		return value.Value{}, err
	}
	if base64.StdEncoding.EncodedLen(len(s)) > c.Heap.Left() {
		return value.Value{}, fault.Heap()
	}
	return c.Heap.Close(base64.StdEncoding.AppendEncode(c.Heap.Open(""), []byte(s)))
}

func base64Decode(c *native.Call, args []value.Value) (value.Value, error) {
	s, err := str(args[0])
	if err != nil {
		return value.Value{}, err
	}
	return decodeBase64(c, s)
}

func tryBase64Decode(c *native.Call, args []value.Value) (value.Value, error) {
	s, err := str(args[0])
	if err != nil {
		return value.Value{}, err
	}
	v, err := decodeBase64(c, s)
	if fault.KindOf(err) == fault.Native {
		return value.OfString(""), nil
	}
	return v, err
}

// decodeBase64 takes padding as optional and bits left over as none. The Node VM skips what is not of the alphabet, and has both alphabets.
func decodeBase64(c *native.Call, s string) (value.Value, error) {
	if c.IsNode() {
		s = nodeBase64(s)
	} else {
		s = strings.TrimSpace(s)
		s = strings.TrimSuffix(strings.TrimSuffix(s, "="), "=")
	}
	b, err := base64.RawStdEncoding.AppendDecode(c.Heap.Open(""), []byte(s))
	if err != nil || strings.ContainsAny(s, "\r\n") { // which package base64 skips
		return value.Value{}, fault.Failed("base64 decode failed: invalid input")
	}
	return closeUTF8(c, b)
}

// nodeBase64 returns the part of s that Node's Buffer decodes.
func nodeBase64(s string) string {
	b := make([]byte, 0, len(s))
loop:
	for i := range len(s) {
		switch ch := s[i]; {
		case ch == '=':
			break loop
		case ch == '-':
			b = append(b, '+')
		case ch == '_':
			b = append(b, '/')
		case ch >= 'a' && ch <= 'z' || ch >= 'A' && ch <= 'Z' || ch >= '0' && ch <= '9' || ch == '+' || ch == '/':
			b = append(b, ch)
		}
	}
	if len(b)%4 == 1 {
		b = b[:len(b)-1]
	}
	return string(b)
}

// closeUTF8 makes a string of b, in which what is no UTF-8 becomes U+FFFD.
func closeUTF8(c *native.Call, b []byte) (value.Value, error) {
	if utf8.Valid(b) {
		return c.Heap.Close(b)
	}
	return c.Heap.Text(toValidUTF8(b))
}

// toValidUTF8 puts U+FFFD in the place of each maximal part of a character that is cut short, as Rust and browsers do.
func toValidUTF8(b []byte) string {
	out := make([]byte, 0, len(b)+len(b)/2)
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		if r != utf8.RuneError || size > 1 {
			out = append(out, b[:size]...)
			b = b[size:]
			continue
		}
		out = append(out, "\ufffd"...)
		b = b[badPrefix(b):]
	}
	return string(out)
}

// badPrefix returns the length of the part of a character at the start of b (Unicode 3.9, "maximal subpart").
func badPrefix(b []byte) int {
	n := 1
	for n < len(b) && !utf8.FullRune(b[:n+1]) {
		n++
	}
	return n
}

const upperHex = "0123456789ABCDEF"

// encodeURLComponent is JavaScript's encodeURIComponent.
func encodeURLComponent(c *native.Call, args []value.Value) (value.Value, error) {
	s, err := textArg(c, args[0])
	if err != nil {
		return value.Value{}, err
	}
	b := c.Heap.Open("")
	for i := range len(s) {
		if ch := s[i]; unreserved(ch) {
			b = append(b, ch)
		} else {
			b = append(b, '%', upperHex[ch>>4], upperHex[ch&15])
		}
	}
	return c.Heap.Close(b)
}

func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.!~*'()", c) >= 0
}

func decodeURLComponent(c *native.Call, args []value.Value) (value.Value, error) {
	s, err := textArg(c, args[0])
	if err != nil {
		return value.Value{}, err
	}
	b, ok := decodeURL(c.Heap.Open(""), s)
	if !ok {
		return value.Value{}, failed(c, "URI malformed")
	}
	return c.Heap.Close(b)
}

func tryDecodeURLComponent(c *native.Call, args []value.Value) (value.Value, error) {
	s, err := textArg(c, args[0])
	if err != nil {
		return value.Value{}, err
	}
	b, ok := decodeURL(c.Heap.Open(""), s)
	if !ok {
		return value.Value{}, nil
	}
	return c.Heap.Close(b)
}

// decodeURL appends s without its escapes, which must spell UTF-8. A plus sign is a plus sign.
func decodeURL(dst []byte, s string) ([]byte, bool) {
	start := len(dst)
	for {
		plain, rest, escaped := strings.Cut(s, "%")
		dst = append(dst, plain...)
		if !escaped {
			return dst, utf8.Valid(dst[start:])
		}
		if len(rest) < 2 {
			return dst, false
		}
		var char [1]byte
		if _, err := hex.Decode(char[:], []byte(rest[:2])); err != nil {
			return dst, false
		}
		dst = append(dst, char[0])
		s = rest[2:]
	}
}

func generateUUIDv4(c *native.Call, _ []value.Value) (value.Value, error) {
	var id [16]byte
	rand.Read(id[:]) // never fails (Go 1.24)
	id[6] = id[6]&0x0F | 0x40
	id[8] = id[8]&0x3F | 0x80
	b := c.Heap.Open("")
	for i, part := range [][]byte{id[:4], id[4:6], id[6:8], id[8:10], id[10:]} {
		if i > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, part)
	}
	return c.Heap.Close(b)
}

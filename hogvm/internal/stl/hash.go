package stl

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"unicode/utf8"

	"github.com/hog-go/hog/hogvm/fault"
	"github.com/hog-go/hog/hogvm/native"
	"github.com/hog-go/hog/hogvm/value"
)

// hashes has digests. MD5 and SHA-1 are for receivers that ask for them.
var hashes = map[string]native.Entry{
	"md5":                {Func: digest(md5.New, true), Min: 1, Max: 2},
	"md5Hex":             {Func: digest(md5.New, false), Min: 1, Max: 1},
	"sha1":               {Func: digest(sha1.New, true), Min: 1, Max: 2},
	"sha1Hex":            {Func: digest(sha1.New, false), Min: 1, Max: 1},
	"sha256":             {Func: digest(sha256.New, true), Min: 1, Max: 2},
	"sha256Hex":          {Func: digest(sha256.New, false), Min: 1, Max: 1},
	"sha1HmacChain":      {Func: hmacChain(sha1.New), Min: 1, Max: 2},
	"sha1HmacChainHex":   {Func: hmacChain(sha1.New), Min: 1, Max: 1},
	"sha256HmacChain":    {Func: hmacChain(sha256.New), Min: 1, Max: 2},
	"sha256HmacChainHex": {Func: hmacChain(sha256.New), Min: 1, Max: 1},
	"isIPAddressInRange": {Func: isIPAddressInRange, Min: 2, Max: 2},
}

// digest makes a function that hashes a text. With choice, its second argument names the encoding of the result.
func digest(algorithm func() hash.Hash, choice bool) native.Func {
	return func(c *native.Call, args []value.Value) (value.Value, error) {
		if args[0].IsNull() {
			return value.Value{}, nil
		}
		s, err := str(args[0])
		if err != nil {
			return value.Value{}, err
		}
		encoding := ""
		if choice {
			encoding, _ = optional(args, 1).AsString()
		}
		h := algorithm()
		h.Write([]byte(s))
		var sum [sha256.Size]byte
		return encoded(c, h.Sum(sum[:0]), encoding)
	}
}

// hmacChain makes a function that takes a key and messages: the MAC of each message is the key for the next.
func hmacChain(algorithm func() hash.Hash) native.Func {
	return func(c *native.Call, args []value.Value) (value.Value, error) {
		data, ok := list(c, args[0])
		if !ok {
			return value.Value{}, fault.Failed(c.Name + " expects an array")
		}
		if data.Len() < 2 {
			return value.Value{}, failed(c, "Data array must contain at least two elements.")
		}
		var sum [sha256.Size]byte
		var key []byte
		for i, v := range data.Peek() {
			s, err := str(v)
			if err != nil {
				return value.Value{}, err
			}
			if i == 0 {
				key = []byte(s)
				continue
			}
			mac := hmac.New(algorithm, key)
			mac.Write([]byte(s))
			key = mac.Sum(sum[:0])
		}
		encoding, _ := optional(args, 1).AsString()
		return encoded(c, key, encoding)
	}
}

// encoded returns a digest as text, in hexadecimal if no encoding is named.
func encoded(c *native.Call, sum []byte, encoding string) (value.Value, error) {
	b := c.Heap.Open("")
	switch encoding {
	case "", "hex":
		b = hex.AppendEncode(b, sum)
	case "base64":
		b = base64.StdEncoding.AppendEncode(b, sum)
	case "base64url":
		b = base64.RawURLEncoding.AppendEncode(b, sum)
	case "binary": // a character for each byte
		for _, char := range sum {
			b = utf8.AppendRune(b, rune(char))
		}
	default:
		return value.Value{}, failed(c, "Unsupported encoding: "+encoding)
	}
	return c.Heap.Close(b)
}

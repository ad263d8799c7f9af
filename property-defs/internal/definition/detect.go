package definition

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Value is the value of a property as far as its type depends on it.
type Value struct {
	Kind ValueKind
	Text []byte // of a string, unescaped; of a number, as it was written
}

// ValueKind is the JSON kind of a value.
type ValueKind uint8

// Kinds of values.
const (
	Other ValueKind = iota // null, array or object: a value without a type
	Text
	Number
	Bool
)

// stampAge is how old, in seconds, an integer may be as a time and still look like one: half a year.
const stampAge = 15768000

// timeWords in a key make a date-like string or a large integer a DateTime. "timestamp" holds "time".
var timeWords = [...][]byte{[]byte("time"), []byte("date"), []byte("_at"), []byte("-at"), []byte("createdat"), []byte("updatedat")}

// Detect finds the type of a property from its key and a value, now being in seconds since 1970. It is what PostHog's
// rust/property-defs-rs/src/types.rs does, with its false positives: a type stays for good, so all replicas of both must agree.
func Detect(key []byte, v Value, now int64) Type {
	var buf [256]byte
	k := lower(buf[:0], key)
	switch {
	case hasPrefix(k, "utm_"), hasPrefix(k, "$initial_utm_"), hasPrefix(k, "$feature/"), hasPrefix(k, "$survey_response"),
		string(k) == "$feature_flag_response":
		return String
	}
	switch v.Kind {
	case Number:
		if isStamp(v.Text, now) && hasTimeWord(k) {
			return DateTime
		}
		return Numeric
	case Bool:
		return Boolean
	case Text:
		if hasTimeWord(k) && dateLike(v.Text) {
			return DateTime
		}
		switch s := bytes.TrimSpace(v.Text); {
		case string(s) == "true", string(s) == "false", string(s) == "TRUE", string(s) == "FALSE":
			return Boolean
		case dateLike(s):
			return DateTime
		default:
			return String
		}
	default:
		return Untyped
	}
}

func hasPrefix(s []byte, prefix string) bool {
	return len(s) >= len(prefix) && string(s[:len(prefix)]) == prefix
}

func hasTimeWord(key []byte) bool {
	for _, w := range timeWords {
		if bytes.Contains(key, w) {
			return true
		}
	}
	return false
}

// isStamp tells whether n is an unsigned integer of 64 bits at or above half a year before now.
func isStamp(n []byte, now int64) bool {
	v, err := strconv.ParseUint(string(n), 10, 64)
	return err == nil && v >= uint64(now-stampAge)
}

// lower appends the lower case of key to dst, by Unicode's full mapping as Rust's to_lowercase has it. From Go's simple one
// that differs, as far as the rules above can tell, in the one letter that becomes two.
func lower(dst, key []byte) []byte {
	for i, c := range key {
		if c >= utf8.RuneSelf {
			return append(dst[:0], strings.ToLower(strings.ReplaceAll(string(key), "\u0130", "i\u0307"))...)
		}
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst[:i], c)
	}
	return dst
}

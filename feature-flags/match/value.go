package match

import (
	"math"
	"strconv"
	"strings"
)

type kind uint8

const (
	absent kind = iota
	null
	boolean
	number
	text
	composite // array or object
)

// value is what a slot holds. Its derived forms are made when an operator first asks for them, and kept for the next one.
type value struct {
	kind    kind
	have    uint8  // which of the derived forms are there
	numeric bool   // num holds the value as a number
	raw     string // JSON; empty for text that came decoded
	plain   string // text form
	lower   string // its full Unicode lower case
	folded  string // its ASCII lower case
	num     float64
}

const (
	havePlain = 1 << iota
	haveLower
	haveFolded
	haveNum
)

// valueOf wraps a JSON value without surrounding space.
func valueOf(raw string) (v value) {
	v.set(raw)
	return v
}

// set makes v, which is zero or to be replaced, a JSON value without surrounding space.
func (v *value) set(raw string) {
	if v.have != 0 {
		*v = value{}
	}
	if raw == "" {
		v.kind = absent
		return
	}
	switch raw[0] {
	case '"':
		v.kind, v.have, v.plain = text, havePlain, unquote(raw)
		return
	case 'n':
		v.kind = null
	case 't', 'f':
		v.kind = boolean
	case '[', '{':
		v.kind = composite
	default:
		v.kind = number
	}
	v.raw = raw
}

func textValue(s string) value { return value{kind: text, have: havePlain, plain: s} }

// asText is the text form: a string itself, compact JSON for the rest.
func (v *value) asText() string {
	if v.have&havePlain == 0 {
		v.plain, v.have = jsonText(v.raw), v.have|havePlain
	}
	return v.plain
}

func (v *value) asLower() string {
	if v.have&haveLower == 0 {
		v.lower, v.have = lower(v.asText()), v.have|haveLower
	}
	return v.lower
}

func (v *value) asFolded() string {
	if v.have&haveFolded == 0 {
		v.folded, v.have = fold(v.asText()), v.have|haveFolded
	}
	return v.folded
}

// asNumber is the value as a float64, also if it is the text of one.
func (v *value) asNumber() (float64, bool) {
	if v.have&haveNum == 0 {
		v.have |= haveNum
		switch v.kind {
		case number:
			v.num, v.numeric = parseFloat(v.raw)
		case text:
			v.num, v.numeric = parseFloat(v.plain)
		}
	}
	return v.num, v.numeric
}

// json is the value as JSON.
func (v *value) json() string {
	if v.kind == text {
		return string(appendQuoted(nil, v.plain))
	}
	return v.raw
}

// parseFloat reads a number as Rust's f64 does: decimal or scientific, inf, infinity and nan in any case, no space, hexadecimal or
// underscores; out of range becomes infinite.
func parseFloat(s string) (float64, bool) {
	if n, ok := parseDigits(s); ok {
		return n, true
	}
	if s == "" || strings.ContainsAny(s, "xX_pP") {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	return f, true
}

// parseDigits reads what most numbers are: a few digits.
func parseDigits(s string) (float64, bool) {
	if len(s) == 0 || len(s) > 15 { // up to here every integer is a float64
		return 0, false
	}
	n := int64(0)
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int64(s[i]-'0')
	}
	return float64(n), true
}

// truthy is the truth of "boolean-like" matching: true, "true" in any case, an array of nothing else.
func truthy(raw string) bool {
	switch {
	case raw == "true":
		return true
	case strings.HasPrefix(raw, `"`):
		return isWord(unquote(raw), "true")
	case strings.HasPrefix(raw, "["):
		for _, element := range elements(raw) {
			if !truthy(element) {
				return false
			}
		}
		return true
	default:
		return false
	}
}

// booleanLike tells whether a filter value is matched by truth: a boolean, its text, or an array of nothing else, also an empty one.
func booleanLike(raw string) bool {
	switch {
	case raw == "true" || raw == "false":
		return true
	case strings.HasPrefix(raw, `"`):
		s := unquote(raw)
		return isWord(s, "true") || isWord(s, "false")
	case strings.HasPrefix(raw, "["):
		for _, element := range elements(raw) {
			if !booleanLike(element) {
				return false
			}
		}
		return true
	default:
		return false
	}
}

// truthy is the same for a value of a slot.
func (v *value) truthy() bool {
	if v.kind == text {
		return isWord(v.plain, "true")
	}
	return truthy(v.raw)
}

// isWord compares with an ASCII word in any case; the length keeps out the letters that only fold to ASCII.
func isWord(s, word string) bool { return len(s) == len(word) && strings.EqualFold(s, word) }

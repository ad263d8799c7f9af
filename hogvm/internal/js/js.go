// Package js has the conversions of JavaScript that the Node profile of the machine needs: what String(x), Number(x), parseInt, parseFloat
// and the operators < and > make of a Hog value (ECMA-262, sections 7.1, 7.2.13 and 19.2).
//
// In the Node VM an object is a Map, a date or an error a plain object, and a tuple an array.
package js

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/hog-go/hog/hogvm/value"
)

// String is String(v). Arrays join their elements with commas, null being empty there; limit bounds the text, as containers that share
// their parts can unfold to any size: beyond it the text is cut and ok is false.
func String(v value.Value, limit int) (text string, ok bool) {
	if s, isString := v.AsString(); isString {
		return s, true
	}
	p := printer{limit: limit}
	p.value(v)
	return string(p.dst), len(p.dst) <= limit
}

// ParsedString is String of what JSON.parse made: its objects are plain ones.
func ParsedString(v value.Value, limit int) (text string, ok bool) {
	if s, isString := v.AsString(); isString {
		return s, true
	}
	p := printer{limit: limit, parsed: true}
	p.value(v)
	return string(p.dst), len(p.dst) <= limit
}

type printer struct {
	dst    []byte
	limit  int
	parsed bool
	above  []*value.Array // arrays being printed; one inside itself is empty
}

func (p *printer) value(v value.Value) {
	switch v.Kind() {
	case value.ArrayKind, value.TupleKind:
		p.array(v.Array())
	case value.ObjectKind:
		switch mark := v.Object().Mark(); {
		case mark != value.Plain || p.parsed:
			p.dst = append(p.dst, "[object Object]"...)
		default:
			p.dst = append(p.dst, "[object Map]"...)
		}
	case value.CallableKind, value.ClosureKind:
		p.dst = append(p.dst, "[object Object]"...)
	default:
		p.dst, _ = value.AppendText(p.dst, v) // scalars have a text
	}
}

func (p *printer) array(a *value.Array) {
	if slices.Contains(p.above, a) || len(p.above) > value.MaxDepth {
		return
	}
	p.above = append(p.above, a)
	for i, v := range a.Peek() {
		if len(p.dst) > p.limit {
			break
		}
		if i > 0 {
			p.dst = append(p.dst, ',')
		}
		if !v.IsNull() {
			p.value(v)
		}
	}
	p.above = p.above[:len(p.above)-1]
}

// maxNumberText is the longest text of a container that Number looks at: a number that a float can tell from others is shorter.
const maxNumberText = 4096

// Number is Number(v); NaN when v is none.
func Number(v value.Value) float64 {
	switch v.Kind() {
	case value.Null:
		return 0
	case value.Bool:
		if v.Bool() {
			return 1
		}
		return 0
	case value.Int, value.Float:
		f, _ := v.AsFloat()
		return f
	case value.String:
		return parseNumber(v.Str())
	}
	text, ok := String(v, maxNumberText)
	if !ok {
		return math.NaN()
	}
	return parseNumber(text)
}

// space is what JavaScript trims: white space and line terminators, the byte order mark included.
func space(r rune) bool {
	return r == '\ufeff' || r == ' ' || r >= '\t' && r <= '\r' || r == '\u00a0' || r == '\u1680' ||
		r >= '\u2000' && r <= '\u200a' || r == '\u2028' || r == '\u2029' || r == '\u202f' || r == '\u205f' || r == '\u3000'
}

func parseNumber(s string) float64 {
	s = strings.TrimFunc(s, space)
	if s == "" {
		return 0
	}
	if len(s) > 2 && s[0] == '0' {
		switch s[1] | 0x20 {
		case 'x':
			return parseDigits(s[2:], 16)
		case 'o':
			return parseDigits(s[2:], 8)
		case 'b':
			return parseDigits(s[2:], 2)
		}
	}
	if n := numberPrefix(s); n != len(s) {
		return math.NaN()
	}
	return parseDecimal(s)
}

// parseDigits reads all of s as an unsigned integer of any size.
func parseDigits(s string, base int) float64 {
	f := 0.0
	for i := range len(s) {
		d := digit(s[i])
		if d >= base {
			return math.NaN()
		}
		f = f*float64(base) + float64(d)
	}
	return f
}

func digit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'z':
		return int(c|0x20-'a') + 10
	}
	return 99
}

// numberPrefix returns the length of the longest prefix of s that is a decimal literal, with sign, or Infinity; 0 if there is none.
func numberPrefix(s string) int {
	i := 0
	if i < len(s) && (s[i] == '+' || s[i] == '-') {
		i++
	}
	if strings.HasPrefix(s[i:], "Infinity") {
		return i + len("Infinity")
	}
	digits := func(i int) int {
		n := i
		for n < len(s) && s[n] >= '0' && s[n] <= '9' {
			n++
		}
		return n - i
	}
	whole := digits(i)
	i += whole
	fraction := 0
	if i < len(s) && s[i] == '.' {
		if fraction = digits(i + 1); whole+fraction > 0 {
			i += 1 + fraction
		}
	}
	if whole+fraction == 0 {
		return 0
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		exp := i + 1
		if exp < len(s) && (s[exp] == '+' || s[exp] == '-') {
			exp++
		}
		if n := digits(exp); n > 0 {
			i = exp + n
		}
	}
	return i
}

func parseDecimal(s string) float64 {
	f, _ := strconv.ParseFloat(s, 64) // the caller checked the syntax; out of range is infinity
	return f
}

// ParseFloat is parseFloat(s).
func ParseFloat(s string) float64 {
	s = strings.TrimLeftFunc(s, space)
	if n := numberPrefix(s); n > 0 {
		return parseDecimal(s[:n])
	}
	return math.NaN()
}

// ParseInt is parseInt(s): decimal, or hexadecimal after 0x.
func ParseInt(s string) float64 {
	s = strings.TrimLeftFunc(s, space)
	sign := 1.0
	if s != "" && (s[0] == '+' || s[0] == '-') {
		if s[0] == '-' {
			sign = -1
		}
		s = s[1:]
	}
	base := 10
	if len(s) > 1 && s[0] == '0' && s[1]|0x20 == 'x' {
		base, s = 16, s[2:]
	}
	n := 0
	for n < len(s) && digit(s[n]) < base {
		n++
	}
	if n == 0 {
		return math.NaN()
	}
	if base == 10 {
		return sign * parseDecimal(s[:n])
	}
	return sign * parseDigits(s[:n], base)
}

// Compare orders a and b as < and > do: two texts by their characters, everything else as numbers.
func Compare(a, b value.Value) value.Ordering {
	if IsText(a) && IsText(b) {
		s, _ := String(a, maxNumberText)
		t, _ := String(b, maxNumberText)
		return value.Ordering(strings.Compare(s, t)) + value.Same
	}
	x, y := Number(a), Number(b)
	switch {
	case x < y:
		return value.Less
	case x > y:
		return value.Greater
	case x == y:
		return value.Same
	}
	return value.Unordered
}

// IsText tells whether v turns into a text, not a number, as an operand: strings, containers and functions do.
func IsText(v value.Value) bool {
	return v.IsString() || v.IsContainer() || v.IsFunction()
}

package value

import (
	"math"
	"strconv"
	"strings"

	"github.com/hog-go/hog/hogvm/fault"
)

// ParseNumber reads s as comparisons do: a 64-bit integer, else a float (exponents, inf and nan included). Blanks, hexadecimal and
// underscores make it no number.
func ParseNumber(s string) (Value, bool) {
	if s == "" {
		return Value{}, false
	}
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return OfInt(i), true
	}
	if strings.ContainsAny(s, "xXpP_") {
		return Value{}, false
	}
	if len(s) == 4 && (s[0] == '+' || s[0] == '-') && strings.EqualFold(s[1:], "nan") {
		s = s[1:] // which has no sign in Go
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(f, 0) { // beyond the range of floats is infinity
		return Value{}, false
	}
	return OfFloat(f), true
}

// AppendFloat appends f as Hog prints numbers: the shortest text that reads back, as JavaScript writes it.
func AppendFloat(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	case f == 0:
		return append(dst, '0') // minus zero has no sign
	}
	if abs := math.Abs(f); abs >= 1e-6 && abs < 1e21 {
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
	return shortExponent(dst, f)
}

// Below these a float has an exponent: for serde_json, by which results leave, and for Rust's own formatting, of which jsonStringify is made.
const (
	serdeSmall = 1e-5
	debugSmall = 1e-4
)

// appendJSONFloat appends f as Rust writes it: with a point or an exponent, so that it stays a float.
func appendJSONFloat(dst []byte, f, small float64) []byte {
	abs := math.Abs(f)
	if abs != 0 && (abs < small || abs >= 1e16) {
		return trimPlus(dst, f)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
	for _, c := range dst[start:] {
		if c == '.' {
			return dst
		}
	}
	return append(dst, ".0"...)
}

// shortExponent writes 1e+21 and 1e-7: no zero before a one-digit exponent.
func shortExponent(dst []byte, f float64) []byte {
	dst = strconv.AppendFloat(dst, f, 'e', -1, 64)
	if n := len(dst); dst[n-2] == '0' && (dst[n-3] == '+' || dst[n-3] == '-') {
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}

// trimPlus writes 1e21 and 1e-7.
func trimPlus(dst []byte, f float64) []byte {
	start := len(dst)
	dst = shortExponent(dst, f)
	for i := start; i < len(dst); i++ {
		if dst[i] == '+' {
			return append(dst[:i], dst[i+1:]...)
		}
	}
	return dst
}

// AppendText appends v as LIKE and regular expressions see it. Containers and functions have no such text.
func AppendText(dst []byte, v Value) ([]byte, error) {
	switch v.Kind() {
	case Null:
		return append(dst, "null"...), nil
	case Bool:
		return strconv.AppendBool(dst, v.Bool()), nil
	case Int:
		return strconv.AppendInt(dst, v.Int(), 10), nil
	case Float:
		return AppendFloat(dst, v.Float()), nil
	case String:
		return append(dst, v.str()...), nil
	}
	return dst, fault.WrongType(v.Kind().Name(), "String")
}

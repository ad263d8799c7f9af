package event

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/hog-go/hog/common/rawjson"
)

// AppendCompact appends valid JSON text in the form that serde_json gives a parsed value, which is how a distinct id
// that is no string becomes text: no white space, object keys sorted, floats in their shortest form. Text that is not
// JSON is appended as it is.
func AppendCompact(dst, raw []byte) []byte {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return append(dst, raw...)
	}
	return appendValue(dst, v)
}

func appendValue(dst []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		return strconv.AppendBool(dst, v)
	case string:
		return rawjson.AppendString(dst, v)
	case json.Number:
		return appendNumber(dst, v.String())
	case []any:
		dst = append(dst, '[')
		for i, e := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendValue(dst, e)
		}
		return append(dst, ']')
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		dst = append(dst, '{')
		for i, k := range keys {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(rawjson.AppendString(dst, k), ':')
			dst = appendValue(dst, v[k])
		}
		return append(dst, '}')
	}
	return dst
}

// appendNumber keeps integers of 64 bits as they are and prints all else as a float64 the way Rust's ryu does:
// plain digits with a fraction from 1e-5 up to 1e16, else d.ddde±x without a plus sign.
func appendNumber(dst []byte, n string) []byte {
	if !strings.ContainsAny(n, ".eE") && n != "-0" {
		if _, err := strconv.ParseInt(n, 10, 64); err == nil {
			return append(dst, n...)
		}
		if _, err := strconv.ParseUint(n, 10, 64); err == nil {
			return append(dst, n...)
		}
	}
	f, err := strconv.ParseFloat(n, 64)
	if err != nil {
		return append(dst, n...)
	}
	abs := math.Abs(f)
	if abs == 0 || abs >= 1e-5 && abs < 1e16 {
		start := len(dst)
		dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
		if bytes.IndexByte(dst[start:], '.') < 0 {
			dst = append(dst, '.', '0')
		}
		return dst
	}
	text := strconv.FormatFloat(f, 'e', -1, 64)
	mantissa, exponent, _ := strings.Cut(text, "e")
	sign := ""
	if exponent[0] == '-' {
		sign = "-"
	}
	dst = append(dst, mantissa...)
	dst = append(dst, 'e')
	dst = append(dst, sign...)
	return append(dst, strings.TrimLeft(exponent[1:], "0")...)
}

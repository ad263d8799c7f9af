package match

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"

	"github.com/hog-go/hog/common/rawjson"
)

// Text forms of JSON values, as operators compare them: a string is itself, all else its compact JSON.

// unquote decodes a JSON string with its quotes. Without escapes the result shares raw's bytes.
func unquote(raw string) string {
	if len(raw) < 2 {
		return ""
	}
	s := raw[1 : len(raw)-1]
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s
	}
	return string(rawjson.AppendUnescaped(append(make([]byte, 0, len(s)), s[:i]...), []byte(s[i:])))
}

// jsonText is the text form of a JSON value.
func jsonText(raw string) string {
	if raw == "" {
		return "null"
	}
	switch c := raw[0]; c {
	case '"':
		return unquote(raw)
	case '[', '{':
		return string(appendCompact(make([]byte, 0, len(raw)), raw))
	case 't', 'f', 'n':
		return raw
	default:
		return numberText(raw)
	}
}

// appendCompact appends an array or object without insignificant space, its numbers and strings in their one text form.
func appendCompact(dst []byte, raw string) []byte {
	for i := 0; i < len(raw); {
		end := i + 1
		switch c := raw[i]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
		case c == '"':
			end = skipString(raw, i)
			dst = appendQuoted(dst, unquote(raw[i:end]))
		case c == '-' || '0' <= c && c <= '9':
			end = skipValue(raw, i)
			dst = append(dst, numberText(raw[i:end])...)
		default:
			dst = append(dst, c)
		}
		i = end
	}
	return dst
}

// appendQuoted writes a JSON string with as few escapes as the format allows.
func appendQuoted(dst []byte, s string) []byte {
	const short = "\b\t\n\f\r"
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c >= ' ':
			dst = append(dst, c)
		case strings.IndexByte(short, c) >= 0:
			dst = append(dst, '\\', "btnfr"[strings.IndexByte(short, c)])
		default:
			dst = append(dst, `\u00`...)
			dst = append(dst, "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		}
	}
	return append(dst, '"')
}

// numberText keeps integers that fit 64 bits as they were written; other numbers are a float64, shortest, with ".0" if integral.
func numberText(raw string) string {
	if !strings.ContainsAny(raw, ".eE") && raw != "-0" {
		if _, err := strconv.ParseInt(raw, 10, 64); err == nil {
			return raw
		}
		if _, err := strconv.ParseUint(raw, 10, 64); err == nil {
			return raw
		}
	}
	f, err := strconv.ParseFloat(raw, 64)
	if err != nil {
		return raw
	}
	return floatText(f)
}

// floatText prints as Rust's serde_json does: positional between 1e-5 and 1e16, with an exponent outside.
func floatText(f float64) string {
	text := strconv.FormatFloat(f, 'e', -1, 64)
	mantissa, exponent, _ := strings.Cut(text, "e")
	exp, _ := strconv.Atoi(exponent)
	if f != 0 && (exp < -5 || exp >= 16) {
		return mantissa + "e" + strconv.Itoa(exp)
	}
	text = strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// lower is the full Unicode lower case, final sigma and dotted I included.
func lower(s string) string {
	if isASCII(s) {
		return fold(s)
	}
	return cases.Lower(language.Und).String(s)
}

// fold lower-cases A to Z alone.
func fold(s string) string {
	for i := range len(s) {
		if isUpper(s[i]) {
			b := []byte(s)
			for ; i < len(b); i++ {
				if isUpper(b[i]) {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}

// folds tells whether fold(s) is folded, without making it.
func folds(s, folded string) bool {
	if len(s) != len(folded) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if isUpper(c) {
			c += 'a' - 'A'
		}
		if c != folded[i] {
			return false
		}
	}
	return true
}

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

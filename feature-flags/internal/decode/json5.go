package decode

import (
	"math"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// appendJSON translates JSON5 into JSON: comments and trailing commas go, keys and strings get double quotes, numbers that JSON cannot
// write become null. ok is false if text is no JSON5. Nesting must have been checked. Source: the grammar of spec.json5.org.
func appendJSON(dst, text []byte) (out []byte, ok bool) {
	c := &converter{text: text, out: dst, ok: true}
	c.space()
	c.value()
	c.space()
	return c.out, c.ok && c.at == len(c.text)
}

type converter struct {
	text []byte
	at   int
	out  []byte
	ok   bool
}

func (c *converter) peek() byte {
	if c.at < len(c.text) {
		return c.text[c.at]
	}
	return 0
}

func (c *converter) fail() { c.ok = false }

// space passes over white space and comments.
func (c *converter) space() {
	for c.at < len(c.text) {
		switch b := c.text[c.at]; {
		case b == ' ' || b >= '\t' && b <= '\r':
			c.at++
		case b == '/' && c.at+1 < len(c.text) && c.text[c.at+1] == '/':
			for c.at < len(c.text) && c.text[c.at] != '\n' && c.text[c.at] != '\r' {
				c.at++
			}
		case b == '/' && c.at+1 < len(c.text) && c.text[c.at+1] == '*':
			c.blockComment()
		case b >= utf8.RuneSelf:
			r, size := utf8.DecodeRune(c.text[c.at:])
			if !unicode.IsSpace(r) && r != '\ufeff' {
				return
			}
			c.at += size
		default:
			return
		}
	}
}

func (c *converter) blockComment() {
	for c.at += 2; c.at+1 < len(c.text); c.at++ {
		if c.text[c.at] == '*' && c.text[c.at+1] == '/' {
			c.at += 2
			return
		}
	}
	c.at = len(c.text)
	c.fail()
}

func (c *converter) value() {
	switch b := c.peek(); {
	case !c.ok:
	case b == '{':
		c.list('{', '}', c.member)
	case b == '[':
		c.list('[', ']', c.value)
	case b == '"' || b == '\'':
		c.str()
	case b == '+' || b == '-' || b == '.' || b-'0' < 10:
		c.number()
	default:
		switch word := string(c.word()); word {
		case "true", "false", "null":
			c.out = append(c.out, word...)
		case "NaN", "Infinity":
			c.out = append(c.out, "null"...)
		default:
			c.fail()
		}
	}
}

// list translates an object or an array, whose last entry may be followed by a comma.
func (c *converter) list(begin, end byte, entry func()) {
	c.at++
	c.out = append(c.out, begin)
	for first := true; c.ok; first = false {
		c.space()
		if c.peek() == end {
			break
		}
		if !first {
			c.out = append(c.out, ',')
		}
		entry()
		c.space()
		if c.peek() == ',' {
			c.at++
		} else if c.peek() != end {
			c.fail()
		}
	}
	c.at++
	c.out = append(c.out, end)
}

func (c *converter) member() {
	if b := c.peek(); b == '"' || b == '\'' {
		c.str()
	} else {
		word := c.word()
		if len(word) == 0 || word[0]-'0' < 10 {
			c.fail()
			return
		}
		c.out = append(append(append(c.out, '"'), word...), '"')
	}
	c.space()
	if c.peek() != ':' {
		c.fail()
		return
	}
	c.at++
	c.out = append(c.out, ':')
	c.space()
	c.value()
}

// word consumes an identifier.
func (c *converter) word() []byte {
	start := c.at
	for c.at < len(c.text) {
		r, size := utf8.DecodeRune(c.text[c.at:])
		if r != '$' && r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.M, r) && !unicode.Is(unicode.Pc, r) {
			break
		}
		c.at += size
	}
	return c.text[start:c.at]
}

// number translates a number: a sign, then decimal with digits missing on one side of the point, hexadecimal, or a word.
func (c *converter) number() {
	negative := false
	if b := c.peek(); b == '+' || b == '-' {
		negative = b == '-'
		c.at++
	}
	if b := c.peek(); b == 'N' || b == 'I' {
		if word := string(c.word()); word != "NaN" && word != "Infinity" {
			c.fail()
		}
		c.out = append(c.out, "null"...)
		return
	}
	start := c.at
	for c.at < len(c.text) {
		b := c.text[c.at]
		exponentSign := (b == '+' || b == '-') && c.at > start && c.text[c.at-1]|0x20 == 'e' && !c.isHex(start)
		if _, hex := hexDigit(b); !hex && b != '.' && b|0x20 != 'x' && !exponentSign {
			break
		}
		c.at++
	}
	raw := string(c.text[start:c.at])
	if c.isHex(start) {
		n, err := strconv.ParseUint(raw[2:], 16, 63)
		if err != nil {
			c.fail()
			return
		}
		c.sign(negative)
		c.out = strconv.AppendUint(c.out, n, 10)
		return
	}
	c.decimal(raw, negative)
}

func (c *converter) isHex(start int) bool {
	return start+1 < len(c.text) && c.text[start] == '0' && c.text[start+1]|0x20 == 'x'
}

func (c *converter) decimal(raw string, negative bool) {
	s := scanner{text: []byte(raw), ok: true}
	if s.number(); s.ok && s.at == len(raw) && raw != "" && raw[0] != '-' {
		c.sign(negative)
		c.out = append(c.out, raw...)
		return
	}
	f, err := strconv.ParseFloat(raw, 64)
	if math.IsInf(f, 0) {
		c.out = append(c.out, "null"...)
		return
	}
	if err != nil || len(raw) > 1 && raw[0] == '0' && raw[1]-'0' < 10 {
		c.fail()
		return
	}
	c.sign(negative)
	c.out = append(c.out, floatText(f)...)
}

func (c *converter) sign(negative bool) {
	if negative {
		c.out = append(c.out, '-')
	}
}

// str translates a string in either kind of quotes.
func (c *converter) str() {
	quote := c.peek()
	c.at++
	c.out = append(c.out, '"')
	for c.at < len(c.text) {
		switch b := c.text[c.at]; {
		case b == quote:
			c.at++
			c.out = append(c.out, '"')
			return
		case b == '\\':
			c.at++
			c.escape()
			if !c.ok {
				return
			}
		case b == '\n' || b == '\r':
			c.fail()
			return
		default:
			c.char(b)
			c.at++
		}
	}
	c.fail()
}

// char writes a byte of a string.
func (c *converter) char(b byte) {
	switch {
	case b == '"' || b == '\\':
		c.out = append(c.out, '\\', b)
	case b < ' ':
		c.out = append(c.out, `\u00`...)
		c.out = append(c.out, hexDigits[b>>4], hexDigits[b&15])
	default:
		c.out = append(c.out, b)
	}
}

const hexDigits = "0123456789abcdef"

// escape translates what follows a backslash.
func (c *converter) escape() {
	if c.at >= len(c.text) {
		c.fail()
		return
	}
	b := c.text[c.at]
	c.at++
	switch b {
	case 'b', 'f', 'n', 'r', 't', '"', '\\', '/':
		c.out = append(c.out, '\\', b)
	case 'v':
		c.char('\v')
	case '0':
		c.char(0)
	case 'x', 'u':
		digits := 2
		c.out = append(c.out, `\u`...)
		if b == 'u' {
			digits = 4
		} else {
			c.out = append(c.out, "00"...)
		}
		for range digits {
			if _, ok := hexDigit(c.peek()); !ok {
				c.fail()
				return
			}
			c.out = append(c.out, c.text[c.at])
			c.at++
		}
	case '\r':
		if c.peek() == '\n' {
			c.at++
		}
	case '\n': // the string goes on in the next line
	default:
		c.char(b)
	}
}

package value

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/hog-go/hog/hogvm/fault"
)

// SyntaxError is text that is no JSON.
type SyntaxError struct {
	Offset int // bytes before the first that is wrong
	Want   string
}

// Error says what was wanted where.
func (e *SyntaxError) Error() string {
	return "invalid JSON at byte " + strconv.Itoa(e.Offset) + ": expected " + e.Want
}

// ParseJSON makes a value of a JSON text of which it copies what it keeps.
func ParseJSON(data []byte) (Value, error) { return DecodeJSON(string(data)) }

// DecodeJSON makes a value of a JSON text; strings of it share the memory of s. Integers within 64 bits stay integers, keys keep their
// order, and of a repeated key the last value counts, at the place of the first. Errors: *SyntaxError, and nesting beyond MaxDepth.
func DecodeJSON(s string) (Value, error) {
	d := Decoder{s: s}
	v, err := d.value(0)
	if err != nil {
		return Value{}, err
	}
	if d.space(); d.pos < len(s) {
		return Value{}, d.wrong("the end")
	}
	return v, nil
}

// Decoder reads JSON values off a text one after the other.
type Decoder struct {
	s     string
	pos   int
	items []Value // elements of the arrays being read, innermost last
}

func (d *Decoder) wrong(want string) error { return &SyntaxError{Offset: d.pos, Want: want} }

func (d *Decoder) space() {
	for d.pos < len(d.s) {
		if c := d.s[d.pos]; c > ' ' || c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return
		}
		d.pos++
	}
}

// next skips space and returns the byte after it, 0 at the end.
func (d *Decoder) next() byte {
	d.space()
	if d.pos < len(d.s) {
		return d.s[d.pos]
	}
	return 0
}

func (d *Decoder) value(depth int) (Value, error) {
	switch c := d.next(); c {
	case '{':
		return d.object(depth + 1)
	case '[':
		return d.array(depth + 1)
	case '"':
		s, err := d.string()
		return OfString(s), err
	case 't':
		return OfBool(true), d.word("true")
	case 'f':
		return OfBool(false), d.word("false")
	case 'n':
		return Value{}, d.word("null")
	default:
		return d.number()
	}
}

func (d *Decoder) word(w string) error {
	if len(d.s)-d.pos < len(w) || d.s[d.pos:d.pos+len(w)] != w {
		return d.wrong("a value")
	}
	d.pos += len(w)
	return nil
}

func (d *Decoder) array(depth int) (Value, error) {
	if depth > MaxDepth {
		return Value{}, fault.OutOf("json->hog deserialization depth")
	}
	d.pos++
	base := len(d.items)
	a := &Array{}
	if d.next() == ']' {
		d.pos++
		return OfArray(a), nil
	}
	for {
		v, err := d.value(depth)
		if err != nil {
			return Value{}, err
		}
		d.items = append(d.items, v)
		a.weight += below(v)
		switch d.next() {
		case ',':
			d.pos++
		case ']':
			d.pos++
			a.items = append([]Value(nil), d.items[base:]...)
			d.items = d.items[:base]
			return OfArray(a), nil
		default:
			return Value{}, d.wrong("',' or ']'")
		}
	}
}

func (d *Decoder) object(depth int) (Value, error) {
	if depth > MaxDepth {
		return Value{}, fault.OutOf("json->hog deserialization depth")
	}
	d.pos++
	o := &Object{}
	if d.next() == '}' {
		d.pos++
		return OfObject(o), nil
	}
	for {
		if d.next() != '"' {
			return Value{}, d.wrong("a key")
		}
		key, err := d.string()
		if err != nil {
			return Value{}, err
		}
		if d.next() != ':' {
			return Value{}, d.wrong("':'")
		}
		d.pos++
		v, err := d.value(depth)
		if err != nil {
			return Value{}, err
		}
		o.Set(key, v)
		switch d.next() {
		case ',':
			d.pos++
		case '}':
			d.pos++
			Weigh(OfObject(o))
			return OfObject(o), nil
		default:
			return Value{}, d.wrong("',' or '}'")
		}
	}
}

// string reads a string whose opening quote is next.
func (d *Decoder) string() (string, error) {
	d.pos++
	from := d.pos
	ascii := true
	for d.pos < len(d.s) {
		c := d.s[d.pos]
		switch {
		case plain[c]:
			d.pos++
		case c == '"':
			s := d.s[from:d.pos]
			d.pos++
			if !ascii {
				s = validUTF8(s)
			}
			return s, nil
		case c == '\\':
			return d.escaped(from)
		case c < ' ':
			return "", d.wrong("no control character")
		default:
			ascii = false
			d.pos++
		}
	}
	return "", d.wrong("'\"'")
}

// validUTF8 returns s with U+FFFD for each byte that is no UTF-8.
func validUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}

// escaped reads the rest of a string that began at from, with the backslash at d.pos as its first.
func (d *Decoder) escaped(from int) (string, error) {
	buf := append(make([]byte, 0, 2*(d.pos-from)+16), validUTF8(d.s[from:d.pos])...)
	for d.pos < len(d.s) {
		c := d.s[d.pos]
		switch {
		case c == '"':
			d.pos++
			return string(buf), nil
		case c == '\\':
			r, err := d.escape()
			if err != nil {
				return "", err
			}
			buf = utf8.AppendRune(buf, r)
		case c < ' ':
			return "", d.wrong("no control character")
		case c < utf8.RuneSelf:
			buf = append(buf, c)
			d.pos++
		default:
			r, size := utf8.DecodeRuneInString(d.s[d.pos:])
			buf = utf8.AppendRune(buf, r)
			d.pos += size
		}
	}
	return "", d.wrong("'\"'")
}

// escape reads an escape sequence, or two that make one character.
func (d *Decoder) escape() (rune, error) {
	if d.pos++; d.pos >= len(d.s) {
		return 0, d.wrong("an escape")
	}
	c := d.s[d.pos]
	d.pos++
	switch c {
	case '"', '\\', '/':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		return d.unicode()
	}
	d.pos--
	return 0, d.wrong("an escape")
}

func (d *Decoder) unicode() (rune, error) {
	r, ok := hex4(d.s[d.pos:])
	if !ok {
		return 0, d.wrong("four hexadecimal digits")
	}
	d.pos += 4
	if !utf16.IsSurrogate(r) {
		return r, nil
	}
	if rest := d.s[d.pos:]; len(rest) >= 6 && rest[0] == '\\' && rest[1] == 'u' {
		if low, ok := hex4(rest[2:]); ok {
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				d.pos += 6
				return pair, nil
			}
		}
	}
	return utf8.RuneError, nil // half a pair
}

func hex4(s string) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	r := rune(0)
	for i := range 4 {
		c := s[i]
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

func (d *Decoder) number() (Value, error) {
	from := d.pos
	if d.pos < len(d.s) && d.s[d.pos] == '-' {
		d.pos++
	}
	if d.pos < len(d.s) && d.s[d.pos] == '0' {
		d.pos++
	} else if !d.digits() {
		return Value{}, d.wrong("a value")
	}
	whole := true
	if d.pos < len(d.s) && d.s[d.pos] == '.' {
		d.pos++
		whole = false
		if !d.digits() {
			return Value{}, d.wrong("a digit")
		}
	}
	if d.pos < len(d.s) && d.s[d.pos]|0x20 == 'e' {
		d.pos++
		whole = false
		if d.pos < len(d.s) && (d.s[d.pos] == '+' || d.s[d.pos] == '-') {
			d.pos++
		}
		if !d.digits() {
			return Value{}, d.wrong("a digit")
		}
	}
	return NumberOf(d.s[from:d.pos], whole), nil
}

// NumberOf returns the number that a JSON text spells; whole tells that it has neither point nor exponent. Whole numbers beyond 64 bits
// are floats, floats out of range are infinite.
func NumberOf(text string, whole bool) Value {
	if whole {
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			return OfInt(i)
		}
	}
	f, _ := strconv.ParseFloat(text, 64) // the error of a range leaves an infinity
	return OfFloat(f)
}

func (d *Decoder) digits() bool {
	from := d.pos
	for d.pos < len(d.s) && d.s[d.pos] >= '0' && d.s[d.pos] <= '9' {
		d.pos++
	}
	return d.pos > from
}

// StringOf returns what a valid JSON string, quotes included, stands for; it shares the memory of text where nothing is escaped.
func StringOf(text string) string {
	if strings.IndexByte(text, '\\') < 0 {
		return validUTF8(text[1 : len(text)-1])
	}
	d := Decoder{s: text}
	s, err := d.string()
	if err != nil {
		return ""
	}
	return s
}

// ScalarOf returns what a valid JSON text that is no string, array or object stands for.
func ScalarOf(text string) Value {
	switch text[0] {
	case 't':
		return OfBool(true)
	case 'f':
		return OfBool(false)
	case 'n':
		return Value{}
	}
	if len(text) < 18 { // the usual case, and no overflow
		n, i := int64(0), 0
		if text[0] == '-' {
			i = 1
		}
		for ; i < len(text) && text[i]-'0' < 10; i++ {
			n = 10*n + int64(text[i]-'0')
		}
		if i == len(text) {
			if text[0] == '-' {
				n = -n
			}
			return OfInt(n)
		}
	}
	d := Decoder{s: text}
	v, err := d.number()
	if err != nil {
		return Value{}
	}
	return v
}

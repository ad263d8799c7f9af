package value

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
	"unsafe"

	"github.com/hog-go/hog/hogvm/fault"
)

// JSONStyle says how a value becomes JSON. The zero value is how results leave the machine.
type JSONStyle struct {
	Spaced         bool // ", " and ": " between parts, as Python and Rust's jsonStringify
	Indent         int  // above 0: a line per part, indented by so many blanks for each level
	IntegralFloats bool // 2.0 is written 2, exponents as JavaScript does
	Lenient        bool // NaN, infinities and cycles are null and a function is its printed text; otherwise they are errors
	Markers        bool // a function is the object that stands for it in PostHog's VM for Node
	Limit          int  // most bytes of text; 0 means none
}

// AppendJSON appends v as JSON. Errors: nesting beyond MaxDepth, Limit reached, and without Lenient what JSON has no form for.
func AppendJSON(dst []byte, v Value, style JSONStyle) ([]byte, error) {
	if style.Limit <= 0 || style.Limit > math.MaxInt-len(dst) {
		style.Limit = math.MaxInt - len(dst)
	}
	w := jsonWriter{JSONStyle: style, most: len(dst) + style.Limit}
	b, err := w.value(dst, v)
	if err != nil {
		return dst, err
	}
	return b, nil
}

// jsonWriter passes the text through its methods instead of keeping it, so that growing it is no write to memory.
type jsonWriter struct {
	JSONStyle
	most  int              // length that the text may have
	stack []unsafe.Pointer // containers being written
	cells []*Cell          // of the functions written as markers
}

func (w *jsonWriter) value(dst []byte, v Value) ([]byte, error) {
	switch v.Kind() {
	case Null:
		return append(dst, "null"...), nil
	case Bool:
		return strconv.AppendBool(dst, v.Bool()), nil
	case Int:
		return strconv.AppendInt(dst, v.Int(), 10), nil
	case Float:
		return w.float(dst, v.Float())
	case String:
		return AppendJSONString(dst, v.str()), nil
	case CallableKind:
		return w.function(dst, v, "Callable serialisation")
	case ClosureKind:
		return w.function(dst, v, "Closure serialisation")
	}
	return w.container(dst, v)
}

func (w *jsonWriter) float(dst []byte, f float64) ([]byte, error) {
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		if !w.Lenient {
			return dst, fault.NotANumber(nonFinite(f))
		}
		return append(dst, "null"...), nil
	case w.IntegralFloats:
		return AppendFloat(dst, f), nil
	case w.Spaced:
		return appendJSONFloat(dst, f, debugSmall), nil
	}
	return appendJSONFloat(dst, f, serdeSmall), nil
}

// nonFinite names what JSON has no number for as Rust does.
func nonFinite(f float64) string {
	switch {
	case f > 0:
		return "inf"
	case f < 0:
		return "-inf"
	}
	return "NaN"
}

func (w *jsonWriter) function(dst []byte, v Value, what string) ([]byte, error) {
	if w.Markers {
		return w.value(dst, w.marker(v))
	}
	if !w.Lenient {
		return dst, fault.New(fault.NotImplemented, "Not implemented: "+what)
	}
	text, err := AppendPrint(nil, v, math.MaxInt)
	return AppendJSONString(dst, string(text)), err
}

// marker is the object for a function. Captured variables have numbers, from 1, in the order in which they are met.
func (w *jsonWriter) marker(v Value) Value {
	if v.Kind() == CallableKind {
		return v.Callable().Marker()
	}
	c := v.Closure()
	ids := make([]Value, len(c.Cells))
	for i, cell := range c.Cells {
		at := slices.Index(w.cells, cell)
		if at < 0 {
			at = len(w.cells)
			w.cells = append(w.cells, cell)
		}
		ids[i] = OfInt(int64(at + 1))
	}
	return c.Marker(ids)
}

func (w *jsonWriter) container(dst []byte, v Value) ([]byte, error) {
	if w.Lenient && slices.Contains(w.stack, v.p) {
		return append(dst, "null"...), nil
	}
	if len(w.stack) >= MaxDepth {
		return dst, fault.OutOf("hog->json serialization depth")
	}
	if len(dst) > w.most {
		return dst, fault.Heap()
	}
	w.stack = append(w.stack, v.p)
	var err error
	if v.Kind() == ObjectKind {
		dst, err = w.object(dst, v.Object().entries)
	} else {
		dst, err = w.array(dst, v.Array().items)
	}
	w.stack = w.stack[:len(w.stack)-1]
	return dst, err
}

func (w *jsonWriter) array(dst []byte, items []Value) ([]byte, error) {
	dst = append(dst, '[')
	for i, v := range items {
		var err error
		if dst, err = w.value(w.separate(dst, i), v); err != nil {
			return dst, err
		}
	}
	return w.close(dst, ']', len(items)), nil
}

func (w *jsonWriter) object(dst []byte, entries []Entry) ([]byte, error) {
	dst = append(dst, '{')
	colon := ":"
	if w.Spaced || w.Indent > 0 {
		colon = ": "
	}
	for i := range entries {
		dst = AppendJSONString(w.separate(dst, i), entries[i].Key)
		dst = append(dst, colon...)
		if s, ok := entries[i].Value.AsString(); ok {
			dst = AppendJSONString(dst, s)
			continue
		}
		var err error
		if dst, err = w.value(dst, entries[i].Value); err != nil {
			return dst, err
		}
	}
	return w.close(dst, '}', len(entries)), nil
}

func (w *jsonWriter) separate(dst []byte, i int) []byte {
	switch {
	case w.Indent > 0:
		if i > 0 {
			dst = append(dst, ',')
		}
		return w.newline(dst, len(w.stack))
	case i > 0 && w.Spaced:
		return append(dst, ", "...)
	case i > 0:
		return append(dst, ',')
	}
	return dst
}

func (w *jsonWriter) close(dst []byte, bracket byte, n int) []byte {
	if n > 0 && w.Indent > 0 {
		dst = w.newline(dst, len(w.stack)-1)
	}
	return append(dst, bracket)
}

func (w *jsonWriter) newline(dst []byte, level int) []byte {
	dst = append(dst, '\n')
	for range level * w.Indent {
		dst = append(dst, ' ')
	}
	return dst
}

const hex = "0123456789abcdef"

// plain tells of each byte whether it stands for itself in a JSON string.
var plain = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\'
	}
	return t
}()

// AppendJSONString appends s as a JSON string. Bytes that are no UTF-8 become U+FFFD; everything else that need not be escaped is not.
func AppendJSONString(dst []byte, s string) []byte {
	if !isPlain(s) {
		return appendEscapedJSON(dst, s)
	}
	n := len(dst)
	dst = slices.Grow(dst, len(s)+2)[:n+len(s)+2]
	dst[n] = '"'
	copy(dst[n+1:], s)
	dst[len(dst)-1] = '"'
	return dst
}

// isPlain tells whether all bytes of s stand for themselves in a JSON string. It may say no when they do. Of eight bytes at a time, the sum
// has the upper bit of each that is a control character, a quote (2 makes it their neighbour), a backslash or no ASCII.
func isPlain(s string) bool {
	if len(s) < 8 {
		for i := range len(s) {
			if !plain[s[i]] {
				return false
			}
		}
		return true
	}
	bytes := unsafe.Slice(unsafe.StringData(s), len(s))
	special := uint64(0)
	for i := 0; ; i += 8 {
		i = min(i, len(bytes)-8) // the last eight may overlap those before
		w := binary.LittleEndian.Uint64(bytes[i:])
		low, slash := w^(2*ones), w^('\\'*ones)
		special |= (low - '!'*ones) | (slash - ones) | w
		if i == len(bytes)-8 {
			return special&highs == 0
		}
	}
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

func appendEscapedJSON(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if plain[c] {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(append(dst, s[from:i]...), "\ufffd"...)
				from = i + 1
			}
			i += size
			continue
		}
		dst = append(dst, s[from:i]...)
		dst = appendEscape(dst, c)
		i++
		from = i
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}

// CheckJSON returns the error that AppendJSON would with its zero style, without writing anything.
func CheckJSON(v Value) error {
	visits := 0
	return checkJSON(v, 0, &visits)
}

func checkJSON(v Value, depth int, visits *int) error {
	switch v.Kind() {
	case Float:
		if f := v.Float(); f-f != 0 {
			_, err := AppendJSON(nil, v, JSONStyle{})
			return err
		}
	case CallableKind, ClosureKind:
		_, err := AppendJSON(nil, v, JSONStyle{})
		return err
	case ArrayKind, TupleKind, ObjectKind:
		if depth++; depth > MaxDepth {
			return fault.OutOf("hog->json serialization depth")
		}
		if *visits++; *visits > maxVisits {
			return fault.Heap()
		}
		if v.Kind() == ObjectKind {
			for _, e := range v.Object().entries {
				if err := checkJSON(e.Value, depth, visits); err != nil {
					return err
				}
			}
			return nil
		}
		for _, e := range v.Array().items {
			if err := checkJSON(e, depth, visits); err != nil {
				return err
			}
		}
	}
	return nil
}

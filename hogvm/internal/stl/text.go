package stl

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hog-go/hog/hogvm/fault"
	"github.com/hog-go/hog/hogvm/internal/js"
	"github.com/hog-go/hog/hogvm/native"
	"github.com/hog-go/hog/hogvm/value"
)

var text = map[string]native.Entry{
	"length":        {Func: length, Min: 1, Max: 1},
	"concat":        {Func: concat, Min: 1, Max: native.Unbounded},
	"lower":         {Func: lower, Min: 1, Max: 1},
	"upper":         {Func: upper, Min: 1, Max: 1},
	"reverse":       {Func: reverse, Min: 1, Max: 1},
	"trim":          {Func: trim(leading | trailing), Min: 1, Max: 2},
	"trimLeft":      {Func: trim(leading), Min: 1, Max: 2},
	"trimRight":     {Func: trim(trailing), Min: 1, Max: 2},
	"substring":     {Func: substring, Min: 2, Max: 3},
	"splitByString": {Func: splitByString, Min: 2, Max: 3},
}

// length is in bytes for texts; in the Node VM in UTF-16 units, and objects have none.
func length(c *native.Call, args []value.Value) (value.Value, error) {
	v := args[0]
	switch v.Kind() {
	case value.Null:
		return nullText(c, "length")
	case value.String:
		if c.IsNode() {
			return value.OfInt(int64(countUnits(c, v.Str()))), nil
		}
		return value.OfInt(int64(len(v.Str()))), nil
	case value.ArrayKind, value.TupleKind:
		return value.OfInt(int64(v.Array().Len())), nil
	}
	if c.IsNode() {
		return value.Value{}, nil // undefined
	}
	if o, ok := v.AsObject(); ok {
		return value.OfInt(int64(o.Len())), nil
	}
	return value.Value{}, fault.Failed("length() only supports arrays, objects and strings")
}

// concat appends to its first argument where that lies, if it is the machine's newest text: a loop that builds a text stays linear.
func concat(c *native.Call, args []value.Value) (value.Value, error) {
	prefix, rest := "", args
	if s, ok := args[0].AsString(); ok {
		prefix, rest = s, args[1:]
	}
	b := c.Heap.Open(prefix)
	for _, v := range rest {
		if v.IsNull() {
			continue
		}
		var err error
		if c.IsNode() {
			b, err = appendString(c, b, v)
		} else {
			b, err = appendPrinted(c, b, v)
		}
		if err != nil {
			return value.Value{}, err
		}
		if len(b) > c.Heap.Left() {
			return value.Value{}, fault.Heap()
		}
	}
	return c.Heap.Close(b)
}

// reverse turns a text round by characters; in R, an array by elements.
func reverse(c *native.Call, args []value.Value) (value.Value, error) {
	v := args[0]
	if v.IsNull() {
		return nullText(c, "split")
	}
	if a, ok := v.AsArray(); ok && v.Kind() == value.ArrayKind && !c.IsNode() {
		return reversed(c, a)
	}
	s, err := str(v)
	if err != nil {
		return value.Value{}, err
	}
	b := c.Heap.Open("")
	for len(s) > 0 {
		_, size := utf8.DecodeLastRuneInString(s)
		b = append(b, s[len(s)-size:]...)
		s = s[:len(s)-size]
	}
	return c.Heap.Close(b)
}

// ends says at which ends of a text to trim.
type ends uint8

const (
	leading ends = 1 << iota
	trailing
)

// trim makes a function that cuts white space, or the character that its second argument names, off the ends. A second argument of
// several characters leaves nothing.
func trim(at ends) native.Func {
	return func(c *native.Call, args []value.Value) (value.Value, error) {
		if args[0].IsNull() {
			if at == trailing {
				return nullText(c, "length")
			}
			return nullText(c, "0")
		}
		s, err := str(args[0])
		if err != nil {
			return value.Value{}, err
		}
		if len(args) == 1 && !c.IsNode() {
			return c.Heap.Text(cut(s, at, trimSpace))
		}
		char, isString := optional(args, 1).AsString()
		switch {
		case !isString && c.IsNode() && !optional(args, 1).IsNull(): // has no length of 1
			return value.OfString(""), nil
		case !isString:
			char = " "
		case char == "" && !c.IsNode():
			return args[0], nil
		case countUnits(c, char) != 1:
			return value.OfString(""), nil
		}
		return c.Heap.Text(cut(s, at, char))
	}
}

// trimSpace stands for all white space as the character to trim.
const trimSpace = ""

func cut(s string, at ends, char string) string {
	if char == trimSpace {
		if at&leading != 0 {
			s = strings.TrimLeftFunc(s, unicode.IsSpace)
		}
		if at&trailing != 0 {
			s = strings.TrimRightFunc(s, unicode.IsSpace)
		}
		return s
	}
	for at&leading != 0 && strings.HasPrefix(s, char) {
		s = s[len(char):]
	}
	for at&trailing != 0 && strings.HasSuffix(s, char) {
		s = s[:len(s)-len(char)]
	}
	return s
}

// substring counts from 1, in characters; in the Node VM, in UTF-16 units.
func substring(c *native.Call, args []value.Value) (value.Value, error) {
	s, isString := args[0].AsString()
	if !isString {
		return value.OfString(""), nil
	}
	start, err := position1(c, args[1])
	if err != nil {
		return value.Value{}, err
	}
	tail := len(s)
	if start >= 0 {
		tail = unitOffset(c, s, start)
	}
	rest := s[tail:]
	if len(args) > 2 && (args[2].IsNumber() || !c.IsNode()) {
		n, err := integer(args[2])
		if err != nil {
			return value.Value{}, err
		}
		rest = rest[:unitOffset(c, rest, max(n, 0))]
	}
	return c.Heap.Text(rest)
}

// position1 reads a position that counts from 1 and returns it counted from 0.
func position1(c *native.Call, v value.Value) (int64, error) {
	var n int64
	if c.IsNode() {
		n = truncate(js.Number(v))
	} else {
		var err error
		if n, err = integer(v); err != nil {
			return 0, err
		}
	}
	return subSaturating(n, 1), nil
}

// unitOffset returns where unit n of s begins, in bytes; the end of s if it has fewer.
func unitOffset(c *native.Call, s string, n int64) int {
	for i, r := range s {
		if n <= 0 {
			return i
		}
		n -= unitsOf(c, r)
	}
	return len(s)
}

func countUnits(c *native.Call, s string) int {
	n := 0
	for _, r := range s {
		n += int(unitsOf(c, r))
	}
	return n
}

// unitsOf returns how much r counts in positions and lengths: one, but two for what UTF-16 needs a pair for in the Node VM.
func unitsOf(c *native.Call, r rune) int64 {
	if r > 0xFFFF && c.IsNode() {
		return 2
	}
	return 1
}

// splitByString takes the separator first. Its third argument is how many parts to keep.
func splitByString(c *native.Call, args []value.Value) (value.Value, error) {
	if args[1].IsNull() {
		return nullText(c, "split")
	}
	s, err := str(args[1])
	if err != nil {
		return value.Value{}, err
	}
	separator, err := str(args[0])
	if err != nil {
		return value.Value{}, err
	}
	keep := int64(-1)
	if most := optional(args, 2); !most.IsNull() {
		if keep, err = integer(most); err != nil {
			return value.Value{}, err
		}
		if keep < 0 && !c.IsNode() {
			keep = 0
		}
	}
	return split(c, s, separator, keep)
}

// split keeps the first parts of s, all of them if keep is negative. An empty separator stands between any two characters.
func split(c *native.Call, s, separator string, keep int64) (value.Value, error) {
	if keep == 0 || separator == "" && s == "" {
		return c.Heap.Array(nil)
	}
	parts := strings.Count(s, separator) + 1
	if separator == "" {
		parts = utf8.RuneCountInString(s)
	}
	if keep > 0 && keep < int64(parts) {
		parts = int(keep)
	}
	items := make([]value.Value, 0, parts)
	for range parts {
		part, rest, _ := strings.Cut(s, separator)
		if separator == "" {
			_, size := utf8.DecodeRuneInString(s)
			part, rest = s[:size], s[size:]
		}
		items = append(items, value.OfString(part))
		s = rest
	}
	return c.Heap.Array(items)
}

package stl

import (
	"math"
	"strings"

	"github.com/hog-go/hog/hogvm/fault"
	"github.com/hog-go/hog/hogvm/internal/js"
	"github.com/hog-go/hog/hogvm/native"
	"github.com/hog-go/hog/hogvm/value"
)

// types has conversions and what deals with null and emptiness.
var types = map[string]native.Entry{
	"toString":      {Func: toString, Min: 1, Max: 2},
	"toUUID":        {Func: toString, Min: 1, Max: 1},
	"toInt":         {Func: toInt, Min: 1, Max: 1},
	"toFloat":       {Func: toFloat, Min: 1, Max: 1},
	"typeof":        {Func: typeOf, Min: 1, Max: 1},
	"tuple":         {Func: tuple, Min: 0, Max: native.Unbounded},
	"isNull":        {Func: isNull, Min: 1, Max: 1},
	"isNotNull":     {Func: isNotNull, Min: 1, Max: 1},
	"ifNull":        {Func: coalesce, Min: 2, Max: 2},
	"coalesce":      {Func: coalesce, Min: 1, Max: native.Unbounded},
	"assumeNotNull": {Func: assumeNotNull, Min: 1, Max: 1},
	"empty":         {Func: empty, Min: 1, Max: 1},
	"notEmpty":      {Func: notEmpty, Min: 1, Max: 1},
}

func toString(c *native.Call, args []value.Value) (value.Value, error) {
	if args[0].IsString() {
		return args[0], nil
	}
	if c.IsNode() {
		if m, ok := momentOf(args[0]); ok && !m.date && m.isInvalid(c) {
			return value.Value{}, nil
		}
	}
	b, err := appendString(c, c.Heap.Open(""), args[0])
	if err != nil {
		return value.Value{}, err
	}
	return c.Heap.Close(b)
}

// appendString appends v as toString shows it: strings as they are, dates in ISO form, the rest as printed. An invalid datetime has no text.
func appendString(c *native.Call, dst []byte, v value.Value) ([]byte, error) {
	if o, ok := v.AsObject(); ok {
		switch o.Mark() {
		case value.Date:
			return appendDate(dst, o), nil
		case value.DateTime:
			m, _ := momentOf(v)
			if m.isInvalid(c) {
				return dst, nil
			}
			return appendDateTime(c, dst, m)
		}
	}
	return appendPrinted(c, dst, v)
}

// appendPrinted appends v as print shows it: strings as they are, everything else as inside a container.
func appendPrinted(c *native.Call, dst []byte, v value.Value) ([]byte, error) {
	if v.IsContainer() || v.IsFunction() {
		return value.AppendPrint(dst, v, c.Heap.Left())
	}
	return value.AppendText(dst, v)
}

func toInt(c *native.Call, args []value.Value) (value.Value, error) {
	v := args[0]
	if m, ok := momentOf(v); ok {
		if m.date {
			return value.OfInt(m.days()), m.check(c)
		}
		return whole(c, math.Floor(m.seconds)), nil
	}
	if c.IsNode() {
		text, _ := js.String(v, maxNumberText)
		return numberOrNull(js.ParseInt(text)), nil
	}
	switch v.Kind() {
	case value.Int:
		return v, nil
	case value.Float:
		return value.OfInt(truncate(v.Float())), nil
	case value.Bool:
		return value.OfInt(oneIf(v.Bool())), nil
	case value.String:
		return parseInteger(v.Str()), nil
	}
	return value.Value{}, nil
}

func toFloat(c *native.Call, args []value.Value) (value.Value, error) {
	v := args[0]
	if m, ok := momentOf(v); ok {
		if m.date {
			return value.OfFloat(float64(m.days())), m.check(c)
		}
		return value.OfFloat(m.seconds), nil
	}
	if c.IsNode() {
		text, _ := js.String(v, maxNumberText)
		return numberOrNull(js.ParseFloat(text)), nil
	}
	if f, ok := v.AsFloat(); ok {
		return value.OfFloat(f), nil
	}
	if s, ok := v.AsString(); ok {
		return parseFloat(s), nil
	}
	return value.Value{}, nil
}

// maxNumberText is the longest text of a container in which a number is looked for; a number needs less.
const maxNumberText = 4096

// parseInteger reads all of s, without blanks around it, as an integer; null if it is none.
func parseInteger(s string) value.Value {
	if v, ok := value.ParseNumber(strings.TrimSpace(s)); ok && v.IsInt() {
		return v
	}
	return value.Value{}
}

// parseFloat reads all of s, without blanks around it, as a float; null if it is none.
func parseFloat(s string) value.Value {
	v, ok := value.ParseNumber(strings.TrimSpace(s))
	if !ok {
		return value.Value{}
	}
	f, _ := v.AsFloat()
	return value.OfFloat(f)
}

// numberOrNull is what parseInt and parseFloat return in the Node VM: NaN becomes null.
func numberOrNull(f float64) value.Value {
	if f != f {
		return value.Value{}
	}
	return wholeNumber(f)
}

// whole returns f, which has no fraction, as an integer; in the Node VM, where NaN and the infinities have no fraction either, as it is.
func whole(c *native.Call, f float64) value.Value {
	if c.IsNode() {
		return wholeNumber(f)
	}
	return value.OfInt(truncate(f))
}

// wholeNumber returns f as an integer if it is one that a float has exactly.
func wholeNumber(f float64) value.Value {
	const exact = 1 << 53
	if f == math.Trunc(f) && f >= -exact && f <= exact {
		return value.OfInt(int64(f))
	}
	return value.OfFloat(f)
}

func oneIf(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func typeOf(c *native.Call, args []value.Value) (value.Value, error) {
	return value.OfString(typeName(c, args[0])), nil
}

func typeName(c *native.Call, v value.Value) string {
	switch v.Kind() {
	case value.Null:
		return "null"
	case value.Bool:
		return "boolean"
	case value.Int:
		return "integer"
	case value.Float:
		if f := v.Float(); c.IsNode() && f == math.Trunc(f) && !math.IsInf(f, 0) {
			return "integer" // numbers are of one type there
		}
		return "float"
	case value.String:
		return "string"
	case value.ArrayKind:
		return "array"
	case value.TupleKind:
		return "tuple"
	case value.ObjectKind:
		return objectName(c, v.Object())
	}
	return "function"
}

func objectName(c *native.Call, o *value.Object) string {
	switch o.Mark() {
	case value.DateTime:
		return "datetime"
	case value.Date:
		return "date"
	case value.ErrorMark:
		return "error"
	}
	if node, ok := o.PeekKey("__hx_ast"); ok && c.IsNode() && node.Truthy() {
		return "sql"
	}
	return "object"
}

func tuple(c *native.Call, args []value.Value) (value.Value, error) {
	return c.Heap.Tuple(append([]value.Value(nil), args...))
}

func isNull(_ *native.Call, args []value.Value) (value.Value, error) {
	return value.OfBool(args[0].IsNull()), nil
}

func isNotNull(_ *native.Call, args []value.Value) (value.Value, error) {
	return value.OfBool(!args[0].IsNull()), nil
}

func coalesce(_ *native.Call, args []value.Value) (value.Value, error) {
	for _, v := range args {
		if !v.IsNull() {
			return v, nil
		}
	}
	return value.Value{}, nil
}

func assumeNotNull(c *native.Call, args []value.Value) (value.Value, error) {
	if args[0].IsNull() {
		return value.Value{}, failed(c, "Value is null in assumeNotNull")
	}
	return args[0], nil
}

// failed is the error of a function whose text both VMs share; only one puts words in front.
func failed(c *native.Call, text string) error {
	if c.IsNode() {
		return fault.New(fault.Native, text)
	}
	return fault.Failed(text)
}

func empty(_ *native.Call, args []value.Value) (value.Value, error) {
	return value.OfBool(isEmpty(args[0])), nil
}

func notEmpty(_ *native.Call, args []value.Value) (value.Value, error) {
	return value.OfBool(!isEmpty(args[0])), nil
}

func isEmpty(v value.Value) bool {
	switch v.Kind() {
	case value.Null:
		return true
	case value.String:
		return v.Str() == ""
	case value.ArrayKind, value.TupleKind:
		return v.Array().Len() == 0
	case value.ObjectKind:
		return v.Object().Len() == 0
	}
	return false
}

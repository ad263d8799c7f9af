package stl

import (
	"errors"
	"sync"

	"github.com/hog-go/hog/hogvm/fault"
	"github.com/hog-go/hog/hogvm/internal/js"
	"github.com/hog-go/hog/hogvm/native"
	"github.com/hog-go/hog/hogvm/value"
)

var json = map[string]native.Entry{
	"jsonParse":           {Func: jsonParse, Min: 1, Max: 1},
	"jsonStringify":       {Func: jsonStringify, Min: 1, Max: 2},
	"isValidJSON":         {Func: isValidJSON, Min: 1, Max: 1},
	"JSONHas":             {Func: jsonHas, Min: 1, Max: native.Unbounded},
	"JSONLength":          {Func: jsonLength, Min: 1, Max: native.Unbounded},
	"JSONExtract":         {Func: jsonExtract, Min: 2, Max: native.Unbounded},
	"JSONExtractString":   {Func: jsonExtractString, Min: 1, Max: native.Unbounded},
	"JSONExtractInt":      {Func: jsonExtractInt, Min: 1, Max: native.Unbounded},
	"JSONExtractFloat":    {Func: jsonExtractFloat, Min: 1, Max: native.Unbounded},
	"JSONExtractBool":     {Func: jsonExtractBool, Min: 1, Max: native.Unbounded},
	"JSONExtractArrayRaw": {Func: jsonExtractArrayRaw, Min: 1, Max: native.Unbounded},
}

func jsonParse(c *native.Call, args []value.Value) (value.Value, error) {
	s, err := textArg(c, args[0])
	if err != nil {
		return value.Value{}, err
	}
	v, err := value.DecodeJSON(s)
	if err != nil {
		if fault.KindOf(err) != fault.Other {
			return value.Value{}, err
		}
		return value.Value{}, fault.Failed("jsonParse: " + err.Error())
	}
	return v, c.Heap.Charge(value.Weigh(v))
}

// maxIndent is how far JSON.stringify indents at most.
const maxIndent = 10

func jsonStringify(c *native.Call, args []value.Value) (value.Value, error) {
	style := value.JSONStyle{Spaced: !c.IsNode(), IntegralFloats: c.IsNode(), Lenient: true, Limit: c.Heap.Left()}
	if indent, ok := optional(args, 1).AsFloat(); ok && indent >= 1 {
		style.Indent = int(min(indent, maxIndent))
	}
	scratch := scratches.Get().(*[]byte)
	defer scratches.Put(scratch)
	b, err := value.AppendJSON((*scratch)[:0], args[0], style)
	if err != nil {
		return value.Value{}, err
	}
	if cap(b) <= maxScratch {
		*scratch = b
	}
	return c.Heap.Text(string(b))
}

// scratches has buffers for jsonStringify. Its texts are long, and growing each one in the machine's block leaves several times its size
// behind as garbage.
var scratches = sync.Pool{New: func() any { return new([]byte) }}

// maxScratch is the largest buffer that is kept.
const maxScratch = 64 << 10

func isValidJSON(c *native.Call, args []value.Value) (value.Value, error) {
	if !args[0].IsString() && !c.IsNode() {
		return value.OfBool(false), nil
	}
	s, err := textArg(c, args[0])
	if err != nil {
		return value.Value{}, err
	}
	_, err = value.DecodeJSON(s)
	return value.OfBool(err == nil), nil
}

func jsonHas(c *native.Call, args []value.Value) (value.Value, error) {
	if c.IsNode() {
		return value.OfBool(hasThroughText(args[0], args[1:])), nil
	}
	v, ok := jsonRoot(args[0])
	for i := 1; i < len(args) && ok; i++ {
		v, ok = jsonStep(v, args[i])
	}
	return value.OfBool(ok), nil
}

// hasThroughText follows a path in the Node VM's JSONHas, where each text on the way is parsed.
func hasThroughText(v value.Value, path []value.Value) bool {
	for _, step := range path {
		if s, ok := v.AsString(); ok {
			var err error
			if v, err = value.DecodeJSON(s); err != nil {
				return false
			}
		}
		next, found := jsonStep(v, step)
		if !found {
			return false
		}
		v = next
	}
	return true
}

func jsonLength(c *native.Call, args []value.Value) (value.Value, error) {
	v, err := pathOf(c, args)
	if err != nil {
		return value.Value{}, err
	}
	switch v.Kind() {
	case value.ArrayKind, value.TupleKind:
		return value.OfInt(int64(v.Array().Len())), nil
	case value.ObjectKind:
		return value.OfInt(int64(v.Object().Len())), nil
	case value.Null:
		if root, ok := jsonRoot(args[0]); ok && c.IsNode() && (root.IsNull() || root.IsContainer()) {
			return value.Value{}, errNoObject
		}
	}
	return value.OfInt(0), nil
}

// jsonExtract ignores its last argument, the name of a type.
func jsonExtract(c *native.Call, args []value.Value) (value.Value, error) {
	v, err := pathOf(c, args[:len(args)-1])
	if err != nil {
		return value.Value{}, err
	}
	return extracted(c, v, args[0])
}

func jsonExtractArrayRaw(c *native.Call, args []value.Value) (value.Value, error) {
	v, err := pathOf(c, args)
	if _, ok := v.AsArray(); !ok || err != nil {
		return value.Value{}, err
	}
	return extracted(c, v, args[0])
}

// extracted returns v, found in root, as a value of its own. What was parsed from a text belongs to nobody else; a part of a container is
// copied in R, by way of JSON, and shared in Node.
func extracted(c *native.Call, v, root value.Value) (value.Value, error) {
	if !v.IsContainer() || c.IsNode() && !root.IsString() {
		return v, nil
	}
	if !root.IsString() {
		b, err := value.AppendJSON(nil, v, value.JSONStyle{Limit: c.Heap.Left()})
		if err != nil {
			return value.Value{}, nil // as everything that goes wrong in this family
		}
		if v, err = value.DecodeJSON(string(b)); err != nil {
			return value.Value{}, err
		}
	}
	return v, c.Heap.Charge(value.Weigh(v))
}

func jsonExtractString(c *native.Call, args []value.Value) (value.Value, error) {
	v, err := pathOf(c, args)
	switch {
	case err != nil:
		return value.Value{}, err
	case v.IsNull() || v.IsString():
		return v, nil
	case c.IsNode():
		text := js.String
		if args[0].IsString() {
			text = js.ParsedString
		}
		s, fits := text(v, c.Heap.Left())
		if !fits {
			return value.Value{}, fault.Heap()
		}
		return c.Heap.Text(s)
	case v.Kind() == value.Bool:
		if v.Bool() {
			return value.OfString("True"), nil
		}
		return value.OfString("False"), nil
	}
	b, err := value.AppendJSON(c.Heap.Open(""), v, value.JSONStyle{Limit: c.Heap.Left()})
	if err != nil {
		return value.Value{}, err
	}
	return c.Heap.Close(b)
}

func jsonExtractInt(c *native.Call, args []value.Value) (value.Value, error) {
	v, err := pathOf(c, args)
	if err != nil {
		return value.Value{}, err
	}
	if c.IsNode() {
		s, _ := js.String(v, maxNumberText)
		return numberOrNull(js.ParseInt(s)), nil
	}
	if s, ok := v.AsString(); ok {
		return parseInteger(s), nil
	}
	if !v.IsNumber() {
		return value.Value{}, nil
	}
	n, err := integer(v)
	return value.OfInt(n), err
}

func jsonExtractFloat(c *native.Call, args []value.Value) (value.Value, error) {
	v, err := pathOf(c, args)
	if err != nil {
		return value.Value{}, err
	}
	if c.IsNode() {
		s, _ := js.String(v, maxNumberText)
		return numberOrNull(js.ParseFloat(s)), nil
	}
	if s, ok := v.AsString(); ok {
		return parseFloat(s), nil
	}
	if f, ok := v.AsFloat(); ok {
		return value.OfFloat(f), nil
	}
	return value.Value{}, nil
}

func jsonExtractBool(c *native.Call, args []value.Value) (value.Value, error) {
	v, _ := jsonRoot(args[0])
	if len(args) > 1 {
		var err error
		if v, err = pathOf(c, args); err != nil {
			return value.Value{}, err
		}
	}
	return value.OfBool(v.Kind() == value.Bool && v.Bool()), nil
}

// jsonRoot returns what the functions of the family look into: their first argument, parsed if it is a text.
func jsonRoot(v value.Value) (root value.Value, ok bool) {
	s, isString := v.AsString()
	if !isString {
		return v, true
	}
	root, err := value.DecodeJSON(s)
	return root, err == nil
}

// pathOf returns what is at the path args[1:] of args[0], null if there is nothing. The Node VM looks into containers alone, and throws for
// an index of 0.
func pathOf(c *native.Call, args []value.Value) (value.Value, error) {
	v, ok := jsonRoot(args[0])
	if !ok || c.IsNode() && !v.IsContainer() {
		return value.Value{}, nil
	}
	for _, step := range args[1:] {
		if f, isNumber := step.AsFloat(); isNumber && f == 0 && c.IsNode() && !v.IsNull() {
			return value.Value{}, errIndexZero
		}
		if v, ok = jsonStep(v, step); !ok {
			return value.Value{}, nil
		}
	}
	return v, nil
}

// errIndexZero is what the Node VM throws.
var errIndexZero = errors.New("Hog arrays start from index 1") //nolint:staticcheck // the language's text

// jsonStep returns what is at a key of an object, or at an index of an array: from 1, or from the end if negative.
func jsonStep(v, step value.Value) (value.Value, bool) {
	if o, ok := v.AsObject(); ok {
		key, isString := step.AsString()
		if !isString {
			return value.Value{}, false
		}
		return o.Get(key)
	}
	a, ok := v.AsArray()
	f, isNumber := step.AsFloat()
	i := truncate(f)
	if !ok || !isNumber || float64(i) != f {
		return value.Value{}, false
	}
	if i < 0 {
		i += int64(a.Len()) + 1
	}
	if i < 1 || i > int64(a.Len()) {
		return value.Value{}, false
	}
	return a.At(int(i - 1)), true
}

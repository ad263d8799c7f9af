// Package stl has the functions of Hog's standard library that are written in Go.
//
// Each file holds one kind of function and a table of them, with how many arguments they take: that part is the same in all of PostHog's
// VMs (common/hogvm/spec/stl.json), and the machine checks it before it calls. What a function does follows rust/common/hogvm/src/stl.rs;
// where the Node VM differs, its function asks [native.Call.IsNode] or has a variant beside it.
//
// Functions are pure: whatever they return is new or was an argument, and no argument changes. They read with Peek where nothing of a
// container is kept, and build texts in the machine's own block (see package value).
package stl

import (
	"errors"
	"maps"
	"math"

	"github.com/hog-go/hog/hogvm/fault"
	"github.com/hog-go/hog/hogvm/internal/js"
	"github.com/hog-go/hog/hogvm/native"
	"github.com/hog-go/hog/hogvm/value"
)

// Table returns the functions of a profile by name, in a map of its own.
func Table(p native.Profile) map[string]native.Entry {
	table := make(map[string]native.Entry, 140)
	for _, group := range []map[string]native.Entry{
		types, logic, numbers, text, searches, patterns, arrays, objects, json, dates, hashes, encodings, faults,
	} {
		maps.Copy(table, group)
	}
	if p == native.Node {
		delete(table, "max2")
	}
	return table
}

// str returns the string v.
func str(v value.Value) (string, error) {
	if s, ok := v.AsString(); ok {
		return s, nil
	}
	return "", fault.WrongType(v.Kind().Name(), "String")
}

// textArg returns the string v. The Node VM turns anything into a string.
func textArg(c *native.Call, v value.Value) (string, error) {
	if c.IsNode() {
		return jsText(c, v)
	}
	return str(v)
}

// jsText returns String(v).
func jsText(c *native.Call, v value.Value) (string, error) {
	s, fits := js.String(v, c.Heap.Left())
	if !fits {
		return "", fault.Heap()
	}
	return s, nil
}

// number returns the number v.
func number(v value.Value) (float64, error) {
	if f, ok := v.AsFloat(); ok {
		return f, nil
	}
	return 0, fault.WrongType(v.Kind().Name(), "Number")
}

// integer returns the number v without its fraction.
func integer(v value.Value) (int64, error) {
	if v.IsInt() {
		return v.Int(), nil
	}
	f, err := number(v)
	return truncate(f), err
}

// truncate drops the fraction of f. What is beyond 64 bits becomes the nearest integer, NaN becomes 0.
func truncate(f float64) int64 {
	switch {
	case f != f:
		return 0
	case f >= math.MaxInt64:
		return math.MaxInt64
	case f <= math.MinInt64:
		return math.MinInt64
	}
	return int64(f)
}

// optional returns argument i, null if there is none.
func optional(args []value.Value, i int) value.Value {
	if i < len(args) {
		return args[i]
	}
	return value.Value{}
}

// list returns the elements of v where the library wants an array: a tuple counts as one in JavaScript alone.
func list(c *native.Call, v value.Value) (*value.Array, bool) {
	if v.Kind() == value.ArrayKind || v.Kind() == value.TupleKind && c.IsNode() {
		return v.Array(), true
	}
	return nil, false
}

// nullText is the result of a function on text that is given null. In the Node VM, reading property of null throws.
func nullText(c *native.Call, property string) (value.Value, error) {
	if c.IsNode() {
		return value.Value{}, errors.New("Cannot read properties of null (reading '" + property + "')") //nolint:staticcheck // JavaScript's text
	}
	return value.Value{}, nil
}

package stl

import (
	"errors"

	"github.com/hog-go/hog/hogvm/native"
	"github.com/hog-go/hog/hogvm/value"
)

var objects = map[string]native.Entry{
	"keys":   {Func: keys, Min: 1, Max: 1},
	"values": {Func: values, Min: 1, Max: 1},
}

// errNoObject is what the Node VM throws for null.
var errNoObject = errors.New("Cannot convert undefined or null to object") //nolint:staticcheck // JavaScript's text

// keys of an array count from zero, unlike its indices.
func keys(c *native.Call, args []value.Value) (value.Value, error) {
	var items []value.Value
	switch v := args[0]; v.Kind() {
	case value.ObjectKind:
		entries := v.Object().Peek()
		items = make([]value.Value, len(entries))
		for i := range entries {
			items[i] = value.OfString(entries[i].Key)
		}
	case value.ArrayKind, value.TupleKind:
		items = make([]value.Value, v.Array().Len())
		for i := range items {
			items[i] = value.OfInt(int64(i))
		}
	case value.Null:
		if c.IsNode() {
			return value.Value{}, errNoObject
		}
	}
	return c.Heap.Array(items)
}

func values(c *native.Call, args []value.Value) (value.Value, error) {
	var items []value.Value
	switch v := args[0]; v.Kind() {
	case value.ObjectKind:
		entries := v.Object().Entries()
		items = make([]value.Value, len(entries))
		for i := range entries {
			items[i] = entries[i].Value
		}
	case value.ArrayKind, value.TupleKind:
		return c.Heap.Duplicate(v.Array())
	case value.Null:
		if c.IsNode() {
			return value.Value{}, errNoObject
		}
	}
	return c.Heap.Array(items)
}

package stl

import (
	"cmp"
	"slices"
	"strings"

	"github.com/hog-go/hog/hogvm/fault"
	"github.com/hog-go/hog/hogvm/native"
	"github.com/hog-go/hog/hogvm/value"
)

// arrays has functions that take an array; what is none counts as an empty one, and none changes its argument.
var arrays = map[string]native.Entry{
	"indexOf":           {Func: indexOf, Min: 2, Max: 2},
	"has":               {Func: has, Min: 2, Max: 2},
	"arrayPushBack":     {Func: arrayPushBack, Min: 2, Max: 2},
	"arrayPushFront":    {Func: arrayPushFront, Min: 2, Max: 2},
	"arrayPopBack":      {Func: arrayPopBack, Min: 1, Max: 1},
	"arrayPopFront":     {Func: arrayPopFront, Min: 1, Max: 1},
	"arrayReverse":      {Func: arrayReverse, Min: 1, Max: 1},
	"arraySort":         {Func: arraySort, Min: 1, Max: native.Unbounded},
	"arrayReverseSort":  {Func: arrayReverseSort, Min: 1, Max: native.Unbounded},
	"arrayStringConcat": {Func: arrayStringConcat, Min: 1, Max: 2},
}

func indexOf(c *native.Call, args []value.Value) (value.Value, error) {
	a, ok := list(c, args[0])
	if !ok {
		return value.OfInt(0), nil
	}
	i, err := find(c, a, args[1])
	return value.OfInt(int64(i) + 1), err
}

func has(c *native.Call, args []value.Value) (value.Value, error) {
	a, ok := list(c, args[0])
	if !ok {
		return value.OfBool(false), nil
	}
	found, err := includes(c, a, args[1])
	return value.OfBool(found), err
}

func arrayPushBack(c *native.Call, args []value.Value) (value.Value, error) {
	return joined(c, elements(c, args[0]), args[1:2])
}

func arrayPushFront(c *native.Call, args []value.Value) (value.Value, error) {
	return joined(c, args[1:2], elements(c, args[0]))
}

func arrayPopBack(c *native.Call, args []value.Value) (value.Value, error) {
	items := elements(c, args[0])
	return joined(c, items[:max(len(items)-1, 0)], nil)
}

func arrayPopFront(c *native.Call, args []value.Value) (value.Value, error) {
	items := elements(c, args[0])
	return joined(c, items[min(1, len(items)):], nil)
}

// elements returns the elements of an array, for keeping; none of anything else.
func elements(c *native.Call, v value.Value) []value.Value {
	if a, ok := list(c, v); ok {
		return a.Items()
	}
	return nil
}

// joined makes an array of copies of a and b.
func joined(c *native.Call, a, b []value.Value) (value.Value, error) {
	items := make([]value.Value, 0, len(a)+len(b))
	return c.Heap.Array(append(append(items, a...), b...))
}

func arrayReverse(c *native.Call, args []value.Value) (value.Value, error) {
	a, ok := list(c, args[0])
	if !ok {
		return c.Heap.Array(nil)
	}
	return reversed(c, a)
}

func reversed(c *native.Call, a *value.Array) (value.Value, error) {
	items := slices.Clone(a.Items())
	slices.Reverse(items)
	return c.Heap.Array(items)
}

func arraySort(c *native.Call, args []value.Value) (value.Value, error) {
	items, err := sorted(c, args[0], "arraySort")
	if err != nil {
		return value.Value{}, err
	}
	return c.Heap.Array(items)
}

func arrayReverseSort(c *native.Call, args []value.Value) (value.Value, error) {
	items, err := sorted(c, args[0], "arrayReverseSort")
	if err != nil {
		return value.Value{}, err
	}
	slices.Reverse(items)
	return c.Heap.Array(items)
}

// sorted returns the elements of an array in order: numbers by size in R, which takes nothing else; everything by its text in Node.
func sorted(c *native.Call, v value.Value, name string) ([]value.Value, error) {
	items := slices.Clone(elements(c, v))
	if c.IsNode() {
		return sortedByText(c, items)
	}
	for _, v := range items {
		if !v.IsNumber() {
			return nil, fault.Failed(name + "() only supports arrays of numbers")
		}
	}
	slices.SortStableFunc(items, compareNumbers)
	return items, nil
}

// compareNumbers orders NaN before all other numbers, since sorting needs a place for it.
func compareNumbers(a, b value.Value) int {
	if a.IsInt() && b.IsInt() {
		return cmp.Compare(a.Int(), b.Int())
	}
	x, _ := a.AsFloat()
	y, _ := b.AsFloat()
	return cmp.Compare(x, y)
}

func sortedByText(c *native.Call, items []value.Value) ([]value.Value, error) {
	type keyed struct {
		key   string
		value value.Value
	}
	byText := make([]keyed, len(items))
	size := 0
	for i, v := range items {
		key, err := jsText(c, v)
		if err != nil {
			return nil, err
		}
		if size += len(key); size > c.Heap.Left() {
			return nil, fault.Heap()
		}
		byText[i] = keyed{key, v}
	}
	slices.SortStableFunc(byText, func(a, b keyed) int { return strings.Compare(a.key, b.key) })
	for i, e := range byText {
		items[i] = e.value
	}
	return items, nil
}

func arrayStringConcat(c *native.Call, args []value.Value) (value.Value, error) {
	a, ok := list(c, args[0])
	if !ok {
		return value.OfString(""), nil
	}
	separator := ""
	if len(args) > 1 {
		var err error
		if separator, err = textArg(c, args[1]); err != nil {
			return value.Value{}, err
		}
	}
	b := c.Heap.Open("")
	for i, v := range a.Peek() {
		if i > 0 {
			b = append(b, separator...)
		}
		var err error
		if b, err = appendElement(c, b, v); err != nil {
			return value.Value{}, err
		}
		if len(b) > c.Heap.Left() {
			return value.Value{}, fault.Heap()
		}
	}
	return c.Heap.Close(b)
}

// appendElement appends an element of an array that is joined: as toString shows it, or as JavaScript's join does, where null is empty.
func appendElement(c *native.Call, b []byte, v value.Value) ([]byte, error) {
	if !c.IsNode() {
		return appendString(c, b, v)
	}
	if v.IsNull() {
		return b, nil
	}
	s, err := jsText(c, v)
	return append(b, s...), err
}

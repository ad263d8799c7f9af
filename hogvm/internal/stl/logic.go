package stl

import (
	"slices"

	"github.com/hog-go/hog/hogvm/internal/js"
	"github.com/hog-go/hog/hogvm/native"
	"github.com/hog-go/hog/hogvm/value"
)

// logic has the function forms of comparisons and boolean operators. They are not the operators: equals never brings types together,
// and the orderings always do, with null as zero.
var logic = map[string]native.Entry{
	"equals":          {Func: equals, Min: 2, Max: 2},
	"notEquals":       {Func: notEquals, Min: 2, Max: 2},
	"greater":         {Func: ordered(value.Greater, value.Greater), Min: 2, Max: 2},
	"greaterOrEquals": {Func: ordered(value.Greater, value.Same), Min: 2, Max: 2},
	"less":            {Func: ordered(value.Less, value.Less), Min: 2, Max: 2},
	"lessOrEquals":    {Func: ordered(value.Less, value.Same), Min: 2, Max: 2},
	"and":             {Func: and, Min: 1, Max: native.Unbounded},
	"or":              {Func: or, Min: 1, Max: native.Unbounded},
	"not":             {Func: not, Min: 1, Max: 1},
	"if":              {Func: ifThenElse, Min: 3, Max: 3},
	"multiIf":         {Func: multiIf, Min: 3, Max: native.Unbounded},
	"in":              {Func: in, Min: 2, Max: 2},
}

func equals(c *native.Call, args []value.Value) (value.Value, error) {
	same, err := strictlyEqual(c, args[0], args[1])
	return value.OfBool(same), err
}

func notEquals(c *native.Call, args []value.Value) (value.Value, error) {
	same, err := strictlyEqual(c, args[0], args[1])
	return value.OfBool(!same), err
}

func strictlyEqual(c *native.Call, a, b value.Value) (bool, error) {
	if c.IsNode() {
		return value.Identical(a, b), nil
	}
	return value.StrictEqual(a, b)
}

// ordered makes a function that is true for two outcomes of a comparison.
func ordered(first, second value.Ordering) native.Func {
	return func(c *native.Call, args []value.Value) (value.Value, error) {
		o, err := order(c, args[0], args[1])
		return value.OfBool(err == nil && (o == first || o == second)), err
	}
}

func order(c *native.Call, a, b value.Value) (value.Ordering, error) {
	if c.IsNode() {
		return js.Compare(a, b), nil
	}
	return value.Compare(zeroIfNull(a), zeroIfNull(b), true)
}

func zeroIfNull(v value.Value) value.Value {
	if v.IsNull() {
		return value.OfInt(0)
	}
	return v
}

func and(_ *native.Call, args []value.Value) (value.Value, error) {
	for _, v := range args {
		if !v.Truthy() {
			return value.OfBool(false), nil
		}
	}
	return value.OfBool(true), nil
}

func or(_ *native.Call, args []value.Value) (value.Value, error) {
	for _, v := range args {
		if v.Truthy() {
			return value.OfBool(true), nil
		}
	}
	return value.OfBool(false), nil
}

func not(_ *native.Call, args []value.Value) (value.Value, error) {
	return value.OfBool(!args[0].Truthy()), nil
}

func ifThenElse(_ *native.Call, args []value.Value) (value.Value, error) {
	if args[0].Truthy() {
		return args[1], nil
	}
	return args[2], nil
}

// multiIf takes conditions and values in pairs and then the value for when none is true. A condition that lacks its value is ignored;
// the Node VM takes what comes of it, nothing.
func multiIf(c *native.Call, args []value.Value) (value.Value, error) {
	last := len(args) - 1
	for i := 0; i+1 < last; i += 2 {
		if args[i].Truthy() {
			return args[i+1], nil
		}
	}
	if c.IsNode() && last%2 == 1 && args[last-1].Truthy() {
		return value.Value{}, nil
	}
	return args[last], nil
}

func in(c *native.Call, args []value.Value) (value.Value, error) {
	haystack, ok := args[1].AsArray()
	if !ok {
		return value.OfBool(false), nil
	}
	found, err := includes(c, haystack, args[0])
	return value.OfBool(found), err
}

// includes tells whether haystack has needle. In the Node VM, NaN is found, which find does not.
func includes(c *native.Call, haystack *value.Array, needle value.Value) (bool, error) {
	if c.IsNode() {
		return slices.ContainsFunc(haystack.Peek(), func(v value.Value) bool { return value.Includes(v, needle) }), nil
	}
	i, err := find(c, haystack, needle)
	return i >= 0, err
}

// find returns the position of the first element that equals needle, -1 if there is none.
func find(c *native.Call, haystack *value.Array, needle value.Value) (int, error) {
	for i, v := range haystack.Peek() {
		same, err := equal(c, v, needle)
		if err != nil {
			return -1, err
		}
		if same {
			return i, nil
		}
	}
	return -1, nil
}

func equal(c *native.Call, a, b value.Value) (bool, error) {
	if c.IsNode() {
		return value.Identical(a, b), nil
	}
	return value.Equal(a, b)
}

package hogvm

import (
	"strings"

	"github.com/hog-go/hog/hogvm/fault"
	"github.com/hog-go/hog/hogvm/internal/code"
	"github.com/hog-go/hog/hogvm/internal/js"
	"github.com/hog-go/hog/hogvm/value"
)

// equal is a == b.
func (t *Thread) equal(a, b value.Value) (bool, error) {
	if t.vm.node {
		return nodeEqual(a, b), nil
	}
	if t.call.Coerce && (a.Kind() == value.ObjectKind || b.Kind() == value.ObjectKind) {
		if x, y, ok := value.Instants(a, b); ok {
			return x == y, nil
		}
	}
	return value.Equal(a, b)
}

// ordered is a op b for the four operators of order.
func (t *Thread) ordered(op code.Op, a, b value.Value) (bool, error) {
	var o value.Ordering
	if t.vm.node {
		o = nodeCompare(a, b)
	} else {
		var err error
		if o, err = value.Compare(a, b, t.call.Coerce); err != nil {
			return false, err
		}
	}
	return holds(op, o), nil
}

func holds(op code.Op, o value.Ordering) bool {
	switch op {
	case code.Gt:
		return o == value.Greater
	case code.GtEq:
		return o == value.Greater || o == value.Same
	case code.Lt:
		return o == value.Less
	}
	return o == value.Less || o == value.Same
}

// nodeEqual is the Node VM's ==: JavaScript's === after numbers met texts and booleans, and arrays of finite numbers by their elements.
func nodeEqual(a, b value.Value) bool {
	if x, y, ok := value.Instants(a, b); ok {
		return x == y
	}
	a, b = unify(a, b)
	if finiteNumbers(a) && finiteNumbers(b) {
		o, err := value.Compare(asArray(a), asArray(b), false)
		return err == nil && o == value.Same
	}
	return value.Identical(a, b)
}

func nodeCompare(a, b value.Value) value.Ordering {
	if x, y, ok := value.Instants(a, b); ok {
		a, b = value.OfFloat(x), value.OfFloat(y)
	}
	a, b = unify(a, b)
	if finiteNumbers(a) && finiteNumbers(b) {
		if o, err := value.Compare(asArray(a), asArray(b), false); err == nil {
			return o
		}
	}
	return js.Compare(a, b)
}

// unify brings a number together with a text or a boolean, and a boolean with a text.
func unify(a, b value.Value) (value.Value, value.Value) {
	switch ka, kb := a.Kind(), b.Kind(); {
	case a.IsNumber() && (kb == value.String || kb == value.Bool):
		return a, value.OfFloat(js.Number(b))
	case b.IsNumber() && (ka == value.String || ka == value.Bool):
		return value.OfFloat(js.Number(a)), b
	case ka == value.Bool && kb == value.String:
		return a, value.OfBool(b.Str() == "true")
	case ka == value.String && kb == value.Bool:
		return value.OfBool(a.Str() == "true"), b
	}
	return a, b
}

// asArray returns a list as an array, which a tuple is to JavaScript.
func asArray(v value.Value) value.Value {
	a, _ := v.AsArray()
	return value.OfArray(a)
}

func finiteNumbers(v value.Value) bool {
	a, ok := v.AsArray()
	if !ok {
		return false
	}
	for _, e := range a.Peek() {
		if f, ok := e.AsFloat(); !ok || f-f != 0 {
			return false
		}
	}
	return true
}

// test is a op b for LIKE, regular expressions and IN: a is the value or needle, b the pattern or haystack.
func (t *Thread) test(op code.Op, a, b value.Value) (bool, error) {
	switch op {
	case code.Like, code.ILike, code.NotLike, code.NotILike:
		matches, err := t.like(a, b, op == code.ILike || op == code.NotILike)
		return matches != (op == code.NotLike || op == code.NotILike), err
	case code.In, code.NotIn:
		found, err := t.in(a, b)
		return found != (op == code.NotIn), err
	}
	matches, err := t.matches(a, b, op == code.IRegex || op == code.NotIRegex)
	return matches != (op == code.NotRegex || op == code.NotIRegex), err
}

// in tells whether haystack has needle: as a part of a text, an element of a list, or a key of an object.
func (t *Thread) in(needle, haystack value.Value) (bool, error) {
	switch haystack.Kind() {
	case value.String:
		s, ok := needle.AsString()
		if !ok {
			if t.vm.node {
				s, ok = js.String(needle, t.call.Heap.Left())
			}
			if !ok {
				return false, fault.WrongType(needle.Kind().Name(), "String")
			}
		}
		return strings.Contains(haystack.Str(), s), nil
	case value.ArrayKind, value.TupleKind:
		for _, e := range haystack.Array().Peek() {
			if t.vm.node {
				if value.Includes(needle, e) {
					return true, nil
				}
			} else if eq, err := value.Equal(needle, e); eq || err != nil {
				return eq, err
			}
		}
		return false, nil
	case value.ObjectKind:
		if t.vm.node {
			break
		}
		key, ok := needle.AsString()
		if !ok {
			return false, fault.WrongType(needle.Kind().Name(), "String")
		}
		return haystack.Object().Has(key), nil
	}
	return false, fault.NoCoercion(haystack.Kind().Name(), needle.Kind().Name())
}

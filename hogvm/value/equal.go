package value

import (
	"strings"

	"github.com/hog-go/hog/hogvm/fault"
)

// maxVisits bounds the work of one comparison. Containers that share their parts can be small and yet unfold to more elements than a
// program could ever build.
const maxVisits = 1 << 20

// Equal is Hog's ==, without its rule for dates: the same type by value; a boolean is also 1 or 0; a number equals the text that spells
// it; a boolean equals "true" or another text. Containers are compared as StrictEqual does: inside them no types are brought together. The
// error says that the comparison took too long.
func Equal(a, b Value) (bool, error) {
	if eq, done := equalScalars(a, b); done {
		return eq, nil
	}
	return (&comparison{}).same(a, b)
}

// StrictEqual is the function equals: as Equal, but values of different types differ. Numbers are of one type.
func StrictEqual(a, b Value) (bool, error) {
	return (&comparison{}).same(a, b)
}

// Identical is JavaScript's ===: scalars by value, containers when they are the same one.
func Identical(a, b Value) bool {
	ka, kb := a.Kind(), b.Kind()
	if ka == String && kb == String {
		return a.str() == b.str()
	}
	if a.IsNumber() && b.IsNumber() {
		return equalNumbers(a, b)
	}
	return a == b
}

// Includes is how JavaScript's includes compares: as Identical, but that NaN is itself.
func Includes(a, b Value) bool { return Identical(a, b) || isNaN(a) && isNaN(b) }

func isNaN(v Value) bool { return v.IsFloat() && v.Float() != v.Float() }

func equalNumbers(a, b Value) bool {
	if a.IsInt() && b.IsInt() {
		return a.n == b.n
	}
	x, _ := a.AsFloat()
	y, _ := b.AsFloat()
	return x == y
}

// equalScalars decides everything but two containers of one kind, which it leaves to the caller.
func equalScalars(a, b Value) (eq, done bool) {
	ka, kb := a.Kind(), b.Kind()
	if a.IsNumber() && b.IsNumber() {
		return equalNumbers(a, b), true
	}
	if ka == kb {
		switch ka {
		case String:
			return a.str() == b.str(), true
		case ArrayKind, TupleKind, ObjectKind:
			return true, a == b
		}
		return a == b, true
	}
	if ka > kb {
		a, b, ka, kb = b, a, kb, ka
	}
	switch { // the kinds are in order now: Bool, Int, Float, String
	case ka == Bool && (kb == Int || kb == Float):
		f, _ := b.AsFloat()
		return f == boolNumber(a.Bool()), true
	case ka == Bool && kb == String:
		return a.Bool() == strings.EqualFold(b.str(), "true"), true
	case (ka == Int || ka == Float) && kb == String:
		n, ok := ParseNumber(b.str())
		return ok && equalNumbers(a, n), true
	}
	return false, true
}

func boolNumber(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// comparison walks two containers in step.
type comparison struct {
	visits int
	depth  int
}

func (c *comparison) same(a, b Value) (bool, error) {
	if a.Kind() != b.Kind() && !(a.IsNumber() && b.IsNumber()) {
		return false, nil
	}
	if eq, done := equalScalars(a, b); done {
		return eq, nil
	}
	if c.depth++; c.depth > MaxDepth {
		return false, fault.OutOf("steps")
	}
	defer func() { c.depth-- }()
	if a.Kind() == ObjectKind {
		return c.sameObjects(a.Object(), b.Object())
	}
	x, y := a.Array().items, b.Array().items
	if len(x) != len(y) {
		return false, nil
	}
	if c.visits += len(x); c.visits > maxVisits {
		return false, fault.OutOf("steps")
	}
	for i := range x {
		if eq, err := c.same(x[i], y[i]); !eq || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (c *comparison) sameObjects(a, b *Object) (bool, error) {
	if a.Len() != b.Len() {
		return false, nil
	}
	if c.visits += a.Len(); c.visits > maxVisits {
		return false, fault.OutOf("steps")
	}
	for _, e := range a.entries {
		other, ok := b.PeekKey(e.Key)
		if !ok {
			return false, nil
		}
		if eq, err := c.same(e.Value, other); !eq || err != nil {
			return false, err
		}
	}
	return true, nil
}

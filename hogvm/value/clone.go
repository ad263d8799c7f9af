package value

import "strings"

// Clone returns a copy of v that shares no memory with it, strings included. Levels beyond MaxDepth become null, and so does what is left
// after more values than any program could build; functions are shared.
func Clone(v Value) Value {
	c := cloner{left: maxVisits}
	return c.clone(v, 0)
}

type cloner struct{ left int }

func (c *cloner) clone(v Value, depth int) Value {
	if c.left--; c.left < 0 || depth > MaxDepth {
		return Value{}
	}
	switch v.Kind() {
	case String:
		return OfString(strings.Clone(v.str()))
	case ArrayKind, TupleKind:
		items := make([]Value, len(v.Array().items))
		for i, e := range v.Array().items {
			items[i] = c.clone(e, depth+1)
		}
		if v.Kind() == TupleKind {
			return OfTuple(NewArray(items))
		}
		return OfArray(NewArray(items))
	case ObjectKind:
		entries := v.Object().entries
		o := NewObject(len(entries))
		for _, e := range entries {
			o.Set(strings.Clone(e.Key), c.clone(e.Value, depth+1))
		}
		return OfObject(o)
	}
	return v
}

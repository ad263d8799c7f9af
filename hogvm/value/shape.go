package value

import "strings"

// Shape is the keys of an object that a program builds at one place: objects of the same keys share their table.
type Shape struct {
	keys  []Value // strings, compared by identity: constants of a program are the same each time
	index []uint64
	bytes int
}

// NewShape returns the shape of an object built from keys and values in turn, or nil if it has none: a key is no string, comes twice, or
// marks the object as something.
func NewShape(parts []Value) *Shape {
	o := NewObject(len(parts) / 2)
	s := &Shape{}
	for i := 0; i < len(parts); i += 2 {
		key, ok := parts[i].AsString()
		if !ok || o.Has(key) || strings.HasPrefix(key, "__hog") {
			return nil
		}
		o.Set(key, Value{})
		s.keys = append(s.keys, parts[i])
		s.bytes += len(key)
	}
	s.index = o.index
	return s
}

// Build makes an object of keys and values in turn, and charges for it; ok is false if the keys are not those of the shape.
func (s *Shape) Build(h *Heap, parts []Value) (v Value, ok bool, err error) {
	if len(parts) != 2*len(s.keys) {
		return Value{}, false, nil
	}
	entries, cost := make([]Entry, len(s.keys)), s.bytes
	for i, key := range s.keys {
		if parts[2*i] != key {
			return Value{}, false, nil
		}
		entries[i] = Entry{key.str(), parts[2*i+1]}
		cost += Size(parts[2*i+1])
	}
	if err := h.Charge(cost); err != nil {
		return Value{}, true, err
	}
	return OfObject(&Object{entries: entries, index: s.index, lent: true}), true, nil
}

package hogvm

import (
	"strings"

	"github.com/hog-go/hog/hogvm/fault"
	"github.com/hog-go/hog/hogvm/internal/code"
	"github.com/hog-go/hog/hogvm/value"
)

// Globals are what a program sees of the world. They never change, whatever a program does to what it read, and may be shared.
type Globals struct {
	object *value.Object
	text   []byte
	raw    bool // text instead of object
	weight int  // bound of the bytes of any value: a byte of JSON makes at most eight
}

// RawGlobals makes globals of the JSON text of an event, of which only what programs read is decoded. Text that is no JSON fails the run.
//
// Values share the memory of data, which must not change during the run. Results are copied; a host function copies what it keeps.
func RawGlobals(data []byte) Globals { return Globals{text: data, raw: true, weight: 8 * len(data)} }

// GlobalsOf makes globals of v; what is no object has none. v must not change afterwards.
func GlobalsOf(v value.Value) Globals {
	weight := value.Weigh(v)
	o, _ := v.AsObject()
	return Globals{object: o, weight: weight}
}

// ParseGlobals makes globals of a JSON text.
func ParseGlobals(data []byte) (Globals, error) {
	v, err := value.ParseJSON(data)
	if err != nil {
		return Globals{}, err
	}
	return GlobalsOf(v), nil
}

// getGlobal returns what the topmost n values name, the root first. They stay on the stack.
func (t *Thread) getGlobal(u *unit, n int) (value.Value, error) {
	if err := t.pops(n); err != nil {
		return value.Value{}, err
	}
	parts := t.stack[t.sp-n : t.sp]
	var buf [8]code.Key
	path := code.Path(buf[:0])
	for i := n - 1; i >= 0; i-- {
		k, ok := code.KeyOf(parts[i])
		if !ok {
			k = code.Key{Text: plainText(parts[i])}
			k.Hash = value.Hash(k.Text)
		}
		path = append(path, k)
	}
	return t.readGlobal(u, path)
}

// readPath is readGlobal of a constant path of the unit.
func (t *Thread) readPath(u *unit, number int32) (value.Value, error) {
	if u.Number != 0 {
		return t.readGlobal(u, u.Paths[number])
	}
	inPlan := number
	if t.numbers != nil {
		inPlan = t.numbers[number]
	}
	if !t.view.HasRoot(t.plan.Root(inPlan)) {
		return t.elsewhere(u, u.Paths[number])
	}
	return t.copyOf(t.view.Read(inPlan))
}

// copyOf returns v as the program's own.
func (t *Thread) copyOf(v value.Value) (value.Value, error) {
	if !v.IsContainer() {
		return v, nil
	}
	if err := t.call.Heap.Charge(value.Weigh(v)); err != nil {
		return value.Value{}, err
	}
	return v.Fresh(), nil
}

// readGlobal returns the value at a path, as a copy of the program's own. A name alone can be a function; below a root that exists
// everything exists, as null if need be.
func (t *Thread) readGlobal(u *unit, path code.Path) (value.Value, error) {
	if len(path) == 0 {
		return value.Value{}, t.unknownGlobal(path)
	}
	if o := t.view.Whole(); o != nil && u.Number == 0 {
		if v, ok := o.PeekHashed(path[0].Text, path[0].Hash); ok {
			return t.follow(v, path[1:])
		}
	}
	return t.elsewhere(u, path)
}

// elsewhere is readGlobal where the host's globals have no such root: the chunk's own, and functions.
func (t *Thread) elsewhere(u *unit, path code.Path) (value.Value, error) {
	if u.globals != nil {
		if v, ok := u.globals.PeekHashed(path[0].Text, path[0].Hash); ok {
			return t.follow(v, path[1:])
		}
	}
	if len(path) == 1 {
		if v, ok := t.vm.values[path[0].Text]; ok {
			return v, nil
		}
	}
	return value.Value{}, t.unknownGlobal(path)
}

// follow returns a copy of what is below v at a path. On an array, the Node VM takes a key as it does elsewhere.
func (t *Thread) follow(v value.Value, path code.Path) (value.Value, error) {
	if !t.node {
		return t.copyOf(code.Follow(v, path))
	}
	for i := range path {
		a, ok := v.AsArray()
		if !ok {
			v = code.Follow(v, path[i:i+1])
			continue
		}
		key, err := value.OfString(path[i].Text), error(nil)
		if path[i].IsIndex {
			key = value.OfInt(path[i].Index)
		}
		if v, err = nodeElement(a, key); err != nil {
			return value.Value{}, err
		}
	}
	return t.copyOf(v)
}

func (t *Thread) unknownGlobal(path code.Path) error {
	names := make([]string, len(path))
	for i, k := range path {
		names[i] = k.Text
	}
	text := strings.Join(names, ".")
	if t.vm.node {
		return fault.New(fault.UnknownGlobal, "Global variable not found: "+text)
	}
	return fault.New(fault.UnknownGlobal, "Unknown Global "+text)
}

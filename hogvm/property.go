package hogvm

import (
	"slices"
	"strconv"

	"github.com/hog-go/hog/hogvm/fault"
	"github.com/hog-go/hog/hogvm/internal/code"
	"github.com/hog-go/hog/hogvm/internal/js"
	"github.com/hog-go/hog/hogvm/value"
)

// property is container[key]; what is not there is null.
func (t *Thread) property(container, key value.Value) (value.Value, error) {
	switch container.Kind() {
	case value.ObjectKind:
		k, ok := t.objectKey(key)
		if !ok {
			return value.Value{}, nil
		}
		v, _ := container.Object().Get(k)
		return v, nil
	case value.ArrayKind, value.TupleKind:
		return t.element(container.Array(), key)
	}
	return value.Value{}, nil
}

// objectKey returns the text that key is in an object: texts as they are, numbers in decimal. In the Node VM keys of objects are values of
// any type; here they are the texts of scalars.
func (t *Thread) objectKey(key value.Value) (string, bool) {
	switch key.Kind() {
	case value.String:
		return key.Str(), true
	case value.Int:
		return strconv.FormatInt(key.Int(), 10), true
	case value.Float:
		return string(value.AppendFloat(nil, key.Float())), true
	}
	if t.vm.node && !key.IsContainer() && !key.IsFunction() {
		text, _ := js.String(key, 0)
		return text, true
	}
	return "", false
}

// element is a[key]: indices begin at 1, negative ones count from the end.
func (t *Thread) element(a *value.Array, key value.Value) (value.Value, error) {
	if t.vm.node {
		return nodeElement(a, key)
	}
	if !key.IsInt() || key.Int() == 0 {
		if s := key.Kind(); s != value.Int && s != value.Float {
			return value.Value{}, fault.WrongType(s.Name(), "Number")
		}
		return value.Value{}, fault.BadIndex()
	}
	if i, ok := code.Position(key.Int(), a.Len()); ok {
		return a.At(i), nil
	}
	return value.Value{}, nil
}

func nodeElement(a *value.Array, key value.Value) (value.Value, error) {
	if s, ok := key.AsString(); ok {
		if s == "length" {
			return value.OfInt(int64(a.Len())), nil
		}
		if i, err := strconv.Atoi(s); err == nil && i >= 0 && i < a.Len() && strconv.Itoa(i) == s {
			return a.At(i), nil
		}
		return value.Value{}, nil
	}
	f, ok := key.AsFloat()
	switch {
	case !ok:
		return value.Value{}, nil
	case f == 0:
		return value.Value{}, fault.New(fault.InvalidIndex, nodeIndexText)
	case f != float64(int64(f)):
		return value.Value{}, nil
	}
	if i, ok := code.Position(int64(f), a.Len()); ok {
		return a.At(i), nil
	}
	return value.Value{}, nil
}

const nodeIndexText = "Hog arrays start from index 1"

// setProperty is container[key] := v.
func (t *Thread) setProperty(container, key, v value.Value) error {
	switch container.Kind() {
	case value.ObjectKind:
		k, ok := t.objectKey(key)
		if !ok {
			return fault.WrongType(key.Kind().Name(), "String")
		}
		o := container.Object()
		if t.vm.node && o.Mark() != value.Plain && o.Mark() != value.Interval {
			break // what is no Map there
		}
		cost := len(k) + value.Size(v)
		if old, ok := o.PeekKey(k); ok {
			cost = value.Size(v) - value.Size(old)
		}
		if err := t.call.Heap.Charge(cost); err != nil {
			return err
		}
		o.Set(k, v)
		return nil
	case value.ArrayKind:
		return t.setElement(container.Array(), key, v)
	case value.TupleKind:
		if t.vm.node {
			return t.setElement(container.Array(), key, v)
		}
	}
	return t.notSettable(container, key)
}

// maxHoles bounds how far beyond its end the Node profile lets an array be written.
const maxHoles = 1 << 16

func (t *Thread) setElement(a *value.Array, key, v value.Value) error {
	f, ok := key.AsFloat()
	if t.vm.node {
		switch {
		case !ok:
			return t.notSettable(value.OfArray(a), key)
		case f <= 0:
			return fault.New(fault.InvalidIndex, nodeIndexText)
		case f != float64(int64(f)) || f > float64(a.Len()+maxHoles):
			return fault.BadIndex()
		}
		if err := t.call.Heap.Charge(16 * max(int(f)-a.Len(), 0)); err != nil {
			return err
		}
		for a.Len() < int(f) {
			a.Append(value.Value{})
		}
		a.Set(int(f)-1, v)
		return nil
	}
	switch {
	case !ok:
		return fault.WrongType(key.Kind().Name(), "Number")
	case !key.IsInt() || key.Int() <= 0:
		return fault.BadIndex()
	}
	i := key.Int() - 1
	if i >= int64(a.Len()) {
		return fault.New(fault.IndexRange, "Array index "+strconv.FormatInt(i, 10)+" out of bounds, array length "+strconv.Itoa(a.Len()))
	}
	if err := t.call.Heap.Charge(value.Size(v) - value.Size(a.Peek()[i])); err != nil {
		return err
	}
	a.Set(int(i), v)
	return nil
}

func (t *Thread) notSettable(container, key value.Value) error {
	if !t.vm.node {
		return fault.New(fault.ExpectedObject, "Expected object")
	}
	name, _ := js.String(key, 1<<10)
	if container.IsContainer() {
		return fault.New(fault.ExpectedObject, "Can not set "+name+" on element of type object")
	}
	return fault.New(fault.ExpectedObject, "Can not set "+name+" on non-object: "+jsType(container))
}

// jsType is JavaScript's typeof.
func jsType(v value.Value) string {
	switch v.Kind() {
	case value.Bool:
		return "boolean"
	case value.Int, value.Float:
		return "number"
	case value.String:
		return "string"
	}
	return "object"
}

// collect takes what a container is made of off the stack and makes it.
func (t *Thread) collect(in *code.Instr) (value.Value, error) {
	n := int(in.A)
	take := n
	if in.Op == code.Dict {
		take = 2 * n
	}
	if err := t.pops(take); err != nil {
		return value.Value{}, err
	}
	parts := t.stack[t.sp-take : t.sp]
	v, err := t.build(in, parts)
	if err == nil {
		t.sp -= take
	}
	return v, err
}

func (t *Thread) build(in *code.Instr, parts []value.Value) (value.Value, error) {
	heap, op := &t.call.Heap, in.Op
	if op == code.Dict && !t.node {
		if v, ok, err := t.shape(in, parts).Build(heap, parts); ok && len(parts) > 0 {
			return v, err
		}
	}
	if op != code.Dict {
		items := append(make([]value.Value, 0, len(parts)), parts...)
		if op == code.Tuple {
			return heap.Tuple(items)
		}
		return heap.Array(items)
	}
	o := value.NewObject(len(parts) / 2)
	for i := 0; i < len(parts); i += 2 {
		key, ok := t.objectKey(parts[i])
		if !ok {
			return value.Value{}, fault.WrongType(parts[i].Kind().Name(), "String")
		}
		o.Set(key, parts[i+1])
	}
	return heap.Object(o)
}

// An object has a shape if it has keys enough to make it worth while, and not so many that finding out takes long.
const minShape, maxShape = 3, 64

// noShape is remembered where objects have none: it fits no keys.
var noShape = &value.Shape{}

// shape returns the shape of the objects that an instruction makes: that of the first, if its keys are constants of the program. Others
// could be memory of an event, which is another text the next time.
func (t *Thread) shape(in *code.Instr, parts []value.Value) *value.Shape {
	if in.A < minShape || in.A > maxShape {
		return noShape
	}
	u := t.frames[len(t.frames)-1].unit
	at := &u.shapes[in.B]
	if s := at.Load(); s != nil {
		return s
	}
	s := value.NewShape(parts)
	for i := 0; i < len(parts) && s != nil; i += 2 {
		if !slices.Contains(u.Consts, parts[i]) {
			s = nil
		}
	}
	if s == nil {
		s = noShape
	}
	at.Store(s)
	return s
}

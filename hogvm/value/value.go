// Package value has the values of the Hog language: what they are, how they compare, print, and become JSON.
//
// A Value is two machine words and is passed by value. Null, booleans, numbers and strings are immutable; arrays, tuples and objects
// live behind a pointer and are shared by whoever holds them: a write through one Value is seen through all.
//
// Globals are the exception to sharing. A program reads them as if each read made a deep copy, and may write to what it read. The copy is
// made late: [Value.Fresh] wraps a container in a new one that borrows its contents, and the borrowed contents are copied when somebody
// writes, or takes a container out of it. That is why containers have two ways to read: Peek for whoever only looks, At and Get for whoever
// keeps what he finds.
package value

import (
	"math"
	"unsafe"
)

// Kind is the representation of a Value. Dates, datetimes, errors and intervals are objects: see [Object.Mark].
type Kind uint8

// The kinds.
const (
	Null Kind = iota
	Bool
	Int    // int64
	Float  // float64
	String // UTF-8; whatever bytes came in are kept
	ArrayKind
	TupleKind
	ObjectKind
	CallableKind // a function that captures nothing yet, or a native one
	ClosureKind
)

// rustNames are the names that error texts use.
var rustNames = [...]string{"Null", "Boolean", "Number", "Number", "String", "Array", "Tuple", "Object", "Callable", "Closure"}

// Name returns the kind as error texts name it, for example in "Invalid value of type String, expected Number".
func (k Kind) Name() string { return rustNames[k] }

// Value is any Hog value. Its zero value is null. Values are equal in Go's sense (==) when they are the same scalar bits or the same
// container; use [Equal] for Hog's equality.
//
// Layout: an integer or float keeps its 64 bits in n, and p points to a marker. For everything else the upper byte of n is the kind; a
// string keeps its bytes behind p and its length in the lower bits, a boolean its truth in the lowest bit, and a container is what p
// points to. Two words, instead of an interface or three words, because a program spends its time copying values.
type Value struct {
	p unsafe.Pointer
	n uint64
}

const kindShift = 56

// The markers' addresses say that a Value is a number. They have a size of their own, so that they are distinct.
var markers [2]uint64

func intMark() unsafe.Pointer   { return unsafe.Pointer(&markers[0]) }
func floatMark() unsafe.Pointer { return unsafe.Pointer(&markers[1]) }

// OfBool returns a boolean.
func OfBool(b bool) Value {
	n := uint64(Bool) << kindShift
	if b {
		n |= 1
	}
	return Value{n: n}
}

// OfInt returns an integer.
func OfInt(i int64) Value { return Value{p: intMark(), n: uint64(i)} }

// OfFloat returns a float; NaN and the infinities are values, too.
func OfFloat(f float64) Value { return Value{p: floatMark(), n: math.Float64bits(f)} }

// OfString returns a string that shares the memory of s.
func OfString(s string) Value {
	return Value{p: unsafe.Pointer(unsafe.StringData(s)), n: uint64(String)<<kindShift | uint64(len(s))}
}

// OfArray returns a as an array.
func OfArray(a *Array) Value {
	return Value{p: unsafe.Pointer(a), n: uint64(ArrayKind) << kindShift}
}

// OfTuple returns a as a tuple.
func OfTuple(a *Array) Value {
	return Value{p: unsafe.Pointer(a), n: uint64(TupleKind) << kindShift}
}

// OfObject returns o as a value.
func OfObject(o *Object) Value {
	return Value{p: unsafe.Pointer(o), n: uint64(ObjectKind) << kindShift}
}

// OfCallable returns c as a value.
func OfCallable(c *Callable) Value {
	return Value{p: unsafe.Pointer(c), n: uint64(CallableKind) << kindShift}
}

// OfClosure returns c as a value.
func OfClosure(c *Closure) Value {
	return Value{p: unsafe.Pointer(c), n: uint64(ClosureKind) << kindShift}
}

// Become makes v what w is. Where the two are numbers of one type only the bits change, which spares the garbage collector a pointer write:
// what pays in a variable that is written again and again.
func (v *Value) Become(w Value) {
	if v.p != w.p {
		v.p = w.p
	}
	v.n = w.n
}

// SetInt is Become of an integer.
func (v *Value) SetInt(i int64) {
	if v.p != intMark() {
		v.p = intMark()
	}
	v.n = uint64(i)
}

// Kind returns the representation of v.
func (v Value) Kind() Kind {
	switch v.p {
	case intMark():
		return Int
	case floatMark():
		return Float
	}
	return Kind(v.n >> kindShift)
}

// IsNull tells whether v is null.
func (v Value) IsNull() bool { return v.p == nil && v.n == 0 }

// IsInt tells whether v is an integer.
func (v Value) IsInt() bool { return v.p == intMark() }

// IsFloat tells whether v is a float.
func (v Value) IsFloat() bool { return v.p == floatMark() }

// IsNumber tells whether v is an integer or a float.
func (v Value) IsNumber() bool { return v.p == intMark() || v.p == floatMark() }

// IsString tells whether v is a string.
func (v Value) IsString() bool { return v.Kind() == String }

// IsContainer tells whether v is an array, a tuple or an object.
func (v Value) IsContainer() bool {
	k := v.Kind()
	return k == ArrayKind || k == TupleKind || k == ObjectKind
}

// IsFunction tells whether v is a callable or a closure.
func (v Value) IsFunction() bool { k := v.Kind(); return k == CallableKind || k == ClosureKind }

// The accessors below panic when v is of another kind: a caller checks the kind first, or uses the As forms.

// Bool returns the boolean v.
func (v Value) Bool() bool {
	if v.Kind() != Bool {
		panic(wrongKind)
	}
	return v.n&1 != 0
}

// Int returns the integer v.
func (v Value) Int() int64 {
	if v.p != intMark() {
		panic(wrongKind)
	}
	return int64(v.n)
}

// Float returns the float v. See [Value.AsFloat] for any number.
func (v Value) Float() float64 {
	if v.p != floatMark() {
		panic(wrongKind)
	}
	return math.Float64frombits(v.n)
}

// Str returns the string v.
func (v Value) Str() string {
	if v.Kind() != String {
		panic(wrongKind)
	}
	return v.str()
}

// Array returns the elements of the array or tuple v.
func (v Value) Array() *Array {
	if k := v.Kind(); k != ArrayKind && k != TupleKind {
		panic(wrongKind)
	}
	return (*Array)(v.p)
}

// Object returns the object v.
func (v Value) Object() *Object {
	if v.Kind() != ObjectKind {
		panic(wrongKind)
	}
	return (*Object)(v.p)
}

// Callable returns the callable v.
func (v Value) Callable() *Callable {
	if v.Kind() != CallableKind {
		panic(wrongKind)
	}
	return (*Callable)(v.p)
}

// Closure returns the closure v.
func (v Value) Closure() *Closure {
	if v.Kind() != ClosureKind {
		panic(wrongKind)
	}
	return (*Closure)(v.p)
}

// wrongKind is what using a value as what it is not panics with. A constant, so that the methods above are inlined.
const wrongKind = "value: used as a value of another kind"

func (v Value) str() string {
	return unsafe.String((*byte)(v.p), v.n&(1<<kindShift-1))
}

// AsString returns the string v, and whether it is one.
func (v Value) AsString() (string, bool) {
	if v.Kind() != String {
		return "", false
	}
	return v.str(), true
}

// AsArray returns the elements of the array or tuple v, and whether it is one.
func (v Value) AsArray() (*Array, bool) {
	if k := v.Kind(); k != ArrayKind && k != TupleKind {
		return nil, false
	}
	return (*Array)(v.p), true
}

// AsObject returns the object v, and whether it is one.
func (v Value) AsObject() (*Object, bool) {
	if v.Kind() != ObjectKind {
		return nil, false
	}
	return (*Object)(v.p), true
}

// AsFloat returns the number v as a float, and whether v is a number.
func (v Value) AsFloat() (float64, bool) {
	switch v.p {
	case intMark():
		return float64(int64(v.n)), true
	case floatMark():
		return math.Float64frombits(v.n), true
	}
	return 0, false
}

// Truthy tells whether v counts as true: all but null, false, zero, NaN and the empty string.
func (v Value) Truthy() bool {
	switch v.Kind() {
	case Null:
		return false
	case Bool:
		return v.n&1 != 0
	case Int:
		return v.n != 0
	case Float:
		f := math.Float64frombits(v.n)
		return f != 0 && f == f
	case String:
		return v.n&(1<<kindShift-1) != 0
	}
	return true
}

// Fresh returns v for a program that may write to it: containers are wrapped, so that v itself never changes (see the package comment).
func (v Value) Fresh() Value {
	switch v.Kind() {
	case ArrayKind, TupleKind:
		a := (*Array)(v.p)
		return Value{p: unsafe.Pointer(&Array{items: a.items, borrowed: true}), n: v.n}
	case ObjectKind:
		o := (*Object)(v.p)
		return Value{p: unsafe.Pointer(&Object{entries: o.entries, index: o.index, mark: o.mark, borrowed: true}), n: v.n}
	}
	return v
}

// String returns v as print shows it inside a container, cut off when it is very long: for logs and tests.
func (v Value) String() string {
	b, err := AppendPrint(nil, v, 1<<16)
	if err != nil {
		return "..."
	}
	return string(b)
}

// MarshalJSON returns v as JSON, as AppendJSON with its zero style.
func (v Value) MarshalJSON() ([]byte, error) { return AppendJSON(nil, v, JSONStyle{}) }

// UnmarshalJSON makes v what ParseJSON makes of data.
func (v *Value) UnmarshalJSON(data []byte) (err error) {
	*v, err = ParseJSON(data)
	return err
}

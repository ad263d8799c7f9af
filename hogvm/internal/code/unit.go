package code

import (
	"strconv"

	"github.com/hog-go/hog/hogvm/value"
)

// Instr is one instruction. What A and B mean depends on the operation:
//
//	GetGlobal, And, Or, Dict, Array, Tuple, CallLocal    A: how many values; B of Dict: its number
//	CallGlobal                                           A: index in Calls
//	String, Integer, Float                               A: index in Consts
//	GetLocal, SetLocal, GetUpvalue, SetUpvalue           A: index of the variable
//	Jump, JumpIfFalse, JumpIfStackNotNull, Try           A: position to go to
//	DeclareFn, MakeCallable                              A: index in Callables, B: position behind the body
//	MakeClosure                                          A: index in Captures
//	Fault                                                A: index in Faults
//
// For the fused operations see their names in op.go.
type Instr struct {
	Op      Op
	Sub     Op    // of a fused one: the operation that it does in the middle
	Cost    uint8 // instructions of bytecode that this stands for
	At      int32 // its position
	Next    int32 // position behind it
	A, B, C int32
}

// Call is one place where a function is called by name.
type Call struct {
	Name string
	Args int
}

// Capture is one variable that a closure takes along: a local of the function that makes it, or one that this function captured itself.
type Capture struct {
	Local bool
	Index int
}

// Unit is the code of one chunk.
type Unit struct {
	Name   string // "root", "stl/…" or the name it is imported by
	Header int    // elements before the first instruction
	Number int    // of the unit in its program

	// Plain has an instruction for each element and End behind them. Fast is the same with runs of instructions that often stand
	// together replaced by one, at the position of the first; the others are still at theirs.
	Plain, Fast []Instr

	Consts    []value.Value
	Calls     []Call
	Callables []*value.Callable
	Captures  [][]Capture
	Faults    []error
	Paths     []Path
	Keys      []Key // constant keys of properties
	Items     []Item
	Tokens    []value.Value // the elements, header included, as suspended states show them
	Dicts     int           // how many DICT instructions there are
	Reversed  bool          // native functions get their arguments last one first: bytecode of version 0
}

// Item is the head of a loop that calls a function with each element of a list: Item := List[Index], then Func is called with Item behind
// what Before pushes (a slot, or -1), and Args arguments in all.
type Item struct {
	List, Index, Item, Func int
	Before                  int
	Args                    int
}

// Path is a chain of constant keys that a program reads from its globals, root first.
type Path []Key

// String returns a name that only equal paths share.
func (p Path) String() string {
	name := ""
	for _, k := range p {
		kind := ":"
		if k.IsIndex {
			kind = "#"
		}
		name += strconv.Itoa(len(k.Text)) + kind + k.Text
	}
	return name
}

// Key is one step of a Path: a text, or an integer, which is an index in an array and its decimal text in an object.
type Key struct {
	Text    string
	Hash    uint64 // value.Hash of Text
	Index   int64
	IsIndex bool
}

// KeyOf returns v as a step of a path, and whether it can be one.
func KeyOf(v value.Value) (Key, bool) {
	k := Key{}
	switch v.Kind() {
	case value.String:
		k.Text = v.Str()
	case value.Int:
		k.Index, k.IsIndex = v.Int(), true
		k.Text = strconv.FormatInt(k.Index, 10)
	default:
		return Key{}, false
	}
	k.Hash = value.Hash(k.Text)
	return k, true
}

// Follow goes down from v by keys; null where there is nothing. What it returns is for looking only, see package value.
func Follow(v value.Value, path Path) value.Value {
	for i := range path {
		k := &path[i]
		if o, ok := v.AsObject(); ok {
			v, _ = o.PeekHashed(k.Text, k.Hash)
			continue
		}
		a, ok := v.AsArray()
		if !ok || !k.IsIndex {
			return value.Value{}
		}
		at, ok := Position(k.Index, a.Len())
		if !ok {
			return value.Value{}
		}
		v = a.Peek()[at]
	}
	return v
}

// Position turns an index of the language, from 1 or from -1 backwards, into one of Go, and tells whether there is such an element.
func Position(index int64, length int) (int, bool) {
	if index < 0 {
		index += int64(length)
	} else {
		index--
	}
	return int(index), index >= 0 && index < int64(length)
}

package value

// Array is the elements of an array or a tuple. Indices here start at 0; Hog's own start at 1.
type Array struct {
	items    []Value
	weight   int  // bytes of everything below, as Heap counts; 0 when not known. See Weigh
	shallow  int  // bytes of the elements alone; 0 when not known
	borrowed bool // items belong to a container that must not change
	shared   bool // items are those of another array, too, until one of the two changes
}

// NewArray returns an array that takes over items.
func NewArray(items []Value) *Array { return &Array{items: items} }

// NewConstant returns an array of scalars that belongs to a program, any number of whose runs read it at once.
func NewConstant(items []Value) *Array {
	return &Array{items: items, shallow: shallow(items), shared: true}
}

// Len returns the number of elements.
func (a *Array) Len() int { return len(a.items) }

// Peek returns the elements for looking only: neither the slice nor a container in it may be kept, written to or returned to the program.
// See Items for that.
func (a *Array) Peek() []Value { return a.items }

// Items returns the elements; the caller may keep those, but not the slice, and not write to it.
func (a *Array) Items() []Value {
	a.own()
	return a.items
}

// At returns element i, which must exist.
func (a *Array) At(i int) Value {
	v := a.items[i]
	if a.borrowed && v.IsContainer() {
		a.own()
		v = a.items[i]
	}
	return v
}

// Set overwrites element i, which must exist.
func (a *Array) Set(i int, v Value) {
	a.change()
	a.items[i] = v
	a.weight, a.shallow = 0, 0
}

// Append adds v at the end.
func (a *Array) Append(v Value) {
	a.change()
	a.items = append(a.items, v)
	a.weight, a.shallow = 0, 0
}

// change makes the elements this array's alone.
func (a *Array) change() {
	a.own()
	if a.shared {
		a.items, a.shared = append([]Value(nil), a.items...), false
	}
}

// copy returns an array of the same elements, which have so many bytes.
func (a *Array) copy(size int) *Array {
	a.own()
	if !a.shared { // a constant is, and must not be written to
		a.shared = true
	}
	return &Array{items: a.items, shallow: size, shared: true}
}

// own makes the contents this array's: containers below become borrowers in turn, one level at a time.
func (a *Array) own() {
	if !a.borrowed {
		return
	}
	items := make([]Value, len(a.items))
	for i, v := range a.items {
		items[i] = v.Fresh()
	}
	a.items, a.borrowed, a.shared = items, false, false
}

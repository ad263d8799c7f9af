package value

import (
	"unsafe"

	"github.com/hog-go/hog/hogvm/fault"
)

// Heap counts what a run has made and has the memory for its texts.
//
// The count is of bytes ever made, whatever became garbage since: 8 for a number, 1 for a boolean, its bytes for a string, 16 for a
// container inside another. When it would pass the limit the run ends with "Out of resource: Heap Memory".
//
// Texts are carved from one block after the other, and a text that is the newest in its block grows in place: that makes a loop of
// s := concat(s, x) linear. A block is never used twice, so a text is valid for as long as somebody holds it.
type Heap struct {
	Limit int // bytes; 0 or less means none
	used  int
	block []byte // len is what texts occupy
	size  int    // of the next block: twice the largest text that outgrew its own
}

const (
	reference = 16   // bytes for a container inside another
	blockSize = 2048 // bytes at least
	maxBlock  = 1 << 16
)

// Used returns the bytes made so far.
func (h *Heap) Used() int { return h.used }

// Reset makes the heap new for another run.
func (h *Heap) Reset(limit int) { h.Limit, h.used = limit, 0 }

// Charge counts n more bytes.
func (h *Heap) Charge(n int) error {
	if h.used+n > h.Limit && h.Limit > 0 || h.used+n < 0 {
		return fault.Heap()
	}
	h.used += n
	return nil
}

// Rewind takes back what was made since Used returned used: nobody has it.
func (h *Heap) Rewind(used int) { h.used = used }

// Left returns the bytes that may still be made; it bounds what a function may build before it charges.
func (h *Heap) Left() int {
	if h.Limit <= 0 {
		return int(^uint(0) >> 1)
	}
	return h.Limit - h.used
}

// Open returns a buffer that begins with prefix, to which the caller appends (append, strconv.Append…, and so on) and which it hands to
// Close. Only one buffer is open at a time.
func (h *Heap) Open(prefix string) []byte {
	if n := len(prefix); n > 0 && n <= len(h.block) {
		if last := h.block[len(h.block)-n:]; unsafe.StringData(prefix) == unsafe.SliceData(last) {
			return last
		}
	}
	if need := len(prefix) + 16; cap(h.block)-len(h.block) < need {
		h.block = make([]byte, 0, max(blockSize, h.size, 2*need))
	}
	return append(h.block[len(h.block):], prefix...)
}

// Close makes a string of a buffer that Open returned, after its bytes are charged.
func (h *Heap) Close(b []byte) (Value, error) {
	if len(b) == 0 {
		return OfString(""), nil
	}
	if err := h.Charge(len(b)); err != nil {
		return Value{}, err
	}
	if within(h.block, b) {
		start := len(h.block[:cap(h.block)]) - cap(b)
		h.block = h.block[:start+len(b)]
	} else {
		h.block = b // it outgrew its block, and is the next one
		h.size = min(max(h.size, 2*len(b)), maxBlock)
	}
	return OfString(unsafe.String(unsafe.SliceData(b), len(b))), nil
}

// within tells whether b is a part of block's memory that ends where block's ends.
func within(block, b []byte) bool {
	if cap(b) > cap(block) || cap(b) == 0 {
		return false
	}
	tail := block[:cap(block)][cap(block)-cap(b):]
	return unsafe.SliceData(tail) == unsafe.SliceData(b)
}

// Copy makes a string of a copy of b.
func (h *Heap) Copy(b []byte) (Value, error) { return h.Close(append(h.Open(""), b...)) }

// Text makes a string that shares the memory of s, for texts that are made already or are part of another.
func (h *Heap) Text(s string) (Value, error) {
	if err := h.Charge(len(s)); err != nil {
		return Value{}, err
	}
	return OfString(s), nil
}

// Array makes an array that takes over items. For many items, Charge before building them.
func (h *Heap) Array(items []Value) (Value, error) {
	return h.Sized(items, shallow(items))
}

// Sized is Array for a caller who knows the bytes of the items.
func (h *Heap) Sized(items []Value, size int) (Value, error) {
	if err := h.Charge(size); err != nil {
		return Value{}, err
	}
	return OfArray(&Array{items: items, shallow: size}), nil
}

// Duplicate makes an array of the elements of a, and charges for them. They are copied when one of the two arrays changes.
func (h *Heap) Duplicate(a *Array) (Value, error) {
	size := a.shallow
	if size == 0 {
		size = shallow(a.items)
	}
	if err := h.Charge(size); err != nil {
		return Value{}, err
	}
	return OfArray(a.copy(size)), nil
}

// Extend adds v to a and charges for the whole of it, as if a were copied: for a list of which nobody has another reference. room is how
// many elements it may come to have.
func (h *Heap) Extend(a *Array, v Value, room int) error {
	if a.shallow == 0 {
		a.shallow = shallow(a.items)
	}
	size := a.shallow + Size(v)
	if err := h.Charge(size); err != nil {
		return err
	}
	if a.borrowed || a.shared {
		a.change()
	}
	if cap(a.items) == 0 {
		a.items = make([]Value, 0, room)
	}
	a.items, a.weight, a.shallow = append(a.items, v), 0, size
	return nil
}

// Tuple makes a tuple that takes over items.
func (h *Heap) Tuple(items []Value) (Value, error) {
	if err := h.Charge(shallow(items)); err != nil {
		return Value{}, err
	}
	return OfTuple(&Array{items: items}), nil
}

// Object charges for o and makes it a value.
func (h *Heap) Object(o *Object) (Value, error) {
	n := 0
	for i := range o.entries {
		n += len(o.entries[i].Key) + Size(o.entries[i].Value)
	}
	if err := h.Charge(n); err != nil {
		return Value{}, err
	}
	return OfObject(o), nil
}

// Size returns what v costs inside a container.
func Size(v Value) int {
	switch v.Kind() {
	case Null:
		return 0
	case Bool:
		return 1
	case Int, Float:
		return 8
	case String:
		return len(v.str())
	}
	return reference
}

func shallow(items []Value) int {
	n := 0
	for _, v := range items {
		n += Size(v)
	}
	return n
}

// Weigh returns the bytes of v and of everything below it, and notes them in the containers. It must run before v is shared between
// goroutines; a value that [ParseJSON] made is weighed already.
func Weigh(v Value) int {
	switch v.Kind() {
	case ArrayKind, TupleKind:
		a := (*Array)(v.p)
		if a.weight == 0 {
			for _, e := range a.items {
				a.weight += below(e)
			}
		}
		return a.weight
	case ObjectKind:
		o := (*Object)(v.p)
		if o.weight == 0 {
			o.flat = true
			for _, e := range o.entries {
				o.weight += len(e.Key) + below(e.Value)
				o.flat = o.flat && e.Value.Kind() <= String
			}
		}
		return o.weight
	}
	return Size(v)
}

func below(v Value) int {
	if v.IsContainer() {
		return reference + Weigh(v)
	}
	return Size(v)
}

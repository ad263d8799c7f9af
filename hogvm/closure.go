package hogvm

import (
	"slices"
	"strconv"

	"github.com/hog-go/hog/hogvm/fault"
	"github.com/hog-go/hog/hogvm/internal/code"
	"github.com/hog-go/hog/hogvm/value"
)

// makeClosure makes a closure of the callable on top of the stack, which stays there.
func (t *Thread) makeClosure(captures []code.Capture) (value.Value, error) {
	if err := t.pops(1); err != nil {
		return value.Value{}, err
	}
	top := t.stack[t.sp-1]
	if top.Kind() != value.CallableKind {
		return value.Value{}, t.notCallable(top)
	}
	c := top.Callable()
	if len(captures) != c.UpvalueCount {
		return value.Value{}, t.wrongCaptures(c.UpvalueCount, len(captures))
	}
	closure := &value.Closure{Callable: c}
	if len(captures) == 0 {
		return value.OfClosure(closure), nil
	}
	closure.Cells = make([]*value.Cell, len(captures))
	f := &t.frames[len(t.frames)-1]
	for i, capture := range captures {
		if capture.Local {
			slot := int(f.base) + capture.Index
			if slot >= t.sp { // its own slot is fine: that is how a function calls itself
				return value.Value{}, fault.New(fault.StackIndex, "Stack index out of bounds")
			}
			closure.Cells[i] = t.capture(slot)
		} else if capture.Index < len(f.closure.Cells) {
			closure.Cells[i] = f.closure.Cells[capture.Index]
		} else {
			return value.Value{}, t.noUpvalue(capture.Index)
		}
	}
	return value.OfClosure(closure), nil
}

// capture returns the open cell of a slot, one for all closures.
func (t *Thread) capture(slot int) *value.Cell {
	i := len(t.open)
	for ; i > 0 && t.open[i-1].Slot >= slot; i-- {
		if t.open[i-1].Slot == slot {
			return t.open[i-1]
		}
	}
	c := &value.Cell{Slot: slot, Open: true}
	t.open = slices.Insert(t.open, i, c)
	return c
}

// closeFrom closes the cells of all slots from sp up: they are about to go.
func (t *Thread) closeFrom(sp int) {
	n := len(t.open)
	for n > 0 && t.open[n-1].Slot >= sp {
		n--
		c := t.open[n]
		c.Value, c.Open = t.stack[c.Slot], false
		t.open[n] = nil
	}
	t.open = t.open[:n]
}

func (t *Thread) noUpvalue(i int) error {
	if t.vm.node {
		return fault.New(fault.Capture, "Invalid upvalue index: "+strconv.Itoa(i))
	}
	if len(t.frames) == 1 {
		return fault.New(fault.Capture, "No frame") // the program itself captures nothing
	}
	return fault.New(fault.Capture, "Capture index out of bounds: "+strconv.Itoa(i))
}

func (t *Thread) notCallable(v value.Value) error {
	if t.vm.node {
		return fault.New(fault.Call, "Invalid callable: "+t.jsonText(v))
	}
	return fault.WrongType(v.Kind().Name(), "Callable")
}

func (t *Thread) wrongCaptures(want, got int) error {
	if t.vm.node {
		return fault.New(fault.Call, "Invalid upvalue count. Expected "+strconv.Itoa(want)+", got "+strconv.Itoa(got))
	}
	return fault.New(fault.Call, "Invalid call: invalid number of heap arguments")
}

// jsonText is v in the text of an error: functions as in a state.
func (t *Thread) jsonText(v value.Value) string {
	plain, err := (&stateWriter{t: t, ids: map[*value.Cell]int64{}}).value(v, 0)
	if err != nil {
		return "[object Object]"
	}
	b, err := value.AppendJSON(nil, plain, value.JSONStyle{IntegralFloats: true, Lenient: true, Limit: 1 << 12})
	if err != nil {
		return "[object Object]"
	}
	return string(b)
}

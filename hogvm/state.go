package hogvm

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/hog-go/hog/hogvm/fault"
	"github.com/hog-go/hog/hogvm/value"
)

// The markers of what a suspended state has beside plain values.
const (
	upvalueKey = "__hogUpValue__"
	tupleKey   = "__hogTuple__"
)

// stateWriter turns what a thread holds into plain values. Cells get their numbers as they are met.
type stateWriter struct {
	t      *Thread
	ids    map[*value.Cell]int64
	cells  []*value.Cell
	visits int
}

// maxStateValues bounds a state: containers that share their parts are written as often as they are met.
const maxStateValues = 1 << 20

// state writes the run down in the form of PostHog's VMs. It reads in one VM what another wrote.
func (t *Thread) state() ([]byte, error) {
	w := &stateWriter{t: t, ids: map[*value.Cell]int64{}}
	stack, err := w.values(t.stack[:t.sp])
	if err != nil {
		return nil, err
	}
	frames, err := w.frames()
	if err != nil {
		return nil, err
	}
	upvalues, err := w.upvalues()
	if err != nil {
		return nil, err
	}
	s := value.NewObject(12)
	s.Set("bytecodes", w.bytecodes())
	s.Set("stack", array(stack))
	s.Set("upvalues", array(upvalues))
	s.Set("callStack", array(frames))
	s.Set("throwStack", w.handlers())
	s.Set("declaredFunctions", w.declared())
	s.Set("ops", integerValue(t.stepsBegan+t.steps))
	s.Set("asyncSteps", integerValue(t.asyncSteps))
	s.Set("syncDuration", value.OfInt(t.elapsed().Milliseconds()))
	s.Set("maxMemUsed", integerValue(w.memory()))
	if t.trace.on {
		s.Set("telemetry", w.telemetry())
	}
	return value.AppendJSON(nil, value.OfObject(s), t.vm.ResultStyle())
}

func array(items []value.Value) value.Value { return value.OfArray(value.NewArray(items)) }

func integerValue(n int) value.Value { return value.OfInt(int64(n)) }

// object makes an object of keys and values in turn.
func object(parts ...any) value.Value {
	o := value.NewObject(len(parts) / 2)
	for i := 0; i < len(parts); i += 2 {
		var v value.Value
		switch part := parts[i+1].(type) {
		case value.Value:
			v = part
		case string:
			v = value.OfString(part)
		case int:
			v = integerValue(part)
		case bool:
			v = value.OfBool(part)
		}
		o.Set(parts[i].(string), v)
	}
	return value.OfObject(o)
}

func (w *stateWriter) memory() int {
	if w.t.vm.node {
		return w.t.meter.peak
	}
	return max(w.t.meter.peak, w.t.call.Heap.Used()) // the peak is that of the legs before
}

func (w *stateWriter) bytecodes() value.Value {
	chunks := value.NewObject(1)
	for _, u := range w.t.units {
		if u.Number != 0 && w.t.vm.isLibrary(u) {
			continue
		}
		chunk := value.NewObject(2)
		chunk.Set("bytecode", array(u.Tokens))
		if u.globals != nil && u.Number != 0 {
			chunk.Set("globals", value.OfObject(u.globals))
		}
		chunks.Set(u.Name, value.OfObject(chunk))
	}
	return value.OfObject(chunks)
}

// isLibrary tells whether u is one of the functions written in Hog.
func (vm *VM) isLibrary(u *unit) bool {
	return u.Number > 0 && u.Number < len(vm.units)
}

func (w *stateWriter) values(list []value.Value) ([]value.Value, error) {
	plain := make([]value.Value, len(list))
	for i, v := range list {
		var err error
		if plain[i], err = w.value(v, 0); err != nil {
			return nil, err
		}
	}
	return plain, nil
}

// value makes v plain: functions and tuples become objects that say what they are.
func (w *stateWriter) value(v value.Value, depth int) (value.Value, error) {
	if depth > value.MaxDepth {
		return v, fault.OutOf("hog->json serialization depth")
	}
	if w.visits++; w.visits > maxStateValues {
		return v, fault.Heap()
	}
	switch v.Kind() {
	case value.CallableKind:
		return v.Callable().Marker(), nil
	case value.ClosureKind:
		return w.closure(v.Closure()), nil
	case value.ArrayKind, value.TupleKind:
		items := slices.Clone(v.Array().Peek())
		for i := range items {
			var err error
			if items[i], err = w.value(items[i], depth+1); err != nil {
				return v, err
			}
		}
		if v.Kind() == value.TupleKind {
			return object(tupleKey, true, "items", array(items)), nil
		}
		return array(items), nil
	case value.ObjectKind:
		o := value.NewObject(v.Object().Len())
		for _, e := range v.Object().Peek() {
			plain, err := w.value(e.Value, depth+1)
			if err != nil {
				return v, err
			}
			o.Set(e.Key, plain)
		}
		return value.OfObject(o), nil
	}
	return v, nil
}

func (w *stateWriter) closure(c *value.Closure) value.Value {
	ids := make([]value.Value, len(c.Cells))
	for i, cell := range c.Cells {
		ids[i] = value.OfInt(w.id(cell))
	}
	return c.Marker(ids)
}

func (w *stateWriter) id(c *value.Cell) int64 {
	if id, ok := w.ids[c]; ok {
		return id
	}
	w.cells = append(w.cells, c)
	id := int64(len(w.cells))
	w.ids[c] = id
	return id
}

// upvalues writes all cells that anything refers to. A closed one can hold a closure, which can refer to more.
func (w *stateWriter) upvalues() ([]value.Value, error) {
	for _, c := range w.t.open {
		w.id(c)
	}
	type entry struct {
		place int // the slot, twice, and one more for an open cell
		v     value.Value
	}
	var entries []entry
	for i := 0; i < len(w.cells); i++ {
		c := w.cells[i]
		plain := value.Value{}
		if !c.Open {
			var err error
			if plain, err = w.value(c.Value, 0); err != nil {
				return nil, err
			}
		}
		place := 2 * c.Slot
		if c.Open {
			place++
		}
		entries = append(entries, entry{place, object(upvalueKey, true, "id", i+1, "location", c.Slot, "closed", !c.Open, "value", plain)})
	}
	// An open cell comes after the closed ones of its slot: the Node VM takes the last one when the slot is captured again.
	slices.SortStableFunc(entries, func(a, b entry) int { return cmp.Compare(a.place, b.place) })
	list := make([]value.Value, len(entries))
	for i, e := range entries {
		list[i] = e.v
	}
	return list, nil
}

func (w *stateWriter) frames() ([]value.Value, error) {
	list := make([]value.Value, len(w.t.frames))
	for i, f := range w.t.frames {
		closure := w.closure(f.closure)
		list[i] = object("ip", int(f.ip)+f.unit.Header, "chunk", f.unit.Name, "stackStart", int(f.base), "argCount", int(f.args),
			"closure", closure)
	}
	return list, nil
}

func (w *stateWriter) handlers() value.Value {
	list := make([]value.Value, len(w.t.handlers))
	for i, h := range w.t.handlers {
		list[i] = object("callStackLen", h.frames, "stackLen", h.sp, "catchIp", int(h.ip)+w.t.frames[h.frames-1].unit.Header)
	}
	return array(list)
}

func (w *stateWriter) declared() value.Value {
	o := value.NewObject(len(w.t.declared))
	names := make([]string, 0, len(w.t.declared))
	for name := range w.t.declared {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		c := w.t.declared[name]
		o.Set(name, array([]value.Value{integerValue(c.IP + w.t.units[c.Unit].Header), integerValue(c.ArgCount)}))
	}
	return value.OfObject(o)
}

func (w *stateWriter) telemetry() value.Value {
	list := slices.Clone(w.t.trace.before)
	for _, e := range w.t.trace.entries {
		list = append(list, array([]value.Value{value.OfInt(0), value.OfString(e.chunk), integerValue(e.ip),
			value.OfString(strconv.Itoa(int(e.op)) + "/" + e.op.String()), value.OfString("")}))
	}
	return array(list)
}

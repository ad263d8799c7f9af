package hogvm

import (
	"fmt"
	"strings"
	"time"

	"github.com/hog-go/hog/hogvm/fault"
	"github.com/hog-go/hog/hogvm/value"
)

// stateReader makes what a thread holds of the plain values of a state. A state can come from anywhere, so everything in it is checked:
// the engine relies on positions and slots being there.
type stateReader struct {
	t     *Thread
	cells map[int64]*value.Cell
}

func invalidState(format string, args ...any) error {
	return fault.New(fault.InvalidState, "Invalid state: "+fmt.Sprintf(format, args...))
}

// restore puts the thread where the state was taken. The root program is the one of the caller, not the one in the state.
func (t *Thread) restore(text []byte) error {
	v, err := value.ParseJSON(text)
	if err != nil {
		return invalidState("%v", err)
	}
	s, ok := v.AsObject()
	if !ok {
		return invalidState("no object")
	}
	r := &stateReader{t: t, cells: map[int64]*value.Cell{}}
	for _, part := range []func(*value.Object) error{r.counts, r.chunks, r.cellsOf, r.stack, r.frames, r.handlers, r.declared} {
		if err := part(s); err != nil {
			return err
		}
	}
	return nil
}

// number returns the integer of a field, which must be at least lowest.
func number(o *value.Object, key string, lowest int64) (int64, error) {
	v, _ := o.PeekKey(key)
	f, ok := v.AsFloat()
	if !ok || f != float64(int64(f)) || int64(f) < lowest || int64(f) > 1<<53 {
		return 0, invalidState("%s is no number from %d", key, lowest)
	}
	return int64(f), nil
}

func listOf(o *value.Object, key string) ([]value.Value, error) {
	v, _ := o.PeekKey(key)
	a, ok := v.AsArray()
	if !ok {
		return nil, invalidState("%s is no array", key)
	}
	return a.Peek(), nil
}

func (r *stateReader) counts(s *value.Object) error {
	ops, err := number(s, "ops", 0)
	if err != nil {
		return err
	}
	steps, err := number(s, "asyncSteps", 0)
	if err != nil {
		return err
	}
	spent, err := number(s, "syncDuration", 0)
	if err != nil {
		return err
	}
	peak, err := number(s, "maxMemUsed", 0)
	if err != nil {
		return err
	}
	r.t.stepsBegan, r.t.asyncSteps, r.t.meter.peak = int(ops), int(steps), int(peak)
	r.t.spent = time.Duration(spent) * time.Millisecond
	if r.t.trace.on && !field(s, "telemetry").IsNull() {
		r.t.trace.before, err = listOf(s, "telemetry")
	}
	return err
}

// chunks takes over imported chunks that the program does not have.
func (r *stateReader) chunks(s *value.Object) error {
	chunks, ok := field(s, "bytecodes").AsObject()
	if !ok {
		if _, legacy := field(s, "bytecode").AsArray(); !legacy { // of the root alone
			return invalidState("bytecodes is no object")
		}
		return nil
	}
	for _, e := range chunks.Peek() {
		if _, known := r.t.program.named[e.Key]; known || e.Key == rootChunk || strings.HasPrefix(e.Key, libraryPrefix) {
			continue
		}
		text, err := value.AppendJSON(nil, e.Value, value.JSONStyle{})
		if err != nil {
			return err
		}
		if _, err := r.t.addChunk(e.Key, text); err != nil {
			return invalidState("chunk %s: %v", e.Key, err)
		}
	}
	return nil
}

// cellsOf makes the cells first, and then their values, since those can refer to any cell.
func (r *stateReader) cellsOf(s *value.Object) error {
	list, err := listOf(s, "upvalues")
	if err != nil {
		return err
	}
	stack, err := listOf(s, "stack")
	if err != nil {
		return err
	}
	for _, v := range list {
		o, ok := v.AsObject()
		if !ok {
			return invalidState("an upvalue is no object")
		}
		id, err := number(o, "id", 0)
		if err != nil {
			return err
		}
		slot, err := number(o, "location", 0)
		if err != nil {
			return err
		}
		closed := field(o, "closed")
		if closed.Kind() != value.Bool {
			return invalidState("closed of upvalue %d is no boolean", id)
		}
		c := &value.Cell{Slot: int(slot), Open: !closed.Bool()}
		if c.Open {
			if slot > int64(len(stack)) {
				return invalidState("upvalue %d is open and beyond the stack", id)
			}
			if n := len(r.t.open); n > 0 && r.t.open[n-1].Slot >= c.Slot {
				return invalidState("upvalues are not sorted by location")
			}
			r.t.open = append(r.t.open, c)
		}
		r.cells[id] = c
	}
	for _, v := range list {
		o := v.Object()
		id, _ := number(o, "id", 0)
		if c := r.cells[id]; !c.Open {
			if !o.Has("value") {
				return invalidState("upvalue %d is closed and has no value", id)
			}
			if c.Value, err = r.value(field(o, "value")); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *stateReader) stack(s *value.Object) error {
	list, err := listOf(s, "stack")
	if err != nil {
		return err
	}
	for _, v := range list {
		v, err := r.value(v)
		if err != nil {
			return err
		}
		if err := r.t.push(v); err != nil {
			return err
		}
	}
	for len(r.t.stack) <= r.t.sp { // an open cell can be one beyond
		if _, err := r.t.grow(r.t.sp); err != nil {
			return err
		}
	}
	return nil
}

// value makes functions and tuples of the objects that stand for them. It changes containers in place: they are the state's own.
func (r *stateReader) value(v value.Value) (value.Value, error) {
	switch v.Kind() {
	case value.ArrayKind:
		a := v.Array()
		for i := range a.Len() {
			e, err := r.value(a.At(i))
			if err != nil {
				return v, err
			}
			a.Set(i, e)
		}
	case value.ObjectKind:
		return r.object(v.Object())
	}
	return v, nil
}

func (r *stateReader) object(o *value.Object) (value.Value, error) {
	switch {
	case field(o, value.ClosureKey).Truthy():
		c, err := r.closure(o)
		return value.OfClosure(c), err
	case !field(o, value.CallableKey).IsNull():
		c, err := r.callable(o)
		return value.OfCallable(c), err
	case field(o, tupleKey).Truthy():
		items, ok := field(o, "items").AsArray()
		if !ok {
			return value.Value{}, invalidState("a tuple has no items")
		}
		if _, err := r.value(value.OfArray(items)); err != nil {
			return value.Value{}, err
		}
		return value.OfTuple(items), nil
	}
	for _, e := range o.Entries() {
		v, err := r.value(e.Value)
		if err != nil {
			return value.Value{}, err
		}
		if v != e.Value {
			o.Set(e.Key, v)
		}
	}
	return value.OfObject(o), nil
}

func (r *stateReader) closure(o *value.Object) (*value.Closure, error) {
	target, ok := field(o, "callable").AsObject()
	if !ok {
		return nil, invalidState("a closure has no callable")
	}
	callable, err := r.callable(target)
	if err != nil {
		return nil, err
	}
	ids, err := listOf(o, "upvalues")
	if err != nil {
		return nil, err
	}
	c := &value.Closure{Callable: callable, Cells: make([]*value.Cell, len(ids))}
	for i, id := range ids {
		f, _ := id.AsFloat()
		if c.Cells[i] = r.cells[int64(f)]; c.Cells[i] == nil {
			return nil, invalidState("no upvalue has the id of a closure")
		}
	}
	return c, nil
}

func (r *stateReader) callable(o *value.Object) (*value.Callable, error) {
	name, _ := field(o, "name").AsString()
	origin, _ := field(o, value.CallableKey).AsString()
	c := &value.Callable{Name: name}
	args, err := number(o, "argCount", 0)
	if err != nil {
		return nil, err
	}
	upvalues, err := number(o, "upvalueCount", 0)
	if err != nil {
		return nil, err
	}
	c.ArgCount, c.UpvalueCount = int(args), int(upvalues)
	switch origin {
	case "local":
		return c, r.place(c, o)
	case "stl":
		if u := r.t.vm.library[name]; u != nil {
			return u.closure.Callable, nil
		}
		c.Origin = value.Stl
		return c, nil
	case "async":
		c.Origin = value.Async
		return c, nil
	}
	return nil, invalidState("a function is of the kind %q", origin)
}

// place finds the code of a local function.
func (r *stateReader) place(c *value.Callable, o *value.Object) error {
	c.Chunk, _ = field(o, "chunk").AsString()
	if c.Chunk == "" {
		c.Chunk = rootChunk
	}
	unit, err := r.t.chunk(c.Chunk)
	if err != nil {
		return err
	}
	c.Unit = unit
	u := r.t.units[c.Unit]
	ip, err := number(o, "ip", 0)
	if err != nil {
		return err
	}
	c.Header = u.Header
	c.IP = max(int(ip)-u.Header, 0) // the root's own is 1, before its first instruction
	if c.IP >= len(u.Plain) {
		return invalidState("a function begins behind the end of chunk %s", c.Chunk)
	}
	return nil
}

func (r *stateReader) frames(s *value.Object) error {
	list, err := listOf(s, "callStack")
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return invalidState("callStack is empty")
	}
	r.t.frames = r.t.frames[:0]
	base := int64(0)
	for _, v := range list {
		o, ok := v.AsObject()
		if !ok {
			return invalidState("a frame is no object")
		}
		f, err := r.frame(o, base)
		if err != nil {
			return err
		}
		base = int64(f.base)
		r.t.frames = append(r.t.frames, f)
	}
	return nil
}

func (r *stateReader) frame(o *value.Object, lowest int64) (frame, error) {
	chunk, _ := field(o, "chunk").AsString()
	unit, err := r.t.chunk(chunk)
	if err != nil {
		return frame{}, err
	}
	f := frame{unit: r.t.units[unit]}
	ip, err := number(o, "ip", int64(f.unit.Header))
	if err != nil {
		return frame{}, err
	}
	base, err := number(o, "stackStart", lowest)
	if err != nil {
		return frame{}, err
	}
	args, err := number(o, "argCount", 0)
	if err != nil {
		return frame{}, err
	}
	ip -= int64(f.unit.Header)
	if ip >= int64(len(f.unit.Plain)) || base > int64(r.t.sp) || args > int64(r.t.vm.cfg.MaxStack) {
		return frame{}, invalidState("a frame of chunk %s is out of range", chunk)
	}
	closure, ok := field(o, "closure").AsObject()
	if !ok {
		return frame{}, invalidState("a frame has no closure")
	}
	f.ip, f.base, f.args = int32(ip), int32(base), int32(args)
	f.closure, err = r.closure(closure)
	return f, err
}

func (r *stateReader) handlers(s *value.Object) error {
	list, err := listOf(s, "throwStack")
	if err != nil {
		return err
	}
	for _, v := range list {
		o, ok := v.AsObject()
		if !ok {
			return invalidState("a handler is no object")
		}
		frames, err := number(o, "callStackLen", 1)
		if err != nil {
			return err
		}
		sp, err := number(o, "stackLen", 0)
		if err != nil {
			return err
		}
		if frames > int64(len(r.t.frames)) || sp > int64(r.t.sp) {
			return invalidState("a handler is out of range")
		}
		u := r.t.frames[frames-1].unit
		ip, err := number(o, "catchIp", int64(u.Header))
		if err != nil {
			return err
		}
		if ip -= int64(u.Header); ip >= int64(len(u.Plain)) {
			return invalidState("a handler is behind the end of chunk %s", u.Name)
		}
		r.t.handlers = append(r.t.handlers, handler{frames: int(frames), sp: int(sp), ip: int32(ip)})
	}
	return nil
}

// declared reads functions of the legacy form, all of which are in the root.
func (r *stateReader) declared(s *value.Object) error {
	o, ok := field(s, "declaredFunctions").AsObject()
	if !ok {
		return invalidState("declaredFunctions is no object")
	}
	u := r.t.units[0]
	for _, e := range o.Peek() {
		pair, ok := e.Value.AsArray()
		if !ok || pair.Len() != 2 || !pair.At(0).IsInt() || !pair.At(1).IsInt() {
			return invalidState("function %s is no position and count", e.Key)
		}
		ip, args := pair.At(0).Int()-int64(u.Header), pair.At(1).Int()
		if ip < 0 || ip >= int64(len(u.Plain)) || args < 0 || args > int64(r.t.vm.cfg.MaxStack) {
			return invalidState("function %s is out of range", e.Key)
		}
		r.t.declare(&value.Callable{Name: e.Key, ArgCount: int(args), IP: int(ip), Chunk: rootChunk})
	}
	return nil
}

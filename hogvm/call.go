package hogvm

import (
	"slices"
	"strconv"

	"github.com/hog-go/hog/hogvm/fault"
	"github.com/hog-go/hog/hogvm/native"
	"github.com/hog-go/hog/hogvm/value"
)

// maxArgs is how many arguments the Node VM passes to a function.
const maxArgs = 300

func (vm *VM) maxFrames() int {
	if vm.node {
		return 1000
	}
	return vm.cfg.MaxStack
}

// callNative runs a native function on the topmost values, which stay on the stack.
func (t *Thread) callNative(u *unit, c *callee) (value.Value, error) {
	if err := t.enough(c.name, c.args); err != nil {
		return value.Value{}, err
	}
	if err := c.arity(c.args); err != nil {
		return value.Value{}, err
	}
	args := t.stack[t.sp-c.args : t.sp : t.sp]
	if u.Reversed {
		slices.Reverse(args)
	}
	t.call.Name = c.name
	return c.entry.Func(&t.call, args)
}

// enough checks that the active frame has n arguments for a function.
func (t *Thread) enough(name string, n int) error {
	have := t.sp - int(t.frames[len(t.frames)-1].base)
	switch {
	case t.vm.node && t.sp < n:
		return fault.New(fault.NotEnoughArgs, "Not enough arguments on the stack")
	case t.vm.node && n > maxArgs:
		return fault.New(fault.TooManyArgs, "Too many arguments")
	case have < n:
		return fault.New(fault.NotEnoughArgs, "Not enough arguments for function "+name+": "+strconv.Itoa(have)+" available, "+
			strconv.Itoa(n)+" required")
	}
	return nil
}

// arity checks a number of arguments against what a built-in function takes.
func (c *callee) arity(n int) error {
	if c.host {
		return nil
	}
	return checkArity(c.name, c.entry, n)
}

func checkArity(name string, e *native.Entry, n int) error {
	if n < e.Min {
		return fault.TooFew(name, e.Min)
	}
	if e.Max >= 0 && n > e.Max {
		return fault.TooMany(name, e.Max)
	}
	return nil
}

// callGlobal calls whatever is no native function; stop means that the program is suspended. The active frame's ip is behind the call.
func (t *Thread) callGlobal(u *unit, c *callee) (stop bool, err error) {
	if fn := t.declared[c.name]; fn != nil && c.name != "toString" {
		return false, t.callDeclared(u, fn, c.args)
	}
	if err := t.enough(c.name, c.args); err != nil {
		return false, err
	}
	switch c.kind {
	case importCallee:
		return false, t.callImport(c.args)
	case libraryCallee:
		return false, t.callLibrary(c.unit, c.args)
	case asyncCallee:
		return t.suspend(c.name, c.args)
	case nativeCallee:
		v, err := t.callNative(u, c)
		if err != nil {
			return false, err
		}
		t.sp -= c.args
		return false, t.push(v)
	}
	return false, t.vm.unknownFunction(c.name)
}

func (vm *VM) unknownFunction(name string) error {
	if vm.node {
		return fault.New(fault.UnknownFunction, "Unsupported function call: "+name)
	}
	return fault.New(fault.UnknownFunction, "Unknown function "+name)
}

// enter pushes a frame whose arguments are the topmost n values.
func (t *Thread) enter(u *unit, ip, n int, closure *value.Closure) error {
	if len(t.frames) >= t.vm.maxFrames() {
		if t.vm.node {
			return fault.New(fault.Resource, "Call stack exceeded maximum length of 1000")
		}
		return fault.New(fault.StackOverflow, "Stack overflow")
	}
	t.frames = append(t.frames, frame{unit: u, closure: closure, ip: int32(ip), base: int32(t.sp - n), args: int32(n)})
	return nil
}

// leave drops the active frame: what it captured is closed, and the handlers that it installed are gone.
func (t *Thread) leave() {
	n := len(t.frames) - 1
	if len(t.open) > 0 {
		t.closeFrom(int(t.frames[n].base))
	}
	t.frames = t.frames[:n]
	for len(t.handlers) > 0 && t.handlers[len(t.handlers)-1].frames > n {
		t.handlers = t.handlers[:len(t.handlers)-1]
	}
}

// declare notes a function of the legacy form, which is called by its name.
func (t *Thread) declare(fn *value.Callable) {
	if t.declared == nil {
		t.declared = map[string]*value.Callable{}
	}
	t.declared[fn.Name] = fn
}

func (t *Thread) callDeclared(u *unit, fn *value.Callable, n int) error {
	for ; n < fn.ArgCount; n++ {
		if err := t.push(value.Value{}); err != nil {
			return err
		}
	}
	if err := t.pops(fn.ArgCount); err != nil {
		return err
	}
	return t.enter(u, fn.IP, fn.ArgCount, &value.Closure{Callable: fn})
}

func (t *Thread) callLibrary(u *unit, n int) error {
	if want := u.params; n != want {
		return fault.New(fault.Arity, "Function "+u.Name[len(libraryPrefix):]+" requires exactly "+strconv.Itoa(want)+" arguments")
	}
	return t.enter(u, 0, n, u.closure)
}

// callImport runs a chunk, whose result is what it returns.
func (t *Thread) callImport(n int) error {
	if n != 1 {
		return fault.New(fault.Arity, "Function import requires exactly 1 argument")
	}
	name, ok := t.stack[t.sp-1].AsString()
	if !ok {
		return fault.WrongType(t.stack[t.sp-1].Kind().Name(), "String")
	}
	number, err := t.chunk(name)
	if err != nil {
		return err
	}
	t.sp--
	t.closeFrom(t.sp)
	return t.enter(t.units[number], 0, 0, &value.Closure{Callable: &value.Callable{Name: name, Unit: number, Header: t.units[number].Header, Chunk: name}})
}

// chunk returns the number of the unit with that name, which the host may have to provide.
func (t *Thread) chunk(name string) (int, error) {
	if name == rootChunk || name == "" {
		return 0, nil
	}
	if number, ok := t.program.named[name]; ok {
		return number, nil
	}
	if number, ok := t.imported[name]; ok {
		return number, nil
	}
	if u := t.vm.library[trimLibrary(name)]; u != nil {
		return u.Number, nil
	}
	if t.vm.cfg.Import != nil {
		if text, found := t.vm.cfg.Import(name); found {
			return t.addChunk(name, text)
		}
	}
	return 0, fault.New(fault.UnknownSymbol, "Unknown chunk: "+name)
}

func trimLibrary(name string) string {
	if len(name) > len(libraryPrefix) && name[:len(libraryPrefix)] == libraryPrefix {
		return name[len(libraryPrefix):]
	}
	return ""
}

func (t *Thread) addChunk(name string, text []byte) (int, error) {
	v, err := value.ParseJSON(text)
	if err != nil {
		return 0, err
	}
	number := len(t.units)
	tokens, globals := chunkParts(v)
	u, err := t.vm.load(name, number, tokens, globals)
	if err != nil {
		return 0, err
	}
	if t.imported == nil {
		t.imported = map[string]int{}
	}
	t.imported[name] = number
	t.units = append(t.units[:number:number], u)
	return number, nil
}

// callLocal calls the function on top of the stack; stop means that the program is suspended.
func (t *Thread) callLocal(n int) (stop bool, err error) {
	top := t.stack[t.sp-1]
	if top.Kind() != value.ClosureKind {
		return false, t.notClosure(top)
	}
	c := top.Closure()
	fn := c.Callable
	t.sp--
	if err := t.enough(fn.Name, n); err != nil {
		return false, err
	}
	switch {
	case fn.Origin == value.Async:
		return t.suspend(fn.Name, n)
	case fn.Origin == value.Stl && t.vm.library[fn.Name] == nil:
		return false, t.callNativeValue(fn.Name, n)
	case fn.Origin == value.Stl:
		return false, t.callLibrary(t.vm.library[fn.Name], n)
	case n > fn.ArgCount:
		return false, t.tooMany(fn.ArgCount, n)
	}
	for ; n < fn.ArgCount; n++ {
		if err := t.push(value.Value{}); err != nil {
			return false, err
		}
	}
	return false, t.enter(t.units[fn.Unit], fn.IP, n, c)
}

// callNativeValue calls a native function that the program read by its name. The Node VM fills its arguments up with nulls.
func (t *Thread) callNativeValue(name string, n int) error {
	c := callee{name: name, args: n, entry: t.vm.natives[name], host: t.vm.host[name]}
	if c.entry == nil {
		return t.vm.unknownFunction(name)
	}
	if err := c.arity(n); err != nil {
		return err
	}
	for ; t.vm.node && c.args < c.entry.Max; c.args++ {
		if err := t.push(value.Value{}); err != nil {
			return err
		}
	}
	u := t.frames[len(t.frames)-1].unit
	if missing := c.args - n; u.Reversed && missing > 0 { // so that they come last once callNative has turned the arguments around
		args := t.stack[t.sp-c.args : t.sp]
		slices.Reverse(args)
		slices.Reverse(args[missing:])
	}
	v, err := t.callNative(u, &c)
	if err != nil {
		return err
	}
	t.sp -= c.args
	return t.push(v)
}

func (t *Thread) notClosure(v value.Value) error {
	if t.vm.node {
		return fault.New(fault.Call, "Invalid closure: "+t.jsonText(v))
	}
	return fault.WrongType(v.Kind().Name(), "Closure")
}

func (t *Thread) tooMany(want, got int) error {
	if t.vm.node {
		return fault.New(fault.TooManyArgs, "Too many arguments. Passed "+strconv.Itoa(got)+", expected "+strconv.Itoa(want))
	}
	return fault.New(fault.TooManyArgs, "Invalid call: Too many args - expected "+strconv.Itoa(want)+", got "+strconv.Itoa(got))
}

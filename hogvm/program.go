package hogvm

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/hog-go/hog/hogvm/fault"
	"github.com/hog-go/hog/hogvm/internal/code"
	"github.com/hog-go/hog/hogvm/internal/js"
	"github.com/hog-go/hog/hogvm/internal/scan"
	"github.com/hog-go/hog/hogvm/native"
	"github.com/hog-go/hog/hogvm/value"
)

// Program is bytecode, decoded and checked, that runs on the VM that loaded it. It never changes: any number of goroutines may run it.
type Program struct {
	vm    *VM
	units []*unit        // the root at 0, then the library's, then chunks
	named map[string]int // chunks by name
	plan  *scan.Plan     // of what the root reads
	expr  *expr          // the root as an expression, or nil
}

// unit is a chunk with what a VM adds to its code.
type unit struct {
	*code.Unit
	fast    []code.Instr // what runs unless every step counts
	callees []callee     // of Unit.Calls
	globals *value.Object
	shapes  []atomic.Pointer[value.Shape] // of the objects that its DICT instructions make

	bodies []*expr // of Callables that are expressions; nil for the others

	// Of a function of the library: how many arguments it takes, its value, and its loop.
	params  int
	closure *value.Closure
	loop    *loop
}

// calleeKind says what a name that is called stands for.
type calleeKind uint8

const (
	unknownCallee calleeKind = iota
	importCallee
	libraryCallee
	asyncCallee
	nativeCallee
)

type callee struct {
	kind  calleeKind
	host  bool // a native of the host: its number of arguments is its own affair
	name  string
	args  int
	entry *native.Entry
	unit  *unit // of the library
}

// Load decodes a program: a JSON array that begins with the marker "_H" and a version, or "_h", or an object of several such arrays:
//
//	{"bytecodes": {"root": {"bytecode": [...], "globals": {...}}, "other": {"bytecode": [...]}}}
//
// What is wrong with single instructions is met when a run gets there; see [Program.Check] to know before.
func (vm *VM) Load(bytecode []byte) (*Program, error) {
	v, err := value.ParseJSON(bytecode)
	if err != nil {
		return nil, fmt.Errorf("parse bytecode: %w", err)
	}
	return vm.LoadValue(v)
}

// LoadValue is Load for bytecode that is parsed already.
func (vm *VM) LoadValue(v value.Value) (*Program, error) {
	p := &Program{vm: vm, units: slices.Clone(vm.units), named: map[string]int{}}
	container, ok := v.AsObject()
	if !ok {
		if err := p.loadRoot(v, nil); err != nil {
			return nil, err
		}
		return p, nil
	}
	chunks, ok := field(container, "bytecodes").AsObject()
	if !ok {
		return nil, vm.invalid("Missing bytecode marker at position 0")
	}
	for _, e := range chunks.Entries() {
		tokens, globals := chunkParts(e.Value)
		if e.Key == rootChunk {
			if err := p.loadRoot(tokens, globals); err != nil {
				return nil, err
			}
			continue
		}
		u, err := vm.load(e.Key, len(p.units), tokens, globals)
		if err != nil {
			return nil, fmt.Errorf("chunk %s: %w", e.Key, err)
		}
		p.named[e.Key] = len(p.units)
		p.units = append(p.units, u)
	}
	if p.units[0] == nil {
		return nil, vm.invalid("Missing bytecode marker at position 0")
	}
	return p, nil
}

const (
	rootChunk     = "root"
	libraryPrefix = "stl/"
)

func (p *Program) loadRoot(tokens value.Value, globals *value.Object) (err error) {
	if p.units[0], err = p.vm.load(rootChunk, 0, tokens, globals); err == nil {
		p.plan = scan.New(p.units[0].Paths)
		if p.units[0].Fast != nil {
			if e := exprOf(p.units[0], 0, -1); e != nil {
				p.expr = e.forPlan(p.plan, nil)
			}
		}
	}
	return err
}

// chunkParts takes a chunk of the form {"bytecode": [...], "globals": {...}} apart.
func chunkParts(v value.Value) (tokens value.Value, globals *value.Object) {
	o, ok := v.AsObject()
	if !ok {
		return v, nil
	}
	globals, _ = field(o, "globals").AsObject()
	return field(o, "bytecode"), globals
}

func field(o *value.Object, key string) value.Value {
	v, _ := o.PeekKey(key)
	return v
}

// load makes a unit of a chunk that has a header.
func (vm *VM) load(name string, number int, v value.Value, globals *value.Object) (*unit, error) {
	tokens, ok := v.AsArray()
	if !ok {
		return nil, vm.invalid("Missing bytecode marker at position 0")
	}
	header, version, err := vm.header(tokens.Peek())
	if err != nil {
		return nil, err
	}
	if globals != nil {
		value.Weigh(value.OfObject(globals)) // now, since runs share them
	}
	u := &unit{Unit: code.Decode(name, number, tokens.Peek()[header:], vm.node), globals: globals}
	u.Header, u.Reversed, u.Tokens = header, version == 0, tokens.Peek()
	for _, c := range u.Callables {
		c.Header = header
	}
	vm.link(u)
	return u, nil
}

// header returns the number of elements before the first instruction, and the version.
func (vm *VM) header(tokens []value.Value) (size int, version int64, err error) {
	if len(tokens) == 0 {
		return 0, 0, vm.invalid("Missing bytecode marker at position 0")
	}
	switch marker, _ := tokens[0].AsString(); {
	case marker == "_h":
		return 1, 0, nil
	case marker != "_H":
		text, err := value.AppendJSON(nil, tokens[0], value.JSONStyle{Lenient: true})
		if err != nil {
			return 0, 0, err
		}
		return 0, 0, vm.invalid("Invalid bytecode marker: " + string(text))
	case len(tokens) == 1:
		return 1, 0, nil
	}
	v := tokens[1]
	if vm.node {
		if js.Number(v) > 0 {
			return 2, 1, nil
		}
		return 2, 0, nil
	}
	if !v.IsInt() || v.Int() < 0 {
		return 0, 0, vm.invalid("Invalid version number")
	}
	return 2, v.Int(), nil
}

func (vm *VM) invalid(detail string) error {
	if vm.node {
		return fault.New(fault.InvalidProgram, "Invalid HogQL bytecode, must start with '_H'")
	}
	return fault.New(fault.InvalidProgram, "Invalid bytecode: "+detail)
}

// link resolves the names that a chunk calls, and chooses the code that runs.
func (vm *VM) link(u *unit) {
	u.callees = make([]callee, len(u.Calls))
	for i, call := range u.Calls {
		u.callees[i] = vm.resolve(call)
	}
	u.shapes = make([]atomic.Pointer[value.Shape], u.Dicts)
	u.fast = u.Plain
	if !vm.node && !vm.cfg.Telemetry {
		u.Fuse(u.params > 0 && !vm.host["arrayPushBack"])
		u.fast = u.Fast
		u.bodies = make([]*expr, len(u.Callables))
		for i, c := range u.Callables {
			if c.ArgCount <= maxLeafArgs {
				u.bodies[i] = exprOf(u, int32(c.IP), c.ArgCount)
			}
		}
	}
}

func (vm *VM) resolve(call code.Call) callee {
	c := callee{name: call.Name, args: call.Args}
	entry := vm.natives[call.Name]
	library := vm.library[call.Name]
	switch {
	case call.Name == "import":
		c.kind = importCallee
	case entry != nil && vm.host[call.Name]:
		c.kind, c.entry, c.host = nativeCallee, entry, true
	case library != nil:
		c.kind, c.unit = libraryCallee, library
	case vm.async[call.Name]:
		c.kind = asyncCallee
	case entry != nil:
		c.kind, c.entry = nativeCallee, entry
	}
	return c
}

// Problem is something in a program that fails once a run gets there.
type Problem struct {
	Chunk string
	IP    int // element of the chunk's bytecode, header included
	Err   error
}

// String tells where the problem is and what.
func (p Problem) String() string { return fmt.Sprintf("%s at %d: %v", p.Chunk, p.IP, p.Err) }

// Check returns what would fail whatever the globals: instructions that make no sense, unknown functions, wrong numbers of arguments.
func (p *Program) Check() []Problem {
	var problems []Problem
	for _, u := range p.units {
		if strings.HasPrefix(u.Name, libraryPrefix) {
			continue
		}
		for ip := 0; ip < len(u.Plain)-1; ip = int(u.Plain[ip].Next) {
			if err := p.vm.checkInstr(u, u.Plain[ip]); err != nil {
				problems = append(problems, Problem{Chunk: u.Name, IP: ip + u.Header, Err: err})
			}
		}
	}
	return problems
}

func (vm *VM) checkInstr(u *unit, in code.Instr) error {
	switch in.Op {
	case code.Fault:
		return u.Faults[in.A]
	case code.CallGlobal:
		c := &u.callees[in.A]
		switch {
		case c.kind == unknownCallee && !u.declares(c.name):
			return vm.unknownFunction(c.name)
		case c.kind == nativeCallee:
			return c.arity(c.args)
		}
	}
	return nil
}

// declares tells whether the chunk has a function of that name in the legacy form.
func (u *unit) declares(name string) bool {
	return slices.ContainsFunc(u.Plain, func(in code.Instr) bool {
		return in.Op == code.DeclareFn && u.Callables[in.A].Name == name
	})
}

// Disassemble returns the program as text: a line per instruction with its element number, name and operands.
func (p *Program) Disassemble() string {
	var b bytes.Buffer
	for _, u := range p.units {
		if !strings.HasPrefix(u.Name, libraryPrefix) {
			fmt.Fprintf(&b, "%s:\n", u.Name)
			u.Disassemble(&b)
		}
	}
	return b.String()
}

// VM returns the machine that loaded the program.
func (p *Program) VM() *VM { return p.vm }

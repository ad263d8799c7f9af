package hogvm

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hog-go/hog/hogvm/internal/stl"
	"github.com/hog-go/hog/hogvm/native"
	"github.com/hog-go/hog/hogvm/value"
)

// Profile says whose behaviour a VM has where PostHog's implementations differ.
type Profile = native.Profile

// The profiles. Rust is the default.
const (
	Rust = native.Rust
	Node = native.Node
)

// Config is read once, by New. Its zero value is a VM as PostHog's Rust services make it.
type Config struct {
	Profile Profile

	// MaxSteps bounds the instructions of one run, or of one leg between two suspensions; default 10,000.
	MaxSteps int
	// MaxHeap bounds the bytes that a run may ever make; default 1 MiB. See value.Heap for what counts.
	MaxHeap int
	// MaxStack bounds the operand stack in values, and the calls in progress; default 1,048,576.
	MaxStack int
	// Coerce lets < <= > >= and == bring dates, numbers, text and booleans together. Off: only numbers and arrays of numbers have an order.
	Coerce bool
	// MaxAsyncSteps bounds the suspensions of a run; default 0, in the Node profile 100.
	MaxAsyncSteps int
	// Timeout bounds the time spent in a run, all legs together; 0 means none, in the Node profile 5 s.
	Timeout time.Duration
	// MaxMemory bounds the Node profile's estimate of what lies on the stack, in bytes; default 64 MiB, negative means none.
	MaxMemory int

	// Functions of the host, by name. They win over built-in ones of the same name.
	Functions map[string]native.Entry
	// Async are the names of functions that suspend a run instead of running. "sleep" always is one.
	Async []string
	// Print receives a line for each call of print. Without it the Rust profile does not know the function.
	Print func(line string)
	// Import returns the bytecode of a chunk that a program imports and did not bring along; nil, or false, means there is none.
	Import func(name string) (bytecode []byte, found bool)
	// Telemetry notes every instruction in the state of a run.
	Telemetry bool
	// Clock returns the time for now() and today(); nil means time.Now.
	Clock func() time.Time
}

// VM has the functions and limits with which programs run. It never changes and may be shared.
type VM struct {
	cfg     Config
	node    bool
	natives map[string]*native.Entry
	host    map[string]bool // natives that the host registered
	async   map[string]bool
	library map[string]*unit
	units   []*unit // the library's, by number; 0 is for a program's root
	values  map[string]value.Value
	threads sync.Pool
}

// New checks cfg and fills its zero fields.
func New(cfg Config) (*VM, error) {
	if cfg.MaxSteps < 0 || cfg.MaxHeap < 0 || cfg.MaxStack < 0 || cfg.MaxAsyncSteps < 0 || cfg.Timeout < 0 {
		return nil, fmt.Errorf("hogvm: a limit is negative: steps %d, heap %d, stack %d, async steps %d, timeout %s",
			cfg.MaxSteps, cfg.MaxHeap, cfg.MaxStack, cfg.MaxAsyncSteps, cfg.Timeout)
	}
	for name, entry := range cfg.Functions {
		if entry.Func == nil {
			return nil, fmt.Errorf("hogvm: function %s has no code", name)
		}
	}
	vm := &VM{cfg: cfg, node: cfg.Profile == Node}
	vm.defaults()
	vm.register()
	if err := vm.loadLibrary(); err != nil {
		return nil, err
	}
	vm.threads.New = func() any { return vm.NewThread() }
	return vm, nil
}

func (vm *VM) defaults() {
	c := &vm.cfg
	c.MaxStack = cmp.Or(c.MaxStack, 1<<20)
	if !vm.node {
		c.MaxSteps = cmp.Or(c.MaxSteps, 10_000)
		c.MaxHeap = cmp.Or(c.MaxHeap, 1<<20)
		return
	}
	// The Node VM counts time and the stack, not instructions; these keep a host alive whose Timeout is long.
	c.MaxSteps = cmp.Or(c.MaxSteps, 1<<40)
	c.MaxHeap = cmp.Or(c.MaxHeap, 1<<30)
	c.MaxAsyncSteps = cmp.Or(c.MaxAsyncSteps, 100)
	c.Timeout = cmp.Or(c.Timeout, 5*time.Second)
	c.MaxMemory = cmp.Or(c.MaxMemory, 64<<20)
}

// register makes the tables of functions and the values that stand for them when a program reads a function by its name.
func (vm *VM) register() {
	vm.natives, vm.host, vm.async = map[string]*native.Entry{}, map[string]bool{}, map[string]bool{"sleep": true}
	vm.values = map[string]value.Value{}
	for name, entry := range stl.Table(vm.cfg.Profile) {
		vm.natives[name] = &entry
	}
	if vm.cfg.Print != nil || vm.node {
		vm.natives["print"] = &native.Entry{Func: printLine, Max: native.Unbounded}
	}
	for name, entry := range vm.cfg.Functions {
		vm.natives[name], vm.host[name] = &entry, true
	}
	for _, name := range vm.cfg.Async {
		vm.async[name] = true
	}
	for name, entry := range vm.natives {
		vm.values[name] = functionValue(name, max(entry.Max, 0), value.Stl)
	}
	for name := range vm.async {
		vm.values[name] = functionValue(name, 0, value.Async)
	}
	vm.values["sleep"] = functionValue("sleep", 1, value.Async)
}

func functionValue(name string, args int, origin value.Origin) value.Value {
	return value.OfClosure(&value.Closure{Callable: &value.Callable{Name: name, ArgCount: args, Origin: origin}})
}

// Functions returns the names that a program of this VM may call, sorted: native, written in Hog, and async.
func (vm *VM) Functions() []string {
	names := slices.Collect(maps.Keys(vm.natives))
	names = slices.AppendSeq(names, maps.Keys(vm.library))
	names = slices.AppendSeq(names, maps.Keys(vm.async))
	slices.Sort(names)
	return slices.Compact(names)
}

package hogvm

import (
	"context"
	"time"

	"github.com/hog-go/hog/hogvm/fault"
	"github.com/hog-go/hog/hogvm/internal/like"
	"github.com/hog-go/hog/hogvm/internal/scan"
	"github.com/hog-go/hog/hogvm/native"
	"github.com/hog-go/hog/hogvm/value"
)

// Thread runs programs, one after the other, and keeps its memory between them. It is for one goroutine at a time. [Program.Run] borrows
// one from a pool; have your own to set limits for single runs, to step, or to suspend and resume.
type Thread struct {
	// MaxSteps and MaxHeap are as in Config, for the runs to come.
	MaxSteps, MaxHeap int
	// Print receives what the program prints.
	Print func(line string)

	vm        *VM
	node      bool
	maxFrames int
	program   *Program
	globals   Globals
	plan      *scan.Plan // by which view looks
	view      scan.View  // of the globals
	numbers   []int32    // of the program's paths in the plan of a set; nil when it is the program's own
	call      native.Call

	units    []*unit // the program's; a copy of its own once it imports more
	imported map[string]int
	stack    []value.Value
	sp       int // values on the stack
	frames   []frame
	handlers []handler
	open     []*value.Cell // of slots on the stack, lowest first
	declared map[string]*value.Callable

	steps      int // in this leg; the engine brings it up to date when it stops or is at a checkpoint
	until      int // step at which the engine looks around
	stepsBegan int // in the legs before
	pauseAt    int // step before which the engine stops for its driver; -1 for none
	asyncSteps int
	resumable  bool // a call of an async function suspends
	began      time.Time
	spent      time.Duration // in the legs before
	watched    bool          // the engine looks at the clock and the context now and then

	// For expressions: arguments and captured variables of the function, and results kept during the event of a set.
	args    [maxLeafArgs]value.Value
	cells   []*value.Cell
	memos   []memo
	readAll bool // nothing may be left out

	result    value.Value
	suspended Call
	texts     [2][]byte // of scalars that are matched as text
	likes     map[likeKey]*like.Pattern
	meter     meter
	trace     trace
}

// frame is a function in progress: where it goes on, and where its arguments and locals begin on the stack.
type frame struct {
	unit    *unit
	closure *value.Closure
	ip      int32
	base    int32
	args    int32
}

// handler is a try block in progress.
type handler struct {
	frames int // in progress when it began, its own included
	sp     int
	ip     int32
}

// outcome is how the engine stopped.
type outcome uint8

const (
	finished outcome = iota
	suspended
	paused
)

const (
	firstStack = 64
	// maxLeafArgs is how many arguments a function may have that is evaluated as an expression.
	maxLeafArgs = 2
	// checkEvery is how many steps pass between two looks at the clock and the context.
	checkEvery = 4096
)

// NewThread returns a thread with the limits of the VM.
func (vm *VM) NewThread() *Thread {
	t := &Thread{vm: vm, node: vm.node, maxFrames: vm.maxFrames(), MaxSteps: vm.cfg.MaxSteps, MaxHeap: vm.cfg.MaxHeap, Print: vm.cfg.Print}
	t.stack = make([]value.Value, min(firstStack, vm.cfg.MaxStack))
	t.frames = make([]frame, 0, 8)
	t.call.Profile, t.call.Coerce, t.call.Clock = vm.cfg.Profile, vm.cfg.Coerce, vm.cfg.Clock
	return t
}

var rootClosure = &value.Closure{Callable: &value.Callable{IP: 1, Chunk: rootChunk}}

// reset makes the thread ready to run p from its beginning.
func (t *Thread) reset(ctx context.Context, p *Program, g Globals) {
	t.program, t.globals = p, g
	t.watched = t.vm.cfg.Timeout > 0 || ctx.Done() != nil
	t.units, t.imported = p.units, nil
	t.sp = 0
	t.frames = append(t.frames[:0], frame{unit: p.units[0], closure: rootClosure})
	t.handlers, t.open, t.declared = t.handlers[:0], t.open[:0], nil
	t.steps, t.stepsBegan, t.pauseAt, t.asyncSteps = 0, 0, -1, 0
	t.resumable, t.spent = false, 0
	t.result = value.Value{}
	t.call.Heap.Reset(t.MaxHeap)
	t.call.Print = t.Print
	t.meter.reset(t.vm.cfg.MaxMemory)
	t.trace.reset(t.vm.cfg.Telemetry)
	if t.vm.cfg.Timeout > 0 {
		t.began = time.Now()
	}
}

// execute runs the engine until the program finishes, fails or suspends.
func (t *Thread) execute(ctx context.Context) (outcome, error) {
	if t.vm.node || t.trace.on {
		return t.metered(ctx)
	}
	return t.run(ctx)
}

// metered runs one instruction at a time, for what is noted about each.
func (t *Thread) metered(ctx context.Context) (outcome, error) {
	for {
		t.trace.note(t)
		t.meter.before(t)
		t.pauseAt = t.steps + 1
		out, err := t.run(ctx)
		if err == nil {
			err = t.meter.after(ctx, t)
		}
		if err != nil || out != paused {
			return out, err
		}
	}
}

// halt is what becomes of an engine that has no steps left for its next instruction.
type halt uint8

const (
	goOn       halt = iota // it gets more
	stepByStep             // what is left is enough for an instruction of bytecode, not for a fused one
	pauseHere              // the driver wants it to stop
)

// checkpoint is reached when the granted steps do not suffice for an instruction that costs so many. The error says why to stop for good.
func (t *Thread) checkpoint(ctx context.Context, cost int) (halt, error) {
	left := t.last() - t.steps
	switch {
	case left >= cost:
		return goOn, t.overtime(ctx)
	case left > 0 && t.until > t.steps:
		return stepByStep, nil
	case left > 0:
		return goOn, nil
	case t.steps < t.MaxSteps:
		return pauseHere, nil
	}
	return pauseHere, fault.OutOf("steps")
}

// last returns the step that the engine must not pass.
func (t *Thread) last() int {
	if t.pauseAt >= 0 {
		return min(t.MaxSteps, t.pauseAt)
	}
	return t.MaxSteps
}

// grant returns how many steps the engine may take before it looks around.
func (t *Thread) grant() int {
	t.until = t.last()
	if t.watched {
		t.until = min(t.until, t.steps+checkEvery)
	}
	return t.until - t.steps
}

// spend notes the steps that the engine took of those it was granted.
func (t *Thread) spend(left int) { t.steps = t.until - left }

func (t *Thread) overtime(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if limit := t.vm.cfg.Timeout; limit > 0 && t.spent+time.Since(t.began) > limit {
		return fault.TimedOut(limit, t.stepsBegan+t.steps)
	}
	return nil
}

// grow makes room for one more value.
func (t *Thread) grow(sp int) ([]value.Value, error) {
	limit := t.vm.cfg.MaxStack
	if sp >= limit {
		return t.stack, fault.New(fault.StackOverflow, "Stack overflow")
	}
	bigger := make([]value.Value, min(2*len(t.stack)+firstStack, limit))
	copy(bigger, t.stack[:sp])
	t.stack = bigger
	return bigger, nil
}

func (t *Thread) push(v value.Value) error {
	if t.sp == len(t.stack) {
		if _, err := t.grow(t.sp); err != nil {
			return err
		}
	}
	t.stack[t.sp] = v
	t.sp++
	return nil
}

// pops checks that the active frame has n values to take.
func (t *Thread) pops(n int) error {
	if t.sp-int(t.frames[len(t.frames)-1].base) < n {
		return t.underflow()
	}
	return nil
}

func (t *Thread) underflow() error {
	if t.vm.node {
		return fault.New(fault.StackUnderflow, "Invalid HogQL bytecode, stack is empty, can not pop")
	}
	return fault.New(fault.StackUnderflow, "Stack underflow")
}

// drop lets go of what the last run left, when it was much: a thread keeps the memory of a small run, and with it what its stack held.
func (t *Thread) drop() {
	if len(t.stack) > firstStack {
		t.stack = make([]value.Value, min(firstStack, t.vm.cfg.MaxStack))
	}
	t.program, t.globals, t.units = nil, Globals{}, nil
	t.call.Print = nil
}

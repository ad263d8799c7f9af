package hogvm

import (
	"context"
	"slices"
	"strconv"

	"github.com/hog-go/hog/hogvm/fault"
	"github.com/hog-go/hog/hogvm/internal/scan"
	"github.com/hog-go/hog/hogvm/value"
)

// Run executes the program and returns its result. A program that calls an async function fails: see Thread.Start for those. Errors are
// of type *Failure, but for raw globals that are no JSON.
func (p *Program) Run(ctx context.Context, g Globals) (value.Value, error) {
	t := p.vm.threads.Get().(*Thread)
	defer p.vm.release(t)
	return t.Run(ctx, p, g)
}

// release gives a borrowed thread back, with the limits of the VM.
func (vm *VM) release(t *Thread) {
	t.drop()
	t.MaxSteps, t.MaxHeap, t.Print = vm.cfg.MaxSteps, vm.cfg.MaxHeap, vm.cfg.Print
	vm.threads.Put(t)
}

// RunJSON is Run with the result appended to dst as JSON.
func (p *Program) RunJSON(ctx context.Context, g Globals, dst []byte) ([]byte, error) {
	v, err := p.Run(ctx, g)
	if err != nil {
		return dst, err
	}
	return value.AppendJSON(dst, v, p.vm.ResultStyle())
}

// ResultStyle is how the results of this VM become JSON: the Node profile has one type of number, null for NaN, and objects that stand
// for functions.
func (vm *VM) ResultStyle() value.JSONStyle {
	return value.JSONStyle{IntegralFloats: vm.node, Lenient: vm.node, Markers: vm.node}
}

// Result is one of a batch.
type Result struct {
	Value value.Value
	Err   error
}

// RunAll runs the program once for each of globals, and returns the results in their order.
func (p *Program) RunAll(ctx context.Context, globals []Globals) []Result {
	t := p.vm.threads.Get().(*Thread)
	defer p.vm.release(t)
	results := make([]Result, len(globals))
	for i, g := range globals {
		results[i].Value, results[i].Err = t.Run(ctx, p, g)
	}
	return results
}

// Run is Program.Run on this thread.
func (t *Thread) Run(ctx context.Context, p *Program, g Globals) (value.Value, error) {
	t.globals = g
	if err := t.look(p.plan, g); err != nil {
		return value.Value{}, err
	}
	if e := p.expr; e != nil && e.fits(t) {
		if v, ok := e.run(t); ok {
			return t.detach(v), nil
		}
	}
	t.reset(ctx, p, g)
	t.numbers = nil
	if _, err := t.execute(ctx); err != nil {
		return value.Value{}, err
	}
	return t.finish()
}

// begin resets the thread and scans raw globals.
func (t *Thread) begin(ctx context.Context, p *Program, g Globals) error {
	t.reset(ctx, p, g)
	t.numbers = nil
	return t.look(p.plan, g)
}

// look shows the globals by a plan.
func (t *Thread) look(plan *scan.Plan, g Globals) error {
	t.plan = plan
	if g.raw {
		return t.view.Text(plan, g.text)
	}
	t.view.Object(plan, g.object)
	return nil
}

// finish makes the result ready to leave the machine.
func (t *Thread) finish() (value.Value, error) {
	if v := t.result; v.IsContainer() || v.IsFunction() || v.IsFloat() {
		if err := t.vm.portable(v); err != nil {
			return value.Value{}, t.failure(err)
		}
	}
	return t.detach(t.result), nil
}

// detach returns v without memory of raw globals, which the host may use again.
func (t *Thread) detach(v value.Value) value.Value {
	if !t.globals.raw {
		return v
	}
	return value.Clone(v)
}

// portable is the error that v would be as JSON.
func (vm *VM) portable(v value.Value) error {
	if vm.node {
		return nil
	}
	return value.CheckJSON(v)
}

// Call is a call of an async function that a program waits for.
type Call struct {
	Function string
	Args     []value.Value
	// State is all there is of the run, as JSON. Resume goes on from there, in any process.
	State []byte
}

// Start executes the program until it finishes, and returns its result, or until it calls an async function, and returns the call.
func (t *Thread) Start(ctx context.Context, p *Program, g Globals) (value.Value, *Call, error) {
	if err := t.begin(ctx, p, g); err != nil {
		return value.Value{}, nil, err
	}
	t.resumable = true
	return t.leg(ctx)
}

// Resume goes on from the state of a call, with result as what the call returned. Steps are counted anew.
func (t *Thread) Resume(ctx context.Context, p *Program, g Globals, state []byte, result value.Value) (value.Value, *Call, error) {
	if err := t.begin(ctx, p, g); err != nil {
		return value.Value{}, nil, err
	}
	t.resumable = true
	if err := t.restore(state); err != nil {
		return value.Value{}, nil, err
	}
	if err := t.push(result.Fresh()); err != nil {
		return value.Value{}, nil, t.failure(err)
	}
	return t.leg(ctx)
}

func (t *Thread) leg(ctx context.Context) (value.Value, *Call, error) {
	out, err := t.execute(ctx)
	switch {
	case err != nil:
		return value.Value{}, nil, err
	case out == suspended:
		call := t.suspended
		t.suspended = Call{}
		return value.Value{}, &call, nil
	}
	v, err := t.finish()
	return v, nil, err
}

// suspend takes a call of an async function, and the state of the run, off the machine.
func (t *Thread) suspend(name string, n int) (stop bool, err error) {
	if !t.resumable {
		return false, t.vm.unknownFunction(name)
	}
	if t.asyncSteps >= t.vm.cfg.MaxAsyncSteps {
		return false, t.tooManyAsync()
	}
	args := append([]value.Value(nil), t.stack[t.sp-n:t.sp]...)
	if u := t.frames[len(t.frames)-1].unit; u.Reversed {
		slices.Reverse(args)
	}
	for i, arg := range args {
		if err := t.vm.portable(arg); err != nil {
			return false, err
		}
		args[i] = t.detach(arg)
	}
	t.sp -= n
	t.closeFrom(t.sp)
	t.asyncSteps++
	state, err := t.state()
	if err != nil {
		return false, err
	}
	t.suspended = Call{Function: name, Args: args, State: state}
	return true, nil
}

func (t *Thread) tooManyAsync() error {
	text := strconv.Itoa(t.vm.cfg.MaxAsyncSteps)
	if t.vm.node {
		return fault.New(fault.Resource, "Exceeded maximum number of async steps: "+text)
	}
	return fault.OutOf("async steps (" + text + ")")
}

// Outcome is where a step left a program.
type Outcome uint8

// The outcomes.
const (
	Continue Outcome = iota
	Finished
	Suspended
)

// Begin makes the thread ready to Step through a program.
func (t *Thread) Begin(ctx context.Context, p *Program, g Globals) error {
	err := t.begin(ctx, p, g)
	t.resumable = true
	return err
}

// Step executes one instruction of the program that Begin was given, and with it the native function that it calls. When the program has finished it returns the result.
func (t *Thread) Step(ctx context.Context) (Outcome, value.Value, *Call, error) {
	t.trace.note(t)
	t.meter.before(t)
	t.pauseAt = t.steps + 1
	out, err := t.run(ctx)
	if err == nil {
		err = t.meter.after(ctx, t)
	}
	switch {
	case err != nil:
		return Finished, value.Value{}, nil, err
	case out == suspended:
		call := t.suspended
		return Suspended, value.Value{}, &call, nil
	case out == finished:
		v, err := t.finish()
		return Finished, v, nil, err
	}
	return Continue, value.Value{}, nil, nil
}

// Position returns the chunk and the element of its bytecode, header included, that a stepped program executes next.
func (t *Thread) Position() (chunk string, ip int) {
	f := &t.frames[len(t.frames)-1]
	return f.unit.Name, int(f.ip) + f.unit.Header
}

// Stack returns the operand stack of a stepped program, bottom first, for looking only.
func (t *Thread) Stack() []value.Value { return t.stack[:t.sp:t.sp] }

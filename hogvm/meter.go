package hogvm

import (
	"context"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/hog-go/hog/hogvm/fault"
	"github.com/hog-go/hog/hogvm/internal/code"
	"github.com/hog-go/hog/hogvm/value"
)

// meter is the Node profile's account of memory: what lies on the stack, each value as it was when it was pushed.
type meter struct {
	limit int // bytes; 0 or less: none
	costs []int
	used  int
	peak  int
	low   int // values that the instruction in progress leaves alone
	slot  int // that it overwrites; -1 for none
}

const costPerValue = 8

func (m *meter) reset(limit int) { *m = meter{limit: limit, costs: m.costs[:0]} }

// before notes how far down the next instruction reaches.
func (m *meter) before(t *Thread) {
	if !t.vm.node {
		return
	}
	f := &t.frames[len(t.frames)-1]
	in := f.unit.Plain[f.ip]
	m.low, m.slot = t.sp-pops(in, f.unit, t), -1
	if in.Op == code.SetLocal {
		m.slot = int(f.base) + int(in.A)
	}
}

// pops returns how many values an instruction takes off the stack.
func pops(in code.Instr, u *unit, t *Thread) int {
	switch in.Op {
	case code.GetGlobal, code.And, code.Or, code.Array, code.Tuple:
		return int(in.A)
	case code.Dict:
		return 2 * int(in.A)
	case code.Not, code.Pop, code.SetLocal, code.JumpIfFalse, code.MakeClosure, code.SetUpvalue, code.CloseUpvalue, code.Throw:
		return 1
	case code.GetProperty, code.GetPropertyNullish, code.Plus, code.Minus, code.Multiply, code.Divide, code.Mod, code.Eq, code.NotEq,
		code.Gt, code.GtEq, code.Lt, code.LtEq, code.Like, code.ILike, code.NotLike, code.NotILike, code.In, code.NotIn, code.Regex,
		code.NotRegex, code.IRegex, code.NotIRegex:
		return 2
	case code.SetProperty:
		return 3
	case code.CallLocal:
		return 1
	case code.CallGlobal:
		if c := &u.callees[in.A]; c.kind != libraryCallee && t.declared[c.name] == nil {
			return c.args
		}
	case code.Return:
		return t.sp - int(t.frames[len(t.frames)-1].base)
	}
	return 0
}

// after settles the account: slots that went, slots that came, and the time every now and then.
func (m *meter) after(ctx context.Context, t *Thread) error {
	if !t.vm.node {
		return nil
	}
	m.truncate(min(m.low, t.sp))
	if m.slot >= 0 && m.slot < len(m.costs) {
		cost := t.cost(t.stack[m.slot])
		m.used += cost - m.costs[m.slot]
		m.costs[m.slot] = cost
		m.peak = max(m.peak, m.used)
	}
	for len(m.costs) < t.sp {
		m.costs = append(m.costs, t.cost(t.stack[len(m.costs)]))
		m.used += m.costs[len(m.costs)-1]
		m.peak = max(m.peak, m.used)
		if m.limit > 0 && m.used > m.limit {
			return t.failure(fault.New(fault.Resource, "Memory limit of "+strconv.Itoa(m.limit)+" bytes exceeded. Tried to allocate "+
				strconv.Itoa(m.used)+" bytes."))
		}
	}
	if (t.stepsBegan+t.steps)&31 == 0 {
		if err := t.overtime(ctx); err != nil {
			return t.failure(err)
		}
	}
	return nil
}

func (m *meter) truncate(n int) {
	n = max(n, 0)
	for len(m.costs) > n {
		m.used -= m.costs[len(m.costs)-1]
		m.costs = m.costs[:len(m.costs)-1]
	}
}

// cost is what v counts on the stack. Containers that share their parts are counted as often as they are met, up to the limit.
func (t *Thread) cost(v value.Value) int {
	c := costing{most: t.meter.limit}
	c.add(v)
	return c.total
}

type costing struct {
	total, most int
	above       []value.Value
}

func (c *costing) add(v value.Value) {
	c.total += costPerValue
	switch v.Kind() {
	case value.String:
		c.total += utf16Len(v.Str())
	case value.CallableKind:
		c.callable(v.Callable())
	case value.ClosureKind:
		c.total += keyCosts("__hogClosure__", "callable", "upvalues") + costPerValue*(3+len(v.Closure().Cells))
		c.callable(v.Closure().Callable)
	}
	if !v.IsContainer() || c.most > 0 && c.total > c.most || len(c.above) > value.MaxDepth || slices.Contains(c.above, v) {
		return
	}
	c.above = append(c.above, v)
	if o, ok := v.AsObject(); ok {
		if o.Mark() == value.ErrorMark && !o.Has("payload") { // which the Node VM has anyway
			c.total += keyCosts("payload") + costPerValue
		}
		for _, e := range o.Peek() {
			c.total += costPerValue + utf16Len(e.Key)
			c.add(e.Value)
		}
	} else {
		for _, e := range v.Array().Peek() {
			c.add(e)
		}
	}
	c.above = c.above[:len(c.above)-1]
}

// callable adds what a function is beyond a value: an object, in the Node VM, with a chunk that a function of the library has, too.
func (c *costing) callable(f *value.Callable) {
	chunk := f.Chunk
	if chunk == "" {
		chunk = f.Origin.String()
	}
	c.total += keyCosts("__hogCallable__", "name", "chunk", "argCount", "upvalueCount", "ip") + 6*costPerValue +
		len(f.Origin.String()) + utf16Len(f.Name) + utf16Len(chunk)
}

func keyCosts(keys ...string) int {
	total := 0
	for _, key := range keys {
		total += costPerValue + len(key)
	}
	return total
}

// utf16Len is the length of s as JavaScript counts it.
func utf16Len(s string) int {
	n := utf8.RuneCountInString(s)
	for _, r := range s {
		if r > 0xffff {
			n++
		}
	}
	return n
}

// trace is the telemetry of a run: an entry for each instruction.
type trace struct {
	on      bool
	before  []value.Value // of the legs before, as the state had them
	entries []traceEntry
}

type traceEntry struct {
	chunk string
	ip    int
	op    code.Op
}

func (tr *trace) reset(on bool) { *tr = trace{on: on} }

func (tr *trace) note(t *Thread) {
	if !tr.on {
		return
	}
	f := &t.frames[len(t.frames)-1]
	tr.entries = append(tr.entries, traceEntry{f.unit.Name, int(f.ip) + f.unit.Header, f.unit.Plain[f.ip].Op})
}

// elapsed is the time spent in all legs; 0 unless time is limited.
func (t *Thread) elapsed() time.Duration {
	if t.vm.cfg.Timeout <= 0 {
		return 0
	}
	return t.spent + time.Since(t.began)
}

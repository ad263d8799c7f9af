package hogvm

import (
	"github.com/hog-go/hog/hogvm/internal/code"
	"github.com/hog-go/hog/hogvm/value"
)

// loop is the loop of a library function over a list. When the function that it calls is an expression, whole rounds are done at once: what
// they do to the variables, to the heap and to the count of steps is what the instructions would do.
type loop struct {
	kind loopKind
	code.Item
	head     int32 // position of the ItemCall
	exit     int   // where the loop goes on when the list is through
	headCost int   // steps of the ItemCall, which the engine has taken already when it comes to the loop
	cost     int   // steps of a round, without those of the function called and those for an item that passes
}

// loopKind is what a round does with the result of the function.
type loopKind uint8

const (
	mapLoop    loopKind = iota // appends it to the list
	filterLoop                 // appends the item if it is true
	countLoop                  // adds one if it is true
	existsLoop                 // ends if it is true
	reduceLoop                 // keeps it
)

var loopKinds = map[string]loopKind{
	"arrayMap": mapLoop, "arrayFilter": filterLoop, "arrayCount": countLoop, "arrayExists": existsLoop, "arrayReduce": reduceLoop,
}

const (
	// turnCost is of the end of a round: add one to the index (4), jump back (1), compare it with the length (4).
	turnCost = 9
	// passCost is of what happens to an item that passes a filter or is counted.
	passCost = 4
)

// newLoop finds the loop of a library function; nil if its instructions are not fused.
func newLoop(u *unit, kind loopKind) *loop {
	for at := range u.Fast {
		if u.Fast[at].Op != code.ItemCall {
			continue
		}
		l := &loop{kind: kind, Item: u.Items[u.Fast[at].A], head: int32(at)}
		l.headCost = int(u.Fast[at].Cost)
		l.cost = l.headCost + turnCost + 1 // JUMP_IF_FALSE or SET_LOCAL
		if kind == mapLoop {
			l.cost++ // CALL_GLOBAL arrayPushBack
		}
		for _, in := range u.Fast {
			if in.Op == code.JumpUnlessLocal && in.Next == l.head {
				l.exit = int(in.C)
				return l
			}
		}
	}
	return nil
}

// result is the slot of what arrayMap, arrayFilter and arrayCount build, and of what arrayReduce keeps.
func (l *loop) result() int {
	if l.kind == reduceLoop {
		return l.Before
	}
	return 2
}

// runLoop does rounds of the active frame's loop for as long as they are simple and there are steps left for them, and returns where the
// engine goes on: at the head of the loop, if a round is left to it, or behind the loop.
func (t *Thread) runLoop(u *unit, base, left int) (ip, stepsLeft int) {
	l := u.loop
	locals := t.stack[base:t.sp]
	if t.declared != nil || len(locals) <= max(l.List, l.Index, l.Item.Item, l.Func, l.result()) {
		return int(l.head), left
	}
	body := t.body(locals[l.Func], l.Args)
	if body == nil || locals[l.List].Kind() != value.ArrayKind || !locals[l.Index].IsInt() {
		return int(l.head), left
	}
	items, first := locals[l.List].Array().Items(), locals[l.Index].Int()
	r := rounds{kind: l.kind, body: body, root: &body.nodes[body.root], result: &locals[l.result()], most: len(items)}
	if first < 1 || first > int64(len(items)) || !r.fit() {
		return int(l.head), left
	}
	// No expression sees the variables of the loop or changes the list, so that the former are written once, at the end.
	next := int(first - 1)
	for cost := l.cost + body.steps; next < len(items) && left >= cost+passCost; next++ {
		used := t.call.Heap.Used()
		passes, ok := r.do(t, items[next])
		if !ok {
			t.call.Heap.Rewind(used) // the engine makes it again
			break
		}
		left -= cost
		if passes {
			left -= passCost
		}
	}
	if next >= int(first) {
		locals[l.Item.Item].Become(items[next-1])
		locals[l.Index].SetInt(int64(next + 1))
	}
	if next < len(items) {
		return int(l.head), left
	}
	return l.exit, left + l.headCost
}

// body returns the expression that a function of args arguments is, or nil.
func (t *Thread) body(f value.Value, args int) *expr {
	if f.Kind() != value.ClosureKind || args > maxLeafArgs {
		return nil
	}
	c := f.Closure()
	fn := c.Callable
	if fn.Origin != value.Local || fn.ArgCount != args || fn.Number == 0 {
		return nil
	}
	t.cells = c.Cells
	return t.units[fn.Unit].bodies[fn.Number-1]
}

// rounds is what those of one loop have in common.
type rounds struct {
	kind   loopKind
	body   *expr
	root   *node // of body
	result *value.Value
	list   *value.Array // result, if it is a list
	most   int          // items there can be in it
}

// fit tells whether the result is what the loop makes it.
func (r *rounds) fit() bool {
	switch r.kind {
	case mapLoop, filterLoop:
		if r.result.Kind() != value.ArrayKind {
			return false
		}
		r.list = r.result.Array()
	case countLoop:
		return r.result.IsInt()
	}
	return true
}

// do calls the function with an item, and does what the loop does with the result. When ok is false nothing has happened, but for what is
// on the heap.
func (r *rounds) do(t *Thread, item value.Value) (passes, ok bool) {
	switch r.kind {
	case mapLoop:
		t.args[0].Become(item)
		v, ok := r.body.eval(t, r.root)
		return false, ok && t.call.Heap.Extend(r.list, v, r.most) == nil
	case reduceLoop:
		t.args[0].Become(*r.result)
		t.args[1].Become(item)
		v, ok := r.body.eval(t, r.root)
		if ok {
			r.result.Become(v)
		}
		return false, ok
	}
	t.args[0].Become(item)
	if holds, ok := r.body.holds(t, r.root); !ok || !holds {
		return false, ok
	}
	switch r.kind {
	case filterLoop:
		return true, t.call.Heap.Extend(r.list, item, r.most) == nil
	case countLoop:
		r.result.SetInt(addInts(r.result.Int(), 1))
		return true, true
	}
	return false, false // the end of arrayExists is the engine's
}

package hogvm

import (
	"github.com/hog-go/hog/hogvm/internal/code"
	"github.com/hog-go/hog/hogvm/internal/like"
	"github.com/hog-go/hog/hogvm/internal/regex"
	"github.com/hog-go/hog/hogvm/value"
)

// expr is bytecode without jumps and variables as an expression: a program that decides something about an event, as most do, or the body
// of a short function. It calls no functions but native ones.
//
// It is evaluated without a stack and can skip work, but knows only results: whenever anything unusual is met (a container where a scalar
// is usual, a global that is missing, a comparison that fails) it gives up, and the engine executes the instructions, and finds the same
// result or the exact error. Evaluation changes nothing, so that twice is once.
type expr struct {
	nodes []node
	root  int32
	roots []int32 // nodes of the plan that must exist: the first keys of the globals
	reads int     // of globals
	steps int     // instructions that it stands for
	heap  int     // bytes that it makes, apart from what it reads
}

// nodeKind is what a node does; of those that AND and OR join, a cheaper one has a lower number.
type nodeKind uint8

const (
	constNode    nodeKind = iota
	globalNode            // a path
	localNode             // an argument of the function
	stepNode              // + - * % of an argument and the constant v, both integers
	upvalueNode           // a captured variable
	propertyNode          // a constant key of the operand
	arithNode             // + - * % of the operands
	callNode              // a native function of the parts
	equalNode             // ==, != of the operands
	orderNode             // < <= > >= of the operands
	likeNode              // LIKE with a constant pattern
	regexNode             // =~ with a constant pattern
	generalNode           // any other operator with two operands
	notNode
	andNode
	orNode
)

// node is one operation; its operands have lower numbers.
type node struct {
	kind        nodeKind
	op          code.Op
	negated     bool // the result is turned around
	direct      bool // the operands are the global path and the constant v
	constant    bool // the right operand is the constant v
	harmless    bool // it can not fail, whatever it reads
	left, right int32
	index       int32       // of a path, argument or upvalue
	memo        int32       // where a set keeps the result for an event, plus one; 0 for nowhere
	v           value.Value // of a constant
	parts       []int32     // of and, or, and of a call
	callee      *callee
	skip        *skip // what and, or must know to leave parts out
	key         code.Key
	like        *like.Pattern
	regex       *regex.Regex
}

// memo is the result of a node for the event of a round.
type memo struct {
	round     uint64
	holds, ok bool
}

// fits tells whether a run stays within the limits that do not depend on the event.
func (e *expr) fits(t *Thread) bool {
	return e.steps <= min(t.MaxSteps, t.vm.cfg.MaxStack) && e.heap < t.MaxHeap
}

// maxWeight keeps the product of a weight and a number of reads within 64 bits.
const maxWeight = 1 << 31

// run evaluates a program on what the thread's view shows. It gives up where ok is false.
//
// Reading a container costs its bytes, so what is not read must be sure not to cost too many. Of a large event that is not sure: then nothing
// is left out.
func (e *expr) run(t *Thread) (v value.Value, ok bool) {
	for _, root := range e.roots {
		if !t.view.HasRoot(root) {
			return value.Value{}, false
		}
	}
	most := t.MaxHeap - e.heap
	t.readAll = t.globals.weight >= maxWeight || t.globals.weight*(e.reads+1) > most
	if !t.readAll {
		most -= e.reads * t.globals.weight
	}
	t.sp = 0
	t.call.Heap.Reset(most)
	root := &e.nodes[e.root]
	switch {
	case root.kind >= andNode: // which most are
		holds, ok := e.join(t, root)
		return value.OfBool(holds), ok
	case root.kind >= equalNode:
		holds, ok := e.holds(t, root)
		return value.OfBool(holds), ok
	}
	v, ok = e.eval(t, root)
	return v, ok && !v.IsContainer() && !v.IsFloat() // those are checked on their way out
}

func (e *expr) eval(t *Thread, n *node) (v value.Value, ok bool) {
	switch n.kind {
	case constNode:
		return n.v, true
	case globalNode:
		v = t.view.Read(n.index)
		return v, !v.IsContainer()
	case localNode:
		return t.args[n.index], true
	case upvalueNode:
		if int(n.index) >= len(t.cells) {
			return v, false
		}
		if c := t.cells[n.index]; c.Open {
			return t.stack[c.Slot], true
		} else {
			return c.Value, true
		}
	case propertyNode:
		v, ok = e.eval(t, &e.nodes[n.left])
		o, isObject := v.AsObject()
		if !ok || !isObject {
			return value.Value{}, false
		}
		v, _ = o.GetHashed(n.key.Text, n.key.Hash)
		return v, true
	case stepNode:
		if a := t.args[n.index]; a.IsInt() {
			return value.OfInt(fastInts(n.op, a.Int(), n.v.Int())), true
		}
		v, err := t.arithmetic(n.op, t.args[n.index], n.v)
		return v, err == nil
	case arithNode:
		return e.arithmetic(t, n)
	case callNode:
		return e.native(t, n)
	}
	holds, ok := e.holds(t, n)
	return value.OfBool(holds), ok
}

// native calls a function with its arguments on top of the thread's stack, as the engine does. It does not let the stack grow: others have
// slices of it.
func (e *expr) native(t *Thread, n *node) (v value.Value, ok bool) {
	base := t.sp
	defer func() { t.sp = base }()
	if base+len(n.parts) > len(t.stack) {
		return v, false
	}
	for _, part := range n.parts {
		arg, ok := e.eval(t, &e.nodes[part])
		if !ok {
			return v, false
		}
		t.stack[t.sp] = arg
		t.sp++
	}
	t.call.Name = n.callee.name
	v, err := n.callee.entry.Func(&t.call, t.stack[base:t.sp:t.sp])
	return v, err == nil
}

func (e *expr) arithmetic(t *Thread, n *node) (v value.Value, ok bool) {
	a, okA := e.eval(t, &e.nodes[n.left])
	b, okB := e.eval(t, &e.nodes[n.right])
	switch {
	case !okA || !okB:
		return v, false
	case a.IsInt() && b.IsInt():
		if n.op == code.Mod && b.Int() <= 0 {
			return v, false
		}
		return value.OfInt(fastInts(n.op, a.Int(), b.Int())), true
	}
	v, err := t.arithmetic(n.op, a, b)
	return v, err == nil
}

// holds evaluates a node for its truth.
func (e *expr) holds(t *Thread, n *node) (holds, ok bool) {
	if n.kind < equalNode {
		v, ok := e.eval(t, n)
		return v.Truthy(), ok
	}
	if n.memo == 0 {
		return e.decide(t, n)
	}
	m := &t.memos[n.memo-1]
	if round := t.view.Round(); m.round != round {
		m.holds, m.ok = e.decide(t, n)
		m.round = round
	}
	return m.holds, m.ok
}

// decide is holds for operators.
func (e *expr) decide(t *Thread, n *node) (holds, ok bool) {
	switch n.kind {
	case notNode:
		holds, ok = e.holds(t, &e.nodes[n.left])
		return !holds, ok
	case andNode, orNode:
		return e.join(t, n)
	}
	a, b := value.Value{}, n.v
	if n.direct {
		if a = t.view.Read(n.index); a.IsContainer() {
			return false, false
		}
	} else {
		if a, ok = e.eval(t, &e.nodes[n.left]); !ok {
			return false, false
		}
		if !n.constant {
			if b, ok = e.eval(t, &e.nodes[n.right]); !ok {
				return false, false
			}
		}
	}
	holds, ok = e.compare(t, n, a, b)
	return holds != n.negated, ok
}

func (e *expr) compare(t *Thread, n *node, a, b value.Value) (holds, ok bool) {
	switch n.kind {
	case equalNode:
		return e.equal(t, a, b)
	case orderNode:
		if a.IsInt() && b.IsInt() {
			return compareInts(n.op, a.Int(), b.Int()), true
		}
		if a.IsContainer() || b.IsContainer() {
			return false, false
		}
		holds, err := t.ordered(n.op, a, b)
		return holds, err == nil
	case likeNode:
		s, err := t.textOf(a, 0)
		return err == nil && n.like.Match(s), err == nil
	case regexNode:
		s, err := t.textOf(a, 0)
		return err == nil && a.Truthy() && n.regex.MatchString(s), err == nil
	}
	if a.IsContainer() {
		return false, false
	}
	holds, err := t.test(n.op, a, b)
	return holds, err == nil
}

func (e *expr) equal(t *Thread, a, b value.Value) (eq, ok bool) {
	if a.IsInt() && b.IsInt() {
		return a == b, true
	}
	if x, isText := a.AsString(); isText {
		if y, isText := b.AsString(); isText {
			return x == y, true
		}
	}
	if a.IsContainer() && b.IsContainer() {
		return false, false
	}
	eq, err := t.equal(a, b)
	return eq, err == nil
}

// join is AND and OR. The language evaluates all parts, and any of them can fail; so when the outcome is certain, the others are only seen to
// be fit to be evaluated.
func (e *expr) join(t *Thread, n *node) (holds, ok bool) {
	decides := n.kind == orNode // one part that is so decides
	for i, part := range n.parts {
		p := &e.nodes[part]
		if p.kind == equalNode && p.direct && p.memo == 0 { // what filters have most of
			v := t.view.Read(p.index)
			holds, ok = e.equal(t, v, p.v)
			holds, ok = holds != p.negated, ok && !v.IsContainer()
		} else {
			holds, ok = e.holds(t, p)
		}
		if !ok {
			return false, false
		}
		if holds == decides {
			return decides, e.skippable(t, n, n.parts[i+1:])
		}
	}
	return !decides, true
}

// skip is what makes the parts of a node fit to be evaluated, brought together.
type skip struct {
	flat    []int32 // nodes of the plan below which all must be scalars, for patterns
	numbers []int32 // paths that must be numbers, for orders
	others  []int32 // parts that have to be looked at one by one
}

// skippable tells whether some parts of a node can be left out. Of an event of which flatness is not known, each is looked at.
func (e *expr) skippable(t *Thread, n *node, parts []int32) bool {
	switch {
	case t.readAll:
		for _, part := range parts {
			if _, ok := e.holds(t, &e.nodes[part]); !ok {
				return false
			}
		}
		return true
	case n.harmless:
		return true
	}
	for _, above := range n.skip.flat {
		if !t.view.IsFlat(above) {
			return e.allSafe(t, parts)
		}
	}
	for _, path := range n.skip.numbers {
		if !orders(t.view.Read(path)) {
			return e.allSafe(t, parts)
		}
	}
	return e.allSafe(t, n.skip.others)
}

// orders tells whether v can be compared with a number whatever the rules.
func orders(v value.Value) bool { return v.IsNumber() || v.IsNull() }

func (e *expr) allSafe(t *Thread, parts []int32) bool {
	for _, part := range parts {
		if n := &e.nodes[part]; !n.harmless && !e.safe(t, n) {
			return false
		}
	}
	return true
}

// safe tells whether a node can be evaluated without an error. It may say no when it could.
func (e *expr) safe(t *Thread, n *node) bool {
	switch {
	case n.harmless:
		return true
	case n.kind == likeNode && n.direct, n.kind == regexNode && n.direct:
		return t.view.ReadsScalar(n.index)
	case n.kind == orderNode && n.direct && n.v.IsNumber():
		return orders(t.view.Read(n.index))
	case n.kind == notNode:
		return e.safe(t, &e.nodes[n.left])
	case n.kind == andNode || n.kind == orNode:
		return e.allSafe(t, n.parts)
	}
	_, ok := e.holds(t, n)
	return ok
}

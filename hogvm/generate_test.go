package hogvm_test

import (
	"math/rand/v2"
	"slices"
)

// kind is a type of the generator: what an expression is asked to be. The answer is now and then another, so that conversions and errors
// are met as well.
type kind byte

const (
	integer  kind = 'I'
	number   kind = 'F' // with fractions
	text     kind = 'S'
	boolean  kind = 'B'
	array    kind = 'A' // of integers
	texts    kind = 'T' // array of text
	object   kind = 'O' // with keys "a", "b", "c"
	moment   kind = 'M' // datetime
	day      kind = 'D' // date
	failure  kind = 'E'
	anything kind = 'X'
)

var kinds = []kind{integer, number, text, boolean, array, texts, object, moment, day}

// generator writes random programs as the compiler would: operands on the stack right to left, locals in the slots below, blocks that drop
// what they declared. Loops are bounded, so that every program ends.
type generator struct {
	*rand.Rand
	code []any
	fn   *function
	// budget bounds the size of a program.
	budget   int
	reversed bool // natives take their arguments in the order in which they are popped
	declared int  // arguments of the function "declared" in the form of old compilers; -1 if there is none
}

// function is one in the making.
type function struct {
	parent   *function
	locals   []local
	outer    int // locals of the outermost block: they live as long as the frame, and may be captured
	upvalues []upvalue
	tries    int // try blocks around the place
}

type local struct {
	kind   kind
	locked bool // a counter of a loop, not to be assigned
}

type upvalue struct {
	isLocal bool
	index   int
	kind    kind
}

func newGenerator(seed uint64) *generator {
	return &generator{Rand: rand.New(rand.NewPCG(seed, 7)), declared: -1}
}

// program returns a program, header included, that ends with RETURN or with a value on the stack.
func (g *generator) program() []any {
	g.code, g.fn, g.budget = []any{"_H", 1}, &function{}, 30+g.IntN(150)
	g.declared = -1
	if g.chance(20) {
		g.code, g.reversed = []any{"_h"}, true
	}
	if g.chance(10) {
		g.declareLegacy()
	}
	for range g.IntN(6) {
		g.statement(2, true)
	}
	g.expression(g.kind(), 4)
	if g.IntN(2) == 0 {
		g.emit(38)
	}
	return g.code
}

func (g *generator) emit(tokens ...any) { g.code = append(g.code, tokens...); g.budget -= len(tokens) }

// capture returns what f emits, without emitting it.
func (g *generator) capture(f func()) []any {
	before := g.code
	g.code = nil
	f()
	emitted := g.code
	g.code = before
	return emitted
}

func (g *generator) chance(n int) bool { return g.IntN(n) == 0 }

func (g *generator) kind() kind { return kinds[g.IntN(len(kinds))] }

func pick[T any](g *generator, options ...T) T { return options[g.IntN(len(options))] }

// statement emits one that leaves the stack as it was, but for a declaration in the outermost block of a function.
func (g *generator) statement(depth int, declare bool) {
	choice := g.IntN(12)
	if depth == 0 || g.budget < 0 {
		choice = g.IntN(5)
	}
	switch {
	case choice < 2 && declare:
		g.declare(depth)
	case choice < 3:
		g.assign()
	case choice < 4:
		g.setProperty()
	case choice < 5:
		n := 1 + g.IntN(3)
		for range n {
			g.expression(anything, 2)
		}
		g.emit(2, "print", n, 35)
	case choice < 7:
		g.branch(depth)
	case choice < 9:
		g.loop(depth)
	case choice < 11:
		g.try(depth)
	default:
		g.expression(anything, 3)
		g.emit(35)
	}
}

// block emits statements and drops what they declared.
func (g *generator) block(depth int) {
	before := len(g.fn.locals)
	for range 1 + g.IntN(2) {
		g.statement(depth-1, true)
	}
	g.drop(before)
}

func (g *generator) drop(to int) {
	for len(g.fn.locals) > to {
		g.emit(35)
		g.fn.locals = g.fn.locals[:len(g.fn.locals)-1]
	}
}

func (g *generator) declare(depth int) {
	k := g.kind()
	if g.fn.parent == nil && depth == 2 && g.chance(5) {
		k = kind('0' + byte(g.function(g.IntN(3), depth))) // a function of so many arguments
	} else {
		g.expression(k, 3)
	}
	outermost := g.fn.outer == len(g.fn.locals) && depth == 2
	g.fn.locals = append(g.fn.locals, local{kind: k})
	if outermost {
		g.fn.outer = len(g.fn.locals)
	}
}

// declareLegacy emits a function by DECLARE_FN.
func (g *generator) declareLegacy() {
	args := g.IntN(3)
	g.fn = &function{parent: g.fn}
	for range args {
		g.fn.locals = append(g.fn.locals, local{kind: integer})
	}
	body := append(g.capture(func() { g.expression(integer, 2) }), 38)
	captures := len(g.fn.upvalues)
	g.fn = g.fn.parent
	if captures == 0 {
		g.emit(41, "declared", args, len(body))
		g.emit(body...)
		g.declared = args
	}
}

func (g *generator) assign() {
	var slots []int
	for i, l := range g.fn.locals {
		if !l.locked && l.kind >= 'A' {
			slots = append(slots, i)
		}
	}
	if len(slots) == 0 {
		return
	}
	slot := pick(g, slots...)
	g.expression(g.fn.locals[slot].kind, 3)
	g.emit(37, slot)
}

func (g *generator) setProperty() {
	k := pick(g, array, object)
	if !g.variable(k) {
		return
	}
	if k == array {
		g.emit(33, pick(g, 1, 1, 1, 1, 0, -1)) // a larger one may leave holes, which print as nothing at all
		g.expression(integer, 2)
	} else {
		g.emit(32, pick(g, "a", "b", "c", "d"))
		g.expression(anything, 2)
	}
	g.emit(46)
}

func (g *generator) branch(depth int) {
	g.expression(boolean, 3)
	then := g.capture(func() { g.block(depth) })
	if g.chance(2) {
		g.emit(40, len(then))
		g.emit(then...)
		return
	}
	otherwise := g.capture(func() { g.block(depth) })
	g.emit(40, len(then)+2)
	g.emit(then...)
	g.emit(39, len(otherwise))
	g.emit(otherwise...)
}

// loop counts up to a small number.
func (g *generator) loop(depth int) {
	slot := len(g.fn.locals)
	g.emit(33, 0)
	g.fn.locals = append(g.fn.locals, local{kind: integer, locked: true})
	test := []any{33, 1 + g.IntN(4), 36, slot, 15}
	body := g.capture(func() {
		g.block(depth)
		g.emit(33, 1, 36, slot, 6, 37, slot)
	})
	g.emit(test...)
	g.emit(40, len(body)+2)
	g.emit(body...)
	g.emit(39, -(len(test) + 2 + len(body) + 2))
	g.drop(slot)
}

// try emits a block that may throw, somewhere inside, and a handler.
func (g *generator) try(depth int) {
	slot := len(g.fn.locals)
	g.fn.tries++
	body := g.capture(func() {
		g.block(depth)
		if g.chance(2) {
			g.throw()
		}
	})
	g.fn.tries--
	handler := g.capture(func() {
		g.fn.locals = append(g.fn.locals, local{kind: failure, locked: true})
		g.emit(36, slot, 32, pick(g, "message", "type", "payload", "nothing"), 45, 36, slot, 2, "print", 2, 35)
		g.block(depth)
		g.drop(slot)
	})
	g.emit(50, len(body)+4)
	g.emit(body...)
	g.emit(51, 39, len(handler))
	g.emit(handler...)
}

func (g *generator) throw() {
	g.expression(boolean, 2)
	thrown := g.capture(func() {
		switch g.IntN(3) {
		case 0:
			g.expression(text, 2)
			g.emit(2, pick(g, "Error", "RetryError", "NotImplementedError"), 1, 49)
		case 1:
			g.call(failure, 2)
			g.emit(49)
		default:
			g.emit(2, "Error", 0, 49)
		}
	})
	g.emit(40, len(thrown))
	g.emit(thrown...)
}

// function emits a closure of so many arguments, and returns their number.
func (g *generator) function(args, depth int) int {
	g.lambda(slices.Repeat([]kind{anything}, args), func() {
		for range g.IntN(3) {
			g.statement(min(depth-1, 1), true)
		}
		if g.chance(3) {
			g.expression(boolean, 2)
			early := g.capture(func() {
				g.expression(anything, 2)
				g.emit(38)
			})
			g.emit(40, len(early))
			g.emit(early...)
		}
		g.expression(anything, 3)
	})
	return args
}

// lambda emits a closure whose body ends with the value to return.
func (g *generator) lambda(args []kind, body func()) {
	g.fn = &function{parent: g.fn}
	for _, k := range args {
		g.fn.locals = append(g.fn.locals, local{kind: k})
	}
	code := append(g.capture(body), 38)
	upvalues := g.fn.upvalues
	g.fn = g.fn.parent
	g.emit(52, pick(g, "lambda", "f", "odd name"), len(args), len(upvalues), len(code))
	g.emit(code...)
	g.emit(53, len(upvalues))
	for _, u := range upvalues {
		g.emit(u.isLocal, u.index)
	}
}

// variable emits one of kind k and tells whether there is any.
func (g *generator) variable(k kind) bool {
	var slots []int
	for i, l := range g.fn.locals {
		if l.kind == k || k == anything && l.kind >= 'A' {
			slots = append(slots, i)
		}
	}
	if len(slots) > 0 && !g.chance(4) {
		g.emit(36, pick(g, slots...))
		return true
	}
	if index := g.captured(g.fn, k); index >= 0 {
		g.emit(55, index)
		return true
	}
	return false
}

// captured returns the number of an upvalue of fn of kind k, made if need be, or -1. Captured are locals of the program's outermost block.
func (g *generator) captured(fn *function, k kind) int {
	if fn.parent == nil {
		return -1
	}
	var candidates []upvalue
	if fn.parent.parent == nil {
		for i, l := range fn.parent.locals[:min(fn.parent.outer, len(fn.parent.locals))] {
			if l.kind == k || k == anything && l.kind >= 'A' {
				candidates = append(candidates, upvalue{isLocal: true, index: i, kind: l.kind})
			}
		}
	} else if index := g.captured(fn.parent, k); index >= 0 {
		candidates = append(candidates, upvalue{index: index, kind: k})
	}
	if len(candidates) == 0 {
		return -1
	}
	u := pick(g, candidates...)
	if i := slices.Index(fn.upvalues, u); i >= 0 {
		return i
	}
	fn.upvalues = append(fn.upvalues, u)
	return len(fn.upvalues) - 1
}

package hogvm

import (
	"slices"

	"github.com/hog-go/hog/hogvm/internal/code"
	"github.com/hog-go/hog/hogvm/internal/like"
	"github.com/hog-go/hog/hogvm/internal/scan"
	"github.com/hog-go/hog/hogvm/value"
)

// exprOf returns the instructions of a unit from ip to the first RETURN or the end as an expression, or nil if they are none. A function has
// args arguments; the root has -1 and may read globals instead.
func exprOf(u *unit, ip int32, args int) *expr {
	b := exprBuilder{unit: u, args: args}
	for {
		in := u.Plain[ip]
		if args < 0 && u.Fast[ip].Op == code.GlobalPath {
			in = u.Fast[ip]
		}
		b.e.steps += int(in.Cost)
		switch {
		case in.Op == code.Return || in.Op == code.End && args < 0:
			if len(b.stack) == 0 {
				return nil
			}
			b.e.root = b.stack[len(b.stack)-1]
			return &b.e
		case args >= 0 && b.e.steps > maxBody || !b.add(in):
			return nil
		}
		ip = in.Next
	}
}

// maxBody is how many instructions a function may have that is evaluated as an expression. The bodies of functions can lie inside each
// other, so that without a bound loading could take the square of a program's length.
const maxBody = 64

// exprBuilder executes instructions on a stack of nodes.
type exprBuilder struct {
	unit  *unit
	args  int
	e     expr
	stack []int32
}

func (b *exprBuilder) push(n node) bool {
	b.e.nodes = append(b.e.nodes, n)
	b.stack = append(b.stack, int32(len(b.e.nodes)-1))
	return true
}

func (b *exprBuilder) pop(n int) ([]int32, bool) {
	if len(b.stack) < n {
		return nil, false
	}
	parts := slices.Clone(b.stack[len(b.stack)-n:])
	b.stack = b.stack[:len(b.stack)-n]
	return parts, true
}

func (b *exprBuilder) add(in code.Instr) bool {
	switch in.Op {
	case code.String, code.Integer, code.Float:
		return b.push(node{v: b.unit.Consts[in.A], harmless: true})
	case code.True, code.False:
		return b.push(node{v: value.OfBool(in.Op == code.True), harmless: true})
	case code.Null:
		return b.push(node{harmless: true})
	case code.GlobalPath:
		b.e.reads++
		return b.push(node{kind: globalNode, index: in.A, harmless: true})
	case code.GetLocal:
		return int(in.A) < b.args && int(in.A) < maxLeafArgs && b.push(node{kind: localNode, index: in.A})
	case code.GetUpvalue:
		return b.args >= 0 && b.push(node{kind: upvalueNode, index: in.A})
	case code.Array, code.Tuple:
		return b.list(in)
	case code.CallGlobal:
		return b.call(&b.unit.callees[in.A])
	case code.And, code.Or:
		return b.join(in)
	case code.Not:
		parts, ok := b.pop(1)
		return ok && b.push(node{kind: notNode, left: parts[0]})
	}
	return b.binary(in.Op)
}

func (b *exprBuilder) binary(op code.Op) bool {
	operands, ok := b.pop(2)
	if !ok {
		return false
	}
	switch {
	case op == code.GetProperty || op == code.GetPropertyNullish:
		key := &b.e.nodes[operands[1]]
		if key.kind != constNode || !key.v.IsString() {
			return false
		}
		k, _ := code.KeyOf(key.v)
		return b.push(node{kind: propertyNode, left: operands[0], key: k})
	case op >= code.Plus && op <= code.Mod && op != code.Divide:
		x, y := &b.e.nodes[operands[1]], &b.e.nodes[operands[0]]
		if x.kind == localNode && y.kind == constNode && y.v.IsInt() && (op != code.Mod || y.v.Int() > 0) {
			return b.push(node{kind: stepNode, op: op, index: x.index, v: y.v})
		}
		return b.push(node{kind: arithNode, op: op, left: operands[1], right: operands[0]})
	case op >= code.Eq && op <= code.NotIRegex:
		return b.compare(op, operands[1], operands[0])
	}
	return false
}

func (b *exprBuilder) join(in code.Instr) bool {
	parts, ok := b.pop(int(in.A))
	if !ok {
		return false
	}
	n := node{kind: andNode, parts: parts, harmless: true, skip: &skip{}}
	if in.Op == code.Or {
		n.kind = orNode
	}
	for _, part := range parts {
		if !b.e.nodes[part].harmless {
			n.harmless = false
			n.skip.others = append(n.skip.others, part)
		}
	}
	slices.SortStableFunc(parts, func(x, y int32) int { return int(b.e.nodes[x].kind) - int(b.e.nodes[y].kind) })
	return b.push(n)
}

// impure are native functions of which two calls are not as good as one.
var impure = map[string]bool{"print": true, "now": true, "today": true, "randomFloat": true, "generateUUIDv4": true}

func (b *exprBuilder) call(c *callee) bool {
	if c.kind != nativeCallee || c.host || impure[c.name] || b.unit.Reversed || c.arity(c.args) != nil {
		return false
	}
	parts, ok := b.pop(c.args)
	return ok && b.push(node{kind: callNode, callee: c, parts: parts})
}

// list makes a constant of a list of constants: the right side of IN.
func (b *exprBuilder) list(in code.Instr) bool {
	parts, ok := b.pop(int(in.A))
	if !ok || b.args >= 0 { // what a function makes is counted each time
		return false
	}
	items := make([]value.Value, len(parts))
	for i, part := range parts {
		if items[i] = b.e.nodes[part].v; b.e.nodes[part].kind != constNode || items[i].IsContainer() {
			return false
		}
		b.e.heap += value.Size(items[i])
	}
	v := value.OfArray(value.NewConstant(items))
	if in.Op == code.Tuple {
		v = value.OfTuple(v.Array())
	}
	return b.push(node{v: v, harmless: true})
}

func (b *exprBuilder) compare(op code.Op, left, right int32) bool {
	n := node{kind: generalNode, op: op, left: left, right: right}
	x, y := &b.e.nodes[left], &b.e.nodes[right]
	if y.kind == constNode {
		n.constant, n.v = true, y.v
	}
	if x.kind == globalNode && n.constant {
		n.direct, n.index = true, x.index
	}
	switch op {
	case code.Eq, code.NotEq:
		n.kind, n.negated = equalNode, op == code.NotEq
		n.harmless = (n.direct || x.kind == constNode && y.kind == globalNode) && !x.v.IsContainer() && !y.v.IsContainer()
	case code.Gt, code.GtEq, code.Lt, code.LtEq:
		n.kind = orderNode
	case code.Like, code.ILike, code.NotLike, code.NotILike, code.Regex, code.NotRegex, code.IRegex, code.NotIRegex:
		if s, ok := y.v.AsString(); ok && y.kind == constNode {
			return b.match(n, s)
		}
	}
	return b.push(n)
}

// match is a comparison with a constant pattern, which is compiled here.
func (b *exprBuilder) match(n node, pattern string) bool {
	switch n.op {
	case code.Like, code.ILike, code.NotLike, code.NotILike:
		n.kind, n.like = likeNode, like.Compile(pattern, n.op == code.ILike || n.op == code.NotILike)
		n.negated = n.op == code.NotLike || n.op == code.NotILike
		return b.push(n)
	}
	if pattern == "" {
		return b.push(n)
	}
	re, err := compileRegex(pattern, n.op == code.IRegex || n.op == code.NotIRegex)
	if err != nil {
		return false
	}
	n.kind, n.regex = regexNode, re
	n.negated = n.op == code.NotRegex || n.op == code.NotIRegex
	return b.push(n)
}

// forPlan returns the expression for a plan in which its paths have other numbers; nil numbers are the same numbers.
func (e *expr) forPlan(plan *scan.Plan, numbers []int32) *expr {
	f := *e
	f.nodes, f.roots = slices.Clone(e.nodes), nil
	for i := range f.nodes {
		n := &f.nodes[i]
		if n.kind != globalNode && !n.direct {
			continue
		}
		if numbers != nil {
			n.index = numbers[n.index]
		}
		if root := plan.Root(n.index); !slices.Contains(f.roots, root) {
			f.roots = append(f.roots, root)
		}
	}
	for i := range f.nodes {
		if n := &f.nodes[i]; n.kind == andNode || n.kind == orNode {
			n.skip = f.skip(plan, n.parts)
		}
	}
	return &f
}

// skip sums up what makes parts fit to be evaluated.
func (e *expr) skip(plan *scan.Plan, parts []int32) *skip {
	s := &skip{}
	for _, part := range parts {
		n := &e.nodes[part]
		switch {
		case n.harmless:
		case n.direct && (n.kind == likeNode || n.kind == regexNode):
			if above, ends := plan.Parent(n.index); !ends {
				s.others = append(s.others, part)
			} else if !slices.Contains(s.flat, above) {
				s.flat = append(s.flat, above)
			}
		case n.direct && n.kind == orderNode && n.v.IsNumber():
			s.numbers = append(s.numbers, n.index)
		default:
			s.others = append(s.others, part)
		}
	}
	return s
}

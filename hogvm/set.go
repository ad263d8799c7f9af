package hogvm

import (
	"context"
	"errors"
	"fmt"

	"github.com/hog-go/hog/hogvm/internal/code"
	"github.com/hog-go/hog/hogvm/internal/scan"
	"github.com/hog-go/hog/hogvm/value"
)

// Set is several programs that run over the same events. What they read of an event is looked up once for all of them, a raw event is
// scanned once, and a test that several have is made once. It never changes, and any number of goroutines may run it.
type Set struct {
	vm       *VM
	programs []*Program
	exprs    []*expr   // of those programs that are; nil for the others
	numbers  [][]int32 // for each program, of its paths in the plan
	plan     *scan.Plan
	memos    int // results that are kept during an event
}

// NewSet makes a set of programs of one VM.
func NewSet(programs ...*Program) (*Set, error) {
	if len(programs) == 0 {
		return nil, errors.New("hogvm: a set needs a program")
	}
	s := &Set{vm: programs[0].vm, programs: programs, exprs: make([]*expr, len(programs))}
	var all []code.Path
	known := map[string]int32{}
	for _, p := range programs {
		if p.vm != s.vm {
			return nil, errors.New("hogvm: the programs of a set are of one VM")
		}
		paths := p.units[0].Paths
		numbers := make([]int32, len(paths))
		for i, path := range paths {
			name := path.String()
			number, ok := known[name]
			if !ok {
				number = int32(len(all))
				known[name], all = number, append(all, path)
			}
			numbers[i] = number
		}
		s.numbers = append(s.numbers, numbers)
	}
	s.plan = scan.New(all)
	merged := merger{known: map[string]int32{}}
	for i, p := range programs {
		if p.expr != nil {
			s.exprs[i] = merged.add(p.expr.forPlan(s.plan, s.numbers[i]))
		}
	}
	s.memos = merged.finish(s.exprs)
	return s, nil
}

// merger brings the nodes of many expressions together, equal ones as one.
type merger struct {
	nodes []node
	uses  []int
	known map[string]int32
}

// add returns e with its nodes among those of all.
func (m *merger) add(e *expr) *expr {
	numbers := make([]int32, len(e.nodes))
	for i, n := range e.nodes {
		switch n.kind {
		case propertyNode, notNode:
			n.left = numbers[n.left]
		case arithNode, equalNode, orderNode, likeNode, regexNode, generalNode:
			n.left, n.right = numbers[n.left], numbers[n.right]
		}
		n.parts = renumber(n.parts, numbers)
		if n.skip != nil {
			n.skip = &skip{flat: n.skip.flat, numbers: n.skip.numbers, others: renumber(n.skip.others, numbers)}
		}
		numbers[i] = m.number(n)
	}
	merged := *e
	merged.nodes, merged.root = nil, numbers[e.root]
	return &merged
}

func renumber(parts, numbers []int32) []int32 {
	list := make([]int32, len(parts))
	for i, part := range parts {
		list[i] = numbers[part]
	}
	return list
}

func (m *merger) number(n node) int32 {
	constant, err := value.AppendJSON(nil, n.v, value.JSONStyle{Lenient: true})
	if err != nil {
		constant = fmt.Appendf(nil, "%p", &n) // equal to none
	}
	function := ""
	if n.callee != nil {
		function = n.callee.name
	}
	name := fmt.Sprint(n.kind, function, n.op, n.left, n.right, n.index, n.parts, n.key.Text, n.v.Kind(), string(constant))
	i, ok := m.known[name]
	if !ok {
		i = int32(len(m.nodes))
		m.nodes, m.uses, m.known[name] = append(m.nodes, n), append(m.uses, 0), i
	}
	m.uses[i]++
	return i
}

// finish gives a memo to each comparison that has several users, and all expressions their nodes.
func (m *merger) finish(exprs []*expr) (memos int) {
	for i := range m.nodes {
		if n := &m.nodes[i]; n.kind >= equalNode && n.kind < notNode && m.uses[i] > 1 {
			memos++
			n.memo = int32(memos)
		}
	}
	for _, e := range exprs {
		if e != nil {
			e.nodes = m.nodes
		}
	}
	return memos
}

// Run runs every program over g and appends their results, in the order of the programs. The error is of the globals as a whole: raw text
// that is no JSON, or the end of ctx.
func (s *Set) Run(ctx context.Context, g Globals, results []Result) ([]Result, error) {
	t := s.vm.threads.Get().(*Thread)
	defer s.vm.release(t)
	return t.RunSet(ctx, s, g, results)
}

// RunSet is Set.Run on this thread.
func (t *Thread) RunSet(ctx context.Context, s *Set, g Globals, results []Result) ([]Result, error) {
	if err := t.look(s.plan, g); err != nil {
		return results, err
	}
	t.globals = g
	if len(t.memos) < s.memos { // another set's results are of another round
		t.memos = make([]memo, s.memos)
	}
	for i, p := range s.programs {
		if e := s.exprs[i]; e != nil && e.fits(t) {
			if v, ok := e.run(t); ok {
				results = append(results, Result{Value: t.detach(v)})
				continue
			}
		}
		if err := ctx.Err(); err != nil {
			return results, context.Cause(ctx)
		}
		t.reset(ctx, p, g)
		t.numbers = s.numbers[i]
		var r Result
		if _, r.Err = t.execute(ctx); r.Err == nil {
			r.Value, r.Err = t.finish()
		}
		results = append(results, r)
	}
	return results, nil
}

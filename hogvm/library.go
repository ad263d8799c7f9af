package hogvm

import (
	"github.com/hog-go/hog/hogvm/internal/code"
	"github.com/hog-go/hog/hogvm/value"
)

// The functions of the library that are written in Hog. Their bytecode is part of the format of suspended states, since a frame of theirs
// can be in the middle of a callback: it must be, element for element, what PostHog's compiler makes of this source.
//
//	fn arrayMap(func, arr)     { let r := []; for (let x in arr) { r := arrayPushBack(r, func(x)) } return r }
//	fn arrayFilter(func, arr)  { let r := []; for (let x in arr) { if (func(x)) { r := arrayPushBack(r, x) } } return r }
//	fn arrayCount(func, arr)   { let n := 0; for (let x in arr) { if (func(x)) { n := n + 1 } } return n }
//	fn arrayExists(func, arr)  { for (let x in arr) { if (func(x)) { return true } } return false }
//	fn arrayReduce(func, arr, initial) { let r := initial; for (let x in arr) { r := func(r, x) } return r }
//	fn inCohort(id, ids)       { if (ids == null) { throw Error('...') } for (let x in ids) { if (x == id) { return true } } return false }
//	fn sortableSemver(version) {
//	    if (version == null) { return [] }
//	    let m := extractRegex(version, '(\d+(\.\d+)+)')
//	    if (empty(m)) { return [] }
//	    return arrayMap(x -> toInt(x) ?? 0, splitByString('.', m))
//	}
type libraryFunction struct {
	name   string
	params int
	tokens []any
}

func library() []libraryFunction {
	return []libraryFunction{
		{"arrayMap", 2, concat(list(op(code.Array), 0),
			forEach(3, concat(local(2), local(7), local(0), list(op(code.CallLocal), 1), call("arrayPushBack", 2), setLocal(2))),
			local(2), list(op(code.Return), op(code.Pop)))},
		{"arrayFilter", 2, concat(list(op(code.Array), 0),
			forEach(3, concat(ifCalled(7, concat(local(2), local(7), call("arrayPushBack", 2), setLocal(2))))),
			local(2), list(op(code.Return), op(code.Pop)))},
		{"arrayCount", 2, concat(integer(0),
			forEach(3, ifCalled(7, concat(integer(1), local(2), list(op(code.Plus)), setLocal(2)))),
			local(2), list(op(code.Return), op(code.Pop)))},
		{"arrayExists", 2, concat(
			forEach(2, ifCalled(6, list(op(code.True), op(code.Return)))),
			list(op(code.False), op(code.Return)))},
		{"arrayReduce", 3, concat(local(2),
			forEach(4, concat(local(3), local(8), local(0), list(op(code.CallLocal), 2), setLocal(3))),
			local(3), list(op(code.Return), op(code.Pop)))},
		{"inCohort", 2, cohort("inCohort", code.True, code.False)},
		{"notInCohort", 2, cohort("notInCohort", code.False, code.True)},
		{"sortableSemver", 1, sortableSemver()},
	}
}

func op(o code.Op) any { return int(o) }

func list(tokens ...any) []any { return tokens }

func concat(parts ...[]any) []any {
	var all []any
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func local(i int) []any                { return list(op(code.GetLocal), i) }
func setLocal(i int) []any             { return list(op(code.SetLocal), i) }
func integer(i int) []any              { return list(op(code.Integer), i) }
func text(s string) []any              { return list(op(code.String), s) }
func call(name string, args int) []any { return list(op(code.CallGlobal), name, args) }
func jump(o code.Op, offset int) []any { return list(op(o), offset) }
func when(condition, body []any) []any {
	return concat(condition, jump(code.JumpIfFalse, len(body)), body)
}
func ifCalled(item int, body []any) []any {
	return when(concat(local(item), local(0), list(op(code.CallLocal), 1)), body)
}

// forEach is the loop over argument 1. From slot first on it keeps the list, its values, the index, the length and the item.
func forEach(first int, body []any) []any {
	values, index, length, item := first+1, first+2, first+3, first+4
	setup := concat(local(1), local(first), call("values", 1), integer(1), local(values), call("length", 1), list(op(code.Null)))
	test := concat(local(length), local(index), list(op(code.LtEq)))
	step := concat(local(index), integer(1), list(op(code.Plus)), setLocal(index))
	round := concat(local(values), local(index), list(op(code.GetProperty)), setLocal(item), body, step)
	jumps := 2 + len(round) + 2 // the test's own, the round, and the jump back
	loop := concat(test, jump(code.JumpIfFalse, len(round)+2), round, jump(code.Jump, -(len(test)+jumps)))
	pops := list(op(code.Pop), op(code.Pop), op(code.Pop), op(code.Pop), op(code.Pop))
	return concat(setup, loop, pops)
}

func cohort(name string, found, missing code.Op) []any {
	refusal := concat(text(name+"() requires cohort membership to be loaded for this evaluation"), call("Error", 1), list(op(code.Throw)))
	return concat(
		when(concat(list(op(code.Null)), local(1), list(op(code.Eq))), refusal),
		forEach(2, when(concat(local(0), local(6), list(op(code.Eq))), list(op(found), op(code.Return)))),
		list(op(missing), op(code.Return)))
}

func sortableSemver() []any {
	none := list(op(code.Array), 0, op(code.Return))
	lambda := concat(local(0), call("toInt", 1), jump(code.JumpIfStackNotNull, 3), list(op(code.Pop)), integer(0), list(op(code.Return)))
	return concat(
		when(concat(list(op(code.Null)), local(0), list(op(code.Eq))), none),
		local(0), text(`(\d+(\.\d+)+)`), call("extractRegex", 2),
		when(concat(local(1), call("empty", 1)), none),
		text("."), local(1), call("splitByString", 2),
		list(op(code.MakeCallable), "lambda", 1, 0, len(lambda)), lambda, list(op(code.MakeClosure), 0),
		local(2), call("arrayMap", 2), list(op(code.Return), op(code.Pop), op(code.Pop)))
}

// loadLibrary decodes the library for this VM's functions.
func (vm *VM) loadLibrary() error {
	vm.library = map[string]*unit{}
	vm.units = []*unit{nil}
	functions := library()
	for i, f := range functions {
		tokens := make([]value.Value, len(f.tokens))
		for j, token := range f.tokens {
			switch token := token.(type) {
			case int:
				tokens[j] = value.OfInt(int64(token))
			case string:
				tokens[j] = value.OfString(token)
			}
		}
		name := libraryPrefix + f.name
		u := &unit{Unit: code.Decode(name, i+1, tokens, false), params: f.params}
		u.Tokens = tokens
		u.closure = &value.Closure{Callable: &value.Callable{Name: f.name, ArgCount: f.params, Unit: i + 1, Origin: value.Stl, Chunk: name}}
		vm.library[f.name] = u
		vm.units = append(vm.units, u)
		vm.values[f.name] = value.OfClosure(u.closure)
	}
	for _, u := range vm.units[1:] {
		vm.link(u)
		if kind, ok := loopKinds[u.closure.Callable.Name]; ok && !vm.host["arrayPushBack"] {
			u.loop = newLoop(u, kind)
		}
	}
	return nil
}

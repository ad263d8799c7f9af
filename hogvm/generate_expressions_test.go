package hogvm_test

import (
	"encoding/json"
	"strings"
)

// expression emits one of kind k that pushes one value.
func (g *generator) expression(k kind, depth int) {
	if k == anything || !strings.ContainsRune("MDE", rune(k)) && g.chance(25) {
		if k = g.kind(); g.chance(12) {
			g.emit(31)
			return
		}
	}
	if depth <= 0 || g.budget < 0 {
		if g.chance(2) || !g.variable(k) {
			g.constant(k)
		}
		return
	}
	switch n := g.IntN(20); {
	case n < 3:
		if g.variable(k) {
			return
		}
		g.constant(k)
	case n < 5:
		g.global(k)
	case n < 11:
		g.call(k, depth)
	case n < 12:
		g.conditional(k, depth)
	case n < 13:
		g.applyFunction(k, depth)
	case n < 14:
		g.property(k, depth)
	default:
		g.operator(k, depth)
	}
}

func (g *generator) constant(k kind) {
	switch k {
	case integer:
		g.emit(33, pick(g, 0, 1, 2, 3, -1, 5, 7, 10, -12, 100, 1000, 65535, 1<<31, -(1<<40), 1<<53))
	case number:
		g.emit(34, pick(g, 0.5, 1.5, -2.25, 3.0, 1e21, 1e-7, 123456.789, 0.1, 1e300, -1.001))
	case boolean:
		g.emit(pick(g, 29, 30))
	case text:
		g.emit(32, g.text())
	case array:
		n := g.IntN(4)
		for range n {
			g.constant(integer)
		}
		g.emit(pick(g, 43, 43, 43, 44), n)
	case texts:
		n := g.IntN(4)
		for range n {
			g.constant(text)
		}
		g.emit(43, n)
	case object:
		n := g.IntN(4)
		for _, key := range []string{"a", "b", "c"}[:min(n, 3)] {
			g.emit(32, key)
			g.constant(g.kind())
		}
		g.emit(42, min(n, 3))
	case moment:
		g.emit(33, pick(g, 0, 1714000000, 1704067205, 951782400, 1709164800, -86400), 2, "toDateTime", 1)
	case failure: // none of the any kind: it has a payload in Node, and only there, when it has none
		g.emit(32, g.text(), 2, pick(g, "Error", "RetryError"), 1)
	case day:
		g.emit(32, pick(g, "2024-02-29", "1969-12-31", "2024-12-30", "2023-01-01"), 2, "toDate", 1)
	}
}

// text has no characters beyond the basic plane: half of one, as JavaScript cuts them, has no form in UTF-8.
func (g *generator) text() string {
	if g.chance(3) {
		return pick(g, "", "a", "abc", "Hello World", "hello", "12", " 3.5 ", "0x1F", "1e3", "true", "false", "null", "x%y_z", "a.b", "a\nb", "tab\t'quote'\\", "é", "日本語", "ß", "\u212A",
			"2024-01-01", "2024-01-01T10:00:00.123Z", "$pageview", "https://example.com/a?b=c&d=é", "user@example.com", "1.10.3-beta", "{\"a\":[1,2,{\"b\":null}]}", "[1,2", "aGVsbG8", "%zz", "a%20b")
	}
	var b strings.Builder
	for range g.IntN(8) {
		b.WriteString(pick(g, "a", "b", "c", "A", "B", "x", " ", "1", "é", "_", "-", "."))
	}
	return b.String()
}

// exampleEvent has the globals of each program; the generator knows their kinds.
var exampleEvent = map[string]any{
	"event": "$pageview", "count": 42, "ratio": 0.75, "ok": true, "nothing": nil,
	"properties": map[string]any{"a": "first", "b": []any{1, 2, 3, 4}, "c": map[string]any{"a": 1, "b": "two", "c": []any{"x", "y"}}, "n": 7, "f": 1.25, "$ip": "10.1.2.3", "none": nil, "yes": true},
	"list":       []any{"one", "two", "three"},
}

func (g *generator) global(k kind) {
	path := map[kind][]string{
		integer: {"count", "properties.n", "properties.b.2"}, number: {"ratio", "properties.f"}, text: {"event", "properties.a", "properties.$ip", "list.1"}, boolean: {"ok", "properties.yes"},
		array: {"properties.b"}, texts: {"list", "properties.c.c"}, object: {"properties", "properties.c"},
	}[k]
	if path == nil {
		g.constant(k)
		return
	}
	p := pick(g, path...)
	if g.chance(15) {
		p = pick(g, "properties.missing", "properties.a.b", "list.9", "list.-1", "event.x.y", "unknown", "properties.c.d.e")
	}
	parts := strings.Split(p, ".")
	for i := len(parts) - 1; i >= 0; i-- {
		var index int
		if json.Unmarshal([]byte(parts[i]), &index) == nil {
			g.emit(33, index)
		} else {
			g.emit(32, parts[i])
		}
	}
	g.emit(1, len(parts))
}

// operator emits one that gives k, its right operand first.
func (g *generator) operator(k kind, depth int) {
	d := depth - 1
	switch k {
	case integer, number:
		g.expression(pick(g, integer, k), d)
		g.expression(k, d)
		g.emit(pick(g, 6, 7, 8, 9, 10))
	case boolean:
		g.comparison(d)
	case array:
		n := g.IntN(5)
		for range n {
			g.expression(integer, d)
		}
		g.emit(pick(g, 43, 43, 43, 44), n)
	case texts:
		n := g.IntN(4)
		for range n {
			g.expression(text, d)
		}
		g.emit(43, n)
	case object:
		n := g.IntN(4)
		for range n {
			g.emit(32, pick(g, "a", "b", "c", "d e"))
			g.expression(anything, d)
		}
		g.emit(42, n)
	default:
		g.call(k, depth)
	}
}

func (g *generator) comparison(d int) {
	switch g.IntN(9) {
	case 0:
		g.expression(anything, d)
		g.emit(5)
	case 1:
		n := g.IntN(4)
		for range n {
			g.expression(boolean, d)
		}
		g.emit(pick(g, 3, 4), n)
	case 2:
		g.emit(32, pick(g, "%a%", "a%", "%b", "a_b", "_", "%", "", "%é%", "HELLO%", "a.b", `\%`))
		g.expression(text, d)
		g.emit(17 + g.IntN(4))
	case 3:
		g.emit(32, pick(g, regexes...))
		g.expression(text, d)
		g.emit(23 + g.IntN(4))
	case 4:
		switch g.IntN(3) {
		case 0:
			g.expression(array, d)
			g.expression(integer, d)
		case 1:
			g.expression(texts, d)
			g.expression(text, d)
		default:
			g.expression(text, d)
			g.expression(text, d)
		}
		g.emit(21 + g.IntN(2))
	default:
		k := g.kind()
		g.expression(k, d)
		g.expression(k, d)
		g.emit(11 + g.IntN(6))
	}
}

var regexes = []string{"a", "^a", "b$", "[0-9]+", "\\w+@\\w+", "(?i)HELLO", "a|b|c", "^$", ".*", "(a+)+b", "\\bfoo\\b", "h.llo", "[^a-z]", "(?s)a.b", "x?", "a{2,3}"}

// conditional emits if(c) a else b as jumps, or a ?? b.
func (g *generator) conditional(k kind, depth int) {
	if g.chance(3) {
		g.expression(k, depth-1)
		other := g.capture(func() { g.emit(35); g.expression(k, depth-1) })
		g.emit(47, len(other))
		g.emit(other...)
		return
	}
	g.expression(boolean, depth-1)
	then := g.capture(func() { g.expression(k, depth-1) })
	otherwise := g.capture(func() { g.expression(k, depth-1) })
	g.emit(40, len(then)+2)
	g.emit(then...)
	g.emit(39, len(otherwise))
	g.emit(otherwise...)
}

// applyFunction calls a function that the program declared, a lambda on the spot, or a library function by its value.
func (g *generator) applyFunction(k kind, depth int) {
	if native := map[kind][]string{integer: {"round", "toInt"}, text: {"concat", "lower", "toString"}, boolean: {"empty", "not"}, array: {"range", "arraySort"}}[k]; native != nil && g.chance(4) {
		name := pick(g, native...)
		g.expression(pick(g, integer, text, array), depth-1)
		g.emit(32, name, 1, 1, 54, 1)
		return
	}
	if k == integer && g.declared >= 0 && g.chance(3) {
		n := max(g.declared-g.IntN(2), 0) // what is missing is null
		for range n {
			g.expression(integer, depth-1)
		}
		g.emit(2, "declared", n)
		return
	}
	args := g.IntN(3)
	function := func() { g.lambda([]kind{anything, k}[:min(args, 2)], func() { g.expression(k, depth-1) }) }
	if declared := kind('0' + byte(args)); g.fn.parent == nil {
		for i, l := range g.fn.locals {
			if l.kind == declared {
				function = func() { g.emit(36, i) }
			}
		}
	}
	passed := args
	if g.chance(20) {
		passed += g.IntN(3) - 1
	}
	passed = max(passed, 0)
	for range passed {
		g.expression(k, depth-1)
	}
	function()
	g.emit(54, passed)
}

func (g *generator) property(k kind, depth int) {
	switch k {
	case integer:
		g.expression(array, depth-1)
		g.emit(33, pick(g, 1, 2, 3, -1, 9, 0))
	case text:
		g.expression(texts, depth-1)
		g.emit(33, pick(g, 1, 2, -1, -2, 9))
	case boolean, object, anything:
		g.expression(object, depth-1)
		g.emit(32, pick(g, "a", "b", "c", "none"))
	default:
		g.constant(k)
		return
	}
	g.emit(pick(g, 45, 48))
}

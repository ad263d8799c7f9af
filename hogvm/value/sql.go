package value

// nodeKey marks an object as a node of the syntax tree that sql(...) makes of a query; its value is the type of the node.
const nodeKey = "__hx_ast"

func nodeType(o *Object) string {
	v, _ := o.PeekKey(nodeKey)
	kind, _ := v.AsString()
	return kind
}

// sqlPrinter writes a tree as the query that it stands for, for people to read: operators as the functions behind them, and a query inside
// another node in parentheses. Nodes of no known type are printed as the objects that they are.
type sqlPrinter struct {
	*printer
	depth int // nodes around what is written
}

// comparisons are the functions behind operators; the patterns of case-insensitive ones get a flag in front.
var comparisons = map[string]struct {
	name       string
	not, ifold bool
}{
	"==": {name: "equals"}, "!=": {name: "notEquals"}, "<": {name: "less"}, ">": {name: "greater"}, "<=": {name: "lessOrEquals"},
	">=": {name: "greaterOrEquals"}, "in": {name: "in"}, "not in": {name: "notIn"}, "like": {name: "like"}, "not like": {name: "notLike"},
	"ilike": {name: "ilike"}, "not ilike": {name: "notILike"}, "=~": {name: "match"}, "!~": {name: "match", not: true},
	"=~*": {name: "match", ifold: true}, "!~*": {name: "match", not: true, ifold: true},
}

var arithmetic = map[string]string{"+": "plus", "-": "minus", "*": "multiply", "/": "divide", "%": "modulo"}

// node writes what stands where a node does: nothing for null, and values that are no nodes as themselves.
func (q *sqlPrinter) node(v Value) {
	o, ok := v.AsObject()
	switch {
	case !v.Truthy():
		return
	case !ok || nodeType(o) == "":
		q.value(v)
		return
	case !q.enter(v):
		return
	}
	q.depth++
	if !q.typed(o, nodeType(o)) {
		q.plain(o)
	}
	q.depth--
	q.leave()
}

// typed writes a node of a known type, and tells whether it is one.
func (q *sqlPrinter) typed(o *Object, kind string) bool {
	switch kind {
	case "SelectQuery":
		q.parenthesized(func() { q.selectQuery(o) })
	case "SelectSetQuery":
		q.parenthesized(func() { q.selectSet(o) })
	case "Call":
		q.text(o, "name")
		q.call("", o, "args")
	case "Constant":
		v, _ := o.PeekKey("value")
		q.value(v)
	case "Field":
		q.field(o)
	case "Alias":
		q.alias(o)
	case "And":
		q.junction("and", o)
	case "Or":
		q.junction("or", o)
	case "Not":
		q.write("not(")
		q.member(o, "expr")
		q.write(")")
	case "CompareOperation":
		q.comparison(o)
	case "ArithmeticOperation":
		q.arithmetic(o)
	case "Tuple":
		q.call("tuple", o, "exprs")
	case "Array":
		q.write("[")
		q.nodes(o, "exprs")
		q.write("]")
	case "Lambda":
		q.lambda(o)
	case "OrderExpr":
		q.member(o, "expr")
		q.write(" ")
		q.text(o, "order")
	case "Asterisk":
		q.write("*")
	case "JoinExpr":
		q.join(o)
	case "JoinConstraint":
		q.member(o, "expr")
	case "WindowExpr":
		q.window(o)
	case "WindowFunction":
		q.windowFunction(o)
	case "WindowFrameExpr":
		q.frame(o)
	case "SampleExpr":
		q.write("SAMPLE ")
		q.member(o, "sample_value")
		if o.Has("offset_value") {
			q.write(" OFFSET ")
			q.member(o, "offset_value")
		}
	case "RatioExpr":
		q.member(o, "left")
		if o.Has("right") {
			q.write("/")
			q.member(o, "right")
		}
	case "HogQLXTag":
		q.tag(o)
	default:
		return false
	}
	return true
}

func (q *sqlPrinter) write(s string) { q.dst = append(q.dst, s...) }

// member writes the node under a key.
func (q *sqlPrinter) member(o *Object, key string) {
	v, _ := o.PeekKey(key)
	q.node(v)
}

// text writes the text under a key as it is.
func (q *sqlPrinter) text(o *Object, key string) {
	if v, _ := o.PeekKey(key); !v.IsNull() && !v.IsContainer() && !v.IsFunction() {
		q.dst, _ = AppendText(q.dst, v)
	}
}

// identifier writes the name under a key, quoted where it has to be.
func (q *sqlPrinter) identifier(v Value) {
	if v.IsContainer() || v.IsFunction() {
		q.value(v)
		return
	}
	text, _ := AppendText(nil, v)
	q.dst = appendIdentifier(q.dst, string(text))
}

// elements returns the elements of the array under a key.
func elements(o *Object, key string) []Value {
	v, _ := o.PeekKey(key)
	if a, ok := v.AsArray(); ok {
		return a.Peek()
	}
	return nil
}

// nodes writes the nodes of the array under a key, with commas.
func (q *sqlPrinter) nodes(o *Object, key string) {
	for i, v := range elements(o, key) {
		if i > 0 {
			q.write(", ")
		}
		q.node(v)
	}
}

func (q *sqlPrinter) call(name string, o *Object, key string) {
	q.write(name + "(")
	q.nodes(o, key)
	q.write(")")
}

func (q *sqlPrinter) parenthesized(body func()) {
	if q.depth == 1 {
		body()
		return
	}
	q.write("(")
	body()
	q.write(")")
}

func (q *sqlPrinter) field(o *Object) {
	chain := elements(o, "chain")
	if len(chain) == 1 {
		if s, _ := chain[0].AsString(); s == "*" {
			q.write(s)
			return
		}
	}
	for i, v := range chain {
		if i > 0 {
			q.write(".")
		}
		if v.IsInt() && v.Int() >= 0 {
			q.value(v)
		} else {
			q.identifier(v)
		}
	}
}

// alias leaves the name out where the compiler made it up.
func (q *sqlPrinter) alias(o *Object) {
	q.member(o, "expr")
	if hidden, _ := o.PeekKey("hidden"); !hidden.Truthy() {
		name, _ := o.PeekKey("alias")
		q.write(" AS ")
		q.identifier(name)
	}
}

func (q *sqlPrinter) junction(name string, o *Object) {
	switch len(elements(o, "exprs")) {
	case 0:
	case 1:
		q.nodes(o, "exprs")
	default:
		q.call(name, o, "exprs")
	}
}

func (q *sqlPrinter) comparison(o *Object) {
	v, _ := o.PeekKey("op")
	op, _ := v.AsString()
	c, known := comparisons[op]
	if !known {
		c.name = op
	}
	if c.not {
		q.write("not(")
	}
	q.write(c.name + "(")
	q.member(o, "left")
	q.write(", ")
	if c.ifold {
		q.write("concat('(?i)', ")
	}
	q.member(o, "right")
	if c.ifold {
		q.write(")")
	}
	q.write(")")
	if c.not {
		q.write(")")
	}
}

func (q *sqlPrinter) arithmetic(o *Object) {
	v, _ := o.PeekKey("op")
	op, _ := v.AsString()
	name, known := arithmetic[op]
	if !known {
		name = op
	}
	q.write(name + "(")
	q.member(o, "left")
	q.write(", ")
	q.member(o, "right")
	q.write(")")
}

func (q *sqlPrinter) lambda(o *Object) {
	args := elements(o, "args")
	if len(args) != 1 {
		q.write("(")
	}
	for i, v := range args {
		if i > 0 {
			q.write(", ")
		}
		q.identifier(v)
	}
	if len(args) != 1 {
		q.write(")")
	}
	q.write(" -> ")
	q.member(o, "expr")
}

func (q *sqlPrinter) tag(o *Object) {
	q.write("<")
	q.text(o, "kind")
	for _, v := range elements(o, "attributes") {
		attribute, ok := v.AsObject()
		if !ok {
			continue
		}
		q.write(" ")
		name, _ := attribute.PeekKey("name")
		q.identifier(name)
		q.write("=")
		if value, _ := attribute.PeekKey("value"); value.IsString() {
			q.value(value)
			continue
		}
		q.write("{")
		q.member(attribute, "value")
		q.write("}")
	}
	q.write(" />")
}

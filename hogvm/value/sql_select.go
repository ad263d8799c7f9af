package value

// selectQuery writes the clauses in the order of the language.
func (q *sqlPrinter) selectQuery(o *Object) {
	q.write("SELECT ")
	if q.isSet(o, "distinct") {
		q.write("DISTINCT ")
	}
	q.nodes(o, "select")
	q.clause(" FROM ", o, "select_from")
	q.clause(" PREWHERE ", o, "prewhere")
	q.clause(" WHERE ", o, "where")
	q.listClause(" GROUP BY ", o, "group_by")
	q.clause(" HAVING ", o, "having")
	q.listClause(" ORDER BY ", o, "order_by")
	if o.Has("limit") {
		q.clause(" LIMIT ", o, "limit")
		if q.isSet(o, "limit_with_ties") {
			q.write(" WITH TIES")
		}
		q.clause(" OFFSET ", o, "offset")
	}
	q.windows(o)
}

func (q *sqlPrinter) isSet(o *Object, key string) bool {
	v, _ := o.PeekKey(key)
	return v.Truthy()
}

// clause writes a keyword and the node under a key, or nothing if the node has no text.
func (q *sqlPrinter) clause(keyword string, o *Object, key string) {
	before := len(q.dst)
	q.write(keyword)
	after := len(q.dst)
	q.member(o, key)
	if len(q.dst) == after {
		q.dst = q.dst[:before]
	}
}

func (q *sqlPrinter) listClause(keyword string, o *Object, key string) {
	if len(elements(o, key)) > 0 {
		q.write(keyword)
		q.nodes(o, key)
	}
}

// windows writes the windows that the query names.
func (q *sqlPrinter) windows(o *Object) {
	v, _ := o.PeekKey("window_exprs")
	named, ok := v.AsObject()
	if !ok || named.Len() == 0 {
		return
	}
	q.write(" WINDOW ")
	for i, e := range named.Peek() {
		if i > 0 {
			q.write(", ")
		}
		q.dst = appendIdentifier(q.dst, e.Key)
		q.write(" AS (")
		q.node(e.Value)
		q.write(")")
	}
}

// selectSet writes queries with the operators between them.
func (q *sqlPrinter) selectSet(o *Object) {
	q.member(o, "initial_select_query")
	for _, v := range elements(o, "subsequent_select_queries") {
		next, ok := v.AsObject()
		if !ok {
			continue
		}
		q.write(" ")
		q.text(next, "set_operator")
		q.write(" ")
		q.member(next, "select_query")
	}
}

// join writes a table and those that are joined to it, each of which is under a key of the one before.
func (q *sqlPrinter) join(o *Object) {
	q.table(o)
	v, _ := o.PeekKey("next_join")
	next, ok := v.AsObject()
	if !ok || !q.enter(v) {
		return
	}
	q.write(" ")
	if q.isSet(next, "join_type") {
		q.text(next, "join_type")
	} else {
		q.write("JOIN")
	}
	q.write(" ")
	q.join(next)
	q.leave()
}

// table writes a table with its alias, unless that is its name, and what it is joined on.
func (q *sqlPrinter) table(o *Object) {
	before := len(q.dst)
	q.member(o, "table")
	alias, _ := o.PeekKey("alias")
	if s, _ := alias.AsString(); alias.Truthy() && s != string(q.dst[before:]) {
		q.write(" AS ")
		q.identifier(alias)
	}
	v, _ := o.PeekKey("constraint")
	if constraint, ok := v.AsObject(); ok {
		q.write(" ")
		q.text(constraint, "constraint_type")
		q.write(" ")
		q.node(v)
	}
}

func (q *sqlPrinter) window(o *Object) {
	before := len(q.dst)
	part := func(keyword string) {
		if len(q.dst) > before {
			q.write(" ")
		}
		q.write(keyword)
	}
	if len(elements(o, "partition_by")) > 0 {
		part("PARTITION BY ")
		q.nodes(o, "partition_by")
	}
	if len(elements(o, "order_by")) > 0 {
		part("ORDER BY ")
		q.nodes(o, "order_by")
	}
	if !q.isSet(o, "frame_method") || !q.isSet(o, "frame_start") {
		return
	}
	part("")
	q.text(o, "frame_method")
	q.write(" ")
	if !q.isSet(o, "frame_end") {
		q.member(o, "frame_start")
		return
	}
	q.write("BETWEEN ")
	q.member(o, "frame_start")
	q.write(" AND ")
	q.member(o, "frame_end")
}

func (q *sqlPrinter) frame(o *Object) {
	if q.isSet(o, "frame_value") {
		q.text(o, "frame_value")
	} else {
		q.write("UNBOUNDED")
	}
	q.write(" ")
	q.text(o, "frame_type")
}

func (q *sqlPrinter) windowFunction(o *Object) {
	q.text(o, "name")
	q.call("", o, "exprs")
	if o.Has("args") {
		q.call("", o, "args")
	}
	q.write(" OVER ")
	if name, _ := o.PeekKey("over_identifier"); !o.Has("over_expr") && name.Truthy() {
		q.identifier(name)
		return
	}
	q.write("(")
	q.member(o, "over_expr")
	q.write(")")
}

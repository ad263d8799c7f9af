package value_test

import (
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/hogvm/value"
)

// The texts are those of npm @posthog/hogvm 1.0.71.
func TestPrintQueries(t *testing.T) {
	tests := []struct{ tree, want string }{
		{`{"__hx_ast":"Constant","value":"it's"}`, `sql('it\'s')`},
		{`{"__hx_ast":"Constant","value":null}`, `sql(null)`},
		{`{"__hx_ast":"Constant","value":1.5}`, `sql(1.5)`},
		{`{"__hx_ast":"Constant","value":[1,"a"]}`, `sql([1, 'a'])`},
		{`{"__hx_ast":"Constant","value":{"a":1}}`, `sql({'a': 1})`},
		{`{"__hx_ast":"Constant","value":true}`, `sql(true)`},
		{`{"__hx_ast":"Constant"}`, `sql(null)`},
		{`{"__hx_ast":"Constant","value":[{"__hx_ast":"Field","chain":["x"]}]}`, `sql([sql(x)])`},
		{`{"__hx_ast":"And","exprs":[]}`, `sql()`},
		{`{"__hx_ast":"And","exprs":[{"__hx_ast":"Field","chain":["a"]}]}`, `sql(a)`},
		{`{"__hx_ast":"And"}`, `sql()`},
		{`{"__hx_ast":"And","exprs":[{"__hx_ast":"Field","chain":["a"]},{"__hx_ast":"Field","chain":["b"]}]}`, `sql(and(a, b))`},
		{`{"__hx_ast":"Or","exprs":[{"__hx_ast":"Field","chain":["a"]},1]}`, `sql(or(a, 1))`},
		{`{"__hx_ast":"Call","name":"f"}`, `sql(f())`},
		{`{"__hx_ast":"Call","name":"f","args":[1,"x",null]}`, `sql(f(1, 'x', ))`},
		{`{"__hx_ast":"Field","chain":["a",1,"b c"]}`, "sql(a.1.`b c`)"},
		{`{"__hx_ast":"Field","chain":["*"]}`, `sql(*)`},
		{`{"__hx_ast":"Field","chain":["a","*"]}`, "sql(a.`*`)"},
		{`{"__hx_ast":"Alias","expr":{"__hx_ast":"Field","chain":["a"]},"alias":"b c"}`, "sql(a AS `b c`)"},
		{`{"__hx_ast":"Alias","expr":{"__hx_ast":"Field","chain":["a"]},"alias":"b","hidden":true}`, `sql(a)`},
		{`{"__hx_ast":"Alias","expr":{"__hx_ast":"Alias","expr":{"__hx_ast":"Field","chain":["a"]},"alias":"h","hidden":true},"alias":"b"}`, `sql(a AS b)`},
		{`{"__hx_ast":"Lambda","args":["x"],"expr":{"__hx_ast":"Field","chain":["x"]}}`, `sql(x -> x)`},
		{`{"__hx_ast":"Lambda","args":["x","y z"],"expr":{"__hx_ast":"Field","chain":["x"]}}`, "sql((x, `y z`) -> x)"},
		{`{"__hx_ast":"CompareOperation","left":{"__hx_ast":"Field","chain":["a"]},"right":1,"op":"foo"}`, `sql(foo(a, 1))`},
		{`{"__hx_ast":"ArithmeticOperation","left":1,"right":2,"op":"%"}`, `sql(modulo(1, 2))`},
		{`{"__hx_ast":"SampleExpr"}`, `sql(SAMPLE )`},
		{`{"q":{"__hx_ast":"Field","chain":["a"]}}`, `{'q': sql(a)}`},
		{`{"__hx_ast":"Tuple","exprs":[1]}`, `sql(tuple(1))`},
		{`{"__hx_ast":"Array","exprs":[]}`, `sql([])`},
		{`{"__hx_ast":"Array","exprs":[1,"a"]}`, `sql([1, 'a'])`},
		{`{"__hx_ast":"Not","expr":{"__hx_ast":"Field","chain":["a"]}}`, `sql(not(a))`},
		{`{"__hx_ast":"Not"}`, `sql(not())`},
		{`{"__hx_ast":"HogQLXTag","kind":"a","attributes":[{"__hx_ast":"HogQLXAttribute","name":"x","value":1},{"__hx_ast":"HogQLXAttribute","name":"y z","value":"s"},{"__hx_ast":"HogQLXAttribute","name":"y","value":{"__hx_ast":"Field","chain":["a"]}}]}`, "sql(<a x={1} `y z`='s' y={a} />)"},
		{`{"__hx_ast":"HogQLXTag","kind":"a","attributes":[]}`, `sql(<a />)`},
		{`{"__hx_ast":"SelectQuery","select":[1],"limit":5,"offset":0}`, `sql(SELECT 1 LIMIT 5)`},
		{`{"__hx_ast":"SelectQuery","select":[1],"limit":5,"offset":2,"limit_with_ties":true}`, `sql(SELECT 1 LIMIT 5 WITH TIES OFFSET 2)`},
		{`{"__hx_ast":"SelectQuery","select":[1],"limit":0,"offset":3}`, `sql(SELECT 1 OFFSET 3)`},
		{`{"__hx_ast":"SelectQuery","select":[1],"offset":3}`, `sql(SELECT 1)`},
		{`{"__hx_ast":"SelectQuery","select":[]}`, `sql(SELECT )`},
		{`{"__hx_ast":"SelectQuery"}`, `sql(SELECT )`},
		{`{"__hx_ast":"Call","name":"f","args":[{"__hx_ast":"SelectQuery","select":[1]}]}`, `sql(f((SELECT 1)))`},
		{`{"__hx_ast":"RatioExpr","left":{"__hx_ast":"Constant","value":1},"right":{"__hx_ast":"Constant","value":2}}`, `sql(1/2)`},
		{`{"__hx_ast":"RatioExpr","left":{"__hx_ast":"Constant","value":1}}`, `sql(1)`},
		{`{"__hx_ast":"SampleExpr","sample_value":{"__hx_ast":"RatioExpr","left":{"__hx_ast":"Constant","value":1}},"offset_value":{"__hx_ast":"RatioExpr","left":{"__hx_ast":"Constant","value":2}}}`, `sql(SAMPLE 1 OFFSET 2)`},
		{`{"__hx_ast":"WindowFrameExpr","frame_type":"PRECEDING","frame_value":1}`, `sql(1 PRECEDING)`},
		{`{"__hx_ast":"WindowFrameExpr","frame_type":"CURRENT ROW"}`, `sql(UNBOUNDED CURRENT ROW)`},
		{`{"__hx_ast":"JoinExpr","table":{"__hx_ast":"Field","chain":["a"]},"alias":"a"}`, `sql(a)`},
		{`{"__hx_ast":"JoinExpr","table":{"__hx_ast":"Field","chain":["a"]},"alias":"b","next_join":{"__hx_ast":"JoinExpr","join_type":"LEFT JOIN","table":{"__hx_ast":"Field","chain":["c"]},"alias":"d","constraint":{"__hx_ast":"JoinConstraint","constraint_type":"ON","expr":{"__hx_ast":"Field","chain":["x"]}},"next_join":{"__hx_ast":"JoinExpr","table":{"__hx_ast":"SelectQuery","select":[1]}}}}`, `sql(a AS b LEFT JOIN c AS d ON x JOIN (SELECT 1))`},
		{`{"__hx_ast":"OrderExpr","expr":{"__hx_ast":"Field","chain":["a"]},"order":"DESC"}`, `sql(a DESC)`},
		{`{"__hx_ast":"SelectSetQuery","initial_select_query":{"__hx_ast":"SelectQuery","select":[1]}}`, `sql((SELECT 1))`},
		{`{"__hx_ast":"SelectQuery","select":[{"__hx_ast":"Field","chain":["a"]}],"window_exprs":{"w x":{"__hx_ast":"WindowExpr","partition_by":[{"__hx_ast":"Field","chain":["p"]}],"order_by":[{"__hx_ast":"OrderExpr","expr":{"__hx_ast":"Field","chain":["o"]},"order":"ASC"}],"frame_method":"ROWS","frame_start":{"__hx_ast":"WindowFrameExpr","frame_type":"PRECEDING","frame_value":1},"frame_end":{"__hx_ast":"WindowFrameExpr","frame_type":"CURRENT ROW"}},"v":{"__hx_ast":"WindowExpr","frame_method":"RANGE","frame_start":{"__hx_ast":"WindowFrameExpr","frame_type":"PRECEDING"}}}}`, "sql(SELECT a WINDOW `w x` AS (PARTITION BY p ORDER BY o ASC ROWS BETWEEN 1 PRECEDING AND UNBOUNDED CURRENT ROW), v AS (RANGE UNBOUNDED PRECEDING))"},
		{`{"__hx_ast":"WindowFunction","name":"f","exprs":[1],"args":[2],"over_identifier":"w"}`, `sql(f(1)(2) OVER w)`},
		{`{"__hx_ast":"WindowFunction","name":"f","over_expr":{"__hx_ast":"WindowExpr"}}`, `sql(f() OVER ())`},
		{`{"__hx_ast":"WindowFunction","name":"f"}`, `sql(f() OVER ())`},
		{`{"__hx_ast":"SelectQuery","distinct":true,"select":[{"__hx_ast":"Field","chain":["*"]},{"__hx_ast":"Field","chain":["event"]}],"select_from":{"__hx_ast":"JoinExpr","table":{"__hx_ast":"Field","chain":["events"]}},"prewhere":{"__hx_ast":"Field","chain":["p"]},"where":{"__hx_ast":"CompareOperation","left":{"__hx_ast":"Field","chain":["event"]},"right":"$pageview","op":"=="},"group_by":[1,2],"having":{"__hx_ast":"Field","chain":["h"]},"order_by":[{"__hx_ast":"OrderExpr","expr":{"__hx_ast":"Field","chain":["a"]},"order":"ASC"}],"limit":{"__hx_ast":"Constant","value":5}}`, `sql(SELECT DISTINCT *, event FROM events PREWHERE p WHERE equals(event, '$pageview') GROUP BY 1, 2 HAVING h ORDER BY a ASC LIMIT 5)`},
		{`{"__hx_ast":"SelectQuery","select":[1],"select_from":{"__hx_ast":"JoinExpr","table":{"__hx_ast":"SelectQuery","select":[1]},"alias":"t"}}`, `sql(SELECT 1 FROM (SELECT 1) AS t)`},
		{`{"__hx_ast":"SelectQuery","select":[1],"select_from":{"__hx_ast":"SelectQuery","select":[1]}}`, `sql(SELECT 1 FROM (SELECT 1))`},
		{`{"__hx_ast":"SelectQuery","select":[{"__hx_ast":"SelectSetQuery","initial_select_query":{"__hx_ast":"SelectQuery","select":[1]}}]}`, `sql(SELECT ((SELECT 1)))`},
		{`{"__hx_ast":"Asterisk"}`, `sql(*)`},
		{`{"__hx_ast":"CompareOperation","left":{"__hx_ast":"Field","chain":["a"]},"right":"x","op":"=="}`, `sql(equals(a, 'x'))`},
		{`{"__hx_ast":"CompareOperation","left":{"__hx_ast":"Field","chain":["a"]},"right":"x","op":"!="}`, `sql(notEquals(a, 'x'))`},
		{`{"__hx_ast":"CompareOperation","left":{"__hx_ast":"Field","chain":["a"]},"right":"x","op":"<"}`, `sql(less(a, 'x'))`},
		{`{"__hx_ast":"CompareOperation","left":{"__hx_ast":"Field","chain":["a"]},"right":"x","op":">"}`, `sql(greater(a, 'x'))`},
		{`{"__hx_ast":"CompareOperation","left":{"__hx_ast":"Field","chain":["a"]},"right":"x","op":"<="}`, `sql(lessOrEquals(a, 'x'))`},
		{`{"__hx_ast":"CompareOperation","left":{"__hx_ast":"Field","chain":["a"]},"right":"x","op":">="}`, `sql(greaterOrEquals(a, 'x'))`},
		{`{"__hx_ast":"CompareOperation","left":{"__hx_ast":"Field","chain":["a"]},"right":"x","op":"in"}`, `sql(in(a, 'x'))`},
		{`{"__hx_ast":"CompareOperation","left":{"__hx_ast":"Field","chain":["a"]},"right":"x","op":"not in"}`, `sql(notIn(a, 'x'))`},
		{`{"__hx_ast":"CompareOperation","left":{"__hx_ast":"Field","chain":["a"]},"right":"x","op":"like"}`, `sql(like(a, 'x'))`},
		{`{"__hx_ast":"CompareOperation","left":{"__hx_ast":"Field","chain":["a"]},"right":"x","op":"not like"}`, `sql(notLike(a, 'x'))`},
		{`{"__hx_ast":"CompareOperation","left":{"__hx_ast":"Field","chain":["a"]},"right":"x","op":"ilike"}`, `sql(ilike(a, 'x'))`},
		{`{"__hx_ast":"CompareOperation","left":{"__hx_ast":"Field","chain":["a"]},"right":"x","op":"not ilike"}`, `sql(notILike(a, 'x'))`},
		{`{"__hx_ast":"CompareOperation","left":{"__hx_ast":"Field","chain":["a"]},"right":"x","op":"=~"}`, `sql(match(a, 'x'))`},
		{`{"__hx_ast":"CompareOperation","left":{"__hx_ast":"Field","chain":["a"]},"right":"x","op":"!~"}`, `sql(not(match(a, 'x')))`},
		{`{"__hx_ast":"CompareOperation","left":{"__hx_ast":"Field","chain":["a"]},"right":"x","op":"=~*"}`, `sql(match(a, concat('(?i)', 'x')))`},
		{`{"__hx_ast":"CompareOperation","left":{"__hx_ast":"Field","chain":["a"]},"right":"x","op":"!~*"}`, `sql(not(match(a, concat('(?i)', 'x'))))`},
		{`{"__hx_ast":"ArithmeticOperation","left":1,"right":{"__hx_ast":"Field","chain":["b"]},"op":"+"}`, `sql(plus(1, b))`},
		{`{"__hx_ast":"ArithmeticOperation","left":1,"right":{"__hx_ast":"Field","chain":["b"]},"op":"-"}`, `sql(minus(1, b))`},
		{`{"__hx_ast":"ArithmeticOperation","left":1,"right":{"__hx_ast":"Field","chain":["b"]},"op":"*"}`, `sql(multiply(1, b))`},
		{`{"__hx_ast":"ArithmeticOperation","left":1,"right":{"__hx_ast":"Field","chain":["b"]},"op":"/"}`, `sql(divide(1, b))`},
		{`{"__hx_ast":"ArithmeticOperation","left":1,"right":{"__hx_ast":"Field","chain":["b"]},"op":"%"}`, `sql(modulo(1, b))`},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			require.Equal(t, tt.want, parse(t, tt.tree).String())
			require.Equal(t, "["+tt.want+"]", parse(t, "["+tt.tree+"]").String())
		})
	}
}

// What is no tree that the compiler makes has a text, too.
func TestPrintOddQueries(t *testing.T) {
	tests := []struct{ tree, want string }{
		{`{"__hx_ast":"Nope","a":1}`, `{'__hx_ast': 'Nope', 'a': 1}`},
		{`{"__hx_ast":5}`, `{'__hx_ast': 5}`},
		{`{"__hx_ast":"Call","name":"f","args":[{"__hx_ast":"Nope"}]}`, `sql(f({'__hx_ast': 'Nope'}))`},
		{`{"__hx_ast":"Field"}`, `sql()`},
		{`{"__hx_ast":"Field","chain":[[1],{"a":1},null]}`, "sql([1].{'a': 1}.null)"},
		{`{"__hx_ast":"ArithmeticOperation","op":"^","left":1,"right":2}`, `sql(^(1, 2))`},
		{`{"__hx_ast":"HogQLXTag","attributes":[5]}`, `sql(< />)`},
		{`{"__hx_ast":"SelectSetQuery","initial_select_query":{"__hx_ast":"SelectQuery","select":[1]},"subsequent_select_queries":[5,` +
			`{"set_operator":"UNION ALL","select_query":{"__hx_ast":"SelectQuery","select":[2]}}]}`, `sql((SELECT 1) UNION ALL (SELECT 2))`},
	}
	for _, tt := range tests {
		t.Run(tt.tree, func(t *testing.T) {
			require.Equal(t, tt.want, parse(t, tt.tree).String())
		})
	}

	t.Run("a join with itself", func(t *testing.T) {
		join := value.NewObject(2)
		join.Set("__hx_ast", value.OfString("JoinExpr"))
		join.Set("table", value.OfString("a"))
		join.Set("next_join", value.OfObject(join))
		require.Equal(t, "sql('a'null)", value.OfObject(join).String())
	})

	t.Run("a tree that shares its parts", func(t *testing.T) {
		v := value.OfInt(1)
		for range 40 {
			call := value.NewObject(3)
			call.Set("__hx_ast", value.OfString("Call"))
			call.Set("name", value.OfString("f"))
			call.Set("args", value.OfArray(value.NewArray([]value.Value{v, v})))
			v = value.OfObject(call)
		}
		_, err := value.AppendPrint(nil, v, 1<<16)
		require.EqualError(t, err, "Out of resource: Heap Memory")
	})

	t.Run("a deep one", func(t *testing.T) {
		tree := strings.Repeat(`{"__hx_ast":"Not","expr":`, 200) + "1" + strings.Repeat("}", 200)
		text, err := value.AppendPrint(nil, parse(t, tree), math.MaxInt)
		require.NoError(t, err)
		require.Contains(t, string(text), "not(null)")
	})
}

// FuzzPrint prints trees of any shape: within the limit, and as text.
func FuzzPrint(f *testing.F) {
	for _, seed := range []string{
		`{"__hx_ast":"SelectQuery","select":[{"__hx_ast":"Field","chain":["a"]}],"select_from":{"__hx_ast":"JoinExpr","next_join":{}},"limit":1}`,
		`[{"__hx_ast":"HogQLXTag","kind":"a","attributes":[{"name":"b","value":[{"__hx_ast":"Lambda","args":["x"],"expr":null}]}]}]`,
		`{"__hx_ast":"WindowFunction","over_expr":{"__hx_ast":"WindowExpr","frame_start":{"__hx_ast":"WindowFrameExpr"}},"args":{}}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, tree string) {
		v, err := value.DecodeJSON(tree)
		if err != nil {
			return
		}
		const limit = 1 << 12
		text, err := value.AppendPrint(nil, v, limit)
		if err == nil {
			require.LessOrEqual(t, len(text), limit+8*len(tree)) // of which the last string may be escaped
			require.True(t, utf8.Valid(text))
		}
	})
}

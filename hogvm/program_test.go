package hogvm_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/hogvm"
	"github.com/hog-go/hog/hogvm/value"
)

// programRow is a program and what comes of it. In the Node profile the same is expected where node and nodeFails are empty.
type programRow struct {
	id, name, program string
	globals           string
	coerce            bool
	want, fails       string
	node, nodeFails   string
}

// Rows T49 and T61 expect of both profiles what is right: in the package whose behaviour the Node profile has, closures share a cell that
// is not theirs, and a handler outlives the function that installed it.
var programRows = []programRow{
	{id: "T01", name: `3 − 2: top of stack is the left operand`, program: `["_H",1,33,2,33,3,7]`, want: `1`},
	{id: "T02", name: `7 / 2`, program: `["_H",1,33,2,33,7,9]`, want: `3.5`},
	{id: "T03", name: `−7 % 3`, program: `["_H",1,33,3,33,-7,10]`, want: `-1`},
	{id: "T04", name: `5 − null`, program: `["_H",1,31,33,5,7]`, want: `5`},
	{id: "T05", name: `5 / 0, both integers`, program: `["_H",1,33,0,33,5,9]`, fails: `Division by zero`, node: `null`},
	{id: "T06", name: `AND of truthy non-booleans gives a boolean`, program: `["_H",1,32,"a",33,2,3,2]`, want: `true`},
	{id: "T07", name: `OR with count 0`, program: `["_H",1,4,0]`, want: `false`},
	{id: "T08", name: `NOT of an empty array`, program: `["_H",1,43,0,5]`, want: `false`},
	{id: "T09", name: `leftover values: the top one is the result`, program: `["_H",1,33,1,33,2]`, want: `2`},
	{id: "T10", name: `SET_LOCAL replaces a slot`, program: `["_H",1,33,1,33,2,37,0,36,0,38]`, want: `2`},
	{id: "T11", name: `sum 1..5 by loop`, program: `["_H",1,33,0,33,1,33,5,36,1,16,40,16,36,1,36,0,6,37,0,33,1,36,1,6,37,1,39,-23,36,0]`, want: `15`},
	{id: "T12", name: `JUMP_IF_STACK_NOT_NULL on null`, program: `["_H",1,31,47,3,35,32,"dflt"]`, want: `"dflt"`},
	{id: "T13", name: `JUMP_IF_STACK_NOT_NULL on 0 keeps 0`, program: `["_H",1,33,0,47,3,35,32,"dflt"]`, want: `0`},
	{id: "T14", name: `integer dict key`, program: `["_H",1,33,96,32,"x",42,1,33,96,45]`, want: `"x"`},
	{id: "T15", name: `array index 0`, program: `["_H",1,33,1,33,2,33,3,43,3,33,0,45]`, fails: `Invalid index, expected positive, non-zero integer`, nodeFails: `Hog arrays start from index 1`},
	{id: "T16", name: `array index −1`, program: `["_H",1,33,1,33,2,33,3,43,3,33,-1,45]`, want: `3`},
	{id: "T17", name: `write past the end of an array`, program: `["_H",1,33,1,33,2,43,2,36,0,33,5,33,9,46,36,0,38]`, fails: `Array index 4 out of bounds, array length 2`, node: `[1,2,null,null,9]`},
	{id: "T18", name: `version 0 native argument order`, program: `["_h",32,"1",32,"2",2,"concat",2,38]`, want: `"21"`},
	{id: "T19", name: `version 1 native argument order`, program: `["_H",1,32,"1",32,"2",2,"concat",2,38]`, want: `"12"`},
	{id: "T20", name: `not bytecode`, program: `["x",1]`, fails: `Invalid bytecode: Invalid bytecode marker: "x"`, nodeFails: `Invalid HogQL bytecode, must start with '_H'`},
	{id: "T21", name: `INTEGER operand is untyped`, program: `["_H",1,33,true]`, want: `true`},
	{id: "T22", name: `nested global`, program: `["_H",1,32,"foo",32,"properties",1,2]`, globals: `{"properties":{"foo":"bar","list":[10,20],"nil":null}}`, want: `"bar"`},
	{id: "T23", name: `missing leaf`, program: `["_H",1,32,"zzz",32,"properties",1,2]`, globals: `{"properties":{"foo":"bar","list":[10,20],"nil":null}}`, want: `null`},
	{id: "T24", name: `missing root`, program: `["_H",1,32,"zzz",1,1]`, globals: `{"properties":{"foo":"bar","list":[10,20],"nil":null}}`, fails: `Unknown Global zzz`, nodeFails: `Global variable not found: zzz`},
	{id: "T25", name: `20 > "10" (coercing)`, program: `["_H",1,32,"10",33,20,13]`, coerce: true, want: `true`},
	{id: "T26", name: `"9" > "100" (both strings) (coercing)`, program: `["_H",1,32,"100",32,"9",13]`, coerce: true, want: `true`},
	{id: "T27", name: `1 == "1.0"`, program: `["_H",1,32,"1.0",33,1,11]`, want: `true`},
	{id: "T28", name: `"1" == "1.0"`, program: `["_H",1,32,"1.0",32,"1",11]`, want: `false`},
	{id: "T29", name: `[1,2] == [1.0,2.0]`, program: `["_H",1,33,1,33,2,43,2,34,1,34,2,43,2,11]`, want: `true`},
	{id: "T30", name: `["a"] == ["a"]`, program: `["_H",1,32,"a",43,1,32,"a",43,1,11]`, want: `true`, node: `false`},
	{id: "T31", name: `true > "yes" (coercing)`, program: `["_H",1,32,"yes",29,13]`, coerce: true, want: `false`, node: `true`},
	{id: "T32", name: `5 > "abc" (coercing)`, program: `["_H",1,32,"abc",33,5,13]`, coerce: true, fails: `Invalid number abc`, node: `false`},
	{id: "T33", name: `0 <= null`, program: `["_H",1,31,33,0,16]`, want: `false`, node: `true`},
	{id: "T34", name: `null < 1`, program: `["_H",1,33,1,31,15]`, want: `false`, node: `true`},
	{id: "T35", name: `5 > "10" (strict)`, program: `["_H",1,32,"10",33,5,13]`, fails: `Invalid value of type String, expected Number`, node: `false`},
	{id: "T36", name: `[1,"x"] > [1] (strict)`, program: `["_H",1,33,1,43,1,33,1,32,"x",43,2,13]`, fails: `Invalid value of type String, expected Number`, node: `true`},
	{id: "T37", name: `needle a in string car`, program: `["_H",1,32,"car",32,"a",21]`, want: `true`},
	{id: "T38", name: `"1" in [1,2]`, program: `["_H",1,33,1,33,2,43,2,32,"1",21]`, want: `true`, node: `false`},
	{id: "T39", name: `baa like aa (no wildcard)`, program: `["_H",1,32,"aa",32,"baa",17]`, want: `false`, node: `true`},
	{id: "T40", name: `a⏎b like a%b`, program: `["_H",1,32,"a%b",32,"a\nb",17]`, want: `true`, node: `false`},
	{id: "T41", name: `a⏎b like a_b`, program: `["_H",1,32,"a_b",32,"a\nb",17]`, want: `false`},
	{id: "T42", name: `null like %ul%`, program: `["_H",1,32,"%ul%",31,17]`, want: `true`},
	{id: "T43", name: `null =~ .*`, program: `["_H",1,32,".*",31,23]`, want: `false`},
	{id: "T44", name: `null !~ .*`, program: `["_H",1,32,".*",31,24]`, want: `true`},
	{id: "T45", name: `42 =~ 4`, program: `["_H",1,32,"4",33,42,23]`, want: `true`},
	{id: "T46", name: `kala =~* AL`, program: `["_H",1,32,"AL",32,"kala",25]`, want: `true`},
	{id: "T47", name: `inline flag wins: kala =~* (?-i)AL`, program: `["_H",1,32,"(?-i)AL",32,"kala",25]`, want: `false`},
	{id: "T48", name: `counter closure called three times`, program: `["_H",1,52,"mk",0,0,24,33,0,52,"inc",0,1,10,55,0,33,1,6,56,0,55,0,38,53,1,true,0,36,1,38,53,0,36,0,54,0,36,1,54,0,36,1,54,0,36,1,54,0,43,3]`, want: `[1,2,3]`},
	{id: "T49", name: `closures over a lambda parameter, made in arrayMap`, program: `["_H",1,52,"l",1,0,13,52,"k",0,1,3,55,0,38,53,1,true,0,38,53,0,33,10,33,20,43,2,2,"arrayMap",2,36,0,33,1,45,54,0,36,0,33,2,45,54,0,43,2]`, want: `[10,20]`},
	{id: "T50", name: `fib(10) through a captured slot`, program: `["_H",1,52,"fib",1,1,30,33,2,36,0,15,40,3,36,0,38,33,1,36,0,7,55,0,54,1,33,2,36,0,7,55,0,54,1,6,38,53,1,true,0,33,10,36,0,54,1]`, want: `55`},
	{id: "T51", name: `arrayMap doubles`, program: `["_H",1,52,"l",1,0,6,33,2,36,0,8,38,53,0,33,1,33,2,33,3,43,3,2,"arrayMap",2]`, want: `[2,4,6]`},
	{id: "T52", name: `arrayReduce(acc, item) from 10`, program: `["_H",1,52,"l",2,0,6,36,1,36,0,6,38,53,0,33,1,33,2,33,3,43,3,33,10,2,"arrayReduce",3]`, want: `16`},
	{id: "T53", name: `arrayMap with one argument`, program: `["_H",1,33,1,2,"arrayMap",1]`, fails: `Function arrayMap requires exactly 2 arguments`},
	{id: "T54", name: `unknown function`, program: `["_H",1,32,"arg",2,"invalidFunc",1]`, fails: `Unknown function invalidFunc`, nodeFails: `Unsupported function call: invalidFunc`},
	{id: "T55", name: `arity`, program: `["_H",1,32,"a",2,"replaceOne",1]`, fails: `Function replaceOne requires at least 3 arguments`},
	{id: "T57", name: `throw and catch, stack restored`, program: `["_H",1,32,"keep",50,14,33,1,33,2,32,"z",2,"Error",1,49,51,39,6,36,1,32,"message",45,38]`, want: `"z"`},
	{id: "T58", name: `throw a string`, program: `["_H",1,32,"str",49]`, fails: `Cannot throw value, it is not of type Object, or is missing a 'type' or 'message' property`, nodeFails: `Can not throw: value is not of type Error`},
	{id: "T59", name: `uncaught custom error`, program: `["_H",1,32,"MyErr",32,"msg",2,"HogError",2,49]`, fails: `Uncaught exception: MyErr: msg`, nodeFails: `msg`},
	{id: "T60", name: `unknown global inside try is not catchable`, program: `["_H",1,50,9,32,"nope",1,1,35,51,39,2,32,"caught"]`, fails: `Unknown Global nope`, nodeFails: `Global variable not found: nope`},
	{id: "T61", name: `return inside try, then throw in the caller`, program: `["_H",1,52,"f",0,0,12,50,7,33,5,38,51,39,4,35,32,"wrong",38,53,0,50,15,36,0,54,0,35,32,"late",2,"Error",1,49,51,39,6,36,1,32,"message",45,38]`, want: `"late"`},
	{id: "T65", name: `endless recursion`, program: `["_H",1,52,"r",0,1,5,55,0,54,0,38,53,1,true,0,36,0,54,0]`, fails: `Out of resource: steps`, nodeFails: `Call stack exceeded maximum length of 1000`},
}

func TestPrograms(t *testing.T) {
	for _, row := range programRows {
		t.Run("row "+row.id+" "+row.name, func(t *testing.T) {
			t.Run("rust", func(t *testing.T) {
				checkRow(t, hogvm.Config{Coerce: row.coerce}, row, row.want, row.fails)
			})
			t.Run("node", func(t *testing.T) {
				want, fails := row.node, row.nodeFails
				if want == "" && fails == "" {
					want, fails = row.want, row.fails
				}
				checkRow(t, hogvm.Config{Profile: hogvm.Node}, row, want, fails)
			})
		})
	}
}

func checkRow(t *testing.T, cfg hogvm.Config, row programRow, want, fails string) {
	t.Helper()
	got, err := evaluate(t, cfg, row.program, row.globals)
	if fails != "" {
		require.EqualError(t, err, fails)
		return
	}
	require.NoError(t, err)
	require.JSONEq(t, want, got)
}

func newVM(t testing.TB, cfg hogvm.Config) *hogvm.VM {
	t.Helper()
	vm, err := hogvm.New(cfg)
	require.NoError(t, err)
	return vm
}

// evaluate returns the result of a program as JSON, or why there is none.
func evaluate(t testing.TB, cfg hogvm.Config, program, globals string) (string, error) {
	t.Helper()
	p, err := newVM(t, cfg).Load([]byte(program))
	if err != nil {
		return "", err
	}
	result, err := p.RunJSON(context.Background(), parseGlobals(t, globals), nil)
	return string(result), err
}

func parseGlobals(t testing.TB, text string) hogvm.Globals {
	t.Helper()
	if text == "" {
		return hogvm.Globals{}
	}
	g, err := hogvm.ParseGlobals([]byte(text))
	require.NoError(t, err)
	return g
}

func TestManyArguments(t *testing.T) {
	program := `["_H",1,` + strings.Repeat("33,0,", 301) + `2,"concat",301]`
	t.Run("row T56 301 arguments to concat", func(t *testing.T) {
		got, err := evaluate(t, hogvm.Config{}, program, "")
		require.NoError(t, err)
		require.Equal(t, `"`+strings.Repeat("0", 301)+`"`, got)
		_, err = evaluate(t, hogvm.Config{Profile: hogvm.Node}, program, "")
		require.EqualError(t, err, "Too many arguments")
	})
}

func TestPrint(t *testing.T) {
	tests := []struct{ name, program, want string }{
		{"row T62 print nested values", `["_H",1,32,"it's",33,1,34,1.5,31,32,"q",43,1,32,"a",33,1,44,1,42,1,2,"print",6]`,
			`it's 1 1.5 null ['q'] {'a': tuple(1)}`},
		{"row T63 print a datetime and a date", `["_H",1,34,1.5,2,"toDateTime",1,32,"2024-01-02",2,"toDate",1,43,2,2,"print",1]`,
			`[DateTime(1.5, 'UTC'), Date(2024, 1, 2)]`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var lines []string
			cfg := hogvm.Config{Print: func(line string) { lines = append(lines, line) }}
			got, err := evaluate(t, cfg, tt.program, "")
			require.NoError(t, err)
			require.Equal(t, "null", got)
			require.Equal(t, []string{tt.want}, lines)
		})
	}
	t.Run("without a sink there is no print", func(t *testing.T) {
		_, err := evaluate(t, hogvm.Config{}, tests[0].program, "")
		require.EqualError(t, err, "Unknown function print")
	})
}

func TestNodeMemory(t *testing.T) {
	t.Run("row T64 limits: memory", func(t *testing.T) {
		_, err := evaluate(t, hogvm.Config{Profile: hogvm.Node, MaxMemory: 25}, `["_H",1,32,"xxxxxxxxxxxxxxxxxxxx"]`, "")
		require.EqualError(t, err, "Memory limit of 25 bytes exceeded. Tried to allocate 28 bytes.")
	})
}

func TestSuspension(t *testing.T) {
	t.Run("row T66 suspension", func(t *testing.T) {
		vm := newVM(t, hogvm.Config{MaxAsyncSteps: 1})
		p, err := vm.Load([]byte(`["_H",1,34,4.5,33,2,2,"sleep",1]`))
		require.NoError(t, err)
		_, call, err := vm.NewThread().Start(t.Context(), p, hogvm.Globals{})
		require.NoError(t, err)
		require.Equal(t, "sleep", call.Function)
		require.Equal(t, []value.Value{value.OfInt(2)}, call.Args)
	})
}

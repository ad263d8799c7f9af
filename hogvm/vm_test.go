package hogvm_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/hogvm"
	"github.com/hog-go/hog/hogvm/fault"
	"github.com/hog-go/hog/hogvm/native"
	"github.com/hog-go/hog/hogvm/value"
)

func load(t testing.TB, cfg hogvm.Config, program string) *hogvm.Program {
	t.Helper()
	p, err := newVM(t, cfg).Load([]byte(program))
	require.NoError(t, err)
	return p
}

func TestHostFunctions(t *testing.T) {
	cfg := hogvm.Config{Functions: map[string]native.Entry{
		"twice": {Min: 1, Max: 1, Func: func(c *native.Call, args []value.Value) (value.Value, error) {
			s, _ := args[0].AsString()
			return c.Heap.Text(s + s)
		}},
		"length":   {Func: func(*native.Call, []value.Value) (value.Value, error) { return value.OfInt(-1), nil }},
		"arrayMap": {Func: func(*native.Call, []value.Value) (value.Value, error) { return value.OfString("mine"), nil }},
		"fails": {Func: func(*native.Call, []value.Value) (value.Value, error) {
			return value.Value{}, errors.New("unsupported_ext_fn:fails")
		}},
	}}
	tests := []struct{ name, program, want, fails string }{
		{"of its own name", `["_H",1,32,"ab",2,"twice",1,38]`, `"abab"`, ""},
		{"instead of a native one, with any number of arguments", `["_H",1,2,"length",0,38]`, `-1`, ""},
		{"instead of one written in Hog", `["_H",1,2,"arrayMap",0,38]`, `"mine"`, ""},
		{"as a value", `["_H",1,32,"twice",1,1,32,"x",36,0,54,1,38]`, `"xx"`, ""},
		{"its error is passed on", `["_H",1,2,"fails",0,38]`, "", "unsupported_ext_fn:fails"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := evaluate(t, cfg, tt.program, "")
			if tt.fails != "" {
				require.EqualError(t, err, tt.fails)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestFunctionValues(t *testing.T) {
	tests := []struct{ name, program, want, fails string }{
		{"native", `["_H",1,32,"upper",1,1,32,"x",36,0,54,1,38]`, `"X"`, ""},
		{"native, arity", `["_H",1,32,"upper",1,1,36,0,54,0,38]`, "", "Function upper requires at least 1 arguments"},
		{"written in Hog", `["_H",1,32,"arrayMap",1,1,32,"upper",1,1,32,"a",32,"b",43,2,36,0,54,2,38]`, `["A","B"]`, ""},
		{"printed", `["_H",1,32,"replaceOne",1,1,2,"toString",1,38]`, `"fn<replaceOne(3)>"`, ""},
		{"a global hides it", `["_H",1,32,"length",1,1,38]`, `5`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := evaluate(t, hogvm.Config{}, tt.program, `{"length":5}`)
			if tt.fails != "" {
				require.EqualError(t, err, tt.fails)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

// The Node VM hands functions out as the objects that it keeps of them.
func TestFunctionsAsResults(t *testing.T) {
	const native = `{"__hogClosure__":true,"callable":{"__hogCallable__":"stl","name":"upper","chunk":"stl","argCount":1,"upvalueCount":0,"ip":-1},"upvalues":[]}`
	tests := []struct{ name, program, want, fails string }{
		{"callable", `["_H",1,52,"f",1,0,1,38]`,
			`{"__hogCallable__":"local","name":"f","chunk":"root","argCount":1,"upvalueCount":0,"ip":7}`, "Not implemented: Callable serialisation"},
		{"callable of the legacy header", `["_h",52,"f",1,0,1,38]`,
			`{"__hogCallable__":"local","name":"f","chunk":"root","argCount":1,"upvalueCount":0,"ip":6}`, "Not implemented: Callable serialisation"},
		{"native", `["_H",1,32,"upper",1,1]`, native, "Not implemented: Closure serialisation"},
		{"async, in an array", `["_H",1,32,"sleep",1,1,43,1]`,
			`[{"__hogClosure__":true,"callable":{"__hogCallable__":"async","name":"sleep","chunk":"async","argCount":1,"upvalueCount":0,"ip":-1},"upvalues":[]}]`,
			"Not implemented: Closure serialisation"},
		{"closures that share a variable", `["_H",1,33,7,33,8,52,"f",0,2,3,55,0,38,53,2,true,1,true,0,52,"g",0,1,3,55,0,38,53,1,true,0,43,2]`,
			`[{"__hogClosure__":true,"callable":{"__hogCallable__":"local","name":"f","chunk":"root","argCount":0,"upvalueCount":2,"ip":11},"upvalues":[1,2]},` +
				`{"__hogClosure__":true,"callable":{"__hogCallable__":"local","name":"g","chunk":"root","argCount":0,"upvalueCount":1,"ip":25},"upvalues":[2]}]`,
			"Not implemented: Closure serialisation"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := newVM(t, hogvm.Config{Profile: hogvm.Node}).Load([]byte(tt.program))
			require.NoError(t, err)
			got, err := p.RunJSON(t.Context(), hogvm.Globals{}, nil)
			require.NoError(t, err)
			require.Equal(t, tt.want, string(got))

			p, err = newVM(t, hogvm.Config{}).Load([]byte(tt.program))
			require.NoError(t, err)
			_, err = p.RunJSON(t.Context(), hogvm.Globals{}, nil)
			require.EqualError(t, err, tt.fails)
		})
	}
}

func TestChunks(t *testing.T) {
	const container = `{"bytecodes":{
		"root":{"bytecode":["_H",1,32,"lib",2,"import",1,36,0,32,"double",45,33,21,36,1,54,1,38],"globals":{"mine":1}},
		"lib":{"bytecode":["_H",1,52,"double",1,0,6,33,2,36,0,8,38,53,0,32,"double",36,0,32,"seen",32,"secret",1,1,42,2,38],"globals":{"secret":7}},
		"silent":{"bytecode":["_H",1,33,5]}}}`
	t.Run("a chunk of the program", func(t *testing.T) {
		got, err := evaluate(t, hogvm.Config{}, container, `{"other":2}`)
		require.NoError(t, err)
		require.Equal(t, "42", got)
	})
	root := func(code string) string {
		return `{"bytecodes":{"root":{"bytecode":` + code + `,"globals":{"a":1,"b":1}},"silent":{"bytecode":["_H",1,33,5]},"nosy":{"bytecode":["_H",1,32,"a",1,1,38]}}}`
	}
	tests := []struct{ name, program, globals, want, fails string }{
		{"the host's globals come before the chunk's", root(`["_H",1,32,"a",1,1,32,"b",1,1,43,2,38]`), `{"a":2}`, `[2,1]`, ""},
		{"without RETURN the result is null", root(`["_H",1,33,1,32,"silent",2,"import",1,43,2]`), ``, `[1,null]`, ""},
		{"an imported chunk sees only its own globals", root(`["_H",1,32,"nosy",2,"import",1]`), `{"a":2}`, "", "Unknown Global a"},
		{"import takes a name", root(`["_H",1,2,"import",0]`), ``, "", "Function import requires exactly 1 argument"},
		{"the host's chunk", root(`["_H",1,32,"host",2,"import",1,38]`), ``, `"from the host"`, ""},
		{"no such chunk", root(`["_H",1,32,"nope",2,"import",1,38]`), ``, "", "Unknown chunk: nope"},
	}
	cfg := hogvm.Config{Import: func(name string) ([]byte, bool) {
		return []byte(`["_H",1,32,"from the host",38]`), name == "host"
	}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := evaluate(t, cfg, tt.program, tt.globals)
			if tt.fails != "" {
				require.EqualError(t, err, tt.fails)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
	t.Run("a state brings imported chunks along", func(t *testing.T) {
		async := cfg
		async.MaxAsyncSteps = 1
		vm := newVM(t, async)
		p, err := vm.Load([]byte(`["_H",1,32,"host",2,"import",1,33,1,2,"sleep",1,35,36,0,38]`))
		require.NoError(t, err)
		_, call, err := vm.NewThread().Start(t.Context(), p, hogvm.Globals{})
		require.NoError(t, err)
		v, call, err := vm.NewThread().Resume(t.Context(), p, hogvm.Globals{}, call.State, value.Value{})
		require.NoError(t, err)
		require.Nil(t, call)
		require.Equal(t, "from the host", v.Str())
	})
}

func TestThrown(t *testing.T) {
	_, err := evaluate(t, hogvm.Config{}, `["_H",1,32,"MyErr",32,"it's",33,7,2,"HogError",3,49]`, "")
	failure, ok := errors.AsType[*hogvm.Failure](err)
	require.True(t, ok)
	require.Equal(t, fault.Uncaught, failure.Kind())
	require.Equal(t, "MyErr", failure.Thrown.Type)
	require.Equal(t, value.OfInt(7), failure.Thrown.Payload)
	require.EqualError(t, failure.Thrown, `MyErr('it\'s')`)
	require.Equal(t, 11, failure.IP)
}

func TestEndOfTime(t *testing.T) {
	const forever = `["_H",1,39,-2]`
	_, err := evaluate(t, hogvm.Config{MaxSteps: 1 << 40, Timeout: 5 * time.Millisecond}, forever, "")
	require.ErrorContains(t, err, "Execution timed out after 0.005 seconds. Performed ")
	_, err = evaluate(t, hogvm.Config{Profile: hogvm.Node, Timeout: 5 * time.Millisecond}, forever, "")
	require.ErrorContains(t, err, "Execution timed out after 0.005 seconds. Performed ")

	p := load(t, hogvm.Config{MaxSteps: 1 << 40}, forever)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("no more interest"))
	_, err = p.Run(ctx, hogvm.Globals{})
	require.ErrorContains(t, err, "no more interest")
}

func TestTelemetry(t *testing.T) {
	vm := newVM(t, hogvm.Config{Telemetry: true, MaxAsyncSteps: 1})
	p, err := vm.Load([]byte(`["_H",1,34,4.5,33,2,2,"sleep",1]`))
	require.NoError(t, err)
	_, call, err := vm.NewThread().Start(t.Context(), p, hogvm.Globals{})
	require.NoError(t, err)
	var state struct{ Telemetry []any }
	require.NoError(t, json.Unmarshal(call.State, &state))
	require.Equal(t, []any{
		[]any{0.0, "root", 2.0, "34/FLOAT", ""}, []any{0.0, "root", 4.0, "33/INTEGER", ""}, []any{0.0, "root", 6.0, "2/CALL_GLOBAL", ""},
	}, state.Telemetry)
}

func TestCheck(t *testing.T) {
	p := load(t, hogvm.Config{}, `["_H",1,2,"nope",0,35,2,"length",0,35,99,32,5,41,"mine",0,2,31,38,2,"mine",0]`)
	var problems []string
	for _, problem := range p.Check() {
		problems = append(problems, problem.String())
	}
	require.Equal(t, []string{
		"root at 2: Unknown function nope", "root at 6: Function length requires at least 1 arguments", "root at 10: Invalid operation 99",
		"root at 11: Invalid value of type number, expected String",
	}, problems)
	require.Empty(t, load(t, hogvm.Config{}, fiveTests("x")).Check())
}

func TestDisassemble(t *testing.T) {
	p := load(t, hogvm.Config{}, `["_H",1,52,"f",1,1,4,55,0,40,1,38,53,1,true,0,34,1,36,0,54,1,39,-8,32]`)
	require.Equal(t, `root:
     2  CALLABLE               f args=1 upvalues=1 -> 11
     7  GET_UPVALUE            0
     9  JUMP_IF_FALSE          -> 12
    11  RETURN
    12  CLOSURE                local:0
    16  FLOAT                  1.0
    18  GET_LOCAL              0
    20  CALL_LOCAL             1
    22  JUMP                   -> 16
    24  ?                      Unexpected end of program at address 23
`, p.Disassemble())
}

func TestBatch(t *testing.T) {
	p := load(t, hogvm.Config{}, `["_H",1,32,"n",1,1,33,10,9,38]`)
	results := p.RunAll(t.Context(), []hogvm.Globals{
		parseGlobals(t, `{"n":5}`), parseGlobals(t, `{}`), hogvm.RawGlobals([]byte(`{"n":`)), hogvm.RawGlobals([]byte(`{"n":4}`)),
	})
	require.Equal(t, value.OfFloat(2), results[0].Value)
	require.EqualError(t, results[1].Err, "Unknown Global n")
	require.ErrorContains(t, results[2].Err, "invalid JSON")
	require.Equal(t, value.OfFloat(2.5), results[3].Value)
}

func TestSet(t *testing.T) {
	vm := newVM(t, hogvm.Config{})
	programs := []string{
		fiveTests("Chrome"), fiveTests("Firefox"), fiveTests("Chrome"), stringifyProgram,
		`["_H",1,32,"nope",1,1]`, `["_H",1,32,"properties",1,1]`, `["_H",1,` + property("$os") + `,2,"upper",1,38]`,
		`["_H",1,` + property("$os") + `]`,
	}
	var loaded []*hogvm.Program
	for _, program := range programs {
		p, err := vm.Load([]byte(program))
		require.NoError(t, err)
		loaded = append(loaded, p)
	}
	set, err := hogvm.NewSet(loaded...)
	require.NoError(t, err)
	events := []string{benchEvent, `{"properties":{"$os":"x","$browser":"Firefox","$screen_width":"wide"}}`, `{"properties":{"$os":["x"]}}`, `{}`}
	for _, event := range events {
		for name, g := range map[string]hogvm.Globals{"raw": hogvm.RawGlobals([]byte(event)), "decoded": parseGlobals(t, event)} {
			results, err := set.Run(t.Context(), g, nil)
			require.NoError(t, err)
			for i, p := range loaded {
				v, err := p.Run(t.Context(), g)
				require.Equal(t, fmt.Sprint(err), fmt.Sprint(results[i].Err), "%s %d", name, i)
				if err == nil {
					require.Equal(t, printed(t, v), printed(t, results[i].Value), "%s %d", name, i)
				}
			}
		}
	}
	_, err = set.Run(t.Context(), hogvm.RawGlobals([]byte(`{`)), nil)
	require.Error(t, err)

	_, err = hogvm.NewSet()
	require.Error(t, err)
	_, err = hogvm.NewSet(loaded[0], load(t, hogvm.Config{}, `["_H",1,29]`))
	require.Error(t, err)
}

// What a run returns must outlive the memory of a raw event.
func TestRawResultsAreCopies(t *testing.T) {
	p := load(t, hogvm.Config{}, `["_H",1,32,"b",32,"a",1,1,43,2,32,"b",32,"a",1,1,32,"k",32,"a",1,1,42,2,43,2]`)
	event := []byte(`{"a":"text"}`)
	v, err := p.Run(t.Context(), hogvm.RawGlobals(event))
	require.NoError(t, err)
	before := printed(t, v)
	copy(event, `{"a":"TEXT"}`)
	require.Equal(t, before, printed(t, v))
}

func TestConcurrentRuns(t *testing.T) {
	vm := newVM(t, hogvm.Config{})
	var programs []*hogvm.Program
	constantList := `["_H",1,33,1,31,43,2,2,"values",1,2,"length",1,38]`
	for _, text := range []string{fiveTests("Chrome"), templateProgram(), stringifyProgram, lambdaProgram, constantList} {
		p, err := vm.Load([]byte(text))
		require.NoError(t, err)
		programs = append(programs, p)
	}
	shared := parseGlobals(t, benchEvent)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 50 {
				_, _ = programs[i%len(programs)].Run(t.Context(), shared)
				_, _ = programs[i%len(programs)].Run(t.Context(), hogvm.RawGlobals([]byte(benchEvent)))
			}
		})
	}
	wg.Wait()
}

func TestRunsDoNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("sync.Pool drops at random under the race detector")
	}
	p := load(t, hogvm.Config{}, fiveTests("Chrome"))
	event, decoded := hogvm.RawGlobals([]byte(benchEvent)), parseGlobals(t, benchEvent)
	th := p.VM().NewThread()
	for name, g := range map[string]hogvm.Globals{"raw": event, "decoded": decoded} {
		require.Zero(t, testing.AllocsPerRun(100, func() {
			_, _ = th.Run(context.Background(), p, g)
		}), name)
	}
}

func TestNewRejects(t *testing.T) {
	_, err := hogvm.New(hogvm.Config{MaxSteps: -1})
	require.ErrorContains(t, err, "a limit is negative")
	_, err = hogvm.New(hogvm.Config{Functions: map[string]native.Entry{"f": {}}})
	require.EqualError(t, err, "hogvm: function f has no code")
}

func TestFunctions(t *testing.T) {
	names := newVM(t, hogvm.Config{Async: []string{"fetch"}}).Functions()
	for _, name := range []string{"arrayMap", "concat", "fetch", "sleep", "inCohort"} {
		require.Contains(t, names, name)
	}
	require.NotContains(t, names, "print")
}

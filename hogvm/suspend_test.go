package hogvm_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/hogvm"
	"github.com/hog-go/hog/hogvm/value"
)

const (
	// let x := 5; let f := () -> x; let y := asyncFetch(0); return f() + y
	capturedProgram = `["_H",1,33,5,52,"lambda",0,1,3,55,0,38,53,1,true,0,33,0,2,"asyncFetch",1,36,2,36,1,54,0,6,38]`
	// let o := {'a': 1}; let s := 'text'; return arrayMap(x -> { try { return fetch(x) } catch { return 0 } }, [10, 20]), the lambda capturing s
	callbackProgram = `["_H",1,32,"a",33,1,42,1,32,"text",52,"lambda",1,1,17,50,10,36,0,2,"fetch",1,38,51,39,6,35,33,0,38,31,38,53,1,true,1,` +
		`33,10,33,20,43,2,2,"arrayMap",2,38]`
)

var asyncConfig = hogvm.Config{MaxAsyncSteps: 10, Async: []string{"fetch", "asyncFetch"}}

func loadAsync(t *testing.T, program string) (*hogvm.Thread, *hogvm.Program) {
	t.Helper()
	vm := newVM(t, asyncConfig)
	p, err := vm.Load([]byte(program))
	require.NoError(t, err)
	return vm.NewThread(), p
}

// resumeAll answers every call of the program with what reply makes of it, and returns the result as JSON.
func resumeAll(t *testing.T, program string, reply func(*hogvm.Call) value.Value) string {
	t.Helper()
	th, p := loadAsync(t, program)
	v, call, err := th.Start(t.Context(), p, hogvm.Globals{})
	for err == nil && call != nil {
		state := indent(t, call.State) // as a queue would hand it over
		v, call, err = p.VM().NewThread().Resume(t.Context(), p, hogvm.Globals{}, state, reply(call))
	}
	require.NoError(t, err)
	text, err := value.AppendJSON(nil, v, value.JSONStyle{})
	require.NoError(t, err)
	return string(text)
}

func indent(t *testing.T, state []byte) []byte {
	t.Helper()
	var v any
	require.NoError(t, json.Unmarshal(state, &v))
	text, err := json.MarshalIndent(v, "", " ")
	require.NoError(t, err)
	return text
}

func plusOne(c *hogvm.Call) value.Value { return value.OfInt(c.Args[0].Int() + 1) }

func TestResume(t *testing.T) {
	always := func(v value.Value) func(*hogvm.Call) value.Value {
		return func(*hogvm.Call) value.Value { return v }
	}
	tests := []struct {
		name, program string
		reply         func(*hogvm.Call) value.Value
		want          string
	}{
		{"open upvalue", capturedProgram, always(value.OfInt(37)), `42`},
		{"nested function", `["_H",1,52,"f",0,0,9,33,1,2,"fetch",1,33,1,6,38,53,0,36,0,54,0,33,5,6,38]`, plusOne, `8`},
		{"lambda of arrayMap inside try", callbackProgram, plusOne, `[11,21]`},
		{"lambda of arrayMap, twice", `["_H",1,52,"l",1,0,9,33,1,33,10,2,"fetch",1,6,38,53,0,33,1,33,2,43,2,2,"arrayMap",2,38]`,
			always(value.OfInt(10)), `[11,11]`},
		{"function value of an async function", `["_H",1,32,"fetch",1,1,33,3,36,0,54,1,38]`, plusOne, `4`},
		{"closed upvalue", `["_H",1,52,"mk",1,0,13,52,"k",0,1,3,55,0,38,53,1,true,0,38,53,0,33,7,36,0,54,1,33,1,2,"fetch",1,36,1,54,0,6,38]`,
			always(value.OfInt(1)), `8`},
		{"legacy function", `["_H",1,41,"f",1,9,36,0,2,"fetch",1,33,1,6,38,33,1,2,"f",1,38]`, plusOne, `3`},
		{"tuple and date stay what they are", `["_H",1,33,1,44,1,32,"2024-01-02",2,"toDate",1,33,0,2,"fetch",1,36,0,2,"typeof",1,36,1,2,"typeof",1,43,2,38]`,
			always(value.Value{}), `["tuple","date"]`},
		{"result is a copy", `["_H",1,33,0,2,"fetch",1,36,0,32,"a",33,2,46,36,0,38]`, always(parsed(`{"a":1}`)), `{"a":2}`},
	}
	for _, tt := range tests {
		t.Run("row 8.3 "+tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, resumeAll(t, tt.program, tt.reply))
		})
	}
}

func parsed(text string) value.Value {
	v, err := value.ParseJSON([]byte(text))
	if err != nil {
		panic(err)
	}
	return v
}

// The golden states are those of npm @posthog/hogvm 1.0.71.
func TestStateFormat(t *testing.T) {
	tests := []struct{ name, program, golden, result string }{
		{"captured slot", capturedProgram, "testdata/state-captured.json", `42`},
		{"callback of a library function inside try", callbackProgram, "testdata/state-callback.json", `[37,37]`},
	}
	for _, tt := range tests {
		t.Run("row 3.5 "+tt.name, func(t *testing.T) {
			golden, err := os.ReadFile(tt.golden)
			require.NoError(t, err)
			th, p := loadAsync(t, tt.program)
			_, call, err := th.Start(t.Context(), p, hogvm.Globals{})
			require.NoError(t, err)
			want, got := members(t, golden), members(t, call.State)
			for _, key := range []string{"bytecodes", "stack", "upvalues", "callStack", "throwStack", "declaredFunctions", "ops", "asyncSteps"} {
				require.Equal(t, want[key], got[key], key)
			}

			v, call, err := th.Resume(t.Context(), p, hogvm.Globals{}, golden, value.OfInt(37))
			if call != nil {
				v, call, err = th.Resume(t.Context(), p, hogvm.Globals{}, call.State, value.OfInt(37))
			}
			require.NoError(t, err)
			require.Nil(t, call)
			text, err := value.AppendJSON(nil, v, value.JSONStyle{})
			require.NoError(t, err)
			require.Equal(t, tt.result, string(text))
		})
	}
}

func members(t *testing.T, text []byte) map[string]any {
	t.Helper()
	var m map[string]any
	require.NoError(t, json.Unmarshal(text, &m))
	return m
}

func TestAsyncLimits(t *testing.T) {
	vm := newVM(t, hogvm.Config{})
	p, err := vm.Load([]byte(`["_H",1,33,2,2,"sleep",1]`))
	require.NoError(t, err)
	_, _, err = vm.NewThread().Start(t.Context(), p, hogvm.Globals{})
	require.EqualError(t, err, "Out of resource: async steps (0)")
	_, err = p.Run(t.Context(), hogvm.Globals{})
	require.EqualError(t, err, "Unknown function sleep")

	vm = newVM(t, hogvm.Config{Profile: hogvm.Node, MaxAsyncSteps: 1})
	p, err = vm.Load([]byte(`["_H",1,33,2,2,"sleep",1,33,2,2,"sleep",1]`))
	require.NoError(t, err)
	_, call, err := vm.NewThread().Start(t.Context(), p, hogvm.Globals{})
	require.NoError(t, err)
	_, _, err = vm.NewThread().Resume(t.Context(), p, hogvm.Globals{}, call.State, value.Value{})
	require.EqualError(t, err, "Exceeded maximum number of async steps: 1")
}

// What is counted in all legs of a run continues: instructions, suspensions, the peak of memory and the trace.
func TestResumeContinuesTheAccount(t *testing.T) {
	vm := newVM(t, hogvm.Config{Telemetry: true, MaxAsyncSteps: 2})
	p, err := vm.Load([]byte(`["_H",1,32,"a long text",2,"length",1,35,33,1,2,"sleep",1,35,32,"x",32,"y",2,"concat",2,2,"sleep",1]`))
	require.NoError(t, err)
	_, call, err := vm.NewThread().Start(t.Context(), p, hogvm.Globals{})
	require.NoError(t, err)
	first := members(t, []byte(strings.Replace(string(call.State), `"maxMemUsed":0`, `"maxMemUsed":500`, 1)))
	state, err := json.Marshal(first)
	require.NoError(t, err)
	_, call, err = vm.NewThread().Resume(t.Context(), p, hogvm.Globals{}, state, value.Value{})
	require.NoError(t, err)
	second := members(t, call.State)
	require.Equal(t, 5.0, first["ops"])
	require.Equal(t, 10.0, second["ops"])
	require.Equal(t, 2.0, second["asyncSteps"])
	require.Equal(t, 500.0, second["maxMemUsed"])
	trace := second["telemetry"].([]any)
	require.Equal(t, first["telemetry"], trace[:5])
	require.Len(t, trace, 10)
}

// A slot that was captured twice, in a block that ran twice, has two cells. The Node VM, which finds cells by their slots, must meet the open one.
func TestOpenUpvalueIsTheLastOfItsSlot(t *testing.T) {
	capture := `52,"k",0,1,3,55,0,38,53,1,true,2,`
	th, p := loadAsync(t, `["_H",1,31,31,33,2,`+capture+`37,1,57,33,3,`+capture+`37,0,33,0,2,"fetch",1,35,36,0,54,0,36,1,54,0,43,2]`)
	_, call, err := th.Start(t.Context(), p, hogvm.Globals{})
	require.NoError(t, err)
	var state struct {
		Upvalues []struct {
			Location int
			Closed   bool
		}
	}
	require.NoError(t, json.Unmarshal(call.State, &state))
	require.Len(t, state.Upvalues, 2)
	require.Equal(t, state.Upvalues[0].Location, state.Upvalues[1].Location)
	require.True(t, state.Upvalues[0].Closed)
	require.False(t, state.Upvalues[1].Closed)

	v, _, err := th.Resume(t.Context(), p, hogvm.Globals{}, call.State, value.OfInt(0))
	require.NoError(t, err)
	text, err := value.AppendJSON(nil, v, value.JSONStyle{})
	require.NoError(t, err)
	require.Equal(t, `[3,2]`, string(text))
}

func TestResumeRejects(t *testing.T) {
	golden, err := os.ReadFile("testdata/state-captured.json")
	require.NoError(t, err)
	good := string(golden)
	replace := func(old, new string) string {
		require.Contains(t, good, old)
		return strings.Replace(good, old, new, 1)
	}
	tests := map[string]string{
		"no JSON":                         `{`,
		"no object":                       `[]`,
		"missing field":                   replace(`"stack"`, `"heap"`),
		"empty call stack":                `{"bytecodes":{},"stack":[],"upvalues":[],"callStack":[],"throwStack":[],"declaredFunctions":{},"ops":0,"asyncSteps":0,"syncDuration":0,"maxMemUsed":0}`,
		"unknown upvalue":                 replace(`"id":1`, `"id":2`),
		"open upvalue beyond the stack":   replace(`"location":0`, `"location":99`),
		"frame behind the end":            replace(`"ip":21`, `"ip":2100`),
		"frame before the bytecode":       replace(`"ip":21`, `"ip":0`),
		"handler before the bytecode":     replace(`"throwStack":[]`, `"throwStack":[{"callStackLen":1,"stackLen":0,"catchIp":1}]`),
		"frame begins beyond the stack":   replace(`"stackStart":0`, `"stackStart":9`),
		"unknown chunk":                   replace(`{"ip":21,"chunk":"root"`, `{"ip":21,"chunk":"nope"`),
		"handler out of range":            replace(`"throwStack":[]`, `"throwStack":[{"callStackLen":9,"stackLen":0,"catchIp":5}]`),
		"function behind the end":         replace(`"ip":9}`, `"ip":900}`),
		"unknown kind of function":        replace(`"local"`, `"global"`),
		"declared function out of range":  replace(`"declaredFunctions":{}`, `"declaredFunctions":{"f":[9000,1]}`),
		"negative number of instructions": replace(`"ops":5`, `"ops":-5`),
		"no bytecode":                     replace(`"bytecodes"`, `"code"`),
		"upvalue that is open or closed":  replace(`"closed":false`, `"closed":null`),
		"closed upvalue without a value":  replace(`"closed":false,"value"`, `"closed":true,"worth"`),
	}
	for name, state := range tests {
		t.Run(name, func(t *testing.T) {
			th, p := loadAsync(t, capturedProgram)
			_, _, err := th.Resume(t.Context(), p, hogvm.Globals{}, []byte(state), value.OfInt(1))
			require.Error(t, err)
		})
	}
}

package hogvm_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/hogvm"
	"github.com/hog-go/hog/hogvm/value"
)

// fate is all that can be told of how a run ended.
type fate struct {
	result, err string
	chunk       string
	ip, steps   int
	stack       string
}

func fateOf(t *testing.T, v value.Value, err error) fate {
	t.Helper()
	if f, ok := errors.AsType[*hogvm.Failure](err); ok {
		return fate{err: f.Error(), chunk: f.Chunk, ip: f.IP, steps: f.Steps, stack: printed(t, value.OfArray(value.NewArray(f.Stack)))}
	}
	require.NoError(t, err)
	return fate{result: printed(t, v)}
}

func printed(t *testing.T, v value.Value) string {
	t.Helper()
	text, err := value.AppendPrint(nil, v, 1<<20)
	require.NoError(t, err)
	return string(text)
}

// A VM with telemetry executes bytecode instruction by instruction; without, runs of instructions are fused and filters are evaluated as
// expressions. Wherever a run is cut off, the two must agree on result, error, position, steps and stack.
func TestFusedInstructionsAreExact(t *testing.T) {
	plain, fast := newVM(t, hogvm.Config{Telemetry: true}), newVM(t, hogvm.Config{})
	programs := map[string][2]string{
		"fib":         {replaceOnce(t, fibProgram, "33,25,", "33,5,"), ``},
		"concat":      {replaceOnce(t, concatProgram, "33,1000,", "33,7,"), ``},
		"lambdas":     {replaceOnce(t, lambdaProgram, "33,1000,", "33,7,"), ``},
		"regex":       {replaceOnce(t, regexProgram, "33,1000,", "33,4,"), benchEvent},
		"stringify":   {stringifyProgram, manyProperties(5)},
		"template":    {templateProgram(), benchEvent},
		"filter":      {fiveTests("Chrome"), benchEvent},
		"first fails": {fiveTests("Firefox"), benchEvent},
		"fails late":  {fiveTests("Firefox"), `{"properties":{"$browser":"Chrome","$screen_width":"wide"}}`},
		"no root":     {fiveTests("Firefox"), `{"event":1}`},
		"properties":  {`["_H",1,32,"properties",1,1,36,0,32,"a",45,36,0,32,"b",45,32,"c",45,43,2,38]`, `{"properties":{"a":1,"b":{"c":2}}}`},
		"mixed loop":  {`["_H",1,34,0.5,33,0,33,5,36,1,15,40,16,36,1,36,0,6,37,0,33,1,36,1,6,37,1,39,-23,36,0,36,1,9,38]`, ``},
		"count":       {`["_H",1,52,"f",1,0,6,33,1,36,0,13,38,53,0,33,1,33,2,33,3,43,3,2,"arrayCount",2]`, ``},
		"exists":      {`["_H",1,52,"f",1,0,6,33,1,36,0,13,38,53,0,33,1,33,2,33,3,43,3,2,"arrayExists",2]`, ``},
		"none exists": {`["_H",1,52,"f",1,0,6,33,9,36,0,13,38,53,0,33,1,33,2,33,3,43,3,2,"arrayExists",2]`, ``},
		"reduce":      {`["_H",1,52,"f",2,0,6,36,1,36,0,8,38,53,0,33,1,33,2,34,1.5,33,4,43,4,33,3,2,"arrayReduce",3]`, ``},
		"texts":       {`["_H",1,52,"f",1,0,8,32,"n",36,0,2,"concat",2,38,53,0,33,1,32,"x",31,43,3,2,"arrayMap",2]`, ``},
		"bad item":    {`["_H",1,52,"f",1,0,8,36,0,2,"concat",1,2,"upper",1,38,53,0,32,"a",33,1,43,2,2,"arrayMap",2]`, ``},
		"bad later":   {`["_H",1,52,"f",1,0,10,36,0,36,0,2,"concat",1,6,38,53,0,33,1,33,2,43,2,2,"arrayMap",2]`, ``},
		"captured":    {`["_H",1,33,10,52,"f",1,1,6,55,0,36,0,6,38,53,1,true,0,33,1,33,2,43,2,2,"arrayMap",2]`, ``},
		"fields":      {`["_H",1,52,"f",1,0,8,32,"x",36,0,32,"a",45,11,38,53,0,32,"list",1,1,2,"arrayFilter",2]`, `{"list":[{"a":"x"},{"a":{"b":1}},{"a":"x","c":[1]},5]}`},
		"calls":       {`["_H",1,32,"%x%",32,"b",32,"a",1,2,2,"toString",1,18,32,"B",32,"b",32,"a",1,2,2,"upper",1,11,3,2,38]`, `{"a":{"b":"b"}}`},
		"calls fail":  {`["_H",1,32,"%x%",32,"b",32,"a",1,2,2,"toString",1,18,32,"B",32,"b",32,"a",1,2,2,"upper",1,11,3,2,38]`, `{"a":{"b":1}}`},
		"containers":  {`["_H",1,32,"x",32,"b",32,"a",1,2,11,32,"y",32,"b",32,"a",1,2,11,3,2,38]`, `{"a":{"b":["some","thing"]}}`},
		"factorial":   {`["_H",1,52,"f",1,1,23,33,1,36,0,16,40,3,33,1,38,36,0,33,1,36,0,7,55,0,54,1,8,38,53,1,true,0,33,6,36,0,54,1,38]`, ``},
		"product":     {`["_H",1,52,"f",1,1,23,33,1,36,0,16,40,3,33,1,38,33,3,36,0,7,55,0,54,1,36,0,8,38,53,1,true,0,33,7,36,0,54,1,38]`, ``},
		"fractions":   {replaceOnce(t, fibProgram, "33,25,", "34,4.5,"), ``},
		"fib of text": {replaceOnce(t, fibProgram, "33,25,", `32,"x",`), ``},
		"no function": {`["_H",1,33,5,52,"f",1,1,10,33,1,36,0,7,55,0,54,1,38,53,1,true,0,33,3,36,1,54,1,38]`, ``},
		"closed":      {`["_H",1,52,"mk",0,0,33,52,"g",1,0,6,33,2,36,0,8,38,53,0,52,"f",1,1,10,33,1,36,0,7,55,0,54,1,38,53,1,true,0,38,53,0,36,0,54,0,33,9,36,1,54,1,38]`, ``},
		"other slot":  {`["_H",1,52,"f",1,0,12,33,2,36,0,15,40,3,36,5,38,31,38,53,0,33,1,36,0,54,1,38]`, ``},
		"not called":  {`["_H",1,33,1,33,2,36,0,15,40,3,36,0,38,31,38]`, ``},
		"mixed items": {`["_H",1,52,"f",1,0,6,33,3,36,0,10,38,53,0,33,7,34,7.5,31,33,-7,29,43,5,2,"arrayMap",2]`, ``},
		"by nothing":  {`["_H",1,52,"f",1,0,6,33,0,36,0,10,38,53,0,33,7,34,7.5,43,2,2,"arrayMap",2]`, ``},
		"some pass":   {`["_H",1,52,"f",1,0,9,33,1,33,2,36,0,10,11,38,53,0,33,6,2,"range",1,2,"arrayFilter",2]`, ``},
		"some count":  {`["_H",1,52,"f",1,0,9,33,1,33,2,36,0,10,11,38,53,0,33,6,2,"range",1,2,"arrayCount",2]`, ``},
		"sum":         {`["_H",1,52,"f",2,0,6,36,1,36,0,6,38,53,0,33,6,2,"range",1,33,0,2,"arrayReduce",3]`, ``},
		"no slots":    {`["_H",1,33,1,36,9,15,40,2,31,38]`, ``},
	}
	for _, row := range programRows {
		if !row.coerce && row.id != "T20" {
			programs["row "+row.id] = [2]string{row.program, row.globals}
		}
	}
	for name, program := range programs {
		t.Run(name, func(t *testing.T) {
			p, err := plain.Load([]byte(program[0]))
			require.NoError(t, err)
			q, err := fast.Load([]byte(program[0]))
			require.NoError(t, err)
			g := parseGlobals(t, program[1])
			one, other := plain.NewThread(), fast.NewThread()
			for limit := 1; limit < 400; limit++ {
				one.MaxSteps, other.MaxSteps = limit, limit
				v, errOne := one.Run(t.Context(), p, g)
				w, errOther := other.Run(t.Context(), q, g)
				require.Equal(t, fateOf(t, v, errOne), fateOf(t, w, errOther), "limit %d", limit)
			}
			one.MaxSteps, other.MaxSteps = 10_000, 10_000
			for heap := 1; heap < 2000; heap += 7 {
				one.MaxHeap, other.MaxHeap = heap, heap
				v, errOne := one.Run(t.Context(), p, g)
				w, errOther := other.Run(t.Context(), q, g)
				require.Equal(t, fateOf(t, v, errOne), fateOf(t, w, errOther), "heap %d", heap)
			}
		})
	}
}

func replaceOnce(t *testing.T, s, old, new string) string {
	t.Helper()
	require.Contains(t, s, old)
	return strings.Replace(s, old, new, 1)
}

func TestStep(t *testing.T) {
	vm := newVM(t, hogvm.Config{})
	p, err := vm.Load([]byte(`["_H",1,33,2,33,3,7,38]`))
	require.NoError(t, err)
	th := vm.NewThread()
	require.NoError(t, th.Begin(t.Context(), p, hogvm.Globals{}))
	var ips []int
	for {
		_, ip := th.Position()
		ips = append(ips, ip)
		out, v, _, err := th.Step(t.Context())
		require.NoError(t, err)
		if out == hogvm.Finished {
			require.Equal(t, value.OfInt(1), v)
			break
		}
	}
	require.Equal(t, []int{2, 4, 6, 7}, ips)
}

package hogvm_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/hogvm"
	"github.com/hog-go/hog/hogvm/value"
)

// Limits of hostile programs, and what a run may cost beyond them: memory that is not counted, such as a stack and tables of a
// thread, and parts of a container that a limit cut short.
const (
	hostileSteps = 2_000
	hostileHeap  = 64 << 10
	hostileStack = 1_000
	slackBytes   = 16 << 20
	slackTime    = 5 * time.Second
)

// hostile are VMs of both profiles with small limits.
func hostile(t testing.TB) []*hogvm.VM {
	t.Helper()
	var vms []*hogvm.VM
	for _, cfg := range []hogvm.Config{{Profile: hogvm.Rust}, {Profile: hogvm.Rust, Coerce: true, Telemetry: true}, {Profile: hogvm.Node, MaxMemory: 64 << 10}} {
		cfg.MaxSteps, cfg.MaxHeap, cfg.MaxStack, cfg.MaxAsyncSteps = hostileSteps, hostileHeap, hostileStack, 3
		cfg.Print = func(string) {}
		vm, err := hogvm.New(cfg)
		require.NoError(t, err)
		vms = append(vms, vm)
	}
	return vms
}

// endure runs bytecode to its end, through suspensions, and checks what it cost.
func endure(t *testing.T, vm *hogvm.VM, bytecode []byte, globals hogvm.Globals) {
	t.Helper()
	program, err := vm.Load(bytecode)
	if err != nil {
		return
	}
	program.Check()
	program.Disassemble()
	began, before := time.Now(), allocated()
	thread := vm.NewThread()
	result, call, err := thread.Start(t.Context(), program, globals)
	for legs := 0; call != nil && err == nil; legs++ {
		require.Less(t, legs, 4)
		result, call, err = thread.Resume(t.Context(), program, globals, call.State, value.OfInt(1))
	}
	if failure, ok := errors.AsType[*hogvm.Failure](err); ok {
		require.LessOrEqual(t, failure.Steps, hostileSteps+1)
		require.NotEmpty(t, failure.Error())
	} else if err == nil {
		_, _ = value.AppendJSON(nil, result, vm.ResultStyle())
	}
	require.Less(t, allocated()-before, uint64(slackBytes), "bytes for %s", bytecode)
	require.Less(t, time.Since(began), slackTime, "time for %s", bytecode)
}

// allocated returns the bytes that the process ever allocated.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// mutate damages a program: tokens are replaced, removed, doubled and moved.
func mutate(r *rand.Rand, code []any) []any {
	out := append([]any(nil), code...)
	for range 1 + r.IntN(4) {
		if len(out) < 3 {
			break
		}
		i := 2 + r.IntN(len(out)-2)
		switch r.IntN(6) {
		case 0:
			out[i] = r.IntN(60)
		case 1:
			out[i] = []any{-1, 0, 1, 1 << 20, -(1 << 31), 1 << 62, 1.5, "concat", "", true, nil, []any{}, map[string]any{"a": 1}, "arrayMap", "range", "sleep", "import"}[r.IntN(17)]
		case 2:
			out = append(out[:i], out[i+1:]...)
		case 3:
			out = append(out[:i], append([]any{out[i]}, out[i:]...)...)
		case 4:
			j := 2 + r.IntN(len(out)-2)
			out[i], out[j] = out[j], out[i]
		default:
			out = out[:i]
		}
	}
	return out
}

// Damaged programs end within the limits and never in a panic.
func TestHostilePrograms(t *testing.T) {
	count := 30_000
	if testing.Short() || raceEnabled {
		count = 3_000
	}
	vms, globals := hostile(t), exampleGlobals(t)
	r := rand.New(rand.NewPCG(1, 2))
	for seed := range uint64(count) {
		bytecode, err := json.Marshal(mutate(r, newGenerator(seed).program()))
		require.NoError(t, err)
		endure(t, vms[seed%uint64(len(vms))], bytecode, globals)
	}
}

func exampleGlobals(t testing.TB) hogvm.Globals {
	t.Helper()
	text, err := json.Marshal(exampleEvent)
	require.NoError(t, err)
	g, err := hogvm.ParseGlobals(text)
	require.NoError(t, err)
	return g
}

// Programs that grow what they have as fast as they can.
func TestGreedyPrograms(t *testing.T) {
	for name, bytecode := range map[string]string{
		"doubling a text":         `["_H",1,32,"xxxxxxxx",36,0,36,0,2,"concat",2,37,0,39,-11]`,
		"doubling an array":       `["_H",1,33,1,43,1,36,0,36,0,43,2,37,0,39,-10]`,
		"doubling, then printing": `["_H",1,33,1,43,1,33,0,33,40,36,1,15,40,16,36,0,36,0,43,2,37,0,33,1,36,1,6,37,1,39,-26,36,0,2,"toString",1]`,
		"doubling, then JSON":     `["_H",1,33,1,43,1,33,0,33,40,36,1,15,40,16,36,0,36,0,43,2,37,0,33,1,36,1,6,37,1,39,-26,36,0,2,"jsonStringify",1]`,
		"doubling, then equality": `["_H",1,33,1,43,1,33,0,33,40,36,1,15,40,16,36,0,36,0,43,2,37,0,33,1,36,1,6,37,1,39,-26,36,0,36,0,43,1,36,0,43,1,11]`,
		"doubling, then result":   `["_H",1,33,1,43,1,33,0,33,40,36,1,15,40,16,36,0,36,0,43,2,37,0,33,1,36,1,6,37,1,39,-26,36,0,38]`,
		"doubling, then sleep":    `["_H",1,33,1,43,1,33,0,33,40,36,1,15,40,16,36,0,36,0,43,2,37,0,33,1,36,1,6,37,1,39,-26,36,0,2,"sleep",1]`,
		"range":                   `["_H",1,33,1000000000000,2,"range",1]`,
		"replace":                 `["_H",1,32,"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",36,0,32,"a",36,0,2,"replaceAll",3,37,0,39,-12]`,
		"cycle":                   `["_H",1,32,"a",33,1,42,1,36,0,32,"a",36,0,46,36,0,2,"jsonStringify",1,36,0,2,"toString",1,36,0,36,0,11,36,0,38]`,
		"recursion":               `["_H",1,52,"r",0,1,5,55,0,54,0,38,53,1,true,0,36,0,54,0]`,
		"pushing":                 `["_H",1,33,1,39,-4]`,
		"try without end":         `["_H",1,50,2,39,-4]`,
		"huge count":              `["_H",1,43,4611686018427387904]`,
		"negative count":          `["_H",1,33,1,42,-1]`,
		"slow regex":              `["_H",1,32,"(a*)*(a*)*(a*)*b",32,"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",23,35,39,-6]`,
		"map in map":              `["_H",1,52,"f",1,0,12,52,"g",1,0,3,36,0,38,53,0,36,1,38,53,0,33,900,2,"range",1,2,"arrayMap",2,39,-30]`,
	} {
		t.Run(name, func(t *testing.T) {
			for _, vm := range hostile(t) {
				endure(t, vm, []byte(bytecode), hogvm.Globals{})
			}
		})
	}
}

// FuzzProgram feeds texts as bytecode and globals to VMs of both profiles.
func FuzzProgram(f *testing.F) {
	for seed := range uint64(30) {
		bytecode, err := json.Marshal(newGenerator(seed).program())
		require.NoError(f, err)
		f.Add(bytecode, []byte(`{"event":"x","properties":{"a":[1,{"b":null}]}}`))
	}
	f.Add([]byte(`{"bytecodes":{"root":{"bytecode":["_H",1,32,"other",2,"import",1]},"other":{"bytecode":["_H",1,33,1]}}}`), []byte(`{}`))
	f.Add([]byte(`["_h",41,"f",1,4,36,0,38,33,1,2,"f",1]`), []byte(`[]`))
	vms := hostile(f)
	f.Fuzz(func(t *testing.T, bytecode, globals []byte) {
		g, err := hogvm.ParseGlobals(globals)
		if err != nil {
			g = hogvm.Globals{}
		}
		for _, vm := range vms {
			endure(t, vm, bytecode, g)
		}
	})
}

// FuzzResume feeds texts as states: no host need trust the queue that a state went through.
func FuzzResume(f *testing.F) {
	vms := hostile(f)
	program := []byte(`["_H",1,32,"a",33,1,42,1,52,"l",1,1,11,50,5,36,0,2,"sleep",1,51,55,0,38,53,1,true,0,33,1,33,2,43,2,2,"arrayMap",2,38]`)
	for _, vm := range vms {
		p, err := vm.Load(program)
		require.NoError(f, err)
		_, call, err := vm.NewThread().Start(context.Background(), p, hogvm.Globals{})
		require.NoError(f, err)
		f.Add(call.State)
	}
	f.Fuzz(func(t *testing.T, state []byte) {
		for _, vm := range vms {
			p, err := vm.Load(program)
			require.NoError(t, err)
			thread := vm.NewThread()
			_, call, err := thread.Resume(t.Context(), p, hogvm.Globals{}, state, value.OfInt(5))
			for legs := 0; call != nil && err == nil && legs < 10; legs++ { // a state may claim any number of them before
				_, call, err = thread.Resume(t.Context(), p, hogvm.Globals{}, call.State, value.OfInt(5))
			}
		}
	})
}

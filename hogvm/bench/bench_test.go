package bench

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/bytedance/sonic"
	"github.com/dop251/goja"
	"github.com/expr-lang/expr"
	lua "github.com/yuin/gopher-lua"

	"github.com/hog-go/hog/hogvm"
)

// BenchmarkPrograms/<workload>/<contender>: the time of a round. All Go contenders prepare a program once, as hogvm does. cpu-ns/op is
// the CPU time of the process, which other work on the machine does not stretch.
func BenchmarkPrograms(b *testing.B) {
	for _, w := range workloads() {
		b.Run(w.name, func(b *testing.B) {
			b.Run("hogvm", func(b *testing.B) { benchHog(b, w) })
			b.Run("node as used", func(b *testing.B) { benchNode(b, w, false) })
			b.Run("node RE2 cached", func(b *testing.B) { benchNode(b, w, true) })
			if w.expr != "" {
				b.Run("expr", func(b *testing.B) { benchExpr(b, w) })
			}
			if w.js != "" {
				b.Run("goja", func(b *testing.B) { benchGoja(b, w) })
			}
			if w.lua != "" {
				b.Run("gopher-lua", func(b *testing.B) { benchLua(b, w) })
			}
		})
	}
}

func benchHog(b *testing.B, w workload) {
	vm, err := hogvm.New(hogvm.Config{MaxSteps: 1 << 40, MaxHeap: 64 << 20})
	check(b, err)
	if len(w.filters) > 1 {
		benchSet(b, vm, w)
		return
	}
	program, err := vm.Load([]byte(w.filters[0]))
	check(b, err)
	var globals hogvm.Globals
	if w.raw {
		globals = hogvm.RawGlobals([]byte(w.event))
	} else if w.event != "" {
		globals, err = hogvm.ParseGlobals([]byte(w.event))
		check(b, err)
	}
	result, err := program.RunJSON(b.Context(), globals, nil)
	check(b, err)
	if w.want != "" && string(result) != w.want {
		b.Fatalf("result %s, want %s", result, w.want)
	}
	thread := vm.NewThread()
	b.ReportAllocs()
	defer reportCPU(b, cpuTime(b))
	for b.Loop() {
		if _, err := thread.Run(b.Context(), program, globals); err != nil {
			b.Fatal(err)
		}
	}
}

// node is a process with PostHog's VM, shared by the benchmarks.
var node struct {
	in  io.Writer
	out *bufio.Reader
}

func TestMain(m *testing.M) {
	code := 1
	defer func() { os.Exit(code) }()
	if out, err := exec.Command("../node/setup").CombinedOutput(); err != nil {
		os.Stderr.Write(out)
		return
	}
	cmd := exec.Command("node", "../node/bench.js")
	cmd.Stderr = os.Stderr
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		return
	}
	node.in, node.out = in, bufio.NewReaderSize(out, 1<<20)
	code = m.Run()
	in.Close()
	cmd.Wait()
}

func benchNode(b *testing.B, w workload, cached bool) {
	programs := make([]json.RawMessage, len(w.filters))
	for i, f := range w.filters {
		programs[i] = json.RawMessage(f)
	}
	request, err := json.Marshal(map[string]any{"programs": programs, "event": w.event, "raw": w.raw, "cached": cached, "n": b.N})
	check(b, err)
	_, err = node.in.Write(append(request, '\n'))
	check(b, err)
	line, err := node.out.ReadBytes('\n')
	check(b, err)
	var answer struct {
		NS     float64
		CPU    float64
		Result json.RawMessage
	}
	check(b, json.Unmarshal(line, &answer))
	if w.want != "" && string(answer.Result) != w.want {
		b.Fatalf("result %s, want %s", answer.Result, w.want)
	}
	b.ReportMetric(answer.NS/float64(b.N), "ns/op")
	b.ReportMetric(answer.CPU/float64(b.N), "cpu-ns/op")
}

// reportCPU adds the CPU time per round since began.
func reportCPU(b *testing.B, began time.Duration) {
	b.ReportMetric(float64(cpuTime(b)-began)/float64(b.N), "cpu-ns/op")
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	check(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// decode returns the event as a map, from sonic, the fastest decoder there is for Go.
func decode(b *testing.B, event string) map[string]any {
	var m map[string]any
	check(b, sonic.UnmarshalString(event, &m))
	return m
}

func benchExpr(b *testing.B, w workload) {
	env := map[string]any{}
	if w.event != "" {
		env = decode(b, w.event)
	}
	program, err := expr.Compile(w.expr, expr.Env(env))
	check(b, err)
	b.ReportAllocs()
	defer reportCPU(b, cpuTime(b))
	for b.Loop() {
		if w.raw {
			env = decode(b, w.event)
		}
		_, err := expr.Run(program, env)
		check(b, err)
	}
}

func benchGoja(b *testing.B, w workload) {
	vm := goja.New()
	v, err := vm.RunString("(function(e) {" + w.js + "})")
	check(b, err)
	call, _ := goja.AssertFunction(v)
	parse, err := vm.RunString("JSON.parse")
	check(b, err)
	parseCall, _ := goja.AssertFunction(parse)
	e := goja.Undefined()
	if w.event != "" {
		e, err = parseCall(goja.Undefined(), vm.ToValue(w.event))
		check(b, err)
	}
	b.ReportAllocs()
	defer reportCPU(b, cpuTime(b))
	for b.Loop() {
		if w.raw {
			e, err = parseCall(goja.Undefined(), vm.ToValue(w.event))
			check(b, err)
		}
		_, err := call(goja.Undefined(), e)
		check(b, err)
	}
}

func benchLua(b *testing.B, w workload) {
	state := lua.NewState()
	defer state.Close()
	check(b, state.DoString("function run(e) "+w.lua+" end"))
	run, e := state.GetGlobal("run"), lua.LValue(lua.LNil)
	if w.event != "" {
		e = table(state, decode(b, w.event))
	}
	b.ReportAllocs()
	defer reportCPU(b, cpuTime(b))
	for b.Loop() {
		check(b, state.CallByParam(lua.P{Fn: run, NRet: 1, Protect: true}, e))
		state.Pop(1)
	}
}

func table(state *lua.LState, v any) lua.LValue {
	switch v := v.(type) {
	case string:
		return lua.LString(v)
	case float64:
		return lua.LNumber(v)
	case map[string]any:
		t := state.NewTable()
		for key, e := range v {
			t.RawSetString(key, table(state, e))
		}
		return t
	}
	return lua.LNil
}

func check(b *testing.B, err error) {
	if err != nil {
		b.Helper()
		b.Fatal(err)
	}
}

package hogvm_test

import (
	"bufio"
	"encoding/json"
	"io"
	"math"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/hogvm"
	"github.com/hog-go/hog/hogvm/value"
)

// outcome is how a program ended, in a form that both VMs can give.
type outcome struct {
	Result    any      `json:"result"`
	Error     string   `json:"error"`
	Class     string   `json:"class"` // of the error, in JavaScript
	Suspended []any    `json:"suspended"`
	Lines     []string `json:"lines"`
}

type task struct {
	Bytecode []any          `json:"bytecode"`
	Globals  map[string]any `json:"globals"`
	Memory   int            `json:"memory"` // limit of Node's estimate
}

// smallMemory is the limit of some of the programs, to hold the estimate of memory to Node's.
const smallMemory = 700

// nodeVM is PostHog's VM for Node, in a process of its own.
type nodeVM struct {
	in  io.WriteCloser
	out *bufio.Reader
}

func startNode(t *testing.T) *nodeVM {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed: PostHog's VM for Node can not be asked", program)
		}
	}
	out, err := exec.CommandContext(t.Context(), "node/setup").CombinedOutput()
	require.NoError(t, err, "node/setup: %s", out)
	cmd := exec.CommandContext(t.Context(), "node", "node/run.js")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	return &nodeVM{in: in, out: bufio.NewReaderSize(stdout, 1<<20)}
}

func (n *nodeVM) run(t *testing.T, tasks []task) []outcome {
	t.Helper()
	line, err := json.Marshal(tasks)
	require.NoError(t, err)
	_, err = n.in.Write(append(line, '\n'))
	require.NoError(t, err)
	answer, err := n.out.ReadBytes('\n')
	require.NoError(t, err)
	var outcomes []outcome
	require.NoError(t, json.Unmarshal(answer, &outcomes))
	return outcomes
}

// hogNode runs a program on this VM in the Node profile, as node/run.js does on the other.
type hogNode struct {
	vm    *hogvm.VM
	lines []string
}

func newHogNode(t testing.TB, memory int) *hogNode {
	h := &hogNode{}
	vm, err := hogvm.New(hogvm.Config{Profile: hogvm.Node, MaxAsyncSteps: 5, MaxMemory: memory, Print: func(line string) { h.lines = append(h.lines, line) }})
	require.NoError(t, err)
	h.vm = vm
	return h
}

func (h *hogNode) run(t testing.TB, bytecode []byte, globals hogvm.Globals) outcome {
	t.Helper()
	h.lines = []string{}
	o := outcome{Suspended: []any{}}
	program, err := h.vm.Load(bytecode)
	require.NoError(t, err)
	thread := h.vm.NewThread()
	result, call, err := thread.Start(t.Context(), program, globals)
	for call != nil && err == nil {
		args := []any{}
		for _, arg := range call.Args {
			args = append(args, portable(arg))
		}
		o.Suspended = append(o.Suspended, []any{call.Function, args})
		var answer value.Value
		if len(call.Args) > 0 {
			answer = call.Args[0]
		}
		result, call, err = thread.Resume(t.Context(), program, globals, call.State, answer)
	}
	if o.Lines = h.lines; err != nil {
		o.Error = err.Error()
	} else {
		o.Result = portable(result)
	}
	return o
}

// portable is the function of that name in node/run.js.
func portable(v value.Value, above ...value.Value) any {
	if v.IsContainer() && slices.Contains(above, v) {
		return "cycle"
	}
	switch v.Kind() {
	case value.Null:
		return nil
	case value.Bool:
		return v.Bool()
	case value.Int, value.Float:
		f, _ := v.AsFloat()
		switch {
		case math.IsNaN(f):
			return map[string]any{"$nan": true}
		case math.IsInf(f, 0):
			return map[string]any{"$inf": math.Copysign(1, f)}
		}
		return f + 0 // JSON of JavaScript has no -0
	case value.String:
		return v.Str()
	case value.ArrayKind, value.TupleKind:
		items := []any{}
		for _, item := range v.Array().Peek() {
			items = append(items, portable(item, append(above, v)...))
		}
		return items
	case value.ObjectKind:
		object := map[string]any{}
		for _, e := range v.Object().Peek() {
			object[e.Key] = portable(e.Value, append(above, v)...)
		}
		return object
	}
	return "function"
}

// agree tells whether two outcomes are the same to a host. Texts of errors count where Node's VM wrote them: those of the JavaScript
// engine and of its libraries are nobody's interface.
func agree(ours, theirs outcome) bool {
	if theirs.Class == "HogVMException" || theirs.Class == "UncaughtHogVMException" || ours.Error == "" || theirs.Error == "" {
		if ours.Error != theirs.Error {
			return false
		}
	}
	return ours.text() == theirs.text()
}

// text is what agree compares.
func (o outcome) text() string {
	text, _ := json.Marshal([]any{o.Result, o.Suspended, o.Lines})
	return string(text)
}

// replaced returns the outcome with all that pattern matches in its JSON replaced.
func (o outcome) replaced(pattern *regexp.Regexp, by string) outcome {
	text, _ := json.Marshal(o)
	var changed outcome
	_ = json.Unmarshal(pattern.ReplaceAll(text, []byte(by)), &changed)
	return changed
}

// TestSameAsNode runs random programs on both VMs. HOG_PROGRAMS sets how many, HOG_SEED the first.
func TestSameAsNode(t *testing.T) {
	count, seed := 100_000, 0
	if testing.Short() || raceEnabled {
		count = 5_000
	}
	if n, err := strconv.Atoi(os.Getenv("HOG_PROGRAMS")); err == nil {
		count = n
	}
	if n, err := strconv.Atoi(os.Getenv("HOG_SEED")); err == nil {
		seed = n
	}
	node, globals := startNode(t), exampleGlobals(t)
	ample, small := newHogNode(t, 64<<20), newHogNode(t, smallMemory)
	equal, finished, met, different := 0, 0, map[string]int{}, 0
	for ; equal < count && different < 10; seed += batchSize {
		tasks := make([]task, batchSize)
		for i := range tasks {
			tasks[i] = task{Bytecode: newGenerator(uint64(seed + i)).program(), Globals: exampleEvent, Memory: 64 << 20}
			if i%10 == 0 {
				tasks[i].Memory = smallMemory
			}
		}
		for i, theirs := range node.run(t, tasks) {
			bytecode, err := json.Marshal(tasks[i].Bytecode)
			require.NoError(t, err)
			hog := ample
			if tasks[i].Memory == smallMemory {
				hog = small
			}
			ours := hog.run(t, bytecode, globals)
			if agree(ours, theirs) {
				if equal++; ours.Error == "" {
					finished++
				}
				continue
			}
			if i := slices.IndexFunc(defects, func(d defect) bool { return d.met(string(bytecode), ours, theirs) }); i >= 0 {
				met[defects[i].name]++
				continue
			}
			different++
			t.Errorf("program %d: %s\nours:   %+v\ntheirs: %+v", seed+i, bytecode, ours, theirs)
		}
	}
	t.Logf("%d programs ended alike, %d of them with a result", equal, finished)
	excluded := 0
	for _, d := range defects {
		t.Logf("%6d met %q: %s", met[d.name], d.name, d.reason)
		excluded += met[d.name]
	}
	require.Less(t, excluded, max(count/50, 20), "so many exclusions hide something")
	require.Greater(t, finished, equal/2, "most programs should come to an end")
}

// batchSize is how many programs go to Node at once.
const batchSize = 500

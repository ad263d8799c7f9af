package hogvm_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/hogvm"
	"github.com/hog-go/hog/hogvm/value"
)

// ending is all that a host can tell of a run.
type ending struct {
	result    string
	err       string
	ip, steps int // of a failure
}

func endingOf(v value.Value, err error) ending {
	if failure, ok := errors.AsType[*hogvm.Failure](err); ok {
		return ending{err: failure.Error(), ip: failure.IP, steps: failure.Steps}
	} else if err != nil {
		return ending{err: err.Error()}
	}
	text, err := value.AppendJSON(nil, v, value.JSONStyle{Lenient: true})
	return ending{result: string(text), err: fmt.Sprint(err)}
}

// stepped runs a program instruction by instruction, without what the engine does in one go.
func stepped(t *testing.T, vm *hogvm.VM, p *hogvm.Program, g hogvm.Globals) ending {
	t.Helper()
	thread := vm.NewThread()
	thread.Begin(t.Context(), p, g)
	for {
		outcome, v, call, err := thread.Step(t.Context())
		if outcome == hogvm.Suspended {
			v, err = value.Value{}, errors.New("suspended: "+call.Function)
		}
		if outcome != hogvm.Continue || err != nil {
			return endingOf(v, err)
		}
	}
}

// started is a run that may suspend.
func started(t *testing.T, vm *hogvm.VM, p *hogvm.Program, g hogvm.Globals) ending {
	t.Helper()
	v, call, err := vm.NewThread().Start(t.Context(), p, g)
	if call != nil {
		err = errors.New("suspended: " + call.Function)
	}
	return endingOf(v, err)
}

// filter emits an expression as those of filters: tests of globals, and connectives.
func (g *generator) filter(depth int) {
	if depth > 0 && g.chance(2) {
		n := 1 + g.IntN(4)
		for range n {
			g.filter(depth - 1)
		}
		if g.emit(pick(g, 3, 4), n); g.chance(4) {
			g.emit(5)
		}
		return
	}
	side := func(k kind) {
		if g.chance(3) {
			g.constant(k)
		} else {
			g.global(k)
		}
	}
	k := pick(g, integer, number, text, text, boolean)
	switch g.IntN(6) {
	case 0:
		g.emit(32, pick(g, "%page%", "first", "%", "_irst", `10.\%`, "F%"))
		side(text)
		g.emit(17 + g.IntN(4))
	case 1:
		g.emit(32, pick(g, regexes...))
		side(text)
		g.emit(23 + g.IntN(4))
	case 2:
		side(pick(g, array, texts, text))
		side(k)
		g.emit(21 + g.IntN(2))
	default:
		side(k)
		side(pick(g, k, k, k, integer))
		g.emit(11 + g.IntN(6))
	}
}

// TestEnginesAgree runs programs in every way there is, with limits that may stop them anywhere. All ways must end alike, to the instruction.
func TestEnginesAgree(t *testing.T) {
	count := 20_000
	if testing.Short() || raceEnabled {
		count = 2_000
	}
	text, err := json.Marshal(exampleEvent)
	require.NoError(t, err)
	decoded := exampleGlobals(t)
	raw := hogvm.RawGlobals(text)
	for seed := range uint64(count) {
		g := newGenerator(seed)
		if seed%2 == 0 {
			g.program()
		} else {
			g.code, g.fn, g.budget = []any{"_H", 1}, &function{}, 100
			g.filter(3)
		}
		bytecode, err := json.Marshal(g.code)
		require.NoError(t, err)
		cfg := hogvm.Config{Profile: hogvm.Profile(seed / 2 % 2), Coerce: seed/4%2 == 0, MaxAsyncSteps: 1, Print: func(string) {}}
		if seed/8%2 == 0 {
			cfg.MaxSteps = 1 + g.IntN(60)
		}
		if seed/16%4 == 0 {
			cfg.MaxHeap = 1 + g.IntN(600)
		}
		vm, err := hogvm.New(cfg)
		require.NoError(t, err)
		p, err := vm.Load(bytecode)
		require.NoError(t, err)
		want := stepped(t, vm, p, decoded)
		context := fmt.Sprintf("program %d: %s, steps %d, heap %d", seed, bytecode, cfg.MaxSteps, cfg.MaxHeap)
		require.Equal(t, want, started(t, vm, p, decoded), "in one go, %s", context)
		require.Equal(t, want, started(t, vm, p, raw), "over the raw event, %s", context)
		if want.err != "suspended: sleep" {
			v, err := p.Run(t.Context(), decoded)
			require.Equal(t, want, endingOf(v, err), "Run, %s", context)
			set, err := hogvm.NewSet(p, p)
			require.NoError(t, err)
			for _, globals := range []hogvm.Globals{decoded, raw} {
				results, err := set.Run(t.Context(), globals, nil)
				require.NoError(t, err)
				for _, r := range results {
					require.Equal(t, want, endingOf(r.Value, r.Err), "as a set, %s", context)
				}
			}
		}
	}
}

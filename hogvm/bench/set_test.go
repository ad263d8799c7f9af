package bench

import (
	"strconv"
	"testing"

	"github.com/hog-go/hog/hogvm"
)

// benchSet runs all programs of w over its event in one pass.
func benchSet(b *testing.B, vm *hogvm.VM, w workload) {
	var programs []*hogvm.Program
	for _, f := range w.filters {
		p, err := vm.Load([]byte(f))
		check(b, err)
		programs = append(programs, p)
	}
	set, err := hogvm.NewSet(programs...)
	check(b, err)
	thread, globals := vm.NewThread(), hogvm.RawGlobals([]byte(w.event))
	var results []hogvm.Result
	b.ReportAllocs()
	defer reportCPU(b, cpuTime(b))
	for b.Loop() {
		results, err = thread.RunSet(b.Context(), set, globals, results[:0])
		check(b, err)
	}
	matches := 0
	for _, r := range results {
		check(b, r.Err)
		if r.Value.Truthy() {
			matches++
		}
	}
	if strconv.Itoa(matches) != w.want {
		b.Fatalf("%d matches, want %s", matches, w.want)
	}
}

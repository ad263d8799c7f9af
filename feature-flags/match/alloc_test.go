package match_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/feature-flags/internal/workload"
	"github.com/hog-go/hog/feature-flags/match"
)

// A request against a hundred flags allocates for the text forms of a person's numbers, and for nothing else.
func TestAllocations(t *testing.T) {
	w := workload.New(100, 50)
	set, err := match.Compile(w.Flags, w.Cohorts, match.Options{})
	require.NoError(t, err)
	results := make([]match.Result, 0, set.Len())
	i := 0
	perRequest := testing.AllocsPerRun(500, func() {
		p := &w.People[i%len(w.People)]
		i++
		r := match.Request{DistinctID: p.ID, Runtime: match.RuntimeAll, Now: now}
		results, _ = set.Evaluate(&r, nil, &match.Data{Fetched: true, Person: p.JSON}, results[:0])
	})
	require.LessOrEqual(t, perRequest, limit(6))
}

// cpuTime is what the process has used: on a shared machine it holds still where the clock does not.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkEvaluate/<flags> is the matcher alone; feature-flags/bench has it beside a floor and PostHog's SDKs.
func BenchmarkEvaluate(b *testing.B) {
	for _, flags := range []int{1, 100, 1000} {
		b.Run(fmt.Sprint(flags), func(b *testing.B) {
			w := workload.New(flags, 1000)
			set, err := match.Compile(w.Flags, w.Cohorts, match.Options{})
			require.NoError(b, err)
			results := make([]match.Result, 0, flags)
			b.ReportAllocs()
			before := cpuTime(b)
			i := 0
			for b.Loop() {
				p := &w.People[i%len(w.People)]
				i++
				r := match.Request{DistinctID: p.ID, Runtime: match.RuntimeAll, Now: now}
				results, _ = set.Evaluate(&r, nil, &match.Data{Fetched: true, Person: p.JSON}, results[:0])
			}
			b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N)/float64(flags), "cpu-ns/flag")
		})
	}
}

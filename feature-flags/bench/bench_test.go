package bench

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/posthog/posthog-go"

	"github.com/hog-go/hog/feature-flags/internal/workload"
	"github.com/hog-go/hog/feature-flags/match"
)

// people is how many persons take turns.
const people = 1000

// BenchmarkEvaluation/<n>_flags/<contender>: all flags for one person, by definitions that are prepared once. cpu-ns/flag is CPU time of the
// process that evaluates, times-floor that time beside the floor of the same run. hog reads a person's properties from JSON, as they come
// from the database; the others get them decoded. PostHog's libraries give values only, hog reasons and payloads too.
func BenchmarkEvaluation(b *testing.B) {
	for _, flags := range []int{1, 100, 1000} {
		w := workload.New(flags, people)
		var base float64
		b.Run(fmt.Sprintf("%d flags/floor", flags), func(b *testing.B) { base = benchFloor(b, w, flags) })
		b.Run(fmt.Sprintf("%d flags/hog", flags), func(b *testing.B) { benchHog(b, w, flags, base) })
		server := serve(w)
		client := newClient(server.URL)
		b.Run(fmt.Sprintf("%d flags/posthog-go", flags), func(b *testing.B) { benchGo(b, client, w, flags, base) })
		must(client.Close())
		node.prepare(server.URL, w)
		b.Run(fmt.Sprintf("%d flags/posthog-node", flags), func(b *testing.B) { benchNode(b, flags, base) })
		server.Close()
	}
}

// The floor and the matcher agree, or their times could not be compared.
func TestSameAnswers(t *testing.T) {
	w := workload.New(200, people)
	f := newFloor(w.Definitions)
	set, err := match.Compile(w.Flags, w.Cohorts, match.Options{})
	must(err)
	for _, p := range w.People {
		results, _ := set.Evaluate(&match.Request{DistinctID: p.ID, Runtime: match.RuntimeAll}, nil, &match.Data{Fetched: true, Person: p.JSON}, nil)
		for i, r := range results {
			if on := f[r.Flag.Index](p.ID, p.Properties); on != r.Enabled {
				t.Fatalf("flag %d of %s: floor %v, hog %v", i, p.ID, on, r.Enabled)
			}
		}
	}
}

func benchFloor(b *testing.B, w *workload.Workload, flags int) float64 {
	f := newFloor(w.Definitions)
	var id string
	var person map[string]any
	on := 0
	return measure(b, flags, 0, func(i int) {
		id, person = w.People[i%people].ID, w.People[i%people].Properties
		for _, flag := range f {
			if flag(id, person) {
				on++
			}
		}
	})
}

func benchHog(b *testing.B, w *workload.Workload, flags int, base float64) {
	set, err := match.Compile(w.Flags, w.Cohorts, match.Options{})
	must(err)
	results := make([]match.Result, 0, flags)
	now := time.Now()
	measure(b, flags, base, func(i int) {
		p := &w.People[i%people]
		r := match.Request{DistinctID: p.ID, Runtime: match.RuntimeAll, Now: now}
		var errors bool
		if results, errors = set.Evaluate(&r, nil, &match.Data{Fetched: true, Person: p.JSON}, results[:0]); errors || len(results) != flags {
			b.Fatal("a flag is missing or failed")
		}
	})
}

func newClient(url string) posthog.Client {
	client, err := posthog.NewWithConfig("phc_bench", posthog.Config{
		Endpoint: url, PersonalApiKey: "phx_bench", Logger: silent{}, DefaultFeatureFlagsPollingInterval: time.Hour,
	})
	must(err)
	return client
}

func benchGo(b *testing.B, client posthog.Client, w *workload.Workload, flags int, base float64) {
	measure(b, flags, base, func(i int) {
		p := &w.People[i%people]
		if _, err := client.GetAllFlags(posthog.FeatureFlagPayloadNoKey{DistinctId: p.ID, PersonProperties: p.Properties, OnlyEvaluateLocally: true}); err != nil {
			b.Fatal(err)
		}
	})
}

type silent struct{}

func (silent) Debugf(string, ...interface{}) {}
func (silent) Logf(string, ...interface{})   {}
func (silent) Warnf(string, ...interface{})  {}
func (silent) Errorf(string, ...interface{}) {}

func benchNode(b *testing.B, flags int, base float64) {
	report(b, flags, base, time.Duration(node.ask(map[string]any{"n": b.N}).CPU))
}

// measure times a round of b.N evaluations and returns the CPU time per flag in ns.
func measure(b *testing.B, flags int, base float64, evaluate func(i int)) float64 {
	for i := range people / 5 {
		evaluate(i) // caches are warm then
	}
	b.ReportAllocs()
	before := cpuTime()
	i := 0
	for b.Loop() {
		evaluate(i)
		i++
	}
	return report(b, flags, base, cpuTime()-before)
}

func report(b *testing.B, flags int, base float64, cpu time.Duration) float64 {
	perFlag := float64(cpu) / float64(b.N) / float64(flags)
	b.ReportMetric(perFlag, "cpu-ns/flag")
	if base > 0 {
		b.ReportMetric(perFlag/base, "times-floor")
	}
	return perFlag
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// serve answers as PostHog does when an SDK asks for definitions to evaluate locally.
func serve(w *workload.Workload) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		_, _ = rw.Write(w.Definitions)
	}))
}

// node is a process with posthog-node, shared by the benchmarks.
var node nodeProcess

type nodeProcess struct {
	in  io.Writer
	out *bufio.Reader
}

// prepare makes a client of the definitions that a host has, and warms it up.
func (n nodeProcess) prepare(host string, w *workload.Workload) {
	type person struct {
		ID         string          `json:"id"`
		Properties json.RawMessage `json:"properties"`
	}
	var list []person
	for _, p := range w.People {
		list = append(list, person{p.ID, p.JSON})
	}
	n.ask(map[string]any{"host": host, "people": list})
}

func (n nodeProcess) ask(task map[string]any) (answer struct{ CPU float64 }) {
	line, err := json.Marshal(task)
	must(err)
	_, err = n.in.Write(append(line, '\n'))
	must(err)
	line, err = n.out.ReadBytes('\n')
	must(err)
	must(json.Unmarshal(line, &answer))
	return answer
}

func TestMain(m *testing.M) {
	if out, err := exec.Command("node/setup").CombinedOutput(); err != nil {
		os.Stderr.Write(out)
		os.Exit(1)
	}
	cmd := exec.Command("node", "node/bench.js")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	must(err)
	out, err := cmd.StdoutPipe()
	must(err)
	must(cmd.Start())
	node = nodeProcess{in, bufio.NewReaderSize(out, 1<<20)}
	code := m.Run()
	in.Close()
	_ = cmd.Wait()
	os.Exit(code)
}

package propertydefs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	chevent "github.com/hog-go/hog/common/event"
	"github.com/hog-go/hog/common/kafka"
	"github.com/hog-go/hog/property-defs/internal/definition"
	"github.com/hog-go/hog/property-defs/internal/derive"
	"github.com/hog-go/hog/property-defs/internal/known"
	"github.com/hog-go/hog/property-defs/internal/pgtest"
	"github.com/hog-go/hog/property-defs/internal/scan"
	"github.com/hog-go/hog/property-defs/internal/store"
)

// workload makes events as posthog-js sends them and ingestion writes them: 50 teams of very different size, some 30 properties each,
// person properties beside them. A part of the properties has a name that nobody has had before.
type workload struct {
	r     *rand.Rand
	teams *rand.Zipf
	fresh float64
	next  int
}

func newWorkload(fresh float64) *workload {
	r := rand.New(rand.NewPCG(42, 1))
	return &workload{r: r, teams: rand.NewZipf(r, 1.3, 1, 49), fresh: fresh}
}

var (
	common = []string{"$os", "$browser", "$device_type", "$current_url", "$host", "$pathname", "$browser_version", "$screen_height", "$screen_width", "$lib",
		"$lib_version", "$insert_id", "$time", "$device_id", "$session_id", "$window_id", "$referrer", "$referring_domain", "$is_identified", "token", "distinct_id"}
	names = []string{"$pageview", "$autocapture", "$pageleave", "$identify", "order completed", "button clicked"}
)

func (w *workload) event() []byte {
	team := int32(w.teams.Uint64()) + 1
	name := names[w.r.IntN(len(names))]
	if w.r.IntN(3) == 0 {
		name = fmt.Sprint("custom event ", w.r.IntN(60))
	}
	props := map[string]any{}
	add := func(name string, v any) {
		if w.r.Float64() < w.fresh {
			w.next++
			name = fmt.Sprint("fresh ", w.next)
		}
		props[name] = v
	}
	for i, n := range common {
		if i%6 == 1 {
			add(n, w.r.IntN(2000))
		} else {
			add(n, "https://example.com/"+strconv.FormatUint(w.r.Uint64(), 36))
		}
	}
	for range w.r.IntN(12) {
		add(fmt.Sprint("property_", w.r.IntN(80)), fmt.Sprint("value ", w.r.IntN(1000)))
	}
	add("$active_feature_flags", []string{"one", "two"})
	add("$feature/one", true)
	props["$set_once"] = map[string]any{"$initial_os": "Linux", "$initial_referrer": "$direct", "$initial_current_url": "https://example.com/"}
	text, _ := json.Marshal(props)
	person, _ := json.Marshal(map[string]any{"email": "someone@example.com", "name": "Some One", "$initial_os": "Linux", "plan": "scale", "created": "2026-01-01T00:00:00Z"})
	project := int64(team)
	e := chevent.ClickHouse{
		UUID: "0199c5a1-0000-7000-8000-000000000000", TeamID: team, ProjectID: &project, Event: name, DistinctID: strconv.FormatUint(w.r.Uint64(), 36),
		Properties: new(string(text)), PersonID: new("0199c5a1-0000-7000-8000-00000000000a"), Timestamp: "2026-01-01 00:00:00.000000", CreatedAt: "2026-01-01 00:00:00.000000",
		ElementsChain: new(`a.btn:attr__class="btn"nth-child="1"nth-of-type="1"text="Buy"`), PersonProperties: new(string(person)), PersonMode: "full",
	}
	b, _ := json.Marshal(e)
	return b
}

func (w *workload) events(n int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i] = w.event()
	}
	return out
}

const benchEvents = 20_000

// BenchmarkDerive is the work on an event without Kafka and database, on one core, beside a bare scan of the same bytes.
//
//	scan      the payload is checked to be JSON, and that is all: every byte once
//	std       the same by encoding/json
//	read      as scan, but the JSON in properties is scanned, too: all that must be done to see their names
//	known     all definitions are known
//	known99   one property in a hundred is new
//	cold      the cache is empty
func BenchmarkDerive(b *testing.B) {
	base, some := newWorkload(0).events(benchEvents), newWorkload(0.01).events(benchEvents)
	bare := make([][]byte, len(base)) // the same bytes, but nothing in them is looked for
	size := 0
	for i, e := range base {
		bare[i] = bytes.Replace(e, []byte(`"properties":`), []byte(`"propertiez":`), 1)
		size += len(e)
	}
	var floor float64
	report := func(b *testing.B, passes int, cpu time.Duration) {
		took := cpu.Seconds() * 1e6 / float64(passes*benchEvents)
		if floor == 0 {
			floor = took
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(1e6/took, "events/s")
		b.ReportMetric(took, "cpu-µs/event")
		b.ReportMetric(float64(size)/benchEvents/took, "MB/s")
		b.ReportMetric(floor/took, "x-scan-speed")
	}
	var s scan.Scanner
	// row runs f on each event, again and again.
	row := func(name string, events [][]byte, f func(e []byte)) {
		b.Run(name, func(b *testing.B) {
			start := processorTime(b)
			for b.Loop() {
				for _, e := range events {
					f(e)
				}
			}
			report(b, b.N, processorTime(b)-start)
		})
	}
	row("scan", bare, func(e []byte) { _, _ = s.Event(e) })
	row("std", bare, func(e []byte) { json.Valid(e) })
	row("read", base, func(e []byte) { _, _ = s.Event(e) })
	pass := func(d *derive.Deriver, events [][]byte) (updates int) {
		for _, e := range events {
			_, _ = d.Message(e, clock().Unix())
			if len(d.Updates) > 1000 {
				updates += len(d.Updates)
				d.Updates = d.Updates[:0]
			}
		}
		updates += len(d.Updates)
		d.Updates = d.Updates[:0]
		d.Stats.Reset()
		return updates
	}
	fresh := func() *derive.Deriver {
		return derive.New(derive.Config{SkipThreshold: 10_000, Period: 3600}, known.New(known.Capacities{Events: 1e6, EventProperties: 1e6, Properties: 1e6}))
	}
	b.Run("known", func(b *testing.B) {
		d := fresh()
		pass(d, base)
		start := processorTime(b)
		for b.Loop() {
			pass(d, base)
		}
		report(b, b.N, processorTime(b)-start)
	})
	for name, events := range map[string][][]byte{"known99": some, "cold": base} {
		b.Run(name, func(b *testing.B) {
			updates, cpu := 0, time.Duration(0)
			for range b.N {
				d := fresh()
				if name == "known99" {
					pass(d, base)
					pass(d, base) // so that entries have been used, as those of a process that has run for a while
				}
				runtime.GC() // of the cache before
				start := processorTime(b)
				updates += pass(d, events)
				cpu += processorTime(b) - start
			}
			report(b, b.N, cpu)
			b.ReportMetric(float64(updates)/float64(b.N*benchEvents), "updates/event")
		})
	}
}

// processorTime is what this process has used: on a machine that others use, too, it says more than the clock.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkService is a whole service in a process of its own, between Kafka and PostgreSQL: what it handles per second, and the
// processor time that it takes. The topic is full when it starts.
//
//	known99   the tables and the cache know 99 of 100 properties
//	cold      they know nothing
func BenchmarkService(b *testing.B) {
	for _, name := range []string{"known99", "cold"} {
		b.Run(name, func(b *testing.B) {
			b.StopTimer()
			for range b.N {
				benchService(b, name == "known99")
			}
		})
	}
}

func benchService(b *testing.B, warm bool) {
	h := setup(b, "BIND_PORT=0", "MAX_ISSUE_PERIOD=1")
	h.db.MustExec(`INSERT INTO posthog_project (id, organization_id) SELECT n, '00000000-0000-0000-0000-000000000001' FROM generate_series(1, 50) n ON CONFLICT DO NOTHING`)
	h.db.MustExec(`INSERT INTO posthog_team (id, organization_id, project_id, api_token) SELECT n, '00000000-0000-0000-0000-000000000001', n, 'bench' || n FROM generate_series(1, 50) n ON CONFLICT DO NOTHING`)
	port := freePort(b)
	base := newWorkload(0).events(benchEvents)
	load := base
	if warm {
		load = newWorkload(0.01).events(5 * benchEvents)
		produceRaw(b, h, base)
	}
	svc := h.spawn(b, "BIND_PORT="+port)
	m := metricsOf{b: b, url: "http://127.0.0.1:" + port + "/metrics", pid: svc.Process.Pid}
	if warm {
		m.await("prop_defs_events_received", benchEvents)
		m.settle()
	} else {
		m.await("go_goroutines", 1)
	}
	before, cpu := m.read("prop_defs_events_received"), m.cpu()
	rows := m.read("propdefs_v2_eventprops_batch_rows") + m.read("propdefs_v2_propdefs_batch_rows")
	if warm { // loaded first, so that the service, not the producer, sets the pace
		require.NoError(b, svc.Process.Signal(syscall.SIGSTOP))
	}
	produceRaw(b, h, load)
	start := time.Now()
	if warm {
		require.NoError(b, svc.Process.Signal(syscall.SIGCONT))
	}
	m.await("prop_defs_events_received", before+float64(len(load)))
	handled := time.Since(start)
	m.settle()
	written := time.Since(start)
	n := float64(len(load))
	rows = m.read("propdefs_v2_eventprops_batch_rows") + m.read("propdefs_v2_propdefs_batch_rows") - rows
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(n/handled.Seconds(), "events/s")
	b.ReportMetric(n/written.Seconds(), "events-written/s")
	b.ReportMetric((m.cpu()-cpu)*1e6/n, "cpu-µs/event")
	b.ReportMetric(rows/written.Seconds(), "rows/s")
	b.ReportMetric(m.read("process_resident_memory_bytes")/(1<<20), "rss-MB")
	b.ReportMetric(m.read("prop_defs_cache_bytes")/(1<<20), "cache-max-MB")
	kill(svc)
}

// BenchmarkInsert is the floor of writing: the statement on pairs alone, 100 new rows at a time, one connection and four.
func BenchmarkInsert(b *testing.B) {
	for _, connections := range []int{1, 4} {
		b.Run(fmt.Sprintf("unnest/%dconns", connections), func(b *testing.B) {
			w := store.NewWriter(pgtest.New(b).DB, time.Now)
			next := make(chan int, b.N)
			for i := range b.N {
				next <- i
			}
			close(next)
			done := make(chan error, connections)
			b.ResetTimer()
			for range connections {
				go func() {
					rows := make([]definition.Update, 100)
					for i := range next {
						for j := range rows {
							rows[j] = definition.Update{Kind: definition.EventProperty, Team: 1, Project: 1, Event: "e", Property: fmt.Sprint("property ", i*100+j)}
						}
						if _, err := w.Write(b.Context(), definition.EventProperty, rows); err != nil {
							done <- err
							return
						}
					}
					done <- nil
				}()
			}
			for range connections {
				require.NoError(b, <-done)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(b.N*100)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func produceRaw(b *testing.B, h *harness, events [][]byte) {
	b.Helper()
	p, err := kafka.NewProducer(kafka.ProducerConfig{Client: kafka.ClientConfig{Brokers: h.kafka.Brokers}, Compression: "lz4", QueueMessages: 2_000_000}, slog.New(slog.DiscardHandler), nil)
	require.NoError(b, err)
	done := make(chan error)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	go func() { done <- p.Run(ctx) }()
	for len(events) > 0 {
		n := min(len(events), 2000)
		records := make([]kafka.Record, n)
		for i := range records {
			records[i] = kafka.Record{Topic: h.topic, Key: strconv.AppendInt(nil, int64(len(events)-i), 10), Value: events[i]}
		}
		require.NoError(b, p.Produce(ctx, records))
		events = events[n:]
	}
	cancel()
	require.NoError(b, <-done)
}

func freePort(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// metricsOf reads what a service in another process says of itself.
type metricsOf struct {
	b   *testing.B
	url string
	pid int
}

// read is the sum of a metric's series, 0 if there is none, or no answer.
func (m metricsOf) read(name string) (sum float64) {
	resp, err := http.Get(m.url)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	var text bytes.Buffer
	_, err = text.ReadFrom(resp.Body)
	require.NoError(m.b, err)
	for line := range strings.Lines(text.String()) {
		rest, ok := strings.CutPrefix(line, name)
		if !ok || rest[0] != '{' && rest[0] != ' ' {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(rest[strings.LastIndexByte(rest, ' '):]), 64)
		require.NoError(m.b, err)
		sum += v
	}
	return sum
}

func (m metricsOf) await(name string, want float64) {
	m.b.Helper()
	for deadline := time.Now().Add(5 * time.Minute); m.read(name) < want; time.Sleep(5 * time.Millisecond) {
		require.True(m.b, time.Now().Before(deadline), "%s is %v and not %v", name, m.read(name), want)
	}
}

// settle waits until the queue is empty and nothing is written any more.
func (m metricsOf) settle() {
	for last := -1.0; ; time.Sleep(50 * time.Millisecond) {
		sent := m.read("propdefs_v2_eventprops_batch_size") + m.read("propdefs_v2_propdefs_batch_size") + m.read("propdefs_v2_eventdefs_batch_size")
		if m.read("prop_defs_channel_messages_in_flight") == 0 && sent == last {
			return
		}
		last = sent
	}
}

// cpu is the processor time of the process in seconds.
func (m metricsOf) cpu() float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", m.pid))
	require.NoError(m.b, err)
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+2:]))
	user, err := strconv.Atoi(fields[11])
	require.NoError(m.b, err)
	system, err := strconv.Atoi(fields[12])
	require.NoError(m.b, err)
	return float64(user+system) / 100 // clock ticks, 100 a second on every Linux that Go runs on
}

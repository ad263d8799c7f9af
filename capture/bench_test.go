package capture_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/capture"
	"github.com/hog-go/hog/common/config"
	"github.com/hog-go/hog/common/kafka"
	"github.com/hog-go/hog/common/testkit"
)

// The server of these benchmarks is a process of its own, this test binary started again, so that its processor time
// can be read from the operating system apart from that of the load.
//
//	floor      a gin handler that reads the body and answers; of recordings it also unpacks it
//	noop       capture without a sink
//	kafka      capture into the broker of testkit, with its default linger of 20 ms
//	kafka-1ms  the same with a linger of 1 ms, which hog sets
const benchServer = "HOG_BENCH_SERVER"

func BenchmarkCapture(b *testing.B) {
	broker := testkit.Kafka(b)
	topic := broker.Topic(b, 8)
	b.Logf("broker: %s", broker.Kind)
	type floorKey struct {
		load        string
		connections int
	}
	floor := map[floorKey]float64{} // CPU µs a request of the floor
	for _, load := range loads() {
		for _, connections := range []int{64, 256} {
			for _, kind := range []string{"floor", "noop", "kafka", "kafka-1ms"} {
				b.Run(fmt.Sprintf("%s/%s/%dconns", load.name, kind, connections), func(b *testing.B) {
					env := []string{"KAFKA_HOSTS=" + strings.Join(broker.Brokers, ","), "KAFKA_TOPIC=" + topic, "CAPTURE_MODE=" + load.mode}
					if kind == "kafka-1ms" {
						env = append(env, "KAFKA_PRODUCER_LINGER_MS=1")
					}
					s := startBenchServer(b, kind, env)
					s.fire(b, load, connections, 2000) // warm up
					requests := max(b.N/load.weight, 1)
					before := s.usage(b)
					start := time.Now()
					s.fire(b, load, connections, requests)
					took := time.Since(start)
					used := s.usage(b).since(before)
					events := float64(requests * load.events)
					b.ReportMetric(0, "ns/op") // of an iteration, of which some loads make fewer requests
					perEvent := float64(used.CPU.Microseconds()) / events
					if kind == "floor" && load.floor == load.name {
						floor[floorKey{load.name, connections}] = perEvent
					}
					b.ReportMetric(float64(requests)/took.Seconds(), "requests/s")
					b.ReportMetric(perEvent, "cpu-µs/event")
					b.ReportMetric(float64(used.Mallocs)/events, "allocs/event")
					b.ReportMetric(float64(used.RSS)/(1<<20), "rss-MB")
					if load.mode == "recordings" {
						b.ReportMetric(perEvent/float64(load.size)*1000, "cpu-ms/MB")
					}
					if f := floor[floorKey{load.floor, connections}]; f > 0 {
						b.ReportMetric(perEvent/f, "x-floor")
					}
				})
			}
		}
	}
}

// BenchmarkBroker is the limit behind the kafka rows: the producer alone with full batches of records of the same size,
// no HTTP.
func BenchmarkBroker(b *testing.B) {
	broker := testkit.Kafka(b)
	topic := broker.Topic(b, 8)
	producer, err := kafka.NewProducer(kafka.ProducerConfig{Client: kafka.ClientConfig{Brokers: broker.Brokers}, Partitioner: "murmur2_random"}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	require.NoError(b, err)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	go func() { _ = producer.Run(ctx) }()
	const perCall = 50
	value := bytes.Repeat([]byte{'v'}, 1300)
	b.SetBytes(perCall * 1300)
	b.SetParallelism(128)
	var n atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		recs := make([]kafka.Record, perCall)
		for pb.Next() {
			for i := range recs {
				recs[i] = kafka.Record{Topic: topic, Key: strconv.AppendInt(recs[i].Key[:0], n.Add(1), 10), Value: value}
			}
			if err := producer.Produce(ctx, recs); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N*perCall)/b.Elapsed().Seconds(), "records/s")
}

type load struct {
	name    string
	mode    string // of the service
	floor   string // name of the load whose floor it is compared with: events with a request of one event
	events  int
	size    int    // bytes of JSON
	weight  int    // one request for so many iterations, so that all loads take about the same time
	request []byte // as it goes over the wire
}

func loads() []load {
	const one = "one 1 kB event"
	single := benchEvent(rand.New(rand.NewSource(1)), 1000)
	var batch, v1 bytes.Buffer
	r := rand.New(rand.NewSource(2))
	batch.WriteString(`{"api_key":"phc_bench","batch":[`)
	v1.WriteString(`{"created_at":"2024-05-01T10:00:01.000Z","batch":[`)
	for i := range 50 {
		if i > 0 {
			batch.WriteByte(',')
			v1.WriteByte(',')
		}
		e := benchEvent(r, 600+r.Intn(640))
		batch.Write(e)
		v1.Write(v1Of(e, i))
	}
	batch.WriteString(`],"sent_at":"2024-05-01T10:00:01.000Z"}`)
	v1.WriteString(`]}`)
	recording := benchRecording(r, 100_000)
	return []load{
		{name: one, mode: "events", floor: one, events: 1, weight: 1, request: httpRequest("/i/v0/e/", "", single)},
		packedLoad(load{name: "gzip batch of 50", mode: "events", floor: one, events: 50, weight: 8}, "/batch/", "", batch.Bytes()),
		packedLoad(load{name: "v1, gzip batch of 50", mode: "events", floor: one, events: 50, weight: 8}, v1Path, v1BenchHeaders, v1.Bytes()),
		packedLoad(load{name: "gzip recording", mode: "recordings", events: 1, weight: 10}, "/s/", "", recording),
	}
}

const v1BenchHeaders = "Authorization: Bearer phc_bench\r\nPostHog-Sdk-Info: posthog-go/1.5.2\r\nPostHog-Attempt: 1\r\n" +
	"PostHog-Request-Id: 550e8400-e29b-41d4-a716-446655440000\r\nPostHog-Request-Timestamp: 2024-05-01T10:00:01Z\r\n"

// packedLoad sends body packed; sizes go into the name.
func packedLoad(l load, path, headers string, body []byte) load {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write(body)
	_ = w.Close()
	l.name += fmt.Sprintf(", %d kB, %d kB packed", len(body)/1000, packed.Len()/1000)
	if l.floor == "" {
		l.floor = l.name
	}
	l.size = len(body)
	l.request = httpRequest(path, headers+"Content-Encoding: gzip\r\n", packed.Bytes())
	return l
}

// v1Of makes an event of a v1 batch of one of a v0 batch.
func v1Of(e []byte, i int) []byte {
	var fields struct {
		Event      json.RawMessage `json:"event"`
		UUID       string          `json:"uuid"`
		DistinctID json.RawMessage `json:"distinct_id"`
		Timestamp  json.RawMessage `json:"timestamp"`
		Properties json.RawMessage `json:"properties"`
	}
	if err := json.Unmarshal(e, &fields); err != nil {
		panic(err)
	}
	fields.UUID = id(i)
	out, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	return out
}

// benchRecording makes a recording of about size bytes, of changes to a page as rrweb tells them.
func benchRecording(r *rand.Rand, size int) []byte {
	var b bytes.Buffer
	b.WriteString(`[{"event":"$snapshot","token":"phc_bench","distinct_id":"018f2d0e-4b7a-7c11-a1f3-6f3d5d2f1a77","properties":{"$session_id":"018f2d0e-4b7a-7c11-a1f3-6f3d5d2f1a77","$window_id":"w","$lib":"web","$snapshot_data":[`)
	for i := 0; b.Len() < size; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"type":3,"timestamp":%d,"data":{"source":0,"texts":[],"attributes":[{"id":%d,"attributes":{"style":"transform: translate(%dpx, %dpx)","class":"card card--%d \"quoted\""}}],"removes":[],"adds":[]}}`,
			1714557600000+i*16, r.Intn(5000), r.Intn(2000), r.Intn(2000), r.Intn(40))
	}
	b.WriteString(`]}}]`)
	return b.Bytes()
}

func httpRequest(path, header string, body []byte) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: bench\r\nUser-Agent: posthog-js/1.200.0\r\nContent-Type: application/json\r\nX-Forwarded-For: 203.0.113.9\r\n%sContent-Length: %d\r\n\r\n%s", path, header, len(body), body)
}

// benchEvent makes an event of about size bytes with properties as posthog-js sends them, no two alike.
func benchEvent(r *rand.Rand, size int) []byte {
	word := func(n int) string {
		const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
		b := make([]byte, n)
		for i := range b {
			b[i] = letters[r.Intn(len(letters))]
		}
		return string(b)
	}
	names := []string{"$pageview", "$autocapture", "$pageleave", "user signed up", "purchase"}
	p := map[string]any{
		"token": "phc_bench", "$os": "Mac OS X", "$browser": "Chrome", "$device_type": "Desktop", "$current_url": "https://app.example.com/project/" + word(6) + "?tab=" + word(4),
		"$host": "app.example.com", "$pathname": "/project/" + word(6), "$screen_height": 900 + r.Intn(300), "$screen_width": 1440, "$lib": "web", "$lib_version": "1.200.0",
		"$session_id": "018f2d0e-4b7a-7c11-" + word(4) + "-6f3d5d2f1a77", "$insert_id": word(16), "$time": 1714557600.123, "plan": "scale", "seats": r.Intn(50), "trial": r.Intn(2) == 0,
	}
	e := map[string]any{"event": names[r.Intn(len(names))], "distinct_id": "018f2d0e-" + word(4) + "-7c11-a1f3-" + word(12), "properties": p, "timestamp": "2024-05-01T10:00:00." + fmt.Sprintf("%03dZ", r.Intn(1000)), "api_key": "phc_bench"}
	for i := 0; ; i++ {
		text, _ := json.Marshal(e)
		if len(text) >= size {
			return text
		}
		p["custom_"+word(5)] = strings.Repeat(word(7)+" ", 1+r.Intn(4))
	}
}

// fire sends n requests over as many connections and checks every answer.
func (s *benchProcess) fire(b *testing.B, l load, connections, n int) {
	b.Helper()
	var left atomic.Int64
	left.Store(int64(n))
	var failed atomic.Pointer[string]
	var wg sync.WaitGroup
	for range connections {
		wg.Go(func() {
			conn, err := net.Dial("tcp", s.addr)
			if err != nil {
				failed.Store(new(err.Error()))
				return
			}
			defer conn.Close()
			in := bufio.NewReaderSize(conn, 4096)
			for left.Add(-1) >= 0 {
				if _, err := conn.Write(l.request); err != nil {
					failed.Store(new(err.Error()))
					return
				}
				resp, err := http.ReadResponse(in, nil)
				if err != nil {
					failed.Store(new(err.Error()))
					return
				}
				body, _ := io.ReadAll(resp.Body)
				if resp.StatusCode != http.StatusOK {
					failed.Store(new(fmt.Sprintf("%d %s", resp.StatusCode, body)))
					return
				}
			}
		})
	}
	wg.Wait()
	if f := failed.Load(); f != nil {
		b.Fatal(*f)
	}
}

// benchProcess is a server in a process of its own.
type benchProcess struct{ addr, control string }

// usage is what a process has used since it began.
type usage struct {
	CPU     time.Duration // user and system
	Mallocs uint64
	RSS     int64 // bytes, now
}

func (u usage) since(v usage) usage {
	return usage{CPU: u.CPU - v.CPU, Mallocs: u.Mallocs - v.Mallocs, RSS: u.RSS}
}

func (s *benchProcess) usage(b testing.TB) usage {
	b.Helper()
	resp, err := http.Get("http://" + s.control)
	require.NoError(b, err)
	defer resp.Body.Close()
	var u usage
	require.NoError(b, json.NewDecoder(resp.Body).Decode(&u))
	return u
}

func startBenchServer(b testing.TB, kind string, env []string) *benchProcess {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), benchServer+"="+kind), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, cmd.Start())
	b.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait()
	})
	var s benchProcess
	_, err = fmt.Fscan(out, &s.addr, &s.control)
	require.NoError(b, err, "the server process did not start")
	return &s
}

// serveBench is the main function of the server process.
func serveBench(kind string) {
	handler := floorHandler()
	if kind != "floor" {
		handler = captureHandler(kind == "noop")
	}
	control := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		var ru syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &ru)
		var mem runtime.MemStats
		runtime.ReadMemStats(&mem)
		_ = json.NewEncoder(w).Encode(usage{CPU: time.Duration(ru.Utime.Nano() + ru.Stime.Nano()), Mallocs: mem.Mallocs, RSS: residentBytes()})
	})
	fmt.Println(httptest.NewServer(handler).Listener.Addr(), httptest.NewServer(control).Listener.Addr())
	select {}
}

func residentBytes() int64 {
	text, _ := os.ReadFile("/proc/self/statm")
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

func floorHandler() http.Handler {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	read := func(c *gin.Context) {
		_, _ = io.Copy(io.Discard, c.Request.Body)
		c.Data(http.StatusOK, "application/json", []byte(`{"status":"Ok"}`))
	}
	engine.POST("/i/v0/e/", read)
	engine.POST("/batch/", read)
	engine.POST(v1Path, read)
	engine.POST("/s/", func(c *gin.Context) { // of a recording what has to be done in any case is to unpack it
		z, err := gzip.NewReader(c.Request.Body)
		if err != nil {
			panic(err)
		}
		_, _ = io.Copy(io.Discard, z)
		c.Data(http.StatusOK, "application/json", []byte(`{"status":"Ok"}`))
	})
	return engine
}

func captureHandler(noop bool) http.Handler {
	var cfg capture.Config
	environ := append(os.Environ(), "REDIS_URL=redis://127.0.0.1:1/", fmt.Sprintf("NOOP_SINK=%t", noop), "CAPTURE_V1_ENABLED=true")
	if err := config.LoadFrom(&cfg, environ); err != nil {
		panic(err)
	}
	cfg.Address = ""
	ctx := context.Background()
	svc, err := capture.New(ctx, cfg, capture.Deps{})
	if err != nil {
		panic(err)
	}
	go func() { panic(svc.Run(ctx)) }()
	for start := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		ok, detail := svc.Ready()
		if ok {
			return svc.Handler()
		}
		if time.Since(start) > time.Minute {
			panic(detail)
		}
	}
}

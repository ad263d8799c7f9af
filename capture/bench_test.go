package capture_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/capture"
	"github.com/hog-go/hog/common/config"
	"github.com/hog-go/hog/common/kafka"
	"github.com/hog-go/hog/common/testkit"
	"github.com/hog-go/hog/common/testkit/load"
)

// The servers of these benchmarks, by their kind:
//
//	floor      a gin handler that reads the body and answers; of recordings it also unpacks it
//	noop       capture without a sink
//	kafka      capture into the broker of testkit, with its default linger of 20 ms
//	kafka-1ms  the same with a linger of 1 ms, which hog sets
func BenchmarkCapture(b *testing.B) {
	broker := testkit.Kafka(b)
	topic := broker.Topic(b, 8)
	b.Logf("broker: %s", broker.Kind)
	type floorKey struct {
		load        string
		connections int
	}
	floor := map[floorKey]float64{} // CPU µs a request of the floor
	for _, l := range workloads() {
		for _, connections := range []int{64, 256} {
			for _, kind := range []string{"floor", "noop", "kafka", "kafka-1ms"} {
				b.Run(fmt.Sprintf("%s/%s/%dconns", l.name, kind, connections), func(b *testing.B) {
					env := []string{"KAFKA_HOSTS=" + strings.Join(broker.Brokers, ","), "KAFKA_TOPIC=" + topic, "CAPTURE_MODE=" + l.mode}
					if kind == "kafka-1ms" {
						env = append(env, "KAFKA_PRODUCER_LINGER_MS=1")
					}
					s := load.Start(b, kind, env)
					s.Fire(b, l.request, connections, 2000) // warm up
					requests := max(b.N/l.weight, 1)
					before := s.Usage(b)
					start := time.Now()
					s.Fire(b, l.request, connections, requests)
					took := time.Since(start)
					used := s.Usage(b).Since(before)
					events := float64(requests * l.events)
					b.ReportMetric(0, "ns/op") // of an iteration, of which some loads make fewer requests
					perEvent := float64(used.CPU.Microseconds()) / events
					if kind == "floor" && l.floor == l.name {
						floor[floorKey{l.name, connections}] = perEvent
					}
					b.ReportMetric(float64(requests)/took.Seconds(), "requests/s")
					b.ReportMetric(perEvent, "cpu-µs/event")
					b.ReportMetric(float64(used.Mallocs)/events, "allocs/event")
					b.ReportMetric(float64(used.RSS)/(1<<20), "rss-MB")
					if l.mode == "recordings" {
						b.ReportMetric(perEvent/float64(l.size)*1000, "cpu-ms/MB")
					}
					if f := floor[floorKey{l.floor, connections}]; f > 0 {
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

type workload struct {
	name    string
	mode    string // of the service
	floor   string // name of the load whose floor it is compared with: events with a request of one event
	events  int
	size    int    // bytes of JSON
	weight  int    // one request for so many iterations, so that all loads take about the same time
	request []byte // as it goes over the wire
}

func workloads() []workload {
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
	return []workload{
		{name: one, mode: "events", floor: one, events: 1, weight: 1, request: httpRequest("/i/v0/e/", "", single)},
		packedWorkload(workload{name: "gzip batch of 50", mode: "events", floor: one, events: 50, weight: 8}, "/batch/", "", batch.Bytes()),
		packedWorkload(workload{name: "v1, gzip batch of 50", mode: "events", floor: one, events: 50, weight: 8}, v1Path, v1BenchHeaders, v1.Bytes()),
		packedWorkload(workload{name: "gzip recording", mode: "recordings", events: 1, weight: 10}, "/s/", "", recording),
	}
}

const v1BenchHeaders = "Authorization: Bearer phc_bench\r\nPostHog-Sdk-Info: posthog-go/1.5.2\r\nPostHog-Attempt: 1\r\n" +
	"PostHog-Request-Id: 550e8400-e29b-41d4-a716-446655440000\r\nPostHog-Request-Timestamp: 2024-05-01T10:00:01Z\r\n"

// packedWorkload sends body packed; sizes go into the name.
func packedWorkload(l workload, path, headers string, body []byte) workload {
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

// benchHandler is what a server of a kind serves.
func benchHandler(kind string) http.Handler {
	if kind == "floor" {
		return floorHandler()
	}
	return captureHandler(kind == "noop")
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

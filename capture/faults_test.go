package capture_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/testkit"
	"github.com/hog-go/hog/common/testkit/load"
)

// faultTime is how long the traffic of TestBrokerFaults lasts; HOG_FAULT_TIME sets another (bin/bench faults runs a minute).
const faultTime = 15 * time.Second

// The broker is stopped and started twice under traffic, once in good order and once killed. Every event that was answered
// 200 must be in Kafka afterwards, and once the broker is back every request must succeed.
func TestBrokerFaults(t *testing.T) {
	length := faultTime
	if text := os.Getenv("HOG_FAULT_TIME"); text != "" {
		d, err := time.ParseDuration(text)
		require.NoError(t, err, "HOG_FAULT_TIME")
		length = d
	}
	broker := testkit.Kafka(t)
	topic := broker.Topic(t, 4)
	fault := broker.Fault(t)
	server := load.Start(t, "kafka", []string{"KAFKA_HOSTS=" + strings.Join(broker.Brokers, ","), "KAFKA_TOPIC=" + topic})

	traffic := &faultLoad{url: "http://" + server.Addr, answers: map[int]int{}}
	stop := traffic.run(32)
	var peak int64
	wait := func(d time.Duration) {
		for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			peak = max(peak, server.Usage(t).RSS)
		}
	}
	part := length / 6
	wait(part)
	fault.Stop()
	wait(part)
	fault.Start()
	wait(part)
	fault.Kill()
	wait(part)
	fault.Start()
	wait(part) // requests that came while it was down may still be answered
	traffic.markRecovered()
	wait(part)
	acked := stop()

	stored := map[string]int{}
	for _, r := range broker.All(t, topic) {
		var v struct{ UUID string }
		require.NoError(t, json.Unmarshal(r.Value, &v))
		stored[v.UUID]++
	}
	twice := 0
	for _, n := range stored {
		if n > 1 {
			twice++
		}
	}
	t.Logf("%s broker, %s of traffic: %d events acknowledged, %d stored, %d of them more than once; answers %v; peak memory %d MB",
		broker.Kind, length, len(acked), len(stored), twice, traffic.answers, peak>>20)
	require.NotEmpty(t, acked)
	for _, id := range acked {
		require.Positive(t, stored[id], "event %s was acknowledged and is not in Kafka", id)
	}
	require.Empty(t, traffic.late, "answers after the broker was back")
	require.Less(t, peak, int64(512<<20), "memory is bounded")
}

// faultLoad sends events one after the other over some connections, each with a uuid of its own.
type faultLoad struct {
	url string

	mu        sync.Mutex
	acked     []string
	answers   map[int]int // status -> how often; 0 is no answer
	recovered bool
	late      []string // answers other than 200 after markRecovered, to requests sent after it
}

func (l *faultLoad) markRecovered() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.recovered = true
}

// run starts the traffic; the function that it returns stops it and returns the acknowledged uuids.
func (l *faultLoad) run(connections int) (stop func() []string) {
	quit := make(chan struct{})
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}, Timeout: time.Minute}
	var wg sync.WaitGroup
	for i := range connections {
		wg.Go(func() {
			for {
				select {
				case <-quit:
					return
				default:
					l.send(client, i)
				}
			}
		})
	}
	return func() []string {
		close(quit)
		wg.Wait()
		client.CloseIdleConnections()
		return l.acked
	}
}

func (l *faultLoad) send(client *http.Client, worker int) {
	id := uuid.NewString()
	l.mu.Lock()
	recovered := l.recovered
	l.mu.Unlock()
	body := fmt.Appendf(nil, `{"event":"e","token":"t","distinct_id":"worker-%d","uuid":%q,"properties":{"pad":%q}}`, worker, id, strings.Repeat("x", 700))
	status := 0
	resp, err := client.Post(l.url+"/e", "application/json", bytes.NewReader(body))
	if err == nil {
		status = resp.StatusCode
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answers[status]++
	if status == http.StatusOK {
		l.acked = append(l.acked, id)
	} else if recovered {
		l.late = append(l.late, fmt.Sprint(status, err))
	}
}

package spool_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/capture/internal/sink"
	"github.com/hog-go/hog/capture/internal/spool"
	"github.com/hog-go/hog/common/kafka"
	"github.com/hog-go/hog/common/testkit"
)

// Kafka is stopped and killed under load. Every record that was acknowledged is in Kafka or in the bucket, requests go on
// succeeding while it is down, and a replay brings each back to its topic with its key and headers.
func TestKafkaDown(t *testing.T) {
	broker := testkit.Kafka(t)
	topics := []string{broker.Topic(t, 2), broker.Topic(t, 1)}
	fault := broker.Fault(t)
	store := testkit.S3(t)
	bucket := openS3(t, store)

	retries := 0
	producer, err := kafka.NewProducer(kafka.ProducerConfig{
		Client: kafka.ClientConfig{Brokers: broker.Brokers, DialTimeout: time.Second}, Linger: time.Millisecond, MessageTimeout: 2 * time.Second,
		Retries: &retries, MetadataRefresh: 500 * time.Millisecond,
	}, discard, nil)
	require.NoError(t, err)
	running, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- producer.Run(running) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	primary := sink.Kafka{Producer: producer}
	s, _, stopSpool := started(t, spool.Config{Prefix: "fallback/", FlushInterval: 50 * time.Millisecond}, bucket)
	reg := prometheus.NewRegistry()
	healthy := func() bool { ok, _ := producer.Ready(); return ok }
	f := spool.NewFallback(primary, healthy, s, slog.New(slog.NewTextHandler(t.Output(), nil)), reg)
	require.Eventually(t, healthy, 20*time.Second, 5*time.Millisecond)

	load := &load{to: f, topics: topics, acked: map[string]kafka.Record{}}
	stopLoad := load.run(t.Context(), 8)
	part := 700 * time.Millisecond
	time.Sleep(part)
	fault.Stop()
	before := load.count()
	require.Eventually(t, func() bool { return !healthy() }, 30*time.Second, 10*time.Millisecond)
	require.Eventually(t, func() bool { return load.count() > before+100 }, 10*time.Second, 10*time.Millisecond, "events are acknowledged while Kafka is down")
	fault.Start()
	require.Eventually(t, healthy, 30*time.Second, 10*time.Millisecond)
	time.Sleep(part)
	fault.Kill()
	time.Sleep(part)
	fault.Start()
	require.Eventually(t, healthy, 30*time.Second, 10*time.Millisecond)
	time.Sleep(part)
	stopLoad()
	stopSpool()

	require.Empty(t, load.errs)
	stored := storedByID(t, broker, topics)
	missing := 0
	for id := range load.acked {
		if len(stored[id]) == 0 {
			missing++
		}
	}
	require.Positive(t, missing, "some events are in the bucket alone")
	require.Positive(t, metric(t, reg, "capture_fallback_sink_failovers_total"))
	require.Equal(t, 1.0, metric(t, reg, "capture_primary_sink_health"))

	stats, err := spool.Replay(t.Context(), bucket, "fallback/", primary, guess, discard)
	require.NoError(t, err)
	require.Zero(t, stats.Routed+stats.Rejected)
	stored = storedByID(t, broker, topics)
	twice := 0
	for id, want := range load.acked {
		require.NotEmpty(t, stored[id], "event %s was acknowledged and is not in Kafka", id)
		for _, got := range stored[id] {
			require.Equal(t, want.Topic, got.Topic)
			require.Equal(t, want.Key, got.Key)
			require.Equal(t, string(want.Value), string(got.Value))
			require.Len(t, got.Headers, len(want.Headers))
			for i, h := range want.Headers {
				require.Equal(t, testkit.Header{Key: h.Key, Value: h.Value}, got.Headers[i])
			}
		}
		if len(stored[id]) > 1 {
			twice++
		}
	}
	t.Logf("%s broker: %d events acknowledged, %d of them by the bucket alone, %d replayed from %d objects, %d stored more than once",
		broker.Kind, len(load.acked), missing, stats.Events, stats.Objects, twice)
	again, err := spool.Replay(t.Context(), bucket, "fallback/", primary, guess, discard)
	require.NoError(t, err)
	require.Zero(t, again)
}

func storedByID(t *testing.T, broker *testkit.KafkaServer, topics []string) map[string][]testkit.Record {
	t.Helper()
	out := map[string][]testkit.Record{}
	for _, topic := range topics {
		for _, r := range broker.All(t, topic) {
			id, _ := r.Header("uuid")
			out[string(id)] = append(out[string(id)], r)
		}
	}
	return out
}

// load sends requests of three records.
type load struct {
	to     *spool.Fallback
	topics []string

	mu    sync.Mutex
	acked map[string]kafka.Record
	errs  []error
}

func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acked)
}

func (l *load) run(ctx context.Context, clients int) (stop func()) {
	quit := make(chan struct{})
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for {
				select {
				case <-quit:
					return
				case <-time.After(time.Millisecond):
					l.send(ctx)
				}
			}
		})
	}
	return func() {
		close(quit)
		wg.Wait()
	}
}

func (l *load) send(ctx context.Context) {
	var recs []kafka.Record
	for i := range 3 {
		id := uuid.NewString()
		r := kafka.Record{
			Topic: l.topics[i%2], Value: fmt.Appendf(nil, `{"uuid":%q,"pad":%q}`, id, strings.Repeat("x", 300)),
			Headers: []kafka.Header{{Key: "uuid", Value: []byte(id)}, {Key: "session_id"}, {Key: "distinct_id", Value: []byte("ü")}},
		}
		if i > 0 {
			r.Key = []byte("token:" + id)
		}
		recs = append(recs, r)
	}
	err := l.to.Send(ctx, recs)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.errs = append(l.errs, err)
		return
	}
	for _, r := range recs {
		l.acked[string(r.Headers[0].Value)] = r
	}
}

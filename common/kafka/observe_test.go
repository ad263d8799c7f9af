package kafka_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/hog-go/hog/common/kafka"
)

// lines is a log that a test can read while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) count(part string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), part)
}

func gather(t *testing.T, reg *prometheus.Registry) map[string]*dto.MetricFamily {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	out := map[string]*dto.MetricFamily{}
	for _, f := range families {
		out[f.GetName()] = f
	}
	return out
}

// TestMetrics has the names that capture's dashboards look for.
func TestMetrics(t *testing.T) {
	c := fake(t, kfake.SeedTopics(1, "t"))
	reg := prometheus.NewRegistry()
	p, err := kafka.NewProducer(kafka.ProducerConfig{Client: client(c.ListenAddrs()...), MetricsPrefix: "capture_kafka_", Retries: number(0)}, quiet, reg)
	require.NoError(t, err)
	run(t, p.Run)
	require.NoError(t, p.Produce(soon(t), values("t", 10)))
	c.Fault(unhappy(kerr.InvalidRecord, func(int) bool { return true }))
	require.Error(t, p.Produce(soon(t), values("t", 2)))

	got := gather(t, reg)
	for _, name := range []string{
		"capture_kafka_produce_bytes_total", "capture_kafka_produce_errors_total", "capture_kafka_producer_queue_depth", "capture_kafka_producer_queue_depth_limit",
		"capture_kafka_producer_queue_bytes", "capture_kafka_producer_queue_bytes_limit", "capture_kafka_any_brokers_down", "capture_kafka_broker_connected",
		"capture_kafka_produce_rtt_latency_us", "capture_kafka_produce_avg_batch_size_bytes", "capture_kafka_produce_avg_batch_size_events",
		"capture_kafka_broker_responses_awaiting", "capture_kafka_broker_tx_errors_total", "capture_kafka_broker_rx_errors_total",
		"capture_kafka_broker_request_timeouts", "capture_kafka_broker_requests_pending", "capture_kafka_callback_queue_depth",
		"capture_kafka_batch_enqueue_duration_seconds", "capture_kafka_produce_ack_duration_ms",
	} {
		require.Contains(t, got, name)
	}
	one := func(name string) *dto.Metric { return got["capture_kafka_"+name].Metric[0] }
	require.EqualValues(t, 10*(36+len("value 0")), one("produce_bytes_total").Counter.GetValue())
	require.EqualValues(t, 2, one("produce_errors_total").Counter.GetValue())
	require.EqualValues(t, 0, one("producer_queue_depth").Gauge.GetValue())
	require.EqualValues(t, 0, one("producer_queue_bytes").Gauge.GetValue())
	require.EqualValues(t, 1, one("broker_connected").Gauge.GetValue())
	require.Equal(t, "0", one("broker_connected").Label[0].GetValue())
	quantiles := map[string]bool{}
	for _, m := range got["capture_kafka_produce_rtt_latency_us"].Metric {
		require.Equal(t, "0", m.Label[0].GetValue())
		require.Positive(t, m.Gauge.GetValue())
		quantiles[m.Label[1].GetValue()] = true
	}
	require.Equal(t, map[string]bool{"p50": true, "p90": true, "p95": true, "p99": true}, quantiles)
	require.EqualValues(t, 2, one("batch_enqueue_duration_seconds").Histogram.GetSampleCount())
	require.EqualValues(t, 0, one("broker_responses_awaiting").Gauge.GetValue())
	outcomes := map[string]uint64{}
	for _, m := range got["capture_kafka_produce_ack_duration_ms"].Metric {
		outcomes[m.Label[0].GetValue()] = m.Histogram.GetSampleCount()
	}
	require.Equal(t, map[string]uint64{"success": 1, "error": 1}, outcomes)

	_, err = kafka.NewProducer(kafka.ProducerConfig{MetricsPrefix: "capture_kafka_"}, quiet, reg)
	require.ErrorContains(t, err, "is the prefix used twice")
	_, err = kafka.NewConsumer(kafka.ConsumerConfig{Group: "g", Topics: []string{"t"}}, quiet, reg)
	require.NoError(t, err)
}

// TestTroubleOfOneBrokerIsLoggedOnce: the answers of the other one do not make it new each time.
func TestTroubleOfOneBrokerIsLoggedOnce(t *testing.T) {
	var log lines
	c := fake(t, kfake.NumBrokers(2), kfake.SeedTopics(2, "t"))
	for p := range int32(2) {
		require.NoError(t, c.MoveTopicPartition("t", p, p))
	}
	h := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: "t", Partitions: []int32{1}, Err: kerr.KafkaStorageError, Count: -1})
	consumer, err := kafka.NewConsumer(kafka.ConsumerConfig{Client: client(c.ListenAddrs()...), Group: "g", Topics: []string{"t"}, FetchMaxWait: 10 * time.Millisecond},
		slog.New(slog.NewTextHandler(&log, nil)), nil)
	require.NoError(t, err)
	run(t, func(ctx context.Context) error { return consumer.Run(ctx, newCollector().handle) })
	require.NoError(t, h.Wait(soon(t), 4))
	require.Equal(t, 1, log.count("kafka consumer is in trouble"))
	require.Zero(t, log.count("kafka consumer works again"))
	h.Remove()
	require.Eventually(t, func() bool { return log.count("kafka consumer works again") == 1 }, 10*time.Second, time.Millisecond)
	require.Equal(t, 1, log.count("kafka consumer is in trouble"))
}

// TestStatesAreLoggedOnce: a change of state is one line, however many retries it takes.
func TestStatesAreLoggedOnce(t *testing.T) {
	var log lines
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "t"), kfake.SeedTopics(1, "u"))
	require.NoError(t, err)
	addr := c.ListenAddrs()[0]
	p, err := kafka.NewProducer(kafka.ProducerConfig{Client: client(addr), RetryBackoff: time.Millisecond, RetryBackoffMax: 10 * time.Millisecond},
		slog.New(slog.NewTextHandler(&log, nil)), nil)
	require.NoError(t, err)
	stop := run(t, p.Run)
	require.NoError(t, p.Produce(soon(t), values("t", 1)))
	require.Equal(t, 1, log.count(`msg="Successfully connected to Kafka brokers. Found 2 topics."`))
	require.Positive(t, log.count("component=kafka-producer"))

	h := c.Fault(unhappy(kerr.NotEnoughReplicas, func(n int) bool { return n <= 5 }))
	require.NoError(t, p.Produce(soon(t), values("t", 1)))
	require.Equal(t, 5, h.Hits())
	h.Remove()
	require.Eventually(t, func() bool { return log.count("kafka broker takes records again") == 1 }, 5*time.Second, time.Millisecond)
	require.Equal(t, 1, log.count("kafka broker refused records, retrying"))

	c.Close()
	result := make(chan error, 1)
	go func() { result <- p.Produce(soon(t), values("t", 1)) }()
	require.Eventually(t, func() bool { ok, _ := p.Ready(); return !ok }, 5*time.Second, time.Millisecond)
	require.Eventually(t, func() bool { return log.count("no kafka broker answers, retrying") == 1 }, 5*time.Second, time.Millisecond)

	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	back := fakeAt(t, port, kfake.SeedTopics(1, "t"))
	defer back.Close()
	defer stop()
	require.NoError(t, <-result)
	require.Eventually(t, func() bool { return log.count("kafka cluster answers again") == 1 }, 5*time.Second, time.Millisecond)
	require.Equal(t, 1, log.count("kafka broker is down"))
	require.Equal(t, 1, log.count("no kafka broker answers, retrying"))
	require.Equal(t, 1, log.count("kafka broker is up again"))
	require.Equal(t, 1, log.count("Successfully connected"))
}

package kafka_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/hog-go/hog/common/kafka"
)

// benchRecord is about what capture sends: 1 kB of JSON and eight headers.
func benchRecord(topic string, i int) kafka.Record {
	return kafka.Record{
		Topic: topic, Key: fmt.Appendf(nil, "phc_token:user-%d", i), Value: bytes.Repeat([]byte("0123456789abcdef"), 64),
		Headers: []kafka.Header{
			{Key: "token", Value: []byte("phc_0123456789012345678901234567890123456789")}, {Key: "distinct_id", Value: []byte("018cc251-f400-7000-8000-000000000000")},
			{Key: "session_id", Value: nil}, {Key: "timestamp", Value: []byte("1704067200000")}, {Key: "event", Value: []byte("$pageview")},
			{Key: "uuid", Value: []byte("018cc251-f400-7000-8000-000000000000")}, {Key: "now", Value: []byte("2026-01-01T00:00:00Z")}, {Key: "historical_migration", Value: []byte("false")},
		},
	}
}

func cpuNanos() int64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}

func benchProduce(b *testing.B, perCall int, cfg kafka.ProducerConfig) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(64, "bench"), kfake.BlackholeProduce())
	require.NoError(b, err)
	defer c.Close()
	cfg.Client.Brokers = c.ListenAddrs()
	p, err := kafka.NewProducer(cfg, slog.New(slog.DiscardHandler), nil)
	require.NoError(b, err)
	ctx, cancel := context.WithCancel(b.Context())
	var run sync.WaitGroup
	run.Go(func() { _ = p.Run(ctx) })
	defer run.Wait()
	defer cancel()
	require.NoError(b, p.Produce(ctx, []kafka.Record{benchRecord("bench", 0)}))

	const callers = 64
	b.ReportAllocs()
	cpu := cpuNanos()
	b.ResetTimer()
	var wg sync.WaitGroup
	calls := b.N / perCall / callers
	for g := range callers {
		wg.Go(func() {
			recs := make([]kafka.Record, perCall)
			for i := range recs {
				recs[i] = benchRecord("bench", g*perCall+i)
			}
			for range calls + 1 {
				if err := p.Produce(ctx, recs); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	n := float64((calls + 1) * callers * perCall)
	b.ReportMetric(n/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(cpuNanos()-cpu)/n, "cpu-ns/record")
}

func BenchmarkProduce1(b *testing.B)       { benchProduce(b, 1, kafka.ProducerConfig{Linger: -1}) }
func BenchmarkProduce1Linger(b *testing.B) { benchProduce(b, 1, kafka.ProducerConfig{Linger: 5e6}) }
func BenchmarkProduce50(b *testing.B)      { benchProduce(b, 50, kafka.ProducerConfig{Linger: -1}) }
func BenchmarkProduce50Murmur(b *testing.B) {
	benchProduce(b, 50, kafka.ProducerConfig{Linger: 5e6, Partitioner: "murmur2_random"})
}

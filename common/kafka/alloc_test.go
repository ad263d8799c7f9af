package kafka

import (
	"bytes"
	"log/slog"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// enqueued makes a producer whose topic "t" has partitions, but no broker, and a function that acknowledges all that is queued.
func enqueued(t testing.TB, partitions int) (pr *Producer, acknowledge func()) {
	pr, err := NewProducer(ProducerConfig{Partitioner: "murmur2_random"}, slog.New(slog.DiscardHandler), nil)
	require.NoError(t, err)
	tp := pr.topic("t")
	tp.update(pr, topicLayout{leaders: make([]int32, partitions)}, func(int32) *sender { return nil })
	return pr, func() {
		for _, p := range *tp.parts.Load() {
			if p.open != nil {
				b := p.open
				p.open = nil
				pr.settle(b, nil)
			}
		}
	}
}

// TestProduceAllocates nothing per record and nothing per call once its pools are warm, and so does sealing.
func TestProduceAllocates(t *testing.T) {
	if raceEnabled {
		t.Log("the race detector makes pools forget on purpose; checked without it")
		return
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection empties the pools
	pr, acknowledge := enqueued(t, 8)
	recs := make([]Record, 50)
	for i := range recs {
		recs[i] = Record{Topic: "t", Key: []byte{byte(i)}, Value: bytes.Repeat([]byte("x"), 1000), Headers: []Header{{Key: "a", Value: []byte("b")}, {Key: "c"}}}
	}
	produce := func() {
		c := newCall(0)
		now := time.Now()
		var total int64
		for i := range recs {
			total += int64(recordSize(&recs[i]))
		}
		require.NoError(t, pr.reserve(int64(len(recs)), total))
		c.expect(int32(len(recs)))
		for i := range recs {
			pr.topic("t").add(pr, now, &recs[i], recordSize(&recs[i]), waiter{call: c, index: int32(i)})
		}
		c.sealed()
		acknowledge()
		require.NoError(t, c.wait(t.Context()))
		c.release(1)
	}
	for range 10 {
		produce()
	}
	require.Zero(t, testing.AllocsPerRun(200, produce), "allocations of a call with 50 records")
	require.Zero(t, pr.queued.Load())
	require.Zero(t, pr.queuedBytes.Load())

	for _, name := range []string{"none", "snappy", "lz4", "zstd", "gzip"} {
		b := new(batch)
		b.reset(time.Now())
		for i := range recs {
			b.add(b.firstTime, &recs[i], recordSize(&recs[i]), waiter{})
		}
		c := compressor{codec: codecNamed(name)}
		require.NoError(t, b.seal(&c))
		require.LessOrEqual(t, testing.AllocsPerRun(50, func() {
			b.prepared = false
			_ = b.seal(&c)
		}), 1.0, "allocations of sealing a batch with %s", name)
	}
}

// BenchmarkEnqueue is the part of the producer that runs on the caller's goroutine, without any broker.
func BenchmarkEnqueue(b *testing.B) {
	pr, acknowledge := enqueued(b, 64)
	recs := make([]Record, 50)
	for i := range recs {
		recs[i] = Record{Topic: "t", Key: []byte{'k', byte(i)}, Value: bytes.Repeat([]byte("x"), 1000)}
		for _, h := range []string{"token", "distinct_id", "session_id", "timestamp", "event", "uuid", "now", "historical"} {
			recs[i].Headers = append(recs[i].Headers, Header{Key: h, Value: []byte("0123456789012345678901234567890123456789")})
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		now := time.Now()
		c := newCall(0)
		c.expect(int32(len(recs)))
		for i := range recs {
			size := recordSize(&recs[i])
			if err := pr.reserve(1, int64(size)); err != nil {
				b.Fatal(err)
			}
			pr.topic("t").add(pr, now, &recs[i], size, waiter{call: c, index: int32(i)})
		}
		c.sealed()
		acknowledge()
		_ = c.wait(b.Context())
		c.release(1)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(recs)), "ns/record")
}

package kafka_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/kafka"
	"github.com/hog-go/hog/common/testkit"
)

// TestOutage kills the broker under load and brings it back, twice: nothing that was acknowledged is lost, producer and consumer go
// on by themselves, and nobody reads a record before the ones its caller sent earlier.
func TestOutage(t *testing.T) {
	broker := testkit.Kafka(t)
	fault := broker.Fault(t)
	topic := broker.Topic(t, 4)
	p, stop := start(t, kafka.ProducerConfig{Client: client(broker.Brokers...), Partitioner: "murmur2_random", MessageTimeout: time.Minute})
	got := newCollector()
	consume(t, kafka.ConsumerConfig{Client: client(broker.Brokers...), Group: topic, Topics: []string{topic}, CommitInterval: 50 * time.Millisecond, Concurrency: 4}, got.handle)

	load, end := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	acked := make([]int, 8) // by caller: how many of its records 0, 1, 2 …
	for g := range acked {
		wg.Go(func() {
			for load.Err() == nil {
				n := acked[g]
				recs := []kafka.Record{
					{Topic: topic, Key: fmt.Append(nil, g), Value: fmt.Append(nil, n)},
					{Topic: topic, Key: fmt.Append(nil, g), Value: fmt.Append(nil, n+1)},
				}
				if err := p.Produce(context.Background(), recs); err != nil {
					t.Errorf("caller %d, records %d: %v", g, n, err)
					return
				}
				acked[g] = n + 2
			}
		})
	}
	got.wait(t, 100)
	for range 2 {
		fault.Kill()
		require.Eventually(t, func() bool { ok, _ := p.Ready(); return !ok }, 10*time.Second, time.Millisecond)
		fault.Start()
		require.Eventually(t, func() bool { ok, _ := p.Ready(); return ok }, 30*time.Second, time.Millisecond)
		got.wait(t, got.count()+100)
	}
	end()
	wg.Wait()
	stop()

	total := 0
	seen := make([]map[string]bool, len(acked))
	for g := range seen {
		seen[g] = map[string]bool{}
		total += acked[g]
	}
	last := make([]int, len(acked)) // the newest record of each caller; a duplicate may stand behind it, a newer one never before
	complete := func() bool {
		for g, n := range acked {
			if len(seen[g]) < n {
				return false
			}
		}
		return true
	}
	for read := 0; !complete(); {
		messages := got.wait(t, read+1)
		for _, m := range messages[read:] {
			var g, n int
			fmt.Sscan(string(m.Key), &g)
			fmt.Sscan(string(m.Value), &n)
			require.LessOrEqual(t, n, last[g]+1, "caller %d: record %d comes before %d", g, n, last[g]+1)
			last[g] = max(last[g], n)
			seen[g][string(m.Value)] = true
		}
		read = len(messages)
	}
	t.Logf("%d records acknowledged and read, %d duplicates", total, got.count()-total)
}

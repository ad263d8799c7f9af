package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/hog-go/hog/common/kafka"
	"github.com/hog-go/hog/common/testkit"
)

// collector is a handler that remembers what it got.
type collector struct {
	mu       sync.Mutex
	messages []kafka.Message
	batches  int
	more     chan struct{}
	fail     func(b kafka.Batch) error
}

func newCollector() *collector { return &collector{more: make(chan struct{}, 1)} }

func (c *collector) handle(_ context.Context, b kafka.Batch) error {
	if c.fail != nil {
		if err := c.fail(b); err != nil {
			return err
		}
	}
	c.mu.Lock()
	c.messages = append(c.messages, b.Messages...)
	c.batches++
	c.mu.Unlock()
	select {
	case c.more <- struct{}{}:
	default:
	}
	return nil
}

// wait returns when n messages came.
func (c *collector) wait(t *testing.T, n int) []kafka.Message {
	t.Helper()
	ctx := soon(t)
	for {
		c.mu.Lock()
		got := slices.Clone(c.messages)
		c.mu.Unlock()
		if len(got) >= n {
			return got
		}
		select {
		case <-c.more:
		case <-ctx.Done():
			require.Failf(t, "messages missing", "%d of %d came", len(got), n)
		}
	}
}

func consume(t *testing.T, cfg kafka.ConsumerConfig, handle func(context.Context, kafka.Batch) error) (c *kafka.Consumer, stop func()) {
	t.Helper()
	c, err := kafka.NewConsumer(cfg, quiet, nil)
	require.NoError(t, err)
	return c, run(t, func(ctx context.Context) error { return c.Run(ctx, handle) })
}

func produce(t *testing.T, brokers []string, recs ...kafka.Record) {
	t.Helper()
	p, stop := start(t, kafka.ProducerConfig{Client: client(brokers...), Linger: -1, Compression: "lz4"})
	defer stop()
	require.NoError(t, p.Produce(soon(t), recs))
}

func keyed(topic string, from, to int) (out []kafka.Record) {
	for i := from; i < to; i++ {
		out = append(out, kafka.Record{Topic: topic, Key: fmt.Append(nil, i%5), Value: fmt.Append(nil, i), Headers: []kafka.Header{{Key: "h", Value: []byte("v")}, {Key: "null"}}})
	}
	return out
}

// TestConsumer runs against the broker of testkit.
func TestConsumer(t *testing.T) {
	broker := testkit.Kafka(t)
	t.Run("reads in order and goes on where it was stopped", func(t *testing.T) {
		t.Parallel()
		topic := broker.Topic(t, 3)
		produce(t, broker.Brokers, keyed(topic, 0, 500)...)
		cfg := kafka.ConsumerConfig{Client: client(broker.Brokers...), Group: topic, Topics: []string{topic}, BatchMaxRecords: 40, Concurrency: 3}
		first := newCollector()
		c, stop := consume(t, cfg, first.handle)
		got := first.wait(t, 500)
		require.Len(t, got, 500)
		ok, text := c.Ready()
		require.True(t, ok, text)
		next := map[string]int{}
		for _, m := range got {
			i, seen := next[string(m.Key)]
			if !seen {
				fmt.Sscan(string(m.Key), &i)
			}
			require.Equal(t, fmt.Sprint(i), string(m.Value))
			next[string(m.Key)] = i + 5
			require.Equal(t, []kafka.Header{{Key: "h", Value: []byte("v")}, {Key: "null"}}, m.Headers)
			require.WithinDuration(t, time.Now(), m.Time, time.Minute)
		}
		stop()
		ok, _ = c.Ready()
		require.False(t, ok)

		produce(t, broker.Brokers, keyed(topic, 500, 520)...)
		second := newCollector()
		consume(t, cfg, second.handle)
		require.Len(t, second.wait(t, 20), 20)
	})
	t.Run("a handler's error ends Run and commits nothing of its batch", func(t *testing.T) {
		t.Parallel()
		topic := broker.Topic(t, 1)
		produce(t, broker.Brokers, keyed(topic, 0, 100)...)
		cfg := kafka.ConsumerConfig{Client: client(broker.Brokers...), Group: topic, Topics: []string{topic}, BatchMaxRecords: 10}
		c, err := kafka.NewConsumer(cfg, quiet, nil)
		require.NoError(t, err)
		broken := errors.New("database is down")
		first := newCollector()
		first.fail = func(b kafka.Batch) error {
			if b.Last() >= 50 {
				return broken
			}
			return nil
		}
		err = c.Run(soon(t), first.handle)
		require.ErrorIs(t, err, broken)
		require.ErrorContains(t, err, topic+"/0 at offset 50")
		second := newCollector()
		consume(t, cfg, second.handle)
		got := second.wait(t, 50)
		require.EqualValues(t, 50, got[0].Offset)
	})
	t.Run("marks by hand", func(t *testing.T) {
		t.Parallel()
		topic := broker.Topic(t, 1)
		produce(t, broker.Brokers, keyed(topic, 0, 30)...)
		cfg := kafka.ConsumerConfig{Client: client(broker.Brokers...), Group: topic, Topics: []string{topic}, ManualMark: true}
		first := newCollector()
		_, stop := consume(t, cfg, func(ctx context.Context, b kafka.Batch) error {
			if err := b.Commit(b.Messages[0].Offset + 11); err != nil {
				return err
			}
			return first.handle(ctx, b)
		})
		first.wait(t, 30)
		stop()
		second := newCollector()
		consume(t, cfg, second.handle)
		require.EqualValues(t, 12, second.wait(t, 18)[0].Offset)
	})
	t.Run("what handlers left behind is marked before the last commit", func(t *testing.T) {
		t.Parallel()
		topic := broker.Topic(t, 1)
		produce(t, broker.Brokers, keyed(topic, 0, 30)...)
		cfg := kafka.ConsumerConfig{Client: client(broker.Brokers...), Group: topic, Topics: []string{topic}, ManualMark: true}
		first := newCollector()
		var mu sync.Mutex
		var last kafka.Batch
		cfg.OnDrain = func(ctx context.Context) {
			mu.Lock()
			defer mu.Unlock()
			require.NoError(t, ctx.Err(), "there is time left")
			last.Mark(last.Last())
		}
		_, stop := consume(t, cfg, func(ctx context.Context, b kafka.Batch) error {
			mu.Lock()
			last = b
			mu.Unlock()
			return first.handle(ctx, b)
		})
		first.wait(t, 30)
		stop()
		produce(t, broker.Brokers, keyed(topic, 30, 31)...)
		second := newCollector()
		cfg.OnDrain = nil
		consume(t, cfg, second.handle)
		require.EqualValues(t, 30, second.wait(t, 1)[0].Offset)
	})
	t.Run("two members share the partitions, and one takes over", func(t *testing.T) {
		t.Parallel()
		topic := broker.Topic(t, 4)
		var mu sync.Mutex
		held := map[string]int{}
		member := func(name string) (*collector, func()) {
			got := newCollector()
			_, stop := consume(t, kafka.ConsumerConfig{Client: client(broker.Brokers...), Group: topic, Topics: []string{topic},
				OnAssigned: func(_ context.Context, p []kafka.TopicPartition) { mu.Lock(); held[name] = len(p); mu.Unlock() },
				OnRevoked:  func(context.Context, []kafka.TopicPartition) { mu.Lock(); held[name] = 0; mu.Unlock() },
			}, got.handle)
			return got, stop
		}
		holds := func(a, b int) func() bool {
			return func() bool { mu.Lock(); defer mu.Unlock(); return held["a"] == a && held["b"] == b }
		}
		a, stopA := member("a")
		require.Eventually(t, holds(4, 0), 20*time.Second, 5*time.Millisecond)
		b, _ := member("b")
		require.Eventually(t, holds(2, 2), 20*time.Second, 5*time.Millisecond)
		produce(t, broker.Brokers, keyed(topic, 0, 50)...)
		require.Eventually(t, func() bool { return a.count()+b.count() == 50 }, 20*time.Second, 5*time.Millisecond)
		stopA()
		require.Eventually(t, holds(0, 4), 20*time.Second, 5*time.Millisecond)
		produce(t, broker.Brokers, keyed(topic, 50, 100)...)
		require.Eventually(t, func() bool { return a.count()+b.count() == 100 }, 20*time.Second, 5*time.Millisecond)
	})
	t.Run("latest begins at the end, an old offset is reset", func(t *testing.T) {
		t.Parallel()
		topic := broker.Topic(t, 1)
		produce(t, broker.Brokers, keyed(topic, 0, 10)...)
		got := newCollector()
		cfg := kafka.ConsumerConfig{Client: client(broker.Brokers...), Group: topic, Topics: []string{topic}, OffsetReset: "latest", FetchMaxWait: 50 * time.Millisecond}
		consume(t, cfg, got.handle)
		for i := 10; got.count() == 0; i++ { // some come before the consumer has looked where the end is
			produce(t, broker.Brokers, keyed(topic, i, i+1)...)
		}
		require.GreaterOrEqual(t, got.wait(t, 1)[0].Offset, int64(10))
	})
	t.Run("waits for the topic", func(t *testing.T) {
		t.Parallel()
		name := broker.Topic(t, 1) + "-late"
		got := newCollector()
		c, _ := consume(t, kafka.ConsumerConfig{Client: client(broker.Brokers...), Group: name, Topics: []string{name}}, got.handle)
		require.Eventually(t, func() bool {
			ok, text := c.Ready()
			return !ok && strings.Contains(text, "waiting for topics that do not exist: "+name)
		}, 10*time.Second, 5*time.Millisecond)
		a := admin(t, broker.Brokers...)
		require.NoError(t, a.EnsureTopics(soon(t), kafka.TopicSpec{Name: name, Partitions: 2, Replication: 1}))
		produce(t, broker.Brokers, keyed(name, 0, 10)...)
		got.wait(t, 10)
	})
	t.Run("gathers batches, unpacks envelopes", func(t *testing.T) {
		t.Parallel()
		topic := broker.Topic(t, 1)
		var recs []kafka.Record
		for i := range 50 {
			recs = append(recs, kafka.Record{Topic: topic, Value: kafka.EnvelopeLZ4.Append(nil, fmt.Appendf(nil, `{"n":%d}`, i))})
		}
		got := newCollector()
		consume(t, kafka.ConsumerConfig{Client: client(broker.Brokers...), Group: topic, Topics: []string{topic}, BatchMaxRecords: 25, BatchMaxWait: time.Hour, DecompressLZ4: true}, got.handle)
		for chunk := range slices.Chunk(recs, 10) {
			produce(t, broker.Brokers, chunk...)
		}
		all := got.wait(t, 50)
		require.Equal(t, 2, got.batches)
		for i := range all {
			v, err := kafka.DecodeJSON[struct{ N int }](&all[i])
			require.NoError(t, err)
			require.Equal(t, i, v.N)
		}
	})
}

func (c *collector) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.messages)
}

// TestConsumerSurvives what a broker may do to it.
func TestConsumerSurvives(t *testing.T) {
	setup := func(t *testing.T) (*kfake.Cluster, *collector, *kafka.Consumer) {
		c := fake(t, kfake.NumBrokers(2), kfake.SeedTopics(4, "t"))
		produce(t, c.ListenAddrs(), keyed("t", 0, 20)...)
		got := newCollector()
		consumer, _ := consume(t, kafka.ConsumerConfig{Client: client(c.ListenAddrs()...), Group: "g", Topics: []string{"t"},
			FetchMaxWait: 20 * time.Millisecond, CommitInterval: 10 * time.Millisecond, Concurrency: 4}, got.handle)
		got.wait(t, 20)
		return c, got, consumer
	}
	for name, fault := range map[string]kfake.Fault{
		"fetch refused":  {Keys: []kmsg.Key{kmsg.Fetch}, Topic: "t", Err: kerr.NotLeaderForPartition, Count: 4},
		"fetch fails":    {Keys: []kmsg.Key{kmsg.Fetch}, Topic: "t", Err: kerr.UnknownServerError, Count: 4},
		"commit refused": {Keys: []kmsg.Key{kmsg.OffsetCommit}, Group: "g", Err: kerr.CoordinatorNotAvailable, Count: 4},
		"thrown out":     {Keys: []kmsg.Key{kmsg.Heartbeat}, Group: "g", TopLevel: true, Err: kerr.UnknownMemberID, Count: 1},
	} {
		t.Run(name, func(t *testing.T) {
			c, got, _ := setup(t)
			h := c.Fault(fault)
			produce(t, c.ListenAddrs(), keyed("t", 20, 40)...)
			require.NoError(t, h.Wait(soon(t), 1))
			produce(t, c.ListenAddrs(), keyed("t", 40, 60)...)
			got.wait(t, 60)
		})
	}
	t.Run("leaders move", func(t *testing.T) {
		c, got, _ := setup(t)
		for p := range int32(4) {
			require.NoError(t, c.MoveTopicPartition("t", p, 1-c.LeaderFor("t", p)))
		}
		produce(t, c.ListenAddrs(), keyed("t", 20, 40)...)
		require.Len(t, got.wait(t, 40), 40)
	})
	t.Run("partitions are added", func(t *testing.T) {
		c := fake(t, kfake.SeedTopics(1, "t"))
		got := newCollector()
		consume(t, kafka.ConsumerConfig{Client: client(c.ListenAddrs()...), Group: "g", Topics: []string{"t"}, MetadataRefresh: 20 * time.Millisecond}, got.handle)
		produce(t, c.ListenAddrs(), keyed("t", 0, 20)...)
		got.wait(t, 20)
		cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
		require.NoError(t, err)
		defer cl.Close()
		req := kmsg.NewPtrCreatePartitionsRequest()
		req.Topics = []kmsg.CreatePartitionsRequestTopic{{Topic: "t", Count: 3}}
		res, err := req.RequestWith(soon(t), cl)
		require.NoError(t, err)
		require.Zero(t, res.Topics[0].ErrorCode)
		produce(t, c.ListenAddrs(), keyed("t", 20, 60)...)
		of := map[int32]int{}
		for _, m := range got.wait(t, 60) {
			of[m.Partition]++
		}
		require.Len(t, of, 3)
	})
	t.Run("records deleted before they were read", func(t *testing.T) {
		c := fake(t, kfake.SeedTopics(1, "t"))
		produce(t, c.ListenAddrs(), keyed("t", 0, 20)...)
		produce(t, c.ListenAddrs(), keyed("t", 20, 40)...)
		cfg := kafka.ConsumerConfig{Client: client(c.ListenAddrs()...), Group: "g", Topics: []string{"t"}, BatchMaxRecords: 5, ManualMark: true}
		first := newCollector()
		_, stop := consume(t, cfg, func(ctx context.Context, b kafka.Batch) error { b.Mark(3); return first.handle(ctx, b) })
		first.wait(t, 5)
		stop()
		require.NoError(t, c.DeleteRecords("t", 0, 20))
		second := newCollector()
		consume(t, cfg, second.handle)
		require.EqualValues(t, 20, second.wait(t, 20)[0].Offset)
	})
}

// TestSlowHandlersHoldUpTheirOwnPartitions: each partition has another leader, all of them wait for room, and only one handler goes on.
func TestSlowHandlersHoldUpTheirOwnPartitions(t *testing.T) {
	const partitions, quick, each = 5, 4, 20
	c := fake(t, kfake.NumBrokers(partitions), kfake.SeedTopics(partitions, "t"))
	var recs []kafka.Record
	for p := range int32(partitions) {
		require.NoError(t, c.MoveTopicPartition("t", p, p))
		key := []byte("a")
		for kafka.CRC32(key, partitions) != p {
			key[0]++
		}
		for range each {
			recs = append(recs, kafka.Record{Topic: "t", Key: key})
		}
	}
	p, stop := start(t, kafka.ProducerConfig{Client: client(c.ListenAddrs()...), Linger: -1, BatchNumMessages: 1})
	require.NoError(t, p.Produce(soon(t), recs))
	stop()

	fetches := make(chan struct{}, 1000)
	c.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		fetches <- struct{}{}
		return nil, nil, false
	})
	release := make(chan struct{})
	got := newCollector()
	awaited := 3 * partitions // one answer is handled, and two wait
	consume(t, kafka.ConsumerConfig{Client: client(c.ListenAddrs()...), Group: "g", Topics: []string{"t"}, PartitionMaxBytes: 1, Concurrency: partitions},
		func(ctx context.Context, b kafka.Batch) error {
			if b.Partition != quick {
				<-release
				return nil
			}
			for ; awaited > 0; awaited-- {
				select {
				case <-fetches:
				case <-release:
					return nil
				}
			}
			awaited = 1 // what was taken is fetched again
			return got.handle(ctx, b)
		})
	defer close(release)
	got.wait(t, each)
}

func TestHandlersGetTheirGrace(t *testing.T) {
	c := fake(t, kfake.SeedTopics(1, "t"))
	produce(t, c.ListenAddrs(), keyed("t", 0, 10)...)
	cfg := kafka.ConsumerConfig{Client: client(c.ListenAddrs()...), Group: "g", Topics: []string{"t"}, BatchMaxRecords: 10, HandlerGrace: 100 * time.Millisecond}
	consumer, err := kafka.NewConsumer(cfg, quiet, nil)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	err = consumer.Run(ctx, func(ctx context.Context, b kafka.Batch) error {
		stop()
		require.NoError(t, ctx.Err(), "it may finish what it is at")
		<-ctx.Done()
		require.ErrorContains(t, context.Cause(ctx), "grace")
		return nil // it made it in time after all
	})
	require.NoError(t, err)
	second := newCollector()
	produce(t, c.ListenAddrs(), keyed("t", 10, 11)...)
	consume(t, cfg, second.handle)
	require.EqualValues(t, 10, second.wait(t, 1)[0].Offset)
}

func TestConsumerConfig(t *testing.T) {
	good := kafka.ConsumerConfig{Group: "g", Topics: []string{"t"}}
	for want, change := range map[string]func(*kafka.ConsumerConfig){
		"no consumer group given (KAFKA_CONSUMER_GROUP)": func(c *kafka.ConsumerConfig) { c.Group = "" },
		"no topic given":                 func(c *kafka.ConsumerConfig) { c.Topics = nil },
		`offset reset "none" is none of`: func(c *kafka.ConsumerConfig) { c.OffsetReset = "none" },
		"handler grace 40s is not below": func(c *kafka.ConsumerConfig) { c.HandlerGrace = 40 * time.Second },
		"fetch max bytes is negative":    func(c *kafka.ConsumerConfig) { c.FetchMaxBytes = -1 },
	} {
		cfg := good
		change(&cfg)
		_, err := kafka.NewConsumer(cfg, quiet, nil)
		require.ErrorContains(t, err, want)
	}
	_, err := kafka.NewConsumer(good, quiet, nil)
	require.NoError(t, err)
}

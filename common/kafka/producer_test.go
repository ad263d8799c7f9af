package kafka_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/hog-go/hog/common/kafka"
	"github.com/hog-go/hog/common/testkit"
)

// TestDelivery runs against the broker of testkit: every setting that changes what goes over the wire.
func TestDelivery(t *testing.T) {
	broker := testkit.Kafka(t)
	for name, cfg := range map[string]kafka.ProducerConfig{
		"defaults":             {},
		"acks 1":               {Acks: "1"},
		"acks 0":               {Acks: "0"},
		"acks -1, no linger":   {Acks: "-1", Linger: -1},
		"gzip":                 {Compression: "gzip"},
		"snappy":               {Compression: "snappy"},
		"lz4":                  {Compression: "lz4"},
		"zstd":                 {Compression: "zstd"},
		"idempotent":           {Idempotence: true},
		"two in flight":        {MaxInFlight: 2, Linger: -1},
		"batches of 3 records": {BatchNumMessages: 3},
		"batches of 500 bytes": {BatchSize: 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			topic := broker.Topic(t, 4)
			cfg.Client.Brokers = broker.Brokers
			p, stop := start(t, cfg)
			var sent []kafka.Record
			for i := range 200 {
				rec := kafka.Record{Topic: topic, Key: fmt.Appendf(nil, "key-%d", i%7), Value: []byte(fmt.Sprintf("%d:", i) + strings.Repeat("x", i)),
					Headers: []kafka.Header{{Key: "null", Value: nil}, {Key: "empty", Value: []byte{}}, {Key: "n", Value: fmt.Append(nil, i)}}}
				switch i % 40 {
				case 5:
					rec.Key = nil
				case 6:
					rec.Value = nil
				}
				sent = append(sent, rec)
			}
			for chunk := range slices.Chunk(sent, 20) {
				require.NoError(t, p.Produce(soon(t), chunk))
			}
			stop()
			sameRecords(t, sent, broker.Records(t, topic, len(sent), 20*time.Second))
		})
	}
}

// sameRecords compares by what happened to each key: what arrived must be in the order in which it was sent, in one partition.
func sameRecords(t *testing.T, sent []kafka.Record, got []testkit.Record) {
	t.Helper()
	require.Len(t, got, len(sent))
	key := func(k []byte) string { return fmt.Sprintf("%v %s", k == nil, k) }
	want := map[string][]kafka.Record{}
	for _, r := range sent {
		want[key(r.Key)] = append(want[key(r.Key)], r)
	}
	partition := map[string]int32{}
	for _, r := range got {
		k := key(r.Key)
		require.NotEmpty(t, want[k])
		if r.Key != nil {
			if p, seen := partition[k]; seen {
				require.Equal(t, p, r.Partition)
			}
			partition[k] = r.Partition
			require.Equal(t, want[k][0].Value, r.Value)
			require.WithinDuration(t, time.Now(), r.Time, time.Minute)
			require.Len(t, r.Headers, 3)
			for i, h := range r.Headers {
				require.Equal(t, want[k][0].Headers[i], kafka.Header(h))
			}
		}
		want[k] = want[k][1:]
	}
}

// TestOrderUnderConcurrency: the records of each caller keep their order, while batches fill, seal, fail and are sent again.
func TestOrderUnderConcurrency(t *testing.T) {
	c := fake(t, kfake.NumBrokers(3), kfake.SeedTopics(6, "t"))
	c.Fault(unhappy(kerrNotEnoughReplicas, func(n int) bool { return n%3 == 0 }))
	p, stop := start(t, kafka.ProducerConfig{Client: client(c.ListenAddrs()...), Linger: -1, BatchNumMessages: 7, RetryBackoff: time.Millisecond})
	const callers, calls = 8, 40
	var wg sync.WaitGroup
	for g := range callers {
		wg.Go(func() {
			for i := range calls {
				recs := make([]kafka.Record, 3)
				for j := range recs {
					recs[j] = kafka.Record{Topic: "t", Key: fmt.Append(nil, g), Value: fmt.Append(nil, i*3+j)}
				}
				if err := p.Produce(soon(t), recs); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	stop()
	next := map[string]int{}
	for _, m := range read(t, client(c.ListenAddrs()...), "t", callers*calls*3) {
		require.Equal(t, fmt.Sprint(next[string(m.Key)]), string(m.Value), "of caller %s", m.Key)
		next[string(m.Key)]++
	}
}

func TestBuffersMayBeReusedAfterProduce(t *testing.T) {
	for name, running := range map[string]bool{"topic is known": true, "topic is not known yet": false} {
		t.Run(name, func(t *testing.T) {
			c := fake(t, kfake.SeedTopics(1, "t"))
			p, err := kafka.NewProducer(kafka.ProducerConfig{Client: client(c.ListenAddrs()...), Linger: 50 * time.Millisecond}, quiet, nil)
			require.NoError(t, err)
			if running {
				run(t, p.Run)
				require.NoError(t, p.Produce(soon(t), []kafka.Record{{Topic: "t", Value: []byte("first")}}))
			}
			key, value, header := []byte("key"), []byte("value"), []byte("header")
			gone, cancel := context.WithCancel(t.Context())
			cancel()
			rec := kafka.Record{Topic: "t", Key: key, Value: value, Headers: []kafka.Header{{Key: "h", Value: header}}}
			require.ErrorIs(t, p.Produce(gone, []kafka.Record{rec}), context.Canceled)
			clear(key)
			clear(value)
			clear(header)
			if !running {
				run(t, p.Run)
			}
			require.NoError(t, p.Produce(soon(t), []kafka.Record{{Topic: "t", Value: []byte("last")}}))
			m := read(t, client(c.ListenAddrs()...), "t", map[bool]int{true: 3, false: 2}[running])[map[bool]int{true: 1, false: 0}[running]]
			require.Equal(t, "key value header", string(m.Key)+" "+string(m.Value)+" "+string(m.Headers[0].Value))
		})
	}
}

func TestLimits(t *testing.T) {
	unreachable := client("127.0.0.1:1")
	t.Run("queue full by messages: nothing is enqueued, and at once", func(t *testing.T) {
		p, err := kafka.NewProducer(kafka.ProducerConfig{Client: unreachable, QueueMessages: 3}, quiet, nil)
		require.NoError(t, err)
		require.ErrorIs(t, p.Produce(t.Context(), values("t", 4)), kafka.ErrQueueFull)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		errs := p.ProduceEach(ctx, values("t", 5))
		require.Len(t, errs, 5)
		for i, err := range errs {
			require.ErrorIs(t, err, map[bool]error{true: context.Canceled, false: kafka.ErrQueueFull}[i < 3], "record %d", i)
		}
		require.ErrorIs(t, p.Produce(t.Context(), values("t", 1)), kafka.ErrQueueFull)
	})
	t.Run("queue full by bytes", func(t *testing.T) {
		p, err := kafka.NewProducer(kafka.ProducerConfig{Client: unreachable, QueueBytes: 200}, quiet, nil)
		require.NoError(t, err)
		require.ErrorIs(t, p.Produce(t.Context(), values("t", 5)), kafka.ErrQueueFull)
	})
	t.Run("too large: key, value, headers and 36 bytes are counted, and nothing is enqueued", func(t *testing.T) {
		c := fake(t, kfake.SeedTopics(1, "t"))
		p, _ := start(t, kafka.ProducerConfig{Client: client(c.ListenAddrs()...), MessageMaxBytes: 1000})
		rec := kafka.Record{Topic: "t", Key: make([]byte, 100), Headers: []kafka.Header{{Key: "name", Value: make([]byte, 50)}}}
		rec.Value = make([]byte, 1000-100-4-50-1-1-36)
		require.NoError(t, p.Produce(soon(t), []kafka.Record{rec}))
		rec.Value = append(rec.Value, 0)
		err := p.Produce(soon(t), []kafka.Record{{Topic: "t"}, rec})
		require.ErrorIs(t, err, kafka.ErrTooLarge)
		require.True(t, kafka.IsTooLarge(err))
		require.Len(t, read(t, client(c.ListenAddrs()...), "t", 1), 1)

		errs := p.ProduceEach(soon(t), []kafka.Record{{Topic: "t"}, rec, {Topic: "t"}})
		require.NoError(t, errs[0])
		require.ErrorIs(t, errs[1], kafka.ErrTooLarge)
		require.NoError(t, errs[2])
	})
	t.Run("too large for the broker: one record does not take its neighbours along", func(t *testing.T) {
		for name, idempotent := range map[string]bool{"plain": false, "idempotent": true} {
			t.Run(name, func(t *testing.T) {
				c := fake(t)
				require.NoError(t, c.CreateTopic("t", 1, map[string]string{"max.message.bytes": "2000"}))
				p, _ := start(t, kafka.ProducerConfig{Client: client(c.ListenAddrs()...), Idempotence: idempotent})
				recs := values("t", 100)
				recs[61].Value = make([]byte, 3000)
				errs := p.ProduceEach(soon(t), recs)
				require.Len(t, errs, 100)
				for i, err := range errs {
					if i == 61 {
						require.ErrorIs(t, err, kafka.ErrTooLargeBroker)
						require.True(t, kafka.IsTooLarge(err))
					} else {
						require.NoError(t, err, "record %d", i)
					}
				}
				got := read(t, client(c.ListenAddrs()...), "t", 99)
				for i, m := range got {
					require.Equal(t, recs[i+i/61].Value, m.Value)
				}
			})
		}
	})
}

func TestTopics(t *testing.T) {
	t.Run("made by the broker on first use", func(t *testing.T) {
		c := fake(t, kfake.AllowAutoTopicCreation())
		p, _ := start(t, kafka.ProducerConfig{Client: client(c.ListenAddrs()...)})
		require.NoError(t, p.Produce(soon(t), values("new", 3)))
		read(t, client(c.ListenAddrs()...), "new", 3)
	})
	t.Run("missing: its records time out, those of others do not", func(t *testing.T) {
		c := fake(t, kfake.SeedTopics(1, "there"))
		p, _ := start(t, kafka.ProducerConfig{Client: client(c.ListenAddrs()...), MessageTimeout: 300 * time.Millisecond})
		errs := p.ProduceEach(soon(t), append(values("there", 2), values("missing", 2)...))
		require.NoError(t, errs[0])
		require.NoError(t, errs[1])
		require.ErrorIs(t, errs[2], kafka.ErrTimeout)
		require.EqualError(t, errs[3], "failed to produce to kafka (timeout)")
		ok, text := p.Ready()
		require.True(t, ok)
		require.Contains(t, text, "topic missing does not exist yet")
	})
	t.Run("created while records wait for it", func(t *testing.T) {
		c := fake(t)
		p, _ := start(t, kafka.ProducerConfig{Client: client(c.ListenAddrs()...)})
		result := make(chan error, 1)
		go func() { result <- p.Produce(soon(t), values("late", 50)) }()
		require.Eventually(t, func() bool { _, text := p.Ready(); return strings.Contains(text, "late does not exist") }, 5*time.Second, time.Millisecond)
		require.NoError(t, c.CreateTopic("late", 1, nil))
		require.NoError(t, <-result)
		for i, m := range read(t, client(c.ListenAddrs()...), "late", 50) {
			require.Equal(t, fmt.Sprintf("value %d", i), string(m.Value))
		}
	})
	t.Run("leaders move", func(t *testing.T) {
		c := fake(t, kfake.NumBrokers(3), kfake.SeedTopics(3, "t"))
		p, _ := start(t, kafka.ProducerConfig{Client: client(c.ListenAddrs()...), Partitioner: "random", StickyLinger: -1, RetryBackoff: time.Millisecond})
		for round := range int32(6) {
			for part := range int32(3) {
				require.NoError(t, c.MoveTopicPartition("t", part, (round+part)%3))
			}
			require.NoError(t, p.Produce(soon(t), values("t", 30)))
		}
		read(t, client(c.ListenAddrs()...), "t", 180)
	})
}

// TestSticky: keyless records share a partition for a while and then move on.
func TestSticky(t *testing.T) {
	c := fake(t, kfake.SeedTopics(16, "t"))
	p, _ := start(t, kafka.ProducerConfig{Client: client(c.ListenAddrs()...), StickyLinger: time.Hour, BatchNumMessages: 10})
	require.NoError(t, p.Produce(soon(t), values("t", 300)))
	per := map[int32]int{}
	for _, m := range read(t, client(c.ListenAddrs()...), "t", 300) {
		per[m.Partition]++
	}
	require.Greater(t, len(per), 3, "a full batch changes the partition: %v", per)
	for part, n := range per {
		require.Zero(t, n%10, "partition %d", part)
	}
}

func TestBrokerComesLater(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())
	p, stop := start(t, kafka.ProducerConfig{Client: client(addr)})
	defer stop() // before the broker, which comes after it
	result := make(chan error, 1)
	go func() { result <- p.Produce(soon(t), values("t", 5)) }()
	require.Eventually(t, func() bool {
		ok, text := p.Ready()
		return !ok && strings.Contains(text, "no broker answers") && strings.Contains(text, addr)
	}, 5*time.Second, time.Millisecond)
	c := fake(t, kfake.Ports(l.Addr().(*net.TCPAddr).Port), kfake.SeedTopics(1, "t"))
	require.NoError(t, <-result)
	ok, text := p.Ready()
	require.True(t, ok, text)
	read(t, client(c.ListenAddrs()...), "t", 5)
}

func TestStop(t *testing.T) {
	c := fake(t, kfake.SeedTopics(2, "t"))
	p, stop := start(t, kafka.ProducerConfig{Client: client(c.ListenAddrs()...), Linger: 300 * time.Millisecond})
	require.NoError(t, p.Produce(soon(t), values("t", 1)))
	results := make(chan error, 10)
	for range 10 {
		go func() { results <- p.Produce(soon(t), values("t", 10)) }()
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, p.Produce(gone, values("t", 1)), context.Canceled) // nobody waits for this one: it is flushed all the same
	require.Eventually(t, func() bool { return kafka.Queued(p) == 101 }, time.Second, time.Millisecond)
	stop()
	for range 10 {
		require.NoError(t, <-results)
	}
	require.ErrorIs(t, p.Produce(t.Context(), values("t", 1)), kafka.ErrClosed)
	read(t, client(c.ListenAddrs()...), "t", 102)
}

func TestConfig(t *testing.T) {
	for want, cfg := range map[string]kafka.ProducerConfig{
		`acks "2" is none of`:                   {Acks: "2"},
		`partitioner "fnv1a" is none of`:        {Partitioner: "fnv1a"},
		`compression codec "brotli" is none of`: {Compression: "brotli"},
		`idempotence needs acks all, not "1"`:   {Idempotence: true, Acks: "1"},
		`batch size is negative`:                {BatchSize: -1},
		`security protocol "tls" is none of`:    {Client: kafka.ClientConfig{SecurityProtocol: "tls"}},
		`broker address family "v5" is none of`: {Client: kafka.ClientConfig{AddressFamily: "v5"}},
		`a SASL security protocol needs a user`: {Client: kafka.ClientConfig{SecurityProtocol: "SASL_SSL"}},
		`SASL mechanism "GSSAPI" is none of`:    {Client: kafka.ClientConfig{SASLMechanism: "gssapi"}},
		`read Kafka TLS authorities`:            {Client: kafka.ClientConfig{SecurityProtocol: "ssl", TLSCAFile: "/does/not/exist"}},
		`load Kafka client certificate and key`: {Client: kafka.ClientConfig{SecurityProtocol: "ssl", TLSCertFile: "/does/not/exist"}},
	} {
		_, err := kafka.NewProducer(cfg, quiet, nil)
		require.ErrorContains(t, err, want)
	}
}

func TestProduceJSON(t *testing.T) {
	c := fake(t, kfake.SeedTopics(1, "t"))
	p, stop := start(t, kafka.ProducerConfig{Client: client(c.ListenAddrs()...)})
	key := func(v any) []byte { return fmt.Append(nil, v) }
	headers := func(v any) []kafka.Header { return []kafka.Header{{Key: "v", Value: fmt.Append(nil, v)}} }
	require.Nil(t, kafka.ProduceJSON(soon(t), p, "t", []int{1, 2}, nil, nil))
	errs := kafka.ProduceJSON(soon(t), p, "t", []any{"x", func() {}, 3}, key, headers)
	require.Len(t, errs, 3)
	require.NoError(t, errs[0])
	require.ErrorContains(t, errs[1], "failed to serialize: ")
	require.NoError(t, errs[2])
	stop()
	require.ErrorIs(t, kafka.ProduceJSON(soon(t), p, "t", []int{1}, nil, nil)[0], kafka.ErrClosed)
	got := read(t, client(c.ListenAddrs()...), "t", 4)
	require.Equal(t, `"x"`, string(got[2].Value))
	require.Equal(t, "3", string(got[3].Key))
	v, ok := got[3].Header("v")
	require.True(t, ok)
	require.Equal(t, "3", string(v))
	_, ok = got[0].Header("v")
	require.False(t, ok)
}

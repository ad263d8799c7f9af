package kafka_test

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/hog-go/hog/common/kafka"
	"github.com/hog-go/hog/common/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

var quiet = slog.New(slog.DiscardHandler)

// fake starts a broker whose answers a test can change. Goroutines that outlive the test fail it.
func fake(t testing.TB, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	leaks := goleak.IgnoreCurrent()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() {
		c.Close()
		goleak.VerifyNone(t, leaks, goleak.IgnoreTopFunction("internal/poll.runtime_pollWait"))
	})
	return c
}

// start runs a producer until the test ends, or until stop is called.
func start(t testing.TB, cfg kafka.ProducerConfig) (p *kafka.Producer, stop func()) {
	t.Helper()
	p, err := kafka.NewProducer(cfg, quiet, nil)
	require.NoError(t, err)
	return p, run(t, p.Run)
}

// run gives f a goroutine until the test ends or stop is called, and requires that it ends without error.
func run(t testing.TB, f func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	var err error
	wg.Go(func() { err = f(ctx) })
	stop = sync.OnceFunc(func() {
		cancel()
		wg.Wait()
		require.NoError(t, err)
	})
	t.Cleanup(stop)
	return stop
}

func client(brokers ...string) kafka.ClientConfig { return kafka.ClientConfig{Brokers: brokers} }

// soon is a context for what takes milliseconds when all is well.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// values makes n small records.
func values(topic string, n int) []kafka.Record {
	out := make([]kafka.Record, n)
	for i := range out {
		out[i] = kafka.Record{Topic: topic, Value: fmt.Appendf(nil, "value %d", i)}
	}
	return out
}

// read tails topic from its beginning until n messages have come.
func read(t testing.TB, cfg kafka.ClientConfig, topic string, n int) []kafka.Message {
	t.Helper()
	ctx, cancel := context.WithCancel(soon(t))
	defer cancel()
	var out []kafka.Message
	err := kafka.Tail(ctx, cfg, quiet, []string{topic}, kafka.Earliest, func(m kafka.Message) error {
		if out = append(out, m); len(out) == n {
			cancel()
		}
		return nil
	})
	require.NoError(t, err)
	require.Len(t, out, n, "messages in %s", topic)
	return out
}

// transactions writes two records in each of some transactions, by another client, and commits or aborts them.
func transactions(t testing.TB, brokers []string, topic string, commit []bool) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.TransactionalID("tx"), kgo.DefaultProduceTopic(topic))
	require.NoError(t, err)
	defer cl.Close()
	for i, ok := range commit {
		require.NoError(t, cl.BeginTransaction())
		for _, s := range []string{"a", "b"} {
			require.NoError(t, cl.ProduceSync(soon(t), kgo.StringRecord(fmt.Sprintf("%d %s", i, s))).FirstErr())
		}
		require.NoError(t, cl.EndTransaction(soon(t), kgo.TransactionEndTry(ok)))
	}
}

// fakeAt is a broker at a given port. The test closes it.
func fakeAt(t testing.TB, port string, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	n, err := strconv.Atoi(port)
	require.NoError(t, err)
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.Ports(n)}, opts...)...)
	require.NoError(t, err)
	return c
}

package kafka_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/hog-go/hog/common/kafka"
	"github.com/hog-go/hog/common/testkit"
)

func admin(t testing.TB, brokers ...string) *kafka.Admin {
	t.Helper()
	a, err := kafka.NewAdmin(client(brokers...), quiet)
	require.NoError(t, err)
	t.Cleanup(a.Close)
	return a
}

func TestAdmin(t *testing.T) {
	broker := testkit.Kafka(t)
	a := admin(t, broker.Brokers...)
	base := broker.Topic(t, 1)
	one, two := base+"-one", base+"-two"

	specs := []kafka.TopicSpec{{Name: one, Partitions: 3, Replication: 1, Config: map[string]string{"retention.ms": "3600000"}}, {Name: two, Partitions: 1, Replication: 1}, {Name: base, Partitions: 9, Replication: 1}}
	require.NoError(t, a.EnsureTopics(soon(t), specs...))
	require.NoError(t, a.EnsureTopics(soon(t), specs...), "again")
	require.NoError(t, a.WaitForTopics(soon(t), one, two))
	require.Error(t, a.EnsureTopics(soon(t), kafka.TopicSpec{Name: base + "-bad", Partitions: 1, Replication: 9}))

	produce(t, broker.Brokers, keyed(one, 0, 30)...)
	topics, err := a.Topics(soon(t), one, two, base+"-missing")
	require.NoError(t, err)
	require.Len(t, topics, 2)
	require.Equal(t, one, topics[0].Name)
	require.Len(t, topics[0].Partitions, 3)
	require.EqualValues(t, 30, topics[0].Records())
	require.EqualValues(t, 1, topics[0].Replication)
	require.Equal(t, kafka.PartitionInfo{Leader: topics[1].Partitions[0].Leader}, topics[1].Partitions[0])

	all, err := a.Topics(soon(t))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(all), 3)

	info, err := a.Ping(soon(t))
	require.NoError(t, err)
	require.NotEmpty(t, info.Brokers)
	require.GreaterOrEqual(t, info.Topics, 3)

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err = a.WaitForTopics(ctx, one, base+"-never")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "topics do not exist: "+base+"-never")
}

func TestPingNamesWhatIsWrong(t *testing.T) {
	_, err := admin(t, "127.0.0.1:1", "nowhere.invalid").Ping(soon(t))
	require.ErrorContains(t, err, "check KAFKA_HOSTS")
	require.ErrorContains(t, err, "127.0.0.1:1: ")
	require.ErrorContains(t, err, "nowhere.invalid:9092: ")
}

func TestTail(t *testing.T) {
	broker := testkit.Kafka(t)
	topic := broker.Topic(t, 1)
	cfg := client(broker.Brokers...)
	produce(t, broker.Brokers, keyed(topic, 0, 10)...)
	time.Sleep(5 * time.Millisecond) // so that the two halves differ in their timestamps
	middle := time.Now()
	produce(t, broker.Brokers, keyed(topic, 10, 20)...)
	enough := errors.New("enough")
	first := func(from kafka.Position) int64 {
		var offset int64
		err := kafka.Tail(soon(t), cfg, quiet, []string{topic}, from, func(m kafka.Message) error {
			offset = m.Offset
			return enough
		})
		require.ErrorIs(t, err, enough)
		return offset
	}
	require.EqualValues(t, 0, first(kafka.Earliest))
	require.EqualValues(t, 7, first(7))
	require.EqualValues(t, 10, first(kafka.At(middle)))
	require.EqualValues(t, 0, first(kafka.At(time.Time{})))

	for name, from := range map[string]kafka.Position{"latest": kafka.Latest, "a time to come": kafka.At(time.Now().Add(time.Hour))} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(soon(t))
			defer cancel()
			got := make(chan kafka.Message, 100)
			done := make(chan error, 1)
			go func() {
				done <- kafka.Tail(ctx, cfg, quiet, []string{topic}, from, func(m kafka.Message) error { got <- m; return nil })
			}()
			for len(got) == 0 {
				produce(t, broker.Brokers, keyed(topic, 20, 21)...)
			}
			require.GreaterOrEqual(t, (<-got).Offset, int64(20))
			cancel()
			require.NoError(t, <-done)
		})
	}
}

// TestTailSkipsWhatWasAborted: transactions that did not happen are not read, and their markers are got past.
func TestTailSkipsWhatWasAborted(t *testing.T) {
	c := fake(t, kfake.SeedTopics(1, "t"))
	transactions(t, c.ListenAddrs(), "t", []bool{true, false, true, false})
	got := read(t, client(c.ListenAddrs()...), "t", 4)
	for i, want := range []string{"0 a", "0 b", "2 a", "2 b"} {
		require.Equal(t, want, string(got[i].Value))
	}
}

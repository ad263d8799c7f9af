package testkit_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/testkit"
)

// newWriter writes to the partition that a message's header "p" names, waiting for each message to be stored.
func newWriter(t *testing.T, k *testkit.KafkaServer, topic string) *kafka.Writer {
	t.Helper()
	transport := &kafka.Transport{DialTimeout: 2 * time.Second, MetadataTTL: time.Second}
	w := &kafka.Writer{
		Addr: kafka.TCP(k.Brokers...), Topic: topic, BatchSize: 1, RequiredAcks: kafka.RequireAll, Transport: transport,
		Balancer: kafka.BalancerFunc(func(m kafka.Message, parts ...int) int { return parts[int(m.Time.Unix())%len(parts)] }),
	}
	t.Cleanup(func() { w.Close(); transport.CloseIdleConnections() })
	return w
}

func TestTopicsAreUnique(t *testing.T) {
	k := testkit.Kafka(t)
	require.Same(t, k, testkit.Kafka(t), "one broker per process")
	require.NotEqual(t, k.Topic(t, 1), k.Topic(t, 1))
	require.Empty(t, k.All(t, k.Topic(t, 2)))
}

func TestRecordsAreReadAsStored(t *testing.T) {
	k := testkit.Kafka(t)
	topic := k.Topic(t, 3)
	at := func(second int64) time.Time { return time.UnixMilli(1_700_000_000_000 + 1000*second).UTC() }
	w := newWriter(t, k, topic)
	sent := []kafka.Message{
		{Time: at(0), Key: []byte("key"), Value: []byte("value"), Headers: []kafka.Header{{Key: "a", Value: []byte("1")}, {Key: "a", Value: nil}, {Key: "b", Value: []byte{}}}},
		{Time: at(1), Key: nil, Value: nil},
		{Time: at(2), Key: []byte{}, Value: []byte{}},
		{Time: at(3), Value: []byte("second of its partition")},
	}
	for _, m := range sent {
		require.NoError(t, w.WriteMessages(t.Context(), m))
	}

	got := k.Records(t, topic, 4, 10*time.Second)
	require.Equal(t, got, k.All(t, topic))
	require.Len(t, got, 4)
	require.True(t, slices.IsSortedFunc(got, func(a, b testkit.Record) int {
		return int(a.Partition-b.Partition)*10 + int(a.Offset-b.Offset)
	}))
	byTime := map[int64]testkit.Record{}
	for _, r := range got {
		byTime[r.Time.UnixMilli()] = r
		require.Equal(t, topic, r.Topic)
	}
	first := byTime[at(0).UnixMilli()]
	require.Equal(t, "key", string(first.Key))
	require.Equal(t, []testkit.Header{{"a", []byte("1")}, {"a", nil}, {"b", []byte{}}}, first.Headers)
	value, ok := first.Header("b")
	require.True(t, ok)
	require.NotNil(t, value)
	_, ok = first.Header("c")
	require.False(t, ok)
	null := byTime[at(1).UnixMilli()]
	require.Nil(t, null.Key)
	require.Nil(t, null.Value)
	empty := byTime[at(2).UnixMilli()]
	require.NotNil(t, empty.Key)
	require.NotNil(t, empty.Value)
	second := byTime[at(3).UnixMilli()]
	require.Equal(t, first.Partition, second.Partition)
	require.Equal(t, first.Offset+1, second.Offset)
}

// TestBrokerStopsAndStartsTwice is what a load test does: every record whose write was answered is there at the end.
func TestBrokerStopsAndStartsTwice(t *testing.T) {
	k := testkit.Kafka(t)
	topic := k.Topic(t, 1)
	w := newWriter(t, k, topic)
	fault := k.Fault(t)
	var want []string
	write := func(value string) {
		require.NoError(t, w.WriteMessages(t.Context(), kafka.Message{Value: []byte(value)}))
		want = append(want, value)
	}
	for round, stop := range []func(){fault.Stop, fault.Kill} {
		write(fmt.Sprintf("before stop %d", round))
		stop()
		_, err := kafka.DialContext(t.Context(), "tcp", k.Brokers[0])
		require.Error(t, err, "the port is closed")
		fault.Start()
		write(fmt.Sprintf("after start %d", round))
	}
	var got []string
	for _, r := range k.All(t, topic) {
		got = append(got, string(r.Value))
	}
	require.Subset(t, got, want)
}

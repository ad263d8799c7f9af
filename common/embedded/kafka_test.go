package embedded_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/embedded"
)

func startKafka(t *testing.T, o embedded.KafkaOptions) *embedded.Kafka {
	t.Helper()
	k, err := embedded.StartKafka(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, k.Stop(context.WithoutCancel(t.Context()))) })
	return k
}

// produce writes each value as a batch of its own and waits for it to be answered.
func produce(t *testing.T, addr, topic string, values ...string) {
	t.Helper()
	w := newWriter(t, addr, topic)
	for _, v := range values {
		require.NoError(t, w.WriteMessages(t.Context(), kafka.Message{Value: []byte(v)}))
	}
}

func newWriter(t *testing.T, addr, topic string) *kafka.Writer {
	transport := &kafka.Transport{DialTimeout: 2 * time.Second}
	w := &kafka.Writer{Addr: kafka.TCP(addr), Topic: topic, RequiredAcks: kafka.RequireAll, BatchSize: 1,
		AllowAutoTopicCreation: true, Transport: transport}
	t.Cleanup(func() { w.Close(); transport.CloseIdleConnections() })
	return w
}

// consume reads everything in partition 0.
func consume(t *testing.T, addr, topic string) (values []string) {
	t.Helper()
	conn, err := kafka.DialLeader(t.Context(), "tcp", addr, topic, 0)
	require.NoError(t, err)
	defer conn.Close()
	first, last, err := conn.ReadOffsets()
	require.NoError(t, err)
	_, err = conn.Seek(first, kafka.SeekAbsolute)
	require.NoError(t, err)
	for next := first; next < last; {
		require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
		m, err := conn.ReadMessage(1 << 20)
		require.NoError(t, err)
		values = append(values, string(m.Value))
		next = m.Offset + 1
	}
	return values
}

func TestKafkaKeepsEverythingOverAStop(t *testing.T) {
	dir := t.TempDir()
	o := embedded.KafkaOptions{Dir: dir, Topics: []embedded.TopicSpec{{Name: "three", Partitions: 3}, {Name: "one"}}}
	k := startKafka(t, o)
	produce(t, k.Addr(), "one", "a", "b")
	produce(t, k.Addr(), "made_by_use", "c")
	require.NoError(t, k.Stop(t.Context()))
	require.NoError(t, k.Stop(t.Context()), "a second Stop does nothing")

	o.Addr = k.Addr() // the same port again
	k = startKafka(t, o)
	require.Equal(t, o.Addr, k.Addr())
	require.Equal(t, []string{"a", "b"}, consume(t, k.Addr(), "one"))
	require.Equal(t, []string{"c"}, consume(t, k.Addr(), "made_by_use"))
	conn, err := kafka.Dial("tcp", k.Addr())
	require.NoError(t, err)
	defer conn.Close()
	parts, err := conn.ReadPartitions("three")
	require.NoError(t, err)
	require.Len(t, parts, 3)
}

func TestKafkaRepairsATornSegment(t *testing.T) {
	tests := map[string]struct {
		damage func(t *testing.T, segment string)
		want   []string
	}{
		"last batch cut short": {
			damage: func(t *testing.T, segment string) {
				info, err := os.Stat(segment)
				require.NoError(t, err)
				require.NoError(t, os.Truncate(segment, info.Size()-3))
			},
			want: []string{"a", "b"},
		},
		"garbage after the last batch": {
			damage: func(t *testing.T, segment string) { appendTo(t, segment, []byte("half a batch that never became one")) },
			want:   []string{"a", "b", "c"},
		},
		"zeros after the last batch": {
			damage: func(t *testing.T, segment string) { appendTo(t, segment, make([]byte, 4096)) },
			want:   []string{"a", "b", "c"},
		},
		"index lost": {
			damage: func(t *testing.T, segment string) {
				require.NoError(t, os.Remove(filepath.Join(filepath.Dir(segment), "0.idx")))
			},
			want: []string{"a", "b", "c"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			k := startKafka(t, embedded.KafkaOptions{Dir: dir})
			produce(t, k.Addr(), "events", "a", "b", "c")
			require.NoError(t, k.Stop(t.Context()))
			tt.damage(t, filepath.Join(dir, "data", "partitions", "events-0", "0.dat"))

			k = startKafka(t, embedded.KafkaOptions{Dir: dir})
			require.Equal(t, tt.want, consume(t, k.Addr(), "events"))
			produce(t, k.Addr(), "events", "after")
			require.NoError(t, k.Stop(t.Context()))

			k = startKafka(t, embedded.KafkaOptions{Dir: dir})
			require.Equal(t, append(tt.want, "after"), consume(t, k.Addr(), "events"))
		})
	}
}

// TestKafkaServesWhatIsLeftAroundDamage: a damaged batch costs what follows it in its segment, no more.
func TestKafkaServesWhatIsLeftAroundDamage(t *testing.T) {
	dir := t.TempDir()
	o := embedded.KafkaOptions{Dir: dir, RetentionBytes: 16 << 10} // a segment is full with the second of these values
	k := startKafka(t, o)
	values := make([]string, 6)
	for i := range values {
		values[i] = fmt.Sprintf("%d-%0200d", i, 0)
	}
	produce(t, k.Addr(), "events", values...)
	require.NoError(t, k.Stop(t.Context()))
	segment := filepath.Join(dir, "data", "partitions", "events-0", "2.dat")
	raw, err := os.ReadFile(segment)
	require.NoError(t, err)
	raw[len(raw)-10] ^= 1
	require.NoError(t, os.WriteFile(segment, raw[:len(raw)-1], 0o644))

	k = startKafka(t, o)
	left := consume(t, k.Addr(), "events")
	require.Equal(t, []string{values[0], values[1], values[2], values[4], values[5]}, left)
	produce(t, k.Addr(), "events", "after")
	require.Equal(t, append(left, "after"), consume(t, k.Addr(), "events"))
}

func appendTo(t *testing.T, file string, data []byte) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.Write(data)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func TestKafkaStartErrors(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	used := t.TempDir()
	startKafka(t, embedded.KafkaOptions{Dir: used})

	tests := map[string]struct {
		o    embedded.KafkaOptions
		want []string
	}{
		"no directory":         {embedded.KafkaOptions{}, []string{"no data directory"}},
		"wildcard address":     {embedded.KafkaOptions{Dir: t.TempDir(), Addr: "0.0.0.0:0"}, []string{"0.0.0.0:0", "not a loopback address"}},
		"port taken":           {embedded.KafkaOptions{Dir: t.TempDir(), Addr: taken.Addr().String()}, []string{taken.Addr().String(), "choose another address"}},
		"file in the way":      {embedded.KafkaOptions{Dir: filepath.Join(file, "kafka")}, []string{file, "a file is in the way"}},
		"directory in use":     {embedded.KafkaOptions{Dir: used}, []string{used, fmt.Sprintf("in use by process %d", os.Getpid())}},
		"negative limit":       {embedded.KafkaOptions{Dir: t.TempDir(), RetentionBytes: -1}, []string{"negative"}},
		"bad name of a topic":  {embedded.KafkaOptions{Dir: t.TempDir(), Topics: []embedded.TopicSpec{{Name: "a b"}}}, []string{`"a b"`}},
		"topic by . and by _":  {embedded.KafkaOptions{Dir: t.TempDir(), Topics: []embedded.TopicSpec{{Name: "a.b"}, {Name: "a_b"}}}, []string{"create topic a_b"}},
		"address without port": {embedded.KafkaOptions{Dir: t.TempDir(), Addr: "127.0.0.1"}, []string{"127.0.0.1"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := embedded.StartKafka(t.Context(), tt.o)
			for _, want := range tt.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
}

func TestKafkaBoundsStoredSegments(t *testing.T) {
	dir := t.TempDir()
	o := embedded.KafkaOptions{Dir: dir, RetentionBytes: 8 << 10}
	k := startKafka(t, o)
	value := make([]byte, 1000)
	w := newWriter(t, k.Addr(), "events")
	for range 40 {
		require.NoError(t, w.WriteMessages(t.Context(), kafka.Message{Value: value}))
	}
	require.NoError(t, k.Stop(t.Context()))

	k = startKafka(t, o)
	require.LessOrEqual(t, dirSize(t, filepath.Join(dir, "data", "partitions", "events-0")), int64(10<<10))
	left := consume(t, k.Addr(), "events")
	require.GreaterOrEqual(t, len(left), 6)
	require.LessOrEqual(t, len(left), 9)
	first, last := offsets(t, k.Addr(), "events")
	require.Equal(t, int64(40), last, "offsets go on")
	require.Equal(t, int64(40-len(left)), first)
	require.NoError(t, k.Stop(t.Context()))

	// Everything is too old: the last segment stays, and with it the count of offsets.
	past := time.Now().Add(-8 * 24 * time.Hour)
	files, err := filepath.Glob(filepath.Join(dir, "data", "partitions", "events-0", "*.dat"))
	require.NoError(t, err)
	for _, f := range files {
		require.NoError(t, os.Chtimes(f, past, past))
	}
	k = startKafka(t, o)
	require.NotEmpty(t, consume(t, k.Addr(), "events"))
	_, last = offsets(t, k.Addr(), "events")
	require.Equal(t, int64(40), last)
	produce(t, k.Addr(), "events", "next")
	_, last = offsets(t, k.Addr(), "events")
	require.Equal(t, int64(41), last)
}

func offsets(t *testing.T, addr, topic string) (first, last int64) {
	t.Helper()
	conn, err := kafka.DialLeader(t.Context(), "tcp", addr, topic, 0)
	require.NoError(t, err)
	defer conn.Close()
	first, last, err = conn.ReadOffsets()
	require.NoError(t, err)
	return first, last
}

func dirSize(t *testing.T, dir string) (n int64) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		info, err := e.Info()
		require.NoError(t, err)
		n += info.Size()
	}
	return n
}

func TestKafkaCommittedOffsetsSurvive(t *testing.T) {
	dir := t.TempDir()
	k := startKafka(t, embedded.KafkaOptions{Dir: dir})
	produce(t, k.Addr(), "events", "a", "b", "c")
	read := func(n int) (got []string) {
		r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{k.Addr()}, GroupID: "g", Topic: "events", StartOffset: kafka.FirstOffset, MaxWait: 100 * time.Millisecond})
		defer r.Close()
		for range n {
			m, err := r.ReadMessage(t.Context())
			require.NoError(t, err)
			got = append(got, string(m.Value))
		}
		return got
	}
	require.Equal(t, []string{"a", "b"}, read(2))
	addr := k.Addr()
	require.NoError(t, k.Stop(t.Context()))
	k = startKafka(t, embedded.KafkaOptions{Dir: dir, Addr: addr})
	require.Equal(t, []string{"c"}, read(1))
}

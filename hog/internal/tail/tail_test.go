package tail_test

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/kafka"
	"github.com/hog-go/hog/common/testkit"
	"github.com/hog-go/hog/hog/internal/tail"
)

var update = flag.Bool("update", false, "write what the tests compare with")

func TestMain(m *testing.M) { testkit.Main(m) }

// TestLines prints the values in testdata/records.jsonl (the first is one of capture's) and compares with testdata/lines.txt.
func TestLines(t *testing.T) {
	input, err := os.ReadFile("testdata/records.jsonl")
	require.NoError(t, err)
	var out strings.Builder
	p := tail.Printer{Out: &out}
	at := time.Date(2023, 1, 1, 12, 0, 0, 5e6, time.UTC)
	for value := range strings.Lines(string(input)) {
		require.NoError(t, p.Print(&kafka.Message{Topic: "events_plugin_ingestion", Time: at, Value: []byte(strings.TrimSpace(value))}))
	}
	if *update {
		require.NoError(t, os.WriteFile("testdata/lines.txt", []byte(out.String()), 0o644))
	}
	want, err := os.ReadFile("testdata/lines.txt")
	require.NoError(t, err)
	require.Equal(t, string(want), out.String(), "run: go test ./hog/internal/tail -update")
}

func TestPrintControlCharacters(t *testing.T) {
	var out strings.Builder
	p := tail.Printer{Out: &out}
	value := "{\"uuid\":\"01856cfc-e070-7000-8000-000000000001\",\"distinct_id\":\"a\\u001b[2Jb\",\"event\":\"e\\nf\",\"token\":\"\\u009b1m\",\"data\":\"{}\"}"
	require.NoError(t, p.Print(&kafka.Message{Value: []byte(value)}))
	require.NoError(t, p.Print(&kafka.Message{Value: []byte("\x1b[2J\nno event")}))
	require.Equal(t, 2, strings.Count(out.String(), "\n"), "a line each")
	require.NotContains(t, out.String(), "\x1b")
	require.NotContains(t, out.String(), "\u009b")
}

func TestPrintInAZone(t *testing.T) {
	var out strings.Builder
	p := tail.Printer{Out: &out, Location: time.FixedZone("here", 3*3600)}
	require.NoError(t, p.Print(&kafka.Message{Time: time.Date(2023, 1, 1, 23, 0, 0, 0, time.UTC), Value: []byte("x")}))
	require.True(t, strings.HasPrefix(out.String(), "02:00:00.000"), out.String())
}

func TestPrintJSON(t *testing.T) {
	var out strings.Builder
	p := tail.Printer{Out: &out, JSON: true}
	require.NoError(t, p.Print(&kafka.Message{Value: []byte(`{"a":1}`)}))
	require.Equal(t, "{\"a\":1}\n", out.String())
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestFollow(t *testing.T) {
	k := testkit.Kafka(t)
	topic := k.Topic(t, 1)
	at := kafka.ClientConfig{Brokers: k.Brokers}
	log := slog.New(slog.DiscardHandler)

	producer, err := kafka.NewProducer(kafka.ProducerConfig{Client: at}, log, nil)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- producer.Run(ctx) }()
	defer func() {
		cancel()
		require.NoError(t, <-ended)
	}()
	require.NoError(t, producer.Produce(ctx, []kafka.Record{{Topic: topic, Value: []byte("1")}, {Topic: topic, Value: []byte("2")}, {Topic: topic, Value: []byte("3")}}))

	t.Run("stops after the limit", func(t *testing.T) {
		var out strings.Builder
		o := tail.Options{At: at, Topics: []string{topic}, From: kafka.Earliest, Limit: 2, Log: log}
		require.NoError(t, tail.Follow(t.Context(), o, &tail.Printer{Out: &out, JSON: true}))
		require.Equal(t, "1\n2\n", out.String())
	})
	t.Run("reports output that nobody takes", func(t *testing.T) {
		o := tail.Options{At: at, Topics: []string{topic}, From: kafka.Earliest, Log: log}
		require.ErrorContains(t, tail.Follow(t.Context(), o, &tail.Printer{Out: brokenPipe{}}), "broken pipe")
	})
	t.Run("ends with its context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		o := tail.Options{At: at, Topics: []string{topic}, From: kafka.Latest, Log: log}
		require.NoError(t, tail.Follow(ctx, o, &tail.Printer{Out: brokenPipe{}}))
	})
}

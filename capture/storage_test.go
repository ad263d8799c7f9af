package capture_test

import (
	"encoding/binary"
	"encoding/json"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pierrec/lz4/v4"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/capture"
	"github.com/hog-go/hog/common/config"
	"github.com/hog-go/hog/common/testkit"
)

func TestRow106ReplayEnvelope(t *testing.T) {
	t.Run("row 106 lz4", func(t *testing.T) {
		h := setup(t, options{env: []string{"CAPTURE_MODE=recordings", "KAFKA_REPLAY_ENVELOPE_COMPRESSION=lz4"}})
		body := `{"event":"$snapshot","token":"t","distinct_id":"u","properties":{"$session_id":"s-1","$snapshot_data":[` + strings.Repeat(`{"a":1},`, 500) + `{}]}}`
		status, answer, _ := h.do(t, "POST", "/s", nil, body)
		require.Equal(t, 200, status, answer)
		recs := h.fresh(t)["replay"]
		require.Len(t, recs, 1)
		r := recs[0]
		plain := make([]byte, binary.LittleEndian.Uint32(r.Value))
		n, err := lz4.UncompressBlock(r.Value[4:], plain)
		require.NoError(t, err)
		require.Len(t, plain, n)
		require.Less(t, len(r.Value), len(plain)/5)
		var value struct{ Data, Event string }
		require.NoError(t, json.Unmarshal(plain, &value))
		require.Equal(t, "$snapshot_items", value.Event)
		last := r.Headers[len(r.Headers)-1]
		require.Equal(t, "content-encoding lz4", last.Key+" "+string(last.Value))
		require.Equal(t, "s-1", string(r.Key))
	})
	t.Run("events have none", func(t *testing.T) {
		h := setup(t, options{env: []string{"KAFKA_REPLAY_ENVELOPE_COMPRESSION=lz4"}})
		row{body: eventBody, want: []want{{header: map[string]string{"content-encoding": "-"}}}}.run(t, h)
	})
}

// restore runs what the command does, with the settings of a service.
func restore(t *testing.T, environ []string) capture.Restored {
	t.Helper()
	var cfg capture.Config
	require.NoError(t, config.LoadFrom(&cfg, environ))
	done, err := capture.Restore(t.Context(), cfg, slog.New(slog.NewTextHandler(t.Output(), nil)))
	require.NoError(t, err)
	return done
}

// Kafka is killed under load. Every request goes on being answered 200, and what was answered 200 is in Kafka after a
// restore, once each and on its topic.
func TestKafkaDownWithObjectStorage(t *testing.T) {
	broker := testkit.Kafka(t)
	main, overflow := broker.Topic(t, 4), broker.Topic(t, 1)
	fault := broker.Fault(t)
	store := testkit.S3(t)
	// The storage's keys are where AWS's clients look.
	t.Setenv("AWS_ACCESS_KEY_ID", store.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", store.SecretKey)
	t.Setenv("AWS_REGION", store.Region)
	environ := []string{
		"REDIS_URL=" + testkit.Redis(t), "KAFKA_HOSTS=" + strings.Join(broker.Brokers, ","), "KAFKA_TOPIC=" + main, "KAFKA_OVERFLOW_TOPIC=" + overflow,
		"KAFKA_PRODUCER_LINGER_MS=1", "KAFKA_MESSAGE_TIMEOUT_MS=2000", "OVERFLOW_ENABLED=true", "OVERFLOW_PER_SECOND_LIMIT=1000000000", "OVERFLOW_BURST_LIMIT=1000000000",
		"INGESTION_FORCE_OVERFLOW_BY_TOKEN_DISTINCT_ID=t:worker-0", "HOSTNAME=h",
		"S3_FALLBACK_ENABLED=true", "S3_FALLBACK_BUCKET=" + store.Bucket, "S3_FALLBACK_ENDPOINT=" + store.Endpoint, "S3_FALLBACK_PREFIX=fallback/",
	}
	h := serve(t, environ)
	load := &faultLoad{url: h.url, answers: map[int]int{}}
	stop := load.run(64) // each waits for an upload, of which there is one a second
	stopped := false
	defer func() {
		if !stopped {
			stop()
		}
	}()
	time.Sleep(time.Second)
	fault.Kill()
	h.awaitMetric(t, "capture_primary_sink_health", func(v float64) bool { return v == 0 })
	spooled, _ := h.metric(t, "capture_s3_events_written_total")
	h.awaitMetric(t, "capture_s3_events_written_total", func(v float64) bool { return v > spooled+100 })
	ok, detail := h.svc.Ready()
	require.True(t, ok, detail)
	fault.Start()
	h.awaitMetric(t, "capture_primary_sink_health", func(v float64) bool { return v == 1 })
	time.Sleep(time.Second)
	stopped = true
	acked := stop()
	failovers, _ := h.metric(t, "capture_fallback_sink_failovers_total")
	require.NoError(t, h.stop())

	require.Equal(t, map[int]int{200: len(acked)}, load.answers, "no request failed")
	done := restore(t, environ)
	require.Positive(t, done.Events)
	require.Zero(t, done.Rejected)
	require.Zero(t, restore(t, environ).Events, "a second restore finds nothing to do")

	stored, twice := map[string]string{}, 0
	for _, topic := range []string{main, overflow} {
		for _, r := range broker.All(t, topic) {
			var v struct {
				UUID       string
				DistinctID string `json:"distinct_id"`
			}
			require.NoError(t, json.Unmarshal(r.Value, &v))
			if stored[v.UUID] != "" {
				twice++
			}
			stored[v.UUID] = topic
			listed := v.DistinctID == "worker-0"
			require.Equal(t, listed, topic == overflow, "the listed key is on its topic, restored or not")
			require.Equal(t, listed, r.Key == nil)
			for _, header := range r.Headers {
				if header.Key == "force_disable_person_processing" {
					require.Equal(t, listed, header.Value != nil)
				}
			}
		}
	}
	t.Logf("%s broker: %d events acknowledged, %d restored from object storage in %d objects after %.0f failovers, %d stored more than once",
		broker.Kind, len(acked), done.Events, done.Objects, failovers, twice)
	for _, id := range acked {
		require.NotEmpty(t, stored[id], "event %s was acknowledged and is not in Kafka", id)
	}
}

// What other captures left in object storage has no topic and no key: they follow from the event.
func TestRestoreOfPlainObjects(t *testing.T) {
	folder := t.TempDir()
	h := setup(t, options{})
	day := filepath.Join(folder, "2026", "01", "02")
	require.NoError(t, os.MkdirAll(day, 0o755))
	line := func(event, rest string) string {
		return `{"uuid":"` + id(1) + `","distinct_id":"d","ip":"203.0.113.9","data":"{\"event\":\"` + event + `\",\"properties\":{\"$session_id\":\"s-1\"}}","now":"2023-01-01T12:00:00Z","token":"t","event":"` + event + `","timestamp":"2023-01-01T11:00:00Z"` + rest + `}` + "\n"
	}
	lines := line("e", "") + line("e", `,"historical_migration":true`) + line("$exception", "") + line("$ai_span", "") + line("e", `,"is_cookieless_mode":true`) + line("$snapshot_items", "") + "{\n"
	require.NoError(t, os.WriteFile(filepath.Join(day, "events_1767312000000_pod-1.jsonl.gz"), []byte(lines), 0o644))
	environ := []string{"REDIS_URL=redis://localhost/", "KAFKA_HOSTS=" + strings.Join(h.kafka.Brokers, ","), "S3_FALLBACK_BUCKET=file://" + folder}
	for short, name := range outputs {
		if name != "" {
			environ = append(environ, name+"="+h.topics[short])
		}
	}
	done := restore(t, environ)
	require.Equal(t, capture.Restored{Objects: 1, Events: 6, Routed: 7, Rejected: 1}, done)
	got := h.fresh(t)
	for topic, key := range map[string]string{"historical": "t:d", "exceptions": "t:d", "ai": "t:d", "replay": "s-1"} {
		require.Len(t, got[topic], 1, topic)
		require.Equal(t, key, string(got[topic][0].Key), topic)
	}
	require.Len(t, got["main"], 2)
	require.Equal(t, "t:203.0.113.9", string(got["main"][1].Key))
	var left []string
	require.NoError(t, filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(folder, path)
			left = append(left, rel)
		}
		return err
	}))
	require.Equal(t, []string{"rejected/2026/01/02/events_1767312000000_pod-1.jsonl.gz", "replayed/2026/01/02/events_1767312000000_pod-1.jsonl.gz"}, left)
}

func TestRestoreNeedsABucket(t *testing.T) {
	_, err := capture.Restore(t.Context(), capture.Config{}, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "S3_FALLBACK_BUCKET")
}

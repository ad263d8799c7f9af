package spool_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/capture/internal/spool"
	"github.com/hog-go/hog/common/blob"
	"github.com/hog-go/hog/common/kafka"
	"github.com/hog-go/hog/common/testkit"
)

// guess is a route for events whose records were not kept.
func guess(line []byte) (kafka.Record, error) {
	if !bytes.HasPrefix(line, []byte("{")) {
		return kafka.Record{}, errors.New("no event")
	}
	return kafka.Record{Topic: "guessed", Key: []byte("k"), Value: line}, nil
}

// buckets are a folder and an S3 server.
func buckets(t *testing.T, test func(t *testing.T, b *blob.Bucket)) {
	t.Run("folder", func(t *testing.T) { test(t, openFolder(t)) })
	t.Run("s3", func(t *testing.T) { test(t, openS3(t, testkit.S3(t))) })
}

// spooled puts batches through a spool, an object each.
func spooled(t *testing.T, b *blob.Bucket, prefix string, batches ...[]kafka.Record) {
	t.Helper()
	s, _, stop := started(t, spool.Config{Prefix: prefix, Host: "h", FlushBytes: 1}, b)
	for _, recs := range batches {
		require.NoError(t, s.Send(t.Context(), recs))
	}
	stop()
}

func TestReplayRestoresEveryRecord(t *testing.T) {
	odd := []kafka.Record{
		{Topic: "a", Value: []byte(`{}`)},
		{Topic: "b", Key: []byte{}, Value: []byte(`{"x":1}`), Headers: []kafka.Header{{Key: "null"}, {Key: "empty", Value: []byte{}}, {Key: "null", Value: []byte("twice")}}},
		{Topic: "c", Key: []byte("\xff\x00\"\\\u2028<é>"), Value: []byte("{}"), Headers: []kafka.Header{{Key: "\n", Value: []byte("\xfe\n")}}},
		{Topic: "d", Key: []byte("binary"), Value: []byte("\x01\n\x00\xff"), Headers: []kafka.Header{{Key: "content-encoding", Value: []byte("lz4")}}},
		{Topic: "e", Value: bytes.Repeat([]byte("x"), 3<<20)},
	}
	buckets(t, func(t *testing.T, b *blob.Bucket) {
		spooled(t, b, "p/", records(3), odd, records(2500))
		spooled(t, b, "other/", records(1))
		p := &primary{}
		stats, err := spool.Replay(t.Context(), b, "p/", p, guess, discard)
		require.NoError(t, err)
		require.Equal(t, spool.Stats{Objects: 3, Events: 2508}, stats)
		want := append(append(records(3), odd...), records(2500)...)
		require.Len(t, p.got, len(want))
		for i := range want {
			require.Equal(t, want[i], p.got[i], "record %d, in the order in which they came", i)
		}
		require.Len(t, keys(t, b, "p/"), 6)
		require.Len(t, keys(t, b, "p/replayed/"), 6, "pairs stay pairs")

		stats, err = spool.Replay(t.Context(), b, "p/", p, guess, discard)
		require.NoError(t, err)
		require.Zero(t, stats, "the second run has nothing to do")
	})
}

// Objects of the original have no records, and may be compressed by whoever moved them.
func TestReplayOfTheOriginalsObjects(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte(`{"n":3}` + "\n" + `{"n":4}`)) // and no line feed at the end
	require.NoError(t, z.Close())
	buckets(t, func(t *testing.T, b *blob.Bucket) {
		for key, body := range map[string][]byte{
			"2026/12/31/events_1798675200001_pod.jsonl.gz":    packed.Bytes(),
			"2026/11/24/events_1795478400000_pod.jsonl.gz":    []byte(`{"n":1}` + "\n" + `{"n":2}` + "\n"),
			"2026/11/24/something-else.json":                  []byte("x"),
			"symbolsets/2026/11/24/events_1_pod.jsonl.gz":     []byte("not ours\n"),
			"2026/11/24/events_1795478400000_pod.jsonl.gz.md": []byte("x"),
		} {
			require.NoError(t, b.Put(t.Context(), key, body, ""))
		}
		p := &primary{}
		stats, err := spool.Replay(t.Context(), b, "", p, guess, discard)
		require.NoError(t, err)
		require.Equal(t, spool.Stats{Objects: 2, Events: 4, Routed: 4}, stats)
		for i, r := range p.got {
			require.Equal(t, kafka.Record{Topic: "guessed", Key: []byte("k"), Value: fmt.Appendf(nil, `{"n":%d}`, i+1)}, r)
		}
		require.Equal(t, []string{
			"2026/11/24/events_1795478400000_pod.jsonl.gz.md", "2026/11/24/something-else.json",
			"replayed/2026/11/24/events_1795478400000_pod.jsonl.gz", "replayed/2026/12/31/events_1798675200001_pod.jsonl.gz",
			"symbolsets/2026/11/24/events_1_pod.jsonl.gz",
		}, keys(t, b, ""))
	})
}

func TestReplayKeepsWhatItCannotSend(t *testing.T) {
	buckets(t, func(t *testing.T, b *blob.Bucket) {
		original := "2026/11/24/events_1795478400000_pod.jsonl.gz"
		require.NoError(t, b.Put(t.Context(), original, []byte(`{"n":1}`+"\nbroken\n"+`{"n":3}`+"\n"), ""))
		spooled(t, b, "", records(3))
		ours := ""
		for _, k := range keys(t, b, "") {
			if strings.HasSuffix(k, "_h.jsonl.gz") {
				ours = k
			}
		}
		p := &primary{give: func(r kafka.Record) error {
			if string(r.Key) == "tok:id-1" {
				return kafka.ErrTooLargeBroker
			}
			return nil
		}}
		var log bytes.Buffer
		stats, err := spool.Replay(t.Context(), b, "", p, guess, slog.New(slog.NewTextHandler(&log, nil)))
		require.NoError(t, err)
		require.Equal(t, spool.Stats{Objects: 2, Events: 4, Routed: 3, Rejected: 2}, stats)
		require.Len(t, p.got, 4)
		require.Contains(t, log.String(), `msg="line is rejected" component=replay object=`+original+` line=2 err="no event"`)
		require.Equal(t, "broken\n", get(t, b, "rejected/"+original))
		require.Equal(t, string(record(1).Value)+"\n", get(t, b, "rejected/"+ours))

		// A larger limit, the object moved back: the event arrives as it was.
		for _, suffix := range []string{"", ".records"} {
			require.NoError(t, b.Copy(t.Context(), ours+suffix, "rejected/"+ours+suffix))
		}
		p = &primary{}
		stats, err = spool.Replay(t.Context(), b, "", p, guess, discard)
		require.NoError(t, err)
		require.Equal(t, spool.Stats{Objects: 1, Events: 1}, stats)
		require.Equal(t, []kafka.Record{record(1)}, p.got)
	})
}

func TestReplayOfDamagedObjects(t *testing.T) {
	b := openFolder(t)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte(`{"n":1}` + "\n"))
	require.NoError(t, z.Close())
	damaged := packed.Bytes()
	damaged[len(damaged)-5] ^= 1 // of the checksum
	require.NoError(t, b.Put(t.Context(), "2026/11/24/events_1795478400000_pod.jsonl.gz", damaged, ""))
	require.NoError(t, b.Put(t.Context(), "2026/11/24/events_1795478400001_pod.jsonl.gz", []byte("{\"n\":2}\n{\"n\":3}\n"), ""))
	require.NoError(t, b.Put(t.Context(), "2026/11/24/events_1795478400001_pod.jsonl.gz.records", []byte("{\"topic\":\n"), ""))
	p := &primary{}
	stats, err := spool.Replay(t.Context(), b, "", p, guess, discard)
	require.NoError(t, err)
	require.Equal(t, spool.Stats{Objects: 2, Events: 3, Routed: 3, Rejected: 1}, stats)
	require.Equal(t, string(damaged), get(t, b, "rejected/2026/11/24/events_1795478400000_pod.jsonl.gz"))
}

// A run that Kafka ends leaves the object where it is; the next one sends that object again and the others once.
func TestReplayInterruptedByKafka(t *testing.T) {
	buckets(t, func(t *testing.T, b *blob.Bucket) {
		var batches [][]kafka.Record
		for i := range 5 {
			batches = append(batches, []kafka.Record{record(10 * i), record(10*i + 1)})
		}
		spooled(t, b, "", batches...)
		p := &primary{give: func(r kafka.Record) error {
			if string(r.Key) == "tok:id-21" {
				return kafka.ErrTimeout
			}
			return nil
		}}
		stats, err := spool.Replay(t.Context(), b, "", p, guess, discard)
		require.ErrorIs(t, err, kafka.ErrTimeout)
		require.ErrorContains(t, err, "line 2")
		require.Equal(t, 2, stats.Objects)
		p.give = nil
		stats, err = spool.Replay(t.Context(), b, "", p, guess, discard)
		require.NoError(t, err)
		require.Equal(t, 3, stats.Objects)
		times := map[string]int{}
		for _, r := range p.got {
			times[string(r.Key)]++
		}
		require.Len(t, times, 10)
		for key, n := range times {
			require.Equal(t, map[bool]int{true: 2, false: 1}[key == "tok:id-20"], n, key)
		}
	})
}

// The process may die between any two requests to the store: every event arrives, and those of one object at most twice.
func TestReplayInterruptedAnywhere(t *testing.T) {
	for dieAt := 1; ; dieAt++ {
		server := testkit.S3(t)
		b := openS3(t, server)
		spooled(t, b, "", records(2), records(4)[2:])
		requests := 0
		ctx, cancel := context.WithCancel(t.Context())
		server.Meddle(func(_ http.ResponseWriter, r *http.Request) bool {
			if requests++; requests >= dieAt {
				cancel()
				<-r.Context().Done()
				return true
			}
			return false
		})
		p := &primary{}
		_, err := spool.Replay(ctx, b, "", p, guess, discard)
		cancel()
		server.Meddle(nil)
		done := err == nil
		_, err = spool.Replay(t.Context(), b, "", p, guess, discard)
		require.NoError(t, err)
		times := map[string]int{}
		twice := 0
		for _, r := range p.got {
			require.NotEqual(t, "guessed", r.Topic, "died at request %d", dieAt)
			if times[string(r.Key)]++; times[string(r.Key)] == 2 {
				twice++
			}
		}
		require.Len(t, times, 4, "died at request %d", dieAt)
		require.LessOrEqual(t, twice, 2, "died at request %d", dieAt)
		require.Len(t, keys(t, b, "replayed/"), 4, "died at request %d", dieAt)
		require.Len(t, keys(t, b, ""), 4, "died at request %d: nothing is left over", dieAt)
		server.Stop()
		server.Start() // ends what still waits
		if done {
			require.Greater(t, dieAt, 10)
			return
		}
	}
}

// A capture that is killed between the two uploads has acknowledged nothing; the rest is removed when it cannot be an upload
// in progress.
func TestKilledBetweenRecordsAndLines(t *testing.T) {
	buckets(t, func(t *testing.T, b *blob.Bucket) {
		now := time.Now().UnixMilli()
		old := fmt.Sprintf("2020/01/01/events_%d_h.jsonl.gz.records", now-2*time.Hour.Milliseconds())
		young := fmt.Sprintf("2020/01/01/events_%d_h.jsonl.gz.records", now)
		require.NoError(t, b.Put(t.Context(), old, []byte("{}\n"), ""))
		require.NoError(t, b.Put(t.Context(), young, []byte("{}\n"), ""))
		stats, err := spool.Replay(t.Context(), b, "", &primary{}, guess, discard)
		require.NoError(t, err)
		require.Equal(t, spool.Stats{Orphans: 2}, stats)
		require.Equal(t, []string{young}, keys(t, b, ""))
	})
}

func TestReplayWithoutBucket(t *testing.T) {
	server := testkit.S3(t)
	server.Stop()
	_, err := spool.Replay(t.Context(), openS3(t, server), "p/", &primary{}, guess, discard)
	require.ErrorContains(t, err, "replay: list p/ in s3://testkit")
	server.Start()
}

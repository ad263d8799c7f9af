package spool_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hog-go/hog/capture/internal/spool"
	"github.com/hog-go/hog/common/blob"
	"github.com/hog-go/hog/common/config"
	"github.com/hog-go/hog/common/kafka"
	"github.com/hog-go/hog/common/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(testkit.Wrap(m)) }

var discard = slog.New(slog.DiscardHandler)

func openFolder(t testing.TB) *blob.Bucket {
	t.Helper()
	b, err := blob.Open(t.Context(), blob.Config{Bucket: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

func openS3(t testing.TB, s *testkit.S3Server) *blob.Bucket {
	t.Helper()
	b, err := blob.Open(t.Context(), blob.Config{
		Bucket: s.Bucket, Endpoint: s.Endpoint, Region: s.Region, AccessKey: s.AccessKey, SecretKey: config.Secret(s.SecretKey), MaxAttempts: 1,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

// started runs a spool until the end of the test or the call of stop.
func started(t testing.TB, cfg spool.Config, b *blob.Bucket) (s *spool.Spool, reg *prometheus.Registry, stop func()) {
	t.Helper()
	reg = prometheus.NewRegistry()
	s = spool.New(cfg, b, slog.New(slog.NewTextHandler(t.Output(), nil)), reg)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-done)
	})
	t.Cleanup(stop)
	return s, reg, stop
}

func record(i int) kafka.Record {
	return kafka.Record{
		Topic: "events", Key: fmt.Appendf(nil, "tok:id-%d", i), Value: fmt.Appendf(nil, `{"uuid":"%d","data":"{\"é\"}"}`, i),
		Headers: []kafka.Header{{Key: "uuid", Value: fmt.Append(nil, i)}, {Key: "session_id"}},
	}
}

func records(n int) (out []kafka.Record) {
	for i := range n {
		out = append(out, record(i))
	}
	return out
}

func keys(t testing.TB, b *blob.Bucket, prefix string) (out []string) {
	t.Helper()
	for o, err := range b.List(t.Context(), prefix) {
		require.NoError(t, err)
		out = append(out, o.Key)
	}
	return out
}

func get(t testing.TB, b *blob.Bucket, key string) string {
	t.Helper()
	body, err := b.Get(t.Context(), key)
	require.NoError(t, err)
	return string(body)
}

func metric(t testing.TB, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	sum := 0.0
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

func TestObjectsHaveTheFormOfTheOriginal(t *testing.T) {
	for name, b := range map[string]*blob.Bucket{"folder": openFolder(t), "s3": openS3(t, testkit.S3(t))} {
		t.Run(name, func(t *testing.T) {
			s, reg, _ := started(t, spool.Config{Prefix: "capture/", Host: "pod-1", FlushInterval: 10 * time.Millisecond}, b)
			before := time.Now()
			require.NoError(t, s.Send(t.Context(), records(2)))
			got := keys(t, b, "")
			require.Len(t, got, 2)
			form := regexp.MustCompile(`^capture/(\d{4}/\d\d/\d\d)/events_(\d{13})_pod-1\.jsonl\.gz$`).FindStringSubmatch(got[0])
			require.NotNil(t, form, got[0])
			require.Equal(t, got[0]+".records", got[1])
			require.GreaterOrEqual(t, form[2], fmt.Sprint(before.UnixMilli()))
			require.Contains(t, []string{before.UTC().Format("2006/01/02"), time.Now().UTC().Format("2006/01/02")}, form[1])
			require.Equal(t, `{"uuid":"0","data":"{\"é\"}"}`+"\n"+`{"uuid":"1","data":"{\"é\"}"}`+"\n", get(t, b, got[0]))
			require.Equal(t, `{"topic":"events","key":"tok:id-0","headers":[["uuid","0"],["session_id",null]]}`+"\n"+
				`{"topic":"events","key":"tok:id-1","headers":[["uuid","1"],["session_id",null]]}`+"\n", get(t, b, got[1]))
			require.Equal(t, 2.0, metric(t, reg, "capture_s3_events_written_total"))
			require.Equal(t, float64(len(get(t, b, got[0]))), metric(t, reg, "capture_s3_bytes_written_total"))
			require.Equal(t, 2.0, metric(t, reg, "capture_s3_upload_total"))
			require.Zero(t, metric(t, reg, "capture_s3_buffered_bytes"))
			problems, err := testutil.GatherAndLint(reg)
			require.NoError(t, err)
			require.LessOrEqual(t, len(problems), 1, "capture_s3_upload_total is the original's name: %v", problems)
		})
	}
}

func TestEmptySendDoesNotWait(t *testing.T) {
	require.NoError(t, spool.New(spool.Config{}, openFolder(t), discard, prometheus.NewRegistry()).Send(t.Context(), nil))
}

func TestFlushByAge(t *testing.T) {
	b := openFolder(t)
	synctest.Test(t, func(t *testing.T) {
		s, _, _ := started(t, spool.Config{}, b)
		start := time.Now()
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 300 * time.Millisecond)
				require.NoError(t, s.Send(t.Context(), []kafka.Record{record(i)}))
				require.Equal(t, time.Second, time.Since(start), "a second after the first of the batch")
			})
		}
		wg.Wait()
		got := keys(t, b, "2000/01/01/")
		require.Equal(t, []string{"2000/01/01/events_946684801000_unknown.jsonl.gz", "2000/01/01/events_946684801000_unknown.jsonl.gz.records"}, got)
		require.Equal(t, 3, strings.Count(get(t, b, got[0]), "\n"))
	})
}

func TestFlushBySizeTakesTheNextFreeMillisecond(t *testing.T) {
	b := openFolder(t)
	synctest.Test(t, func(t *testing.T) {
		// Another process of the same name has been there in the second millisecond.
		require.NoError(t, b.Put(t.Context(), "2000/01/01/events_946684800001_h.jsonl.gz.records", []byte("{}\n"), ""))
		s, _, _ := started(t, spool.Config{Host: "h", FlushBytes: 20, Uploads: 1}, b)
		start := time.Now()
		for i := range 3 {
			require.NoError(t, s.Send(t.Context(), []kafka.Record{record(i)}))
		}
		require.Zero(t, time.Since(start), "the clock stood still")
		for i, ms := range []int{0, 2, 3} {
			require.Equal(t, string(record(i).Value)+"\n", get(t, b, fmt.Sprintf("2000/01/01/events_94668480000%d_h.jsonl.gz", ms)))
		}
		require.Len(t, keys(t, b, ""), 7)
	})
}

func TestStop(t *testing.T) {
	b := openFolder(t)
	synctest.Test(t, func(t *testing.T) {
		s, _, stop := started(t, spool.Config{}, b)
		sent := make(chan error, 1)
		go func() { sent <- s.Send(t.Context(), records(5)) }()
		synctest.Wait()
		start := time.Now()
		stop()
		require.Zero(t, time.Since(start), "at once")
		require.NoError(t, <-sent)
		require.Len(t, keys(t, b, ""), 2)
		require.ErrorIs(t, s.Send(t.Context(), records(1)), spool.ErrClosed)
	})
}

func TestClientGone(t *testing.T) {
	b := openFolder(t)
	synctest.Test(t, func(t *testing.T) {
		s, _, stop := started(t, spool.Config{}, b)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		require.ErrorIs(t, s.Send(ctx, records(1)), context.DeadlineExceeded)
		stop()
		require.Len(t, keys(t, b, ""), 2, "its events are kept all the same")
	})
}

func TestMemoryIsBounded(t *testing.T) {
	server := testkit.S3(t)
	b := openS3(t, server)
	hold, held := make(chan struct{}), make(chan struct{}, 16)
	server.Meddle(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut {
			held <- struct{}{}
			<-hold
		}
		return false
	})
	s, reg, stop := started(t, spool.Config{FlushBytes: 1, Uploads: 1, MaxBuffered: 1000, Attempts: 1}, b)
	big := kafka.Record{Topic: "t", Value: bytes.Repeat([]byte("x"), 400)}
	results := make(chan error, 2)
	go func() { results <- s.Send(t.Context(), []kafka.Record{big}) }()
	<-held
	go func() { results <- s.Send(t.Context(), []kafka.Record{big}) }()
	require.Eventually(t, func() bool { return metric(t, reg, "capture_s3_buffered_bytes") > 800 }, 5*time.Second, time.Millisecond)
	require.ErrorIs(t, s.Send(t.Context(), []kafka.Record{big}), spool.ErrFull)
	require.LessOrEqual(t, metric(t, reg, "capture_s3_buffered_bytes"), 1000.0)
	close(hold)
	require.NoError(t, <-results)
	require.NoError(t, <-results)
	require.NoError(t, s.Send(t.Context(), []kafka.Record{big}), "room again")
	stop()
}

func TestTooLargeForKafka(t *testing.T) {
	s, _, _ := started(t, spool.Config{MaxRecord: 1000, FlushInterval: time.Millisecond}, openFolder(t))
	r := kafka.Record{Topic: "t", Value: bytes.Repeat([]byte("x"), 1000-36-3), Headers: []kafka.Header{{Key: "h"}}}
	require.NoError(t, s.Send(t.Context(), []kafka.Record{r}))
	r.Value = append(r.Value, 'x')
	require.ErrorIs(t, s.Send(t.Context(), []kafka.Record{r, record(1)}), kafka.ErrTooLarge)
}

// failing answers the nth to mth PUT of an object whose key ends in suffix with 503.
func failing(server *testkit.S3Server, suffix string, from, to int) (seen func() []string) {
	var mu sync.Mutex
	var all []string
	n := 0
	server.Meddle(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut {
			return false
		}
		mu.Lock()
		defer mu.Unlock()
		all = append(all, r.URL.Path)
		if !strings.HasSuffix(r.URL.Path, suffix) {
			return false
		}
		if n++; n < from || n > to {
			return false
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	return func() []string { mu.Lock(); defer mu.Unlock(); return append([]string(nil), all...) }
}

func TestAttempts(t *testing.T) {
	quick := spool.Config{FlushInterval: time.Millisecond, Backoff: time.Millisecond}
	t.Run("a later attempt has all events", func(t *testing.T) {
		server := testkit.S3(t)
		b := openS3(t, server)
		seen := failing(server, ".jsonl.gz", 1, 2)
		s, reg, _ := started(t, quick, b)
		require.NoError(t, s.Send(t.Context(), records(10)))
		got := keys(t, b, "")
		require.Len(t, got, 2, "one key for all attempts")
		require.Equal(t, 10, strings.Count(get(t, b, got[0]), "\n"))
		require.Len(t, seen(), 4)
		require.Equal(t, "/testkit/"+got[1], seen()[0], "records come first")
		require.Zero(t, metric(t, reg, "capture_s3_flush_errors_total"))
		require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP capture_s3_upload_total attempts to upload an object, by outcome and reason
# TYPE capture_s3_upload_total counter
capture_s3_upload_total{outcome="error",reason="status_503"} 2
capture_s3_upload_total{outcome="success",reason="ok"} 2
`), "capture_s3_upload_total"))
	})
	t.Run("three fail", func(t *testing.T) {
		server := testkit.S3(t)
		b := openS3(t, server)
		seen := failing(server, ".jsonl.gz", 1, 3)
		s, reg, _ := started(t, quick, b)
		err := s.Send(t.Context(), records(2))
		require.ErrorContains(t, err, "s3://testkit at "+server.Endpoint)
		require.Len(t, seen(), 4, "the records and three attempts at the lines")
		require.Equal(t, 1.0, metric(t, reg, "capture_s3_flush_errors_total"))
		require.Zero(t, metric(t, reg, "capture_s3_events_written_total"))
		require.Zero(t, metric(t, reg, "capture_s3_buffered_bytes"))
		require.NoError(t, s.Send(t.Context(), records(2)), "the next upload is another")
	})
	t.Run("records fail", func(t *testing.T) {
		server := testkit.S3(t)
		b := openS3(t, server)
		failing(server, ".records", 1, 3)
		s, _, _ := started(t, quick, b)
		require.Error(t, s.Send(t.Context(), records(2)))
		require.Empty(t, keys(t, b, ""), "no lines without records")
	})
	t.Run("no answer", func(t *testing.T) {
		server := testkit.S3(t)
		b := openS3(t, server)
		server.Meddle(func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true })
		cfg := quick
		cfg.AttemptTimeout = 20 * time.Millisecond
		s, _, _ := started(t, cfg, b)
		require.ErrorIs(t, s.Send(t.Context(), records(2)), context.DeadlineExceeded)
	})
}

func TestReady(t *testing.T) {
	server := testkit.S3(t)
	b := openS3(t, server)
	idle := spool.New(spool.Config{}, b, discard, prometheus.NewRegistry())
	ok, detail := idle.Ready()
	require.False(t, ok)
	require.Equal(t, b.String()+" has not answered yet", detail)

	s, _, _ := started(t, spool.Config{ProbeInterval: 5 * time.Millisecond}, b)
	text := func() string { _, d := s.Ready(); return d }
	require.Eventually(t, func() bool { ok, _ := s.Ready(); return ok && text() == b.String() }, 5*time.Second, time.Millisecond)
	server.Stop()
	require.Eventually(t, func() bool { return strings.Contains(text(), "connection refused") }, 5*time.Second, time.Millisecond)
	ok, _ = s.Ready()
	require.True(t, ok, "not for one probe that failed")
	server.Start()
	require.Eventually(t, func() bool { return text() == b.String() }, 5*time.Second, time.Millisecond)
}

func TestReadyEndsHalfAMinuteAfterTheLastSuccess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "bucket")
	b, err := blob.Open(t.Context(), blob.Config{Bucket: dir})
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		s, _, _ := started(t, spool.Config{}, b)
		synctest.Wait()
		time.Sleep(time.Second)
		require.NoError(t, os.RemoveAll(dir))
		time.Sleep(20 * time.Second)
		ok, detail := s.Ready()
		require.True(t, ok)
		require.Contains(t, detail, "no such file or directory")
		time.Sleep(10 * time.Second)
		ok, _ = s.Ready()
		require.False(t, ok)
	})
	require.NoError(t, b.Close())
}

// primary is a Kafka that gives what a test wants.
type primary struct {
	mu    sync.Mutex
	got   []kafka.Record
	calls int
	give  func(r kafka.Record) error
}

func (p *primary) SendEach(_ context.Context, recs []kafka.Record) []error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	out := make([]error, len(recs))
	failed := false
	for i, r := range recs {
		if p.give != nil {
			out[i] = p.give(r)
		}
		if out[i] == nil {
			r.Value, r.Key = bytes.Clone(r.Value), bytes.Clone(r.Key)
			p.got = append(p.got, r)
		}
		failed = failed || out[i] != nil
	}
	if !failed {
		return nil
	}
	return out
}

func TestFallback(t *testing.T) {
	failOn := func(errs map[string]error) func(kafka.Record) error {
		return func(r kafka.Record) error { return errs[string(r.Key)] }
	}
	tooLarge := fmt.Errorf("%w: 9 bytes", kafka.ErrTooLarge)
	tests := map[string]struct {
		down      bool
		give      func(kafka.Record) error
		spooled   []int // of three records
		failovers float64
		err       error
		each      []error
	}{
		"kafka takes all":          {},
		"kafka is down":            {down: true, spooled: []int{0, 1, 2}, failovers: 1},
		"one times out":            {give: failOn(map[string]error{"tok:id-1": kafka.ErrTimeout}), spooled: []int{1}, failovers: 1},
		"queue full for two":       {give: failOn(map[string]error{"tok:id-1": kafka.ErrQueueFull, "tok:id-2": kafka.ErrQueueFull}), spooled: []int{1, 2}, failovers: 1},
		"broker error":             {give: failOn(map[string]error{"tok:id-0": &kafka.BrokerError{Code: 7}}), spooled: []int{0}, failovers: 1},
		"too large fails a whole":  {give: failOn(map[string]error{"tok:id-0": kafka.ErrTimeout, "tok:id-2": tooLarge}), err: kafka.ErrTooLarge},
		"too large for the broker": {give: failOn(map[string]error{"tok:id-1": kafka.ErrTooLargeBroker}), err: kafka.ErrTooLargeBroker},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := openFolder(t)
			s, _, _ := started(t, spool.Config{FlushInterval: time.Millisecond}, b)
			reg := prometheus.NewRegistry()
			p := &primary{give: tt.give}
			f := spool.NewFallback(p, func() bool { return !tt.down }, s, discard, reg)
			err := f.Send(t.Context(), records(3))
			require.ErrorIs(t, err, tt.err)
			want := ""
			for _, i := range tt.spooled {
				want += string(record(i).Value) + "\n"
			}
			got := ""
			if k := keys(t, b, ""); len(k) > 0 {
				require.Len(t, k, 2)
				got = get(t, b, k[0])
			}
			require.Equal(t, want, got)
			require.Equal(t, tt.failovers, metric(t, reg, "capture_fallback_sink_failovers_total"))
			require.Equal(t, map[bool]float64{true: 0, false: 1}[tt.down], metric(t, reg, "capture_primary_sink_health"))
			if tt.down {
				require.Zero(t, p.calls)
			}
		})
	}
}

func TestFallbackSendEach(t *testing.T) {
	server := testkit.S3(t)
	b := openS3(t, server)
	s, _, _ := started(t, spool.Config{FlushInterval: time.Millisecond, Attempts: 1, MaxRecord: 200}, b)
	healthy := true
	p := &primary{give: func(r kafka.Record) error {
		switch string(r.Key) {
		case "tok:id-1":
			return kafka.ErrTimeout
		case "tok:id-2":
			return kafka.ErrTooLargeBroker
		}
		return nil
	}}
	f := spool.NewFallback(p, func() bool { return healthy }, s, discard, prometheus.NewRegistry())
	require.Nil(t, f.SendEach(t.Context(), records(1)))
	require.Nil(t, f.SendEach(t.Context(), records(2)), "the second is in the bucket")
	require.Equal(t, []error{nil, nil, kafka.ErrTooLargeBroker}, f.SendEach(t.Context(), records(3)))

	healthy = false
	large := record(3)
	large.Value = bytes.Repeat([]byte("x"), 300)
	results := f.SendEach(t.Context(), []kafka.Record{record(0), large})
	require.NoError(t, results[0])
	require.ErrorIs(t, results[1], kafka.ErrTooLarge)

	server.Stop()
	results = f.SendEach(t.Context(), records(2))
	require.ErrorContains(t, results[0], "connection refused")
	require.ErrorContains(t, results[1], "connection refused")
	require.ErrorContains(t, f.Send(t.Context(), records(2)), "connection refused")
}

// A client that has gone has its records on the way to Kafka: they are not spooled as well.
func TestFallbackClientGone(t *testing.T) {
	b := openFolder(t)
	s, _, stop := started(t, spool.Config{}, b)
	ctx, cancel := context.WithCancel(t.Context())
	p := &primary{give: func(kafka.Record) error { cancel(); return context.Canceled }}
	f := spool.NewFallback(p, func() bool { return true }, s, discard, prometheus.NewRegistry())
	require.True(t, errors.Is(f.Send(ctx, records(2)), context.Canceled))
	stop()
	require.Empty(t, keys(t, b, ""))
}

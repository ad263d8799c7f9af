package warnings_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/event"
	"github.com/hog-go/hog/common/kafka"
	"github.com/hog-go/hog/common/warnings"
)

// fakeSink keeps what it gets and fails with err.
type fakeSink struct {
	mu   sync.Mutex
	recs []kafka.Record
	err  error
}

func (f *fakeSink) ProduceEach(_ context.Context, recs []kafka.Record) []error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.recs = append(f.recs, recs...)
		return nil
	}
	errs := make([]error, len(recs))
	for i := range errs {
		errs[i] = f.err
	}
	return errs
}

// run makes an emitter, hands it to body while Run sends, and waits for Run.
func run(t *testing.T, cfg warnings.Config, sink *fakeSink, body func(e *warnings.Emitter, outcomes func() map[string]float64)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { // the clock starts at 2000-01-01T00:00:00Z
		reg := prometheus.NewRegistry()
		e, err := warnings.New(cfg, sink, slog.New(slog.DiscardHandler), reg)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { require.NoError(t, e.Run(ctx)) })
		body(e, func() map[string]float64 {
			synctest.Wait()
			return outcomes(t, reg)
		})
		cancel()
		wg.Wait()
	})
}

func outcomes(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	sums := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "outcome" {
					sums[l.GetValue()] += m.GetCounter().GetValue()
				}
			}
		}
	}
	return sums
}

func warning() warnings.Warning {
	return warnings.Warning{
		Token: "phc_abc", Type: warnings.MissingDistinctID, Service: "capture", Path: "/i/v1/analytics/events", Count: 3,
		Details: map[string]any{"eventUuid": "u-1", "distinctId": strings.Repeat("d", 10_000), "lib": "spoofed", "count": 99},
		Lib:     "posthog-js",
	}
}

func TestEnvelope(t *testing.T) {
	sink := &fakeSink{}
	run(t, warnings.Config{}, sink, func(e *warnings.Emitter, outcomes func() map[string]float64) {
		e.Emit(warning())
		require.Equal(t, map[string]float64{"emitted": 1, "delivered": 1}, outcomes())
	})
	require.Len(t, sink.recs, 1)
	rec := sink.recs[0]
	require.Equal(t, "client_ingestion_warning", rec.Topic)
	require.Equal(t, "phc_abc", string(rec.Key))

	var c event.Captured
	require.NoError(t, json.Unmarshal(rec.Value, &c))
	require.Equal(t, uuid.Version(7), c.UUID.Version())
	require.Equal(t, event.Captured{
		UUID: c.UUID, DistinctID: "phc_abc", Data: c.Data, Now: "2000-01-01T00:00:00.000Z", Token: "phc_abc",
		Event: "$$client_ingestion_warning", Timestamp: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
	}, c)

	var data struct {
		Token      string `json:"token"`
		DistinctID string `json:"distinct_id"`
		UUID       string `json:"uuid"`
		Event      string `json:"event"`
		Properties struct {
			Type    string         `json:"$$client_ingestion_warning_type"`
			Source  string         `json:"$$client_ingestion_warning_source"`
			Details map[string]any `json:"$$client_ingestion_warning_details"`
		} `json:"properties"`
	}
	dec := json.NewDecoder(strings.NewReader(c.Data))
	dec.DisallowUnknownFields()
	require.NoError(t, dec.Decode(&data))
	require.Equal(t, "phc_abc", data.Token)
	require.Equal(t, c.UUID.String(), data.UUID)
	require.Equal(t, "$$client_ingestion_warning", data.Event)
	require.Equal(t, "missing_distinct_id", data.Properties.Type)
	require.Equal(t, "capture", data.Properties.Source)

	details := data.Properties.Details
	t.Run("row 53 forced keys and the token as distinct id", func(t *testing.T) {
		require.Equal(t, 3.0, details["count"])
		require.Equal(t, "capture_validation", details["pipelineStep"])
		require.Equal(t, "phc_abc", data.DistinctID)
		require.Equal(t, "u-1", details["eventUuid"])
	})
	t.Run("row 54 a long distinct id stays in the details", func(t *testing.T) {
		require.Len(t, details["distinctId"], 10_000)
		require.Equal(t, "phc_abc", c.DistinctID)
	})
	t.Run("attribution overwrites the caller's keys", func(t *testing.T) {
		require.Equal(t, "posthog-js", details["lib"])
		require.Equal(t, "unknown", details["libVersion"])
		require.Equal(t, "/i/v1/analytics/events", details["path"])
		require.Equal(t, map[string]any{"count": 99, "lib": "spoofed"}, map[string]any{
			"count": warning().Details["count"], "lib": warning().Details["lib"]}, "the caller's map is left alone")
	})
	t.Run("headers are those of captured events", func(t *testing.T) {
		got := map[string]string{}
		for _, h := range rec.Headers {
			if h.Value != nil {
				got[h.Key] = string(h.Value)
			}
		}
		require.Len(t, rec.Headers, 9)
		require.Equal(t, map[string]string{
			"token": "phc_abc", "distinct_id": "phc_abc", "timestamp": "946684800000", "event": "$$client_ingestion_warning",
			"uuid": c.UUID.String(), "now": "2000-01-01T00:00:00.000Z",
		}, got)
	})
}

func TestThrottle(t *testing.T) {
	t.Run("row 55 one an hour for each project and type", func(t *testing.T) {
		sink := &fakeSink{}
		run(t, warnings.Config{}, sink, func(e *warnings.Emitter, outcomes func() map[string]float64) {
			w := warning()
			e.Emit(w)
			e.Emit(w)
			require.Equal(t, map[string]float64{"emitted": 1, "delivered": 1, "throttled": 1}, outcomes())
			w.Type = warnings.EmptyBatch
			e.Emit(w)
			w.Token = "phc_other"
			e.Emit(w)
			require.Equal(t, map[string]float64{"emitted": 3, "delivered": 3, "throttled": 1}, outcomes())
			time.Sleep(time.Hour - time.Second)
			e.Emit(w)
			require.Equal(t, 2.0, outcomes()["throttled"])
			time.Sleep(time.Second)
			e.Emit(w)
			require.Equal(t, 4.0, outcomes()["emitted"])
		})
	})
	t.Run("keys are bounded and swept", func(t *testing.T) {
		run(t, warnings.Config{MaxKeys: 10}, &fakeSink{}, func(e *warnings.Emitter, outcomes func() map[string]float64) {
			emit := func(from int) {
				for i := range 15 {
					w := warning()
					w.Token = fmt.Sprint("phc_", from+i)
					e.Emit(w)
				}
			}
			emit(0)
			require.Equal(t, map[string]float64{"emitted": 10, "delivered": 10, "cardinality_capped": 5}, outcomes())
			time.Sleep(time.Hour + 10*time.Minute)
			emit(100)
			require.Equal(t, map[string]float64{"emitted": 20, "delivered": 20, "cardinality_capped": 10}, outcomes())
		})
	})
}

func TestTypes(t *testing.T) {
	for _, tag := range []string{
		"dropped_performance_event", "invalid_api_token", "missing_authorization", "payload_too_large", "request_decoding_error",
		"request_parsing_error", "unsupported_content_encoding", "request_timeout", "internal_error", "service_unavailable",
		"billing_limit_exceeded", "event_restriction", "rejected", "",
	} {
		t.Run("row 56 nothing for "+tag, func(t *testing.T) {
			run(t, warnings.Config{}, &fakeSink{}, func(e *warnings.Emitter, outcomes func() map[string]float64) {
				w := warning()
				w.Type = warnings.Type(tag)
				e.Emit(w)
				require.Empty(t, outcomes())
			})
		})
	}
}

func TestTrouble(t *testing.T) {
	tests := map[string]struct {
		err  error
		want string
	}{
		"broker":         {errors.New("broker is down"), "delivery_failed"},
		"producer queue": {fmt.Errorf("topic: %w", kafka.ErrQueueFull), "enqueue_error"},
		"size":           {kafka.ErrTooLarge, "enqueue_error"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			run(t, warnings.Config{}, &fakeSink{err: tt.err}, func(e *warnings.Emitter, outcomes func() map[string]float64) {
				e.Emit(warning())
				require.Equal(t, map[string]float64{"emitted": 1, tt.want: 1}, outcomes())
			})
		})
	}
	t.Run("details that are no JSON", func(t *testing.T) {
		run(t, warnings.Config{}, &fakeSink{}, func(e *warnings.Emitter, outcomes func() map[string]float64) {
			w := warning()
			w.Details = map[string]any{"f": func() {}}
			e.Emit(w)
			require.Equal(t, map[string]float64{"serialize_error": 1}, outcomes())
		})
	})
	t.Run("a full queue drops, and a stop sends what is queued", func(t *testing.T) {
		sink := &fakeSink{}
		reg := prometheus.NewRegistry()
		e, err := warnings.New(warnings.Config{Topic: "topic"}, sink, slog.New(slog.DiscardHandler), reg)
		require.NoError(t, err)
		for i := range 10_001 {
			w := warning()
			w.Token, w.Details = fmt.Sprint("phc_", i), nil
			e.Emit(w)
		}
		require.Equal(t, map[string]float64{"emitted": 10_000, "queue_full": 1}, outcomes(t, reg))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.NoError(t, e.Run(ctx))
		require.Len(t, sink.recs, 10_000)
		require.Equal(t, "topic", sink.recs[0].Topic)
	})
}

func TestRow(t *testing.T) {
	row, err := warnings.NewRow(7, "high_volume_distinct_id", "capture", map[string]any{"distinctId": "d"},
		time.Date(2026, 7, 10, 21, 0, 0, 123_456_000, time.UTC))
	require.NoError(t, err)
	t.Run("row 57 five keys and the time of ClickHouse", func(t *testing.T) {
		b, err := json.Marshal(row)
		require.NoError(t, err)
		require.Equal(t, `{"team_id":7,"type":"high_volume_distinct_id","source":"capture","details":"{\"distinctId\":\"d\"}",`+
			`"timestamp":"2026-07-10 21:00:00.123456"}`, string(b))
	})
	_, err = warnings.NewRow(0, "t", "s", func() {}, time.Time{})
	require.Error(t, err)
}

func TestProducerConfig(t *testing.T) {
	cfg := warnings.ProducerConfig(kafka.ClientConfig{})
	require.Equal(t, "1", cfg.Acks)
	require.Zero(t, *cfg.Retries)
	require.Equal(t, 5*time.Second, cfg.MessageTimeout)
	require.Equal(t, 100*time.Millisecond, cfg.Linger)
	require.Equal(t, 10_000, cfg.QueueMessages)
	_, err := kafka.NewProducer(cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	require.NoError(t, err)
}

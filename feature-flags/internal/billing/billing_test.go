package billing_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/redis"
	"github.com/hog-go/hog/feature-flags/internal/billing"
)

// store keeps hashes, and fails while it is told to.
type store struct {
	mu      sync.Mutex
	failing bool
	calls   int
	hashes  map[string]int64 // key and field
}

func (s *store) HIncrBy(_ context.Context, steps []redis.HashIncrement) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.failing {
		return errors.New("down")
	}
	for _, step := range steps {
		s.hashes[step.Key+" "+step.Field] += step.By
	}
	return nil
}

func (s *store) fail(failing bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing = failing
}

// wrote is what the hashes hold, and how many calls there were.
func (s *store) wrote() (map[string]int64, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.hashes), s.calls
}

func setup(t *testing.T, batch, pending int) (*billing.Counter, *store, func()) {
	t.Helper()
	s := &store{hashes: map[string]int64{}}
	c := billing.New(billing.Config{Interval: time.Second, MaxPending: pending, BatchSize: batch, ShutdownFlush: time.Second, Now: func() time.Time { return time.Unix(1_000_000, 0) }},
		s, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = c.Run(ctx) })
	return c, s, func() { cancel(); wg.Wait() }
}

func TestRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s, stop := setup(t, 2, 10)
		for range 3 {
			c.Record(billing.Decide, 7, "posthog-js")
		}
		c.Record(billing.Decide, 7, "posthog-go")
		c.Record(billing.LocalEvaluation, 7, "posthog-go")
		time.Sleep(1500 * time.Millisecond)
		want := map[string]int64{
			"posthog:decide_requests:7 8333": 4, "posthog:decide_requests:sdk:7:posthog-js 8333": 3, "posthog:decide_requests:sdk:7:posthog-go 8333": 1,
			"posthog:local_evaluation_requests:7 8333": 1, "posthog:local_evaluation_requests:sdk:7:posthog-go 8333": 1,
		}
		got, calls := s.wrote()
		require.Equal(t, want, got)
		require.Equal(t, 2, calls, "three counters in batches of two")
		time.Sleep(5 * time.Second)
		_, calls = s.wrote()
		require.Equal(t, 2, calls, "nothing to write, nothing written")
		stop()
	})
}

func TestOutageLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s, stop := setup(t, 10, 10)
		s.fail(true)
		c.Record(billing.Decide, 1, "other")
		time.Sleep(2500 * time.Millisecond)
		c.Record(billing.Decide, 1, "other")
		got, _ := s.wrote()
		require.Empty(t, got)
		s.fail(false)
		time.Sleep(time.Second)
		got, _ = s.wrote()
		require.EqualValues(t, 2, got["posthog:decide_requests:1 8333"])
		c.Record(billing.Decide, 1, "other")
		stop() // writes the last ones
		require.EqualValues(t, 3, s.hashes["posthog:decide_requests:1 8333"])
	})
}

func TestBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s, stop := setup(t, 10, 2)
		for team := range int32(5) {
			c.Record(billing.Decide, team, "other")
			c.Record(billing.Decide, 0, "other") // one that is there already finds room
		}
		stop()
		require.EqualValues(t, 6, s.hashes["posthog:decide_requests:0 8333"])
		require.EqualValues(t, 1, s.hashes["posthog:decide_requests:1 8333"])
		require.Len(t, s.hashes, 4)
	})
}

package limiter_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hog-go/hog/common/limiter"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

// fakeStore answers from sets, or with the error of a key, and records what it was asked.
type fakeStore struct {
	mu    sync.Mutex
	sets  map[string][]string
	errs  map[string]error
	hang  bool
	asked []string
}

func (f *fakeStore) ZRangeByScore(ctx context.Context, key, min, max string) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, strings.Join([]string{key, min, max}, " "))
	if f.hang {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return f.sets[key], f.errs[key]
}

// set changes the store between two refreshes.
func (f *fakeStore) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func TestKeys(t *testing.T) {
	t.Run("row 41 overflow key", func(t *testing.T) {
		require.Equal(t, "@posthog/capture-overflow/replay", limiter.OverflowKey("", limiter.Replay))
	})
	t.Run("row 42 prefix", func(t *testing.T) {
		require.Equal(t, "prefix//@posthog/quota-limits/events", limiter.QuotaKey("prefix//", limiter.Events))
	})
	t.Run("row 43 feature flags", func(t *testing.T) {
		require.True(t, strings.HasSuffix(limiter.QuotaKey("", limiter.FeatureFlags), "feature_flag_requests"))
	})
}

// run starts a quota over keys and calls body after its first refresh.
func run(t *testing.T, store *fakeStore, keys []string, body func(q *limiter.Quota, reg *prometheus.Registry, logged *bytes.Buffer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		reg := prometheus.NewRegistry()
		q, err := limiter.NewQuota(limiter.QuotaConfig{Service: "capture", Keys: keys}, store, slog.New(slog.NewTextHandler(&logged, nil)), reg)
		require.NoError(t, err)
		require.False(t, q.Limited("banana"))
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { require.NoError(t, q.Run(ctx)) })
		synctest.Wait()
		body(q, reg, &logged)
		cancel()
		wg.Wait()
	})
}

func TestQuota(t *testing.T) {
	key := limiter.OverflowKey("", limiter.Replay)
	t.Run("row 41 overflow set", func(t *testing.T) {
		store := &fakeStore{sets: map[string][]string{key: {"banana"}}}
		run(t, store, []string{key}, func(q *limiter.Quota, reg *prometheus.Registry, _ *bytes.Buffer) {
			require.True(t, q.Limited("banana"))
			require.False(t, q.Limited("not_limited"))
			require.Equal(t, 1.0, gauge(t, reg, "capture_billing_limits_loaded_tokens"))
			// synctest's clock starts at 2000-01-01T00:00:00Z.
			require.Equal(t, []string{key + " 946684800 +Inf"}, store.asked)
		})
	})
	t.Run("a refresh replaces the whole set", func(t *testing.T) {
		store := &fakeStore{sets: map[string][]string{key: {"banana"}}}
		run(t, store, []string{key}, func(q *limiter.Quota, _ *prometheus.Registry, _ *bytes.Buffer) {
			store.set(func() { store.sets[key] = []string{"apple"} })
			time.Sleep(5 * time.Second)
			synctest.Wait()
			require.True(t, q.Limited("apple"))
			require.False(t, q.Limited("banana"))
			require.Equal(t, key+" 946684805 +Inf", store.asked[1])
		})
	})
	t.Run("a failure keeps the set and is logged once", func(t *testing.T) {
		store := &fakeStore{sets: map[string][]string{key: {"banana"}}, errs: map[string]error{}}
		run(t, store, []string{key}, func(q *limiter.Quota, _ *prometheus.Registry, logged *bytes.Buffer) {
			store.set(func() { store.errs[key] = errors.New("redis is down") })
			time.Sleep(time.Minute)
			synctest.Wait()
			require.True(t, q.Limited("banana"))
			require.Equal(t, 1, strings.Count(logged.String(), "redis is down"))
			store.set(func() { delete(store.errs, key) })
			time.Sleep(time.Minute)
			synctest.Wait()
			require.Equal(t, 1, strings.Count(logged.String(), "can be read again"))
			require.Equal(t, 2, strings.Count(logged.String(), "\n"))
		})
	})
	t.Run("two sets are one, and fail apart", func(t *testing.T) {
		a, b := limiter.QuotaKey("", limiter.Surveys), limiter.QuotaKey("", limiter.SurveyResponses)
		store := &fakeStore{sets: map[string][]string{a: {"one"}, b: {"two"}}, errs: map[string]error{}}
		run(t, store, []string{a, b}, func(q *limiter.Quota, _ *prometheus.Registry, _ *bytes.Buffer) {
			require.True(t, q.Limited("one"))
			require.True(t, q.Limited("two"))
			store.set(func() { store.errs[a], store.sets[b] = errors.New("redis is down"), nil })
			time.Sleep(5 * time.Second)
			synctest.Wait()
			require.True(t, q.Limited("one"))
			require.False(t, q.Limited("two"))
		})
	})
	t.Run("a store that does not answer is given up", func(t *testing.T) {
		store := &fakeStore{hang: true}
		run(t, store, []string{key}, func(q *limiter.Quota, _ *prometheus.Registry, logged *bytes.Buffer) {
			require.False(t, q.Limited("banana"))
			time.Sleep(6 * time.Second)
			synctest.Wait()
			require.Contains(t, logged.String(), "no answer within the refresh interval")
		})
	})
}

func TestQuotaConfig(t *testing.T) {
	for _, cfg := range []limiter.QuotaConfig{
		{}, {Service: "capture"}, {Keys: []string{"k"}}, {Service: "capture", Keys: []string{"k"}, Interval: -1},
	} {
		_, err := limiter.NewQuota(cfg, &fakeStore{}, slog.New(slog.DiscardHandler), nil)
		require.Error(t, err, "%+v", cfg)
	}
}

package limiter_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hog-go/hog/common/limiter"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

func newOverflow(tb testing.TB, cfg limiter.OverflowConfig) (*limiter.Overflow, *prometheus.Registry) {
	tb.Helper()
	reg := prometheus.NewRegistry()
	o, err := limiter.NewOverflow(cfg, reg)
	require.NoError(tb, err)
	return o, reg
}

func TestOverflowRate(t *testing.T) {
	type step struct {
		after time.Duration // since the step before
		key   string
		want  limiter.Decision
	}
	const a, b = "tok:a", "tok:b"
	tests := map[string]struct {
		perSecond, burst int
		steps            []step
	}{
		"row 55 the third of a burst of two overflows": {perSecond: 1, burst: 2, steps: []step{
			{0, a, limiter.Allowed}, {0, a, limiter.Allowed}, {0, a, limiter.Limited},
		}},
		"row 56 two keys do not limit each other": {perSecond: 1, burst: 1, steps: []step{
			{0, a, limiter.Allowed}, {0, b, limiter.Allowed},
		}},
		"a limited event uses nothing up": {perSecond: 1, burst: 1, steps: []step{
			{0, a, limiter.Allowed}, {900 * time.Millisecond, a, limiter.Limited}, {100 * time.Millisecond, a, limiter.Allowed},
		}},
		"the burst comes back at the rate": {perSecond: 10, burst: 3, steps: []step{
			{0, a, limiter.Allowed}, {0, a, limiter.Allowed}, {0, a, limiter.Allowed}, {0, a, limiter.Limited},
			{200 * time.Millisecond, a, limiter.Allowed}, {0, a, limiter.Allowed}, {0, a, limiter.Limited},
			{time.Hour, a, limiter.Allowed}, {0, a, limiter.Allowed}, {0, a, limiter.Allowed}, {0, a, limiter.Limited},
		}},
		"a clock that goes back changes nothing": {perSecond: 1, burst: 1, steps: []step{
			{0, a, limiter.Allowed}, {-time.Hour, a, limiter.Limited}, {time.Hour + time.Second, a, limiter.Allowed},
		}},
		"without a rate nothing is measured": {steps: []step{{0, a, limiter.Allowed}, {0, a, limiter.Allowed}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o, _ := newOverflow(t, limiter.OverflowConfig{PerSecond: tt.perSecond, Burst: tt.burst})
			now := time.Now()
			for i, s := range tt.steps {
				now = now.Add(s.after)
				require.Equal(t, s.want, o.Check([]byte(s.key), now), "step %d", i)
			}
		})
	}
}

// TestOverflowAgainstBucket compares with a plain token bucket over random arrivals.
func TestOverflowAgainstBucket(t *testing.T) {
	const perSecond, burst = 100, 20
	o, _ := newOverflow(t, limiter.OverflowConfig{PerSecond: perSecond, Burst: burst})
	r := rand.New(rand.NewPCG(5, 6))
	now, level := time.Now(), int64(burst)*int64(time.Second)
	for i := range 100_000 {
		gap := time.Duration(r.IntN(15)) * time.Millisecond
		now = now.Add(gap)
		level = min(level+int64(gap)*perSecond, burst*int64(time.Second)) // in events x nanoseconds
		want := limiter.Limited
		if level >= int64(time.Second) {
			level -= int64(time.Second)
			want = limiter.Allowed
		}
		require.Equal(t, want, o.Check([]byte("tok:a"), now), "event %d", i)
	}
}

func TestOverflowForced(t *testing.T) {
	tests := map[string]struct {
		list, key string
		want      limiter.Decision
	}{
		"row 57 listed token":               {list: "one,three", key: "one:id", want: limiter.Forced},
		"row 57 other token":                {list: "one,three", key: "two:id"},
		"row 108 entries are not trimmed":   {list: "one, two", key: "two:id"},
		"row 108 the blank is part of it":   {list: "one, two", key: " two:id", want: limiter.Forced},
		"full key":                          {list: "one:id", key: "one:id", want: limiter.Forced},
		"other id of the same token":        {list: "one:id", key: "one:other"},
		"ids may contain colons":            {list: "one:a:b", key: "one:a:b", want: limiter.Forced},
		"first part that is not blank":      {list: "id", key: ": :id", want: limiter.Forced},
		"the id alone matches nothing":      {list: "id", key: "one:id"},
		"empty entries are dropped":         {list: ",,", key: ""},
		"a key without a part that is text": {list: "one", key: "::"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o, _ := newOverflow(t, limiter.OverflowConfig{PerSecond: 1, Burst: 1, ForcedKeys: tt.list})
			require.Equal(t, tt.want, o.Check([]byte(tt.key), time.Now()))
		})
	}
	t.Run("honoured where nothing is measured", func(t *testing.T) {
		o, _ := newOverflow(t, limiter.OverflowConfig{ForcedKeys: "one"})
		require.Equal(t, limiter.Forced, o.Check([]byte("one:id"), time.Now()))
	})
}

func TestOverflowConfig(t *testing.T) {
	for _, cfg := range []limiter.OverflowConfig{
		{PerSecond: -1, Burst: 1}, {PerSecond: 1}, {PerSecond: 1, Burst: -1}, {PerSecond: 1, Burst: 1, MaxKeys: -1},
	} {
		_, err := limiter.NewOverflow(cfg, nil)
		require.Error(t, err, "%+v", cfg)
	}
}

func TestOverflowForgetsQuietKeys(t *testing.T) {
	o, reg := newOverflow(t, limiter.OverflowConfig{PerSecond: 1, Burst: 100})
	keys := func() string { return strconv.Itoa(int(gauge(t, reg, "partition_limits_key_count"))) }
	now := time.Now()
	for range 100 {
		o.Check([]byte("busy"), now)
	}
	for i := range 1000 {
		o.Check(fmt.Appendf(nil, "quiet %d", i), now)
	}
	require.Equal(t, "1001", keys())
	o.Sweep(now.Add(999 * time.Millisecond))
	require.Equal(t, "1001", keys())
	o.Sweep(now.Add(time.Second))
	require.Equal(t, "1", keys())
	require.Equal(t, limiter.Allowed, o.Check([]byte("busy"), now.Add(time.Second)))
	require.Equal(t, limiter.Limited, o.Check([]byte("busy"), now.Add(time.Second)))
	o.Sweep(now.Add(time.Hour))
	require.Equal(t, "0", keys())
}

func TestOverflowIsBounded(t *testing.T) {
	o, reg := newOverflow(t, limiter.OverflowConfig{PerSecond: 1, Burst: 1, MaxKeys: 6400})
	now := time.Now()
	for i := range 100_000 {
		require.Equal(t, limiter.Allowed, o.Check(strconv.AppendInt(nil, int64(i), 10), now), "what finds no room passes")
	}
	require.LessOrEqual(t, gauge(t, reg, "partition_limits_key_count"), 6400.0)
	require.Equal(t, limiter.Limited, o.Check([]byte("0"), now), "keys that were there stay limited")

	now = now.Add(2 * time.Second)
	require.Equal(t, limiter.Allowed, o.Check([]byte("new"), now))
	require.Equal(t, limiter.Limited, o.Check([]byte("new"), now), "a full shard was swept")
}

func TestOverflowRunSweeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, reg := newOverflow(t, limiter.OverflowConfig{PerSecond: 1, Burst: 1})
		o.Check([]byte("a"), time.Now())
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { require.NoError(t, o.Run(ctx)) })
		time.Sleep(59 * time.Second)
		synctest.Wait()
		require.Equal(t, 1.0, gauge(t, reg, "partition_limits_key_count"))
		time.Sleep(12 * time.Second)
		synctest.Wait()
		require.Equal(t, 0.0, gauge(t, reg, "partition_limits_key_count"))
		cancel()
		wg.Wait()
	})
}

func TestOverflowParallel(t *testing.T) {
	const goroutines, each, burst = 8, 2000, 100
	o, _ := newOverflow(t, limiter.OverflowConfig{PerSecond: 1, Burst: burst})
	now := time.Now()
	allowed := make([]int, goroutines)
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			for i := range each {
				if o.Check([]byte{'k', byte('0' + i%10)}, now) == limiter.Allowed {
					allowed[g]++
				}
				if i%500 == 0 {
					o.Sweep(now)
				}
			}
		})
	}
	wg.Wait()
	sum := 0
	for _, n := range allowed {
		sum += n
	}
	require.Equal(t, 10*burst, sum)
}

func TestChecksAllocateNothing(t *testing.T) {
	o, _ := newOverflow(t, limiter.OverflowConfig{PerSecond: 1, Burst: 1, ForcedKeys: "forced"})
	d := limiter.NewTokenDropper("a,b:c")
	key, token, id, now := []byte("phc_abc:user-1"), []byte("b"), []byte("c"), time.Now()
	o.Check(key, now)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		o.Check(key, now)
		d.ShouldDrop(token, id)
	}))
}

func gauge(tb testing.TB, reg *prometheus.Registry, name string) float64 {
	tb.Helper()
	families, err := reg.Gather()
	require.NoError(tb, err)
	for _, f := range families {
		if f.GetName() == name {
			require.Len(tb, f.GetMetric(), 1)
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	tb.Fatalf("no metric %s", name)
	return 0
}

func BenchmarkOverflowCheck(b *testing.B) {
	o, _ := newOverflow(b, limiter.OverflowConfig{PerSecond: 100, Burst: 1000, ForcedKeys: "other"})
	keys := make([][]byte, 10_000)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "phc_9Xa1LmQ4rT7sVb2Nc5Df8Gh3Jk6Lp0Zw:user-%d", i)
	}
	now := time.Now()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := rand.IntN(len(keys)); pb.Next(); i++ {
			o.Check(keys[i%len(keys)], now)
		}
	})
}

package limiter_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/limiter"
	"github.com/hog-go/hog/common/redis"
)

// fakeCounters is a Redis with counters and values, which can fail.
type fakeCounters struct {
	mu       sync.Mutex
	counts   map[string]int64
	values   map[string]string
	readErr  error
	writeErr error
	steps    []int // of each IncrBy
	reads    []int // keys of each MGet
}

func newFakeCounters() *fakeCounters {
	return &fakeCounters{counts: map[string]int64{}, values: map[string]string{}}
}

func (f *fakeCounters) IncrBy(_ context.Context, steps []redis.Increment) ([]int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.steps = append(f.steps, len(steps))
	if f.writeErr != nil {
		return nil, f.writeErr
	}
	values := make([]int64, len(steps))
	for i, s := range steps {
		f.counts[s.Key] += s.By
		values[i] = f.counts[s.Key]
	}
	return values, nil
}

func (f *fakeCounters) MGet(_ context.Context, keys ...string) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads = append(f.reads, len(keys))
	if f.readErr != nil {
		return nil, f.readErr
	}
	values := make([]string, len(keys))
	for i, key := range keys {
		if n, ok := f.counts[key]; ok {
			values[i] = strconv.FormatInt(n, 10)
		}
	}
	return values, nil
}

func (f *fakeCounters) Get(_ context.Context, key string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.readErr != nil {
		return "", f.readErr
	}
	if value, ok := f.values[key]; ok {
		return value, nil
	}
	return "", redis.ErrNotFound
}

// set changes the store between two exchanges.
func (f *fakeCounters) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// globalConfig is one with small numbers; each change adapts it.
func globalConfig(changes ...func(*limiter.GlobalConfig)) limiter.GlobalConfig {
	cfg := limiter.GlobalConfig{Service: "capture", Scope: "test", Prefix: "@test/grl", Threshold: 100}
	for _, change := range changes {
		change(&cfg)
	}
	return cfg
}

// fleet is one limiter of several on a store, with what it counts and logs.
type fleet struct {
	*limiter.Global
	reg    *prometheus.Registry
	logged *bytes.Buffer
}

// start runs a limiter until the test, or the bubble, ends its context.
func startGlobal(t testing.TB, ctx context.Context, wg *sync.WaitGroup, store *fakeCounters, cfg limiter.GlobalConfig) fleet {
	t.Helper()
	f := fleet{reg: prometheus.NewRegistry(), logged: &bytes.Buffer{}}
	var err error
	f.Global, err = limiter.NewGlobal(cfg, store, store, slog.New(slog.NewTextHandler(f.logged, nil)), f.reg)
	require.NoError(t, err)
	wg.Go(func() { require.NoError(t, f.Run(ctx)) })
	return f
}

// onFleet gives body one or more limiters over one store, on a fake clock that starts with a window.
func onFleet(t *testing.T, n int, cfg limiter.GlobalConfig, body func(t *testing.T, store *fakeCounters, g []fleet)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		store := newFakeCounters()
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		g := make([]fleet, n)
		for i := range g {
			g[i] = startGlobal(t, ctx, &wg, store, cfg)
		}
		body(t, store, g)
		cancel()
		wg.Wait()
	})
}

// pass lets time go by until all that is due then is done.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// count counts one of key n times and tells how many of them were limited.
func (f fleet) count(key string, n int) (limited int) {
	for range n {
		if f.Count([]byte(key), 1, time.Now()) {
			limited++
		}
	}
	return limited
}

// sample is the sum of the metrics of a name that have these label values.
func (f fleet) sample(t *testing.T, name string, labels ...string) (sum float64) {
	t.Helper()
	families, err := f.reg.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			has := map[string]bool{}
			for _, l := range m.GetLabel() {
				has[l.GetValue()] = true
			}
			matches := true
			for _, l := range labels {
				matches = matches && has[l]
			}
			if matches {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
		return sum
	}
	t.Fatalf("no metric %s", name)
	return 0
}

func TestGlobalAlone(t *testing.T) {
	onFleet(t, 1, globalConfig(), func(t *testing.T, _ *fakeCounters, g []fleet) {
		require.Equal(t, 6, g[0].count("tok:a", 105), "what reaches the threshold is limited")
		require.Zero(t, g[0].count("tok:b", 99), "keys have counts of their own")
		require.False(t, g[0].Count([]byte("tok:c"), 1000, time.Now()), "the first count of a key passes, whatever it is")
		require.True(t, g[0].Count([]byte("tok:c"), 1, time.Now()))
		require.Zero(t, g[0].count("", 1000), "no key is no limit")
		require.False(t, g[0].Count([]byte("tok:b"), 0, time.Now()))
		pass(time.Second)
		require.Equal(t, 7.0, g[0].sample(t, "global_rate_limiter_eval_counts_total", "limited"))
		require.Equal(t, 200.0, g[0].sample(t, "global_rate_limiter_eval_counts_total", "allowed"))
		require.Equal(t, 3.0, g[0].sample(t, "global_rate_limiter_cache_counts_total", "miss"))
		require.Equal(t, 3.0, g[0].sample(t, "global_rate_limiter_cache_size"))
	})
}

func TestGlobalKeysInRedis(t *testing.T) {
	onFleet(t, 1, globalConfig(), func(t *testing.T, store *fakeCounters, g []fleet) {
		window := time.Now().Unix() / 60
		key := func(name string, window int64) string { return fmt.Sprintf("@test/grl:%s:%d", name, window) }
		g[0].count("tok:a", 7)
		g[0].Count([]byte("tok:a:b"), 1000, time.Now())
		pass(time.Second)
		g[0].count("tok:a", 3)
		pass(59 * time.Second)
		g[0].count("tok:a", 2)
		pass(time.Second)
		require.Equal(t, map[string]int64{key("tok:a", window): 10, key("tok:a:b", window): 1000, key("tok:a", window+1): 2}, store.counts)
	})
}

// What is counted in two windows between exchanges, or shortly before the end, is written where it belongs.
func TestGlobalWritesEachWindow(t *testing.T) {
	onFleet(t, 1, globalConfig(func(c *limiter.GlobalConfig) { c.Tick = 40 * time.Second }), func(t *testing.T, store *fakeCounters, g []fleet) {
		window := time.Now().Unix() / 60
		pass(50 * time.Second)
		g[0].count("tok", 5)
		pass(20 * time.Second)
		g[0].count("tok", 3)
		pass(10 * time.Second)
		want := map[string]int64{fmt.Sprintf("@test/grl:tok:%d", window): 5, fmt.Sprintf("@test/grl:tok:%d", window+1): 3}
		require.Equal(t, want, store.counts)
	})
}

func TestGlobalWritesAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeCounters()
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		g := startGlobal(t, ctx, &wg, store, globalConfig())
		g.count("tok", 5)
		cancel()
		wg.Wait()
		require.Len(t, store.counts, 1)
		require.Equal(t, 5.0, g.sample(t, "global_rate_limiter_eval_counts_total", "allowed"))
	})
}

// Two processes see the sum of their counts, within half a sync interval and two ticks near the threshold.
func TestGlobalFleet(t *testing.T) {
	onFleet(t, 2, globalConfig(), func(t *testing.T, _ *fakeCounters, g []fleet) {
		require.Zero(t, g[0].count("tok:a", 60)+g[1].count("tok:a", 60), "neither knows of the other")
		start := time.Now()
		for limited := [2]bool{}; !limited[0] || !limited[1]; pass(time.Second) {
			for i := range g {
				limited[i] = limited[i] || g[i].count("tok:a", 1) == 1
			}
			// A sync interval after the first exchange, at the next count, in the exchange after it.
			require.LessOrEqual(t, time.Since(start), time.Second+15*time.Second+2*time.Second)
		}
		require.Zero(t, g[0].count("tok:b", 1)+g[1].count("tok:b", 1))
	})
	t.Run("a key near its threshold is read again within half of the interval", func(t *testing.T) {
		onFleet(t, 2, globalConfig(), func(t *testing.T, _ *fakeCounters, g []fleet) {
			g[0].count("tok", 85)
			pass(2 * time.Second)
			require.Zero(t, g[1].count("tok", 50))
			took := 0
			for start := time.Now(); g[0].count("tok", 1) == 0; took++ {
				require.LessOrEqual(t, time.Since(start), 15*time.Second/2+2*time.Second)
				pass(time.Second)
			}
			require.NotZero(t, took)
		})
	})
	t.Run("one that is far from it, after four intervals", func(t *testing.T) {
		onFleet(t, 1, globalConfig(), func(t *testing.T, store *fakeCounters, g []fleet) {
			g[0].count("tok", 20)
			pass(time.Second)
			require.Equal(t, []int{2}, store.reads)
			for range 59 {
				pass(time.Second)
				g[0].count("tok", 1)
				if level := time.Now().Second(); level > 25 {
					break // still below half of the threshold
				}
			}
			require.Equal(t, []int{2}, store.reads)
		})
	})
}

// What was counted here is neither forgotten nor counted twice when the fleet's count arrives.
func TestGlobalCountsOnce(t *testing.T) {
	onFleet(t, 1, globalConfig(func(c *limiter.GlobalConfig) { c.Threshold = 1000; c.SyncInterval = 2 * time.Second }), func(t *testing.T, _ *fakeCounters, g []fleet) {
		passed := 0
		for range 20 { // a second each
			passed += 30 - g[0].count("tok", 30)
			pass(time.Second)
		}
		require.Equal(t, 600, passed)
		passed = 0
		for g[0].count("tok", 1) == 0 {
			passed++
		}
		// Between two readings, which below half of the threshold are 8 s and a tick apart, the last one drains by 1000/60 in a second.
		require.GreaterOrEqual(t, passed, 398)
		require.LessOrEqual(t, passed, 400+9*1000/60+1)
	})
}

func TestGlobalWindowSlides(t *testing.T) {
	tests := map[string]struct {
		previous, current int64
		into              time.Duration // the window
		want              bool
	}{
		"all of the window before at its end":   {previous: 102, into: 0, want: true},
		"half of it in the middle":              {previous: 190, into: 30 * time.Second, want: false},
		"half of it in the middle, and current": {previous: 100, current: 51, into: 30 * time.Second, want: true},
		"little of it at the end":               {previous: 5000, into: 59 * time.Second, want: false},
		"the current window counts in full":     {current: 101, into: 59 * time.Second, want: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			onFleet(t, 1, globalConfig(), func(t *testing.T, store *fakeCounters, g []fleet) {
				pass(time.Minute - 100*time.Millisecond) // ticks are on the second
				window := (time.Now().Unix() + 1) / 60
				store.set(func() {
					store.counts[fmt.Sprintf("@test/grl:tok:%d", window-1)] = tt.previous
					store.counts[fmt.Sprintf("@test/grl:tok:%d", window)] = tt.current
				})
				pass(tt.into)
				g[0].count("tok", 1)
				pass(101 * time.Millisecond)
				require.Equal(t, tt.want, g[0].count("tok", 1) == 1)
			})
		})
	}
	t.Run("between readings it drains by a threshold in a window", func(t *testing.T) {
		onFleet(t, 1, globalConfig(func(c *limiter.GlobalConfig) { c.SyncInterval = time.Hour }), func(t *testing.T, store *fakeCounters, g []fleet) {
			store.counts[fmt.Sprintf("@test/grl:tok:%d", time.Now().Unix()/60)] = 199
			g[0].count("tok", 1)
			pass(time.Second)
			require.Equal(t, 1, g[0].count("tok", 1))
			pass(58 * time.Second)
			require.Equal(t, 1, g[0].count("tok", 1))
			pass(4 * time.Second)
			require.Zero(t, g[0].count("tok", 1))
		})
	})
}

func TestGlobalThresholds(t *testing.T) {
	cfg := globalConfig(func(c *limiter.GlobalConfig) {
		c.Overrides = "tok:loud=1000, tok = 10 ,broken,other=x,:=5,only:a=3"
		c.ThresholdKey, c.ThresholdRefresh = "thresholds", 10*time.Second
	})
	limit := func(g fleet, key string) int { // counts that pass
		n := 0
		for g.count(key, 1) == 0 {
			n++
		}
		return n
	}
	onFleet(t, 1, cfg, func(t *testing.T, store *fakeCounters, g []fleet) {
		pass(0)
		for key, want := range map[string]int{
			"tok:loud": 999, "tok:any": 9, "tok": 9, "tok:loud:er": 9, "other:a": 99, "only:a": 2, "only:b": 99, "only": 99, "::": 99, ":": 4,
		} {
			require.Equal(t, want, limit(g[0], key), key)
		}
		require.Equal(t, 2, strings.Count(g[0].logged.String(), "level=ERROR"), g[0].logged)

		store.set(func() { store.values["thresholds"] = `{"tok":20,"new:a":30}` })
		pass(10 * time.Second)
		for key, want := range map[string]int{"tok:x1": 19, "new:a": 29, "only:a:1": 99} {
			require.Equal(t, want, limit(g[0], key), key)
		}
		require.Equal(t, 2.0, g[0].sample(t, "global_rate_limiter_custom_thresholds_loaded"))

		for i, garbage := range []string{`{"tok":`, `{"tok":"20"}`, `{"tok":-1}`, `[1]`} {
			store.set(func() { store.values["thresholds"] = garbage })
			pass(10 * time.Second)
			require.Equal(t, 19, limit(g[0], fmt.Sprint("tok:garbage", i)), "the last thresholds that made sense stay")
		}
		require.Equal(t, 4.0, g[0].sample(t, "global_rate_limiter_custom_thresholds_fetch_total", "parse_error"))

		store.set(func() { store.values["thresholds"] = `{}` })
		pass(10 * time.Second)
		require.Equal(t, 99, limit(g[0], "tok:x2"), "an empty object is no thresholds, and no list")

		store.set(func() { delete(store.values, "thresholds") })
		pass(10 * time.Second)
		require.Equal(t, 9, limit(g[0], "tok:x3"), "without the key the list is back")
	})
	t.Run("scale", func(t *testing.T) {
		cfg := globalConfig(func(c *limiter.GlobalConfig) {
			c.Threshold, c.Overrides, c.OverrideScale = 60*1000, "tok=2000,huge=18446744073709551615", 60
		})
		onFleet(t, 1, cfg, func(t *testing.T, _ *fakeCounters, g []fleet) {
			count := func(key string, n uint64) bool { return g[0].Count([]byte(key), n, time.Now()) }
			for _, key := range []string{"tok", "default", "huge"} {
				require.False(t, count(key, 1))
			}
			require.False(t, count("tok", 119_998))
			require.True(t, count("tok", 1))
			require.True(t, count("default", 59_999))
			require.False(t, count("huge", 1<<60))
		})
	})
}

func TestGlobalFailsOpen(t *testing.T) {
	down := errors.New("redis is down")
	onFleet(t, 1, globalConfig(), func(t *testing.T, store *fakeCounters, g []fleet) {
		store.set(func() { store.readErr, store.writeErr = down, down })
		require.NotZero(t, g[0].count("tok", 110), "what this process counts is enough by itself")
		pass(30 * time.Second)
		require.Equal(t, 1, g[0].count("tok", 1))
		for range 60 { // without readings nothing is taken away
			g[0].count("slow", 1)
			g[0].count("tok", 1)
			pass(time.Second)
		}
		require.Zero(t, g[0].count("tok", 10), "then it is not")
		require.Zero(t, g[0].count("slow", 100))
		pass(2 * time.Second)
		require.Greater(t, g[0].sample(t, "global_rate_limiter_outage_limit_skipped_total"), 10.0)
		require.Greater(t, g[0].sample(t, "global_rate_limiter_read_failing_seconds"), 59.0)
		require.NotZero(t, g[0].sample(t, "global_rate_limiter_error_total", "redis_error"))
		require.NotZero(t, g[0].sample(t, "global_rate_limiter_error_total", "redis_write"))
		require.Equal(t, 1, strings.Count(g[0].logged.String(), "redis is down"))

		store.set(func() { store.readErr, store.writeErr = nil, nil })
		g[0].count("tok", 1)
		pass(2 * time.Second)
		require.Zero(t, g[0].sample(t, "global_rate_limiter_read_failing_seconds"))
		require.Equal(t, 1, strings.Count(g[0].logged.String(), "with Redis again"))
		require.Zero(t, g[0].count("tok", 50))
		require.NotZero(t, g[0].count("tok", 100), "limits hold again")
	})
	t.Run("a key that was over its threshold stays so until its count has drained", func(t *testing.T) {
		onFleet(t, 1, globalConfig(func(c *limiter.GlobalConfig) { c.MaxReadOutage = 10 * time.Second }), func(t *testing.T, store *fakeCounters, g []fleet) {
			g[0].count("tok", 190)
			pass(2 * time.Second)
			store.set(func() { store.readErr = down })
			for range 40 {
				require.Equal(t, 1, g[0].count("tok", 1))
				pass(time.Second)
			}
			pass(20 * time.Second)
			require.Zero(t, g[0].count("tok", 1))
		})
	})
	t.Run("a timeout is told apart", func(t *testing.T) {
		onFleet(t, 1, globalConfig(), func(t *testing.T, store *fakeCounters, g []fleet) {
			store.set(func() { store.readErr, store.writeErr = redis.ErrTimeout, redis.ErrTimeout })
			g[0].count("tok", 20)
			pass(time.Second)
			require.Equal(t, 1.0, g[0].sample(t, "global_rate_limiter_error_total", "read_timeout"))
			require.Equal(t, 1.0, g[0].sample(t, "global_rate_limiter_error_total", "write_timeout"))
		})
	})
}

func TestGlobalDryRun(t *testing.T) {
	cfg := globalConfig(func(c *limiter.GlobalConfig) { c.DryRun, c.Overrides = true, "tok=10" })
	onFleet(t, 1, cfg, func(t *testing.T, store *fakeCounters, g []fleet) {
		require.Zero(t, g[0].count("tok:a", 20)+g[0].count("other:a", 102))
		pass(time.Second)
		require.Equal(t, 11.0, g[0].sample(t, "capture_global_rate_limiter_dry_run", "custom"))
		require.Equal(t, 3.0, g[0].sample(t, "capture_global_rate_limiter_dry_run", "global"))
		require.Len(t, store.counts, 2)
	})
}

func TestGlobalBounds(t *testing.T) {
	t.Run("keys: the busy ones stay", func(t *testing.T) {
		cfg := globalConfig(func(c *limiter.GlobalConfig) { c.MaxKeys = 2560 })
		onFleet(t, 1, cfg, func(t *testing.T, _ *fakeCounters, g []fleet) {
			busy := []string{"tok:a", "tok:b", "tok:c"}
			for _, key := range busy {
				g[0].count(key, 110)
			}
			for i := range 100_000 {
				require.Zero(t, g[0].count(fmt.Sprint("flood:", i), 1))
			}
			for _, key := range busy {
				require.Equal(t, 1, g[0].count(key, 1))
			}
			pass(time.Second)
			require.Equal(t, 2560.0, g[0].sample(t, "global_rate_limiter_cache_size"))
			require.Equal(t, 100_003.0-2560, g[0].sample(t, "global_rate_limiter_eviction_total", "size"))
		})
	})
	t.Run("writes: the rest is lost", func(t *testing.T) {
		cfg := globalConfig(func(c *limiter.GlobalConfig) { c.MaxWrites = 256 })
		onFleet(t, 1, cfg, func(t *testing.T, store *fakeCounters, g []fleet) {
			for i := range 10_000 {
				g[0].count(fmt.Sprint("flood:", i), 2)
			}
			pass(time.Second)
			require.Len(t, store.counts, 256)
			require.Equal(t, 20_000.0-512, g[0].sample(t, "global_rate_limiter_error_total", "write_batch_full"))
		})
	})
	t.Run("reads: the rest has to come again", func(t *testing.T) {
		cfg := globalConfig(func(c *limiter.GlobalConfig) { c.MaxReads = 256 })
		onFleet(t, 1, cfg, func(t *testing.T, store *fakeCounters, g []fleet) {
			for i := range 10_000 {
				g[0].count(fmt.Sprint("flood:", i), 1)
			}
			pass(time.Second)
			require.Equal(t, []int{512}, store.reads)
			require.Equal(t, 10_000.0-256, g[0].sample(t, "global_rate_limiter_error_total", "pending_sync_full"))
		})
	})
	t.Run("exchanges and commands: the rest waits, and nothing is lost", func(t *testing.T) {
		cfg := globalConfig(func(c *limiter.GlobalConfig) { c.MaxKeysPerTick, c.MaxKeysPerCommand = 1000, 300 })
		onFleet(t, 1, cfg, func(t *testing.T, store *fakeCounters, g []fleet) {
			for i := range 10_000 {
				g[0].count(fmt.Sprint("flood:", i), 1)
			}
			pass(time.Second)
			require.InDelta(t, 1000, len(store.counts), 100)
			require.InDelta(t, 9000, g[0].sample(t, "global_rate_limiter_write_deferred_size"), 100)
			require.InDelta(t, 9000, g[0].sample(t, "global_rate_limiter_sync_deferred_size"), 100)
			for i := range 10_000 {
				g[0].count(fmt.Sprint("flood:", i), 1)
			}
			pass(15 * time.Second)
			require.Len(t, store.counts, 10_000)
			sum, most := int64(0), 0
			for n := range maps.Values(store.counts) {
				sum += n
			}
			for _, n := range append(store.steps, store.reads...) {
				most = max(most, n)
			}
			require.Equal(t, int64(20_000), sum)
			require.Equal(t, 300, most)
		})
	})
	t.Run("counts of a window that nobody reads any more are not written", func(t *testing.T) {
		onFleet(t, 1, globalConfig(), func(t *testing.T, store *fakeCounters, g []fleet) {
			g[0].Count([]byte("tok"), 1, time.Now().Add(-3*time.Minute))
			pass(time.Second)
			require.Empty(t, store.counts)
			require.Equal(t, 1.0, g[0].sample(t, "global_rate_limiter_error_total", "stale_epoch_purged"))
		})
	})
}

func TestGlobalFloor(t *testing.T) {
	tests := map[string]struct {
		floor, threshold uint64
		counts           int
		reads            int
	}{
		"below it a key is not read": {floor: 10, threshold: 10_000, counts: 9, reads: 0},
		"at it the key is":           {floor: 10, threshold: 10_000, counts: 10, reads: 1},
		"at most 1 % of a threshold": {floor: 10, threshold: 300, counts: 3, reads: 1},
		"at least one":               {floor: 10, threshold: 20, counts: 1, reads: 1},
		"none":                       {floor: 0, threshold: 10_000, counts: 1, reads: 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			cfg := globalConfig(func(c *limiter.GlobalConfig) { c.SyncFloor, c.Threshold = tt.floor, tt.threshold })
			onFleet(t, 1, cfg, func(t *testing.T, store *fakeCounters, g []fleet) {
				g[0].count("tok", tt.counts)
				pass(time.Second)
				require.Len(t, store.reads, tt.reads)
				require.Len(t, store.counts, 1, "it is written all the same")
			})
		})
	}
}

func TestGlobalForgets(t *testing.T) {
	cfg := globalConfig(func(c *limiter.GlobalConfig) { c.Idle = time.Minute })
	onFleet(t, 1, cfg, func(t *testing.T, _ *fakeCounters, g []fleet) {
		for i := range 1000 {
			g[0].count(fmt.Sprint("quiet:", i), 1)
		}
		for range 125 {
			g[0].count("busy", 1)
			pass(time.Second)
		}
		require.Equal(t, 1.0, g[0].sample(t, "global_rate_limiter_cache_size"))
		require.Equal(t, 1000.0, g[0].sample(t, "global_rate_limiter_eviction_total", "expired"))
	})
}

func TestGlobalConfig(t *testing.T) {
	for name, change := range map[string]func(*limiter.GlobalConfig){
		"no service":                     func(c *limiter.GlobalConfig) { c.Service = "" },
		"no scope":                       func(c *limiter.GlobalConfig) { c.Scope = "" },
		"no prefix":                      func(c *limiter.GlobalConfig) { c.Prefix = "" },
		"no threshold":                   func(c *limiter.GlobalConfig) { c.Threshold = 0 },
		"a window of less than 1 s":      func(c *limiter.GlobalConfig) { c.Window = time.Millisecond },
		"a window of broken seconds":     func(c *limiter.GlobalConfig) { c.Window = 1500 * time.Millisecond },
		"a negative tick":                func(c *limiter.GlobalConfig) { c.Tick = -1 },
		"a negative bound":               func(c *limiter.GlobalConfig) { c.MaxKeys = -1 },
		"thresholds without their Redis": func(c *limiter.GlobalConfig) { c.ThresholdKey = "k" },
	} {
		t.Run(name, func(t *testing.T) {
			_, err := limiter.NewGlobal(globalConfig(change), newFakeCounters(), nil, slog.New(slog.DiscardHandler), nil)
			require.Error(t, err)
		})
	}
}

// No count is lost or doubled while many goroutines count and exchanges go on.
func TestGlobalParallel(t *testing.T) {
	store := newFakeCounters()
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	g := startGlobal(t, ctx, &run, store, globalConfig(func(c *limiter.GlobalConfig) { c.Tick, c.Threshold = time.Millisecond, 1<<40 }))
	const goroutines, each = 8, 5000
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for i := range each {
				g.count(fmt.Sprint("tok:", i%100), 1)
			}
		})
	}
	wg.Wait()
	cancel()
	run.Wait()
	sum := int64(0)
	for _, n := range store.counts {
		sum += n
	}
	require.Equal(t, int64(goroutines*each), sum)
}

func TestGlobalCountAllocatesNothing(t *testing.T) {
	g, err := limiter.NewGlobal(globalConfig(func(c *limiter.GlobalConfig) { c.Overrides = "other=5" }), newFakeCounters(), nil, slog.New(slog.DiscardHandler), nil)
	require.NoError(t, err)
	key, now := []byte("phc_abc:user-1"), time.Now()
	g.Count(key, 1, now)
	require.Zero(t, testing.AllocsPerRun(1000, func() { g.Count(key, 1, now) }))
}

func BenchmarkGlobalCount(b *testing.B) {
	for _, known := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprint("keys=", known), func(b *testing.B) {
			g, err := limiter.NewGlobal(globalConfig(func(c *limiter.GlobalConfig) {
				c.MaxKeys, c.Threshold, c.SyncFloor, c.Overrides = 5_000_000, 300_000, 10, "other=5"
			}),
				newFakeCounters(), nil, slog.New(slog.DiscardHandler), nil)
			require.NoError(b, err)
			keys := benchKeys(known)
			now := time.Now()
			for _, key := range keys {
				g.Count(key, 1, now)
			}
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for i := rand.IntN(known); pb.Next(); i++ {
					g.Count(keys[i%known], 1, now)
				}
			})
		})
	}
}

// BenchmarkGlobalMemory measures what a key costs when the bound is reached.
func BenchmarkGlobalMemory(b *testing.B) {
	const keys = 5_000_000
	for b.Loop() {
		before := heap()
		g, err := limiter.NewGlobal(globalConfig(func(c *limiter.GlobalConfig) { c.MaxKeys, c.SyncFloor = keys, 10 }), newFakeCounters(), nil, slog.New(slog.DiscardHandler), nil)
		require.NoError(b, err)
		now, key := time.Now(), make([]byte, 0, 64)
		for i := range keys {
			key = append(key[:0], "phc_9Xa1LmQ4rT7sVb2Nc5Df8Gh3Jk6Lp0Zw:user-"...)
			g.Count(strconv.AppendInt(key, int64(i), 10), 1, now)
		}
		b.ReportMetric(float64(heap()-before)/keys, "B/key")
		runtime.KeepAlive(g)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func benchKeys(n int) [][]byte {
	keys := make([][]byte, n)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "phc_9Xa1LmQ4rT7sVb2Nc5Df8Gh3Jk6Lp0Zw:user-%d", i)
	}
	return keys
}

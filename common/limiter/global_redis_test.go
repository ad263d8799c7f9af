package limiter_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/embedded"
	"github.com/hog-go/hog/common/limiter"
	"github.com/hog-go/hog/common/redis"
	"github.com/hog-go/hog/common/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// quick has exchanges that tests need not wait for.
func quick(c *limiter.GlobalConfig) {
	c.Tick, c.SyncInterval, c.Window = 10*time.Millisecond, 20*time.Millisecond, time.Hour
}

// onRedis runs a limiter over a Redis until the test ends.
func onRedis(t *testing.T, servers redis.Config, changes ...func(*limiter.GlobalConfig)) (fleet, *redis.Client) {
	t.Helper()
	servers.ResponseTimeout = redis.Timeout(time.Second)
	client, err := redis.New(servers, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	f := fleet{reg: prometheus.NewRegistry()}
	f.Global, err = limiter.NewGlobal(globalConfig(append([]func(*limiter.GlobalConfig){quick}, changes...)...), client, client, slog.New(slog.DiscardHandler), f.reg)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { require.NoError(t, f.Run(ctx)) })
	t.Cleanup(func() { cancel(); wg.Wait(); require.NoError(t, client.Close()) })
	return f, client
}

// limitedSoon counts n of key again and again until that is limited, or for ever not.
func limitedSoon(t *testing.T, f fleet, key string, n uint64) {
	t.Helper()
	require.Eventually(t, func() bool { return f.Count([]byte(key), n, time.Now()) }, 10*time.Second, 5*time.Millisecond)
}

// hourKey is where the current hour's count of a key is.
func hourKey(key string) string { return fmt.Sprintf("@test/grl:%s:%d", key, time.Now().Unix()/3600) }

func TestGlobalShared(t *testing.T) {
	address := testkit.Redis(t)
	a, client := onRedis(t, redis.Config{URL: address})
	b, _ := onRedis(t, redis.Config{URL: address})
	require.Zero(t, a.count("tok:a", 60)+b.count("tok:a", 60))
	require.Eventually(t, func() bool {
		got, err := client.Get(t.Context(), hourKey("tok:a"))
		return err == nil && got == "120"
	}, 10*time.Second, 5*time.Millisecond, "Redis holds the sum")
	limitedSoon(t, a, "tok:a", 0)
	limitedSoon(t, b, "tok:a", 0)
	require.Zero(t, a.count("tok:b", 30)+b.count("tok:b", 30))

	o, err := goredis.ParseURL(address)
	require.NoError(t, err)
	bare := goredis.NewClient(o)
	defer bare.Close()
	ttl, err := bare.TTL(t.Context(), hourKey("tok:a")).Result()
	require.NoError(t, err)
	require.InDelta(t, 2*time.Hour, ttl, float64(time.Minute))
}

// A process that comes later learns what the others counted.
func TestGlobalLateComer(t *testing.T) {
	address := testkit.Redis(t)
	a, client := onRedis(t, redis.Config{URL: address})
	a.count("tok", 150)
	require.Eventually(t, func() bool { _, err := client.Get(t.Context(), hourKey("tok")); return err == nil }, 10*time.Second, 5*time.Millisecond)
	b, _ := onRedis(t, redis.Config{URL: address})
	require.False(t, b.Count([]byte("tok"), 1, time.Now()), "the first count passes")
	limitedSoon(t, b, "tok", 0)
}

// Counts are written to the one server and read from the other; these two do not replicate.
func TestGlobalReader(t *testing.T) {
	writer, reader := testkit.Redis(t), testkit.Redis(t)
	f, _ := onRedis(t, redis.Config{URL: writer, ReaderURL: reader})
	at, err := redis.New(redis.Config{URL: reader}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer at.Close()
	require.NoError(t, at.Set(t.Context(), hourKey("tok"), "1000", time.Hour))
	require.False(t, f.Count([]byte("tok"), 1, time.Now()))
	limitedSoon(t, f, "tok", 0)
	_, err = at.Get(t.Context(), hourKey("other"))
	require.True(t, redis.IsNotFound(err))
}

func TestGlobalThresholdsInRedis(t *testing.T) {
	f, client := onRedis(t, redis.Config{URL: testkit.Redis(t)}, func(c *limiter.GlobalConfig) {
		c.ThresholdKey, c.ThresholdRefresh = "thresholds", 10*time.Millisecond
	})
	require.Zero(t, f.count("tok:a", 50))
	require.NoError(t, client.Set(t.Context(), "thresholds", `{"tok":40}`, 0))
	limitedSoon(t, f, "tok:a", 0)
	require.NoError(t, client.Del(t.Context(), "thresholds"))
	require.Eventually(t, func() bool { return f.count("tok:a", 1) == 0 }, 10*time.Second, 5*time.Millisecond)
}

// A Redis that stops limits nobody who is under the threshold; one that returns is used again, with what it held.
func TestGlobalRedisStopsAndReturns(t *testing.T) {
	options := embedded.RedisOptions{Dir: t.TempDir(), SaveEvery: time.Hour}
	server, err := embedded.StartRedis(t.Context(), options)
	require.NoError(t, err)
	u, err := url.Parse(server.URL())
	require.NoError(t, err)
	options.Addr = u.Host
	f, _ := onRedis(t, redis.Config{URL: server.URL()}, func(c *limiter.GlobalConfig) { c.MaxReadOutage = 50 * time.Millisecond })
	require.Zero(t, f.count("tok", 60))
	require.Eventually(t, func() bool { return f.sample(t, "global_rate_limiter_records_total", "redis_read") > 0 }, 10*time.Second, 5*time.Millisecond)

	require.NoError(t, server.Stop(t.Context()))
	f.count("tok", 5)
	require.Eventually(t, func() bool {
		f.count("slow", 1)
		return f.sample(t, "global_rate_limiter_read_failing_seconds") > 0.05
	}, 10*time.Second, 5*time.Millisecond)
	require.Zero(t, f.count("slow", 200), "Redis trouble allows")

	server, err = embedded.StartRedis(t.Context(), options)
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Stop(context.WithoutCancel(t.Context()))) }()
	limitedSoon(t, f, "tok", 1)
	require.Zero(t, f.sample(t, "global_rate_limiter_read_failing_seconds"))
}

package capture_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/embedded"
	"github.com/hog-go/hog/common/testkit"
)

// redisRules are settings under which everything that is kept in Redis matters, and is read as often as it may be.
func redisRules(url string) []string {
	return []string{
		"REDIS_URL=" + url, "EVENT_RESTRICTIONS_ENABLED=true", "EVENT_RESTRICTIONS_REDIS_URL=" + url, "EVENT_RESTRICTIONS_REFRESH_INTERVAL_SECS=1",
		"GLOBAL_RATE_LIMIT_ENABLED=true", "GLOBAL_RATE_LIMIT_TICK_INTERVAL_MS=100", "GLOBAL_RATE_LIMIT_CUSTOM_THRESHOLD_KEY=thresholds", "GLOBAL_RATE_LIMIT_CUSTOM_THRESHOLD_REFRESH_SECS=1",
		"CAPTURE_V1_ENABLED=true",
	}
}

// What the main app writes to Redis is obeyed within the interval at which it is read, while events keep coming.
func TestRedisChangesUnderLoad(t *testing.T) {
	broker := testkit.Kafka(t)
	url := testkit.Redis(t)
	client := redisClient(t, url)
	h := serve(t, append(redisRules(url), "KAFKA_HOSTS="+strings.Join(broker.Brokers, ","), "KAFKA_TOPIC="+broker.Topic(t, 4), "KAFKA_OVERFLOW_TOPIC="+broker.Topic(t, 1), "KAFKA_PRODUCER_LINGER_MS=1"))
	load := &faultLoad{url: h.url, answers: map[int]int{}}
	stop := load.run(8)
	defer func() {
		require.Equal(t, map[int]int{200: len(stop())}, load.answers, "no request failed")
	}()
	// answer is what becomes of an event of project p now.
	answer := func() string {
		_, text, _ := h.do(t, "POST", v1Path, v1Headers("Authorization: Bearer p"), v1Batch(v1Event(1, "e", "")))
		return text
	}
	for i := range 2 { // the first count of a key always passes
		require.Equal(t, results("ok"), answer(), i)
	}
	const rule = "event_ingestion_restriction_dynamic_config:drop_event_from_ingestion"
	until := float64(time.Now().Add(time.Hour).Unix())
	for _, change := range []struct {
		name     string
		interval time.Duration
		set, del func(ctx context.Context) error
		text     string // of the answer
	}{
		{"quota", 5 * time.Second,
			func(ctx context.Context) error {
				return client.ZAdd(ctx, quotaKey("events"), goredis.Z{Score: until, Member: "p"}).Err()
			},
			func(ctx context.Context) error { return client.ZRem(ctx, quotaKey("events"), "p").Err() },
			`"billing_limit_exceeded"`},
		{"restriction", time.Second,
			func(ctx context.Context) error {
				return client.Set(ctx, rule, `[{"version":2,"token":"p","pipelines":["analytics"]}]`, 0).Err()
			},
			func(ctx context.Context) error { return client.Del(ctx, rule).Err() },
			"event_restriction_drop"},
		{"threshold of the global limit", time.Second,
			func(ctx context.Context) error { return client.Set(ctx, "thresholds", `{"p:d":1}`, 0).Err() },
			func(ctx context.Context) error { return client.Del(ctx, "thresholds").Err() },
			"person_processing_disabled"},
	} {
		took := func(step func(context.Context) error, want bool) time.Duration {
			t.Helper()
			require.NoError(t, step(t.Context()))
			start := time.Now()
			require.Eventually(t, func() bool { return strings.Contains(answer(), change.text) == want }, change.interval+10*time.Second, 10*time.Millisecond, change.name)
			return time.Since(start)
		}
		on, off := took(change.set, true), took(change.del, false)
		t.Logf("%s, read every %s: in force after %s, gone after %s", change.name, change.interval, on.Round(10*time.Millisecond), off.Round(10*time.Millisecond))
	}
}

// A Redis that is not there at the start, comes, goes and comes back: events are taken all the while. What was known stays
// in force for a time, then everything is let through, and metrics tell.
func TestRedisDown(t *testing.T) {
	broker := testkit.Kafka(t)
	dir := t.TempDir()
	start := func(addr string) *embedded.Redis {
		t.Helper()
		server, err := embedded.StartRedis(t.Context(), embedded.RedisOptions{Dir: dir, Addr: addr, Log: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		return server
	}
	stop := func(server *embedded.Redis) {
		t.Helper()
		require.NoError(t, server.Stop(context.WithoutCancel(t.Context())))
	}
	server := start("127.0.0.1:0")
	url := server.URL()
	addr := strings.TrimSuffix(strings.TrimPrefix(url, "redis://"), "/0")
	addr, _, _ = strings.Cut(addr, "/")
	until := float64(time.Now().Add(time.Hour).Unix())
	client := redisClient(t, url)
	require.NoError(t, client.ZAdd(t.Context(), quotaKey("exceptions"), goredis.Z{Score: until, Member: "p"}).Err())
	require.NoError(t, client.Set(t.Context(), "event_ingestion_restriction_dynamic_config:drop_event_from_ingestion", `[{"version":2,"token":"p","pipelines":["analytics"]}]`, 0).Err())
	stop(server)

	h := serve(t, append(redisRules(url), "KAFKA_HOSTS="+strings.Join(broker.Brokers, ","), "KAFKA_TOPIC="+broker.Topic(t, 1), "KAFKA_PRODUCER_LINGER_MS=1",
		"CAPTURE_OUTPUT_ERROR_TRACKING_TOPIC="+broker.Topic(t, 1), "EVENT_RESTRICTIONS_FAIL_OPEN_AFTER_SECS=3"))
	// answer is what becomes of an event and an exception of project p.
	answer := func() string {
		_, text, _ := h.do(t, "POST", v1Path, v1Headers("Authorization: Bearer p"), v1Batch(v1Event(1, "e", ""), v1Event(2, "$exception", ""), v1Event(3, "$exception", "")))
		return text
	}
	all := results("ok", "ok", "ok")
	ruled := results("drop event_restriction_drop", "drop exceptions_over_quota", "drop exceptions_over_quota")
	require.Equal(t, all, answer(), "nothing is known yet")
	stale := func(v float64) bool { return v == 3 } // of three pipelines
	h.awaitMetric(t, "capture_event_restrictions_stale", stale)

	server = start(addr)
	h.awaitMetric(t, "capture_event_restrictions_stale", func(v float64) bool { return v == 0 })
	h.awaitMetric(t, "capture_billing_limits_loaded_tokens", func(v float64) bool { return v == 1 })
	require.Equal(t, ruled, answer())

	stop(server)
	require.Equal(t, ruled, answer(), "what is known stays in force")
	h.awaitMetric(t, "capture_event_restrictions_stale", stale)
	h.awaitMetric(t, "capture_billing_limits_refresh_errors_total", func(v float64) bool { return v > 0 })
	require.Equal(t, results("ok", "drop exceptions_over_quota", "drop exceptions_over_quota"), answer(), "restrictions are forgotten after their time, quotas stay")

	server = start(addr)
	defer stop(server)
	h.awaitMetric(t, "capture_event_restrictions_stale", func(v float64) bool { return v == 0 })
	require.Equal(t, ruled, answer())
}

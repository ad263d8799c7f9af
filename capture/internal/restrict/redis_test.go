package restrict_test

import (
	"context"
	"log/slog"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/capture/internal/restrict"
	"github.com/hog-go/hog/common/embedded"
	"github.com/hog-go/hog/common/redis"
	"github.com/hog-go/hog/common/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// start runs restrictions over the Redis at address until the test ends.
func start(t *testing.T, address string, cfg restrict.Config) (*restrict.Restrictions, *redis.Client) {
	t.Helper()
	client, err := redis.New(redis.Config{URL: address, ResponseTimeout: redis.Timeout(time.Second)}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	cfg.Pipelines = allPipelines
	r, err := restrict.New(cfg, client, slog.New(slog.DiscardHandler), nil)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { require.NoError(t, r.Run(ctx)) })
	t.Cleanup(func() { cancel(); wg.Wait(); require.NoError(t, client.Close()) })
	return r, client
}

// eventually waits until the effect on an event is want.
func eventually(t *testing.T, r *restrict.Restrictions, want restrict.Effect) {
	t.Helper()
	require.Eventually(t, func() bool {
		return r.For([]byte("tok"), restrict.Analytics, time.Now()).Match(ev("a", "b")) == want
	}, 10*time.Second, time.Millisecond, "%+v", want)
}

func TestAgainstRedis(t *testing.T) {
	r, client := start(t, testkit.Redis(t), restrict.Config{Interval: 20 * time.Millisecond})
	ctx := t.Context()
	all := list(rule(`"pipelines":["analytics"]`))
	require.NoError(t, client.Set(ctx, overflow, all, 0))
	require.NoError(t, client.Set(ctx, topic, list(rule(`"pipelines":["analytics"],"args":{"topic":"elsewhere"}`)), 0))
	eventually(t, r, restrict.Effect{Overflow: true, Topic: "elsewhere"})
	require.NoError(t, client.Set(ctx, topic, "[{", 0))
	eventually(t, r, restrict.Effect{Overflow: true})
	require.NoError(t, client.As(redis.RawBytes).Set(ctx, topic, "\xff\xfe", 0))
	require.NoError(t, client.Set(ctx, dlq, all, 0))
	eventually(t, r, restrict.Effect{Overflow: true, DLQ: true})
	require.NoError(t, client.Del(ctx, overflow))
	require.NoError(t, client.Del(ctx, dlq))
	eventually(t, r, restrict.Effect{})
}

// server is a Redis at a fixed address that can be stopped and started, with what it holds.
type server struct {
	t       *testing.T
	options embedded.RedisOptions
	running *embedded.Redis
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{t: t, options: embedded.RedisOptions{Dir: t.TempDir(), SaveEvery: time.Hour}}
	s.start()
	u, err := url.Parse(s.running.URL())
	require.NoError(t, err)
	s.options.Addr = u.Host
	t.Cleanup(s.stop)
	client, err := redis.New(redis.Config{URL: s.url()}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, client.Set(t.Context(), drop, list(rule(`"pipelines":["analytics"]`)), 0))
	return s
}

func (s *server) url() string { return "redis://" + s.options.Addr }

func (s *server) start() {
	s.t.Helper()
	var err error
	s.running, err = embedded.StartRedis(s.t.Context(), s.options)
	require.NoError(s.t, err)
}

func (s *server) stop() {
	s.t.Helper()
	require.NoError(s.t, s.running.Stop(context.WithoutCancel(s.t.Context())))
}

// A Redis that stops leaves the rules in force until they are too old; when it is back they are read again.
func TestRedisStopsAndReturns(t *testing.T) {
	server := newServer(t)
	const failOpenAfter = 500 * time.Millisecond
	r, _ := start(t, server.url(), restrict.Config{Interval: 20 * time.Millisecond, FailOpenAfter: failOpenAfter})
	eventually(t, r, restrict.Effect{Drop: true})
	stopping := time.Now()
	server.stop()
	eventually(t, r, restrict.Effect{})
	require.Greater(t, time.Since(stopping), failOpenAfter-100*time.Millisecond, "rules outlive the server for a while")
	server.start()
	eventually(t, r, restrict.Effect{Drop: true})
}

// A Redis that is not there at the start is read when it comes.
func TestRedisComesLate(t *testing.T) {
	server := newServer(t)
	server.stop()
	r, _ := start(t, server.url(), restrict.Config{Interval: 20 * time.Millisecond})
	require.True(t, r.For([]byte("tok"), restrict.Analytics, time.Now()).Empty())
	server.start()
	eventually(t, r, restrict.Effect{Drop: true})
}

package redis_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/compress"
	"github.com/hog-go/hog/common/limiter"
	"github.com/hog-go/hog/common/redis"
	"github.com/hog-go/hog/common/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// setup gives a client of an empty database and a bare go-redis client of the same, to look behind it.
func setup(t *testing.T, cfg redis.Config) (*redis.Client, *goredis.Client, *bytes.Buffer) {
	t.Helper()
	cfg.URL = testkit.Redis(t)
	var logged bytes.Buffer
	c, err := redis.New(cfg, slog.New(slog.NewTextHandler(&logged, nil)))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	o, err := goredis.ParseURL(cfg.URL)
	require.NoError(t, err)
	bare := goredis.NewClient(o)
	t.Cleanup(func() { require.NoError(t, bare.Close()) })
	return c, bare, &logged
}

func TestValues(t *testing.T) {
	long := strings.Repeat("a long text ", 1000)
	formats := map[string]redis.Format{"utf-8": redis.UTF8, "pickle": redis.Pickle, "raw": redis.RawBytes}
	for name, format := range formats {
		for _, packed := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				c, bare, logged := setup(t, redis.Config{Compress: packed})
				c = c.As(format)
				ctx := t.Context()

				_, err := c.Get(ctx, "k")
				require.True(t, redis.IsNotFound(err), err)
				for _, value := range []string{"text é", long} {
					require.NoError(t, c.Set(ctx, "k", value, 0))
					got, err := c.Get(ctx, "k")
					require.NoError(t, err)
					require.Equal(t, value, got)
				}
				raw, err := bare.Get(ctx, "k").Bytes()
				require.NoError(t, err)
				require.Equal(t, packed, compress.IsZstd(raw))
				require.Equal(t, time.Duration(-1), bare.TTL(ctx, "k").Val())

				require.NoError(t, c.Set(ctx, "k", "short-lived", time.Minute))
				require.InDelta(t, time.Minute, bare.TTL(ctx, "k").Val(), float64(2*time.Second))
				got, err := c.GetEx(ctx, "k", time.Hour)
				require.NoError(t, err)
				require.Equal(t, "short-lived", got)
				require.InDelta(t, time.Hour, bare.TTL(ctx, "k").Val(), float64(2*time.Second))

				require.NoError(t, c.Set(ctx, "k2", long, 0))
				values, err := c.MGet(ctx, "k", "absent", "k2")
				require.NoError(t, err)
				require.Equal(t, []string{"short-lived", "", long}, values)

				require.NoError(t, c.Del(ctx, "k"))
				require.NoError(t, c.Del(ctx, "k"))
				_, err = c.GetEx(ctx, "k", time.Hour)
				require.ErrorIs(t, err, redis.ErrNotFound)
				require.Empty(t, logged.String())
			})
		}
	}
}

func TestReadingIsTolerant(t *testing.T) {
	c, bare, logged := setup(t, redis.Config{})
	ctx := t.Context()
	set := func(key string, value []byte) { require.NoError(t, bare.Set(ctx, key, value, 0).Err()) }

	set("packed", compress.Zstd(nil, []byte("short")))
	got, err := c.Get(ctx, "packed")
	require.NoError(t, err)
	require.Equal(t, "short", got, "compressed values are read also when writing them is off")

	set("pickled", []byte("\x80\x04\x95\x0f\x00\x00\x00\x00\x00\x00\x00\x8c\x0b__missing__\x94."))
	got, err = c.As(redis.Pickle).Get(ctx, "pickled")
	require.NoError(t, err)
	require.Equal(t, "__missing__", got)

	set("empty", nil)
	_, err = c.Get(ctx, "empty")
	require.ErrorIs(t, err, redis.ErrNotFound)

	set("binary", []byte{0xff, 0xfe})
	_, err = c.Get(ctx, "binary")
	require.ErrorIs(t, err, redis.ErrParse)
	_, err = c.As(redis.Pickle).Get(ctx, "binary")
	require.ErrorIs(t, err, redis.ErrParse)
	_, err = c.MGet(ctx, "binary")
	require.ErrorIs(t, err, redis.ErrParse)
	got, err = c.As(redis.RawBytes).Get(ctx, "binary")
	require.NoError(t, err)
	require.Equal(t, "\xff\xfe", got)
	require.Empty(t, logged.String())

	set("only looks packed", []byte("\x28\xb5\x2f\xfdnot a frame"))
	got, err = c.As(redis.RawBytes).Get(ctx, "only looks packed")
	require.NoError(t, err)
	require.Equal(t, "\x28\xb5\x2f\xfdnot a frame", got)
	require.Contains(t, logged.String(), "value looks compressed")
}

func TestCommands(t *testing.T) {
	c, bare, _ := setup(t, redis.Config{})
	ctx := t.Context()
	require.NoError(t, c.Ping(ctx))

	t.Run("set nx", func(t *testing.T) {
		set, err := c.SetNX(ctx, "salt", "first", time.Hour)
		require.NoError(t, err)
		require.True(t, set)
		require.InDelta(t, time.Hour, bare.TTL(ctx, "salt").Val(), float64(2*time.Second))
		set, err = c.SetNX(ctx, "salt", "second", time.Hour)
		require.NoError(t, err)
		require.False(t, set)
		got, err := c.Get(ctx, "salt")
		require.NoError(t, err)
		require.Equal(t, "first", got)
	})
	t.Run("hget", func(t *testing.T) {
		require.NoError(t, bare.HSet(ctx, "hash", "field", "value").Err())
		got, err := c.HGet(ctx, "hash", "field")
		require.NoError(t, err)
		require.Equal(t, "value", got)
		_, err = c.HGet(ctx, "hash", "other")
		require.ErrorIs(t, err, redis.ErrNotFound)
		_, err = c.HGet(ctx, "other", "field")
		require.ErrorIs(t, err, redis.ErrNotFound)
	})
	t.Run("zrangebyscore", func(t *testing.T) {
		require.NoError(t, bare.ZAdd(ctx, "zset", goredis.Z{Score: 1, Member: "past"}, goredis.Z{Score: 9, Member: "future"}).Err())
		members, err := c.ZRangeByScore(ctx, "zset", "5", "+Inf")
		require.NoError(t, err)
		require.Equal(t, []string{"future"}, members)
		members, err = c.ZRangeByScore(ctx, "absent", "5", "+Inf")
		require.NoError(t, err)
		require.Empty(t, members)
	})
	t.Run("scard", func(t *testing.T) {
		require.NoError(t, bare.SAdd(ctx, "set", "a", "b").Err())
		n, err := c.SCard(ctx, "set")
		require.NoError(t, err)
		require.EqualValues(t, 2, n)
		n, err = c.SCard(ctx, "absent")
		require.NoError(t, err)
		require.Zero(t, n)
		_, err = c.SCard(ctx, "salt")
		require.ErrorContains(t, err, "WRONGTYPE")
	})
	t.Run("incrby", func(t *testing.T) {
		for round := int64(1); round <= 2; round++ {
			values, err := c.IncrBy(ctx, []redis.Increment{{"a", 3, time.Minute}, {"b", 4, time.Hour}})
			require.NoError(t, err)
			require.Equal(t, []int64{3 * round, 4 * round}, values)
		}
		require.InDelta(t, time.Hour, bare.TTL(ctx, "b").Val(), float64(2*time.Second))
		_, err := c.IncrBy(ctx, []redis.Increment{{"salt", 1, time.Minute}})
		require.Error(t, err)
	})
	t.Run("hincrby", func(t *testing.T) {
		for range 2 {
			require.NoError(t, c.HIncrBy(ctx, []redis.HashIncrement{{"counts", "1", 3}, {"counts", "2", 1}, {"counts:other", "1", 5}}))
		}
		require.Equal(t, map[string]string{"1": "6", "2": "2"}, bare.HGetAll(ctx, "counts").Val())
		require.Equal(t, map[string]string{"1": "10"}, bare.HGetAll(ctx, "counts:other").Val())
		require.ErrorContains(t, c.HIncrBy(ctx, []redis.HashIncrement{{"salt", "1", 1}}), "WRONGTYPE")
	})
	t.Run("nothing asked", func(t *testing.T) {
		require.NoError(t, c.HIncrBy(ctx, nil))
		values, err := c.MGet(ctx)
		require.NoError(t, err)
		require.Empty(t, values)
		counts, err := c.IncrBy(ctx, nil)
		require.NoError(t, err)
		require.Empty(t, counts)
	})
}

func TestReader(t *testing.T) {
	writer, reader := testkit.Redis(t), testkit.Redis(t)
	c, err := redis.New(redis.Config{URL: writer, ReaderURL: reader}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.Ping(t.Context()))
	require.NoError(t, c.Set(t.Context(), "k", "v", 0))
	_, err = c.Get(t.Context(), "k")
	require.ErrorIs(t, err, redis.ErrNotFound, "these two do not replicate")
}

// TestQuota runs the limiter that reads sorted sets against the server.
func TestQuota(t *testing.T) {
	c, bare, _ := setup(t, redis.Config{})
	key := limiter.QuotaKey("prefix//", limiter.Events)
	hour := float64(time.Now().Add(time.Hour).Unix())
	require.NoError(t, bare.ZAdd(t.Context(), key, goredis.Z{Score: hour, Member: "over"}, goredis.Z{Score: 1, Member: "was"}).Err())
	q, err := limiter.NewQuota(limiter.QuotaConfig{Service: "capture", Keys: []string{key}}, c, slog.New(slog.DiscardHandler), nil)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- q.Run(ctx) }()
	require.Eventually(t, func() bool { return q.Limited("over") }, 5*time.Second, time.Millisecond)
	require.False(t, q.Limited("was"))
	cancel()
	require.NoError(t, <-done)
}

func TestServerComesAndGoes(t *testing.T) {
	server := miniredis.RunT(t)
	c, err := redis.New(redis.Config{URL: "redis://" + server.Addr(), ResponseTimeout: redis.Timeout(time.Second)}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.Set(t.Context(), "k", "v", 0))
	server.Close()
	for range 50 {
		_, err = c.Get(t.Context(), "k")
		require.Error(t, err)
		require.False(t, redis.IsNotFound(err))
	}
	require.NoError(t, server.Restart())
	require.Eventually(t, func() bool {
		got, err := c.Get(t.Context(), "k")
		return err == nil && got == "v"
	}, 10*time.Second, 10*time.Millisecond)
}

func TestTimeouts(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	url := "redis://" + silent.Addr().String()

	t.Run("response timeout", func(t *testing.T) {
		c, err := redis.New(redis.Config{URL: url, ResponseTimeout: redis.Timeout(20 * time.Millisecond)}, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		defer c.Close()
		_, err = c.Get(t.Context(), "k")
		require.ErrorIs(t, err, redis.ErrTimeout)
	})
	t.Run("the caller's context ends a command without one", func(t *testing.T) {
		c, err := redis.New(redis.Config{URL: url}, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		defer c.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		_, err = c.Get(ctx, "k")
		require.ErrorIs(t, err, redis.ErrTimeout)
	})
}

func TestConfig(t *testing.T) {
	zero, negative := time.Duration(0), -time.Second
	tests := map[string]struct {
		cfg  redis.Config
		want string
	}{
		"zero response timeout": {redis.Config{ResponseTimeout: &zero},
			"Redis response timeout cannot be Duration::ZERO - use None for no timeout"},
		"zero connection timeout": {redis.Config{ConnectTimeout: &zero},
			"Redis connection timeout cannot be Duration::ZERO - use None for no timeout"},
		"negative timeout": {redis.Config{ConnectTimeout: &negative}, "Redis connection timeout cannot be negative: -1s"},
		"no URL":           {redis.Config{}, "Redis URL: redis: invalid URL scheme: "},
		"bad reader URL":   {redis.Config{URL: "redis://h", ReaderURL: "http://h"}, "Redis URL: redis: invalid URL scheme: http"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := redis.New(tt.cfg, slog.New(slog.DiscardHandler))
			require.EqualError(t, err, tt.want)
			require.True(t, errors.Is(err, redis.ErrInvalidConfig))
		})
	}
	require.Nil(t, redis.Timeout(0))
	require.Equal(t, time.Second, *redis.Timeout(time.Second))
}

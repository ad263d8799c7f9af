package embedded_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/embedded"
)

func startRedis(t *testing.T, o embedded.RedisOptions) *embedded.Redis {
	t.Helper()
	r, err := embedded.StartRedis(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Stop(context.WithoutCancel(t.Context()))) })
	return r
}

func TestRedisKeepsDataOverAStop(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	r := startRedis(t, embedded.RedisOptions{Dir: dir})
	c := redisClient(t, r.URL())
	binary := string([]byte{0, 0x80, 0xff, '\n', 0x28, 0xb5, 0x2f, 0xfd})
	require.NoError(t, c.Set(ctx, "string", binary, 0).Err())
	require.NoError(t, c.Set(ctx, "empty", "", 0).Err())
	require.NoError(t, c.Set(ctx, "hour", "x", time.Hour).Err())
	require.NoError(t, c.Set(ctx, "soon", "x", 300*time.Millisecond).Err())
	require.NoError(t, c.HSet(ctx, "hash", "f", binary, "g", "2").Err())
	require.NoError(t, c.HExpire(ctx, "hash", time.Hour, "g").Err())
	require.NoError(t, c.RPush(ctx, "list", "a", "b", "a").Err())
	require.NoError(t, c.SAdd(ctx, "set", "a", "b").Err())
	require.NoError(t, c.ZAdd(ctx, "zset", goredis.Z{Score: 1.5, Member: "a"}, goredis.Z{Score: 1700000000, Member: "b"}).Err())
	require.NoError(t, c.Expire(ctx, "zset", time.Hour).Err())
	require.NoError(t, c.XAdd(ctx, &goredis.XAddArgs{Stream: "stream", Values: []string{"a", "b"}}).Err())
	_, err := c.Pipelined(ctx, func(p goredis.Pipeliner) error { p.Select(ctx, 3); p.Set(ctx, "string", "in 3", 0); return nil })
	require.NoError(t, err)
	require.NoError(t, r.Stop(ctx))
	require.NoError(t, r.Stop(ctx), "a second Stop does nothing")
	time.Sleep(300 * time.Millisecond) // time passes for a stopped server, too

	r = startRedis(t, embedded.RedisOptions{Dir: dir})
	c = redisClient(t, r.URL())
	require.Equal(t, binary, c.Get(ctx, "string").Val())
	require.NoError(t, c.Get(ctx, "empty").Err())
	require.InDelta(t, time.Hour.Seconds(), c.TTL(ctx, "hour").Val().Seconds(), 10)
	require.ErrorIs(t, c.Get(ctx, "soon").Err(), goredis.Nil)
	require.Equal(t, map[string]string{"f": binary, "g": "2"}, c.HGetAll(ctx, "hash").Val())
	require.InDelta(t, time.Hour.Seconds(), c.HTTL(ctx, "hash", "g").Val()[0], 10)
	require.Equal(t, []string{"a", "b", "a"}, c.LRange(ctx, "list", 0, -1).Val())
	require.Equal(t, []string{"a", "b"}, c.SMembers(ctx, "set").Val())
	require.Equal(t, []goredis.Z{{Score: 1.5, Member: "a"}, {Score: 1700000000, Member: "b"}}, c.ZRangeWithScores(ctx, "zset", 0, -1).Val())
	require.InDelta(t, time.Hour.Seconds(), c.TTL(ctx, "zset").Val().Seconds(), 10)
	require.Zero(t, c.Exists(ctx, "stream").Val(), "streams are not saved, as the documentation says")
	require.Equal(t, "in 3", redisClient(t, r.URL()+"3").Get(ctx, "string").Val())
}

func TestRedisKeysExpire(t *testing.T) {
	r := startRedis(t, embedded.RedisOptions{Dir: t.TempDir()})
	c := redisClient(t, r.URL())
	require.NoError(t, c.Set(t.Context(), "key", "x", 200*time.Millisecond).Err())
	require.Eventually(t, func() bool { return c.Exists(t.Context(), "key").Val() == 0 }, 5*time.Second, 20*time.Millisecond)
}

func TestRedisMovesADamagedSnapshotAside(t *testing.T) {
	tests := map[string]func(good []byte) []byte{
		"empty":       func([]byte) []byte { return nil },
		"cut short":   func(good []byte) []byte { return good[:len(good)-1] },
		"bit flipped": func(good []byte) []byte { good[len(good)/2] ^= 1; return good },
		"other file":  func([]byte) []byte { return []byte("REDIS0009 and so on") },
	}
	for name, damage := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "redis.snapshot")
			r := startRedis(t, embedded.RedisOptions{Dir: dir})
			require.NoError(t, redisClient(t, r.URL()).Set(t.Context(), "key", "value", 0).Err())
			require.NoError(t, r.Stop(t.Context()))
			good, err := os.ReadFile(file)
			require.NoError(t, err)
			bad := damage(good)
			require.NoError(t, os.WriteFile(file, bad, 0o600))

			var log bytes.Buffer
			r = startRedis(t, embedded.RedisOptions{Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))})
			require.Zero(t, redisClient(t, r.URL()).DBSize(t.Context()).Val())
			require.Contains(t, log.String(), "level=WARN")
			require.Contains(t, log.String(), file)
			aside, err := filepath.Glob(file + ".damaged-*")
			require.NoError(t, err)
			require.Len(t, aside, 1)
			kept, err := os.ReadFile(aside[0])
			require.NoError(t, err)
			require.Equal(t, string(bad), string(kept))
		})
	}
}

// TestRedisSavesUnderWrites is for the race detector: values are handed out uncopied by the library.
func TestRedisSavesUnderWrites(t *testing.T) {
	dir := t.TempDir()
	r := startRedis(t, embedded.RedisOptions{Dir: dir, SaveEvery: time.Millisecond})
	var writers sync.WaitGroup
	for w := range 3 {
		c := redisClient(t, r.URL())
		writers.Go(func() {
			for i := range 300 {
				member := fmt.Sprint(w, i)
				c.Pipelined(t.Context(), func(p goredis.Pipeliner) error {
					p.ZAdd(t.Context(), "zset", goredis.Z{Score: float64(i), Member: member})
					p.RPush(t.Context(), "list", member)
					p.LSet(t.Context(), "list", 0, member)
					p.HSet(t.Context(), "hash", member, i)
					p.SAdd(t.Context(), "set", member)
					p.Del(t.Context(), "changes")
					if i%2 == 0 {
						p.Set(t.Context(), "changes", member, time.Minute)
					} else {
						p.SAdd(t.Context(), "changes", member)
					}
					return nil
				})
			}
		})
	}
	writers.Wait()
	require.NoError(t, r.Stop(t.Context()))
	r = startRedis(t, embedded.RedisOptions{Dir: dir})
	c := redisClient(t, r.URL())
	require.EqualValues(t, 900, c.ZCard(t.Context(), "zset").Val())
	require.EqualValues(t, 900, c.LLen(t.Context(), "list").Val())
	require.EqualValues(t, 900, c.HLen(t.Context(), "hash").Val())
	require.EqualValues(t, 900, c.SCard(t.Context(), "set").Val())
}

func TestRedisStartErrors(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	used := t.TempDir()
	startRedis(t, embedded.RedisOptions{Dir: used})
	tests := map[string]struct {
		o    embedded.RedisOptions
		want []string
	}{
		"no directory":     {embedded.RedisOptions{}, []string{"data directory"}},
		"address for all":  {embedded.RedisOptions{Dir: t.TempDir(), Addr: "0.0.0.0:0"}, []string{"0.0.0.0:0", "not a loopback address"}},
		"port taken":       {embedded.RedisOptions{Dir: t.TempDir(), Addr: taken.Addr().String()}, []string{taken.Addr().String(), "choose another address"}},
		"file in the way":  {embedded.RedisOptions{Dir: filepath.Join(file, "redis")}, []string{file, "a file is in the way"}},
		"directory in use": {embedded.RedisOptions{Dir: used}, []string{used, fmt.Sprintf("in use by process %d", os.Getpid())}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := embedded.StartRedis(t.Context(), tt.o)
			for _, want := range tt.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
}

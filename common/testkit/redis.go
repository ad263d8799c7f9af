package testkit

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/hog-go/hog/common/embedded"
)

// redisSource gives databases of the Redis that the tests of this process use. base is nil where each test gets an
// embedded server of its own.
type redisSource struct{ base *redis.Options }

var redisServer = shared[redisSource]{variable: "REDIS_URL", start: startRedis}

// Redis returns the URL of an empty Redis database that nobody else uses until the test ends.
func Redis(tb testing.TB) string {
	tb.Helper()
	source := redisServer.get(tb)
	if source.base == nil {
		return ownRedis(tb)
	}
	return source.database(tb)
}

func startRedis(ctx context.Context, kind, address string) (s redisSource, label string, stop func(context.Context) error, err error) {
	stop = func(context.Context) error { return nil }
	switch kind {
	case KindEmbedded:
		return redisSource{}, kind, stop, nil
	case KindDocker:
		if address, stop, err = dockerRedis(ctx); err != nil {
			return s, "", nil, err
		}
	}
	if s.base, err = redis.ParseURL(address); err != nil {
		return s, "", nil, errors.Join(err, stop(ctx))
	}
	client := s.client(0)
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := retry(ctx, func(ctx context.Context) error { return client.Ping(ctx).Err() }); err != nil {
		return s, "", nil, errors.Join(err, stop(ctx))
	}
	return s, fmt.Sprintf("%s(%s)", kind, s.base.Addr), stop, nil
}

// ownRedis starts a server for one test, which takes a few milliseconds.
func ownRedis(tb testing.TB) string {
	tb.Helper()
	r, err := embedded.StartRedis(tb.Context(), embedded.RedisOptions{Dir: tb.TempDir(), SaveEvery: time.Hour})
	if err != nil {
		tb.Fatalf("testkit: %v", err)
	}
	tb.Cleanup(func() {
		if err := r.Stop(context.WithoutCancel(tb.Context())); err != nil {
			tb.Errorf("testkit: %v", err)
		}
	})
	return r.URL()
}

func (s redisSource) client(db int) *redis.Client {
	o := *s.base
	o.DB = db
	return redis.NewClient(&o)
}

// database reserves a database number against the other tests and test processes on this machine, and empties it.
func (s redisSource) database(tb testing.TB) string {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), time.Minute)
	defer cancel()
	var db int
	var lock *os.File
	err := retry(ctx, func(ctx context.Context) (err error) { db, lock, err = s.reserve(ctx); return err })
	if err != nil {
		tb.Fatalf("testkit: reserve a database of the redis at %s: %v", s.base.Addr, err)
	}
	client := s.client(db)
	if err := client.FlushDB(ctx).Err(); err != nil {
		tb.Fatalf("testkit: empty redis database %d: %v", db, err)
	}
	tb.Cleanup(func() {
		// Best effort: whoever reserves the database next empties it again.
		client.FlushDB(context.WithoutCancel(tb.Context()))
		client.Close()
		lock.Close()
	})
	return s.url(db)
}

// reserve finds a free number from 1 on and locks a file named after it. A lock, unlike a key in Redis, ends with its
// process. Number 0 is left to whoever set REDIS_URL.
func (s redisSource) reserve(ctx context.Context) (int, *os.File, error) {
	n := 16 // the default of redis-server; "bin/servers" has more
	client := s.client(0)
	defer client.Close()
	if v, err := client.ConfigGet(ctx, "databases").Result(); err == nil {
		if m, err := strconv.Atoi(v["databases"]); err == nil {
			n = m
		}
	}
	address := strings.NewReplacer(":", "_", "/", "_").Replace(s.base.Addr)
	for db := 1; db < n; db++ {
		name := filepath.Join(os.TempDir(), fmt.Sprintf("hog-testkit-redis-%s-%d.lock", address, db))
		f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o666)
		if err != nil {
			return 0, nil, err
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			return db, f, nil
		}
		f.Close()
	}
	return 0, nil, fmt.Errorf("all %d databases are in use by other tests", n-1)
}

func (s redisSource) url(db int) string {
	u := url.URL{Scheme: "redis", Host: s.base.Addr, Path: "/" + strconv.Itoa(db)}
	if s.base.TLSConfig != nil {
		u.Scheme = "rediss"
	}
	if s.base.Password != "" {
		u.User = url.UserPassword(s.base.Username, s.base.Password)
	}
	return u.String()
}

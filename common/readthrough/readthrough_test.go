package readthrough_test

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/readthrough"
	"github.com/hog-go/hog/common/testkit"
)

type team struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
}

var (
	errAbsent  = errors.New("absent")
	errCorrupt = errors.New("bad pickle")
	errDown    = errors.New("connection refused")
	errLoad    = errors.New("database is down")

	hog    = team{ID: 1, Name: "hog"}
	forTTL = readthrough.Config{Prefix: "team:", TTL: 5 * time.Minute}
)

func TestGet(t *testing.T) {
	const text = `{"id":1,"name":"hog"}`
	type result = readthrough.Result[team]
	found := func(s readthrough.Source) result { return result{Value: hog, Found: true, Source: s} }
	notFound := func(s readthrough.Source) result { return result{Source: s} }

	tests := map[string]struct {
		cfg      readthrough.Config
		store    fakeStore
		negative bool // key is known not to exist
		loaded   *team
		loadErr  error
		want     result
		wantErr  error
		calls    []string
		loads    int
		after    bool // key is known not to exist
	}{
		"row 74 hit with TTL is GETEX": {
			cfg: forTTL, store: fakeStore{text: text}, want: found(readthrough.PositiveCache), calls: []string{"GETEX team:a 5m0s"},
		},
		"row 74 hit without TTL is GET": {
			cfg: readthrough.Config{Prefix: "team:"}, store: fakeStore{text: text}, want: found(readthrough.PositiveCache), calls: []string{"GET team:a"},
		},
		"hit does not look at memory": {
			cfg: forTTL, store: fakeStore{text: text}, negative: true,
			want: found(readthrough.PositiveCache), calls: []string{"GETEX team:a 5m0s"}, after: true,
		},
		"miss, found": {
			cfg: forTTL, store: fakeStore{readErr: errAbsent}, loaded: &hog,
			want: found(readthrough.LoaderCacheMiss), calls: []string{"GETEX team:a 5m0s", "SET team:a " + text + " 5m0s"}, loads: 1,
		},
		"miss, found, no TTL": {
			cfg: readthrough.Config{}, store: fakeStore{readErr: errAbsent}, loaded: &hog,
			want: found(readthrough.LoaderCacheMiss), calls: []string{"GET a", "SET a " + text + " 0s"}, loads: 1,
		},
		"miss, not found": {
			cfg: forTTL, store: fakeStore{readErr: errAbsent},
			want: notFound(readthrough.LoaderNotFoundCacheMiss), calls: []string{"GETEX team:a 5m0s"}, loads: 1, after: true,
		},
		"miss, known not to exist": {
			cfg: forTTL, store: fakeStore{readErr: errAbsent}, negative: true, loaded: &hog,
			want: notFound(readthrough.NegativeCache), calls: []string{"GETEX team:a 5m0s"}, after: true,
		},
		"miss, loader fails": {
			cfg: forTTL, store: fakeStore{readErr: errAbsent}, loadErr: errLoad, wantErr: errLoad, calls: []string{"GETEX team:a 5m0s"}, loads: 1,
		},
		"miss, found, write fails": {
			cfg: forTTL, store: fakeStore{readErr: errAbsent, writeErr: errDown}, loaded: &hog,
			want: found(readthrough.LoaderCacheMiss), calls: []string{"GETEX team:a 5m0s", "SET team:a " + text + " 5m0s"}, loads: 1,
		},
		"bad JSON skips memory and repairs": {
			cfg: forTTL, store: fakeStore{text: `{"id":`}, negative: true, loaded: &hog,
			want:  found(readthrough.LoaderCacheCorrupted),
			calls: []string{"GETEX team:a 5m0s", "DEL team:a", "SET team:a " + text + " 5m0s"}, loads: 1,
		},
		"JSON of another shape, not found": {
			cfg: forTTL, store: fakeStore{text: `[1]`},
			want: notFound(readthrough.LoaderNotFoundCacheCorrupted), calls: []string{"GETEX team:a 5m0s", "DEL team:a"}, loads: 1, after: true,
		},
		"undecodable, and cannot be deleted": {
			cfg: forTTL, store: fakeStore{readErr: errCorrupt, writeErr: errDown}, loaded: &hog,
			want:  found(readthrough.LoaderCacheCorrupted),
			calls: []string{"GETEX team:a 5m0s", "DEL team:a", "SET team:a " + text + " 5m0s"}, loads: 1,
		},
		"Redis down, found": {
			cfg: forTTL, store: fakeStore{readErr: errDown}, loaded: &hog,
			want: found(readthrough.LoaderRedisUnavailable), calls: []string{"GETEX team:a 5m0s"}, loads: 1,
		},
		"Redis down, not found, is not remembered": {
			cfg: forTTL, store: fakeStore{readErr: errDown},
			want: notFound(readthrough.LoaderNotFoundRedisUnavailable), calls: []string{"GETEX team:a 5m0s"}, loads: 1,
		},
		"Redis down, known not to exist": {
			cfg: forTTL, store: fakeStore{readErr: errDown}, negative: true, loaded: &hog,
			want: notFound(readthrough.NegativeCache), calls: []string{"GETEX team:a 5m0s"}, after: true,
		},
		"Redis down, loader fails": {
			cfg: forTTL, store: fakeStore{readErr: errDown}, loadErr: errLoad, wantErr: errLoad, calls: []string{"GETEX team:a 5m0s"}, loads: 1,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			negative := readthrough.NewNegative(10, time.Minute)
			if tt.negative {
				negative.Add(tt.cfg.Prefix + "a")
			}
			cache := newCache[team](t, tt.cfg, &tt.store, negative)
			loads := 0
			got, err := cache.Get(t.Context(), "a", func(_ context.Context, key string) (team, bool, error) {
				require.Equal(t, "a", key, "the loader knows no prefix")
				loads++
				if tt.loaded == nil {
					return team{}, false, tt.loadErr
				}
				return *tt.loaded, true, tt.loadErr
			})
			require.ErrorIs(t, err, tt.wantErr)
			require.Equal(t, tt.want, got)
			require.Equal(t, tt.calls, tt.store.calls)
			require.Equal(t, tt.loads, loads)
			require.Equal(t, tt.after, negative.Contains(tt.cfg.Prefix+"a"))
			require.Equal(t, tt.loads == 0, got.Source.Cached())
		})
	}

	t.Run("value that is no JSON is returned, not cached", func(t *testing.T) {
		store := &fakeStore{readErr: errAbsent}
		got, err := newCache[func()](t, forTTL, store, nil).Get(t.Context(), "a", func(context.Context, string) (func(), bool, error) {
			return func() {}, true, nil
		})
		require.NoError(t, err)
		require.True(t, got.Found)
		require.Equal(t, []string{"GETEX team:a 5m0s"}, store.calls)
	})
	t.Run("without memory the loader is asked each time", func(t *testing.T) {
		cache, loads := newCache[team](t, forTTL, &fakeStore{readErr: errAbsent}, nil), 0
		for range 2 {
			got, err := cache.Get(t.Context(), "a", func(context.Context, string) (team, bool, error) { loads++; return team{}, false, nil })
			require.NoError(t, err)
			require.Equal(t, readthrough.LoaderNotFoundCacheMiss, got.Source)
		}
		require.Equal(t, 2, loads)
	})
}

func TestInvalidate(t *testing.T) {
	for name, err := range map[string]error{"Redis up": nil, "Redis down": errDown} {
		t.Run(name, func(t *testing.T) {
			store, negative := &fakeStore{writeErr: err}, readthrough.NewNegative(10, time.Minute)
			negative.Add("team:a")
			newCache[team](t, forTTL, store, negative).Invalidate(t.Context(), "a")
			require.Equal(t, []string{"DEL team:a"}, store.calls)
			require.False(t, negative.Contains("team:a"))
		})
	}
}

func TestNewRefusesNegativeTTL(t *testing.T) {
	_, err := readthrough.New[team](readthrough.Config{Prefix: "team:", TTL: -1}, readthrough.Deps{})
	require.EqualError(t, err, `readthrough: TTL -1ns of "team:" is negative`)
}

func TestNegative(t *testing.T) {
	t.Run("forgets after its time, counted from the last Add", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := readthrough.NewNegative(10, time.Minute)
			n.Add("a")
			n.Add("b")
			time.Sleep(30 * time.Second)
			n.Add("a")
			time.Sleep(30*time.Second - 1)
			require.True(t, n.Contains("b"))
			time.Sleep(time.Nanosecond)
			require.False(t, n.Contains("b"))
			require.True(t, n.Contains("a"))
			time.Sleep(30 * time.Second)
			require.False(t, n.Contains("a"))
		})
	})
	t.Run("drops the oldest when full", func(t *testing.T) {
		n := readthrough.NewNegative(3, time.Minute)
		for i := range 5 {
			n.Add(strconv.Itoa(i))
		}
		n.Add("2") // makes 3 the oldest
		n.Add("5")
		require.Equal(t, []bool{false, false, true, false, true, true}, []bool{
			n.Contains("0"), n.Contains("1"), n.Contains("2"), n.Contains("3"), n.Contains("4"), n.Contains("5"),
		})
	})
	t.Run("of no size remembers nothing", func(t *testing.T) {
		n := readthrough.NewNegative(0, time.Minute)
		n.Add("a")
		require.False(t, n.Contains("a"))
		n.Remove("a")
	})
}

// The commands as a Redis server understands them: what one Get wrote the next one reads, and reading renews the TTL.
func TestAgainstServer(t *testing.T) {
	options, err := redis.ParseURL(testkit.Redis(t))
	require.NoError(t, err)
	client := redis.NewClient(options)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	cache := newCache[team](t, forTTL, goRedis{client}, nil)
	load := func(context.Context, string) (team, bool, error) { return hog, true, nil }

	got, err := cache.Get(t.Context(), "a", load)
	require.NoError(t, err)
	require.Equal(t, readthrough.LoaderCacheMiss, got.Source)

	require.NoError(t, client.Expire(t.Context(), "team:a", time.Minute).Err())
	got, err = cache.Get(t.Context(), "a", load)
	require.NoError(t, err)
	require.Equal(t, readthrough.Result[team]{Value: hog, Found: true, Source: readthrough.PositiveCache}, got)
	require.Greater(t, client.TTL(t.Context(), "team:a").Val(), 4*time.Minute)

	cache.Invalidate(t.Context(), "a")
	require.Zero(t, client.Exists(t.Context(), "team:a").Val())
}

func newCache[V any](t *testing.T, cfg readthrough.Config, store readthrough.Store, negative *readthrough.Negative) *readthrough.Cache[V] {
	t.Helper()
	cache, err := readthrough.New[V](cfg, readthrough.Deps{
		Store:    store,
		NotFound: func(err error) bool { return errors.Is(err, errAbsent) || errors.Is(err, redis.Nil) },
		Corrupt:  func(err error) bool { return errors.Is(err, errCorrupt) },
		Negative: negative,
		Log:      slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	return cache
}

// fakeStore has one answer for reads and one for writes, and notes what it was asked.
type fakeStore struct {
	text              string
	readErr, writeErr error
	calls             []string
}

func (f *fakeStore) Get(_ context.Context, key string) (string, error) {
	f.calls = append(f.calls, "GET "+key)
	return f.text, f.readErr
}

func (f *fakeStore) GetEx(_ context.Context, key string, ttl time.Duration) (string, error) {
	f.calls = append(f.calls, "GETEX "+key+" "+ttl.String())
	return f.text, f.readErr
}

func (f *fakeStore) Set(_ context.Context, key, value string, ttl time.Duration) error {
	f.calls = append(f.calls, "SET "+key+" "+value+" "+ttl.String())
	return f.writeErr
}

func (f *fakeStore) Del(_ context.Context, key string) error {
	f.calls = append(f.calls, "DEL "+key)
	return f.writeErr
}

type goRedis struct{ *redis.Client }

func (g goRedis) Get(ctx context.Context, key string) (string, error) {
	return g.Client.Get(ctx, key).Result()
}

func (g goRedis) GetEx(ctx context.Context, key string, ttl time.Duration) (string, error) {
	return g.Client.GetEx(ctx, key, ttl).Result()
}

func (g goRedis) Set(ctx context.Context, key, value string, ttl time.Duration) error {
	return g.Client.Set(ctx, key, value, ttl).Err()
}

func (g goRedis) Del(ctx context.Context, key string) error { return g.Client.Del(ctx, key).Err() }

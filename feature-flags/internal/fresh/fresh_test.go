package fresh_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/feature-flags/internal/fresh"
)

// counter is a loader that gives 1, 2, 3 ... and fails while it is told to.
type counter struct {
	calls   atomic.Int64
	failing bool
	old     int64
}

func (c *counter) load(_ context.Context, old int64, had bool) (int64, error) {
	if c.old = -1; had {
		c.old = old
	}
	if c.failing {
		return 0, errors.New("down")
	}
	return c.calls.Add(1), nil
}

func TestGet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c counter
		cache := fresh.New[string, int64](fresh.Config{TTL: time.Second, Keep: time.Minute, Weight: 10}, nil)
		get := func() int64 {
			t.Helper()
			v, err := cache.Get(t.Context(), "a", c.load)
			require.NoError(t, err)
			return v
		}
		require.EqualValues(t, 1, get())
		require.EqualValues(t, -1, c.old, "nothing was there")
		require.EqualValues(t, 1, get(), "fresh")
		time.Sleep(time.Second)
		require.EqualValues(t, 2, get(), "expired")
		require.EqualValues(t, 1, c.old, "the loader sees what was there")
		time.Sleep(time.Second)
		c.failing = true
		_, err := cache.Get(t.Context(), "a", c.load)
		require.EqualError(t, err, "down")
		c.failing = false
		require.EqualValues(t, 3, get(), "an error is not kept")
		require.EqualValues(t, 2, c.old, "and takes nothing away")
		time.Sleep(2 * time.Minute)
		require.EqualValues(t, 4, get())
		require.EqualValues(t, -1, c.old, "too old to be of use")
	})
}

func TestNoTTL(t *testing.T) {
	var c counter
	cache := fresh.New[string, int64](fresh.Config{Weight: 10}, nil)
	for want := int64(1); want < 4; want++ {
		got, err := cache.Get(t.Context(), "a", c.load)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

// Nobody gets a value that was asked for before the call, and those who wait share one load.
func TestNoTTLTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c counter
		cache := fresh.New[string, int64](fresh.Config{Weight: 10}, nil)
		var wg sync.WaitGroup
		call := func(want int64) {
			wg.Go(func() {
				got, err := cache.Get(t.Context(), "a", func(ctx context.Context, old int64, had bool) (int64, error) {
					time.Sleep(time.Second)
					return c.load(ctx, old, had)
				})
				require.NoError(t, err)
				require.Equal(t, want, got)
			})
			synctest.Wait()
		}
		call(1)
		for range 5 {
			call(2)
		}
		impatient, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := cache.Get(impatient, "a", c.load)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		time.Sleep(1500 * time.Millisecond) // the second is under way
		call(3)
		wg.Wait()
		require.EqualValues(t, 3, c.calls.Load())
		require.EqualValues(t, 2, c.old, "each load gets what the one before it found")
		call(4)
		wg.Wait()
	})
}

func TestOneLoads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c counter
		slow := func(ctx context.Context, old int64, had bool) (int64, error) {
			time.Sleep(time.Second)
			return c.load(ctx, old, had)
		}
		cache := fresh.New[string, int64](fresh.Config{TTL: time.Minute, Weight: 10}, nil)
		first, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = cache.Get(first, "a", slow) })
		synctest.Wait()
		for range 5 {
			wg.Go(func() {
				v, err := cache.Get(t.Context(), "a", slow)
				require.NoError(t, err)
				require.EqualValues(t, 1, v)
			})
		}
		impatient, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		wg.Go(func() {
			_, err := cache.Get(impatient, "a", slow)
			require.ErrorIs(t, err, context.DeadlineExceeded)
		})
		synctest.Wait()
		leave() // the one who loads: the others get the value all the same
		wg.Wait()
		require.EqualValues(t, 1, c.calls.Load())
	})
}

func TestPanicLeavesNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := fresh.New[string, int64](fresh.Config{TTL: time.Minute, Weight: 10}, nil)
		var wg sync.WaitGroup
		wg.Go(func() {
			defer func() { _ = recover() }()
			_, _ = cache.Get(t.Context(), "a", func(context.Context, int64, bool) (int64, error) {
				time.Sleep(time.Second)
				panic("bug")
			})
		})
		synctest.Wait()
		wg.Go(func() {
			_, err := cache.Get(t.Context(), "a", new(counter).load)
			require.Error(t, err)
		})
		wg.Wait()
		v, err := cache.Get(t.Context(), "a", new(counter).load)
		require.NoError(t, err)
		require.EqualValues(t, 1, v)
	})
}

func TestWeight(t *testing.T) {
	cache := fresh.New[string](fresh.Config{TTL: time.Hour, Weight: 10}, func(v string) int64 { return int64(len(v)) })
	put := func(key, value string) {
		_, err := cache.Get(t.Context(), key, func(context.Context, string, bool) (string, error) { return value, nil })
		require.NoError(t, err)
	}
	put("a", "aaaa")
	put("b", "bbbb")
	put("a", "unused") // a is now the more recently used
	put("c", "cccc")
	put("d", "longer than all the room")
	_, hasA := cache.Peek("a")
	_, hasB := cache.Peek("b")
	_, hasD := cache.Peek("d")
	require.True(t, hasA)
	require.False(t, hasB)
	require.False(t, hasD)
	entries, weight := cache.Size()
	require.Equal(t, 2, entries)
	require.EqualValues(t, 8, weight)
}

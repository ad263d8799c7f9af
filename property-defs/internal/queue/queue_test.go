package queue_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/property-defs/internal/definition"
	"github.com/hog-go/hog/property-defs/internal/queue"
)

func updates(from, to int) (out []definition.Update) {
	for i := from; i < to; i++ {
		out = append(out, definition.Update{Event: fmt.Sprint(i)})
	}
	return out
}

func silent() {}

func TestTake(t *testing.T) {
	t.Run("a full batch does not wait", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			q := queue.New(100, nil)
			last, _, err := q.Push(t.Context(), updates(0, 12))
			require.NoError(t, err)
			require.EqualValues(t, 12, last)
			start := time.Now()
			got, number, err := q.Take(t.Context(), nil, 5, time.Minute, silent)
			require.NoError(t, err)
			require.Equal(t, updates(0, 5), got)
			require.EqualValues(t, 5, number)
			got, number, err = q.Take(t.Context(), got[:0], 5, time.Minute, silent)
			require.NoError(t, err)
			require.Equal(t, updates(5, 10), got)
			require.EqualValues(t, 10, number)
			require.Zero(t, time.Since(start))
		})
	})
	t.Run("a small one waits from its first update on", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			q := queue.New(100, nil)
			alive := 0
			start := time.Now()
			go func() {
				for i := range 5 { // a trickle that would keep it from being silent
					time.Sleep(10 * time.Second)
					_, _, _ = q.Push(t.Context(), updates(i, i+1))
				}
			}()
			got, number, err := q.Take(t.Context(), nil, 100, 25*time.Second, func() { alive++ })
			require.NoError(t, err)
			require.Len(t, got, 3)
			require.EqualValues(t, 3, number)
			require.Equal(t, 35*time.Second, time.Since(start))
			require.InDelta(t, 35, alive, 1, "it reports every second")
			synctest.Wait()
			time.Sleep(time.Minute)
		})
	})
	t.Run("a flush hands out what is there", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			q := queue.New(100, nil)
			_, _, _ = q.Push(t.Context(), updates(0, 3))
			go func() { time.Sleep(time.Second); q.Flush() }()
			start := time.Now()
			got, _, err := q.Take(t.Context(), nil, 2, time.Hour, silent)
			require.NoError(t, err)
			require.Len(t, got, 2)
			got, number, err := q.Take(t.Context(), nil, 2, time.Hour, silent)
			require.NoError(t, err)
			require.Len(t, got, 1)
			require.EqualValues(t, 3, number)
			require.Equal(t, time.Second, time.Since(start))
		})
	})
	t.Run("it ends with its context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, _, err := queue.New(1, nil).Take(ctx, nil, 1, time.Hour, silent)
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestPushWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		blocked := 0
		q := queue.New(4, func(context.Context) { blocked++ })
		done := make(chan uint64)
		go func() {
			last, _, _ := q.Push(t.Context(), updates(0, 10))
			done <- last
		}()
		synctest.Wait()
		require.Equal(t, 4, q.Len())
		var got []definition.Update
		for len(got) < 10 {
			batch, _, err := q.Take(t.Context(), nil, 3, 0, silent)
			require.NoError(t, err)
			got = append(got, batch...)
			synctest.Wait()
		}
		require.Equal(t, updates(0, 10), got)
		require.EqualValues(t, 10, <-done)
		require.Equal(t, 1, blocked)

		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		last, pushed, err := q.Push(ctx, updates(10, 20))
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, 4, pushed)
		require.EqualValues(t, 14, last)
	})
}

func TestManyPush(t *testing.T) {
	q := queue.New(50, nil)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 100 {
				_, _, _ = q.Push(t.Context(), updates(i*1000+j*7, i*1000+j*7+7))
			}
		})
	}
	seen := map[string]bool{}
	var last uint64
	for len(seen) < 5600 {
		batch, number, err := q.Take(t.Context(), nil, 64, time.Millisecond, silent)
		require.NoError(t, err)
		require.EqualValues(t, last+uint64(len(batch)), number)
		last = number
		for _, u := range batch {
			require.False(t, seen[u.Event])
			seen[u.Event] = true
		}
	}
	wg.Wait()
	require.Zero(t, q.Len())
}

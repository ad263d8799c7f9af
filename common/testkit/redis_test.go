package testkit_test

import (
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/testkit"
)

func TestEachRedisDatabaseIsEmptyAndApart(t *testing.T) {
	for range 2 {
		t.Run("a test with two databases", func(t *testing.T) {
			a, b := connectRedis(t), connectRedis(t)
			require.ErrorIs(t, a.Get(t.Context(), "key").Err(), redis.Nil)
			require.NoError(t, a.Set(t.Context(), "key", "a", 0).Err())
			require.ErrorIs(t, b.Get(t.Context(), "key").Err(), redis.Nil)
		})
	}
}

func connectRedis(t *testing.T) *redis.Client {
	t.Helper()
	o, err := redis.ParseURL(testkit.Redis(t))
	require.NoError(t, err)
	c := redis.NewClient(o)
	t.Cleanup(func() { c.Close() })
	return c
}

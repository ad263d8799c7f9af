package featureflags

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/common/redis"
)

// countedRedis counts the calls that fail. That a key is not there is no failure.
type countedRedis struct {
	client *redis.Client
	errors *prometheus.CounterVec
}

// Get returns the text at key.
func (r *countedRedis) Get(ctx context.Context, key string) (string, error) {
	text, err := r.client.Get(ctx, key)
	r.count(err)
	return text, err
}

// HIncrBy adds to fields of hashes.
func (r *countedRedis) HIncrBy(ctx context.Context, steps []redis.HashIncrement) error {
	err := r.client.HIncrBy(ctx, steps)
	r.count(err)
	return err
}

func (r *countedRedis) count(err error) {
	switch {
	case err == nil || redis.IsNotFound(err):
	case errors.Is(err, redis.ErrTimeout):
		r.errors.WithLabelValues("timeout").Inc()
	case errors.Is(err, redis.ErrParse):
		r.errors.WithLabelValues("parse").Inc()
	default:
		r.errors.WithLabelValues("other").Inc()
	}
}

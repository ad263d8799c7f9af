package redis

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

// go-redis has one logger for the process, which tells stderr what each command returns as an error anyway.
func init() { logging.Disable() }

// Client talks to one Redis, or to one and its replica. It may be used by many goroutines.
type Client struct {
	writer, reader redis.UniversalClient // the same where there is no replica
	codec          codec
}

// New checks cfg and dials nothing. The log gets a warning for each value that looks compressed and cannot be unpacked.
func New(cfg Config, log *slog.Logger) (*Client, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	options, err := cfg.options(cfg.URL)
	if err != nil {
		return nil, err
	}
	c := &Client{codec: codec{
		log: log.With("component", "redis"), compress: cfg.Compress, compressOver: cfg.CompressOver,
	}}
	if cfg.ReaderURL != "" && cfg.ReaderURL != cfg.URL {
		readerOptions, err := cfg.options(cfg.ReaderURL)
		if err != nil {
			return nil, err
		}
		c.reader = redis.NewClient(readerOptions)
	}
	c.writer = redis.NewClient(options)
	if c.reader == nil {
		c.reader = c.writer
	}
	return c, nil
}

// As returns a client for values of format f, which shares the connections of c.
func (c *Client) As(f Format) *Client {
	as := *c
	as.codec.format = f
	return &as
}

// Close closes the connections, also those of clients that As made.
func (c *Client) Close() error {
	err := c.writer.Close()
	if c.reader != c.writer {
		err = errors.Join(err, c.reader.Close())
	}
	return err
}

// Ping asks the server, and the replica if there is one, for a sign of life.
func (c *Client) Ping(ctx context.Context) error {
	err := failure(c.writer.Ping(ctx).Err(), "ping", "")
	if c.reader != c.writer {
		err = errors.Join(err, failure(c.reader.Ping(ctx).Err(), "ping reader", ""))
	}
	return err
}

// Get returns the value at key. No key, and an empty value, is ErrNotFound; a value not of the client's format is ErrParse.
func (c *Client) Get(ctx context.Context, key string) (string, error) {
	raw, err := c.reader.Get(ctx, key).Bytes()
	return c.value(ctx, raw, err, "get", key)
}

// GetEx is Get, and makes the key live for ttl from now on.
func (c *Client) GetEx(ctx context.Context, key string, ttl time.Duration) (string, error) {
	raw, err := c.writer.GetEx(ctx, key, ttl).Bytes()
	return c.value(ctx, raw, err, "getex", key)
}

// HGet returns the value of field in the hash at key, with the errors of Get.
func (c *Client) HGet(ctx context.Context, key, field string) (string, error) {
	raw, err := c.reader.HGet(ctx, key, field).Bytes()
	return c.value(ctx, raw, err, "hget", key+" "+field)
}

// MGet returns the values at keys in their order, with "" for those that Get would not find.
func (c *Client) MGet(ctx context.Context, keys ...string) ([]string, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	found, err := c.reader.MGet(ctx, keys...).Result()
	if err != nil {
		return nil, failure(err, "mget", keys[0]+" ...")
	}
	values := make([]string, len(keys))
	for i := range found {
		if raw, ok := found[i].(string); ok && raw != "" {
			if values[i], err = c.codec.decode(ctx, []byte(raw), keys[i]); err != nil {
				return nil, err
			}
		}
	}
	return values, nil
}

// Set stores value for ttl, or for good if ttl is 0.
func (c *Client) Set(ctx context.Context, key, value string, ttl time.Duration) error {
	raw, err := c.codec.encode(value)
	if err != nil {
		return err
	}
	return failure(c.writer.Set(ctx, key, raw, ttl).Err(), "set", key)
}

// SetNX stores value for ttl if key does not exist, in one command, and tells whether it did.
func (c *Client) SetNX(ctx context.Context, key, value string, ttl time.Duration) (bool, error) {
	raw, err := c.codec.encode(value)
	if err != nil {
		return false, err
	}
	set, err := c.writer.SetNX(ctx, key, raw, ttl).Result()
	return set, failure(err, "set nx", key)
}

// Del removes key; one that does not exist is no error.
func (c *Client) Del(ctx context.Context, key string) error {
	return failure(c.writer.Del(ctx, key).Err(), "del", key)
}

// ZRangeByScore returns the members of the sorted set at key with a score from min to max, in Redis's notation: +Inf, (5. A key
// that does not exist has none.
func (c *Client) ZRangeByScore(ctx context.Context, key, min, max string) ([]string, error) {
	members, err := c.reader.ZRangeByScore(ctx, key, &redis.ZRangeBy{Min: min, Max: max}).Result()
	return members, failure(err, "zrangebyscore", key)
}

// SCard returns the number of members of the set at key, 0 for a key that does not exist.
func (c *Client) SCard(ctx context.Context, key string) (int64, error) {
	n, err := c.reader.SCard(ctx, key).Result()
	return n, failure(err, "scard", key)
}

// Increment is one step of IncrBy.
type Increment struct {
	Key string
	By  int64
	TTL time.Duration // from now on; at least a second
}

// IncrBy adds to counters and renews their time to live, all in one round trip, and returns their new values. It is not atomic: on
// an error some steps may have been made.
func (c *Client) IncrBy(ctx context.Context, steps []Increment) ([]int64, error) {
	if len(steps) == 0 {
		return nil, nil
	}
	pipe := c.writer.Pipeline()
	counts := make([]*redis.IntCmd, len(steps))
	for i, s := range steps {
		counts[i] = pipe.IncrBy(ctx, s.Key, s.By)
		pipe.Expire(ctx, s.Key, s.TTL)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, failure(err, "incrby", steps[0].Key+" ...")
	}
	values := make([]int64, len(steps))
	for i := range counts {
		values[i] = counts[i].Val()
	}
	return values, nil
}

// value decodes what a command returned.
func (c *Client) value(ctx context.Context, raw []byte, err error, command, key string) (string, error) {
	if err == nil && len(raw) == 0 {
		err = redis.Nil
	}
	if err != nil {
		return "", failure(err, command, key)
	}
	return c.codec.decode(ctx, raw, key)
}

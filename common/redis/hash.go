package redis

import "context"

// HashIncrement is one step of HIncrBy.
type HashIncrement struct {
	Key, Field string
	By         int64
}

// HIncrBy adds to counters that are fields of hashes, all in one round trip. A hash or a field that does not exist is made. It is not
// atomic: on an error some steps may have been made.
func (c *Client) HIncrBy(ctx context.Context, steps []HashIncrement) error {
	if len(steps) == 0 {
		return nil
	}
	pipe := c.writer.Pipeline()
	for _, s := range steps {
		pipe.HIncrBy(ctx, s.Key, s.Field, s.By)
	}
	_, err := pipe.Exec(ctx)
	return failure(err, "hincrby", steps[0].Key+" ...")
}

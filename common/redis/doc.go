// Package redis is a client for what the services keep in Redis beside the main app, with the encodings that the main app's own
// caches use. It is go-redis, wrapped once, so that no service knows which client it is.
//
// Values are text. A Client reads and writes them as UTF-8; As(Pickle) gives the same client for values that Python's pickle wrote.
// Whatever the format, a value that is a zstd frame is unpacked on reading, and packed on writing where Config.Compress says so.
//
// Connections are pooled and made when they are needed; nothing is dialled by New. A server that goes away costs each command one
// error or timeout, none is repeated, and once it is back commands work again without anybody's help. The pool itself keeps
// reconnecting from becoming a storm: after as many failed dials as it may have connections, commands fail at once with the last
// error, and one probe a second looks whether the server is back. So no floor between reconnects is needed on top.
//
// Waiting for a server that is not up yet is the caller's business: whoever refreshes something in the background just tries again.
package redis

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/redis/go-redis/v9"
)

// Kinds of errors. Those of Redis itself keep its text, with its code (such as WRONGTYPE) in front.
var (
	ErrNotFound      = errors.New("not found in redis") // no such key or field, or an empty value
	ErrParse         = errors.New("value cannot be parsed")
	ErrTimeout       = errors.New("redis timed out")
	ErrInvalidConfig = errors.New("invalid redis configuration")
)

// IsNotFound reports whether err says that there is no value.
func IsNotFound(err error) bool { return errors.Is(err, ErrNotFound) }

// failure gives err its kind and says what was tried.
func failure(err error, command, key string) error {
	netErr, isNet := errors.AsType[net.Error](err)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, redis.Nil):
		return fmt.Errorf("%s %s: %w", command, key, ErrNotFound)
	case isNet && netErr.Timeout(), errors.Is(err, context.DeadlineExceeded), errors.Is(err, redis.ErrPoolTimeout):
		return fmt.Errorf("%s %s: %w: %w", command, key, ErrTimeout, err)
	}
	return fmt.Errorf("%s %s: %w", command, key, err)
}

package redis

import (
	"cmp"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Config says where the servers are and how long to wait for them.
type Config struct {
	URL       string // redis://[user:password@]host:port[/db], or rediss:// for TLS
	ReaderURL string // of a replica that answers reads; empty: URL does

	// ResponseTimeout bounds the wait for each answer, ConnectTimeout that for a connection. nil waits as long as the caller's
	// context allows; zero is refused, since it would let every command fail.
	ResponseTimeout *time.Duration
	ConnectTimeout  *time.Duration

	Compress     bool // write values longer than CompressOver bytes as zstd; reading does not depend on it
	CompressOver int  // default 1024
}

// Timeout makes of a setting, in which 0 means none, a value for Config.
func Timeout(setting time.Duration) *time.Duration {
	if setting == 0 {
		return nil
	}
	return &setting
}

// defaultCompressOver leaves alone what would hardly shrink.
const defaultCompressOver = 1024

func (c Config) withDefaults() (Config, error) {
	timeouts := []struct {
		name  string
		value *time.Duration
	}{{"response", c.ResponseTimeout}, {"connection", c.ConnectTimeout}}
	for _, t := range timeouts {
		switch {
		case t.value == nil:
		case *t.value == 0: // the text is that of the original
			return c, configError("Redis " + t.name + " timeout cannot be Duration::ZERO - use None for no timeout")
		case *t.value < 0:
			return c, configError(fmt.Sprintf("Redis %s timeout cannot be negative: %s", t.name, *t.value))
		}
	}
	c.CompressOver = cmp.Or(c.CompressOver, defaultCompressOver)
	return c, nil
}

// configError is an ErrInvalidConfig with a text of its own.
type configError string

func (e configError) Error() string { return string(e) }

// Is lets errors.Is find the kind.
func (e configError) Is(target error) bool { return target == ErrInvalidConfig }

// noTimeout is go-redis's value for waiting without end.
const noTimeout = -1

func (c Config) options(url string) (*redis.Options, error) {
	o, err := parseURL(url)
	if err != nil {
		return nil, configError("Redis URL: " + err.Error())
	}
	o.Protocol = 2                   // all that is used here, and every server speaks it
	o.ContextTimeoutEnabled = true   // else only the timeouts below would end a command
	o.MaxRetries = noTimeout         // -1 is none: callers have better answers to a failure than to wait again
	o.DialerRetries = 1              // the same goes for dialling
	o.DialTimeout = 10 * time.Minute // the kernel gives up long before
	o.ReadTimeout = noTimeout
	o.DisableIdentity = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	if c.ConnectTimeout != nil {
		o.DialTimeout = *c.ConnectTimeout
	}
	if c.ResponseTimeout != nil {
		o.ReadTimeout = *c.ResponseTimeout
	}
	o.WriteTimeout = o.ReadTimeout
	return o, nil
}

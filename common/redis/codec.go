package redis

import (
	"context"
	"fmt"
	"log/slog"
	"unicode/utf8"

	"github.com/hog-go/hog/common/compress"
)

// Format is how text becomes a value.
type Format int

// The formats. Source: RedisValueFormat in PostHog's rust/common/redis/src/lib.rs.
const (
	UTF8     Format = iota // the text itself
	Pickle                 // a pickled Python str, as Django's cache writes it
	RawBytes               // any bytes, not checked
)

// maxValue bounds what a compressed value may unpack to: the size of the largest string that Redis holds.
const maxValue = 512 << 20

type codec struct {
	format       Format
	log          *slog.Logger
	compress     bool
	compressOver int
}

// decode turns a value into text. Errors are ErrParse.
func (c *codec) decode(ctx context.Context, raw []byte, key string) (string, error) {
	if compress.IsZstd(raw) {
		// Not every value that begins like a frame need be one.
		unpacked, err := compress.Unzstd(nil, raw, maxValue)
		if err == nil {
			raw = unpacked
		} else {
			c.log.WarnContext(ctx, "value looks compressed and is taken as it is", "key", key, "err", err)
		}
	}
	switch c.format {
	case Pickle:
		text, err := unpickle(raw)
		if err != nil {
			return "", fmt.Errorf("%w: %s: %w", ErrParse, key, err)
		}
		return text, nil
	case UTF8:
		if !utf8.Valid(raw) {
			return "", fmt.Errorf("%w: %s: not UTF-8", ErrParse, key)
		}
	}
	return string(raw), nil
}

// encode turns text into a value. Errors are ErrParse.
func (c *codec) encode(text string) ([]byte, error) {
	raw := []byte(text)
	if c.format == Pickle {
		var err error
		if raw, err = pickle(text); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrParse, err)
		}
	}
	if c.compress && len(raw) > c.compressOver {
		return compress.Zstd(nil, raw), nil
	}
	return raw, nil
}

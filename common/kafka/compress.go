package kafka

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// codec is the compression number in a batch's attributes.
type codec uint8

const (
	codecNone codec = iota
	codecGzip
	codecSnappy
	codecLZ4
	codecZstd
)

func codecNamed(name string) codec {
	switch name {
	case "gzip":
		return codecGzip
	case "snappy":
		return codecSnappy
	case "lz4":
		return codecLZ4
	case "zstd":
		return codecZstd
	default:
		return codecNone
	}
}

// compressor belongs to one sender: its writers are reused from batch to batch and never shared.
type compressor struct {
	codec   codec
	gzip    *gzip.Writer
	lz4     *lz4.Writer
	zstd    *zstd.Encoder
	scratch []byte // of snappy
	out     appender
}

// appender is an io.Writer onto a byte slice.
type appender struct{ b []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.b = append(a.b, p...)
	return len(p), nil
}

// compress gives dst with room for the batch's head and the compressed records of raw, or dst empty when there is no codec or
// nothing was gained by it.
func (c *compressor) compress(dst, raw []byte) ([]byte, error) {
	if c.codec == codecNone {
		return dst[:0], nil
	}
	dst = append(dst[:0], raw[:recordsAt]...)
	dst, err := c.appendCompressed(dst, raw[recordsAt:])
	if err != nil {
		return dst[:0], fmt.Errorf("compress record batch: %w", err)
	}
	if len(dst) >= len(raw) {
		dst = dst[:0]
	}
	return dst, nil
}

func (c *compressor) appendCompressed(dst, src []byte) ([]byte, error) {
	switch c.codec {
	case codecGzip:
		if c.gzip == nil {
			c.gzip = gzip.NewWriter(nil)
		}
		c.out.b = dst
		c.gzip.Reset(&c.out)
		return c.finish(c.gzip, src)
	case codecLZ4:
		if c.lz4 == nil {
			c.lz4 = lz4.NewWriter(nil)
		}
		c.out.b = dst
		c.lz4.Reset(&c.out)
		return c.finish(c.lz4, src)
	case codecZstd:
		if c.zstd == nil {
			var err error
			// One thread: batches of different brokers already run side by side.
			if c.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1)); err != nil {
				return dst, err
			}
		}
		return c.zstd.EncodeAll(src, dst), nil
	default:
		return c.appendXerial(dst, src), nil
	}
}

func (c *compressor) finish(w io.WriteCloser, src []byte) ([]byte, error) {
	_, err := w.Write(src)
	if closeErr := w.Close(); err == nil {
		err = closeErr
	}
	dst := c.out.b
	c.out.b = nil
	return dst, err
}

// The framing of snappy-java, which is what Kafka means by snappy: magic, version 1, compatible with 1, then blocks, each with
// its length in front (github.com/xerial/snappy-java, SnappyOutputStream).
var xerialHeader = []byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1}

// xerialBlock is the default block of snappy-java, in bytes before compression.
const xerialBlock = 32 << 10

func (c *compressor) appendXerial(dst, src []byte) []byte {
	dst = append(dst, xerialHeader...)
	for len(src) > 0 {
		block := src[:min(len(src), xerialBlock)]
		src = src[len(block):]
		c.scratch = s2.EncodeSnappy(c.scratch[:cap(c.scratch)], block)
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(c.scratch)))
		dst = append(dst, c.scratch...)
	}
	return dst
}

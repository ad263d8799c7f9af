package kafka

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// maxDecompressed bounds one batch. Brokers bound it before compression only by what their memory takes.
const maxDecompressed = 512 << 20

var errDecompressed = fmt.Errorf("more than %d bytes", maxDecompressed)

// decompressor reuses its readers; what it returns is fresh memory, which messages may alias.
type decompressor struct {
	src  bytes.Reader
	gzip *gzip.Reader
	lz4  *lz4.Reader
	zstd *zstd.Decoder
}

func (d *decompressor) decompress(c codec, body []byte) ([]byte, error) {
	d.src.Reset(body)
	switch c {
	case codecNone:
		return body, nil
	case codecGzip:
		if d.gzip == nil {
			d.gzip = new(gzip.Reader)
		}
		if err := d.gzip.Reset(&d.src); err != nil {
			return nil, err
		}
		return readBounded(d.gzip, len(body))
	case codecSnappy:
		return decodeSnappy(body)
	case codecLZ4:
		if d.lz4 == nil {
			d.lz4 = lz4.NewReader(nil)
		}
		d.lz4.Reset(&d.src)
		return readBounded(d.lz4, len(body))
	case codecZstd:
		if d.zstd == nil {
			var err error
			if d.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxDecompressed)); err != nil {
				return nil, err
			}
		}
		return d.zstd.DecodeAll(body, nil)
	default:
		return nil, fmt.Errorf("unknown codec %d", c)
	}
}

func readBounded(r io.Reader, compressed int) ([]byte, error) {
	buf := bytes.NewBuffer(make([]byte, 0, 4*compressed+bytes.MinRead))
	if n, err := buf.ReadFrom(io.LimitReader(r, maxDecompressed+1)); err != nil {
		return nil, err
	} else if n > maxDecompressed {
		return nil, errDecompressed
	}
	return buf.Bytes(), nil
}

// decodeSnappy takes both forms that are found in Kafka: snappy-java's framing, and a bare block.
func decodeSnappy(body []byte) ([]byte, error) {
	const magicLen = 8 // the versions after the magic do not change the layout
	if !bytes.HasPrefix(body, xerialHeader[:magicLen]) {
		if _, err := snappyLen(body); err != nil {
			return nil, err
		}
		return s2.Decode(nil, body)
	}
	total := 0
	err := eachXerialBlock(body, func(block []byte) error {
		n, err := snappyLen(block)
		if total += n; total > maxDecompressed {
			return errDecompressed
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, total)
	err = eachXerialBlock(body, func(block []byte) error {
		piece, err := s2.Decode(out[len(out):total], block)
		out = out[:len(out)+len(piece)]
		return err
	})
	return out, err
}

func snappyLen(block []byte) (int, error) {
	n, err := s2.DecodedLen(block)
	if err == nil && n > maxDecompressed {
		err = errDecompressed
	}
	return n, err
}

// eachXerialBlock walks snappy-java's framing.
func eachXerialBlock(body []byte, f func(block []byte) error) error {
	if len(body) < len(xerialHeader) {
		return errTruncated
	}
	for rest := body[len(xerialHeader):]; len(rest) > 0; {
		if len(rest) < 4 {
			return errTruncated
		}
		n := int(binary.BigEndian.Uint32(rest))
		if rest = rest[4:]; n > len(rest) {
			return errTruncated
		}
		if err := f(rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

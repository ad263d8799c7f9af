package compress

import (
	"bytes"
	"errors"
	"slices"
	"sync"

	"github.com/andybalholm/brotli"
)

// ErrInvalidBrotli is returned for input that is no brotli stream, or one that is cut off.
var ErrInvalidBrotli = errors.New("invalid brotli data")

// brotliReader is a decoder with the reader that it reads from. A stream's window is 16 MiB at most.
type brotliReader struct {
	src bytes.Reader
	dec *brotli.Reader
}

var brotliReaders = sync.Pool{New: func() any { return &brotliReader{dec: brotli.NewReader(nil)} }}

// Unbrotli appends the content of the brotli stream src (RFC 7932) to dst.
func Unbrotli(dst, src []byte, limit int) ([]byte, error) {
	z := brotliReaders.Get().(*brotliReader)
	defer brotliReaders.Put(z)
	z.src.Reset(src)
	defer z.src.Reset(nil)
	if err := z.dec.Reset(&z.src); err != nil {
		return dst, ErrInvalidBrotli
	}
	out, err := readAll(slices.Grow(dst, min(4*len(src), limit)+1), z.dec, limit)
	if err != nil {
		return out[:len(dst)], publicError(err, limit, ErrInvalidBrotli)
	}
	return out, nil
}

// Package compress decodes what clients and caches send compressed: gzip, deflate, brotli, zstd and LZ-string.
//
// All decoders have one shape, X(dst, src, limit): the whole input lies in memory, the output is appended to dst (which may come
// from the caller's pool; spare capacity is used first), and decoding stops as soon as more than limit bytes came out, with a
// *TooLargeError, so that a small body cannot blow up memory. After any error dst comes back with the length it had, perhaps in a
// larger array, so that a pool keeps what was grown. Apart from dst nothing is allocated once the pools inside are warm.
//
// Gzip is the hot path of event ingestion, which is why the package has its own inflate: see BenchmarkGunzip for what it gains over
// the standard library and over github.com/klauspost/compress.
package compress

import (
	"errors"
	"fmt"
)

// What makes input undecodable. None of them depends on the limit.
var (
	ErrInvalidGzip    = errors.New("invalid gzip data")
	ErrInvalidDeflate = errors.New("invalid deflate data")
	ErrInvalidZstd    = errors.New("invalid zstd data")
	ErrNotText        = errors.New("neither gzip nor UTF-8 text")
)

// TooLargeError says that the output would be longer than the caller allows.
type TooLargeError struct {
	Limit int // bytes
	Size  int // bytes seen when decoding stopped, a lower bound of the full size
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("decompressed output exceeded limit (%d > %d bytes)", e.Size, e.Limit)
}

// errTooLarge is what decoders return inside the package; the exported functions, which know the limit, make it a TooLargeError.
var errTooLarge = errors.New("output exceeded limit")

// publicError turns an error of a decoder into the one that callers see.
func publicError(err error, limit int, invalid error) error {
	if errors.Is(err, errTooLarge) {
		return &TooLargeError{Limit: limit, Size: limit + 1}
	}
	return invalid
}

package compress

import (
	"bytes"
	"io"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// maxZstdWindow is the largest window that a frame may ask for: what RFC 9659 allows for HTTP content. It bounds what a header of
// a few bytes can make us allocate.
const maxZstdWindow = 8 << 20

// IsZstd reports whether b starts with the magic number of a zstd frame.
func IsZstd(b []byte) bool {
	return len(b) >= 4 && b[0] == 0x28 && b[1] == 0xb5 && b[2] == 0x2f && b[3] == 0xfd
}

// zstdReader is a decoder with the reader that it reads from. It has no goroutines of its own.
type zstdReader struct {
	src bytes.Reader
	dec *zstd.Decoder
}

var zstdReaders = sync.Pool{New: func() any {
	dec, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
	if err != nil {
		panic(err) // these options are valid
	}
	return &zstdReader{dec: dec}
}}

// Unzstd appends the content of all zstd frames in src (RFC 8878) to dst.
func Unzstd(dst, src []byte, limit int) ([]byte, error) {
	if !IsZstd(src) {
		return dst, ErrInvalidZstd
	}
	z := zstdReaders.Get().(*zstdReader)
	defer zstdReaders.Put(z)
	z.src.Reset(src)
	defer z.src.Reset(nil)
	if err := z.dec.Reset(&z.src); err != nil {
		return dst, ErrInvalidZstd
	}
	out, err := readAll(slices.Grow(dst, zstdSizeHint(src, limit)), z.dec, limit)
	if err != nil {
		return out[:len(dst)], publicError(err, limit, ErrInvalidZstd)
	}
	return out, nil
}

// zstdSizeHint is what the first frame says of its content, believed up to 16 times the input; a byte more lets the reader meet
// the end without growing.
func zstdSizeHint(src []byte, limit int) int {
	var h zstd.Header
	if err := h.Decode(src); err != nil || !h.HasFCS {
		return min(4*len(src), limit) + 1
	}
	return int(min(h.FrameContentSize, uint64(16*len(src)), uint64(limit))) + 1
}

// readAll appends what r yields to dst, at most limit bytes.
func readAll(dst []byte, r io.Reader, limit int) ([]byte, error) {
	end := len(dst) + limit
	for {
		if len(dst) == cap(dst) {
			dst = slices.Grow(dst, max(512, len(dst)))
		}
		n, err := r.Read(dst[len(dst):min(cap(dst), end+1)])
		dst = dst[:len(dst)+n]
		switch {
		case len(dst) > end:
			return dst, errTooLarge
		case err == io.EOF:
			return dst, nil
		case err != nil:
			return dst, err
		}
	}
}

var zstdWriter = sync.OnceValue(func() *zstd.Encoder {
	enc, err := zstd.NewWriter(nil, zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(1<<20))
	if err != nil {
		panic(err) // these options are valid
	}
	return enc
})

// Zstd appends one zstd frame with the content of src to dst, at the library's default level.
func Zstd(dst, src []byte) []byte {
	return zstdWriter().EncodeAll(src, dst)
}

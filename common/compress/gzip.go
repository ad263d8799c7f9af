package compress

import (
	"encoding/binary"
	"errors"
	"hash/adler32"
	"hash/crc32"
	"sync"
	"unicode/utf8"
)

var inflaters = sync.Pool{New: func() any { return new(inflater) }}

// IsGzip reports whether b starts like a gzip member with the only method there is.
func IsGzip(b []byte) bool {
	return len(b) >= 3 && b[0] == 0x1f && b[1] == 0x8b && b[2] == 8
}

// Gunzip appends the content of all gzip members in src (RFC 1952) to dst. What follows the last member and does not begin like
// one is ignored, as gzip(1) does and as the original does, which reads no further than the first member.
func Gunzip(dst, src []byte, limit int) ([]byte, error) {
	d := inflaters.Get().(*inflater)
	d.start(dst, src, limit)
	d.reserve(gzipSizeHint(src, limit) + slack)
	err := d.gunzip()
	return d.finish(len(dst), limit, err, ErrInvalidGzip)
}

// gzipSizeHint guesses the size of the output by the last four bytes of the input (ISIZE), which a client may set to anything:
// more than 16 times the input, as JSON seldom has, is left to growth by doubling.
func gzipSizeHint(src []byte, limit int) int {
	if len(src) < 4 {
		return 0
	}
	return min(int(binary.LittleEndian.Uint32(src[len(src)-4:])), 16*len(src), limit)
}

// Inflate appends the content of src to dst, which is either a zlib stream (RFC 1950) or a bare deflate stream (RFC 1951): HTTP
// means the former by "deflate", and clients send both. Bytes behind the stream are ignored.
func Inflate(dst, src []byte, limit int) ([]byte, error) {
	d := inflaters.Get().(*inflater)
	d.start(dst, src, limit)
	err := ErrInvalidDeflate
	if isZlib(src) {
		err = d.zlib()
	}
	if errors.Is(err, ErrInvalidDeflate) {
		d.ip, d.op = 0, d.base
		err = d.run()
	}
	return d.finish(len(dst), limit, err, ErrInvalidDeflate)
}

// DecompressOrText appends src to dst, unpacked where it is gzip. The result is UTF-8 text: gzip of anything else is an error, and
// so is anything else itself. What only starts like gzip and cannot be unpacked may still pass as text.
func DecompressOrText(dst, src []byte, limit int) ([]byte, error) {
	if IsGzip(src) {
		out, err := Gunzip(dst, src, limit)
		switch {
		case err == nil && !utf8.Valid(out[len(dst):]):
			return out[:len(dst)], ErrNotText
		case !errors.Is(err, ErrInvalidGzip):
			return out, err
		}
	}
	if !utf8.Valid(src) {
		return dst, ErrNotText
	}
	if len(src) > limit {
		return dst, &TooLargeError{Limit: limit, Size: len(src)}
	}
	return append(dst, src...), nil
}

func (d *inflater) start(dst, src []byte, limit int) {
	d.src, d.ip = src, 0
	d.out = dst[:cap(dst)]
	d.op, d.base, d.max = len(dst), len(dst), len(dst)+limit
}

// finish gives d back to the pool and returns the output, cut to its first keep bytes after an error.
func (d *inflater) finish(keep, limit int, err, invalid error) ([]byte, error) {
	out := d.out[:d.op]
	d.src, d.out = nil, nil
	inflaters.Put(d)
	if err != nil {
		return out[:keep], publicError(err, limit, invalid)
	}
	return out, nil
}

func (d *inflater) gunzip() error {
	for {
		d.base = d.op
		if !d.gzipHeader() {
			return ErrInvalidGzip
		}
		if err := d.run(); err != nil {
			return err
		}
		if len(d.src)-d.ip < 8 {
			return ErrInvalidGzip
		}
		sum := binary.LittleEndian.Uint32(d.src[d.ip:])
		size := binary.LittleEndian.Uint32(d.src[d.ip+4:])
		d.ip += 8
		content := d.out[d.base:d.op]
		if sum != crc32.ChecksumIEEE(content) || size != uint32(len(content)) {
			return ErrInvalidGzip
		}
		if !IsGzip(d.src[d.ip:]) {
			return nil
		}
	}
}

// Flags of a member's header (RFC 1952, 2.3.1).
const (
	gzipHeaderSum = 1 << 1
	gzipExtra     = 1 << 2
	gzipName      = 1 << 3
	gzipComment   = 1 << 4
)

// gzipHeader moves d.ip behind the header of a member and reports whether there was a valid one.
func (d *inflater) gzipHeader() bool {
	start := d.ip
	if !IsGzip(d.src[start:]) || len(d.src)-start < 10 {
		return false
	}
	flags := d.src[start+3]
	d.ip += 10
	if flags&gzipExtra != 0 {
		if len(d.src)-d.ip < 2 {
			return false
		}
		d.ip += 2 + int(binary.LittleEndian.Uint16(d.src[d.ip:]))
	}
	if flags&gzipName != 0 && !d.skipString() || flags&gzipComment != 0 && !d.skipString() {
		return false
	}
	if flags&gzipHeaderSum != 0 {
		if len(d.src)-d.ip < 2 {
			return false
		}
		sum := uint16(crc32.ChecksumIEEE(d.src[start:d.ip]))
		if sum != binary.LittleEndian.Uint16(d.src[d.ip:]) {
			return false
		}
		d.ip += 2
	}
	return d.ip <= len(d.src)
}

// skipString moves d.ip behind a string that ends with a zero byte.
func (d *inflater) skipString() bool {
	for d.ip < len(d.src) {
		d.ip++
		if d.src[d.ip-1] == 0 {
			return true
		}
	}
	return false
}

// isZlib reports whether b starts with a zlib header that asks for no preset dictionary.
func isZlib(b []byte) bool {
	return len(b) >= 2 && b[0]&0x0f == 8 && b[0]>>4 <= 7 && b[1]&0x20 == 0 && binary.BigEndian.Uint16(b)%31 == 0
}

func (d *inflater) zlib() error {
	d.ip = 2
	if err := d.run(); err != nil {
		return err
	}
	if len(d.src)-d.ip < 4 || binary.BigEndian.Uint32(d.src[d.ip:]) != adler32.Checksum(d.out[d.base:d.op]) {
		return ErrInvalidDeflate
	}
	return nil
}

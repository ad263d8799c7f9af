package compress

import (
	"encoding/binary"
	"slices"
)

// inflater decodes one deflate stream (RFC 1951) that lies in memory as a whole into memory. Having all of input and output at hand
// is what makes it faster than a reader: no window to copy from, a 64 bit buffer that is filled by one load, no state to save
// between calls. See BenchmarkGunzip for the numbers.
//
// The bit buffer b holds n valid bits, the next one of the stream lowest. Bits above n may be set, then they are those that follow
// in the stream, so that or-ing the same bytes in again changes nothing.
type inflater struct {
	src []byte
	ip  int    // next byte to load
	b   uint64 // bit buffer
	n   uint   // valid bits in b, at most 63
	pad uint   // zero bytes loaded behind the end of src

	out  []byte // output, with len(out) == cap(out)
	op   int    // end of what was written
	base int    // start of the stream's own output: no match may reach before it
	max  int    // largest allowed op

	tables
}

// pairFrom is the number of bytes still to decode from which on pairing literals pays for itself.
const pairFrom = 2048

// run decodes the stream at d.src[d.ip:] until its last block ends, and leaves d.ip behind the last byte used.
func (d *inflater) run() error {
	d.b, d.n, d.pad = 0, 0, 0
	for last := false; !last; {
		d.fill()
		last = d.b&1 != 0
		kind := d.b >> 1 & 3
		d.drop(3)
		var err error
		switch kind {
		case 0:
			err = d.stored()
		case 1:
			t := fixedTables()
			err = d.symbols(&t.lit, &t.dist)
		case 2:
			if err = d.dynamic(); err == nil {
				err = d.symbols(&d.lit, &d.dist)
			}
		default:
			err = ErrInvalidDeflate
		}
		if err != nil {
			return err
		}
	}
	return d.giveBack()
}

// fill loads bytes until at least 56 bits are valid, padding with zero bytes behind the end of the input.
func (d *inflater) fill() {
	if d.ip+8 <= len(d.src) {
		d.b |= binary.LittleEndian.Uint64(d.src[d.ip:]) << (d.n & 63)
		d.ip += int(63-d.n) >> 3
		d.n |= 56
		return
	}
	for d.n < 56 {
		if d.ip < len(d.src) {
			d.b |= uint64(d.src[d.ip]) << (d.n & 63)
			d.ip++
		} else {
			d.pad++
		}
		d.n += 8
	}
}

func (d *inflater) drop(n uint) {
	d.b >>= n & 63
	d.n -= n
}

// giveBack returns whole bytes from the bit buffer to the input. It fails if bits were used that the input does not have.
func (d *inflater) giveBack() error {
	whole := d.n >> 3
	if d.pad > whole {
		return ErrInvalidDeflate
	}
	d.ip -= int(whole - d.pad)
	d.b, d.n, d.pad = 0, 0, 0
	return nil
}

// stored copies a block of type 0.
func (d *inflater) stored() error {
	if err := d.giveBack(); err != nil {
		return err
	}
	if len(d.src)-d.ip < 4 {
		return ErrInvalidDeflate
	}
	size := int(binary.LittleEndian.Uint16(d.src[d.ip:]))
	if size != int(^binary.LittleEndian.Uint16(d.src[d.ip+2:])) {
		return ErrInvalidDeflate
	}
	d.ip += 4
	if len(d.src)-d.ip < size {
		return ErrInvalidDeflate
	}
	if d.op+size > d.max {
		return errTooLarge
	}
	d.reserve(size)
	d.op += copy(d.out[d.op:], d.src[d.ip:d.ip+size])
	d.ip += size
	return nil
}

// preOrder is the order in which the lengths of the code length code are stored (RFC 1951, 3.2.7).
var preOrder = [numPreSyms]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// dynamic reads the code lengths of a block of type 2 and makes its tables.
func (d *inflater) dynamic() error {
	d.fill()
	numLit := int(d.b&31) + 257
	numDist := int(d.b>>5&31) + 1
	numPre := int(d.b>>10&15) + 4
	d.drop(14)
	if numLit > maxDynLitSyms || numDist > maxDynDist {
		return ErrInvalidDeflate
	}

	var preLens [numPreSyms]uint8
	for i := range numPre {
		if d.n < 3 {
			d.fill()
		}
		preLens[preOrder[i]] = uint8(d.b & 7)
		d.drop(3)
	}
	if !buildTable(d.pre[:], preBits, preLens[:], preSymbols[:]) {
		return ErrInvalidDeflate
	}

	total := numLit + numDist
	for i := 0; i < total; {
		if d.n < maxPreLen+7 {
			d.fill()
		}
		e := d.pre[d.b&preMask]
		if e&entrySpecial != 0 {
			return ErrInvalidDeflate
		}
		d.drop(uint(e & entryDrop))
		sym := uint8(e >> 16)
		if sym < 16 {
			d.lens[i] = sym
			i++
			continue
		}
		var value uint8
		var repeat int
		switch sym {
		case 16:
			if i == 0 {
				return ErrInvalidDeflate
			}
			value, repeat = d.lens[i-1], 3+int(d.b&3)
			d.drop(2)
		case 17:
			repeat = 3 + int(d.b&7)
			d.drop(3)
		case 18:
			repeat = 11 + int(d.b&127)
			d.drop(7)
		}
		if i+repeat > total {
			return ErrInvalidDeflate
		}
		run := d.lens[i : i+repeat]
		for j := range run {
			run[j] = value
		}
		i += repeat
	}
	if d.lens[endOfBlock] == 0 ||
		!buildTable(d.lit[:], litBits, d.lens[:numLit], litSymbols[:numLit]) ||
		!buildTable(d.dist[:], distBits, d.lens[numLit:total], distSymbols[:numDist]) {
		return ErrInvalidDeflate
	}
	if len(d.src)-d.ip >= pairFrom {
		pairLiterals(&d.lit)
	}
	return nil
}

// reserve makes room for size more bytes of output, at least doubling it, so that copying stays linear.
func (d *inflater) reserve(size int) {
	if len(d.out)-d.op >= size {
		return
	}
	grown := slices.Grow(d.out[:d.op], max(size, min(d.op-d.base, d.max-d.op+slack)))
	d.out = grown[:cap(grown)]
}

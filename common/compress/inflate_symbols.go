package compress

import "encoding/binary"

// slack is kept free behind op while symbols are decoded: two pairs of literals, the longest match, and what copying in steps of
// 16 bytes overshoots (4 + 258 + 15), rounded up.
const slack = 288

// Outcomes of a run of symbols.
type outcome int

const (
	outcomeEnd     outcome = iota // end of block
	outcomeInput                  // too near the end of the input for whole loads
	outcomeOutput                 // out is full, or max is reached
	outcomeInvalid                // not deflate
)

// symbols decodes the compressed data of a block.
func (d *inflater) symbols(lit *litTable, dist *distTable) error {
	for {
		if d.op > d.max {
			return d.tooLarge()
		}
		d.reserve(slack)
		switch d.fast(lit, dist) {
		case outcomeEnd:
			if d.op > d.max {
				return errTooLarge
			}
			return nil
		case outcomeInvalid:
			return ErrInvalidDeflate
		case outcomeOutput:
			continue
		case outcomeInput:
			d.reserve(slack)
			done, err := d.one(lit, dist)
			if done || err != nil {
				return err
			}
		}
	}
}

// tooLarge is the error for too much output, unless that was decoded from padding.
func (d *inflater) tooLarge() error {
	if d.pad > d.n>>3 {
		return ErrInvalidDeflate
	}
	return errTooLarge
}

// one decodes a single symbol near the end of the input and reports whether it ended the block.
func (d *inflater) one(lit *litTable, dist *distTable) (done bool, err error) {
	if d.fill(); d.pad > 8 {
		return false, ErrInvalidDeflate // all bits are made up by now
	}
	e := lit[d.b&litMask]
	if e&(entrySpecial|entrySubtable) == entrySpecial|entrySubtable {
		d.drop(litBits)
		e = lit[uint64(e>>16)+d.b&(1<<(e>>8&15)-1)]
	}
	saved := d.b
	d.drop(uint(e & entryDrop))
	if e&entryLiteral != 0 {
		d.out[d.op], d.out[d.op+1] = byte(e>>16), byte(e>>24)
		d.op += 1 + int(e>>8&1)
		return false, nil
	}
	if e&entrySpecial != 0 {
		if e&entryEnd == 0 {
			return false, ErrInvalidDeflate
		}
		if d.op > d.max {
			return false, d.tooLarge()
		}
		return true, nil
	}
	length := int(e>>16) + int(saved&(1<<(e&63)-1)>>(e>>8&15))

	d.fill()
	e = dist[d.b&distMask]
	if e&entrySpecial != 0 {
		if e&entrySubtable == 0 {
			return false, ErrInvalidDeflate
		}
		d.drop(distBits)
		e = dist[uint64(e>>16)+d.b&(1<<(e>>8&15)-1)]
		if e&entrySpecial != 0 {
			return false, ErrInvalidDeflate
		}
	}
	saved = d.b
	d.drop(uint(e & entryDrop))
	from := d.op - int(e>>16) - int(saved&(1<<(e&63)-1)>>(e>>8&15))
	if from < d.base {
		return false, ErrInvalidDeflate
	}
	for range length {
		d.out[d.op] = d.out[from]
		d.op++
		from++
	}
	return false, nil
}

// fast decodes symbols as long as input and output are far enough from their ends to do without checks at each step. It is long
// because its variables have to stay in registers, which no call would leave them in. With 56 bits after each load there are enough
// for two lookups of literals and a length (10 + 10 + 15 + 5), or for a distance (15 + 13).
func (d *inflater) fast(lit *litTable, dist *distTable) outcome {
	src, out := d.src, d.out
	ip, op, b, n := d.ip, d.op, d.b, d.n
	ipEnd := len(src) - 16 // two loads of 8 bytes, the second at most 7 bytes further on
	opEnd := min(len(out)-slack, d.max)
	result := outcomeInput
	if ipEnd < 0 {
		return result
	}
	for ip <= ipEnd {
		if op > opEnd {
			result = outcomeOutput
			break
		}
		b |= binary.LittleEndian.Uint64(src[ip:]) << (n & 63)
		ip += int(63-n) >> 3
		n |= 56

		e := lit[b&litMask]
		if e&entryLiteral != 0 {
			b >>= e & 63
			n -= uint(e & entryDrop)
			out[op], out[op+1] = byte(e>>16), byte(e>>24)
			op += 1 + int(e>>8&1)
			e = lit[b&litMask]
			if e&entryLiteral != 0 {
				b >>= e & 63
				n -= uint(e & entryDrop)
				out[op], out[op+1] = byte(e>>16), byte(e>>24)
				op += 1 + int(e>>8&1)
				e = lit[b&litMask]
				if e&entryLiteral != 0 {
					b >>= e & 63
					n -= uint(e & entryDrop)
					out[op], out[op+1] = byte(e>>16), byte(e>>24)
					op += 1 + int(e>>8&1)
					continue
				}
			}
		}
		if e&entrySpecial != 0 {
			if e&entrySubtable != 0 {
				b >>= litBits
				n -= litBits
				e = lit[uint64(e>>16)+b&(1<<(e>>8&15)-1)]
				if e&entryLiteral != 0 {
					b >>= e & 63
					n -= uint(e & entryDrop)
					out[op], out[op+1] = byte(e>>16), byte(e>>24)
					op += 1 + int(e>>8&1)
					continue
				}
			}
			if e&entrySpecial != 0 {
				result = outcomeInvalid
				if e&entryEnd != 0 {
					b >>= e & 63
					n -= uint(e & entryDrop)
					result = outcomeEnd
				}
				break
			}
		}
		length := int(e>>16) + int(b&(1<<(e&63)-1)>>(e>>8&15))
		b >>= e & 63
		n -= uint(e & entryDrop)

		b |= binary.LittleEndian.Uint64(src[ip:]) << (n & 63)
		ip += int(63-n) >> 3
		n |= 56
		e = dist[b&distMask]
		if e&entrySpecial != 0 {
			if e&entrySubtable != 0 {
				b >>= distBits
				n -= distBits
				e = dist[uint64(e>>16)+b&(1<<(e>>8&15)-1)]
			}
			if e&entrySpecial != 0 {
				result = outcomeInvalid
				break
			}
		}
		distance := int(e>>16) + int(b&(1<<(e&63)-1)>>(e>>8&15))
		b >>= e & 63
		n -= uint(e & entryDrop)

		from := op - distance
		if from < d.base {
			result = outcomeInvalid
			break
		}
		end := op + length
		if distance >= 16 {
			copy(out[op:op+16], out[from:from+16])
			for op += 16; op < end; op += 16 {
				from += 16
				copy(out[op:op+16], out[from:from+16])
			}
		} else if distance >= 8 {
			for op < end {
				binary.LittleEndian.PutUint64(out[op:], binary.LittleEndian.Uint64(out[from:]))
				op += 8
				from += 8
			}
		} else {
			for op < end {
				out[op] = out[from]
				op++
				from++
			}
		}
		op = end
	}
	d.ip, d.op, d.b, d.n = ip, op, b, n
	return result
}

package compress

import (
	"math/bits"
	"sync"
)

// Sizes of RFC 1951, sections 3.2.5 to 3.2.7.
const (
	maxCodeLen    = 15
	maxPreLen     = 7
	numLitSyms    = 288 // 286 and 287 have codes in fixed blocks, and are invalid in the data
	numDistSyms   = 32  // the same goes for 30 and 31
	numPreSyms    = 19
	maxDynLitSyms = 286
	maxDynDist    = 30
	endOfBlock    = 256
)

// Widths of the primary tables. Codes that are longer go on in a subtable behind the primary one. The numbers of entries are the
// largest that a complete code over that many symbols can need with such a primary width (the bound that zlib's enough.c computes).
// For literals and lengths 10 bits beat 11 and 12 by about a tenth and a quarter on batches of 46 kB: a block is soon over, and
// larger tables cost more to make than they save.
const (
	litBits     = 10
	distBits    = 8
	preBits     = maxPreLen
	litEntries  = 1334
	distEntries = 402
	preEntries  = 1 << preBits
	litMask     = 1<<litBits - 1
	distMask    = 1<<distBits - 1
	preMask     = 1<<preBits - 1
)

// An entry tells what the bits at hand mean and how many of them to drop. Bits 0-7 are always the number of bits to drop: the code
// and, for lengths and distances, the extra bits behind it.
//
//	literal   entryLiteral | byte<<16
//	pair      entryLiteral | entryPair | first byte<<16 | second byte<<24
//	length    base<<16 | code length<<8
//	distance  base<<16 | code length<<8
//	subtable  entrySpecial | entrySubtable | index<<16 | width<<8
//	end       entrySpecial | entryEnd
//	invalid   entrySpecial
//
// The code length (bits 8-11) is what the extra bits are shifted down by.
const (
	entryDrop     = 0xff
	entryPair     = 1 << 8
	entryLiteral  = 1 << 12
	entryEnd      = 1 << 13
	entrySubtable = 1 << 14
	entrySpecial  = 1 << 15
)

type (
	litTable  [litEntries]uint32
	distTable [distEntries]uint32
	preTable  [preEntries]uint32
)

// What each symbol puts into its entry, without the lengths: bits 0-7 hold the number of extra bits.
var (
	litSymbols  = makeLitSymbols()
	distSymbols = makeDistSymbols()
	preSymbols  = makePreSymbols()
)

func makeLitSymbols() (s [numLitSyms]uint32) {
	for i := range endOfBlock {
		s[i] = entryLiteral | uint32(i)<<16
	}
	s[endOfBlock] = entrySpecial | entryEnd
	base := uint32(3)
	for i := range 28 {
		extra := uint32(max(0, i/4-1))
		s[257+i] = base<<16 | extra
		base += 1 << extra
	}
	s[285] = 258 << 16
	s[286], s[287] = entrySpecial, entrySpecial
	return s
}

func makeDistSymbols() (s [numDistSyms]uint32) {
	base := uint32(1)
	for i := range 30 {
		extra := uint32(max(0, i/2-1))
		s[i] = base<<16 | extra
		base += 1 << extra
	}
	s[30], s[31] = entrySpecial, entrySpecial
	return s
}

func makePreSymbols() (s [numPreSyms]uint32) {
	for i := range s {
		s[i] = uint32(i) << 16
	}
	return s
}

// fixedTables are those of blocks of type 1 (RFC 1951, 3.2.6). They are read only.
var fixedTables = sync.OnceValue(func() *tables {
	t := new(tables)
	for i := range numLitSyms {
		switch {
		case i < 144:
			t.lens[i] = 8
		case i < 256:
			t.lens[i] = 9
		case i < 280:
			t.lens[i] = 7
		default:
			t.lens[i] = 8
		}
	}
	buildTable(t.lit[:], litBits, t.lens[:numLitSyms], litSymbols[:])
	pairLiterals(&t.lit)
	for i := range numDistSyms {
		t.lens[i] = 5
	}
	buildTable(t.dist[:], distBits, t.lens[:numDistSyms], distSymbols[:])
	return t
})

// tables are the decoding tables of one block, with the code lengths from which they are made.
type tables struct {
	lit  litTable
	dist distTable
	pre  preTable
	lens [numLitSyms + numDistSyms]uint8
}

// buildTable makes the table of the canonical Huffman code in which symbol i has lens[i] bits. It reports false where the code is
// over-subscribed or incomplete. As in zlib, two incomplete ones pass: no code at all, and a single code of one bit; what they
// leave undefined decodes as invalid.
//
// Codes are filled in by rising length. As long as they fit the primary table it is kept at the size of the current length, since
// a code's bits come first and all continuations look alike: growing it by a bit is copying it behind itself.
func buildTable(table []uint32, width uint, lens []uint8, symbols []uint32) bool {
	var count, offset [maxCodeLen + 2]int
	for _, l := range lens {
		count[l&15]++
	}
	space := 0 // in codes of maxCodeLen bits
	for l := 1; l <= maxCodeLen; l++ {
		offset[l+1] = offset[l] + count[l]
		space += count[l] << (maxCodeLen - l)
	}
	used := len(lens) - count[0]
	if space != 1<<maxCodeLen {
		return buildIncomplete(table[:1<<width], lens, symbols, used, count[1])
	}

	var sorted [numLitSyms]uint16 // symbols by length, then by value
	for sym, l := range lens {
		if l != 0 {
			sorted[offset[l&15]] = uint16(sym)
			offset[l&15]++
		}
	}

	length := 1
	for count[length] == 0 {
		length++
	}
	code, next := uint32(0), 0 // code is kept bit reversed, as it comes out of the stream
	size := 1 << length
	for uint(length) <= width {
		for range count[length] {
			table[code] = entry(symbols[sorted[next]], length)
			if next++; next == used {
				for ; size < 1<<width; size *= 2 {
					copy(table[size:2*size], table[:size])
				}
				return true
			}
			code = nextCode(code, length)
		}
		if length++; uint(length) <= width {
			copy(table[size:2*size], table[:size])
			size *= 2
		}
	}
	buildSubtables(table, width, symbols, sorted[next:used], &count, code)
	return true
}

// buildSubtables places the codes longer than width, of which code is the first and syms are the symbols in order.
func buildSubtables(table []uint32, width uint, symbols []uint32, syms []uint16, count *[maxCodeLen + 2]int, code uint32) {
	mask := uint32(1)<<width - 1
	end, start := 1<<width, 0
	prefix := ^uint32(0)
	length := int(width) + 1
	left := count[length]
	for _, sym := range syms {
		for left == 0 {
			length++
			left = count[length]
		}
		if code&mask != prefix {
			// A subtable is as wide as the codes that share the prefix need: grow it until they fill it.
			prefix, start = code&mask, end
			sub := length - int(width)
			for space := left; space < 1<<sub; {
				sub++
				space = space*2 + count[int(width)+sub]
			}
			end = start + 1<<sub
			table[prefix] = entrySpecial | entrySubtable | uint32(start)<<16 | uint32(sub)<<8 | uint32(width)
		}
		e := entry(symbols[sym], length-int(width))
		for i := start + int(code>>width); i < end; i += 1 << (length - int(width)) {
			table[i] = e
		}
		code = nextCode(code, length)
		left--
	}
}

func buildIncomplete(table []uint32, lens []uint8, symbols []uint32, used, ofOneBit int) bool {
	if used > 1 || used != ofOneBit {
		return false
	}
	for i := range table {
		table[i] = entrySpecial
	}
	for sym, l := range lens {
		if l == 0 {
			continue
		}
		for i := 0; i < len(table); i += 2 { // the code is 0, so 1 stays invalid
			table[i] = entry(symbols[sym], 1)
		}
	}
	return true
}

// entry adds a code length to what a symbol means. Invalid symbols get a length too: dropping bits of them does no harm.
func entry(symbol uint32, length int) uint32 {
	if symbol&(entryLiteral|entrySpecial) != 0 {
		return symbol + uint32(length)
	}
	return symbol + uint32(length)<<8 + uint32(length)
}

// nextCode adds one to a bit reversed code of the given length: the highest zero bit is set and all above it are cleared.
func nextCode(code uint32, length int) uint32 {
	zeros := ^code & (1<<length - 1)
	if zeros == 0 {
		return 0 // the last code of all
	}
	top := uint32(1) << (bits.Len32(zeros) - 1)
	return code&(top-1) | top
}

// pairLiterals makes one entry of two literals where both codes fit the primary width, which saves every second lookup in text.
// Going down keeps the entries that are looked up, whose index is lower, as they were. The choice is made by arithmetic: whether
// entries that are neighbours here make pairs is as good as random, and each wrong guess of the processor would cost more.
func pairLiterals(t *litTable) {
	for i := litMask; i >= 0; i-- {
		e := t[i]
		e2 := t[i>>(e&15)&litMask]
		n := e&entryDrop + e2&entryDrop
		pair := entryLiteral | entryPair | n | e&0xff0000 | e2<<8&0xff000000
		unfit := n | ^(e&e2)&entryLiteral // above litBits if too long or not both are literals
		fits := uint32(int32(unfit-litBits-1) >> 31)
		t[i] = e ^ (e^pair)&fits
	}
}

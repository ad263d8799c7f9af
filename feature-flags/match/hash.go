package match

import (
	"crypto/sha1"
	"encoding"
	"encoding/binary"
	"hash"
	"slices"
)

// hasher makes the 60-bit hashes of flags: the first 60 bits of the SHA-1 of a text. Half of what the sum of so short a text costs is its
// padding, which here is written behind the text beforehand: the state of the digest then is the sum (55 ns, not 91).
type hasher struct {
	digest digest
	text   []byte // to be hashed, and its padding
	state  []byte
}

type digest interface {
	hash.Hash
	encoding.BinaryAppender
}

const (
	block     = sha1.BlockSize
	stateHead = 4 // bytes of the encoded state before the first word
)

func newHasher() hasher {
	d, _ := sha1.New().(digest)
	return hasher{digest: d, text: make([]byte, 0, 4*block), state: make([]byte, 0, 2*block)}
}

// sum hashes its arguments, put together.
func (h *hasher) sum(prefix, id, salt string) uint64 {
	h.text = append(append(append(h.text[:0], prefix...), id...), salt...)
	if h.digest == nil { // a build whose SHA-1 keeps its state to itself
		sum := sha1.Sum(h.text)
		return binary.BigEndian.Uint64(sum[:]) >> (64 - hashBits)
	}
	n := len(h.text)
	end := (n + 1 + 8 + block - 1) &^ (block - 1)
	h.text = slices.Grow(h.text, end-n)[:end]
	clear(h.text[n:])
	h.text[n] = 0x80
	binary.BigEndian.PutUint64(h.text[end-8:], uint64(n)*8)
	h.digest.Reset()
	_, _ = h.digest.Write(h.text)
	h.state, _ = h.digest.AppendBinary(h.state[:0]) // neither can fail
	return binary.BigEndian.Uint64(h.state[stateHead:]) >> (64 - hashBits)
}

// shrink drops what a very long id has made large.
func (h *hasher) shrink() {
	if cap(h.text) > 64*block {
		h.text = nil
	}
}

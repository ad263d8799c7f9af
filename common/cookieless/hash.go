package cookieless

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/dchest/siphash"
)

const (
	saltBytes     = 16
	maxExtraRunes = 100
)

// Input is what a digest is made of, apart from the salt.
type Input struct {
	TeamID     int32
	IP         string
	RootDomain string // as RootDomain gives it
	UserAgent  string
	N          uint64 // identifies seen for the digest with N = 0
	Extra      string // client's own text; what follows its 100th character is ignored
}

// Digest stands for one visitor of one team on one day.
type Digest [16]byte

// Sum hashes in with the salt of a day: SipHash-2-4 with 128 bits, over the fields joined by hyphens.
func Sum(salt []byte, in Input) (Digest, error) {
	if len(salt) != saltBytes {
		return Digest{}, fmt.Errorf("Salt must be exactly %d bytes, but got %d bytes.", saltBytes, len(salt)) // text of the original
	}
	var stack [512]byte // holds nearly every input, so that the text costs no allocation
	text := appendInput(stack[:0], in)

	h1, h2 := siphash.Hash128(binary.LittleEndian.Uint64(salt), binary.LittleEndian.Uint64(salt[8:]), text)

	// The original's library prints each 64-bit word as two 32-bit halves, high half first, and the second word before the first.
	var d Digest
	binary.LittleEndian.PutUint32(d[0:], uint32(h2>>32))
	binary.LittleEndian.PutUint32(d[4:], uint32(h2))
	binary.LittleEndian.PutUint32(d[8:], uint32(h1>>32))
	binary.LittleEndian.PutUint32(d[12:], uint32(h1))
	return d, nil
}

func appendInput(dst []byte, in Input) []byte {
	dst = strconv.AppendInt(dst, int64(in.TeamID), 10)
	for _, s := range []string{in.IP, in.RootDomain, in.UserAgent} {
		dst = append(append(dst, '-'), s...)
	}
	dst = strconv.AppendUint(append(dst, '-'), in.N, 10)
	return append(append(dst, '-'), firstRunes(in.Extra, maxExtraRunes)...)
}

// firstRunes cuts s after its first n characters (Unicode scalar values, not bytes).
func firstRunes(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

// String is the digest in standard base64 without padding, the form that is part of ids and keys.
func (d Digest) String() string { return base64.RawStdEncoding.EncodeToString(d[:]) }

// ID is the distinct id that stands for the visitor.
func (d Digest) ID() string { return idPrefix + d.String() }

// IdentifiesKey is the Redis key of the set of identify events seen for the base digest d.
func (d Digest) IdentifiesKey(teamID int32) string {
	return identifiesPrefix + strconv.FormatInt(int64(teamID), 10) + ":" + d.String()
}

// Package compresstest makes inputs for tests of what decodes them.
package compresstest

import (
	"encoding/base64"
	"unicode/utf16"
)

// LZStringToBase64 does what JavaScript's LZString.compressToBase64 does, byte for byte.
func LZStringToBase64(s string) string {
	return LZStringUnitsToBase64(utf16.Encode([]rune(s)))
}

// LZStringUnitsToBase64 is LZStringToBase64 for text that need not be valid UTF-16.
func LZStringUnitsToBase64(units []uint16) string {
	if len(units) == 0 {
		return "Q===" // the end code; JavaScript pads to four characters
	}
	e := encoder{width: 2, enlarge: 2, dict: map[string]int{}, fresh: map[string]bool{}}
	var phrase []uint16
	for _, u := range units {
		char := key([]uint16{u})
		if _, ok := e.dict[char]; !ok {
			e.dict[char] = len(e.dict) + 3
			e.fresh[char] = true
		}
		longer := append(phrase[:len(phrase):len(phrase)], u)
		if _, ok := e.dict[key(longer)]; ok {
			phrase = longer
			continue
		}
		e.phrase(phrase)
		e.dict[key(longer)] = len(e.dict) + 3
		phrase = []uint16{u}
	}
	e.phrase(phrase)
	e.bits(2, e.width)
	return e.finish()
}

type encoder struct {
	dict    map[string]int  // phrase to code
	fresh   map[string]bool // characters not written yet
	width   int
	enlarge int
	out     []bool
}

// key makes a map key of a phrase.
func key(phrase []uint16) string {
	b := make([]byte, 0, 2*len(phrase))
	for _, u := range phrase {
		b = append(b, byte(u>>8), byte(u))
	}
	return string(b)
}

func (e *encoder) phrase(phrase []uint16) {
	k := key(phrase)
	if e.fresh[k] {
		if u := int(phrase[0]); u < 256 {
			e.bits(0, e.width)
			e.bits(u, 8)
		} else {
			e.bits(1, e.width)
			e.bits(u, 16)
		}
		e.spend()
		delete(e.fresh, k)
	} else {
		e.bits(e.dict[k], e.width)
	}
	e.spend()
}

// spend counts an entry that the decoder makes, and widens codes when it needs more bits to name them.
func (e *encoder) spend() {
	if e.enlarge--; e.enlarge == 0 {
		e.enlarge = 1 << e.width
		e.width++
	}
}

// bits writes v, lowest bit first.
func (e *encoder) bits(v, n int) {
	for range n {
		e.out = append(e.out, v&1 != 0)
		v >>= 1
	}
}

// finish writes the bits as base64 characters, of which there is always one that is not full.
func (e *encoder) finish() string {
	sextets := len(e.out)/6 + 1
	packed := make([]byte, (sextets*6+7)/8)
	for i, bit := range e.out {
		if bit {
			packed[i/8] |= 0x80 >> (i % 8)
		}
	}
	text := base64.RawStdEncoding.EncodeToString(packed)[:sextets]
	return text + "==="[:(4-sextets%4)%4]
}

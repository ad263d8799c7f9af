package compress

import (
	"errors"
	"slices"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
)

// The two ways in which LZ-string input can be bad. Their texts are part of what clients see.
var (
	ErrLZString     = errors.New("failed decompress to UTF16")
	ErrLZStringText = errors.New("failed UTF16 to UTF8 conversion") // surrogates without their other half
)

// LZStringFromBase64 appends to dst, as UTF-8, the text that JavaScript's LZString.compressToBase64 packed into src. The limit
// holds for UTF-16 code units while unpacking and for bytes of UTF-8 after it. No input is no text.
func LZStringFromBase64(dst, src []byte, limit int) ([]byte, error) {
	if len(src) == 0 {
		return dst, nil
	}
	z := lzDecoders.Get().(*lzDecoder)
	defer z.release()
	z.src = src
	if err := z.decode(min(limit, lzMaxUnits)); err != nil {
		return dst, publicError(err, limit, ErrLZString)
	}
	out, err := appendUTF16(dst, z.units, limit)
	if err != nil {
		return out[:len(dst)], publicError(err, limit, ErrLZStringText)
	}
	return out, nil
}

// lzPhrase is an entry of the dictionary. Each entry is a run of text that has been output: a new character when it appears for
// the first time, and, after each phrase, the phrase before with the first unit of this one, which follows it in the output.
type lzPhrase struct{ start, len uint32 }

// lzDecoder undoes LZ-string, an LZ78 over UTF-16 code units. Codes are numbers of growing width, read lowest bit first out of
// characters of 6 bits, highest bit first. Codes 0 and 1 announce a new character of 8 and 16 bits, 2 is the end.
type lzDecoder struct {
	src   []byte
	ip    int
	b     uint64 // bit buffer, next bit lowest
	n     uint   // valid bits in b
	units []uint16
	dict  []lzPhrase
}

const (
	lzChar8  = 0
	lzChar16 = 1
	lzEnd    = 2
	lzFirst  = 3 // of the dictionary

	lzMaxUnits = 1 << 30 // so that positions fit lzPhrase
	lzKeep     = 1 << 20 // largest buffers kept in the pool, in elements
)

var lzDecoders = sync.Pool{New: func() any { return new(lzDecoder) }}

func (z *lzDecoder) release() {
	if cap(z.units) > lzKeep || cap(z.dict) > lzKeep {
		return
	}
	*z = lzDecoder{units: z.units[:0], dict: z.dict[:0]}
	lzDecoders.Put(z)
}

func (z *lzDecoder) decode(limit int) error {
	z.dict = append(z.dict, lzPhrase{}, lzPhrase{}, lzPhrase{}) // never referred to
	width := uint(2)
	enlarge := 1 // entries left until codes get a bit longer
	var last lzPhrase
	for {
		code, ok := z.read(width)
		if !ok {
			return ErrLZString
		}
		if code == lzEnd {
			return nil
		}
		phrase := lzPhrase{start: uint32(len(z.units))}
		switch {
		case code == lzChar8 || code == lzChar16:
			unit, ok := z.read(8 + 8*uint(code))
			if !ok {
				return ErrLZString
			}
			z.units = append(z.units, uint16(unit))
			phrase.len = 1
			z.dict = append(z.dict, phrase)
			enlarge--
			if enlarge == 0 {
				enlarge = 1 << width
				width++
			}
		case last.len == 0: // only a new character can come first
			return ErrLZString
		case code < len(z.dict):
			from := z.dict[code]
			z.units = append(z.units, z.units[from.start:from.start+from.len]...)
			phrase.len = from.len
		case code == len(z.dict): // the entry that this very phrase completes
			z.units = append(z.units, z.units[last.start:last.start+last.len]...)
			z.units = append(z.units, z.units[last.start])
			phrase.len = last.len + 1
		default:
			return ErrLZString
		}
		if len(z.units) > limit {
			return errTooLarge
		}
		if last.len != 0 {
			z.dict = append(z.dict, lzPhrase{last.start, last.len + 1})
			enlarge--
			if enlarge == 0 {
				enlarge = 1 << width
				width++
			}
		}
		last = phrase
	}
}

// read returns the next width bits, at most 32.
func (z *lzDecoder) read(width uint) (int, bool) {
	for z.n < width {
		if z.ip == len(z.src) {
			return 0, false
		}
		six := lzSextets[z.src[z.ip]]
		if six > 63 {
			return 0, false
		}
		z.b |= uint64(six) << z.n
		z.n += 6
		z.ip++
	}
	v := z.b & (1<<width - 1)
	z.b >>= width
	z.n -= width
	return int(v), true
}

// lzSextets are the values of the characters of base64 with their bits reversed, so that they can be put on top of the bit buffer.
// Padding counts as zero bits, all else is invalid.
var lzSextets = func() (t [256]uint8) {
	for i := range t {
		t[i] = 0xff
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for i := range len(alphabet) {
		var reversed uint8
		for bit := range 6 {
			reversed |= uint8(i>>bit&1) << (5 - bit)
		}
		t[alphabet[i]] = reversed
	}
	t['='] = 0
	return t
}()

// appendUTF16 appends units to dst as UTF-8, at most limit bytes.
func appendUTF16(dst []byte, units []uint16, limit int) ([]byte, error) {
	end := len(dst) + limit
	dst = slices.Grow(dst, len(units))
	for i := 0; i < len(units); i++ {
		r := rune(units[i])
		switch {
		case r < utf8.RuneSelf:
			dst = append(dst, byte(r))
			continue
		case utf16.IsSurrogate(r):
			if i++; i == len(units) {
				return dst, ErrLZStringText
			}
			if r = utf16.DecodeRune(r, rune(units[i])); r == utf8.RuneError {
				return dst, ErrLZStringText
			}
		}
		dst = utf8.AppendRune(dst, r)
		if len(dst) > end {
			return dst, errTooLarge
		}
	}
	if len(dst) > end {
		return dst, errTooLarge
	}
	return dst, nil
}

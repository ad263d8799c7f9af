package jsonraw

import "github.com/hog-go/hog/common/event"

// str skips a string that starts at i, and tells whether it has escapes.
func (r *Reader) str() (escaped, ok bool) {
	r.i++
	for {
		r.i += event.PlainPrefix(r.b[r.i:])
		if r.i >= len(r.b) {
			return escaped, r.fail("EOF while parsing a string")
		}
		switch r.b[r.i] {
		case '"':
			r.i++
			return escaped, true
		case '\\':
			escaped = true
			if !r.escape() {
				return escaped, false
			}
		default:
			return escaped, r.fail("control character found while parsing a string")
		}
	}
}

func (r *Reader) escape() bool {
	if r.i+1 >= len(r.b) {
		return r.fail("EOF while parsing a string")
	}
	switch r.b[r.i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		r.i += 2
		return true
	case 'u':
	default:
		return r.fail("invalid escape")
	}
	u, ok := r.hex4(r.i + 2)
	if !ok {
		return r.fail("invalid escape")
	}
	if high := u >= 0xD800 && u < 0xDC00; high || u >= 0xDC00 && u < 0xE000 {
		if next := r.i + 6; high && next+1 < len(r.b) && r.b[next] == '\\' && r.b[next+1] == 'u' {
			if low, ok := r.hex4(next + 2); ok && low >= 0xDC00 && low < 0xE000 {
				r.i += 12
				return true
			}
		}
		copy(r.b[r.i+2:], "fffd")
	}
	r.i += 6
	return true
}

func (r *Reader) hex4(at int) (u rune, ok bool) {
	if at+4 > len(r.b) {
		return 0, false
	}
	for _, c := range r.b[at : at+4] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		u = u<<4 | rune(c)
	}
	return u, true
}

func (r *Reader) literal() {
	for _, word := range [...]string{"true", "false", "null"} {
		if r.i+len(word) <= len(r.b) && string(r.b[r.i:r.i+len(word)]) == word {
			r.i += len(word)
			return
		}
	}
	if r.i >= len(r.b) {
		r.fail("EOF while parsing a value")
		return
	}
	r.fail("expected value")
}

func (r *Reader) number() {
	if r.b[r.i] == '-' {
		r.i++
	}
	good := true
	if r.i < len(r.b) && r.b[r.i] == '0' {
		r.i++
	} else {
		good = r.digits()
	}
	if r.i < len(r.b) && r.b[r.i] == '.' {
		r.i++
		good = good && r.digits()
	}
	if good && r.i < len(r.b) && r.b[r.i]|0x20 == 'e' {
		r.i++
		if r.i < len(r.b) && (r.b[r.i] == '+' || r.b[r.i] == '-') {
			r.i++
		}
		good = r.digits()
	}
	if !good {
		r.fail("invalid number")
	}
}

func (r *Reader) digits() bool {
	start := r.i
	for r.i < len(r.b) && r.b[r.i]-'0' <= 9 {
		r.i++
	}
	return r.i > start
}

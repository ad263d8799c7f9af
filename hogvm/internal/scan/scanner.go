package scan

import (
	"encoding/binary"
	"math/bits"
	"unsafe"

	"github.com/hog-go/hog/hogvm/value"
)

// scanner checks and skips JSON. Its methods take a position and return the one behind what they read, or bad.
type scanner struct {
	w *View
	b []byte
}

const bad = -1

// document reads all of the text and tells whether it is JSON within value.MaxDepth.
func (s *scanner) document() bool {
	i := space(s.b, 0)
	if i < len(s.b) && s.b[i] == '{' {
		i = s.object(i, 0, 1)
	} else {
		i = skip(s.b, i, 0)
	}
	return i >= 0 && space(s.b, i) == len(s.b)
}

func space(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// object reads an object on the way of paths: n is the node that led here.
func (s *scanner) object(i int, n int32, depth int) int {
	if depth > value.MaxDepth {
		return bad
	}
	b, node := s.b, &s.w.plan.nodes[n]
	i = space(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1
	}
	for {
		if i >= len(b) || b[i] != '"' {
			return bad
		}
		start := i + 1
		end, plain := stringEnd(b, start)
		if end < 0 {
			return bad
		}
		i = end
		if i < len(b) && b[i] == ':' {
			i++
		} else if i = space(b, i); i < len(b) && b[i] == ':' {
			i++
		} else {
			return bad
		}
		key := unsafe.String(unsafe.SliceData(b[start:]), end-1-start)
		if !plain || s.w.plan.careful {
			key = value.StringOf(s.w.text[start-1 : end])
		}
		if child := node.find(key); child >= 0 {
			i = s.value(i, child, depth)
		} else {
			i = skip(b, i, depth)
		}
		if i < 0 {
			return bad
		}
		if i = space(b, i); i >= len(b) {
			return bad
		}
		if b[i] == '}' {
			return i + 1
		}
		if b[i] != ',' {
			return bad
		}
		i = space(b, i+1)
	}
}

// value reads the value of a key that is on the way of paths, and notes it where one ends.
func (s *scanner) value(i int, n int32, depth int) int {
	node, spot := &s.w.plan.nodes[n], &s.w.spots[n]
	if spot.seen == s.w.round { // the key was there before: the last one counts
		for below := n + 1; below <= node.last; below++ {
			s.w.spots[below].end = 0
		}
	}
	spot.seen = s.w.round
	i = space(s.b, i)
	start := i
	if len(node.edges) > 0 && i < len(s.b) && s.b[i] == '{' {
		i = s.object(i, n, depth+1)
	} else {
		i = skip(s.b, i, depth)
	}
	spot.start, spot.end = int32(start), int32(i)
	return i
}

// skip reads any value.
func skip(b []byte, i, depth int) int {
	if i >= len(b) || b[i] <= ' ' {
		if i = space(b, i); i >= len(b) {
			return bad
		}
	}
	switch b[i] {
	case '"':
		end, _ := stringEnd(b, i+1)
		return end
	case '{':
		return skipObject(b, i, depth+1)
	case '[':
		return skipArray(b, i, depth+1)
	case 't':
		return word(b, i, "true")
	case 'f':
		return word(b, i, "false")
	case 'n':
		return word(b, i, "null")
	}
	return number(b, i)
}

func word(b []byte, i int, w string) int {
	if len(b)-i < len(w) || string(b[i:i+len(w)]) != w {
		return bad
	}
	return i + len(w)
}

func skipObject(b []byte, i, depth int) int {
	if depth > value.MaxDepth {
		return bad
	}
	i = space(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1
	}
	for {
		if i >= len(b) || b[i] != '"' {
			return bad
		}
		if i, _ = stringEnd(b, i+1); i < 0 {
			return bad
		}
		if i = space(b, i); i >= len(b) || b[i] != ':' {
			return bad
		}
		if i = skip(b, i+1, depth); i < 0 {
			return bad
		}
		if i = space(b, i); i >= len(b) {
			return bad
		}
		if b[i] == '}' {
			return i + 1
		}
		if b[i] != ',' {
			return bad
		}
		i = space(b, i+1)
	}
}

func skipArray(b []byte, i, depth int) int {
	if depth > value.MaxDepth {
		return bad
	}
	i = space(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1
	}
	for {
		if i = skip(b, i, depth); i < 0 {
			return bad
		}
		if i = space(b, i); i >= len(b) {
			return bad
		}
		if b[i] == ']' {
			return i + 1
		}
		if b[i] != ',' {
			return bad
		}
		i++
	}
}

func number(b []byte, i int) int {
	if i < len(b) && b[i] == '-' {
		i++
	}
	switch {
	case i < len(b) && b[i] == '0':
		i++
	case i < len(b) && b[i]-'1' < 9:
		for i++; i < len(b) && b[i]-'0' < 10; i++ {
		}
	default:
		return bad
	}
	if i < len(b) && b[i] == '.' {
		if i = digits(b, i+1); i < 0 {
			return bad
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		return digits(b, i)
	}
	return i
}

// digits reads at least one digit.
func digits(b []byte, i int) int {
	from := i
	for i < len(b) && b[i]-'0' < 10 {
		i++
	}
	if i == from {
		return bad
	}
	return i
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// stringEnd returns the position behind the closing quote of a string that began before i, and whether the string is plain: nothing is
// escaped. It looks at eight bytes at a time: of those, special has the upper bit of each that is a quote, a backslash or a control
// character; flipping 2 makes the quote the neighbour of the control characters. The subtractions can borrow into a byte above a true one,
// so only the lowest is certain.
func stringEnd(b []byte, i int) (end int, plain bool) {
	plain = true
	for {
		for ; i+8 <= len(b); i += 8 {
			w := binary.LittleEndian.Uint64(b[i:])
			low, slash := w^(2*ones), w^('\\'*ones)
			special := ((low-'!'*ones)&^low | (slash-ones)&^slash) & highs
			if special != 0 {
				i += bits.TrailingZeros64(special) / 8
				goto found
			}
		}
		for i < len(b) && b[i] != '"' && b[i] != '\\' && b[i] >= ' ' {
			i++
		}
		if i >= len(b) {
			return bad, false
		}
	found:
		switch {
		case b[i] == '"':
			return i + 1, plain
		case b[i] != '\\':
			return bad, false
		}
		if i = escape(b, i+1); i < 0 {
			return bad, false
		}
		plain = false
	}
}

// escape reads what follows a backslash.
func escape(b []byte, i int) int {
	if i >= len(b) {
		return bad
	}
	switch b[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1
	case 'u':
		if len(b)-i < 5 {
			return bad
		}
		for _, c := range b[i+1 : i+5] {
			if c-'0' >= 10 && (c|0x20)-'a' >= 6 {
				return bad
			}
		}
		return i + 5
	}
	return bad
}

package stl

import (
	"strings"

	"github.com/hog-go/hog/hogvm/fault"
	"github.com/hog-go/hog/hogvm/native"
	"github.com/hog-go/hog/hogvm/value"
)

func replaceOne(c *native.Call, args []value.Value) (value.Value, error) {
	return replace(c, args, 1, "replace")
}

func replaceAll(c *native.Call, args []value.Value) (value.Value, error) {
	return replace(c, args, -1, "replaceAll")
}

// replace puts new where old is, at most n times; without limit if n is negative. An empty old is before each character and at the end.
func replace(c *native.Call, args []value.Value, n int, method string) (value.Value, error) {
	if args[0].IsNull() {
		return nullText(c, method)
	}
	s, err := str(args[0])
	if err != nil {
		return value.Value{}, err
	}
	search, err := textArg(c, args[1])
	if err != nil {
		return value.Value{}, err
	}
	replacement, err := textArg(c, args[2])
	if err != nil {
		return value.Value{}, err
	}
	return replaceIn(c, s, search, replacement, n)
}

func replaceIn(c *native.Call, s, search, replacement string, n int) (value.Value, error) {
	at := strings.Index(s, search)
	if at < 0 {
		return value.OfString(s), nil
	}
	special := c.IsNode() && strings.Contains(replacement, "$")
	b := c.Heap.Open("")
	from := 0 // what is before it has been copied
	for ; n != 0; n-- {
		b = append(b, s[from:at]...)
		if special {
			b = expand(b, replacement, s, at, len(search), c.Heap.Left())
		} else {
			b = append(b, replacement...)
		}
		if len(b) > c.Heap.Left() {
			return value.Value{}, fault.Heap()
		}
		from = at + len(search)
		next := from
		if search == "" {
			if at == len(s) {
				break
			}
			next = unitEnd(s, at)
		}
		i := strings.Index(s[next:], search)
		if i < 0 {
			break
		}
		at = next + i
	}
	return c.Heap.Close(append(b, s[from:]...))
}

// unitEnd returns where the character at i ends.
func unitEnd(s string, i int) int {
	for end := range s[i:] {
		if end > 0 {
			return i + end
		}
	}
	return len(s)
}

// expand appends a replacement in which, as in JavaScript, $$ is a dollar sign, $& what was found, $` what is before and $' what is after
// it. What was found is the n bytes of s from at. It stops once b is longer than limit.
func expand(b []byte, replacement, s string, at, n, limit int) []byte {
	for len(b) <= limit {
		before, after, found := strings.Cut(replacement, "$")
		b = append(b, before...)
		if !found {
			return b
		}
		if after == "" {
			return append(b, '$')
		}
		switch after[0] {
		case '$':
			b = append(b, '$')
		case '&':
			b = append(b, s[at:at+n]...)
		case '`':
			b = append(b, s[:at]...)
		case '\'':
			b = append(b, s[at+n:]...)
		default:
			b = append(b, '$')
			replacement = after
			continue
		}
		replacement = after[1:]
	}
	return b
}

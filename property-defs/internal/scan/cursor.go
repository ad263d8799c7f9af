package scan

import (
	"strconv"

	"github.com/hog-go/hog/common/rawjson"
)

// maxDepth is how many containers may be open at once, serde_json's recursion limit.
const maxDepth = 127

// cursor walks over JSON in b. Its methods report false at a syntax error, after which it is of no use.
type cursor struct {
	b []byte
	i int
	// strict is for text of which the original makes a tree: escapes must make characters, numbers must fit a float, and depth is
	// limited. In values that it ignores only the syntax matters.
	strict bool
	depth  int // containers open around the value at i, as far as strict asks for it
	// inner is for JSON inside a JSON string, read as it stands there: \" for a quote, \\ for a backslash.
	inner bool
	// escaped is set by a string that has an escape.
	escaped bool
}

func (c *cursor) peek() byte {
	if c.i < len(c.b) {
		return c.b[c.i]
	}
	return 0
}

// space skips white space and returns the byte that follows, 0 at the end.
func (c *cursor) space() byte {
	for c.i < len(c.b) {
		x := c.b[c.i]
		if x > ' ' || x != ' ' && x != '\n' && x != '\r' && x != '\t' { // the first of these says it nearly always
			return x
		}
		c.i++
	}
	return 0
}

// member reads the next key and colon in an object whose brace was passed, and stops at the value. done: the object ended
// instead. The key lies between from and to, with its
// escapes, of which escaped tells.
func (c *cursor) member(first bool) (from, to int, done, ok bool) {
	x := c.space()
	if x == '}' {
		c.i++
		return 0, 0, true, true
	}
	if !first {
		if x != ',' {
			return 0, 0, false, false
		}
		c.i++
		x = c.space()
	}
	c.escaped = false
	if c.inner {
		from = c.i + len(`\"`)
		ok = x == '\\' && c.innerStr()
		to = c.i - len(`\"`)
	} else {
		from = c.i + 1
		ok = x == '"' && c.str()
		to = c.i - 1
	}
	if !ok {
		return 0, 0, false, false
	}
	if c.peek() != ':' && c.space() != ':' {
		return 0, 0, false, false
	}
	c.i++
	c.space()
	return from, to, false, true
}

// number passes a number.
func (c *cursor) number() bool {
	n, ok := rawjson.Number(c.b[c.i:])
	text := c.b[c.i : c.i+n]
	c.i += n
	if ok && c.strict && (n > 300 || hasExponent(text)) { // may be beyond a float
		_, err := strconv.ParseFloat(string(text), 64)
		return err == nil
	}
	return ok
}

func hasExponent(number []byte) bool {
	for _, x := range number {
		if x|0x20 == 'e' {
			return true
		}
	}
	return false
}

func (c *cursor) literal() bool {
	rest := c.b[c.i:]
	for _, word := range [...]string{"null", "true", "false"} {
		if len(rest) >= len(word) && string(rest[:len(word)]) == word {
			c.i += len(word)
			return true
		}
	}
	return false
}

// skip passes the value at i, of any kind.
func (c *cursor) skip() bool {
	switch x := c.peek(); {
	case x == '\\' && c.inner:
		return c.innerStr()
	case x == '{' || x == '[':
		return c.container()
	default:
		return c.scalar(x)
	}
}

func (c *cursor) scalar(x byte) bool {
	switch {
	case x == '"' && !c.inner:
		return c.str()
	case x == '\\' && c.inner:
		return c.innerStr()
	case x == '-' || x >= '0' && x <= '9':
		return c.number()
	default:
		return c.literal()
	}
}

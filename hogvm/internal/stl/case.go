package stl

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"

	"github.com/hog-go/hog/hogvm/fault"
	"github.com/hog-go/hog/hogvm/native"
	"github.com/hog-go/hog/hogvm/value"
)

// Changing case follows Unicode in full, as Rust and JavaScript do: some letters become several, a sigma at the end of a word has a form of
// its own. Package strings maps letter by letter, so it is used for ASCII only.

func lower(c *native.Call, args []value.Value) (value.Value, error) {
	if args[0].IsNull() {
		return value.Value{}, nil
	}
	return changeCase(c, args[0], 'A', lowered)
}

func upper(c *native.Call, args []value.Value) (value.Value, error) {
	if args[0].IsNull() {
		return nullText(c, "toUpperCase")
	}
	return changeCase(c, args[0], 'a', uppered)
}

// changeCase turns the letters of ASCII from first on into those of the other case, in the machine's block; what is not ASCII is left to
// change.
func changeCase(c *native.Call, v value.Value, first byte, change func(string) string) (value.Value, error) {
	s, err := str(v)
	if err != nil {
		return value.Value{}, err
	}
	if len(s) > c.Heap.Left() {
		return value.Value{}, fault.Heap()
	}
	if !isASCII(s) {
		return c.Heap.Text(change(s))
	}
	b := append(c.Heap.Open(""), s...)
	for i, char := range b {
		if char-first < 26 {
			b[i] = char ^ 0x20
		}
	}
	return c.Heap.Close(b)
}

func lowered(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	return cases.Lower(language.Und).String(s)
}

func uppered(s string) string {
	if isASCII(s) {
		return strings.ToUpper(s)
	}
	return cases.Upper(language.Und).String(s)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

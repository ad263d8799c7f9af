package stl_test

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/hogvm"
	"github.com/hog-go/hog/hogvm/native"
)

// machines has a machine for each profile.
var machines = []func() *hogvm.VM{native.Rust: machine(native.Rust), native.Node: machine(native.Node)}

func machine(p native.Profile) func() *hogvm.VM {
	return sync.OnceValue(func() *hogvm.VM {
		vm, err := hogvm.New(hogvm.Config{Profile: p})
		if err != nil {
			panic(err)
		}
		return vm
	})
}

// viaMachine returns what a program that makes the call returns, in the form of eval.
func viaMachine(t *testing.T, p native.Profile, call string) string {
	t.Helper()
	c := compiler{text: call}
	c.expression()
	bytecode, err := json.Marshal(append([]any{"_H", 1}, append(c.code, 38)...))
	require.NoError(t, err)
	program, err := machines[p]().Load(bytecode)
	require.NoError(t, err)
	v, err := program.Run(t.Context(), hogvm.Globals{})
	if err != nil {
		return "error: " + err.Error()
	}
	return show(p, v)
}

// compiler makes bytecode of an expression as evaluator takes it.
type compiler struct {
	text string
	code []any
}

func (c *compiler) expression() {
	c.text = strings.TrimSpace(c.text)
	e := evaluator{text: c.text}
	switch {
	case e.take("["):
		c.text = e.text
		n := c.list("]", c.expression)
		c.code = append(c.code, 43, n)
	case e.take("{"):
		c.text = e.text
		n := c.list("}", func() {
			c.expression()
			c.take(":")
			c.expression()
		})
		c.code = append(c.code, 42, n)
	case c.text[0] == '"':
		s := e.string()
		c.text = e.text
		c.code = append(c.code, 32, s)
	default:
		c.word()
	}
}

func (c *compiler) word() {
	end := strings.IndexAny(c.text, "([{}]), :")
	if end < 0 {
		end = len(c.text)
	}
	word := c.text[:end]
	c.text = c.text[end:]
	switch {
	case c.take("("):
		n := c.list(")", c.expression)
		c.code = append(c.code, 2, word, n)
	case word == "null":
		c.code = append(c.code, 31)
	case word == "true":
		c.code = append(c.code, 29)
	case word == "false":
		c.code = append(c.code, 30)
	default:
		c.code = append(c.code, 33, json.Number(word))
	}
}

// list compiles what is before end, and counts it.
func (c *compiler) list(end string, item func()) (n int) {
	for ; !c.take(end); n++ {
		item()
		c.take(",")
	}
	return n
}

func (c *compiler) take(token string) bool {
	rest, found := strings.CutPrefix(strings.TrimSpace(c.text), token)
	if found {
		c.text = rest
	}
	return found
}

// TestLibraryWrittenInHog has the calls of TestLibraryCalls for the functions that only the machine can run.
func TestLibraryWrittenInHog(t *testing.T) {
	for call, want := range map[string]string{
		`sortableSemver("v1.10.3-beta")`: `[1,10,3]`,
		`sortableSemver("1")`:            `[]`,
		`inCohort(2, [1, 2])`:            `true`,
	} {
		t.Run("row "+call, func(t *testing.T) {
			require.Equal(t, want, viaMachine(t, native.Node, call), "Node profile")
			require.Equal(t, want, viaMachine(t, native.Rust, call), "Rust profile")
		})
	}
}

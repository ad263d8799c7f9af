package stl_test

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/hogvm/fault"
	"github.com/hog-go/hog/hogvm/internal/stl"
	"github.com/hog-go/hog/hogvm/native"
	"github.com/hog-go/hog/hogvm/value"
)

// clockTime is what the functions under test take for the present.
var clockTime = time.Date(2024, 4, 24, 23, 6, 40, 123_000_000, time.UTC)

// evaluator runs an expression such as lower(concat("A", null, 1)) on a table of functions, as the machine would.
type evaluator struct {
	call  native.Call
	table map[string]native.Entry
	text  string
}

func newEvaluator(p native.Profile) *evaluator {
	return &evaluator{
		call:  native.Call{Profile: p, Heap: value.Heap{Limit: 1 << 20}, Clock: func() time.Time { return clockTime }},
		table: stl.Table(p),
	}
}

// eval returns the value of an expression as text, or "error: " and the text of the error.
func eval(t *testing.T, p native.Profile, expression string) string {
	t.Helper()
	e := newEvaluator(p)
	v, err := e.run(expression)
	if err != nil {
		return "error: " + err.Error()
	}
	return show(p, v)
}

func (e *evaluator) run(expression string) (value.Value, error) {
	e.text = expression
	v, err := e.expression()
	if err == nil && strings.TrimSpace(e.text) != "" {
		panic("left over: " + e.text)
	}
	return v, err
}

func (e *evaluator) take(token string) bool {
	e.text = strings.TrimLeftFunc(e.text, unicode.IsSpace)
	rest, found := strings.CutPrefix(e.text, token)
	e.text = rest
	return found
}

func (e *evaluator) expression() (value.Value, error) {
	switch {
	case e.take("["):
		items, err := e.list("]")
		return value.OfArray(value.NewArray(items)), err
	case e.take("{"):
		return e.object()
	case e.text[0] == '"':
		return value.OfString(e.string()), nil
	}
	end := strings.IndexFunc(e.text, func(r rune) bool {
		return !strings.ContainsRune("+-._", r) && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	if end < 0 {
		end = len(e.text)
	}
	word := e.text[:end]
	e.text = e.text[end:]
	if e.take("(") {
		args, err := e.list(")")
		if err != nil {
			return value.Value{}, err
		}
		return e.invoke(word, args)
	}
	return literal(word), nil
}

func literal(word string) value.Value {
	switch word {
	case "null":
		return value.Value{}
	case "true", "false":
		return value.OfBool(word == "true")
	case "fn":
		return value.OfCallable(&value.Callable{Name: "f", ArgCount: 2})
	}
	v, ok := value.ParseNumber(word)
	if !ok {
		panic("not a literal: " + word)
	}
	return v
}

func (e *evaluator) list(end string) (items []value.Value, err error) {
	for !e.take(end) {
		v, err := e.expression()
		if err != nil {
			return nil, err
		}
		items = append(items, v)
		e.take(",")
	}
	return items, nil
}

func (e *evaluator) object() (value.Value, error) {
	o := value.NewObject(0)
	for !e.take("}") {
		key := e.string()
		e.take(":")
		v, err := e.expression()
		if err != nil {
			return value.Value{}, err
		}
		o.Set(key, v)
		e.take(",")
	}
	return value.OfObject(o), nil
}

func (e *evaluator) string() string {
	e.take("")
	quoted, err := strconv.QuotedPrefix(e.text)
	if err != nil {
		panic("not a string: " + e.text)
	}
	e.text = e.text[len(quoted):]
	s, _ := strconv.Unquote(quoted)
	return s
}

func (e *evaluator) invoke(name string, args []value.Value) (value.Value, error) {
	f, ok := e.table[name]
	switch {
	case !ok:
		return value.Value{}, fault.New(fault.UnknownFunction, "Unknown function "+name)
	case len(args) < f.Min:
		return value.Value{}, fault.TooFew(name, f.Min)
	case f.Max != native.Unbounded && len(args) > f.Max:
		return value.Value{}, fault.TooMany(name, f.Max)
	}
	e.call.Name = name
	return f.Func(&e.call, args)
}

// show writes v as JSON in which NaN and infinities have a form of their own.
func show(p native.Profile, v value.Value) string {
	switch v.Kind() {
	case value.Float:
		if f := v.Float(); math.IsNaN(f) {
			return `{"$nan":true}`
		} else if math.IsInf(f, 0) {
			return `{"$inf":` + strconv.Itoa(map[bool]int{true: 1, false: -1}[f > 0]) + `}`
		}
	case value.ArrayKind, value.TupleKind:
		parts := make([]string, v.Array().Len())
		for i := range parts {
			parts[i] = show(p, v.Array().At(i))
		}
		return "[" + strings.Join(parts, ",") + "]"
	case value.ObjectKind:
		var parts []string
		for _, e := range v.Object().Entries() {
			parts = append(parts, string(value.AppendJSONString(nil, e.Key))+":"+show(p, e.Value))
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	b, err := value.AppendJSON(nil, v, value.JSONStyle{IntegralFloats: p == native.Node, Lenient: true})
	if err != nil {
		return "error: " + err.Error()
	}
	return string(b)
}

// check runs a table of calls in one profile.
func check(t *testing.T, p native.Profile, cases map[string]string) {
	t.Helper()
	for call, want := range cases {
		t.Run(call, func(t *testing.T) {
			require.Equal(t, want, eval(t, p, call))
		})
	}
}

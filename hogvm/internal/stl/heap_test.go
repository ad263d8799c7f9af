package stl_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/hogvm/fault"
	"github.com/hog-go/hog/hogvm/internal/stl"
	"github.com/hog-go/hog/hogvm/native"
	"github.com/hog-go/hog/hogvm/value"
)

// shared returns an array of arrays of arrays …, each holding the next one ten times: 10 to the power of depth elements in little memory.
func shared(depth int) value.Value {
	v := value.OfString("0123456789")
	for range depth {
		items := make([]value.Value, 10)
		for i := range items {
			items[i] = v
		}
		v = value.OfArray(value.NewArray(items))
	}
	return v
}

func TestResultsThatMultiplyTheirArgumentsStopAtTheHeapLimit(t *testing.T) {
	big := value.OfString(strings.Repeat("a", 60_000))
	dollars := value.OfString(strings.Repeat("$'", 20_000))
	huge := shared(30)
	many := make([]value.Value, 100)
	for i := range many {
		many[i] = big
	}
	list := value.OfArray(value.NewArray(many))
	for _, tt := range []struct {
		name string
		args []value.Value
	}{
		{"concat", many},
		{"concat", []value.Value{value.OfString(""), huge}},
		{"toString", []value.Value{huge}},
		{"jsonStringify", []value.Value{huge}},
		{"replaceAll", []value.Value{big, value.OfString("a"), big}},
		{"replaceAll", []value.Value{big, value.OfString("a"), dollars}},
		{"replaceAll", []value.Value{big, value.OfString(""), big}},
		{"arrayStringConcat", []value.Value{list, big}},
		{"arrayStringConcat", []value.Value{huge}},
		{"position", []value.Value{big, huge}},
		{"JSONExtractString", []value.Value{huge}},
		{"HogError", []value.Value{huge}},
		{"range", []value.Value{value.OfInt(1 << 40)}},
		{"upper", []value.Value{value.OfString(strings.Repeat("ß", 40_000))}},
		{"base64Encode", []value.Value{big}},
		{"encodeURLComponent", []value.Value{value.OfString(strings.Repeat("é", 20_000))}},
	} {
		for _, p := range []native.Profile{native.Rust, native.Node} {
			t.Run(tt.name, func(t *testing.T) {
				call := native.Call{Profile: p, Name: tt.name, Heap: value.Heap{Limit: 64 << 10}}
				_, err := stl.Table(p)[tt.name].Func(&call, tt.args)
				if p == native.Node && (tt.name == "JSONExtractString" || tt.name == "HogError") && err == nil {
					return // "[object Map]" is short
				}
				require.Equal(t, fault.Resource, fault.KindOf(err), "%v", err)
			})
		}
	}
}

func TestResultsAreCharged(t *testing.T) {
	for call, want := range map[string]int{
		`concat("ab", "cd")`:             4,
		`concat(concat("ab", "c"), "d")`: 3 + 4,
		`lower("ABC")`:                   3,
		`trim("  ab ")`:                  2,
		`splitByString(",", "ab,c")`:     3,
		`range(4)`:                       4 * 8,
		`arrayPushBack([1], "ab")`:       8 + 2,
		`jsonStringify([1, 2])`:          len("[1, 2]"),
		`jsonParse("[1, [true]]")`:       8 + 16 + 1,
		`toIntervalDay(1)`:               len("__hogInterval__") + 1 + len("value") + 8 + len("unit") + len("day"),
		`coalesce(null, "abc")`:          0,
		`toString("abc")`:                0,
	} {
		t.Run(call, func(t *testing.T) {
			e := newEvaluator(native.Rust)
			_, err := e.run(call)
			require.NoError(t, err)
			require.Equal(t, want, e.call.Heap.Used())
		})
	}
}

func TestCallsThatAllocateNothingOnceWarm(t *testing.T) {
	call := native.Call{Name: "f"}
	table := stl.Table(native.Rust)
	text, number := value.OfString("Some Text"), value.OfInt(5)
	for name, args := range map[string][]value.Value{
		"concat":            {text, number, text},
		"lower":             {text},
		"toString":          {number},
		"position":          {text, value.OfString("ex")},
		"replaceAll":        {text, value.OfString("e"), value.OfString("E")},
		"arrayStringConcat": {value.OfArray(value.NewArray([]value.Value{text, number})), value.OfString(",")},
		"match":             {text, value.OfString("T.xt")},
		"equals":            {text, text},
	} {
		t.Run(name, func(t *testing.T) {
			run := func() {
				call.Heap.Reset(0)
				if _, err := table[name].Func(&call, args); err != nil {
					t.Error(err)
				}
			}
			// The machine's block is renewed now and then, so that the average rounds to none.
			require.Zero(t, int(testing.AllocsPerRun(200, run)))
		})
	}
}

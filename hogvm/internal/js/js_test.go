package js_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/hogvm/internal/js"
	"github.com/hog-go/hog/hogvm/value"
)

func array(items ...value.Value) value.Value { return value.OfArray(value.NewArray(items)) }

func same(t *testing.T, want, got float64) {
	t.Helper()
	if math.IsNaN(want) {
		require.True(t, math.IsNaN(got), "%v is a number", got)
		return
	}
	require.Equal(t, want, got)
}

func TestNumberOfTexts(t *testing.T) {
	nan := math.NaN()
	for text, want := range map[string]struct{ number, parseInt, parseFloat float64 }{
		"":                 {0, nan, nan},
		" \t\ufeff\u2029":  {0, nan, nan},
		" 12 ":             {12, 12, 12},
		"+5":               {5, 5, 5},
		"-7.9":             {-7.9, -7, -7.9},
		"12px":             {nan, 12, 12},
		"1.5.2":            {nan, 1, 1.5},
		".5":               {.5, nan, .5},
		"5.":               {5, 5, 5},
		".":                {nan, nan, nan},
		"1e3":              {1000, 1, 1000},
		"1e":               {nan, 1, 1},
		"1e+":              {nan, 1, 1},
		"0x1F":             {31, 31, 0},
		"-0x1F":            {nan, -31, math.Copysign(0, -1)},
		"0o17":             {15, 0, 0},
		"0b11":             {3, 0, 0},
		"0x":               {nan, nan, 0},
		"1_000":            {nan, 1, 1},
		"Infinity":         {math.Inf(1), nan, math.Inf(1)},
		"-Infinityx":       {nan, nan, math.Inf(-1)},
		"inf":              {nan, nan, nan},
		"nan":              {nan, nan, nan},
		"1e999":            {math.Inf(1), 1, math.Inf(1)},
		"0x1p-2":           {nan, 1, 0},
		"9007199254740993": {9007199254740992, 9007199254740992, 9007199254740992},
	} {
		t.Run(text, func(t *testing.T) {
			same(t, want.number, js.Number(value.OfString(text)))
			same(t, want.parseInt, js.ParseInt(text))
			same(t, want.parseFloat, js.ParseFloat(text))
		})
	}
}

func TestNumberOfOtherValues(t *testing.T) {
	same(t, 0, js.Number(value.Value{}))
	same(t, 1, js.Number(value.OfBool(true)))
	same(t, 0, js.Number(value.OfBool(false)))
	same(t, 7, js.Number(value.OfInt(7)))
	same(t, 0, js.Number(array()))
	same(t, 8, js.Number(array(value.OfString(" 8 "))))
	same(t, math.NaN(), js.Number(array(value.OfInt(1), value.OfInt(2))))
	same(t, math.NaN(), js.Number(value.OfObject(value.NewObject(0))))
}

func TestString(t *testing.T) {
	date := value.NewObject(1)
	date.Set(value.DateKey, value.OfBool(true))
	cycle := value.NewArray([]value.Value{value.OfInt(1)})
	cycle.Append(value.OfArray(cycle))
	for want, v := range map[string]value.Value{
		"null":            {},
		"1e+21":           value.OfFloat(1e21),
		"1,,a,2,true":     array(value.OfInt(1), value.Value{}, array(value.OfString("a"), value.OfInt(2)), value.OfBool(true)),
		"[object Map]":    value.OfObject(value.NewObject(0)),
		"[object Object]": value.OfObject(date),
		"1,":              value.OfArray(cycle),
		"x":               value.OfTuple(value.NewArray([]value.Value{value.OfString("x")})),
	} {
		t.Run(want, func(t *testing.T) {
			got, ok := js.String(v, 100)
			require.True(t, ok)
			require.Equal(t, want, got)
		})
	}
	_, ok := js.String(array(value.OfString("long"), value.OfString("text")), 5)
	require.False(t, ok, "beyond its limit")
}

func TestCompare(t *testing.T) {
	for _, tt := range []struct {
		a, b value.Value
		want value.Ordering
	}{
		{value.OfString("10"), value.OfString("9"), value.Less},
		{value.OfString("10"), value.OfInt(9), value.Greater},
		{value.OfString("x"), value.OfInt(9), value.Unordered},
		{value.Value{}, value.OfInt(0), value.Same},
		{value.OfBool(true), value.OfFloat(1), value.Same},
		{array(value.OfInt(10)), array(value.OfInt(9)), value.Less},
		{array(value.OfInt(10)), value.OfInt(9), value.Greater},
		{value.OfObject(value.NewObject(0)), value.OfInt(1), value.Unordered},
	} {
		require.Equal(t, tt.want, js.Compare(tt.a, tt.b))
	}
}

package value_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/hogvm/value"
)

func TestEqual(t *testing.T) {
	tests := []struct {
		a, b          string
		equal, strict bool
	}{
		{`1`, `1.0`, true, true}, {`1`, `"1"`, true, false}, {`1`, `" 1"`, false, false}, {`255`, `"0xff"`, false, false}, {`1000`, `"1e3"`, true, false},
		{`0`, `""`, false, false}, {`true`, `1`, true, false}, {`true`, `"TRUE"`, true, false}, {`false`, `"no"`, true, false},
		{`null`, `null`, true, true}, {`null`, `0`, false, false}, {`null`, `false`, false, false},
		{`[1,{"a":"x"}]`, `[1.0,{"a":"x"}]`, true, true}, {`[1]`, `["1"]`, false, false}, {`{"a":[true]}`, `{"a":[1]}`, false, false}, {`[1]`, `[1,2]`, false, false},
		{`{"a":1,"b":2}`, `{"b":2,"a":1}`, true, true}, {`{"a":1}`, `{"b":1}`, false, false}, {`[]`, `{}`, false, false}, {`[]`, `""`, false, false},
	}
	for _, tt := range tests {
		for _, pair := range [][2]string{{tt.a, tt.b}, {tt.b, tt.a}} {
			got, err := value.Equal(parse(t, pair[0]), parse(t, pair[1]))
			require.NoError(t, err)
			require.Equal(t, tt.equal, got, pair)
			got, err = value.StrictEqual(parse(t, pair[0]), parse(t, pair[1]))
			require.NoError(t, err)
			require.Equal(t, tt.strict, got, pair)
		}
	}
	a := parse(t, `[1]`)
	require.True(t, value.Identical(a, a))
	require.False(t, value.Identical(a, parse(t, `[1]`)))
	require.True(t, value.Identical(value.OfInt(1), value.OfFloat(1)))
}

func TestCompare(t *testing.T) {
	const failed = value.Ordering(-1)
	tests := []struct {
		a, b            string
		strict, coerced value.Ordering
	}{
		{`1`, `2`, value.Less, value.Less}, {`2`, `1.5`, value.Greater, value.Greater}, {`2`, `2.0`, value.Same, value.Same},
		{`null`, `1`, value.Unordered, value.Unordered}, {`"a"`, `null`, value.Unordered, value.Unordered},
		{`"9"`, `"100"`, failed, value.Greater}, {`20`, `"10"`, failed, value.Greater}, {`5`, `"abc"`, failed, failed},
		{`true`, `"yes"`, failed, value.Same}, {`true`, `""`, failed, value.Greater}, {`true`, `false`, failed, value.Greater},
		{`[1,2]`, `[1,10]`, value.Less, value.Less}, {`[]`, `[0]`, value.Less, value.Less}, {`[2]`, `[1,"x"]`, failed, failed},
		{`{"__hogDate__":true,"year":2024,"month":1,"day":2}`, `"2024-01-01T23:59:59Z"`, failed, value.Greater},
		{`{"__hogDateTime__":true,"dt":1704067200,"zone":"UTC"}`, `{"__hogDate__":true,"year":2024,"month":1,"day":1}`, failed, value.Same},
		{`{}`, `1`, failed, failed}, {`"1700000000"`, `{"__hogDateTime__":true,"dt":1,"zone":"UTC"}`, failed, failed},
	}
	for _, tt := range tests {
		for coerce, want := range map[bool]value.Ordering{false: tt.strict, true: tt.coerced} {
			got, err := value.Compare(parse(t, tt.a), parse(t, tt.b), coerce)
			if want == failed {
				require.Error(t, err, "%s %s", tt.a, tt.b)
				continue
			}
			require.NoError(t, err)
			require.Equal(t, want, got, "%s %s %t", tt.a, tt.b, coerce)
		}
	}
	o, err := value.Compare(value.OfFloat(math.NaN()), value.OfInt(1), false)
	require.NoError(t, err)
	require.Equal(t, value.Unordered, o)
}

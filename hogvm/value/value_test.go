package value_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/hogvm/value"
)

func parse(t testing.TB, text string) value.Value {
	t.Helper()
	v, err := value.ParseJSON([]byte(text))
	require.NoError(t, err)
	return v
}

func text(t testing.TB, v value.Value, style value.JSONStyle) string {
	t.Helper()
	b, err := value.AppendJSON(nil, v, style)
	require.NoError(t, err)
	return string(b)
}

func TestKinds(t *testing.T) {
	object := value.NewObject(0)
	tests := []struct {
		v      value.Value
		kind   value.Kind
		truthy bool
	}{
		{value.Value{}, value.Null, false},
		{value.OfBool(false), value.Bool, false},
		{value.OfBool(true), value.Bool, true},
		{value.OfInt(0), value.Int, false},
		{value.OfInt(math.MinInt64), value.Int, true},
		{value.OfFloat(0), value.Float, false},
		{value.OfFloat(math.Copysign(0, -1)), value.Float, false},
		{value.OfFloat(math.NaN()), value.Float, false},
		{value.OfFloat(0.5), value.Float, true},
		{value.OfString(""), value.String, false},
		{value.OfString("0"), value.String, true},
		{value.OfArray(value.NewArray(nil)), value.ArrayKind, true},
		{value.OfTuple(value.NewArray(nil)), value.TupleKind, true},
		{value.OfObject(object), value.ObjectKind, true},
		{value.OfClosure(&value.Closure{}), value.ClosureKind, true},
		{value.OfCallable(&value.Callable{}), value.CallableKind, true},
	}
	for _, tt := range tests {
		require.Equal(t, tt.kind, tt.v.Kind())
		require.Equal(t, tt.truthy, tt.v.Truthy(), tt.kind)
	}
	require.Equal(t, int64(math.MinInt64), value.OfInt(math.MinInt64).Int())
	require.Equal(t, "text", value.OfString("text").Str())
	require.Same(t, object, value.OfObject(object).Object())
	require.Panics(t, func() { value.OfInt(1).Str() })
}

func TestBecome(t *testing.T) {
	v := value.OfInt(1)
	for _, w := range []value.Value{value.OfInt(2), value.OfString("a"), value.OfString("ab"), {}, value.OfFloat(1)} {
		v.Become(w)
		require.Equal(t, w, v)
	}
	v.SetInt(7)
	require.Equal(t, value.OfInt(7), v)
}

func TestFreshCopiesAreLate(t *testing.T) {
	original := parse(t, `{"list":[1,[2,3]],"object":{"a":{"b":1}},"text":"x"}`)
	const before = `{"list":[1,[2,3]],"object":{"a":{"b":1}},"text":"x"}`
	fresh := original.Fresh().Object()

	list, _ := fresh.Get("list")
	again, _ := fresh.Get("list")
	require.Equal(t, list, again, "a container that was taken out is the same each time")
	inner := list.Array().At(1)
	inner.Array().Set(0, value.OfInt(9))
	list.Array().Append(value.OfInt(4))
	object, _ := fresh.Get("object")
	a, _ := object.Object().Get("a")
	a.Object().Set("b", value.OfInt(2))
	fresh.Set("new", value.OfBool(true))

	require.Equal(t, `{"list":[1,[9,3],4],"object":{"a":{"b":2}},"text":"x","new":true}`, text(t, value.OfObject(fresh), value.JSONStyle{}))
	require.Equal(t, before, text(t, original, value.JSONStyle{}))
}

func TestObjectsOfAnySize(t *testing.T) {
	o := value.NewObject(0)
	want := map[string]int64{}
	for i := range 500 {
		key := fmt.Sprintf("key %d", i%300)
		o.Set(key, value.OfInt(int64(i)))
		want[key] = int64(i)
		require.Equal(t, len(want), o.Len())
	}
	for key, n := range want {
		v, ok := o.Get(key)
		require.True(t, ok)
		require.Equal(t, n, v.Int())
		hint := int32(0)
		v, ok = o.PeekHinted(key, value.Hash(key), &hint)
		require.True(t, ok)
		require.Equal(t, key, o.Peek()[hint].Key)
		require.Equal(t, n, v.Int())
	}
	require.False(t, o.Has("nope"))
	require.Equal(t, "key 0", o.Peek()[0].Key, "a key keeps its place")
}

func TestMarks(t *testing.T) {
	require.Equal(t, value.Date, parse(t, `{"__hogDate__":true,"year":1}`).Object().Mark())
	require.Equal(t, value.Plain, parse(t, `{"__hogDate__":1}`).Object().Mark())
	o := value.NewObject(1)
	o.Set(value.ErrorKey, value.OfBool(true))
	require.Equal(t, value.ErrorMark, o.Mark())
	o.Set(value.ErrorKey, value.Value{})
	require.Equal(t, value.Plain, o.Mark())
}

func TestShapes(t *testing.T) {
	var heap value.Heap
	keys := make([]value.Value, 12)
	parts := make([]value.Value, 24)
	for i := range keys {
		keys[i] = value.OfString(fmt.Sprintf("key %d", i))
		parts[2*i], parts[2*i+1] = keys[i], value.OfInt(int64(i))
	}
	shape := value.NewShape(parts)
	first, ok, err := shape.Build(&heap, parts)
	require.NoError(t, err)
	require.True(t, ok)
	second, _, _ := shape.Build(&heap, parts)
	first.Object().Set("more", value.OfInt(1))
	first.Object().Set("key 3", value.OfInt(33))
	for i := range keys {
		v, _ := second.Object().Get(keys[i].Str())
		require.Equal(t, value.OfInt(int64(i)), v)
	}
	require.False(t, second.Object().Has("more"))
	require.True(t, first.Object().Has("more"))
	_, ok, _ = shape.Build(&heap, parts[2:])
	require.False(t, ok)
	require.Nil(t, value.NewShape([]value.Value{keys[0], {}, keys[0], {}}), "a key that comes twice")
}

func TestHeap(t *testing.T) {
	heap := value.Heap{Limit: 1000}
	a, err := heap.Copy([]byte("abc"))
	require.NoError(t, err)
	b, err := heap.Close(append(heap.Open(a.Str()), 'd'))
	require.NoError(t, err)
	c, err := heap.Close(append(heap.Open(a.Str()), 'e'))
	require.NoError(t, err)
	require.Equal(t, []string{"abc", "abcd", "abce"}, []string{a.Str(), b.Str(), c.Str()}, "only the newest text grows where it lies")
	long, err := heap.Close(append(heap.Open(c.Str()), strings.Repeat("x", 900)...))
	require.NoError(t, err)
	require.Equal(t, "abce"+strings.Repeat("x", 900), long.Str())
	require.Equal(t, 3+4+4+904, heap.Used())
	_, err = heap.Copy(make([]byte, 100))
	require.EqualError(t, err, "Out of resource: Heap Memory")

	heap.Reset(0)
	list, err := heap.Array([]value.Value{value.OfInt(1)})
	require.NoError(t, err)
	twin, err := heap.Duplicate(list.Array())
	require.NoError(t, err)
	require.NoError(t, heap.Extend(list.Array(), value.OfInt(2), 0))
	twin.Array().Set(0, value.OfInt(9))
	require.Equal(t, "[1,2]", text(t, list, value.JSONStyle{}))
	require.Equal(t, "[9]", text(t, twin, value.JSONStyle{}))
}

// A list remembers the bytes of its elements; they are counted anew once one of them is another.
func TestCopiesOfAListCostWhatIsInIt(t *testing.T) {
	var h value.Heap
	v, err := h.Array([]value.Value{value.OfInt(1), value.OfString("abc")})
	require.NoError(t, err)
	list := v.Array()
	cost := func() int {
		before := h.Used()
		_, err := h.Duplicate(list)
		require.NoError(t, err)
		return h.Used() - before
	}
	require.Equal(t, 11, cost())
	list.Set(0, value.OfString("a longer text"))
	require.Equal(t, 16, cost())
	list.Append(value.OfBool(true))
	require.Equal(t, 17, cost())
	require.NoError(t, h.Extend(list, value.OfInt(2), 4))
	require.Equal(t, 25, cost())
}

func TestPrint(t *testing.T) {
	cycle := value.NewArray(nil)
	cycle.Append(value.OfArray(cycle))
	tests := []struct {
		v    value.Value
		want string
	}{
		{value.OfFloat(2), "2"}, {value.OfFloat(1e21), "1e+21"}, {value.OfFloat(1e-7), "1e-7"}, {value.OfFloat(123e18), "123000000000000000000"},
		{value.OfFloat(math.Inf(-1)), "-Infinity"}, {value.OfFloat(math.NaN()), "NaN"},
		{value.OfString("a'b\\\n\b\f\r\t\v\x00"), `'a\'b\\\n\b\f\r\t\v\0'`},
		{parse(t, `{"a":[1,null,true]}`), "{'a': [1, null, true]}"},
		{value.OfTuple(value.NewArray(nil)), "tuple()"},
		{value.OfTuple(value.NewArray(make([]value.Value, 1))), "tuple(null)"},
		{value.OfTuple(value.NewArray(make([]value.Value, 2))), "(null, null)"},
		{parse(t, `{"__hogDateTime__":true,"dt":5,"zone":"UTC"}`), "DateTime(5.0, 'UTC')"},
		{parse(t, `{"__hogError__":true,"type":"T","message":"m","payload":[1]}`), "T('m', [1])"},
		{value.OfCallable(&value.Callable{Name: "f", ArgCount: 2}), "fn<f(2)>"},
		{value.OfCallable(&value.Callable{Name: "a`b c"}), "fn<`a``b c`(0)>"},
		{value.OfArray(cycle), "[null]"},
		{parse(t, strings.Repeat("[", 70)+strings.Repeat("]", 70)), strings.Repeat("[", 64) + "null" + strings.Repeat("]", 64)},
	}
	for _, tt := range tests {
		got, err := value.AppendPrint(nil, tt.v, 1<<20)
		require.NoError(t, err)
		require.Equal(t, tt.want, string(got))
	}
	bomb := value.OfInt(1)
	for range 60 {
		bomb = value.OfArray(value.NewArray([]value.Value{bomb, bomb}))
	}
	_, err := value.AppendPrint(nil, bomb, 1<<16)
	require.EqualError(t, err, "Out of resource: Heap Memory")
	_, err = value.AppendJSON(nil, bomb, value.JSONStyle{Limit: 1 << 16})
	require.EqualError(t, err, "Out of resource: Heap Memory")
	_, err = value.Equal(bomb, value.Clone(bomb))
	require.Error(t, err)
}

func TestJSON(t *testing.T) {
	tests := []struct{ in, out string }{
		{`{"b":1,"a":2.0,"b":3}`, `{"b":3,"a":2.0}`},
		{`[9223372036854775807,9223372036854775808,-0,1e400,1E2]`, ``},
		{`[1e16,1e15,0.00001,0.000001,-1.5]`, `[1e16,1000000000000000.0,0.00001,1e-6,-1.5]`},
		{`"\u0041\ud83d\ude00\ud800x\n\u0000\/"`, "\"A\U0001f600\ufffdx\\n\\u0000/\""},
		{"\"\xff\xfe\"", "\"\ufffd\ufffd\""},
		{"\"\xff\\n\"", "\"\ufffd\\n\""},
		{"[ ]\n", `[]`}, {" { } ", `{}`},
	}
	for _, tt := range tests {
		v := parse(t, tt.in)
		if tt.out != "" {
			require.Equal(t, tt.out, text(t, v, value.JSONStyle{}))
		}
	}
	numbers := parse(t, tests[1].in).Array().Items()
	require.Equal(t, value.OfInt(math.MaxInt64), numbers[0])
	require.Equal(t, value.OfFloat(1<<63), numbers[1])
	require.Equal(t, value.OfInt(0), numbers[2])
	require.Equal(t, value.OfFloat(math.Inf(1)), numbers[3])
	require.Equal(t, value.OfFloat(100), numbers[4])

	v := parse(t, `{"a":[1,{"b":2.0}],"c":{}}`)
	require.Equal(t, `{"a": [1, {"b": 2.0}], "c": {}}`, text(t, v, value.JSONStyle{Spaced: true}))
	require.Equal(t, "{\n  \"a\": [\n    1,\n    {\n      \"b\": 2\n    }\n  ],\n  \"c\": {}\n}",
		text(t, v, value.JSONStyle{Indent: 2, IntegralFloats: true}))

	_, err := value.ParseJSON([]byte(`{"a":tru}`))
	require.EqualError(t, err, "invalid JSON at byte 5: expected a value")
}

func TestEveryByteInAString(t *testing.T) {
	for c := range 256 {
		for at := range 20 {
			text := []byte(strings.Repeat("#", 20))
			text[at] = byte(c)
			for from := range 20 {
				s := string(text[from:])
				var got string
				require.NoError(t, json.Unmarshal(value.AppendJSONString(nil, s), &got))
				require.Equal(t, strings.ToValidUTF8(s, "\ufffd"), got)
			}
		}
	}
}

// FuzzJSON holds the decoder against encoding/json, and what is written against what was read.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5,"x\n\u00e9",null,true]}`, `[1e5,-0.1]`, `"\ud83d\ude00"`, `{"a":1,"a":2}`, `01`, `[1,]`, "\"\x01\"", ` [ ] `} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := value.ParseJSON(data)
		if deep := err != nil && strings.HasPrefix(err.Error(), "Out of resource"); deep {
			return
		}
		require.Equal(t, json.Valid(data), err == nil, "%v", err)
		if err != nil {
			return
		}
		written, err := value.AppendJSON(nil, v, value.JSONStyle{Lenient: true})
		require.NoError(t, err)
		again, err := value.ParseJSON(written)
		require.NoError(t, err, "%s", written)
		twice, err := value.AppendJSON(nil, again, value.JSONStyle{Lenient: true})
		require.NoError(t, err)
		require.Equal(t, string(written), string(twice))
		var std any
		require.NoError(t, json.Unmarshal(written, &std))
	})
}

func BenchmarkObjectGet(b *testing.B) {
	for _, n := range []int{4, 8, 12, 40} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			o := value.NewObject(n)
			for i := range n {
				o.Set(fmt.Sprintf("property_%02d", i), value.OfInt(int64(i)))
			}
			key := fmt.Sprintf("property_%02d", n/2)
			for b.Loop() {
				o.Get(key)
			}
		})
	}
}

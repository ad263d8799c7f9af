package stl_test

import (
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/hogvm/internal/stl"
	"github.com/hog-go/hog/hogvm/native"
	"github.com/hog-go/hog/hogvm/value"
)

const (
	fuzzHeap  = 1 << 16
	fuzzSlack = 8 << 10 // a result may be made before it is charged, if it is this small or a small multiple of an argument
)

// FuzzCalls calls any function with any arguments, and asks that it returns, changes none of them, and keeps to the heap.
func FuzzCalls(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09"))
	for i := range 256 {
		f.Add([]byte{byte(i), 3, 7, 20, 8, 2, 1, 0, 9, 2, 4, 5, byte(i), 6, 7, 30})
	}
	tables := []map[string]native.Entry{native.Rust: stl.Table(native.Rust), native.Node: stl.Table(native.Node)}
	names := slices.Sorted(maps.Keys(tables[native.Node])) // Rust has these, too
	f.Fuzz(func(t *testing.T, data []byte) {
		g := generator{data: data}
		profile := native.Profile(g.next() % 2)
		name := names[int(g.next())%len(names)]
		entry := tables[profile][name]
		args := make([]value.Value, entry.Min+int(g.next())%3)
		if entry.Max >= 0 && len(args) > entry.Max {
			args = args[:entry.Max]
		}
		globals := make([]value.Value, len(args)) // which the machine hands out as late copies
		for i := range args {
			globals[i] = g.value(0)
			args[i] = globals[i]
			if g.next()%2 == 0 {
				args[i] = args[i].Fresh()
			}
		}
		given := slices.Clone(args)
		before := printed(t, globals)

		call := native.Call{Profile: profile, Name: name, Heap: value.Heap{Limit: fuzzHeap}}
		result, err := entry.Func(&call, args)

		require.Equal(t, given, args, "%s wrote to its arguments", name)
		require.Equal(t, before, printed(t, globals), "%s changed an argument", name)
		require.LessOrEqual(t, call.Heap.Used(), fuzzHeap)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		if s, ok := result.AsString(); ok {
			require.LessOrEqual(t, len(s), fuzzHeap+fuzzSlack)
		}
		for i := range args {
			if args[i] == globals[i] && args[i].IsContainer() {
				return // a result may share what is no late copy
			}
		}
		scribble(result)
		require.Equal(t, before, printed(t, globals), "what %s returned is part of a global", name)
	})
}

// scribble writes to every container in v, as a program may.
func scribble(v value.Value) {
	if a, ok := v.AsArray(); ok {
		for i := range a.Len() {
			scribble(a.At(i))
			a.Set(i, value.OfString("scribbled"))
		}
		a.Append(value.OfString("more"))
	}
	if o, ok := v.AsObject(); ok {
		for _, e := range slices.Clone(o.Entries()) {
			scribble(e.Value)
			o.Set(e.Key, value.OfString("scribbled"))
		}
		o.Set("more", value.OfString("more"))
	}
}

func printed(t *testing.T, args []value.Value) string {
	b, err := value.AppendPrint(nil, value.OfArray(value.NewArray(args)), math.MaxInt)
	require.NoError(t, err)
	return string(b)
}

// generator makes values of bytes.
type generator struct{ data []byte }

func (g *generator) next() byte {
	if len(g.data) == 0 {
		return 0
	}
	b := g.data[0]
	g.data = g.data[1:]
	return b
}

var (
	fuzzTexts = []string{
		"", "a", "day", "month", "week", "%Y-%m-%d %f", "2024-03-10 02:30:00", "2024-02-29T12:00:00.5+05:30", "America/New_York", "hex",
		"a%_b", "(a)(b)?", "[", "{\"a\":[1,{\"b\":\"c\"}]}", "8J+YgA", "%F0%9F%98%80", "%zz", "1.2.3.4", "10.0.0.0/8", "::1", "$&$`$'$$",
		"héß😀\u0130", "\xff\xfe", "1700000000", " -12.5e3 ", "0x1F", "Infinity", "1.10.3-beta", "\n\t", "hour",
	}
	fuzzNumbers = []value.Value{
		value.OfInt(0), value.OfInt(1), value.OfInt(-1), value.OfInt(math.MaxInt64), value.OfInt(math.MinInt64), value.OfInt(1 << 40),
		value.OfFloat(0.5), value.OfFloat(math.NaN()), value.OfFloat(math.Inf(1)), value.OfFloat(1e300), value.OfFloat(-1e18), value.OfInt(3),
	}
)

func (g *generator) value(depth int) value.Value {
	switch kind := g.next() % 11; {
	case kind == 0:
		return value.Value{}
	case kind == 1:
		return value.OfBool(g.next()%2 == 0)
	case kind == 2:
		return fuzzNumbers[int(g.next())%len(fuzzNumbers)]
	case kind == 3:
		return value.OfInt(int64(g.next()) - 100)
	case kind == 4:
		n := min(int(g.next()), len(g.data))
		s := string(g.data[:n])
		g.data = g.data[n:]
		return value.OfString(s)
	case kind < 8:
		return value.OfString(fuzzTexts[int(g.next())%len(fuzzTexts)])
	case depth > 3:
		return value.OfCallable(&value.Callable{Name: "f"})
	case kind == 8:
		return value.OfArray(value.NewArray(g.items(depth)))
	case kind == 9:
		return value.OfTuple(value.NewArray(g.items(depth)))
	}
	return g.object(depth)
}

func (g *generator) items(depth int) []value.Value {
	items := make([]value.Value, g.next()%5)
	for i := range items {
		items[i] = g.value(depth + 1)
	}
	return items
}

// object makes a plain object, or one that says that it is a date or an error.
func (g *generator) object(depth int) value.Value {
	o := value.NewObject(0)
	switch g.next() % 4 {
	case 0:
		o.Set(value.DateTimeKey, value.OfBool(true))
		o.Set("dt", g.value(3))
		o.Set("zone", g.value(3))
	case 1:
		o.Set(value.DateKey, value.OfBool(true))
		o.Set("year", g.value(3))
		o.Set("month", g.value(3))
		o.Set("day", g.value(3))
	case 2:
		o.Set(value.ErrorKey, value.OfBool(true))
		o.Set("type", g.value(3))
	}
	for _, v := range g.items(depth) {
		o.Set(fuzzTexts[int(g.next())%len(fuzzTexts)], v)
	}
	return value.OfObject(o)
}

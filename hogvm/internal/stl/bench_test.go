package stl_test

import (
	"fmt"
	"testing"

	"github.com/hog-go/hog/hogvm/internal/stl"
	"github.com/hog-go/hog/hogvm/native"
	"github.com/hog-go/hog/hogvm/value"
)

// properties is an object as jsonStringify meets it in an event: texts, numbers and a nested list.
func properties(n int) value.Value {
	o := value.NewObject(n)
	for i := range n {
		key := fmt.Sprintf("$property_%d", i)
		switch i % 4 {
		case 0:
			o.Set(key, value.OfString("https://example.com/some/path?with=query"))
		case 1:
			o.Set(key, value.OfInt(int64(i)*1000))
		case 2:
			o.Set(key, value.OfFloat(float64(i)+0.25))
		case 3:
			o.Set(key, value.OfBool(i%8 == 3))
		}
	}
	return value.OfObject(o)
}

func BenchmarkCalls(b *testing.B) {
	words := value.NewArray(nil)
	for i := range 100 {
		words.Append(value.OfString(fmt.Sprint("word", i)))
	}
	userAgent := value.OfString("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36")
	document := value.OfString(`{"a":{"b":[1,2,{"c":"x"}],"d":1.5},"e":"text","f":[true,null]}`)
	for _, bb := range []struct {
		name string
		args []value.Value
	}{
		{"jsonStringify", []value.Value{properties(200)}},
		{"jsonParse", []value.Value{document}},
		{"JSONExtractString", []value.Value{document, value.OfString("e")}},
		{"concat", []value.Value{value.OfString("a"), value.OfInt(5), value.OfString("b"), value.OfFloat(1.5), value.OfString("c")}},
		{"lower", []value.Value{userAgent}},
		{"replaceAll", []value.Value{userAgent, value.OfString("/"), value.OfString("-")}},
		{"splitByString", []value.Value{value.OfString(" "), userAgent}},
		{"arrayStringConcat", []value.Value{value.OfArray(words), value.OfString(",")}},
		{"has", []value.Value{value.OfArray(words), value.OfString("word99")}},
		{"toString", []value.Value{value.OfInt(12345)}},
		{"toDateTime", []value.Value{value.OfString("2024-01-01T00:00:00.123Z")}},
		{"ilike", []value.Value{userAgent, value.OfString("%chrome%")}},
		{"extractRegex", []value.Value{userAgent, value.OfString(`Chrome/(\d+)`)}},
		{"multiSearchAnyCaseInsensitive", []value.Value{userAgent, value.OfArray(words)}},
		{"sha256Hex", []value.Value{userAgent}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			call := native.Call{Name: bb.name}
			f := stl.Table(native.Rust)[bb.name].Func
			b.ReportAllocs()
			for b.Loop() {
				call.Heap.Reset(1 << 20)
				if _, err := f(&call, bb.args); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

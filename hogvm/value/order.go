package value

import (
	"cmp"
	"strings"

	"github.com/hog-go/hog/hogvm/fault"
	"github.com/hog-go/hog/hogvm/internal/date"
)

// Ordering is the outcome of comparing two values.
type Ordering int8

// The outcomes. Unordered, of null and NaN, makes each of < <= > >= false.
const (
	Unordered Ordering = iota
	Less
	Same
	Greater
)

// Compare orders a and b for < <= > >=. Null is Unordered against everything. With coerce off, only numbers and arrays of numbers have an
// order; with it on, dates, numbers in text, booleans and texts have one, too. The rest is an error.
func Compare(a, b Value, coerce bool) (Ordering, error) {
	switch {
	case a.IsNumber() && b.IsNumber():
		return compareNumbers(a, b), nil
	case a.IsNull() || b.IsNull():
		return Unordered, nil
	case !coerce:
		if a.Kind() == ArrayKind && b.Kind() == ArrayKind {
			return compareArrays(a.Array(), b.Array())
		}
		if !a.IsNumber() {
			return Unordered, fault.WrongType(a.Kind().Name(), "Number")
		}
		return Unordered, fault.WrongType(b.Kind().Name(), "Number")
	}
	if x, y, ok := Instants(a, b); ok {
		return compareFloats(x, y), nil
	}
	if a.Kind() == ArrayKind && b.Kind() == ArrayKind {
		return compareArrays(a.Array(), b.Array())
	}
	return compareCoerced(a, b)
}

func compareNumbers(a, b Value) Ordering {
	if a.IsInt() && b.IsInt() {
		return Ordering(cmp.Compare(a.Int(), b.Int())) + Same
	}
	x, _ := a.AsFloat()
	y, _ := b.AsFloat()
	return compareFloats(x, y)
}

func compareFloats(x, y float64) Ordering {
	switch {
	case x < y:
		return Less
	case x > y:
		return Greater
	case x == y:
		return Same
	}
	return Unordered
}

// compareArrays orders arrays of numbers element by element; a prefix is less. Anything but numbers is an error, even where the elements
// before it have decided.
func compareArrays(a, b *Array) (Ordering, error) {
	for _, items := range [...][]Value{a.items, b.items} {
		for _, v := range items {
			if !v.IsNumber() {
				return Unordered, fault.WrongType(v.Kind().Name(), "Number")
			}
		}
	}
	for i := range min(len(a.items), len(b.items)) {
		if o := compareNumbers(a.items[i], b.items[i]); o != Same {
			return o, nil
		}
	}
	return Ordering(cmp.Compare(len(a.items), len(b.items))) + Same, nil
}

func compareCoerced(a, b Value) (Ordering, error) {
	ka, kb := a.Kind(), b.Kind()
	if ka == String && kb == String {
		return Ordering(strings.Compare(a.str(), b.str())) + Same, nil
	}
	if ka > String || kb > String {
		return Unordered, fault.NoCoercion(ka.Name(), kb.Name())
	}
	withBool := ka == Bool || kb == Bool
	x, err := orderNumber(a, withBool)
	if err != nil {
		return Unordered, err
	}
	y, err := orderNumber(b, withBool)
	if err != nil {
		return Unordered, err
	}
	return compareNumbers(x, y), nil
}

// orderNumber turns a boolean, number or string into the number that it is compared as: against a boolean, text is a boolean.
func orderNumber(v Value, withBool bool) (Value, error) {
	switch v.Kind() {
	case Bool:
		return OfInt(int64(boolNumber(v.Bool()))), nil
	case String:
		s := v.str()
		if withBool {
			return OfInt(int64(boolNumber(s != "" && !strings.EqualFold(s, "false")))), nil
		}
		n, ok := ParseNumber(s)
		if !ok {
			return Value{}, fault.NotANumber(s)
		}
		return n, nil
	}
	return v, nil
}

// Instants returns a and b as epoch seconds if both are dates, or one is a date and the other a text that reads as one.
func Instants(a, b Value) (x, y float64, ok bool) {
	x, okA := instant(a)
	y, okB := instant(b)
	switch {
	case okA && okB:
		return x, y, true
	case okA && b.Kind() == String:
		y, ok = date.Parse(b.str(), nil)
	case okB && a.Kind() == String:
		x, ok = date.Parse(a.str(), nil)
	}
	return x, y, ok
}

// instant returns the epoch seconds of a datetime, or of midnight of a date.
func instant(v Value) (float64, bool) {
	o, ok := v.AsObject()
	if !ok {
		return 0, false
	}
	switch o.mark {
	case DateTime:
		dt, _ := o.PeekKey("dt")
		return dt.AsFloat()
	case Date:
		year, okY := field(o, "year")
		month, okM := field(o, "month")
		day, okD := field(o, "day")
		if sum := year + month + day; sum != sum { // toDate of the Node VM makes such a date of what is none
			return sum, true
		}
		return date.Midnight(int(year), int(month), int(day)), okY && okM && okD
	}
	return 0, false
}

func field(o *Object, key string) (float64, bool) {
	v, _ := o.PeekKey(key)
	return v.AsFloat()
}

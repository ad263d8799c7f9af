package stl

import (
	"math"
	"math/rand/v2"

	"github.com/hog-go/hog/hogvm/fault"
	"github.com/hog-go/hog/hogvm/internal/js"
	"github.com/hog-go/hog/hogvm/native"
	"github.com/hog-go/hog/hogvm/value"
)

var numbers = map[string]native.Entry{
	"plus":        {Func: plus, Min: 2, Max: 2},
	"minus":       {Func: minus, Min: 2, Max: 2},
	"min2":        {Func: min2, Min: 2, Max: 2},
	"max2":        {Func: max2, Min: 2, Max: 2},
	"round":       {Func: round, Min: 1, Max: 2},
	"floor":       {Func: floor, Min: 1, Max: 2},
	"range":       {Func: rangeOf, Min: 1, Max: 2},
	"randomFloat": {Func: randomFloat, Min: 0, Max: 0},
}

func plus(c *native.Call, args []value.Value) (value.Value, error) {
	a, b := args[0], args[1]
	if c.IsNode() {
		if js.IsText(a) || js.IsText(b) {
			return joinTexts(c, a, b)
		}
		return value.OfFloat(js.Number(a) + js.Number(b)), nil
	}
	if a.IsInt() && b.IsInt() {
		return value.OfInt(addSaturating(a.Int(), b.Int())), nil
	}
	x, y, err := pair(a, b)
	return value.OfFloat(x + y), err
}

// joinTexts is the + of JavaScript with a text on one side.
func joinTexts(c *native.Call, a, b value.Value) (value.Value, error) {
	left, err := jsText(c, a)
	if err != nil {
		return value.Value{}, err
	}
	right, err := jsText(c, b)
	if err != nil {
		return value.Value{}, err
	}
	return c.Heap.Close(append(c.Heap.Open(left), right...))
}

func minus(c *native.Call, args []value.Value) (value.Value, error) {
	a, b := args[0], args[1]
	if c.IsNode() {
		return value.OfFloat(js.Number(a) - js.Number(b)), nil
	}
	if a.IsInt() && b.IsInt() {
		return value.OfInt(subSaturating(a.Int(), b.Int())), nil
	}
	x, y, err := pair(a, b)
	return value.OfFloat(x - y), err
}

// pair returns two numbers; null is none here, other than for the operators.
func pair(a, b value.Value) (x, y float64, err error) {
	if x, err = number(a); err != nil {
		return 0, 0, err
	}
	y, err = number(b)
	return x, y, err
}

func addSaturating(a, b int64) int64 {
	sum := a + b
	if (a < 0) == (b < 0) && (sum < 0) != (a < 0) {
		return limit(a)
	}
	return sum
}

func subSaturating(a, b int64) int64 {
	diff := a - b
	if (a < 0) != (b < 0) && (diff < 0) != (a < 0) {
		return limit(a)
	}
	return diff
}

// limit returns the end of the integers on the side of a.
func limit(a int64) int64 {
	if a < 0 {
		return math.MinInt64
	}
	return math.MaxInt64
}

func min2(c *native.Call, args []value.Value) (value.Value, error) {
	return either(c, args, value.Less)
}

func max2(c *native.Call, args []value.Value) (value.Value, error) {
	return either(c, args, value.Greater)
}

// either returns the first argument if it compares as wanted with the second, else the second.
func either(c *native.Call, args []value.Value, want value.Ordering) (value.Value, error) {
	if !c.IsNode() {
		if _, _, err := pair(args[0], args[1]); err != nil {
			return value.Value{}, err
		}
	}
	o, err := order(c, args[0], args[1])
	if err != nil {
		return value.Value{}, err
	}
	if o == want {
		return args[0], nil
	}
	return args[1], nil
}

func round(c *native.Call, args []value.Value) (value.Value, error) {
	if c.IsNode() {
		f := js.Number(args[0])
		down := math.Floor(f)
		return wholeNumber(down + float64(oneIf(f-down >= 0.5))), nil
	}
	f, err := number(args[0])
	return value.OfInt(truncate(math.RoundToEven(f))), err
}

func floor(c *native.Call, args []value.Value) (value.Value, error) {
	if c.IsNode() {
		return wholeNumber(math.Floor(js.Number(args[0]))), nil
	}
	f, err := number(args[0])
	return value.OfInt(truncate(math.Floor(f))), err
}

// rangeOf counts from 0, or from its first argument, up to but not including its last. The size is charged before anything is built.
func rangeOf(c *native.Call, args []value.Value) (value.Value, error) {
	first := value.OfInt(0)
	if len(args) > 1 {
		first = args[0]
	}
	from, err := integer(first)
	if err != nil {
		return value.Value{}, err
	}
	to, err := integer(args[len(args)-1])
	if err != nil {
		return value.Value{}, err
	}
	if to <= from {
		return c.Heap.Array(nil)
	}
	n := uint64(to) - uint64(from)
	if n > uint64(min(maxRange, c.Heap.Left()/numberSize)) {
		return value.Value{}, fault.Heap()
	}
	items := make([]value.Value, n)
	for i := range items {
		items[i] = value.OfInt(from + int64(i))
	}
	return c.Heap.Sized(items, numberSize*len(items))
}

const (
	numberSize = 8       // bytes of a number on the heap
	maxRange   = 1 << 27 // elements, for a machine without a heap limit
)

func randomFloat(*native.Call, []value.Value) (value.Value, error) {
	return value.OfFloat(rand.Float64()), nil
}

package hogvm

import (
	"math"
	"math/bits"

	"github.com/hog-go/hog/hogvm/fault"
	"github.com/hog-go/hog/hogvm/internal/code"
	"github.com/hog-go/hog/hogvm/internal/js"
	"github.com/hog-go/hog/hogvm/value"
)

// addInts and its siblings saturate: a sum beyond 64 bits is the largest there is.
func addInts(a, b int64) int64 {
	sum := a + b
	if (sum > a) == (b > 0) {
		return sum
	}
	return saturated(b > 0)
}

func subInts(a, b int64) int64 {
	diff := a - b
	if (diff < a) == (b > 0) {
		return diff
	}
	return saturated(b < 0)
}

func mulInts(a, b int64) int64 {
	hi, lo := bits.Mul64(magnitude(a), magnitude(b))
	negative := (a < 0) != (b < 0)
	switch {
	case hi != 0 || lo > 1<<63 || lo == 1<<63 && !negative:
		return saturated(!negative)
	case negative:
		return -int64(lo)
	}
	return int64(lo)
}

func magnitude(a int64) uint64 {
	if a < 0 {
		return -uint64(a)
	}
	return uint64(a)
}

func saturated(up bool) int64 {
	if up {
		return math.MaxInt64
	}
	return math.MinInt64
}

// arithmetic is a op b for everything that the engine does not do itself.
func (t *Thread) arithmetic(op code.Op, a, b value.Value) (value.Value, error) {
	if t.vm.node {
		return value.OfFloat(compute(op, js.Number(a), js.Number(b))), nil
	}
	a, err := operand(a)
	if err != nil {
		return a, err
	}
	b, err = operand(b)
	if err != nil {
		return b, err
	}
	if a.IsInt() && b.IsInt() {
		return computeInts(op, a.Int(), b.Int())
	}
	x, _ := a.AsFloat()
	y, _ := b.AsFloat()
	return value.OfFloat(compute(op, x, y)), nil
}

// operand returns the number v; null counts as 0.
func operand(v value.Value) (value.Value, error) {
	switch {
	case v.IsNumber():
		return v, nil
	case v.IsNull():
		return value.OfInt(0), nil
	}
	return v, fault.WrongType(v.Kind().Name(), "Number")
}

func computeInts(op code.Op, a, b int64) (value.Value, error) {
	switch op {
	case code.Plus:
		return value.OfInt(addInts(a, b)), nil
	case code.Minus:
		return value.OfInt(subInts(a, b)), nil
	case code.Multiply:
		return value.OfInt(mulInts(a, b)), nil
	}
	if b == 0 {
		return value.Value{}, fault.New(fault.Division, "Division by zero")
	}
	if op == code.Divide {
		return value.OfFloat(float64(a) / float64(b)), nil
	}
	if b == -1 {
		return value.OfInt(0), nil // the smallest integer divided by -1 overflows
	}
	return value.OfInt(a % b), nil
}

func compute(op code.Op, x, y float64) float64 {
	switch op {
	case code.Plus:
		return x + y
	case code.Minus:
		return x - y
	case code.Multiply:
		return x * y
	case code.Divide:
		return x / y
	}
	return math.Mod(x, y)
}

package config

import (
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// parse turns text into a value of f's type and checks its bounds. Errors begin with a verb ("is not a boolean: ..."), since the
// caller puts the variable and the text in front.
func (f *field) parse(raw string) (reflect.Value, error) {
	value, err := f.parseType(raw)
	if err != nil {
		return value, err
	}
	if f.kind.Kind() == reflect.String && !f.isText() && f.oneOf != nil && !slices.Contains(f.oneOf, value.String()) {
		return value, fmt.Errorf("is not one of the known values: use %s", strings.Join(f.oneOf, ", "))
	}
	if f.min != "" && compare(value, f.bound(f.min)) < 0 {
		return value, fmt.Errorf("is too small: use at least %s", f.min)
	}
	if f.max != "" && compare(value, f.bound(f.max)) > 0 {
		return value, fmt.Errorf("is too large: use at most %s", f.max)
	}
	return value, nil
}

// bound parses the text of a min or max tag.
func (f *field) bound(tag string) reflect.Value {
	value, err := f.parseType(tag)
	if err != nil {
		panic(fmt.Sprintf("config: %s: bound %q %v", f.names[0], tag, err))
	}
	return value
}

func compare(a, b reflect.Value) int {
	switch {
	case a.CanInt():
		return cmp.Compare(a.Int(), b.Int())
	case a.CanUint():
		return cmp.Compare(a.Uint(), b.Uint())
	case a.CanFloat():
		return cmp.Compare(a.Float(), b.Float())
	default:
		panic(fmt.Sprintf("config: bounds on a value of type %s", a.Type()))
	}
}

func (f *field) parseType(raw string) (reflect.Value, error) {
	value := reflect.New(f.kind).Elem()
	if text, ok := value.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if err := text.UnmarshalText([]byte(raw)); err != nil {
			return value, fmt.Errorf("is not valid: %w", err)
		}
		return value, nil
	}
	var err error
	switch {
	case f.kind == durationType:
		var d time.Duration
		d, err = parseDuration(raw, f.unit)
		value.SetInt(int64(d))
	case value.CanInt():
		var n int64
		n, err = strconv.ParseInt(raw, 10, f.kind.Bits())
		err = integerProblem(err, "use digits, with a minus sign if negative", largestInt(f.kind.Bits()))
		value.SetInt(n)
	case value.CanUint():
		var n uint64
		n, err = parseUint(raw, f.kind.Bits())
		value.SetUint(n)
	case value.CanFloat():
		var x float64
		x, err = parseFloat(raw, f.kind.Bits())
		value.SetFloat(x)
	case f.kind.Kind() == reflect.Bool:
		var b bool
		b, err = parseBool(raw)
		value.SetBool(b)
	case f.kind.Kind() == reflect.Slice:
		f.setList(value, raw)
	default:
		if f.trim {
			raw = strings.TrimSpace(raw)
		}
		value.SetString(raw)
	}
	return value, err
}

// setList cuts raw at commas. The empty text is an empty list, not a list of one empty entry.
func (f *field) setList(list reflect.Value, raw string) {
	if raw == "" {
		return
	}
	for entry := range strings.SplitSeq(raw, ",") {
		if f.trim {
			if entry = strings.TrimSpace(entry); entry == "" {
				continue
			}
		}
		list.Set(reflect.Append(list, reflect.ValueOf(entry).Convert(f.kind.Elem())))
	}
}

func parseBool(raw string) (bool, error) {
	switch strings.ToLower(raw) {
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	default:
		return false, errors.New("is not a boolean: use true or false")
	}
}

func parseUint(raw string, bits int) (uint64, error) {
	n, err := strconv.ParseUint(raw, 10, bits)
	if err != nil && isNegative(raw) {
		return 0, errors.New("is negative: use a whole number, 0 or more")
	}
	return n, integerProblem(err, "use digits only", math.MaxUint64>>(64-bits))
}

// integerProblem says in our words what strconv found wrong.
func integerProblem(err error, use string, largest uint64) error {
	switch {
	case errors.Is(err, strconv.ErrRange):
		return fmt.Errorf("is out of range: the largest is %d", largest)
	case err != nil:
		return fmt.Errorf("is not a whole number: %s", use)
	default:
		return nil
	}
}

func largestInt(bits int) uint64 { return 1<<(bits-1) - 1 }

func parseFloat(raw string, bits int) (float64, error) {
	x, err := strconv.ParseFloat(raw, bits)
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
		return 0, errors.New("is not a number: use a form like 0.5")
	}
	return x, nil
}

// parseDuration reads a whole number of units, or Go's syntax when unit is 0. No setting is a negative time.
func parseDuration(raw string, unit time.Duration) (time.Duration, error) {
	if unit == 0 {
		d, err := time.ParseDuration(raw)
		if err != nil {
			return 0, errors.New("is not a duration: use a form like 500ms, 30s or 5m")
		}
		if d < 0 {
			return 0, errors.New("is negative: use a duration of 0 or more")
		}
		return d, nil
	}
	n, err := strconv.ParseInt(raw, 10, 64)
	largest := math.MaxInt64 / int64(unit)
	switch {
	case errors.Is(err, strconv.ErrRange) && n > 0, n > largest:
		return 0, fmt.Errorf("is out of range: the largest is %d", largest)
	case isNegative(raw):
		return 0, fmt.Errorf("is negative: use a whole number of %s, 0 or more", unitName(unit))
	case err != nil:
		return 0, fmt.Errorf("is not a whole number of %s: use digits only", unitName(unit))
	default:
		return time.Duration(n) * unit, nil
	}
}

// isNegative tells a negative number from other text that is not a plain number.
func isNegative(raw string) bool {
	digits, minus := strings.CutPrefix(raw, "-")
	return minus && digits != "" && strings.Trim(digits, "0123456789") == ""
}

func unitName(unit time.Duration) string {
	if unit == time.Second {
		return "seconds"
	}
	return "milliseconds"
}

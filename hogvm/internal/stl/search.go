package stl

import (
	"strings"

	"github.com/hog-go/hog/hogvm/native"
	"github.com/hog-go/hog/hogvm/value"
)

// searches has what looks for one text inside another.
var searches = map[string]native.Entry{
	"startsWith":                    {Func: startsWith, Min: 2, Max: 2},
	"position":                      {Func: position, Min: 2, Max: 3},
	"positionCaseInsensitive":       {Func: positionFolded, Min: 2, Max: 3},
	"replaceOne":                    {Func: replaceOne, Min: 3, Max: 3},
	"replaceAll":                    {Func: replaceAll, Min: 3, Max: 3},
	"multiSearchAnyCaseInsensitive": {Func: multiSearch, Min: 2, Max: 2},
}

func startsWith(_ *native.Call, args []value.Value) (value.Value, error) {
	s, ok := args[0].AsString()
	prefix, okToo := args[1].AsString()
	return value.OfBool(ok && okToo && strings.HasPrefix(s, prefix)), nil
}

func position(c *native.Call, args []value.Value) (value.Value, error) {
	return positionOf(c, args, func(s string) string { return s })
}

func positionFolded(c *native.Call, args []value.Value) (value.Value, error) {
	return positionOf(c, args, lowered)
}

func positionOf(c *native.Call, args []value.Value, fold func(string) string) (value.Value, error) {
	s, isString := args[0].AsString()
	if !isString {
		return value.OfInt(0), nil
	}
	needle, err := textOf(c, args[1])
	if err != nil {
		return value.Value{}, err
	}
	s = fold(s)
	i := strings.Index(s, fold(needle))
	if i < 0 {
		return value.OfInt(0), nil
	}
	return value.OfInt(int64(countUnits(c, s[:i])) + 1), nil
}

// textOf returns v as the text in which, or for which, a function searches.
func textOf(c *native.Call, v value.Value) (string, error) {
	if s, ok := v.AsString(); ok {
		return s, nil
	}
	if c.IsNode() {
		return jsText(c, v)
	}
	b, err := appendString(c, nil, v)
	return string(b), err
}

// multiSearch tells, as 1 or 0, whether one of the needles is in the haystack, whatever their case.
func multiSearch(c *native.Call, args []value.Value) (value.Value, error) {
	needles, ok := list(c, args[1])
	if !ok || args[0].IsNull() {
		return value.OfInt(0), nil
	}
	haystack, err := textOf(c, args[0])
	if err != nil {
		return value.Value{}, err
	}
	haystack = lowered(haystack)
	for _, v := range needles.Peek() {
		needle, err := textOf(c, v)
		if err != nil {
			return value.Value{}, err
		}
		if strings.Contains(haystack, lowered(needle)) {
			return value.OfInt(1), nil
		}
	}
	return value.OfInt(0), nil
}

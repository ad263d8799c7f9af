package stl

import (
	"errors"
	"regexp/syntax"

	"github.com/hog-go/hog/hogvm/fault"
	"github.com/hog-go/hog/hogvm/internal/like"
	"github.com/hog-go/hog/hogvm/internal/regex"
	"github.com/hog-go/hog/hogvm/native"
	"github.com/hog-go/hog/hogvm/value"
)

var patterns = map[string]native.Entry{
	"like":         {Func: likeFunc(false, false), Min: 2, Max: 2},
	"ilike":        {Func: likeFunc(true, false), Min: 2, Max: 2},
	"notLike":      {Func: likeFunc(false, true), Min: 2, Max: 2},
	"notILike":     {Func: likeFunc(true, true), Min: 2, Max: 2},
	"match":        {Func: match, Min: 2, Max: 2},
	"extractRegex": {Func: extractRegex, Min: 2, Max: 2},
}

// likeFunc makes a function form of LIKE. Other than for the operator, the pattern may match anywhere in the text, a backslash is a character
// as any other, and % ends at a line break.
func likeFunc(fold, negate bool) native.Func {
	return func(c *native.Call, args []value.Value) (value.Value, error) {
		s, err := textArg(c, args[0])
		if err != nil {
			return value.Value{}, err
		}
		pattern, err := textArg(c, args[1])
		if err != nil {
			return value.Value{}, err
		}
		re, err := like.Search(pattern, fold)
		if err != nil {
			return value.Value{}, badRegex(pattern, err)
		}
		return value.OfBool(re.MatchString(s) != negate), nil
	}
}

// compile returns the pattern's matcher from the process-wide cache, or the error with which a program ends.
func compile(pattern string, fold bool) (*regex.Regex, error) {
	re, err := regex.Compile(pattern, fold)
	if err != nil {
		return nil, badRegex(pattern, err)
	}
	return re, nil
}

func badRegex(pattern string, err error) error {
	if detail, ok := errors.AsType[*syntax.Error](err); ok {
		err = detail // without the pattern, which the text has already
	}
	return fault.BadRegex(pattern, err.Error())
}

// match is false when the text or the pattern is falsy; anything else has a text to look at.
func match(_ *native.Call, args []value.Value) (value.Value, error) {
	if !args[0].Truthy() || !args[1].Truthy() {
		return value.OfBool(false), nil
	}
	s, err := scalarText(args[0])
	if err != nil {
		return value.Value{}, err
	}
	pattern, err := scalarText(args[1])
	if err != nil {
		return value.Value{}, err
	}
	re, err := compile(pattern, false)
	if err != nil {
		return value.Value{}, err
	}
	return value.OfBool(re.MatchString(s)), nil
}

func scalarText(v value.Value) (string, error) {
	if s, ok := v.AsString(); ok {
		return s, nil
	}
	b, err := value.AppendText(nil, v)
	return string(b), err
}

// extractRegex returns the first group of the first match, or the match if the pattern has no group. In R, whatever goes wrong makes it
// null.
func extractRegex(c *native.Call, args []value.Value) (value.Value, error) {
	if args[0].IsNull() || args[1].IsNull() {
		return value.OfString(""), nil
	}
	s, err := textArg(c, args[0])
	if err != nil {
		return orNull(c, err)
	}
	pattern, err := textArg(c, args[1])
	if err != nil {
		return orNull(c, err)
	}
	re, err := compile(pattern, false)
	if err != nil {
		return orNull(c, err)
	}
	if !re.MatchString(s) {
		return value.OfString(""), nil
	}
	return c.Heap.Text(firstGroup(re, s))
}

func orNull(c *native.Call, err error) (value.Value, error) {
	if c.IsNode() {
		return value.Value{}, err
	}
	return value.Value{}, nil
}

// firstGroup returns the first group of the first match in s, empty if it took no part; the match if there is no group.
func firstGroup(re *regex.Regex, s string) string {
	std := re.Std()
	if std.NumSubexp() == 0 {
		at := std.FindStringIndex(s)
		if at == nil {
			return ""
		}
		return s[at[0]:at[1]]
	}
	at := std.FindStringSubmatchIndex(s)
	if at == nil || at[2] < 0 {
		return ""
	}
	return s[at[2]:at[3]]
}

package stl

import (
	"github.com/hog-go/hog/hogvm/native"
	"github.com/hog-go/hog/hogvm/value"
)

// faults has the constructors of errors that a program can throw.
var faults = map[string]native.Entry{
	"HogError":            {Func: hogError, Min: 1, Max: 3},
	"Error":               {Func: namedError, Min: 0, Max: 2},
	"RetryError":          {Func: namedError, Min: 0, Max: 2},
	"NotImplementedError": {Func: namedError, Min: 0, Max: 2},
}

func hogError(c *native.Call, args []value.Value) (value.Value, error) {
	return newError(c, args[0], optional(args, 1), optional(args, 2))
}

// namedError makes an error whose type is the name of the function.
func namedError(c *native.Call, args []value.Value) (value.Value, error) {
	return newError(c, value.OfString(c.Name), optional(args, 0), optional(args, 1))
}

func newError(c *native.Call, kind, message, payload value.Value) (value.Value, error) {
	kind, err := textOr(c, kind, "Error")
	if err != nil {
		return value.Value{}, err
	}
	if message, err = textOr(c, message, "An error occurred"); err != nil {
		return value.Value{}, err
	}
	o := value.NewObject(4)
	o.Set(value.ErrorKey, value.OfBool(true))
	o.Set("type", kind)
	o.Set("message", message)
	if !payload.IsNull() {
		o.Set("payload", payload)
	}
	return c.Heap.Object(o)
}

// textOr returns v as text, or a default if v is falsy.
func textOr(c *native.Call, v value.Value, otherwise string) (value.Value, error) {
	if !v.Truthy() {
		return value.OfString(otherwise), nil
	}
	return toString(c, []value.Value{v})
}

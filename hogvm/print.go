package hogvm

import (
	"github.com/hog-go/hog/hogvm/native"
	"github.com/hog-go/hog/hogvm/value"
)

// printLine is print: its arguments joined by blanks, a text as it is and everything else as the language writes it.
func printLine(c *native.Call, args []value.Value) (value.Value, error) {
	if c.Print == nil {
		return value.Value{}, nil
	}
	var line []byte
	for i, arg := range args {
		if i > 0 {
			line = append(line, ' ')
		}
		var err error
		if s, ok := arg.AsString(); ok {
			line = append(line, s...)
		} else if line, err = value.AppendPrint(line, arg, c.Heap.Left()); err != nil {
			return value.Value{}, err
		}
	}
	c.Print(string(line))
	return value.Value{}, nil
}

package hogvm

import (
	"strings"

	"github.com/hog-go/hog/hogvm/fault"
	"github.com/hog-go/hog/hogvm/value"
)

// Failure is how a run failed, and where.
type Failure struct {
	Err   error // a *fault.Error, or what a host function returned
	Chunk string
	IP    int // element of the chunk's bytecode, header included, whose instruction failed
	Steps int // instructions executed, the failing one included
	Stack []value.Value
	// Thrown is what the program threw and nothing caught; nil if it failed otherwise.
	Thrown *Thrown
}

// Thrown is an error that a program threw.
type Thrown struct {
	Type, Message string
	Payload       value.Value
}

// Error returns the text of the cause alone, since that is what callers store and match.
func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Err }

// Kind tells the cause's kind.
func (f *Failure) Kind() fault.Kind { return fault.KindOf(f.Err) }

// Error is the Node profile's text of an exception, and the printed form of the value.
func (t *Thrown) Error() string {
	return t.Type + "('" + strings.ReplaceAll(t.Message, "'", `\'`) + "')"
}

// Package native is what a function written in Go sees of the machine that calls it.
//
// A native function gets evaluated arguments and returns a value. It can not call back into the program, suspend it, or see its stack:
// functions that take a lambda are written in Hog.
package native

import (
	"time"

	"github.com/hog-go/hog/hogvm/value"
)

// Profile says whose behaviour a machine has where PostHog's implementations differ.
type Profile uint8

// The profiles.
const (
	Rust Profile = iota // rust/common/hogvm
	Node                // npm @posthog/hogvm
)

// Func is a native function. args are in the order of the source and belong to the machine: a function may keep the values, not the slice.
//
// What a function makes it makes through c.Heap, so that it is counted. Its errors are made by package fault; any other error reaches the
// caller with its own text.
type Func func(c *Call, args []value.Value) (value.Value, error)

// Entry is a function and how many arguments it takes; the machine checks that before it calls.
type Entry struct {
	Func Func
	Min  int
	Max  int // Unbounded for no limit
}

// Unbounded as an Entry's Max lets a function take any number of arguments.
const Unbounded = -1

// Call is one machine as a native function sees it. It is valid during the call.
type Call struct {
	Heap    value.Heap
	Profile Profile
	// Coerce is on when comparisons bring different types together.
	Coerce bool
	// Name is the function's name as the program called it.
	Name string
	// Print receives lines of output; nil drops them.
	Print func(line string)
	// Clock returns the time; nil means time.Now.
	Clock func() time.Time
}

// Now returns the machine's time.
func (c *Call) Now() time.Time {
	if c.Clock == nil {
		return time.Now()
	}
	return c.Clock()
}

// IsNode tells whether the machine follows the Node profile.
func (c *Call) IsNode() bool { return c.Profile == Node }

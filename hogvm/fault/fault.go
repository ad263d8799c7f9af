// Package fault is the vocabulary of what can go wrong in a Hog program.
//
// The texts are part of the language: they are stored in rules that they disable, shown to users and matched on by prefix, so they are
// made here, in one place, word for word as PostHog's Rust VM makes them. Kind is for programs that want to tell them apart.
package fault

import (
	"errors"
	"strconv"
	"time"
)

// Kind groups the errors of a run by cause. Its text is what tests and metrics call it.
type Kind uint8

// The kinds, in the order in which a run can meet them.
const (
	Other           Kind = iota // text of a host function, as it is
	InvalidProgram              // no marker, bad version
	BadOpcode                   // a number that is no opcode, or a token that is no number
	EndOfProgram                // an operand is missing
	Type                        // a value or operand of the wrong type
	Coerce                      // two types that no rule brings together
	Number                      // text that is no number, or a number that JSON has no text for
	StackUnderflow              // a frame took more than it had
	StackOverflow               // the operand stack or the call stack is full
	StackIndex                  // a local slot that does not exist
	UnknownGlobal               // neither global nor function
	UnknownFunction             // no function of that name
	UnknownSymbol               // no chunk of that name
	Arity                       // a native function with too few or too many arguments
	NotEnoughArgs               // fewer values on the stack than the call takes
	TooManyArgs                 // more arguments than a Hog function declares
	Division                    // integer divided by integer zero
	Overflow                    // jump or slot arithmetic
	InvalidIndex                // array index 0, or one that is no integer
	IndexRange                  // write beyond the end of an array
	ExpectedObject              // write to something that has no properties
	PopTry                      // no handler to drop
	BadThrow                    // thrown value is no error
	Uncaught                    // thrown, and no handler
	Regex                       // pattern does not compile
	Native                      // failure inside a native function
	Resource                    // steps, heap, time, nesting, suspensions
	Capture                     // upvalue that does not exist
	Call                        // malformed call or closure
	NotImplemented              // what the VM refuses by design
	InvalidState                // a suspended state that can not be resumed
)

var kindNames = [...]string{
	"other", "invalid_program", "bad_opcode", "end_of_program", "type", "coerce", "number", "stack_underflow", "stack_overflow",
	"stack_index", "unknown_global", "unknown_function", "unknown_symbol", "arity", "not_enough_args", "too_many_args", "division",
	"overflow", "invalid_index", "index_range", "expected_object", "pop_try", "bad_throw", "uncaught", "regex", "native", "resource",
	"capture", "call", "not_implemented", "invalid_state",
}

// String returns the kind in snake case, for labels and test tables.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "kind " + strconv.Itoa(int(k))
}

// Error is one failure: a kind for programs and a text for people.
type Error struct {
	Kind Kind
	Text string
}

// Error returns the text alone.
func (e *Error) Error() string { return e.Text }

// New makes an error of kind k with the given text.
func New(k Kind, text string) *Error { return &Error{Kind: k, Text: text} }

// KindOf returns the kind of the first *Error in err's chain, Other if there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Other
}

// WrongType says that a value of type got stood where a value of type want was needed.
func WrongType(got, want string) *Error {
	return New(Type, "Invalid value of type "+got+", expected "+want)
}

// NoCoercion says that no rule compares values of types a and b.
func NoCoercion(a, b string) *Error {
	return New(Coerce, "Cannot coerce types "+a+" and "+b)
}

// NotANumber says that text, met where a number was needed, is none.
func NotANumber(text string) *Error { return New(Number, "Invalid number "+text) }

// Failed says that a native function failed; detail is its own account.
func Failed(detail string) *Error { return New(Native, "Native call failed: "+detail) }

// OutOf says that a limit was reached: "steps", "Heap Memory", "async steps (5)", a depth.
func OutOf(resource string) *Error { return New(Resource, "Out of resource: "+resource) }

// Heap is the error of a program that has used up its memory.
func Heap() *Error { return OutOf("Heap Memory") }

// TooFew says that function name takes at least n arguments. The word is always in the plural, as in all three VMs.
func TooFew(name string, n int) *Error {
	return New(Arity, "Function "+name+" requires at least "+strconv.Itoa(n)+" arguments")
}

// TooMany says that function name takes at most n arguments.
func TooMany(name string, n int) *Error {
	return New(Arity, "Function "+name+" requires at most "+strconv.Itoa(n)+" arguments")
}

// BadIndex says that a value used as an index is none: arrays start at 1.
func BadIndex() *Error {
	return New(InvalidIndex, "Invalid index, expected positive, non-zero integer")
}

// BadRegex says that pattern does not compile.
func BadRegex(pattern, detail string) *Error {
	return New(Regex, "Invalid regex "+pattern+": "+detail)
}

// EndAt says that bytecode ends where an operand should be; at counts its elements without the header.
func EndAt(at int) *Error {
	return New(EndOfProgram, "Unexpected end of program at address "+strconv.Itoa(at))
}

// TimedOut says that a run took longer than limit; steps is what it got done.
func TimedOut(limit time.Duration, steps int) *Error {
	seconds := strconv.FormatFloat(limit.Seconds(), 'f', -1, 64)
	return New(Resource, "Execution timed out after "+seconds+" seconds. Performed "+strconv.Itoa(steps)+" ops.")
}

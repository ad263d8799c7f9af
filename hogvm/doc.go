// Package hogvm runs Hog, the language of PostHog's filters, rules and transformations, from the bytecode that the main app compiles.
//
// A [VM] has the functions and limits; it is made once. [VM.Load] decodes a [Program], once; it never changes and any number of goroutines
// may run it, each time over other [Globals]. A [Set] is many programs over the same events. A [Thread] is one run at a time with its memory
// kept between runs; it can also step, and suspend at an async function and resume in another process.
//
//	bytecode ──Load──▶ Program ──Run(Globals)──▶ value.Value, or a *Failure
//	                      └──Start──▶ Call{function, args, state} ──▶ the host does it ──▶ Resume ──▶ …
//
// # Which VM
//
// PostHog has three implementations of Hog, which differ in places. The [Rust] profile, the default, does what rust/common/hogvm does, to the
// text of its errors; the [Node] profile what npm @posthog/hogvm 1.0.71 does. Where one of them lacks something (imports, functions of the
// legacy form, closures that keep their variables after a return, handlers that end with their function) both profiles have it.
//
// # How a program runs
//
// There are three engines, and a host can not tell which one ran except by the clock: results, errors, positions, steps and bytes are the same.
//
//   - The switch (engine.go) is the one that is always right. It executes instructions that internal/code decoded into an array with the
//     positions of the bytecode, so that jumps, states and errors need no translation. In a second array runs of instructions that often stand
//     together are fused into one, which does the usual case and leaves anything else to the instructions that it replaces; it costs as many
//     steps as they do. When fewer steps are left, they are executed one by one.
//   - Expressions (expr.go) are programs, and bodies of short functions, without jumps and variables: filters. They are evaluated as a tree,
//     with patterns compiled ahead, and give up on anything unusual, upon which the switch runs the program from its beginning. AND and OR
//     evaluate all their operands by the rules of the language, and any of them may fail; a part is left out only when it can not.
//   - Loops (loop.go) are arrayMap and its siblings over functions that are expressions: whole rounds without frames.
//
// # Globals
//
// A program may write to what it read, and never changes the globals: containers are copied when they are written to, not before (see package
// value). [RawGlobals] is the JSON text of an event. It is scanned once, for all paths that a program or set reads, and checked to be JSON to
// its end; what nobody reads is never decoded. Texts of such an event are pieces of its memory, results are copies.
//
// # Limits
//
// A run ends with an error when it would pass its limits: steps (exact), bytes ever made (what is counted is in value.Heap; scalars in variables
// and the stack itself, 16 bytes a value, are not), depth of the stack and of calls (what is fused or an expression needs less of it than its
// instructions, and may get a few values further), nesting of JSON, time, suspensions. Comparing and copying
// containers that share their parts is bounded, too. Bytecode and states may come from anywhere: no input makes the machine panic.
package hogvm

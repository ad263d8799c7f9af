// Package limiter decides, from memory alone, which events are dropped or sent on a slower lane: projects over their quota (Quota),
// keys that an operator drops (TokenDropper), keys that are listed or too fast for their partition (Overflow), keys of which all
// processes together take too much (Global).
//
// All of them fail open: what is not known to be limited passes. Lookups never wait for I/O, and do not allocate.
package limiter

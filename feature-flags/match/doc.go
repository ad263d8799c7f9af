// Package match decides feature flags. It does no I/O: definitions are compiled once into a [Set], a request and what was read for it go
// in, results come out.
//
//	set, err := match.Compile(document, cohorts, match.Options{Location: teamZone})
//
//	e := set.Begin(&request)            // which flags are asked for, what the request says about the person
//	defer e.End()
//	if e.UsesGroups() {
//		e.SetGroupTypes(types)      // the project's group types, from a cache of the caller
//	}
//	needs := e.Needs()                  // what the caller has to read: person, groups, cohorts, override rows
//	results := e.Run(&data, results[:0])
//
// A Set is immutable and safe for concurrent use. An Evaluation belongs to one goroutine, and keeps the strings and bytes it was given
// only until End; results stay valid for as long as their Set.
//
// # Model
//
// Every property name that a definition mentions has a slot, one range of slots for the person and one for each group type. A request
// fills its slots once, in the order overrides, stored properties, derived properties; a slot that is filled is left alone. Every distinct
// combination of slot, operator and operand is one predicate, whose outcome is kept for the rest of the evaluation, so that a hundred
// flags that ask for the same e-mail domain compare it once. Rollouts and variant weights are thresholds on the 60-bit hash, found at load
// such that they decide exactly as the division of two float64 would.
//
// # Outcomes
//
// A predicate is met, not met, in error (a number was wanted, a regular expression ran out of time), or unknown (the property should have
// been read and was not). In flags of config version 1 the last three are the same. In those of version 2 an error or an unknown fails
// the flag.
//
// The rules are those of PostHog's rust/feature-flags; the hash is the one all its SDKs share.
package match

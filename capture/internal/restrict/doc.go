// Package restrict applies the restrictions that staff of the main app put on single projects: events that match a rule
// are dropped, sent to another topic, or lose person processing. Source: PostHog's rust/capture/src/event_restrictions.
//
// The rules are in Redis, one array of JSON for each kind. Restrictions reads them in the background and keeps them as one
// immutable snapshot, so that a request takes the rules of its project with a pointer and a map lookup, and most find none.
//
// It fails open, in two steps. What cannot be read leaves the last rules in force, until they are older than FailOpenAfter;
// then, and before the first reading, there are none. A kind that can be read but not parsed has no rules at once, and does
// not hold up the others.
package restrict

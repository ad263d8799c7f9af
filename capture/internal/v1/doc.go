// Package v1 holds the rules of the v1 endpoints: what their headers must say, when an event is dropped, and how the
// outcome of each event is told. Unlike v0, one bad event never costs the others: it is dropped with a reason, and only
// a batch that cannot be told apart (bad headers, JSON, uuids) is refused whole. Source: PostHog's rust/capture/src/v1.
package v1

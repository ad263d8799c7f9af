// Package featureflags answers which value each feature flag has for a person. It is a drop-in replacement for PostHog's
// rust/feature-flags.
//
//	POST /flags ─▶ limits ─▶ decode ─▶ team ─▶ quota ─▶ cookieless id ─▶ flags ─▶ what they need: person, groups, cohorts, overrides
//	                                                                        ─▶ match ─▶ count for billing ─▶ client configuration ─▶ answer
//
// Definitions come from caches that the main app fills, and from its tables where those have nothing. The matching itself is package
// match, which does no I/O.
//
// # Failures
//
// As much as possible is answered with 200. A flag whose data cannot be read fails alone, with the reason, and errorsWhileComputingFlags
// tells clients to keep the value that they have. Only where nothing at all can be said is the answer an error: the token cannot be
// checked, or the definitions are nowhere to be had. All that the service waits for has a time limit, and nothing that fails once is
// remembered: everything recovers without a restart. An outage is never taken for "no such team".
package featureflags

// Package app runs the components of a process and ends them in order.
//
// A component is a function that works until its context ends. They start in the order in which they were added and stop in reverse, so a
// service adds what others rely on first: producers and pools, then workers, then the HTTP server. Each has a context of its own, for one
// shared context would stop the producers at the same moment as the intake that still needs them.
//
//	             ctx ends, a component fails or ends, a health check stalls, the pre-stop file appears
//	starting ──▶ running ────────────────────────────────────────────────────────────────────────────▶ stopping ──▶ stopped
//	not ready    ready when all conditions are met                                                     not ready
//
// While stopping, one component at a time: its context ends, then it has its own StopTimeout, within the ShutdownTimeout of all. A
// component that outlasts its time is left behind. How each ended is a metric and a log line, and the first failure is what Run returns.
//
// The lifecycle follows PostHog's rust/common/lifecycle: same triggers, metrics and log lines. Apps nest: an App's Run may be a component
// of another App, and only [Main] listens to signals.
package app

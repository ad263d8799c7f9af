package app

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// State is the condition of a health check.
type State string

// A check starts as starting, and moves between the others as it reports and as time passes.
const (
	StateStarting  State = "starting"  // has not reported yet
	StateHealthy   State = "healthy"   // has reported within its deadline
	StateUnhealthy State = "unhealthy" // has said so itself
	StateStalled   State = "stalled"   // its last report is too old
)

// Health is a registry of checks. The zero value is ready for use, by several goroutines.
type Health struct {
	mu     sync.Mutex
	checks []*Check
}

// Check is the health of one part, reported by that part. Its methods may be called by several goroutines.
type Check struct {
	name     string
	deadline time.Duration

	mu     sync.Mutex
	state  State     // never StateStalled, which is a matter of the time asked about
	until  time.Time // end of health after Healthy
	reason string    // after Unhealthy
}

// Register adds a check. Each Healthy is good for the time of deadline; 0 makes the check advisory: it never stalls, and Run does not act
// on it.
func (h *Health) Register(name string, deadline time.Duration) *Check {
	c := &Check{name: name, deadline: deadline, state: StateStarting}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks = append(h.checks, c)
	return c
}

// Healthy reports that the part works.
func (c *Check) Healthy() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state, c.until, c.reason = StateHealthy, time.Now().Add(c.deadline), ""
}

// Unhealthy reports that the part does not work, until the next Healthy.
func (c *Check) Unhealthy(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state, c.reason = StateUnhealthy, reason
}

// CheckStatus is a check at one moment.
type CheckStatus struct {
	Name   string
	State  State
	Reason string // why it is unhealthy, or for how long it has been stalled
}

func (s CheckStatus) String() string {
	if s.Reason == "" {
		return fmt.Sprintf("%s: %s", s.Name, s.State)
	}
	return fmt.Sprintf("%s: %s: %s", s.Name, s.State, s.Reason)
}

// status looks at the check at the time now. At the very end of its deadline it is stalled.
func (c *Check) status(now time.Time) CheckStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == StateHealthy && c.deadline > 0 && !now.Before(c.until) {
		return CheckStatus{c.name, StateStalled, fmt.Sprintf("no report for %s", now.Sub(c.until.Add(-c.deadline)).Round(time.Second))}
	}
	return CheckStatus{c.name, c.state, c.reason}
}

// Status is the health of all checks at one moment.
type Status struct {
	Healthy bool // there are checks, and each is healthy
	Checks  []CheckStatus
}

// String has a line per check.
func (s Status) String() string {
	if len(s.Checks) == 0 {
		return "no health check is registered"
	}
	lines := make([]string, len(s.Checks))
	for i, c := range s.Checks {
		lines[i] = c.String()
	}
	return strings.Join(lines, "\n")
}

// Status looks at all checks at the time now.
func (h *Health) Status(now time.Time) Status {
	checks := h.all()
	s := Status{Healthy: len(checks) > 0}
	for _, c := range checks {
		status := c.status(now)
		s.Checks = append(s.Checks, status)
		s.Healthy = s.Healthy && status.State == StateHealthy
	}
	return s
}

// Live has the form of a probe: whether all is healthy now, and a line per check. Services whose liveness follows their checks serve it.
func (h *Health) Live() (ok bool, detail string) {
	s := h.Status(time.Now())
	return s.Healthy, s.String()
}

// all returns the checks registered so far; the slice is only ever appended to.
func (h *Health) all() []*Check {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.checks
}

// monitor turns checks that stay bad into a shutdown.
type monitor struct {
	health    *Health
	threshold int // bad polls in a row
	service   string
	healthy   *prometheus.GaugeVec
	bad       map[*Check]int // how many so far
}

// poll counts for each check how often in a row it was found bad, and returns the shutdown if one has reached the threshold. Checks that
// have never reported are left out: what has not begun cannot have stalled.
func (m *monitor) poll(now time.Time) *Shutdown {
	var cause *Shutdown
	bad := make(map[*Check]int)
	for _, c := range m.health.all() {
		status := c.status(now)
		switch status.State {
		case StateStarting:
			continue
		case StateHealthy:
			m.healthy.WithLabelValues(m.service, c.name).Set(1)
			continue
		}
		m.healthy.WithLabelValues(m.service, c.name).Set(0)
		if c.deadline <= 0 {
			continue
		}
		bad[c] = m.bad[c] + 1
		if bad[c] >= m.threshold && cause == nil {
			cause = &Shutdown{Component: c.name, Reason: ReasonFailure, Err: fmt.Errorf("health check %s (stall count %d/%d): %s",
				status.State, bad[c], m.threshold, status.Reason)}
		}
	}
	m.bad = bad
	return cause
}

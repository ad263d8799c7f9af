package app

import (
	"fmt"
	"strings"
)

// condition is one thing that readiness waits for.
type condition struct {
	name string
	met  func() (bool, string)
}

// ReadyWhen makes readiness depend on cond too. It is asked on every probe, so it must answer from memory; its text says why it is not
// met. Another App's Ready fits.
func (a *App) ReadyWhen(name string, cond func() (ok bool, detail string)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.conditions = append(a.conditions, condition{name, cond})
}

// Ready tells whether the App may get traffic: it runs, no shutdown has begun, and all conditions are met. The detail has a line per
// condition and says what is wrong.
func (a *App) Ready() (ok bool, detail string) {
	if s := a.shutdown.Load(); s != nil {
		return false, fmt.Sprintf("shutting down: %s (%s)", s.Reason, s.Component)
	}
	if !a.started.Load() {
		return false, "starting"
	}
	a.mu.Lock()
	conditions := a.conditions // only ever appended to
	a.mu.Unlock()
	ok = true
	lines := make([]string, len(conditions))
	for i, c := range conditions {
		met, detail := c.met()
		word := "ok"
		if !met {
			ok, word = false, "not ready"
		}
		if detail != "" && detail != word {
			word += ": " + strings.ReplaceAll(detail, "\n", "\n  ")
		}
		lines[i] = c.name + ": " + word
	}
	if len(lines) == 0 {
		return true, "ok"
	}
	return ok, strings.Join(lines, "\n")
}

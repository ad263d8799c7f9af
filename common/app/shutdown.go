package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// ErrStop is what a component returns to stop its App without a failure.
var ErrStop = errors.New("stop requested")

var errAllFinished = errors.New("all components have finished")

// Reason is the kind of event that began a shutdown; it is a metric label.
type Reason string

// The reasons of PostHog's rust/common/lifecycle.
const (
	ReasonSignal    Reason = "signal"    // SIGINT or SIGTERM
	ReasonPreStop   Reason = "prestop"   // the pre-stop file appeared
	ReasonFailure   Reason = "failure"   // a component returned an error, or its health check stalled
	ReasonRequested Reason = "requested" // a component returned ErrStop, or Run's context ended for another reason
	ReasonDied      Reason = "died"      // a component panicked, or returned though nobody had asked it to
)

// external is the component label of a shutdown that no component began.
const external = "external"

// DefaultPreStopFile is the file that a container's pre-stop hook creates.
const DefaultPreStopFile = "/tmp/shutdown"

// Shutdown tells who began a shutdown and why. It is the cause (context.Cause) of the contexts that end by it.
type Shutdown struct {
	Component string // its name, or "external"
	Reason    Reason
	Err       error // the failure, or what happened
}

func (s *Shutdown) Error() string {
	return fmt.Sprintf("shutdown by %s (%s): %v", s.Component, s.Reason, s.Err)
}

// Unwrap returns Err.
func (s *Shutdown) Unwrap() error { return s.Err }

// failure returns the error that Run owes its caller for this shutdown.
func (s *Shutdown) failure() error {
	switch s.Reason {
	case ReasonFailure, ReasonDied:
		return fmt.Errorf("%s: %w", s.Component, s.Err)
	default:
		return nil
	}
}

// askedBy tells why ctx ended. The signal that an outer App has passed on is still a signal; the failure of a component there is no
// failure here.
func askedBy(ctx context.Context) *Shutdown {
	cause := context.Cause(ctx)
	reason := ReasonRequested
	if outer, ok := errors.AsType[*Shutdown](cause); ok && outer.failure() == nil {
		reason, cause = outer.Reason, outer.Err
	}
	return &Shutdown{Component: external, Reason: reason, Err: cause}
}

func preStop(file string) *Shutdown {
	return &Shutdown{Component: external, Reason: ReasonPreStop, Err: fmt.Errorf("%s appeared", file)}
}

// appeared tells whether file has been written since then, give or take a second, as file systems keep time coarsely. One left behind by
// an earlier run must not stop every later one.
func appeared(file string, since time.Time) bool {
	if file == "" {
		return false
	}
	info, err := os.Stat(file)
	return err == nil && !info.ModTime().Before(since.Truncate(time.Second))
}

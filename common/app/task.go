package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"
)

// errEarlyEnd is what a component died of when it just returned.
var errEarlyEnd = errors.New("ended though nobody asked it to")

// panicError is what a component died of when it panicked.
type panicError struct{ value any }

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// task is one run of a component.
type task struct {
	Component
	ctx    context.Context // ends by cancel alone; here because the task is its one owner
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when Run has ended
	err    error         // what Run ended with; read only after done
}

// run is the goroutine of the component.
func (t *task) run(log *slog.Logger) {
	defer close(t.done)
	t.err = errEarlyEnd // stands if the component leaves by runtime.Goexit
	defer func() {
		if p := recover(); p != nil {
			t.err = &panicError{p}
			log.ErrorContext(t.ctx, "Lifecycle: component panicked", "name", t.Name, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	t.err = t.Run(t.ctx)
	if t.ctx.Err() != nil && (errors.Is(t.err, context.Canceled) || errors.Is(t.err, context.Cause(t.ctx))) {
		t.err = nil // it says that it was asked to stop, which is true
	}
}

// endedEarly judges a component that ended while nobody had asked it to; nil if it may.
func (t *task) endedEarly() *Shutdown {
	_, panicked := errors.AsType[*panicError](t.err)
	switch {
	case t.err == nil && t.MayFinish:
		return nil
	case t.err == nil:
		return &Shutdown{Component: t.Name, Reason: ReasonDied, Err: errEarlyEnd}
	case errors.Is(t.err, ErrStop):
		return &Shutdown{Component: t.Name, Reason: ReasonRequested, Err: t.err}
	case panicked, errors.Is(t.err, errEarlyEnd):
		return &Shutdown{Component: t.Name, Reason: ReasonDied, Err: t.err}
	default:
		return &Shutdown{Component: t.Name, Reason: ReasonFailure, Err: t.err}
	}
}

// outcome is how a component ended; it is a metric label.
type outcome string

const (
	completed outcome = "completed"
	timedOut  outcome = "timeout"
	died      outcome = "died"
)

type result struct {
	outcome outcome
	took    time.Duration // from being asked to stop
	err     error         // nil when completed
}

// stop asks the component to end and waits for it, for its own time within the budget of all.
func (t *task) stop(budget context.Context, cause *Shutdown) result {
	begun := time.Now()
	t.cancel(cause)
	if t.StopTimeout > 0 {
		var cancel context.CancelFunc
		budget, cancel = context.WithTimeout(budget, t.StopTimeout)
		defer cancel()
	}
	select {
	case <-t.done:
	case <-budget.Done():
	}
	if t.hasEnded() { // at the last moment is in time
		return t.result(begun, cause)
	}
	took := time.Since(begun)
	return result{timedOut, took, fmt.Errorf("%s: still running %s after it was asked to stop", t.Name, took.Round(time.Millisecond))}
}

// result judges a component that has ended in the course of the shutdown that cause began.
func (t *task) result(begun time.Time, cause *Shutdown) result {
	took, err := time.Since(begun), t.err
	if cause.Reason == ReasonDied && cause.Component == t.Name {
		err = cause.Err // it may have returned nil, too early
	}
	if err == nil || errors.Is(err, ErrStop) {
		return result{completed, took, nil}
	}
	return result{died, took, fmt.Errorf("%s: %w", t.Name, err)}
}

func (t *task) hasEnded() bool {
	select {
	case <-t.done:
		return true
	default:
		return false
	}
}

package app

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	healthPoll  = 5 * time.Second // between two looks at the health checks
	preStopPoll = time.Second     // between two looks for the pre-stop file
)

// Component is one part of a process.
type Component struct {
	Name string
	// Run works until ctx ends, then lets go of what it holds and returns nil. An error, a panic, or a nil before ctx has ended stops
	// the whole App; [ErrStop] stops it without being a failure. The cause of ctx is a *[Shutdown].
	Run func(ctx context.Context) error
	// StopTimeout bounds the time from the end of ctx to the return of Run; 0 leaves what remains of the App's ShutdownTimeout.
	StopTimeout time.Duration
	// MayFinish makes an early nil the normal end of this component alone. When all have finished, so has the App.
	MayFinish bool
}

// Options tune an App; the zero value is usable.
type Options struct {
	Name            string                // the service_name label; default "app"
	Log             *slog.Logger          // nil discards
	Registerer      prometheus.Registerer // for the lifecycle metrics; nil leaves them unregistered
	ShutdownTimeout time.Duration         // for all components together; default 60s
	// PreStopFile starts the shutdown when it appears; "" turns this off. Under [Main], or inside another App, leave it off: the
	// outermost one looks for the file.
	PreStopFile string
	// StallThreshold is how many polls in a row, 5 s apart, a health check must fail before the App stops; default 1.
	StallThreshold int
}

// App is a set of components with one life. Make it with New, Add to it, then call Run once.
type App struct {
	o          Options
	log        *slog.Logger
	components []Component
	health     Health
	m          *lifecycleMetrics

	started  atomic.Bool
	shutdown atomic.Pointer[Shutdown] // nil until it begins

	mu         sync.Mutex
	conditions []condition
}

// New returns an App without components.
func New(o Options) *App {
	o.Name = cmp.Or(o.Name, "app")
	o.ShutdownTimeout = cmp.Or(o.ShutdownTimeout, 60*time.Second)
	o.StallThreshold = max(o.StallThreshold, 1)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &App{o: o, log: o.Log.With("component", "lifecycle", "service_name", o.Name), m: newLifecycleMetrics(o.Registerer)}
}

// Add appends components. It panics on one without a name or a function, and after Run was called.
func (a *App) Add(components ...Component) {
	if a.started.Load() {
		panic("app: Add after Run")
	}
	for _, c := range components {
		if c.Name == "" || c.Run == nil {
			panic(fmt.Sprintf("app: component %q needs a name and a function", c.Name))
		}
	}
	a.components = append(a.components, components...)
}

// Health returns the registry of health checks; Run watches those that have reported at least once.
func (a *App) Health() *Health { return &a.health }

// Run starts the components and returns when they have ended: after ctx has ended, or a component has failed, or all have finished. The
// error is the first failure; ctx's end is none. An App without components waits for ctx. An App runs once.
func (a *App) Run(ctx context.Context) error {
	if a.started.Swap(true) {
		panic("app: Run called twice")
	}
	ended := make(chan *task, len(a.components)) // each is sent once, so that nobody ever waits to send
	tasks := a.start(ctx, ended)
	return a.stop(ctx, tasks, a.await(ctx, ended))
}

// start gives each component a goroutine and a context that keeps the values of ctx but not its end, which comes in order.
func (a *App) start(ctx context.Context, ended chan<- *task) []*task {
	tasks := make([]*task, len(a.components))
	for i, c := range a.components {
		t := &task{Component: c, done: make(chan struct{})}
		t.ctx, t.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
		tasks[i] = t
		go func() {
			defer func() { ended <- t }()
			t.run(a.log)
		}()
	}
	return tasks
}

// await returns what ends the run.
func (a *App) await(ctx context.Context, ended <-chan *task) *Shutdown {
	health := monitor{health: &a.health, threshold: a.o.StallThreshold, service: a.o.Name, healthy: a.m.healthy}
	poll, look := time.NewTicker(healthPoll), time.NewTicker(preStopPoll)
	defer poll.Stop()
	defer look.Stop()

	for started, left := time.Now(), cap(ended); ; {
		select {
		case <-ctx.Done():
			return askedBy(ctx)
		case t := <-ended:
			if cause := t.endedEarly(); cause != nil {
				return cause
			}
			if left--; left == 0 {
				return &Shutdown{Component: external, Reason: ReasonRequested, Err: errAllFinished}
			}
		case now := <-poll.C:
			if cause := health.poll(now); cause != nil {
				return cause
			}
		case <-look.C:
			if appeared(a.o.PreStopFile, started) {
				return preStop(a.o.PreStopFile)
			}
		}
	}
}

// stop ends the tasks in reverse order and returns the first failure.
func (a *App) stop(ctx context.Context, tasks []*task, cause *Shutdown) error {
	a.shutdown.Store(cause) // from here on not ready
	begun := time.Now()
	a.m.initiated.WithLabelValues(a.o.Name, cause.Component, string(cause.Reason)).Inc()
	a.log.InfoContext(ctx, "Lifecycle: shutdown initiated", "trigger_component", cause.Component, "trigger_reason", cause.Reason, "err", cause.Err)

	budget, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.o.ShutdownTimeout)
	defer cancel()
	failures := []error{cause.failure()}
	clean := true
	for i, t := range slices.Backward(tasks) {
		result := t.stop(budget, cause)
		if result.outcome == timedOut && budget.Err() != nil {
			failures = append(failures, a.giveUp(ctx, tasks[:i+1], cause))
			return first(failures)
		}
		a.record(ctx, t, result)
		clean = clean && result.outcome == completed
		failures = append(failures, result.err)
	}
	a.m.finished.WithLabelValues(a.o.Name, fmt.Sprint(clean)).Inc()
	a.log.InfoContext(ctx, "Lifecycle: shutdown complete", "clean", clean, "duration", time.Since(begun))
	return first(failures)
}

// giveUp is the end of the global budget: those who still run are told to stop, and nobody waits for them.
func (a *App) giveUp(ctx context.Context, tasks []*task, cause *Shutdown) error {
	var running []string
	for _, t := range slices.Backward(tasks) {
		t.cancel(cause)
		r := result{outcome: timedOut, took: a.o.ShutdownTimeout}
		if t.hasEnded() {
			r = t.result(time.Now(), cause)
		} else {
			running = append(running, t.Name)
		}
		a.record(ctx, t, r)
	}
	a.log.ErrorContext(ctx, "Lifecycle: global shutdown timeout reached", "timeout", a.o.ShutdownTimeout, "running", running)
	return fmt.Errorf("shutdown of %s took more than %s: still running: %v", a.o.Name, a.o.ShutdownTimeout, running)
}

func (a *App) record(ctx context.Context, t *task, r result) {
	a.m.results.WithLabelValues(a.o.Name, t.Name, string(r.outcome)).Inc()
	a.m.seconds.WithLabelValues(a.o.Name, t.Name, string(r.outcome)).Observe(r.took.Seconds())
	if r.outcome == completed {
		a.log.InfoContext(ctx, "Lifecycle: component completed shutdown", "name", t.Name, "duration", r.took)
	} else {
		a.log.WarnContext(ctx, "Lifecycle: component did not complete shutdown", "name", t.Name, "result", r.outcome, "duration", r.took, "err", r.err)
	}
}

// first returns the first error that is one.
func first(errs []error) error {
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return errs[i]
	}
	return nil
}

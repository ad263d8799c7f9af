package app_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hog-go/hog/common/app"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bundle is an App called "svc" with what it writes to.
type bundle struct {
	*app.App
	reg *prometheus.Registry
	log *bytes.Buffer // to be read when Run has returned
}

func setup(t *testing.T, o app.Options) bundle {
	t.Helper()
	b := bundle{reg: prometheus.NewRegistry(), log: new(bytes.Buffer)}
	o.Name, o.Registerer = "svc", b.reg
	o.Log = slog.New(slog.NewTextHandler(b.log, nil))
	b.App = app.New(o)
	return b
}

// metric compares the samples of one metric family, in text form, without its comments.
func (b bundle) metric(t *testing.T, name, kind, want string) {
	t.Helper()
	families, err := b.reg.Gather()
	require.NoError(t, err)
	help := ""
	for _, f := range families {
		if f.GetName() == name {
			help = "# HELP " + name + " " + f.GetHelp() + "\n# TYPE " + name + " " + kind + "\n"
		}
	}
	require.NoError(t, testutil.GatherAndCompare(b.reg, strings.NewReader(help+want+"\n"), name))
}

// untilAsked is a component that works until it is asked to stop and takes a while to do so.
func untilAsked(name string, while time.Duration, ended *[]string) app.Component {
	return app.Component{Name: name, Run: func(ctx context.Context) error {
		<-ctx.Done()
		time.Sleep(while)
		*ended = append(*ended, name)
		return nil
	}}
}

// after is a component that does f at a given time of its life.
func after(name string, d time.Duration, f func() error) app.Component {
	return app.Component{Name: name, Run: func(ctx context.Context) error {
		select {
		case <-time.After(d):
			return f()
		case <-ctx.Done():
			return nil
		}
	}}
}

func TestComponentsStopInReverseOrderOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, app.Options{})
		var ended []string
		b.Add(untilAsked("producer", time.Second, &ended), untilAsked("worker", 3*time.Second, &ended))
		b.Add(untilAsked("http", 2*time.Second, &ended))
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		begun := time.Now()
		require.NoError(t, b.Run(ctx))
		require.Equal(t, time.Hour+6*time.Second, time.Since(begun))
		require.Equal(t, []string{"http", "worker", "producer"}, ended)

		b.metric(t, "lifecycle_shutdown_initiated_total", "counter",
			`lifecycle_shutdown_initiated_total{service_name="svc",trigger_component="external",trigger_reason="requested"} 1`)
		b.metric(t, "lifecycle_component_shutdown_result_total", "counter",
			`lifecycle_component_shutdown_result_total{component="http",result="completed",service_name="svc"} 1
lifecycle_component_shutdown_result_total{component="producer",result="completed",service_name="svc"} 1
lifecycle_component_shutdown_result_total{component="worker",result="completed",service_name="svc"} 1`)
		b.metric(t, "lifecycle_shutdown_completed_total", "counter", `lifecycle_shutdown_completed_total{clean="true",service_name="svc"} 1`)
		requireInOrder(t, b.log.String(), `msg="Lifecycle: shutdown initiated"`,
			`msg="Lifecycle: component completed shutdown"`, "name=http", "duration=2s",
			`msg="Lifecycle: component completed shutdown"`, "name=worker", "duration=3s",
			`msg="Lifecycle: component completed shutdown"`, "name=producer", "duration=1s",
			`msg="Lifecycle: shutdown complete"`, "clean=true", "duration=6s")
	})
}

func requireInOrder(t *testing.T, text string, parts ...string) {
	t.Helper()
	rest := text
	for _, part := range parts {
		_, after, found := strings.Cut(rest, part)
		require.True(t, found, "%q is missing, or out of order, in\n%s", part, text)
		rest = after
	}
}

func TestWhatEndsARun(t *testing.T) {
	boom := errors.New("boom")
	type metrics struct{ component, reason, result string }
	tests := map[string]struct {
		first   app.Component
		err     string // "" for none
		trigger metrics
	}{
		"a failure":                   {after("a", time.Second, func() error { return boom }), "a: boom", metrics{"a", "failure", "died"}},
		"row 70 panic in a component": {after("a", time.Second, func() error { panic("kaboom") }), "a: panic: kaboom", metrics{"a", "died", "died"}},
		"an early end":                {after("a", time.Second, func() error { return nil }), "a: ended though nobody asked it to", metrics{"a", "died", "died"}},
		"Goexit":                      {after("a", time.Second, func() error { runtime.Goexit(); return nil }), "a: ended though nobody asked it to", metrics{"a", "died", "died"}},
		"a request":                   {after("a", time.Second, func() error { return app.ErrStop }), "", metrics{"a", "requested", "completed"}},
		"cancelled, though not by us": {after("a", time.Second, func() error { return context.Canceled }), "a: context canceled", metrics{"a", "failure", "died"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, app.Options{})
				var ended []string
				b.Add(tt.first, untilAsked("b", time.Second, &ended))
				err := b.Run(t.Context())
				if tt.err == "" {
					require.NoError(t, err)
				} else {
					require.EqualError(t, err, tt.err)
				}
				require.Equal(t, []string{"b"}, ended, "the others stop in order")
				b.metric(t, "lifecycle_shutdown_initiated_total", "counter", `lifecycle_shutdown_initiated_total{service_name="svc",trigger_component="`+
					tt.trigger.component+`",trigger_reason="`+tt.trigger.reason+`"} 1`)
				b.metric(t, "lifecycle_component_shutdown_result_total", "counter",
					`lifecycle_component_shutdown_result_total{component="a",result="`+tt.trigger.result+`",service_name="svc"} 1
lifecycle_component_shutdown_result_total{component="b",result="completed",service_name="svc"} 1`)
			})
		})
	}
}

func TestTheFirstFailureIsReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, app.Options{})
		first := errors.New("first")
		b.Add(
			after("a", time.Second, func() error { return first }),
			app.Component{Name: "b", Run: func(ctx context.Context) error { <-ctx.Done(); return errors.New("second") }},
			app.Component{Name: "c", Run: func(ctx context.Context) error { <-ctx.Done(); panic("third") }},
		)
		err := b.Run(t.Context())
		require.ErrorIs(t, err, first)
		require.EqualError(t, err, "a: first")
		b.metric(t, "lifecycle_shutdown_completed_total", "counter", `lifecycle_shutdown_completed_total{clean="false",service_name="svc"} 1`)
		require.Contains(t, b.log.String(), "app_test.go", "the stack of the panic is in the log")
	})
}

func TestStopErrors(t *testing.T) {
	tests := map[string]struct {
		run  func(ctx context.Context) error
		want string
	}{
		"its context's error is no failure": {func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, ""},
		"nor is its cause":                  {func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }, ""},
		"nor a wish to stop":                {func(ctx context.Context) error { <-ctx.Done(); return app.ErrStop }, ""},
		"a failed flush is":                 {func(ctx context.Context) error { <-ctx.Done(); return errors.New("3 records lost") }, "a: 3 records lost"},
		"and a panic":                       {func(ctx context.Context) error { <-ctx.Done(); panic("x") }, "a: panic: x"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := setup(t, app.Options{})
			b.Add(app.Component{Name: "a", Run: tt.run})
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			err := b.Run(ctx)
			if tt.want == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, tt.want)
			}
		})
	}
}

func TestComponentsThatMayFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		finite := func(name string, d time.Duration) app.Component {
			c := after(name, d, func() error { return nil })
			c.MayFinish = true
			return c
		}
		b := setup(t, app.Options{})
		b.Add(finite("short", time.Second), finite("long", time.Minute))
		begun := time.Now()
		require.NoError(t, b.Run(t.Context()))
		require.Equal(t, time.Minute, time.Since(begun))

		var ended []string
		b = setup(t, app.Options{})
		b.Add(untilAsked("server", 0, &ended), finite("short", time.Second))
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		begun = time.Now()
		require.NoError(t, b.Run(ctx))
		require.Equal(t, time.Hour, time.Since(begun), "one that goes on keeps the App alive")
	})
}

// stuck is a component that does not hear that it should stop, until release.
func stuck(name string, budget time.Duration, release <-chan struct{}) app.Component {
	return app.Component{Name: name, StopTimeout: budget, Run: func(context.Context) error { <-release; return nil }}
}

func TestOwnBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		b := setup(t, app.Options{})
		var ended []string
		b.Add(untilAsked("producer", time.Second, &ended), stuck("http", 5*time.Second, release))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		begun := time.Now()
		require.EqualError(t, b.Run(ctx), "http: still running 5s after it was asked to stop")
		require.Equal(t, 6*time.Second, time.Since(begun))
		require.Equal(t, []string{"producer"}, ended, "it is not waited for any more, and the others have their turn")
		b.metric(t, "lifecycle_component_shutdown_result_total", "counter",
			`lifecycle_component_shutdown_result_total{component="http",result="timeout",service_name="svc"} 1
lifecycle_component_shutdown_result_total{component="producer",result="completed",service_name="svc"} 1`)
		b.metric(t, "lifecycle_shutdown_completed_total", "counter", `lifecycle_shutdown_completed_total{clean="false",service_name="svc"} 1`)
		requireInOrder(t, b.log.String(), "name=http", "result=timeout", "clean=false")
	})
}

func TestGlobalBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		b := setup(t, app.Options{})
		var ended []string
		finished := app.Component{Name: "job", MayFinish: true, Run: func(context.Context) error { return nil }}
		b.Add(untilAsked("producer", time.Second, &ended), finished, stuck("worker", 0, release), untilAsked("http", 20*time.Second, &ended))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		require.EqualError(t, b.Run(ctx), "shutdown of svc took more than 1m0s: still running: [worker producer]")
		require.Equal(t, 61*time.Second, time.Since(begun))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Equal(t, []string{"http", "producer"}, ended, "those left are told to stop")
		count, err := testutil.GatherAndCount(b.reg, "lifecycle_shutdown_completed_total")
		require.NoError(t, err)
		require.Zero(t, count)
		b.metric(t, "lifecycle_component_shutdown_result_total", "counter",
			`lifecycle_component_shutdown_result_total{component="http",result="completed",service_name="svc"} 1
lifecycle_component_shutdown_result_total{component="job",result="completed",service_name="svc"} 1
lifecycle_component_shutdown_result_total{component="producer",result="timeout",service_name="svc"} 1
lifecycle_component_shutdown_result_total{component="worker",result="timeout",service_name="svc"} 1`)
		require.Contains(t, b.log.String(), `msg="Lifecycle: global shutdown timeout reached" component=lifecycle service_name=svc timeout=1m0s running="[worker producer]"`)
		require.NotContains(t, b.log.String(), "Lifecycle: shutdown complete")
	})
}

func TestReadiness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, app.Options{})
		requireReady := func(want bool, detail string) {
			t.Helper()
			ok, got := b.Ready()
			require.Equal(t, want, ok)
			require.Equal(t, detail, got)
		}
		requireReady(false, "starting")
		b.Add(app.Component{Name: "a", Run: func(ctx context.Context) error {
			requireReady(true, "ok")
			<-ctx.Done()
			requireReady(false, "shutting down: requested (external)") // from the first moment
			return nil
		}})
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() { result <- b.Run(ctx) }()
		synctest.Wait()

		kafkaUp, inner := false, app.New(app.Options{})
		b.ReadyWhen("kafka", func() (bool, string) { return kafkaUp, "" })
		b.ReadyWhen("redis", func() (bool, string) { return true, "1 ms" })
		b.ReadyWhen("inner", inner.Ready)
		requireReady(false, "kafka: not ready\nredis: ok: 1 ms\ninner: not ready: starting")
		kafkaUp = true
		b.ReadyWhen("lines", func() (bool, string) { return true, "x: ok\ny: ok" })
		requireReady(false, "kafka: ok\nredis: ok: 1 ms\ninner: not ready: starting\nlines: ok: x: ok\n  y: ok")
		cancel()
		require.NoError(t, <-result)
		requireReady(false, "shutting down: requested (external)")
	})
}

func TestPreStopFile(t *testing.T) {
	dir := t.TempDir()
	file, stale := filepath.Join(dir, "shutdown"), filepath.Join(dir, "stale")
	// The fake clock starts in the year 2000, before the file of today and after the stale one.
	require.NoError(t, os.WriteFile(stale, nil, 0o600))
	require.NoError(t, os.Chtimes(stale, time.Time{}, time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)))
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, app.Options{PreStopFile: file})
		var ended []string
		b.Add(untilAsked("a", 0, &ended))
		go func() {
			time.Sleep(2500 * time.Millisecond)
			_ = os.WriteFile(file, nil, 0o600)
		}()
		begun := time.Now()
		require.NoError(t, b.Run(t.Context()))
		require.Equal(t, 3*time.Second, time.Since(begun), "it is looked for every second")
		b.metric(t, "lifecycle_shutdown_initiated_total", "counter",
			`lifecycle_shutdown_initiated_total{service_name="svc",trigger_component="external",trigger_reason="prestop"} 1`)

		b = setup(t, app.Options{PreStopFile: stale})
		b.Add(untilAsked("a", 0, &ended))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begun = time.Now()
		require.NoError(t, b.Run(ctx))
		require.Equal(t, time.Minute, time.Since(begun), "one from before the start does not count")
	})
}

func TestNestedApps(t *testing.T) {
	tests := map[string]struct {
		inner app.Component
		cause *app.Shutdown // of the outer context
		err   string
		want  [2]string // reasons: outer, inner
	}{
		"a signal reaches the inner App as a signal": {inner: after("x", time.Hour, nil), cause: &app.Shutdown{Component: "external", Reason: app.ReasonSignal}, want: [2]string{"signal", "signal"}},
		"an inner failure is an outer one":           {inner: after("x", time.Second, func() error { return errors.New("boom") }), err: "service: x: boom", want: [2]string{"failure", "failure"}},
		"an inner panic is an outer death":           {inner: after("x", time.Second, func() error { panic("boom") }), err: "service: x: panic: boom", want: [2]string{"died", "died"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				reg := prometheus.NewRegistry()
				outer, inner := app.New(app.Options{Name: "outer", Registerer: reg}), app.New(app.Options{Name: "inner", Registerer: reg})
				var ended []string
				inner.Add(untilAsked("inner", 0, &ended), tt.inner)
				outer.Add(untilAsked("kafka", 0, &ended), app.Component{Name: "service", Run: inner.Run}, untilAsked("http", 0, &ended))
				ctx, cancel := context.WithCancelCause(t.Context())
				if tt.cause != nil {
					time.AfterFunc(time.Minute, func() { cancel(tt.cause) })
				}
				err := outer.Run(ctx)
				cancel(nil)
				if tt.err == "" {
					require.NoError(t, err)
					require.Equal(t, []string{"http", "inner", "kafka"}, ended)
				} else {
					require.EqualError(t, err, tt.err)
					require.Equal(t, []string{"inner", "http", "kafka"}, ended)
				}
				require.Equal(t, tt.want[0], reasonOf(t, reg, "outer"))
				require.Equal(t, tt.want[1], reasonOf(t, reg, "inner"))
			})
		})
	}
	t.Run("a neighbour's failure is none of the inner App", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			reg := prometheus.NewRegistry()
			outer, inner := app.New(app.Options{Name: "outer", Registerer: reg}), app.New(app.Options{Name: "inner", Registerer: reg})
			var ended []string
			inner.Add(untilAsked("inner", 0, &ended))
			var innerErr error
			outer.Add(
				app.Component{Name: "service", Run: func(ctx context.Context) error { innerErr = inner.Run(ctx); return innerErr }},
				after("neighbour", time.Second, func() error { return errors.New("boom") }),
			)
			require.EqualError(t, outer.Run(t.Context()), "neighbour: boom")
			require.NoError(t, innerErr)
			require.Equal(t, "requested", reasonOf(t, reg, "inner"))
		})
	})
}

// reasonOf returns the trigger_reason counted for a service.
func reasonOf(t *testing.T, reg *prometheus.Registry, service string) string {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if f.GetName() == "lifecycle_shutdown_initiated_total" && labels["service_name"] == service {
				return labels["trigger_reason"]
			}
		}
	}
	return ""
}

func TestMisuse(t *testing.T) {
	a := app.New(app.Options{})
	require.PanicsWithValue(t, `app: component "a" needs a name and a function`, func() { a.Add(app.Component{Name: "a"}) })
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Millisecond, cancel)
	require.NoError(t, a.Run(ctx))
	require.Error(t, ctx.Err(), "without components it waits for its context")
	require.PanicsWithValue(t, "app: Add after Run", func() { a.Add(app.Component{Name: "a"}) })
	require.PanicsWithValue(t, "app: Run called twice", func() { _ = a.Run(t.Context()) })
}

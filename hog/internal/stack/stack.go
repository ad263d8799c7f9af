// Package stack runs services of PostHog in one process: it starts what they need, gives each its settings and the
// addresses of the rest, and serves all of them on one port.
//
//	environment ─▶ settings of each service ─▶ servers (embedded, or as named) ─▶ services ─▶ one HTTP port
//
// Everything that can be wrong in the settings is found before anything is started.
package stack

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/hog-go/hog/common/app"
	"github.com/hog-go/hog/common/httpserver"
	"github.com/hog-go/hog/common/metrics"
	"github.com/hog-go/hog/hog/internal/route"
)

// Options say what to run and where.
type Options struct {
	Services []string // names of the table; none means all
	Postgres bool     // start PostgreSQL even if no service needs it
	Data     string   // directory of the embedded servers
	Addr     string   // host:port of the HTTP port

	KafkaAddr, RedisAddr, PostgresAddr string        // host:port of the embedded servers
	RetentionBytes                     int64         // of a partition of the embedded Kafka; 0 is its default
	RetentionTime                      time.Duration // likewise

	Environ []string // as os.Environ gives it
	Version string
	Log     *slog.Logger
	// PreStopFile stops hog when it appears; "" turns this off.
	PreStopFile string
	// Page serves the status page at / and the same as JSON at /status.json.
	Page func(*Running) http.Handler
	// Started is called once, when requests are accepted; nil does nothing.
	Started func(*Running)
}

// Running is a stack in operation.
type Running struct {
	Instance
	Servers  Servers
	Services []RunningService
}

// RunningService is a service in operation.
type RunningService struct {
	Name, About string
	Patterns    []route.Pattern
	Ready       func() (ok bool, detail string)
}

// Run runs a stack until ctx ends, which is no failure at any time, also before all is up.
func Run(ctx context.Context, o Options) (err error) {
	up := false
	defer func() {
		if err != nil && !up && ctx.Err() != nil {
			o.Log.InfoContext(ctx, "stopped before all was up", "err", err)
			err = nil
		}
	}()
	entries, err := Find(o.Services)
	if err != nil {
		return err
	}
	plans, err := load(entries, o.Environ)
	if err != nil {
		return err
	}
	at, err := ReadExternal(o.Environ)
	if err != nil {
		return err
	}
	at.Internal = cmp.Or(at.Internal, rand.Text())
	warn(ctx, entries, &o)
	release, err := claim(o.Data)
	if err != nil {
		return err
	}
	defer release()
	listener, err := listen(ctx, o.Addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	servers, err := startServers(ctx, &o, at, needs(entries, &o), plans)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, servers.stop()) }()

	running := &Running{
		Servers: servers.Servers,
		Instance: Instance{
			PID: os.Getpid(), Version: o.Version, Started: time.Now(), HTTP: reachable(listener.Addr()), Topics: topics(plans),
			Kafka: servers.Kafka.Brokers, Redis: servers.Redis, Postgres: servers.Postgres, Internal: servers.Internal, Embedded: servers.Embedded,
		},
	}
	a, err := assemble(ctx, &o, entries, plans, servers, running, listener)
	if err != nil {
		return err
	}
	if err := running.write(o.Data); err != nil {
		return err
	}
	up = true
	return a.Run(ctx)
}

// Warnings are what is suspicious about environ, a line each, for the named services.
func Warnings(entries []Entry, environ []string) []string {
	var out []string
	for _, e := range entries {
		out = append(out, e.Warnings(environ)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func warn(ctx context.Context, entries []Entry, o *Options) {
	for _, w := range Warnings(entries, o.Environ) {
		o.Log.WarnContext(ctx, "check the settings", "problem", w)
	}
}

func needs(entries []Entry, o *Options) (all Need) {
	if o.Postgres {
		all = Postgres
	}
	for _, e := range entries {
		all |= e.Needs
	}
	return all
}

// assemble makes the services and puts them behind the port. The port is the last to start and the first to stop.
func assemble(ctx context.Context, o *Options, entries []Entry, plans []*Plan, servers *servers, running *Running, listener net.Listener) (*app.App, error) {
	registry := metrics.NewRegistry()
	a := app.New(app.Options{Name: "hog", Log: o.Log, ShutdownTimeout: 2 * time.Minute, PreStopFile: o.PreStopFile})
	if servers.postgres != nil {
		a.Add(app.Component{Name: "postgres", Run: servers.watchPostgres})
	}
	mux := &route.Mux{}
	for i, e := range entries {
		if e.Needs&Postgres != 0 && servers.Postgres == "" {
			continue
		}
		svc, err := plans[i].New(ctx, servers.Servers, o.Log.With("service", e.Name), registry)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name, err)
		}
		a.Add(app.Component{Name: e.Name, Run: svc.Run})
		a.ReadyWhen(e.Name, svc.Ready)
		mux.Routes = append(mux.Routes, route.Route{Service: e.Name, Patterns: e.Patterns, Handler: svc.Handler()})
		running.Services = append(running.Services, RunningService{Name: e.Name, About: e.About, Patterns: e.Patterns, Ready: svc.Ready})
	}
	page := o.Page(running)
	mux.Own = map[string]http.Handler{
		"/": page, "/status.json": page,
		"/metrics":    promhttp.HandlerFor(registry, promhttp.HandlerOpts{}),
		"/_readiness": probe(a.Ready),
		"/_liveness":  probe(func() (bool, string) { return true, "ok" }),
	}
	server := &httpserver.Server{Name: "hog", Listener: listener, Handler: mux, Log: o.Log}
	a.Add(app.Component{Name: "http", Run: func(ctx context.Context) error {
		if o.Started != nil {
			o.Started(running)
		}
		return server.Run(ctx)
	}})
	return a, nil
}

func probe(ready func() (bool, string)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		ok, detail := ready()
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if !ok {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		fmt.Fprintln(w, detail)
	})
}

// listen takes the port before anything else is started, so that a wrong address costs no time.
func listen(ctx context.Context, addr string) (net.Listener, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("listen on %s: %w: another program has the port; choose another with --addr or HOG_ADDR", addr, syscall.EADDRINUSE)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("listen on %s: %w: ports below 1024 need privileges; choose another with --addr or HOG_ADDR", addr, syscall.EACCES)
	case err != nil:
		return nil, fmt.Errorf("listen on %s: %w: set --addr or HOG_ADDR to host:port", addr, err)
	}
	return ln, nil
}

// reachable is a URL under which programs on this machine reach addr: 0.0.0.0 and :: are for listening only.
func reachable(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return "http://" + addr.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

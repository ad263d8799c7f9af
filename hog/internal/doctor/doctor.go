// Package doctor looks for what would keep hog from working, and says how to mend it. It changes nothing.
package doctor

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"time"

	"github.com/hog-go/hog/common/embedded"
	"github.com/hog-go/hog/hog/internal/stack"
)

// State is the result of a check.
type State string

// States.
const (
	OK   State = "ok"
	Warn State = "warn" // works, but perhaps not as meant
	Fail State = "fail" // hog would not start, or not work
)

// Result is what one check found.
type Result struct {
	Check  string `json:"check"`
	State  State  `json:"state"`
	Detail string `json:"detail"`
	Advice string `json:"advice,omitempty"` // what to do, unless all is well
}

// Options describe the hog to look at, as the start of it would have them.
type Options struct {
	Services []string
	Postgres bool
	Data     string
	Addr     string

	KafkaAddr, RedisAddr, PostgresAddr string

	Environ  []string
	Settings []any         // structs with settings beyond those of the services, so that their names are known
	MinFree  uint64        // bytes of disk space below which hog must not start; default 100 MiB
	Timeout  time.Duration // for each server to answer; default 5s

	// FindPostgres gives the server program that would run on a data directory of PostgreSQL, or ""; default: embedded.FindPostgres.
	FindPostgres func(ctx context.Context, dir string) string
}

// Failed tells whether one of the results is a failure.
func Failed(results []Result) bool {
	for _, r := range results {
		if r.State == Fail {
			return true
		}
	}
	return false
}

// examination is one run of all checks.
type examination struct {
	Options
	entries []stack.Entry
	running *stack.Instance // nil: none on this data directory
	servers stack.Servers   // that the environment names
	log     *slog.Logger    // of clients: what they meet is told by the results
	results []Result
}

// Run makes all checks. The error is about a name of a service that there is none of.
func Run(ctx context.Context, o Options) ([]Result, error) {
	entries, err := stack.Find(o.Services)
	if err != nil {
		return nil, err
	}
	o.MinFree, o.Timeout = cmp.Or(o.MinFree, 100<<20), cmp.Or(o.Timeout, 5*time.Second)
	if o.FindPostgres == nil {
		o.FindPostgres = embedded.FindPostgres
	}
	x := &examination{Options: o, entries: entries, log: slog.New(slog.DiscardHandler)}
	if x.running, err = stack.ReadInstance(o.Data); errors.Is(err, fs.ErrPermission) { // else it says that there is none
		x.warn("data", err.Error(), "the ports that are found taken below may be those of that hog")
	}
	x.settings()
	x.names()
	x.directory()
	x.httpPort()
	x.kafka(ctx)
	x.redis(ctx)
	x.postgres(ctx)
	return x.results, nil
}

func (x *examination) ok(check, detail string) {
	x.results = append(x.results, Result{Check: check, State: OK, Detail: detail})
}

func (x *examination) warn(check, detail, advice string) {
	x.results = append(x.results, Result{Check: check, State: Warn, Detail: detail, Advice: advice})
}

func (x *examination) fail(check, detail, advice string) {
	x.results = append(x.results, Result{Check: check, State: Fail, Detail: detail, Advice: advice})
}

// needs tells whether a start would need the server.
func (x *examination) needs(server stack.Need) bool {
	if server == stack.Postgres && x.Postgres {
		return true
	}
	for _, e := range x.entries {
		if e.Needs&server != 0 {
			return true
		}
	}
	return false
}

// Package migrator is the command line that creates databases and applies sets of migrations, as PostHog's
// rust/bin/migrate-entry does: `<command> <target>|all [--fresh]`.
//
// Which targets there are is data, given by the program that is run, so that a program can offer the sets
// of every service it contains.
//
// It prints one JSON object a line. --fresh drops the databases with all their data first, those of all
// targets before anything is applied, since two targets may live in one database; it refuses to drop one
// that another application manages.
package migrator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/hog-go/hog/common/postgres"
)

// All is the target that stands for every target in the list.
const All = "all"

// Migrate applies one set to a database; schema.Set's method of that name is one.
type Migrate func(ctx context.Context, url postgres.URL, log *slog.Logger) (postgres.MigrateResult, error)

// Target is one set of migrations and where it goes.
type Target struct {
	Name     string // as given on the command line
	URLEnv   string // variable with the URL
	NameEnv  string // variable with the database's name, which counts when URLEnv is unset; "" = none
	Database string // default name of the database
	Owner    string // a table by which a database is known to be another application's, never dropped by --fresh
	Migrate  Migrate
}

// locate takes URLEnv, or else the development server's URL with the name from NameEnv.
func (t Target) locate(getenv func(string) string) (postgres.URL, error) {
	if raw := getenv(t.URLEnv); raw != "" {
		u, err := postgres.ParseURL(raw)
		if err != nil {
			return "", fmt.Errorf("%s: %w", t.URLEnv, err)
		}
		if u.Database() == "" {
			return "", fmt.Errorf("%s names no database", t.URLEnv)
		}
		return u, nil
	}
	name := t.Database
	if t.NameEnv != "" {
		name = cmp.Or(getenv(t.NameEnv), name)
	}
	return postgres.URL("postgres://posthog:posthog@localhost:5432").WithDatabase(name), nil
}

// Exit codes of Run.
const (
	ExitOK     = 0
	ExitFailed = 1 // a step failed
	ExitUsage  = 2 // nothing was tried
)

// Command is one call of the command line.
type Command struct {
	Name    string // of the program, for the usage message
	Targets []Target
	Args    []string            // without the program's name
	Getenv  func(string) string // os.Getenv
	Stdout  io.Writer           // progress, and the usage message when asked for
	Stderr  io.Writer           // the usage message otherwise
}

// Run does what the arguments ask for and returns the process's exit code. With All, a target that fails
// does not keep the others from being done.
func (c Command) Run(ctx context.Context) int {
	chosen, fresh, err := c.parse()
	switch {
	case errors.Is(err, errHelp):
		fmt.Fprint(c.Stdout, c.usage())
		return ExitOK
	case err != nil:
		fmt.Fprintf(c.Stderr, "%v\n%s", err, c.usage())
		return ExitUsage
	}
	code := ExitOK
	var jobs []job
	for _, t := range chosen {
		j := job{Target: t, reporter: reporter{w: c.Stdout, target: t.Name, fresh: fresh}}
		if j.check(j.prepare(ctx, c.Getenv)) {
			jobs = append(jobs, j)
		} else {
			code = ExitFailed
		}
	}
	for _, j := range jobs {
		if j.check(j.apply(ctx)) {
			j.end(ExitOK)
		} else {
			code = ExitFailed
		}
	}
	if len(chosen) > 1 {
		reporter{w: c.Stdout, target: All, fresh: fresh}.end(code)
	}
	return code
}

var errHelp = errors.New("help")

func (c Command) parse() (chosen []Target, fresh bool, err error) {
	name := ""
	for _, arg := range c.Args {
		switch {
		case arg == "-h" || arg == "--help":
			return nil, false, errHelp
		case arg == "--fresh":
			fresh = true
		case strings.HasPrefix(arg, "-"):
			return nil, false, fmt.Errorf("unknown option %s: the only one is --fresh", arg)
		case name != "":
			return nil, false, fmt.Errorf("two targets, %s and %s: give one, or %s", name, arg, All)
		default:
			name = arg
		}
	}
	switch i := slices.IndexFunc(c.Targets, func(t Target) bool { return t.Name == name }); {
	case name == All:
		return c.Targets, fresh, nil
	case name == "":
		return nil, false, fmt.Errorf("no target: give one of %s", strings.Join(c.names(), ", "))
	case i < 0:
		return nil, false, fmt.Errorf("unknown target %s: give one of %s", name, strings.Join(c.names(), ", "))
	default:
		return c.Targets[i : i+1], fresh, nil
	}
}

func (c Command) names() []string {
	names := []string{All}
	for _, t := range c.Targets {
		names = append(names, t.Name)
	}
	return names
}

func (c Command) usage() string {
	var b strings.Builder
	fmt.Fprintf(&b, "usage: %s %s [--fresh]\n\n", c.Name, strings.Join(c.names(), "|"))
	fmt.Fprintf(&b, "Creates the database where it is missing and applies the migrations that are.\n")
	fmt.Fprintf(&b, "--fresh drops the database and all its data first.\n\n")
	for _, t := range c.Targets {
		fmt.Fprintf(&b, "  %-10s %s (default postgres://posthog:posthog@localhost:5432/%s)", t.Name, t.URLEnv, t.Database)
		if t.NameEnv != "" {
			fmt.Fprintf(&b, ", or the name alone in %s", t.NameEnv)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

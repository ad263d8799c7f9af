package stack

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/hog/internal/route"
)

// Need is a set of dependencies.
type Need uint8

// Dependencies.
const (
	Kafka Need = 1 << iota
	Redis
	Postgres
)

// Service is what hog asks of a service: its routes, its state, and a Run that works until its context ends.
type Service interface {
	Handler() http.Handler
	// Ready is asked on every probe, so it answers from memory; the detail has a line for each condition.
	Ready() (ok bool, detail string)
	Run(ctx context.Context) error
}

// Entry is a line of the table of services.
type Entry struct {
	Name     string
	About    string
	Needs    Need
	Patterns []route.Pattern // of the paths that it owns

	// Settings is a zero value of its configuration struct, which tells the names of its variables.
	Settings any
	// Warnings are about variables that are set and do not do what they seem to.
	Warnings func(environ []string) []string
	// Load reads its settings and starts nothing.
	Load func(environ []string) (*Plan, error)
}

// Plan is a service whose settings are in order.
type Plan struct {
	Topics          []string // that it produces to; empty names are none
	MaxMessageBytes int      // its largest record; 0 is the default of Kafka
	// New builds the service. It starts nothing.
	New func(ctx context.Context, at Servers, log *slog.Logger, reg *prometheus.Registry) (Service, error)
}

// Table lists every service, in the order in which they start. A request goes to the first that owns its path.
var Table = []Entry{captureEntry, replayEntry, featureFlagsEntry, remoteConfigEntry, propertyDefsEntry}

// Find returns the entries of the named services in the order of the table; no name means all.
func Find(names []string) ([]Entry, error) {
	for _, name := range names {
		if !slices.Contains(Names(), name) {
			return nil, fmt.Errorf("no service is called %q: there are %s", name, strings.Join(Names(), ", "))
		}
	}
	var out []Entry
	for _, e := range Table {
		if len(names) == 0 || slices.Contains(names, e.Name) {
			out = append(out, e)
		}
	}
	return out, nil
}

// Names are those of all services.
func Names() []string {
	out := make([]string, len(Table))
	for i, e := range Table {
		out[i] = e.Name
	}
	return out
}

// load reads the settings of all entries and reports every bad one.
func load(entries []Entry, environ []string) ([]*Plan, error) {
	plans, problems := make([]*Plan, 0, len(entries)), SettingsError(nil)
	for _, e := range entries {
		p, err := e.Load(environ)
		if err != nil {
			problems.add(e.Name, err)
			continue
		}
		plans = append(plans, p)
	}
	if problems != nil {
		return nil, problems
	}
	return plans, nil
}

// topics are those that the plans name, sorted.
func topics(plans []*Plan) []string {
	var out []string
	for _, p := range plans {
		out = append(out, p.Topics...)
	}
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(name string) bool { return name == "" })
}

// Topics are those that the named services produce to under the settings in environ; no name means all.
func Topics(names, environ []string) ([]string, error) {
	entries, err := Find(names)
	if err != nil {
		return nil, err
	}
	plans, err := load(entries, environ)
	if err != nil {
		return nil, err
	}
	return topics(plans), nil
}

// Package status serves the page that shows what runs here, and the same as JSON.
package status

import (
	"context"
	_ "embed"
	"encoding/json"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hog-go/hog/hog/internal/stack"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{"thousands": thousands}).Parse(pageText))

// Report is what the page shows; its JSON form is at /status.json.
type Report struct {
	Version  string    `json:"version"`
	Uptime   string    `json:"uptime"`
	Host     string    `json:"host"` // URL under which the client reached us
	Data     string    `json:"data"` // directory of the embedded servers
	Ready    bool      `json:"ready"`
	Services []Service `json:"services"`
	Servers  []Server  `json:"servers"`
	Topics   []Topic   `json:"topics"`
	Problem  string    `json:"problem,omitempty"` // why topics cannot be listed
}

// Service is one service and its health.
type Service struct {
	Name   string   `json:"name"`
	About  string   `json:"about"`
	Paths  []string `json:"paths"`
	Ready  bool     `json:"ready"`
	Detail []string `json:"detail"` // a line for each condition
}

// Server is a dependency.
type Server struct {
	Name     string `json:"name"`
	Address  string `json:"address"`  // without credentials
	Embedded bool   `json:"embedded"` // hog runs it
}

// Topic is a topic of Kafka and how many records it holds.
type Topic struct {
	Name       string `json:"name"`
	Partitions int    `json:"partitions"`
	Records    int64  `json:"records"`
	Ours       bool   `json:"ours"` // a service here produces to it
}

type handler struct {
	running *stack.Running
	data    string
	log     *slog.Logger
	topics  topics
}

// Handler serves the report of a running stack with the data directory data: as JSON under a path that ends in .json, else as a page.
func Handler(running *stack.Running, data string, log *slog.Logger) http.Handler {
	log = log.With("component", "status")
	return &handler{running: running, data: data, log: log, topics: topics{at: running.Servers.Kafka, ours: running.Topics, log: log}}
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	report := h.report(r)
	w.Header().Set("Cache-Control", "no-store")
	var err error
	if strings.HasSuffix(r.URL.Path, ".json") {
		w.Header().Set("Content-Type", "application/json")
		err = json.NewEncoder(w).Encode(report)
	} else {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:")
		err = page.Execute(w, report)
	}
	if err != nil {
		h.log.DebugContext(r.Context(), "status was not sent", "err", err)
	}
}

func (h *handler) report(r *http.Request) *Report {
	run := h.running
	report := &Report{
		Version: run.Version, Uptime: time.Since(run.Started).Truncate(time.Second).String(), Host: origin(r), Data: h.data, Ready: true,
		Servers: ServersOf(run.Servers),
	}
	for _, s := range run.Services {
		ok, detail := s.Ready()
		report.Ready = report.Ready && ok
		line := Service{Name: s.Name, About: s.About, Ready: ok, Detail: conditions(detail)}
		for _, p := range s.Patterns {
			line.Paths = append(line.Paths, string(p))
		}
		report.Services = append(report.Services, line)
	}
	// Not bound to this request: others that came meanwhile get the same answer.
	list := h.topics.list(context.WithoutCancel(r.Context()))
	report.Topics, report.Problem = list.topics, list.problem
	return report
}

// conditions are the lines of a readiness detail. That one is ok is shown by a mark and need not be read, too.
func conditions(detail string) []string {
	lines := strings.Split(strings.TrimSpace(detail), "\n")
	for i, line := range lines {
		lines[i] = strings.Replace(line, ": ok: ", ": ", 1)
	}
	return lines
}

// ServersOf lists the dependencies that there are, for people: without credentials.
func ServersOf(s stack.Servers) []Server {
	all := []Server{
		{Name: "Kafka", Address: strings.Join(s.Kafka.Brokers, ", "), Embedded: s.IsEmbedded(stack.Kafka)},
		{Name: "Redis", Address: withoutCredentials(s.Redis), Embedded: s.IsEmbedded(stack.Redis)},
		{Name: "PostgreSQL", Address: withoutCredentials(s.Postgres), Embedded: s.IsEmbedded(stack.Postgres)},
	}
	return slices.DeleteFunc(all, func(s Server) bool { return s.Address == "" })
}

// origin is where the client found us, which through a proxy is another address than ours.
func origin(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

// withoutCredentials keeps scheme, host and path of a URL: passwords may also be in the query.
func withoutCredentials(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "(an address that is no URL)"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

// thousands writes 1234567 as 1 234 567, with thin spaces.
func thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "\u2009" + digits[i:]
	}
	return digits
}

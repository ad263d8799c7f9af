// Package route sends a request on hog's one port to the service that owns its path, as the reverse proxy in front of
// PostHog does. Source of the patterns: the Caddyfile of PostHog's compose files.
package route

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Pattern is a path that a service owns. One that ends in /* owns everything below it, one that ends in * everything
// that begins like it; each owns the path itself, too.
type Pattern string

func (p Pattern) matches(path string) bool {
	switch {
	case strings.HasSuffix(string(p), "/*"):
		base := strings.TrimSuffix(string(p), "/*")
		return path == base || strings.HasPrefix(path, base+"/")
	case strings.HasSuffix(string(p), "*"):
		return strings.HasPrefix(path, strings.TrimSuffix(string(p), "*"))
	default:
		return path == string(p) || path == string(p)+"/"
	}
}

// Route gives the requests of some paths to a service.
type Route struct {
	Service  string
	Patterns []Pattern
	Handler  http.Handler
}

// Mux is the handler of the port. The first route with a pattern that matches takes a request; Own serves hog's own
// paths, which are exact.
type Mux struct {
	Routes []Route
	Own    map[string]http.Handler
}

// ServeHTTP implements http.Handler.
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h, ok := m.Own[r.URL.Path]; ok {
		h.ServeHTTP(w, r)
		return
	}
	for i := range m.Routes {
		for _, p := range m.Routes[i].Patterns {
			if p.matches(r.URL.Path) {
				m.Routes[i].Handler.ServeHTTP(w, r)
				return
			}
		}
	}
	m.unknown(w, r)
}

// unknown tells somebody who points the wrong thing here what there is.
func (m *Mux) unknown(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusNotFound)
	fmt.Fprintf(w, "hog: no service here owns %s\n\n", r.URL.Path)
	for i := range m.Routes {
		fmt.Fprintf(w, "%-18s %s\n", m.Routes[i].Service, joined(m.Routes[i].Patterns))
	}
	own := make([]string, 0, len(m.Own))
	for path := range m.Own {
		own = append(own, path)
	}
	slices.Sort(own)
	fmt.Fprintf(w, "%-18s %s\n", "hog", strings.Join(own, " "))
}

func joined(patterns []Pattern) string {
	var b strings.Builder
	for i, p := range patterns {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(string(p))
	}
	return b.String()
}

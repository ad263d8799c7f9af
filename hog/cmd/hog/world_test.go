package main_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// world is a running hog, a proxy before it that notes what goes over the wire, and a web site, which has another origin.
type world struct {
	*hog
	data        string
	proxy, site *httptest.Server

	mu       sync.Mutex
	arrived  sync.Cond // requests has grown
	requests []wire
}

// wire is a request as hog gets it, and how it was answered.
type wire struct {
	method, path string
	packing      string // gzip, base64 or plain
	mode         string // how a browser came to send it; "" from other clients
	status       int    // 0 until it is answered
	allowed      string // the origin that may read the answer
}

func (w wire) way() string {
	return strings.TrimSpace(strings.Join([]string{w.method, w.path, w.packing, w.mode}, " "))
}

func startWorld(t *testing.T, environ ...string) *world {
	t.Helper()
	w := &world{data: dataDir(t)}
	w.arrived.L = &w.mu
	w.hog = start(t, w.data, environ...)
	w.proxy = httptest.NewServer(w.forward(t, httpAddr(t, w.data)))
	t.Cleanup(w.proxy.Close)
	w.site = httptest.NewServer(w.pages())
	t.Cleanup(w.site.Close)
	return w
}

// forward passes requests on to the hog at addr. A page is given its configuration only after it has sent its first event, since some
// properties of that say whether the configuration was there.
func (w *world) forward(t *testing.T, addr string) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client has gone
		}
		i := w.note(wire{method: r.Method, path: r.URL.Path, packing: packing(r, body), mode: r.Header.Get("Sec-Fetch-Mode")})
		if strings.HasPrefix(r.URL.Path, "/array/") {
			w.awaitFirstEvents()
		}
		out := r.Clone(r.Context())
		out.RequestURI, out.URL.Scheme, out.URL.Host, out.Body = "", "http", addr, io.NopCloser(bytes.NewReader(body))
		resp, err := http.DefaultTransport.RoundTrip(out)
		if r.Context().Err() != nil {
			return // the client has gone
		}
		if err != nil {
			t.Errorf("%s %s: %v", r.Method, r.URL, err)
			return
		}
		defer resp.Body.Close()
		w.mu.Lock()
		w.requests[i].status, w.requests[i].allowed = resp.StatusCode, resp.Header.Get("Access-Control-Allow-Origin")
		w.mu.Unlock()
		for name, values := range resp.Header {
			rw.Header()[name] = values
		}
		rw.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(rw, resp.Body) // a client that has gone hears nothing
	})
}

func (w *world) note(r wire) (index int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requests = append(w.requests, r)
	w.arrived.Broadcast()
	return len(w.requests) - 1
}

// awaitFirstEvents waits until as many pages have sent an event to /e/, where they send without a configuration, as have asked for one.
func (w *world) awaitFirstEvents() {
	overdue := time.Now().Add(patience)
	timer := time.AfterFunc(patience, w.arrived.Broadcast)
	defer timer.Stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	for time.Now().Before(overdue) {
		pages, events := 0, 0
		for _, r := range w.requests {
			switch {
			case strings.HasPrefix(r.path, "/array/"):
				pages++
			case r.method == http.MethodPost && r.path == "/e/":
				events++
			}
		}
		if events >= pages {
			return
		}
		w.arrived.Wait()
	}
}

// packing tells what is done to the JSON in body, whether or not the request says it.
func packing(r *http.Request, body []byte) string {
	switch {
	case bytes.HasPrefix(body, []byte{0x1f, 0x8b}):
		return "gzip"
	case r.URL.Query().Get("compression") == "base64" && bytes.HasPrefix(body, []byte("data=")):
		return "base64"
	default:
		return "plain"
	}
}

// ways are those in which requests came, sorted.
func (w *world) ways() (out []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.requests {
		out = append(out, r.way())
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// requireGranted makes sure that a page of the site could read every answer.
func (w *world) requireGranted(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.requests {
		require.Equal(t, http.StatusOK, r.status, r.way())
		require.Equal(t, w.site.URL, r.allowed, r.way())
	}
}

// pages serves the web site.
func (w *world) pages() http.Handler {
	mux := http.NewServeMux()
	file := func(path, name string) {
		mux.HandleFunc(path, func(rw http.ResponseWriter, r *http.Request) {
			http.ServeFile(rw, r, filepath.Join(clients, "browser", name))
		})
	}
	file("/{$}", "page.html")
	file("/plain", "page.html")
	file("/flags", "flags.html")
	file("/posthog.js", "node_modules/posthog-js/dist/array.full.no-external.js")
	mux.HandleFunc("/settings.js", func(rw http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(rw, "const hog = { host: %q }\n", w.proxy.URL)
	})
	return mux
}

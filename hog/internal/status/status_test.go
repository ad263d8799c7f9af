package status_test

import (
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/kafka"
	"github.com/hog-go/hog/common/testkit"
	"github.com/hog-go/hog/hog/internal/route"
	"github.com/hog-go/hog/hog/internal/stack"
	"github.com/hog-go/hog/hog/internal/status"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// running is a stack whose second service is not ready, with the brokers given.
func running(brokers ...string) *stack.Running {
	return &stack.Running{
		Instance: stack.Instance{Version: "1.2.3", Started: time.Now().Add(-90 * time.Second), Topics: []string{"ours"}},
		Servers: stack.Servers{
			Kafka: kafka.ClientConfig{Brokers: brokers}, Redis: "redis://user:sesame@r:6379/1", Postgres: "postgres://posthog:sesame@d:5432/posthog?password=sesame",
			Embedded: []string{"kafka"},
		},
		Services: []stack.RunningService{
			{Name: "capture", About: "events", Patterns: []route.Pattern{"/e/*"}, Ready: func() (bool, string) { return true, "kafka: ok: connected\n" }},
			{Name: "replay", About: "recordings", Patterns: []route.Pattern{"/s/*"}, Ready: func() (bool, string) { return false, "kafka: <connecting>" }},
		},
	}
}

func get(t *testing.T, h http.Handler, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestReport(t *testing.T) {
	k := testkit.Kafka(t)
	topic := k.Topic(t, 3)
	run := running(k.Brokers...)
	run.Topics = []string{topic}
	h := status.Handler(run, "/data", slog.New(slog.DiscardHandler))

	var got status.Report
	require.Eventually(t, func() bool { // a broker takes a moment until all of it knows a new topic
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/status.json", nil))
		got = status.Report{}
		return w.Code == http.StatusOK && !strings.Contains(w.Body.String(), "sesame") &&
			json.Unmarshal(w.Body.Bytes(), &got) == nil && got.Problem == ""
	}, 20*time.Second, 100*time.Millisecond, "an answer in full, without a password")
	require.False(t, got.Ready, "one service is not")
	require.Regexp(t, `^1m3\ds$`, got.Uptime)
	require.Equal(t, []status.Service{
		{Name: "capture", About: "events", Paths: []string{"/e/*"}, Ready: true, Detail: []string{"kafka: connected"}},
		{Name: "replay", About: "recordings", Paths: []string{"/s/*"}, Detail: []string{"kafka: <connecting>"}},
	}, got.Services)
	require.Equal(t, []status.Server{
		{Name: "Kafka", Address: k.Brokers[0], Embedded: true},
		{Name: "Redis", Address: "redis://r:6379/1"},
		{Name: "PostgreSQL", Address: "postgres://d:5432/posthog"},
	}, got.Servers)
	require.Contains(t, got.Topics, status.Topic{Name: topic, Partitions: 3, Ours: true})
}

func TestPage(t *testing.T) {
	h := status.Handler(running(), "/data", slog.New(slog.DiscardHandler))
	w := get(t, h, "http://hog.example/", "X-Forwarded-Proto", "https")
	page := w.Body.String()
	require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
	require.Contains(t, page, "api_host: 'https://hog.example'", "the address that the reader came by")
	require.Contains(t, page, "not ready")
	require.Contains(t, page, "kafka: &lt;connecting&gt;")
	require.Contains(t, page, "version 1.2.3, up 1m30s")
	require.NotContains(t, page, "sesame")
	require.NotContains(t, page, "<script")
	require.NotContains(t, page, "Kafka does not answer", "there is none to ask")

	r := httptest.NewRequest("GET", "/", nil)
	r.Host = `"><b>`
	w = httptest.NewRecorder()
	h.ServeHTTP(w, r)
	require.NotContains(t, w.Body.String(), "<b>", "the address is the client's to choose")
}

func TestKafkaDown(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	h := status.Handler(running(closed.Addr().String()), "/data", slog.New(slog.DiscardHandler))
	w := get(t, h, "/")
	require.Equal(t, http.StatusOK, w.Code)
	require.Contains(t, w.Body.String(), "Kafka does not answer: ")
}

func TestMethods(t *testing.T) {
	h := status.Handler(running(), "/data", slog.New(slog.DiscardHandler))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/", nil))
	require.Equal(t, http.StatusMethodNotAllowed, w.Code)
	require.Equal(t, "GET, HEAD", w.Header().Get("Allow"))
}

package propertydefs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/config"
	"github.com/hog-go/hog/common/kafka"
	"github.com/hog-go/hog/common/testkit"
	propertydefs "github.com/hog-go/hog/property-defs"
	"github.com/hog-go/hog/property-defs/internal/pgtest"
)

// A process of this test binary with this variable set is a property-defs: one that can be killed.
const childProcess = "HOG_TEST_SERVICE"

func TestMain(m *testing.M) {
	if os.Getenv(childProcess) != "" {
		serve()
	}
	testkit.Main(m)
}

// clock is the time of every service in these tests: 2025-10-09T08:53:20Z.
func clock() time.Time { return time.Unix(1760000000, 0) }

// shortSession is the shortest session timeout that Apache Kafka allows, so that a killed member is missed soon.
const shortSession = 6 * time.Second

func serve() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	cfg := propertydefs.DefaultConfig()
	err := config.Load(&cfg)
	if err == nil {
		var svc *propertydefs.Service
		if svc, err = propertydefs.New(ctx, cfg, propertydefs.Deps{Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})), Now: clock, SessionTimeout: shortSession}); err == nil {
			err = svc.Run(ctx)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// harness is what a service needs: a broker with a topic, and a database.
type harness struct {
	kafka *testkit.KafkaServer
	topic string
	db    *pgtest.DB
	env   []string
	// spread sends the events of a project to all partitions.
	spread bool
}

// setup makes a topic of four partitions and a database; env is added to the settings, which write at once.
func setup(t testing.TB, env ...string) *harness {
	t.Helper()
	h := &harness{kafka: testkit.Kafka(t), db: pgtest.New(t)}
	h.topic = h.kafka.Topic(t, 4)
	h.env = append([]string{
		"KAFKA_HOSTS=" + strings.Join(h.kafka.Brokers, ","), "KAFKA_CONSUMER_TOPIC=" + h.topic, "KAFKA_CONSUMER_GROUP=" + h.topic,
		"KAFKA_CONSUMER_AUTO_COMMIT_INTERVAL_MS=50", "KAFKA_CONSUMER_METADATA_REFRESH_INTERVAL_MS=1000", "DATABASE_URL=" + h.db.URL.Reveal(),
		"MAX_ISSUE_PERIOD=0", "SKIP_READS=false", "BIND_HOST=127.0.0.1", "BIND_PORT=0",
	}, env...)
	return h
}

// running is a service in this process.
type running struct {
	*propertydefs.Service
	registry *prometheus.Registry
	stop     func() // waits until it has ended
}

// start runs a service in this process until the end of the test.
func (h *harness) start(t testing.TB, env ...string) *running {
	t.Helper()
	return h.startWith(t, propertydefs.Deps{}, env...)
}

func (h *harness) startWith(t testing.TB, deps propertydefs.Deps, env ...string) *running {
	t.Helper()
	cfg := propertydefs.DefaultConfig()
	require.NoError(t, config.LoadFrom(&cfg, append(h.env, env...)))
	r := &running{registry: prometheus.NewRegistry()}
	deps.Log, deps.Registry, deps.SessionTimeout = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})), r.registry, shortSession
	deps.Now = clock
	svc, err := propertydefs.New(t.Context(), cfg, deps)
	require.NoError(t, err)
	r.Service = svc
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := svc.Run(ctx); err != nil {
			t.Errorf("service: %v", err)
		}
	}()
	r.stop = func() { cancel(); <-done }
	t.Cleanup(r.stop)
	return r
}

// spawn runs a service in a process of its own, which ends with the test.
func (h *harness) spawn(t testing.TB, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), os.Args[0])
	cmd.Env = append(append(os.Environ(), childProcess+"=1"), append(h.env, env...)...)
	cmd.Stderr = t.Output()
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { kill(cmd) })
	return cmd
}

// kill is kill -9.
func kill(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

func (r *running) get(path string) (status int, body string) {
	w := httptest.NewRecorder()
	r.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

// counter is the sum of a metric, over all series whose labels hold every one of want.
func (r *running) counter(t testing.TB, name string, want ...string) (sum float64) {
	t.Helper()
	families, err := r.registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			has := 0
			for _, l := range m.GetLabel() {
				for _, w := range want {
					if l.GetValue() == w {
						has++
					}
				}
			}
			if has == len(want) {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

// partitions is how many the service has now.
func (r *running) partitions(t testing.TB) int {
	t.Helper()
	families, err := r.registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() == "kafka_consumer_lag_records" {
			return len(f.GetMetric())
		}
	}
	return 0
}

// message is an event as ClickHouse reads it. Events of a project go to one partition.
type message struct {
	Team       int32          `json:"team_id"`
	Project    int64          `json:"project_id"`
	Event      string         `json:"event"`
	Properties map[string]any `json:"-"`
	Text       *string        `json:"properties"`
	raw        []byte         // in place of all of the above
}

func (m message) record(t testing.TB, topic string) kafka.Record {
	t.Helper()
	value := m.raw
	if value == nil {
		if m.Properties != nil {
			text, err := json.Marshal(m.Properties)
			require.NoError(t, err)
			m.Text = new(string(text))
		}
		var err error
		value, err = json.Marshal(m)
		require.NoError(t, err)
	}
	return kafka.Record{Topic: topic, Key: fmt.Append(nil, m.Project), Value: value}
}

// send produces messages and waits until they are stored.
func (h *harness) send(t testing.TB, messages ...message) {
	t.Helper()
	records := make([]kafka.Record, len(messages))
	for i, m := range messages {
		records[i] = m.record(t, h.topic)
		if h.spread {
			records[i].Key = fmt.Append(nil, i)
		}
	}
	p, err := kafka.NewProducer(kafka.ProducerConfig{Client: kafka.ClientConfig{Brokers: h.kafka.Brokers}, Linger: -1}, slog.New(slog.DiscardHandler), nil)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- p.Run(ctx) }()
	require.NoError(t, p.Produce(ctx, records))
	cancel()
	require.NoError(t, <-done)
}

// await waits until the tables hold want.
func (h *harness) await(t testing.TB, want []string) {
	t.Helper()
	var have []string
	deadline := time.Now().Add(60 * time.Second)
	for {
		have = h.db.Dump(t)
		if equal(want, have) {
			return
		}
		if time.Now().After(deadline) {
			require.Equal(t, want, have)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func equal(a, b []string) bool { return strings.Join(a, "\n") == strings.Join(b, "\n") }

func event(name string, properties map[string]any) message {
	return message{Team: 1, Project: 1, Event: name, Properties: properties}
}

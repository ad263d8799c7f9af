package capture_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/capture"
	"github.com/hog-go/hog/common/config"
	"github.com/hog-go/hog/common/kafka"
	"github.com/hog-go/hog/common/limiter"
	"github.com/hog-go/hog/common/testkit"
	"github.com/hog-go/hog/common/testkit/load"
)

func TestMain(m *testing.M) {
	if kind := load.Kind(); kind != "" {
		load.Serve(benchHandler(kind))
	}
	testkit.Main(m)
}

// outputs are the short names of the topics, and the settings that name them.
var outputs = map[string]string{
	"main": "CAPTURE_OUTPUT_ANALYTICS_MAIN_TOPIC", "overflow": "CAPTURE_OUTPUT_ANALYTICS_OVERFLOW_TOPIC",
	"historical": "CAPTURE_OUTPUT_ANALYTICS_HISTORICAL_TOPIC", "replay": "CAPTURE_OUTPUT_SESSION_REPLAY_MAIN_TOPIC",
	"replay_overflow": "CAPTURE_OUTPUT_SESSION_REPLAY_OVERFLOW_TOPIC", "heatmaps": "CAPTURE_OUTPUT_HEATMAPS_TOPIC",
	"warnings": "CAPTURE_OUTPUT_CLIENT_WARNINGS_TOPIC", "exceptions": "CAPTURE_OUTPUT_ERROR_TRACKING_TOPIC", "ai": "CAPTURE_OUTPUT_AI_MAIN_TOPIC",
	"dlq":         "CAPTURE_OUTPUT_DLQ_TOPIC",
	"ai_overflow": "", // none by default: a test that sets it names it
	"custom":      "", // for restrictions to name
}

// options of a harness; zero fields are the defaults.
type options struct {
	env         []string          // settings; now=RFC 3339 sets the clock; a topic may be given by its short name
	quotas      map[string]string // resource -> member of its set from the beginning; "overflow" is the replay overflow set, "grace events" that of the quota's grace
	rules       map[string]string // kind of restriction -> its JSON; {custom} in it becomes the topic of that name
	topicConfig map[string]string // of the main topic
	brokers     []string          // default testkit's
	early       bool              // do not wait until the service is ready
}

// harness is a whole capture on real servers with a fixed clock.
type harness struct {
	svc    *capture.Service
	url    string
	kafka  *testkit.KafkaServer
	admin  *kafka.Admin
	redis  *goredis.Client
	topics map[string]string // short name -> topic
	seen   map[string]int64  // topic -> records looked at
	stop   func() error
}

func setup(t testing.TB, o options) *harness {
	t.Helper()
	k := testkit.Kafka(t)
	h := &harness{kafka: k, topics: map[string]string{}, seen: map[string]int64{}}
	redisURL := testkit.Redis(t)
	brokers := o.brokers
	if brokers == nil {
		brokers = k.Brokers
	}
	environ := []string{"KAFKA_HOSTS=" + strings.Join(brokers, ","), "REDIS_URL=" + redisURL, "KAFKA_PRODUCER_LINGER_MS=0", "CAPTURE_MODE=events"}
	admin, err := kafka.NewAdmin(kafka.ClientConfig{Brokers: k.Brokers}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	h.admin = admin
	t.Cleanup(admin.Close)
	h.makeTopics(t, o)
	for short, name := range outputs {
		if name != "" {
			environ = append(environ, name+"="+h.topics[short])
		}
	}
	now := time.Date(2023, 1, 1, 12, 0, 0, 0, time.UTC)
	for _, kv := range o.env {
		name, value, _ := strings.Cut(kv, "=")
		if topic, ok := h.topics[value]; ok && strings.HasPrefix(name, "CAPTURE_OUTPUT_") {
			kv = name + "=" + topic
		}
		if name == "now" {
			now, err = time.Parse(time.RFC3339, value)
			require.NoError(t, err)
			continue
		}
		environ = append(environ, kv)
	}
	h.redis = redisClient(t, redisURL)
	h.seedQuotas(t, o.quotas)
	if o.rules != nil {
		h.setRules(t, o.rules)
		environ = append(environ, "EVENT_RESTRICTIONS_ENABLED=true", "EVENT_RESTRICTIONS_REDIS_URL="+redisURL)
	}

	cfg := capture.Config{}
	require.NoError(t, config.LoadFrom(&cfg, testkit.LastWins(environ)))
	cfg.Address = ""
	h.svc, err = capture.New(t.Context(), cfg, capture.Deps{Now: func() time.Time { return now }, Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))})
	require.NoError(t, err)
	h.run(t, o.early)
	h.awaitQuotas(t, o.quotas)
	if o.rules != nil {
		h.awaitMetric(t, "capture_event_restrictions_last_refresh_timestamp", func(v float64) bool { return v > 0 })
	}
	return h
}

// serve runs a service with the settings environ, as they are and on the real clock. It has no topics of its own.
func serve(t testing.TB, environ []string) *harness {
	t.Helper()
	var cfg capture.Config
	require.NoError(t, config.LoadFrom(&cfg, environ))
	cfg.Address = ""
	h := &harness{}
	var err error
	h.svc, err = capture.New(t.Context(), cfg, capture.Deps{Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))})
	require.NoError(t, err)
	h.run(t, false)
	return h
}

func redisClient(t testing.TB, url string) *goredis.Client {
	t.Helper()
	opts, err := goredis.ParseURL(url)
	require.NoError(t, err)
	client := goredis.NewClient(opts)
	t.Cleanup(func() { client.Close() })
	return client
}

// setRules writes restrictions as the main app does.
func (h *harness) setRules(t testing.TB, rules map[string]string) {
	t.Helper()
	for kind, rule := range rules {
		rule = strings.ReplaceAll(rule, "{custom}", h.topics["custom"])
		require.NoError(t, h.redis.Set(t.Context(), "event_ingestion_restriction_dynamic_config:"+kind, rule, 0).Err())
	}
}

// metric is the sum over all series of a metric; ok is false if there is none.
func (h *harness) metric(t testing.TB, name string) (sum float64, ok bool) {
	t.Helper()
	_, text, _ := h.do(t, "GET", "/metrics", nil, "")
	for line := range strings.Lines(text) {
		rest, isMetric := strings.CutPrefix(line, name)
		if !isMetric || rest[0] != '{' && rest[0] != ' ' {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(rest[strings.LastIndexByte(rest, ' '):]), 64)
		require.NoError(t, err, line)
		sum, ok = sum+v, true
	}
	return sum, ok
}

func (h *harness) awaitMetric(t testing.TB, name string, want func(float64) bool) {
	t.Helper()
	require.Eventually(t, func() bool { v, ok := h.metric(t, name); return ok && want(v) }, 20*time.Second, 5*time.Millisecond, name)
}

// makeTopics creates all topics in one request, each with one partition so that order can be seen.
func (h *harness) makeTopics(t testing.TB, o options) {
	t.Helper()
	id := fmt.Sprintf("capture-%d-", time.Now().UnixNano())
	var specs []kafka.TopicSpec
	for short := range outputs {
		h.topics[short] = id + short
		spec := kafka.TopicSpec{Name: id + short, Partitions: 1}
		if short == "main" {
			spec.Config = o.topicConfig
		}
		specs = append(specs, spec)
	}
	require.NoError(t, h.admin.EnsureTopics(t.Context(), specs...))
	names := h.topicNames()
	require.NoError(t, h.admin.WaitForTopics(t.Context(), names...))
	require.Eventually(t, func() bool { // a new leader is known some moments before it takes records
		_, err := h.admin.Topics(t.Context(), names...)
		return err == nil
	}, 20*time.Second, 10*time.Millisecond)
}

func (h *harness) topicNames() []string { return slices.Collect(maps.Values(h.topics)) }

func (h *harness) run(t testing.TB, early bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- h.svc.Run(ctx) }()
	server := httptest.NewServer(h.svc.Handler())
	h.url = server.URL
	stopped := false
	h.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-done
	}
	t.Cleanup(func() {
		server.Close()
		require.NoError(t, h.stop())
	})
	if early {
		return
	}
	require.Eventually(t, func() bool { ok, _ := h.svc.Ready(); return ok }, 20*time.Second, 5*time.Millisecond, "service is not ready")
}

func quotaKey(resource string) string {
	if resource == "overflow" {
		return limiter.OverflowKey("", limiter.Replay)
	}
	if name, ok := strings.CutPrefix(resource, "grace "); ok {
		return "@posthog/quota-limiting-suspended/" + name
	}
	return limiter.QuotaKey("", limiter.Resource(resource))
}

// seedQuotas writes as the billing code of the main app does: a member with the time at which its limit ends.
func (h *harness) seedQuotas(t testing.TB, quotas map[string]string) {
	t.Helper()
	for resource, member := range quotas {
		until := float64(time.Now().Add(time.Hour).Unix())
		require.NoError(t, h.redis.ZAdd(t.Context(), quotaKey(resource), goredis.Z{Score: until, Member: member}).Err())
	}
}

func (h *harness) awaitQuotas(t testing.TB, quotas map[string]string) {
	t.Helper()
	for resource := range quotas {
		require.Eventually(t, func() bool {
			_, text, _ := h.do(t, "GET", "/metrics", nil, "")
			for line := range strings.Lines(text) {
				if strings.HasPrefix(line, "capture_billing_limits_loaded_tokens") && strings.Contains(line, `"`+quotaKey(resource)+`"`) && strings.HasSuffix(line, " 1\n") {
					return true
				}
			}
			return false
		}, 10*time.Second, 5*time.Millisecond, "set %s was not read", resource)
	}
}

func (h *harness) do(t testing.TB, method, path string, headers map[string]string, body string) (status int, text string, header http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, h.url+path, strings.NewReader(body))
	require.NoError(t, err)
	for k, v := range headers {
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(b), resp.Header
}

// fresh returns what has landed since the last call, by short topic name. The answer to a request comes after its
// records are acknowledged, so nothing has to be waited for.
func (h *harness) fresh(t testing.TB) map[string][]testkit.Record {
	t.Helper()
	short := map[string]string{}
	for s, topic := range h.topics {
		short[topic] = s
	}
	infos, err := h.admin.Topics(t.Context(), h.topicNames()...)
	require.NoError(t, err)
	out := map[string][]testkit.Record{}
	for _, info := range infos {
		if high := info.Partitions[0].High; high > h.seen[info.Name] {
			out[short[info.Name]] = h.kafka.All(t, info.Name)[h.seen[info.Name]:]
			h.seen[info.Name] = high
		}
	}
	return out
}

func (h *harness) expect(t *testing.T, wants []want) {
	t.Helper()
	got := h.fresh(t)
	for _, w := range wants {
		topic := w.topic
		if topic == "" {
			topic = "main"
		}
		require.NotEmpty(t, got[topic], "a record in %s", topic)
		w.match(t, got[topic][0])
		if got[topic] = got[topic][1:]; len(got[topic]) == 0 {
			delete(got, topic)
		}
	}
	for topic, rest := range got {
		require.Empty(t, rest, "records in %s that the row does not name", topic)
	}
}

func (w want) match(t *testing.T, r testkit.Record) {
	t.Helper()
	var value map[string]any
	require.NoError(t, json.Unmarshal(r.Value, &value), "%s", r.Value)
	var data map[string]any
	require.NoError(t, json.Unmarshal([]byte(value["data"].(string)), &data), "%s", value["data"])
	switch w.key {
	case "":
	case "-":
		require.Nil(t, r.Key)
	default:
		require.Equal(t, w.key, string(r.Key))
	}
	headers := map[string]string{}
	for _, hd := range r.Headers {
		headers[hd.Key] = "-"
		if hd.Value != nil {
			headers[hd.Key] = string(hd.Value)
		}
	}
	// What is said twice must agree.
	for _, name := range []string{"token", "distinct_id", "event", "uuid", "now"} {
		require.Equal(t, value[name], headers[name], name)
	}
	if w.event != "" {
		require.Equal(t, w.event, value["event"])
		require.Equal(t, w.event, data["event"])
	}
	if w.id != "" {
		require.Equal(t, w.id, value["distinct_id"])
	}
	for name, v := range w.header {
		got, ok := headers[name]
		if !ok {
			got = "-"
		}
		require.Equal(t, v, got, name)
	}
	compare(t, w.value, value)
	compare(t, w.data, data)
}

// compare looks at the named fields; nil means that the field is absent or null, a text with … at its end is a prefix.
func compare(t *testing.T, wants, got map[string]any) {
	t.Helper()
	for name, v := range wants {
		if text, ok := v.(string); ok {
			if prefix, cut := strings.CutSuffix(text, "…"); cut {
				require.True(t, strings.HasPrefix(fmt.Sprint(got[name]), prefix), "%s: %v", name, got[name])
				continue
			}
		}
		require.Equal(t, v, got[name], name)
	}
}

package capture_test

import (
	"encoding/json"
	"os/exec"
	"testing"
	"time"

	"github.com/posthog/posthog-go"
	"github.com/stretchr/testify/require"
)

// The official SDKs, unmodified, send one event of each kind and fifty more; what lands must be what was sent.

func TestPosthogGo(t *testing.T) {
	h := setup(t, options{})
	client, err := posthog.NewWithConfig("phc_go", posthog.Config{Endpoint: h.url, BatchSize: 20, Interval: time.Hour})
	require.NoError(t, err)
	at := time.Date(2023, 1, 1, 10, 0, 0, 123e6, time.UTC)
	for _, m := range []posthog.Message{
		posthog.Capture{DistinctId: "go-user", Event: "go event", Timestamp: at, Properties: posthog.NewProperties().
			Set("answer", 42).Set("text", "a \"quoted\" – text\n").Set("nested", map[string]any{"list": []any{1, 2.5, nil, true}})},
		posthog.Identify{DistinctId: "go-user", Properties: posthog.NewProperties().Set("email", "go@example.com")},
		posthog.Alias{DistinctId: "go-user", Alias: "go-alias"},
		posthog.GroupIdentify{Type: "company", Key: "acme", Properties: posthog.NewProperties().Set("seats", 5)},
	} {
		require.NoError(t, client.Enqueue(m))
	}
	for i := range 50 {
		require.NoError(t, client.Enqueue(posthog.Capture{DistinctId: "go-user", Event: "go bulk", Properties: posthog.NewProperties().Set("i", i)}))
	}
	require.NoError(t, client.Close())
	s := landed(t, h)
	s.sample(t, "go", "phc_go")
	s.bulk(t, "go bulk", 50)
	s.identify(t, "$identify", "go@example.com")
	s.others(t)
}

func TestPosthogNode(t *testing.T) {
	s := runClient(t, "node", "node", "clients/node/send.js")
	s.sample(t, "node", "phc_node")
	s.bulk(t, "node bulk", 50)
	s.identify(t, "$identify", "node@example.com")
	s.others(t)
	s.exception(t, "node failure")
}

func TestPosthogPython(t *testing.T) {
	s := runClient(t, "python", "clients/python/.venv/bin/python", "clients/python/send.py")
	s.sample(t, "python", "phc_python")
	s.bulk(t, "python bulk", 50)
	s.identify(t, "$set", "python@example.com")
	s.others(t)
	s.exception(t, "python failure")
}

// runClient installs the SDK if need be and runs its program against a fresh capture.
func runClient(t *testing.T, group string, command ...string) sent {
	t.Helper()
	runtime := map[string]string{"node": "npm", "python": "python3"}[group]
	if _, err := exec.LookPath(runtime); err != nil {
		t.Skipf("%s is not installed: the group %s of real clients is left out", runtime, group)
	}
	out, err := exec.CommandContext(t.Context(), "clients/setup", group).CombinedOutput()
	require.NoError(t, err, "clients/setup %s: %s", group, out)
	h := setup(t, options{})
	out, err = exec.CommandContext(t.Context(), command[0], append(command[1:], h.url)...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return landed(t, h)
}

// clientEvent is a record as the ingestion workers see it.
type clientEvent struct {
	key, topic string
	value      struct {
		UUID, Token, Event, Timestamp, Data string
		DistinctID                          string `json:"distinct_id"`
		SentAt                              string `json:"sent_at"`
	}
	data struct {
		Properties map[string]any
		Set        map[string]any `json:"$set"`
	}
}

// sent is what a client's run left in Kafka, by event name.
type sent map[string][]clientEvent

func landed(t *testing.T, h *harness) sent {
	t.Helper()
	s := sent{}
	for topic, records := range h.fresh(t) {
		for _, r := range records {
			e := clientEvent{key: string(r.Key), topic: topic}
			require.NoError(t, json.Unmarshal(r.Value, &e.value), "%s", r.Value)
			require.NoError(t, json.Unmarshal([]byte(e.value.Data), &e.data), "%s", e.value.Data)
			s[e.value.Event] = append(s[e.value.Event], e)
		}
	}
	return s
}

func (s sent) one(t *testing.T, event string) clientEvent {
	t.Helper()
	require.Len(t, s[event], 1, event)
	return s[event][0]
}

// sample looks at the event whose every property is known.
func (s sent) sample(t *testing.T, lib, token string) {
	t.Helper()
	e := s.one(t, lib+" event")
	require.Equal(t, "main", e.topic)
	require.Equal(t, token, e.value.Token)
	require.Equal(t, token+":"+lib+"-user", e.key)
	require.Equal(t, 42.0, e.data.Properties["answer"])
	require.Equal(t, "a \"quoted\" – text\n", e.data.Properties["text"])
	require.Equal(t, map[string]any{"list": []any{1.0, 2.5, nil, true}}, e.data.Properties["nested"])
	require.Contains(t, e.data.Properties["$lib"], lib)
	require.Len(t, e.value.UUID, 36)
	// Where the client says when it sent the batch, its clock is far ahead of this service's, which stands in 2023.
	if e.value.SentAt == "" {
		require.Equal(t, "2023-01-01T10:00:00.123Z", e.value.Timestamp)
	}
}

func (s sent) bulk(t *testing.T, event string, n int) {
	t.Helper()
	require.Len(t, s[event], n)
	seen := map[float64]bool{}
	for _, e := range s[event] {
		seen[e.data.Properties["i"].(float64)] = true
	}
	require.Len(t, seen, n, "each event once")
}

func (s sent) identify(t *testing.T, event, email string) {
	t.Helper()
	e := s.one(t, event)
	set := e.data.Set
	if nested, ok := e.data.Properties["$set"].(map[string]any); ok {
		set = nested
	}
	require.Equal(t, email, set["email"])
}

func (s sent) others(t *testing.T) {
	t.Helper()
	require.NotEmpty(t, s.one(t, "$create_alias").data.Properties["alias"])
	group := s.one(t, "$groupidentify").data.Properties
	require.Equal(t, "acme", group["$group_key"])
	require.Equal(t, 5.0, group["$group_set"].(map[string]any)["seats"])
}

func (s sent) exception(t *testing.T, message string) {
	t.Helper()
	e := s.one(t, "$exception")
	require.Equal(t, "exceptions", e.topic)
	list := e.data.Properties["$exception_list"].([]any)
	require.Equal(t, message, list[0].(map[string]any)["value"])
}

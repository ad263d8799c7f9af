package featureflags_test

import (
	"bytes"
	"encoding/json"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// lines keeps what is logged; a service logs from many goroutines.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// take gives the canonical lines since the last call.
func (l *lines) take(t *testing.T) (found []map[string]any) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range bytes.Lines(l.buf.Bytes()) {
		var v map[string]any
		require.NoError(t, json.Unmarshal(line, &v))
		if v["msg"] == "canonical_log_line" {
			found = append(found, v)
		}
	}
	l.buf.Reset()
	return found
}

func TestCanonicalLine(t *testing.T) {
	var log lines
	h := setup(t, options{log: &log, env: []string{`FLAGS_TOKEN_RATE_LIMIT_OVERRIDES={"phc_2":"1/day"}`, "PARALLEL_EVAL_THRESHOLD=4"}})
	dynamic := `{"id":5,"team_id":1,"is_static":false,"deleted":false,"filters":{"properties":{"type":"OR","values":[{"key":"plan","type":"person","value":"pro"}]}}}`
	h.cacheDocument(t, 1, `{"flags":[`+numbered(1, []string{flagOn("cohort", `{"key":"id","type":"cohort","value":5}`)})[0]+`,
		{"id":7,"team_id":1,"key":"broken","active":true,"filters":{"groups":[{"properties":[{"key":"id","type":"cohort","value":99}]}]}},
		{"id":8,"team_id":1,"key":"cycle","active":true,"filters":{"groups":[{"properties":[{"key":"8","type":"flag","operator":"flag_evaluates_to","value":true}]}]}},
		{"id":9,"team_id":1,"key":"eec","active":true,"ensure_experience_continuity":true,"filters":{"groups":[{"rollout_percentage":50}]}}],"cohorts":[`+dynamic+`]}`)
	expect := func(t *testing.T, want map[string]any) {
		t.Helper()
		got := log.take(t)
		require.Len(t, got, 1)
		for name, value := range want {
			require.Contains(t, got[0], name)
			require.Equal(t, value, got[0][name], name)
		}
	}
	const id = "6a1f0c56-2b53-4f06-9d2e-0d8c7f8a1b22"
	r := h.post(t, "/flags?v=2&ver=5.1.0", ann, "X-Request-Id", id, "X-Forwarded-For", "192.0.2.7")
	require.Equal(t, id, r.json(t)["requestId"])
	t.Run("an evaluation", func(t *testing.T) {
		expect(t, map[string]any{
			"request_id": id, "team_id": 1., "distinct_id": "ann", "ip": "192.0.2.7", "user_agent": "posthog-node/5.0.0", "lib": "posthog-node", "lib_version": "5.1.0",
			"api_version": 2., "http_status": 200., "error_code": "", "rate_limited": false, "rate_limit_warned": false, "is_bot": false,
			"flags_evaluated": 3., "flags_errored": 1., "property_cache_hits": 0., "property_cache_misses": 1., "cohorts_evaluated": 1.,
			"hash_key_override_status": "empty", "evaluation_type": "parallel", "dependency_graph_errors": 1.,
		})
	})
	t.Run("a refusal", func(t *testing.T) {
		h.post(t, "/flags?v=2", `{"token":"phc_2","distinct_id":"u"}`)
		log.take(t)
		h.post(t, "/flags?v=2", `{"token":"phc_2","distinct_id":"u"}`)
		expect(t, map[string]any{"http_status": 429., "error_code": "rate_limit_exceeded", "rate_limited": true, "flags_evaluated": 0.})
	})
	t.Run("secrets stay out", func(t *testing.T) {
		h.post(t, "/flags?v=2", `{"token":"phc_3","distinct_id":"u","person_properties":{"email":"a@example.com"}}`)
		text := log.text()
		require.Contains(t, text, "canonical_log_line")
		require.NotContains(t, text, "phc_3")
		require.NotContains(t, text, "a@example.com")
	})
}

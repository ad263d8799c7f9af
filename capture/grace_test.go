package capture_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Events of a project whose quota is not enforced yet are taken, and counted under the quota that they are over.
func TestBillingGrace(t *testing.T) {
	grace := map[string]string{"grace events": "t", "grace llm_events": "t", "grace survey_responses": "t"}
	batch := `{"token":"t","batch":[` + strings.Join([]string{
		`{"event":"$pageview","distinct_id":"d"}`, `{"event":"$exception","distinct_id":"d"}`, `{"event":"survey sent","distinct_id":"d"}`,
		`{"event":"survey sent","distinct_id":"d","properties":{"$product_tour_id":"x"}}`,
	}, ",") + `]}`
	ai := form(formPart("event", aiEvent(`,"properties":{"$ai_model":"m"}`)))
	tests := map[string]struct {
		env, want []string // want has counts as resource=n
		quotas    map[string]string
		path      string
		headers   map[string]string
		body      string
	}{
		"v0":      {path: "/batch", body: batch, want: []string{"events=3", "surveys=1"}},
		"another": {path: "/batch", body: strings.Replace(batch, `"t"`, `"u"`, 1)},
		"v1": {path: v1Path, headers: v1Headers("Authorization: Bearer t"), env: []string{"CAPTURE_V1_ENABLED=true"},
			body: v1Batch(v1Event(1, "a", ""), v1Event(2, "survey sent", ""), v1Event(3, "survey sent", `"options":{"product_tour_id":"x"}`)), want: []string{"events=2", "surveys=1"}},
		"an AI form": {path: aiPath, headers: formHeaders(), body: ai, want: []string{"llm_events=1"}},
		"AI spans": {path: otelPath, headers: otelHeaders(), want: []string{"llm_events=1"},
			body: traces("", span(attr("gen_ai.operation.name", text("chat"))), span(attr("http.method", text("GET"))))},
		"recordings": {path: "/s", env: []string{"CAPTURE_MODE=recordings"}, quotas: map[string]string{"grace recordings": "t"}, want: []string{"recordings=1"},
			body: `[{"event":"$snapshot","properties":{"token":"t","distinct_id":"d","$session_id":"0190a9b6-3b1c-7c3a-9d64-6c2ff6a2c001","$snapshot_data":[{"type":2,"data":{},"timestamp":1}]}}]`},
		"what is enforced, is over quota": {path: "/batch", body: batch, want: []string{"surveys=1"},
			quotas: map[string]string{"grace events": "t", "grace survey_responses": "t", "events": "t"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if tt.quotas == nil {
				tt.quotas = grace
			}
			h := setup(t, options{env: tt.env, quotas: tt.quotas})
			status, text, _ := h.do(t, "POST", tt.path, tt.headers, tt.body)
			require.Equal(t, 200, status, text)
			_, text, _ = h.do(t, "GET", "/metrics", nil, "")
			var have []string
			for line := range strings.Lines(text) {
				if rest, ok := strings.CutPrefix(line, "capture_events_admitted_during_billing_grace_period_total{"); ok {
					_, resource, _ := strings.Cut(rest, `resource="`)
					resource, _, _ = strings.Cut(resource, `"`)
					have = append(have, resource+"="+strings.TrimSpace(rest[strings.LastIndexByte(rest, ' '):]))
				}
			}
			require.Equal(t, tt.want, have)
		})
	}
}

package featureflags_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestConfigMembers(t *testing.T) {
	h := setup(t, options{env: []string{"FLAGS_SESSION_REPLAY_QUOTA_CHECK=true", "BILLING_LIMITER_CACHE_TTL_SECS=1"}})
	h.cacheFlags(t, 1, onFlag)
	ask := func(t *testing.T, header ...string) map[string]any {
		return h.post(t, "/flags?v=2&config=true", ann, header...).json(t)
	}
	t.Run("row 133 not in the cache", func(t *testing.T) {
		got := ask(t)
		require.Equal(t, true, got["hasFeatureFlags"])
		require.NotContains(t, got, "token")
		require.Len(t, got, 4+10)
	})
	h.cacheConfig(t, "phc_1", `{"heatmaps":true,"quotaLimited":["recordings","events"],"sessionRecording":{"endpoint":"/s/","domains":["https://app.acme.io"]}}`)
	t.Run("row 130 page that may be recorded", func(t *testing.T) {
		got := ask(t, "Origin", "https://app.acme.io")
		require.Equal(t, map[string]any{"endpoint": "/s/"}, got["sessionRecording"])
		require.Equal(t, true, got["heatmaps"])
		require.Equal(t, []any{"events"}, got["quotaLimited"])
	})
	t.Run("row 130 page that may not", func(t *testing.T) {
		got := ask(t, "Origin", "https://evil.io")
		require.Equal(t, false, got["sessionRecording"])
		require.Equal(t, "domain_not_allowed", got["sessionRecordingDisabledReason"])
	})
	t.Run("no flags wanted", func(t *testing.T) {
		got := h.post(t, "/flags?v=2&config=true", `{"token":"phc_1","disable_flags":true}`).json(t)
		require.Equal(t, true, got["heatmaps"])
		require.Empty(t, got["flags"])
	})
	h.redis.ZAdd(t.Context(), "@posthog/quota-limits/recordings", member("phc_1"))
	h.redis.ZAdd(t.Context(), "@posthog/quota-limits/feature_flag_requests", member("phc_2"))
	require.Eventually(t, func() bool {
		return h.metric(t, "feature_flags_billing_limits_loaded_tokens", "") == 2
	}, 10*time.Second, 5*time.Millisecond)
	t.Run("row 132 over the quota of recordings", func(t *testing.T) {
		got := ask(t, "Origin", "https://app.acme.io")
		require.Equal(t, false, got["sessionRecording"])
		require.Equal(t, "quota_limited", got["sessionRecordingDisabledReason"])
		require.Equal(t, []any{"recordings", "events"}, got["quotaLimited"])
	})
	h.cacheFlags(t, 2, onFlag)
	t.Run("row 127 over the quota of flags", func(t *testing.T) {
		const bob = `{"token":"phc_2","distinct_id":"bob"}`
		v2 := h.post(t, "/flags?v=2", bob)
		require.Empty(t, v2.flags(t))
		require.False(t, v2.errors(t))
		require.Equal(t, []any{"feature_flags"}, v2.json(t)["quotaLimited"])
		one := h.post(t, "/flags?v=1&config=false", bob, decideFrom, "decide").json(t)
		require.Equal(t, []any{}, one["featureFlags"])
		require.Equal(t, []any{"feature_flags"}, one["quotaLimited"])
		require.Equal(t, []any{"feature_flags"}, h.post(t, "/flags?v=2&config=true", bob).json(t)["quotaLimited"])
	})
}

func TestBilling(t *testing.T) {
	h := setup(t, options{env: []string{"INTERNAL_REQUEST_TOKEN=inside"}})
	counts := func(t *testing.T, key string) map[string]string {
		return h.redis.HGetAll(t.Context(), key).Val()
	}
	h.cacheFlags(t, 1, `"key":"survey-targeting-a","filters":{"groups":[{}]}`, `"key":"product-tour-targeting-a","filters":{"groups":[{}]}`)
	h.post(t, "/flags?v=2", ann)
	h.cacheFlags(t, 2, `"key":"survey-targeting-a","filters":{"groups":[{}]}`, `"key":"x","filters":{"groups":[{}]}`)
	h.post(t, "/flags?v=2", `{"token":"phc_2","distinct_id":"a"}`)
	h.post(t, "/flags?v=2", `{"token":"phc_2","distinct_id":"b"}`)
	h.post(t, "/flags?v=2", `{"token":"phc_2","distinct_id":"b","disable_flags":true}`)
	h.cacheFlags(t, 3, `"key":"pre-survey-targeting-a","filters":{"groups":[{}]}`)
	h.post(t, "/flags?v=2", `{"token":"phc_3","distinct_id":"c"}`, "User-Agent", "Mozilla/5.0")
	h.post(t, "/flags?v=2", `{"token":"phc_2","distinct_id":"b"}`, "Authorization", inside) // free
	require.NoError(t, h.stop())                                                            // the last counts are written at the stop
	field := fmt.Sprint(time.Date(2024, 6, 1, 12, 0, 0, 0, time.UTC).Unix() / 120)
	t.Run("row 63 surveys alone are free", func(t *testing.T) { require.Empty(t, counts(t, "posthog:decide_requests:1")) })
	t.Run("row 63 surveys and another", func(t *testing.T) {
		require.Equal(t, map[string]string{field: "2"}, counts(t, "posthog:decide_requests:2"))
		require.Equal(t, map[string]string{field: "2"}, counts(t, "posthog:decide_requests:sdk:2:posthog-node"))
	})
	t.Run("row 63 a key that only contains the prefix", func(t *testing.T) {
		require.Equal(t, map[string]string{field: "1"}, counts(t, "posthog:decide_requests:3"))
		require.Equal(t, map[string]string{field: "1"}, counts(t, "posthog:decide_requests:sdk:3:posthog-js"))
	})
}

func TestBots(t *testing.T) {
	const bot, crawler = "Mozilla/5.0 (compatible; ExampleBot/1.0)", "66.249.66.1"
	const body = `{"token":"phc_unknown","distinct_id":"u"}`
	t.Run("enforced", func(t *testing.T) {
		h := setup(t, options{env: []string{"BOT_FILTER_MODE=enforced"}})
		t.Run("row 139 by the user agent", func(t *testing.T) {
			got := h.post(t, "/flags?v=2", body, "User-Agent", bot).json(t)
			require.Empty(t, got["flags"])
			require.Contains(t, got, "supportedCompression")
		})
		t.Run("row 139 by the address", func(t *testing.T) {
			got := h.post(t, "/flags", body, "User-Agent", "posthog-python/3", "X-Forwarded-For", crawler).json(t)
			require.Empty(t, got["featureFlags"])
			require.Contains(t, got, "featureFlagPayloads")
		})
		t.Run("decide", func(t *testing.T) {
			require.Equal(t, []any{}, h.post(t, "/flags", body, "User-Agent", bot, decideFrom, "decide").json(t)["featureFlags"])
		})
	})
	t.Run("row 139 log only", func(t *testing.T) {
		h := setup(t, options{env: []string{"BOT_FILTER_MODE=log_only"}})
		require.Equal(t, 401, h.post(t, "/flags?v=2", body, "User-Agent", bot).status)
		require.EqualValues(t, 1, h.metric(t, "flags_bot_detected_total", `mode="log_only"`))
	})
}

func TestRateLimits(t *testing.T) {
	const warning = "X-Posthog-Rate-Limit-Warning"
	token := []string{"FLAGS_RATE_LIMIT_ENABLED=true", "FLAGS_BUCKET_CAPACITY=5", "FLAGS_BUCKET_REPLENISH_RATE=0.000001"}
	fire := func(t *testing.T, h *harness, header ...string) (statuses []int, warned []bool) {
		for range 6 {
			r := h.post(t, "/flags?v=2", ann, header...)
			statuses = append(statuses, r.status)
			warned = append(warned, r.header.Get(warning) == "true")
			if r.status == 429 {
				require.JSONEq(t, `{"type":"validation_error","code":"rate_limit_exceeded","detail":"Rate limit exceeded","attr":null}`, r.body)
			}
		}
		return statuses, warned
	}
	t.Run("row 140 enforcing", func(t *testing.T) {
		h := setup(t, options{env: append(token, "FLAGS_RATE_LIMIT_LOG_ONLY=false")})
		h.cacheFlags(t, 1, onFlag)
		statuses, warned := fire(t, h)
		require.Equal(t, []int{200, 200, 200, 200, 200, 429}, statuses)
		require.Equal(t, []bool{false, false, false, false, true, false}, warned)
		require.Equal(t, 200, h.post(t, "/flags?v=2", `{"token":"phc_2","distinct_id":"a"}`).status, "another token")
		require.Equal(t, 200, h.post(t, "/flags?v=2", gzipped(ann)).status, "a packed body counts for its address")
	})
	t.Run("row 140 log only", func(t *testing.T) {
		h := setup(t, options{env: token})
		statuses, warned := fire(t, h)
		require.Equal(t, []int{200, 200, 200, 200, 200, 200}, statuses)
		require.Equal(t, []bool{false, false, false, false, true, true}, warned)
	})
	t.Run("row 141 limit of a single token", func(t *testing.T) {
		h := setup(t, options{env: []string{`FLAGS_TOKEN_RATE_LIMIT_OVERRIDES={"phc_1":"2/minute"}`}})
		statuses, warned := fire(t, h)
		require.Equal(t, []int{200, 200, 429, 429, 429, 429}, statuses)
		require.Equal(t, make([]bool, 6), warned)
		require.Equal(t, 200, h.post(t, "/flags?v=2", `{"token":"phc_2","distinct_id":"a"}`).status)
	})
	t.Run("addresses", func(t *testing.T) {
		h := setup(t, options{env: []string{"FLAGS_IP_RATE_LIMIT_ENABLED=true", "FLAGS_IP_BURST_SIZE=5", "FLAGS_IP_REPLENISH_RATE=0.000001", "FLAGS_IP_RATE_LIMIT_LOG_ONLY=false", "BOT_FILTER_MODE=enforced"}})
		statuses, _ := fire(t, h, "X-Forwarded-For", "66.249.66.1")
		require.Equal(t, []int{200, 200, 200, 200, 200, 429}, statuses, "bots are limited, too")
		require.Equal(t, 200, h.post(t, "/flags?v=2", ann, "X-Forwarded-For", "192.0.2.9").status)
	})
}

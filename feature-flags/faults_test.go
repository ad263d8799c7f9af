package featureflags_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	textDatabase = "Our database service is currently unavailable. This is likely a temporary issue. Please try again later."
	textTimeout  = "The request timed out. This could be due to high load or network issues. Please try again later."
)

// limits make the time limits short, so that a test can wait for them.
var limits = []string{"ACQUIRE_TIMEOUT_SECS=1", "NON_PERSONS_READER_STATEMENT_TIMEOUT_MS=300", "PERSONS_READER_STATEMENT_TIMEOUT_MS=300", "WRITER_STATEMENT_TIMEOUT_MS=300"}

// within fails a test in which f takes longer.
func within(t *testing.T, limit time.Duration, f func()) {
	t.Helper()
	begun := time.Now()
	f()
	require.Less(t, time.Since(begun), limit)
}

// three are a flag that needs a person's row, one that does not, and one that keeps its variants.
var three = []string{
	flagOn("plan", `{"key":"plan","type":"person","value":"pro"}`), onFlag,
	`"key":"eec","ensure_experience_continuity":true,"filters":{"groups":[{"rollout_percentage":50}]}`,
}

func TestPersonsDatabaseDown(t *testing.T) {
	h := setup(t, options{apart: true, env: limits})
	h.person(t, 1, "ann", `{"plan":"pro"}`)
	h.cacheFlags(t, 1, three...)
	const sent = `{"token":"phc_1","distinct_id":"ann","person_properties":{"plan":"pro"}}`
	healthy := func(t *testing.T) {
		t.Helper()
		r := h.post(t, "/flags?v=2", ann)
		require.False(t, r.errors(t), r.body)
		require.True(t, r.flags(t)["plan"].Enabled)
	}
	healthy(t)
	for name, fault := range map[string]func(){"gone": h.personsWire.cut, "slow": func() { h.personsWire.slow(2 * time.Second) }} {
		t.Run(name, func(t *testing.T) {
			fault()
			defer h.personsWire.mend()
			within(t, 6*time.Second, func() {
				r := h.post(t, "/flags?v=2", ann)
				require.True(t, r.errors(t), r.body)
				flags := r.flags(t)
				t.Run("row 128 a flag that needs a row", func(t *testing.T) {
					require.True(t, flags["plan"].Failed)
					require.Regexp(t, "^(timeout:|database_)", flags["plan"].Reason.Code)
				})
				t.Run("row 128 a flag that needs none", func(t *testing.T) { require.True(t, flags["on"].Enabled) })
				t.Run("row 129 overrides cannot be read", func(t *testing.T) {
					require.Equal(t, "hash_key_override_error", flags["eec"].Reason.Code)
				})
			})
			t.Run("row 128 the property is sent", func(t *testing.T) {
				within(t, 6*time.Second, func() {
					flags := h.post(t, "/flags?v=2", sent).flags(t)
					require.True(t, flags["plan"].Enabled)
				})
			})
			t.Run("row 142 probes", func(t *testing.T) {
				within(t, 4*time.Second, func() {
					live := h.do(t, "GET", "/_liveness", "")
					require.Equal(t, 200, live.status)
					require.Equal(t, "ok", live.body)
					ready := h.do(t, "GET", "/_readiness", "")
					require.Equal(t, 503, ready.status)
					require.Contains(t, ready.body, "persons_reader")
				})
			})
		})
		t.Run(name+", then back", func(t *testing.T) {
			require.Eventually(t, func() bool { return h.do(t, "GET", "/_readiness", "").status == 200 }, 10*time.Second, 50*time.Millisecond)
			healthy(t)
		})
	}
}

func TestMainDatabaseDown(t *testing.T) {
	h := setup(t, options{apart: true, env: limits})
	h.cacheFlags(t, 1, onFlag)
	require.True(t, h.post(t, "/flags?v=2", ann).flags(t)["on"].Enabled)
	require.NoError(t, h.caches.Set(t.Context(), "posthog:1:cache/team_tokens/phc_1/team_metadata/full_metadata.json", `{"id":1,"uuid":"x","api_token":"phc_1","project_id":1,"timezone":"UTC"}`, 0))
	for name, fault := range map[string]struct {
		begin func()
		text  string
	}{"gone": {h.mainWire.cut, textDatabase}, "slow": {func() { h.mainWire.slow(2 * time.Second) }, textTimeout}} {
		t.Run(name, func(t *testing.T) {
			fault.begin()
			defer h.mainWire.mend()
			within(t, 4*time.Second, func() {
				require.True(t, h.post(t, "/flags?v=2", ann).flags(t)["on"].Enabled, "caches are enough")
			})
			t.Run("row 123 a valid token that is nowhere cached", func(t *testing.T) {
				within(t, 4*time.Second, func() {
					r := h.post(t, "/flags?v=2", `{"token":"phc_2","distinct_id":"a"}`)
					require.Equal(t, 503, r.status, r.body)
					require.Equal(t, fault.text, r.body)
				})
			})
		})
		t.Run("row 123 "+name+", then back", func(t *testing.T) {
			require.Eventually(t, func() bool {
				return h.post(t, "/flags?v=2", `{"token":"phc_2","distinct_id":"a"}`).status == 200
			}, 10*time.Second, 50*time.Millisecond)
		})
	}
	t.Run("row 123 unknown token twice", func(t *testing.T) {
		const body = `{"token":"phc_none","distinct_id":"a"}`
		before := h.metric(t, "flags_db_team_reads_total", "")
		require.Equal(t, 401, h.post(t, "/flags?v=2", body).status)
		require.Equal(t, 401, h.post(t, "/flags?v=2", body).status)
		require.Equal(t, before+1, h.metric(t, "flags_db_team_reads_total", ""))
	})
}

func TestRedisDown(t *testing.T) {
	h := setup(t, options{env: append([]string{"BILLING_SHUTDOWN_FLUSH_TIMEOUT_MS=2000"}, limits...)})
	h.exec(t, `INSERT INTO posthog_featureflag (team_id, key, filters) VALUES (1, 'from-table', '{"groups":[{}]}')`)
	h.cacheFlags(t, 1, onFlag)
	require.Contains(t, h.post(t, "/flags?v=2", ann).flags(t), "on")
	for name, fault := range map[string]func(){"gone": h.redisWire.cut, "slow": func() { h.redisWire.slow(2 * time.Second) }} {
		t.Run(name, func(t *testing.T) {
			fault()
			within(t, 3*time.Second, func() {
				r := h.post(t, "/flags?v=2&config=true", ann)
				require.Contains(t, r.flags(t), "from-table", "the tables have what caches cannot say")
				require.False(t, r.errors(t))
				require.Equal(t, true, r.json(t)["hasFeatureFlags"], "and the configuration is the fallback")
			})
			h.redisWire.mend()
			require.Eventually(t, func() bool { _, ok := h.post(t, "/flags?v=2", ann).flags(t)["on"]; return ok }, 10*time.Second, 20*time.Millisecond)
		})
	}
	t.Run("both", func(t *testing.T) {
		h.redisWire.cut()
		h.mainWire.slow(2 * time.Second)
		within(t, 4*time.Second, func() { require.Equal(t, 503, h.post(t, "/flags?v=2", ann).status) })
		h.mainWire.cut()
		within(t, 3*time.Second, func() {
			r := h.post(t, "/flags?v=2", ann)
			require.Equal(t, 503, r.status)
			require.Equal(t, textDatabase, r.body)
		})
		h.mainWire.mend()
		h.redisWire.mend()
		require.Eventually(t, func() bool {
			r := h.post(t, "/flags?v=2", ann)
			return r.status == http.StatusOK && r.flags(t)["on"].Enabled
		}, 10*time.Second, 20*time.Millisecond)
	})
	t.Run("no billing count is lost", func(t *testing.T) {
		require.NoError(t, h.stop())
		var sum float64
		for _, key := range h.redis.Keys(t.Context(), "posthog:decide_requests:1").Val() {
			for _, n := range h.redis.HVals(t.Context(), key).Val() {
				v, err := strconv.ParseFloat(n, 64)
				require.NoError(t, err)
				sum += v
			}
		}
		require.GreaterOrEqual(t, sum, 6.)
	})
}

func TestNothingThereAtStart(t *testing.T) {
	h := setup(t, options{env: limits})
	h.mainWire.cut()
	h.redisWire.cut()
	require.NoError(t, h.stop())
	h.start(t, []string{
		"READ_DATABASE_URL=postgres://u:p@" + h.mainWire.listener.Addr().String() + "/x", "WRITE_DATABASE_URL=postgres://u:p@" + h.mainWire.listener.Addr().String() + "/x",
		"REDIS_URL=redis://" + h.redisWire.listener.Addr().String(), "OBJECT_STORAGE_BUCKET=", "ACQUIRE_TIMEOUT_SECS=1",
	}, options{})
	require.Equal(t, 503, h.post(t, "/flags?v=2", ann).status)
	require.Equal(t, 200, h.do(t, "GET", "/_liveness", "").status)
	require.Equal(t, 503, h.do(t, "GET", "/_readiness", "").status)
	require.Equal(t, 200, h.do(t, "GET", "/_startup", "").status)
}

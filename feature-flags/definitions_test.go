package featureflags_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/fernet/fernet-go"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/feature-flags/internal/auth"
)

const (
	definitionsKey = "posthog:1:cache/teams/1/feature_flags/flags_with_cohorts.json"
	sdkDocument    = `{"flags":[{"key":"x","filters":{"groups":[{"rollout_percentage":12.5}]}}],"group_type_mapping":{},"cohorts":{},"new":1.0}`
)

// definitionsWorld is a service with a document for team 1, whose secret is phs_1 (phs_2 for team 2).
func definitionsWorld(t *testing.T, env ...string) *harness {
	t.Helper()
	h := setup(t, options{env: env})
	h.exec(t, `UPDATE posthog_team SET secret_api_token = 'phs_' || id`)
	require.NoError(t, h.caches.Set(t.Context(), definitionsKey, sdkDocument, 0))
	require.NoError(t, h.caches.Set(t.Context(), definitionsKey+":etag", "a1b2", 0))
	return h
}

func TestDefinitions(t *testing.T) {
	h := definitionsWorld(t, `LOCAL_EVAL_RATE_LIMITS={"2":"1/day"}`)
	bearer := func(key string) []string { return []string{"Authorization", "Bearer " + key} }
	for _, path := range []string{"/flags/definitions", "/flags/definitions/", "/api/feature_flag/local_evaluation", "/api/feature_flag/local_evaluation/"} {
		r := h.do(t, "GET", path+"?token=phc_1&send_cohorts", "", bearer("phs_1")...)
		require.Equal(t, 200, r.status, r.body)
		require.Equal(t, sdkDocument, r.body)
		require.Equal(t, `W/"a1b2"`, r.header.Get("ETag"))
	}
	t.Run("row 64 the same version", func(t *testing.T) {
		r := h.do(t, "GET", "/flags/definitions?token=phc_1", "", append(bearer("phs_1"), "If-None-Match", `W/"a1b2"`)...)
		require.Equal(t, 304, r.status)
		require.Empty(t, r.body)
	})
	t.Run("row 134 access", func(t *testing.T) {
		require.Equal(t, 401, h.do(t, "GET", "/flags/definitions?token=phc_1", "").status)
		r := h.do(t, "GET", "/flags/definitions?token=phc_1", "", bearer("phs_2")...)
		require.Equal(t, 401, r.status)
		require.Equal(t, `{"type":"authentication_error","code":"authentication_failed","detail":"Secret API token is invalid.","attr":null}`, r.body)
		r = h.do(t, "DELETE", "/flags/definitions", "")
		require.Equal(t, 405, r.status)
		require.Equal(t, "GET, OPTIONS, HEAD", r.header.Get("Allow"))
		require.Equal(t, 204, h.do(t, "OPTIONS", "/flags/definitions", "").status)
		require.Equal(t, 200, h.do(t, "HEAD", "/flags/definitions", "").status)
	})
	t.Run("row 135 no document", func(t *testing.T) {
		r := h.do(t, "GET", "/flags/definitions?token=phc_2", "", bearer("phs_2")...)
		require.Equal(t, 503, r.status)
		require.Equal(t, "A service dependency is temporarily unavailable. This is likely a temporary issue. Please try again later.", r.body)
		require.Equal(t, 429, h.do(t, "GET", "/flags/definitions?token=phc_2", "", bearer("phs_2")...).status, "one a day")
	})
	t.Run("unknown token", func(t *testing.T) {
		require.Equal(t, 401, h.do(t, "GET", "/flags/definitions?token=phc_x", "", bearer("phs_1")...).status)
	})
	t.Run("billing", func(t *testing.T) {
		// Four answers with the document; what was not modified, refused or missing is free.
		require.Eventually(t, func() bool {
			fields, err := h.redis.HGetAll(t.Context(), "posthog:local_evaluation_requests:1").Result()
			require.NoError(t, err)
			sdk, err := h.redis.HGetAll(t.Context(), "posthog:local_evaluation_requests:sdk:1:posthog-node").Result()
			require.NoError(t, err)
			return sumOf(t, fields) == 4 && sumOf(t, sdk) == 4
		}, 10*time.Second, 10*time.Millisecond)
	})
}

// sumOf adds up the counts of a billing hash, which has a field for each two minutes.
func sumOf(t *testing.T, fields map[string]string) (sum int) {
	t.Helper()
	for _, count := range fields {
		n, err := strconv.Atoi(count)
		require.NoError(t, err)
		sum += n
	}
	return sum
}

func TestDefinitionsOverQuota(t *testing.T) {
	h := definitionsWorld(t, "BILLING_LIMITER_CACHE_TTL_SECS=1")
	require.NoError(t, h.redis.ZAdd(t.Context(), "@posthog/quota-limits/feature_flag_requests", member("phc_1")).Err())
	require.Eventually(t, func() bool {
		return h.do(t, "GET", "/flags/definitions?token=phc_1", "", "Authorization", "Bearer phs_1").status == 402
	}, 10*time.Second, 50*time.Millisecond)
}

// What needs no database goes on without it; a credential that Redis knows needs none.
func TestDefinitionsWhileServersAreDown(t *testing.T) {
	h := definitionsWorld(t)
	require.NoError(t, h.caches.Set(t.Context(), "posthog:1:cache/team_tokens/phc_1/team_metadata/full_metadata.json",
		`{"id":1,"project_id":1,"organization_id":"`+org+`","api_token":"phc_1","timezone":"UTC"}`, 0))
	ask := func(key string) int {
		return h.do(t, "GET", "/flags/definitions?token=phc_1", "", "Authorization", "Bearer "+key).status
	}
	require.Equal(t, 200, ask("phs_1"))
	h.mainWire.cut()
	require.Equal(t, 200, ask("phs_1"))
	require.Equal(t, 503, ask("phs_other"), "nobody knows whether it is valid")
	h.mainWire.mend()
	require.Eventually(t, func() bool { return ask("phs_other") == 401 }, 10*time.Second, 50*time.Millisecond)
	h.redisWire.cut()
	require.Equal(t, 503, ask("phs_1"), "there is no other source of the document")
	h.redisWire.mend()
	require.Eventually(t, func() bool { return ask("phs_1") == 200 }, 10*time.Second, 50*time.Millisecond)
}

// A personal key opens what the main app encrypted with its own secret, and it shows that it is in use.
func TestEncryptedRemoteConfig(t *testing.T) {
	var key fernet.Key
	require.NoError(t, key.Generate())
	sealed, err := fernet.EncryptAndSign([]byte("hidden"), &key)
	require.NoError(t, err)
	h := definitionsWorld(t, "SECRET_KEY="+key.Encode())
	h.exec(t, `INSERT INTO posthog_featureflag (team_id, key, is_remote_configuration, has_encrypted_payloads, filters)
		VALUES (1, 'limits', true, true, jsonb_build_object('payloads', jsonb_build_object('true', $1::text)))`, string(sealed))
	h.exec(t, `INSERT INTO posthog_user (id, email) VALUES (1, 'a@b.c')`)
	h.exec(t, `INSERT INTO posthog_organizationmembership (organization_id, user_id) VALUES ($1, 1)`, org)
	h.exec(t, `INSERT INTO posthog_personalapikey (id, user_id, label, secure_value, scopes) VALUES ('k1', 1, 'l', $1, '{feature_flag:read}')`, auth.Hash("phx_1"))
	r := h.do(t, "GET", "/api/projects/1/feature_flags/limits/remote_config", "", "Authorization", "Bearer phx_1")
	require.Equal(t, 200, r.status, r.body)
	require.Equal(t, `"hidden"`, r.body)
	require.Eventually(t, func() bool {
		var used bool
		require.NoError(t, h.db.GetContext(t.Context(), &used, `SELECT last_used_at IS NOT NULL FROM posthog_personalapikey WHERE id = 'k1'`))
		return used
	}, 10*time.Second, 10*time.Millisecond)
	require.Equal(t, "1", h.redis.Get(t.Context(), "posthog:pak_last_used:k1").Val())
}

func TestRemoteConfigRoute(t *testing.T) {
	h := definitionsWorld(t)
	h.exec(t, `INSERT INTO posthog_featureflag (team_id, key, is_remote_configuration, filters) VALUES (1, 'limits', true, '{"payloads":{"true":"{\"a\":1}"}}')`)
	for _, path := range []string{"/api/projects/1/feature_flags/limits/remote_config", "/api/projects/@current/feature_flags/limits/remote_config/?token=phc_1"} {
		r := h.do(t, "GET", path, "", "Authorization", "Bearer phs_1")
		require.Equal(t, 200, r.status, r.body)
		require.Equal(t, `"{\"a\":1}"`, r.body)
	}
	require.Equal(t, 403, h.do(t, "GET", "/api/projects/1/feature_flags/limits/remote_config", "", "Authorization", "Bearer phs_2").status)
	require.Equal(t, 401, h.do(t, "GET", "/api/projects/1/feature_flags/limits/remote_config", "").status)
	h.mainWire.cut()
	require.Equal(t, 503, h.do(t, "GET", "/api/projects/1/feature_flags/limits/remote_config", "", "Authorization", "Bearer phs_1").status)
	h.mainWire.mend()
}

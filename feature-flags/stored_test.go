package featureflags_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/blob"
	"github.com/hog-go/hog/common/config"
	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/common/testkit"
)

// flagOn is a flag with one condition set of properties.
func flagOn(key, properties string) string {
	return fmt.Sprintf(`"key":%q,"filters":{"groups":[{"properties":[%s]}]}`, key, properties)
}

// Stored: what the databases know of persons, groups and cohorts.
func TestStored(t *testing.T) {
	h := setup(t, options{apart: true})
	pro := h.person(t, 1, "pro", `{"plan":"pro","utm_source":"y","created_at":"2030-01-01"}`)
	h.person(t, 2, "pro2", `{"plan":"other team"}`)
	h.execPersons(t, `INSERT INTO posthog_cohortpeople (cohort_id, person_id) VALUES (10, $1)`, pro)
	h.execPersons(t, `INSERT INTO posthog_grouptypemapping (team_id, project_id, group_type, group_type_index) VALUES (1, 1, 'organization', 0), (1, 1, 'project', 1)`)
	h.execPersons(t, `INSERT INTO posthog_group (team_id, group_key, group_type_index, group_properties) VALUES (1, 'globex', 0, '{"tier":"gold"}'), (1, 'x', 1, '{"tier":"silver"}'), (1, 'globex', 1, '{"tier":"wrong"}')`)

	cohorts := `[{"id":10,"team_id":1,"is_static":true,"deleted":false,"filters":{"properties":{}},"groups":[]},
		{"id":11,"team_id":1,"is_static":false,"deleted":false,"groups":[],"filters":{"properties":{"type":"OR","values":[{"type":"OR","values":[{"key":"id","type":"cohort","value":10}]}]}}}]`
	cache := func(t *testing.T, flags ...string) {
		t.Helper()
		document := `{"flags":[`
		for i, f := range numbered(1, flags) {
			if i > 0 {
				document += ","
			}
			document += f
		}
		h.cacheDocument(t, 1, document+`],"cohorts":`+cohorts+`}`)
	}
	ask := func(t *testing.T, more string) map[string]record {
		t.Helper()
		r := h.post(t, "/flags?v=2", `{"token":"phc_1",`+more+`}`)
		require.False(t, r.errors(t), r.body)
		return r.flags(t)
	}
	t.Run("a stored property", func(t *testing.T) {
		cache(t, flagOn("f", `{"key":"plan","type":"person","value":"pro"}`))
		require.True(t, ask(t, `"distinct_id":"pro"`)["f"].Enabled)
		require.False(t, ask(t, `"distinct_id":"nobody"`)["f"].Enabled)
		require.False(t, ask(t, `"distinct_id":"pro2"`)["f"].Enabled, "another team's person")
		require.False(t, ask(t, `"distinct_id":"pro","person_properties":{"plan":"free"}`)["f"].Enabled, "the request wins")
		require.False(t, h.post(t, "/flags?v=2&only_use_override_person_properties=true", `{"token":"phc_1","distinct_id":"pro"}`).flags(t)["f"].Enabled)
	})
	t.Run("row 86 nobody there", func(t *testing.T) {
		cache(t, flagOn("f", `{"key":"plan","type":"person","operator":"is_not","value":"pro"}`))
		require.True(t, ask(t, `"distinct_id":"nobody"`)["f"].Enabled)
	})
	t.Run("row 89 a stored source of the initial one", func(t *testing.T) {
		cache(t, flagOn("f", `{"key":"$initial_utm_source","type":"person","value":"x"}`))
		require.True(t, ask(t, `"distinct_id":"nobody","person_properties":{"utm_source":"x"}`)["f"].Enabled)
	})
	t.Run("row 118 time of the row", func(t *testing.T) {
		cache(t, flagOn("f", `{"key":"created_at","type":"person_metadata","operator":"is_date_before","value":"2024-06-01"}`))
		require.True(t, ask(t, `"distinct_id":"pro"`)["f"].Enabled)
	})
	t.Run("row 51 static cohort, and one that holds it", func(t *testing.T) {
		cache(t, flagOn("static", `{"key":"id","type":"cohort","value":10}`), flagOn("dynamic", `{"key":"id","type":"cohort","value":11}`))
		flags := ask(t, `"distinct_id":"pro"`)
		require.True(t, flags["static"].Enabled)
		require.True(t, flags["dynamic"].Enabled)
		flags = ask(t, `"distinct_id":"nobody"`)
		require.False(t, flags["static"].Enabled)
		require.False(t, flags["dynamic"].Enabled)
	})
	t.Run("row 50 not in a static cohort, person unknown", func(t *testing.T) {
		cache(t, flagOn("f", `{"key":"id","type":"cohort","operator":"not_in","value":10}`))
		require.True(t, ask(t, `"distinct_id":"nobody"`)["f"].Enabled)
		require.False(t, ask(t, `"distinct_id":"pro"`)["f"].Enabled)
	})
	t.Run("row 84 key of a group", func(t *testing.T) {
		cache(t, flagOn("f", `{"key":"$group_key","type":"group","group_type_index":0,"value":"globex"}`))
		require.True(t, ask(t, `"distinct_id":"pro","groups":{"organization":"globex"}`)["f"].Enabled)
		require.False(t, ask(t, `"distinct_id":"pro"`)["f"].Enabled)
	})
	t.Run("properties of the group with index and key", func(t *testing.T) {
		cache(t, flagOn("gold", `{"key":"tier","type":"group","group_type_index":0,"value":"gold"}`), flagOn("silver", `{"key":"tier","type":"group","group_type_index":1,"value":"silver"}`))
		flags := ask(t, `"distinct_id":"pro","groups":{"organization":"globex","project":"x"}`)
		require.True(t, flags["gold"].Enabled)
		require.True(t, flags["silver"].Enabled)
		require.False(t, ask(t, `"distinct_id":"pro","groups":{"organization":"globex"},"group_properties":{"organization":{"tier":"iron"}}`)["gold"].Enabled)
	})
	t.Run("row 41 group flag, the mapping comes from the table", func(t *testing.T) {
		cache(t, `"key":"org-flag","filters":{"aggregation_group_type_index":0,"groups":[{"rollout_percentage":50}]}`)
		require.True(t, ask(t, `"distinct_id":"pro","groups":{"organization":"amazon"}`)["org-flag"].Enabled)
		require.False(t, ask(t, `"distinct_id":"pro","groups":{"organization":42}`)["org-flag"].Enabled)
		require.Equal(t, "no_group_type", ask(t, `"distinct_id":"pro"`)["org-flag"].Reason.Code)
	})
}

// Tables: flags that no cache has.
func TestTables(t *testing.T) {
	h := setup(t, options{})
	insert := func(team int, key, filters string, active bool) (id int) {
		require.NoError(t, h.db.GetContext(t.Context(), &id, `INSERT INTO posthog_featureflag (team_id, key, filters, active, version) VALUES ($1, $2, $3, $4, 4) RETURNING id`, team, key, filters, active))
		return id
	}
	base := insert(1, "base", `{"groups":[{}],"payloads":{"true":"P"}}`, true)
	insert(1, "child", fmt.Sprintf(`{"groups":[{"properties":[{"key":"%d","type":"flag","operator":"flag_evaluates_to","value":true}]}]}`, base), true)
	insert(1, "inactive", `{"groups":[{}]}`, false)
	tagged := insert(1, "tagged", `{"groups":[{}]}`, true)
	insert(1, "cohort", `{"groups":[{"properties":[{"key":"id","type":"cohort","value":7}]}]}`, true)
	insert(2, "other-team", `{"groups":[{}]}`, true)
	h.exec(t, `INSERT INTO posthog_cohort (id, team_id, filters) VALUES (7, 1, '{"properties":{"type":"AND","values":[{"key":"plan","type":"person","value":"pro"}]}}')`)
	h.exec(t, `WITH tag AS (INSERT INTO posthog_tag (name, team_id) VALUES ('docs', 1) RETURNING id) INSERT INTO posthog_featureflagevaluationtag (feature_flag_id, tag_id) SELECT $1, id FROM tag`, tagged)
	h.exec(t, `INSERT INTO posthog_experiment (team_id, feature_flag_id, name) VALUES (1, $1, 'e')`, base)

	r := h.post(t, "/flags?v=2", `{"token":"phc_1","distinct_id":"a","person_properties":{"plan":"pro"}}`)
	require.False(t, r.errors(t), r.body)
	flags := r.flags(t)
	require.Len(t, flags, 4, r.body)
	require.True(t, flags["child"].Enabled, "a flag that depends on another is evaluated after it")
	require.True(t, flags["cohort"].Enabled)
	require.Equal(t, map[string]any{"id": float64(base), "version": 4., "description": nil, "payload": "P", "has_experiment": true}, flags["base"].Metadata)
	t.Run("row 62 contexts", func(t *testing.T) {
		for contexts, want := range map[string]bool{`["app"]`: false, `["docs","app"]`: true, `[]`: true} {
			flags := h.post(t, "/flags?v=2", `{"token":"phc_1","distinct_id":"a","evaluation_contexts":`+contexts+`}`).flags(t)
			require.Equal(t, want, flags["tagged"].Enabled, contexts)
			require.Contains(t, flags, "base")
		}
	})
	t.Run("a change is seen", func(t *testing.T) {
		h.exec(t, `UPDATE posthog_featureflag SET active = false WHERE key = 'child'`)
		require.NotContains(t, h.post(t, "/flags?v=2", `{"token":"phc_1","distinct_id":"a"}`).flags(t), "child")
	})
	t.Run("the cache wins", func(t *testing.T) {
		h.cacheFlags(t, 1, onFlag)
		require.Len(t, h.post(t, "/flags?v=2", ann).flags(t), 1)
	})
}

// A dedicated Redis that cannot be reached at the start leaves the flags to the shared one.
func TestDedicatedRedis(t *testing.T) {
	flagsIn := func(t *testing.T, h *harness) []string {
		h.cacheFlags(t, 1, onFlag)
		return slices.Collect(maps.Keys(h.post(t, "/flags?v=2", ann).flags(t)))
	}
	t.Run("there", func(t *testing.T) {
		require.Empty(t, flagsIn(t, setup(t, options{env: []string{"FLAGS_REDIS_URL=" + testkit.Redis(t)}})), "it is another one")
	})
	t.Run("gone", func(t *testing.T) {
		require.Equal(t, []string{"on"}, flagsIn(t, setup(t, options{env: []string{"FLAGS_REDIS_URL=redis://127.0.0.1:1", "REDIS_CLIENT_RETRY_COUNT=1"}})))
	})
}

// Object storage has what Redis has lost, and only what it does not have comes from the tables.
func TestObjectStorage(t *testing.T) {
	s3 := testkit.S3(t)
	bucket, err := blob.Open(t.Context(), blob.Config{Bucket: s3.Bucket, Endpoint: s3.Endpoint, Region: s3.Region, AccessKey: s3.AccessKey, SecretKey: config.Secret(s3.SecretKey)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = bucket.Close() })
	h := setup(t, options{env: []string{
		"OBJECT_STORAGE_BUCKET=" + s3.Bucket, "OBJECT_STORAGE_ENDPOINT=" + s3.Endpoint, "OBJECT_STORAGE_REGION=" + s3.Region,
		"OBJECT_STORAGE_ACCESS_KEY_ID=" + s3.AccessKey, "OBJECT_STORAGE_SECRET_ACCESS_KEY=" + s3.SecretKey,
	}})
	h.exec(t, `INSERT INTO posthog_featureflag (team_id, key, filters) VALUES (1, 'from-table', '{"groups":[{}]}')`)
	put := func(key, document string) {
		require.NoError(t, bucket.Put(t.Context(), key, []byte(document), "application/json"))
	}
	seen := func() []string { return keys(h.post(t, "/flags?v=2", ann).json(t)["flags"].(map[string]any)) }
	require.Equal(t, []string{"from-table"}, seen())
	put("cache/teams/1/feature_flags/flags.json", `{"flags":[{"id":1,"team_id":1,"key":"from-storage","active":true,"filters":{"groups":[{}]}}]}`)
	require.Equal(t, []string{"from-storage"}, seen())
	h.cacheFlags(t, 1, `"key":"from-redis","filters":{"groups":[{}]}`)
	require.Equal(t, []string{"from-redis"}, seen())
	t.Run("row 67 keys of the tiers", func(t *testing.T) {
		require.EqualValues(t, 1, h.redis.Exists(t.Context(), "posthog:1:cache/teams/1/feature_flags/flags.json").Val())
	})
	t.Run("teams and configurations, too", func(t *testing.T) {
		put("cache/team_tokens/phc_s3/team_metadata/full_metadata.json", `{"id":7,"uuid":"x","api_token":"phc_s3","project_id":7,"organization_id":null,"timezone":"UTC"}`)
		put("cache/team_tokens/phc_s3/array/config.json", `{"heatmaps":"yes"}`)
		put("cache/teams/7/feature_flags/flags.json", `null`)
		got := h.post(t, "/flags", `{"token":"phc_s3","distinct_id":"a"}`).json(t)
		require.Equal(t, "yes", got["heatmaps"])
		require.Empty(t, got["flags"])
	})
	t.Run("another team's metadata are nobody's", func(t *testing.T) {
		put("cache/team_tokens/phc_evil/team_metadata/full_metadata.json", `{"id":7,"uuid":"x","api_token":"phc_s3"}`)
		require.Equal(t, 401, h.post(t, "/flags", `{"token":"phc_evil","distinct_id":"a"}`).status)
	})
	t.Run("a corrupt document is a miss", func(t *testing.T) {
		require.NoError(t, h.redis.Set(t.Context(), "posthog:1:cache/teams/1/feature_flags/flags.json", "no pickle", 0).Err())
		require.NoError(t, h.redis.Del(t.Context(), "posthog:1:cache/teams/1/feature_flags/flags.json:etag").Err())
		require.Equal(t, []string{"from-storage"}, seen())
	})
	t.Run("storage away", func(t *testing.T) {
		s3.Stop()
		require.Equal(t, []string{"from-table"}, seen())
	})
}

func TestContinuity(t *testing.T) {
	h := setup(t, options{apart: true})
	const eec = `"key":"eec","ensure_experience_continuity":true,"filters":{"groups":[{"rollout_percentage":50}],"multivariate":{"variants":[{"key":"a","rollout_percentage":50},{"key":"b","rollout_percentage":50}]}}`
	user := h.person(t, 1, "user_456", `{}`)
	rows := func(t *testing.T) (out []string) {
		t.Helper()
		require.NoError(t, h.persons.SelectContext(t.Context(), &out, `SELECT person_id || ' ' || feature_flag_key || ' ' || hash_key FROM posthog_featureflaghashkeyoverride ORDER BY person_id, feature_flag_key`))
		return out
	}
	ask := func(t *testing.T, path, more string) record {
		t.Helper()
		r := h.post(t, path, `{"token":"phc_1",`+more+`}`)
		require.False(t, r.errors(t), r.body)
		return r.flags(t)["eec"]
	}
	// Without continuity the answers of single ids say which id was hashed.
	h.cacheFlags(t, 1, eec)
	plain := func(t *testing.T, id string) record { return ask(t, "/flags?v=2", `"distinct_id":"`+id+`"`) }

	t.Run("nobody is written for a person that is not there", func(t *testing.T) {
		ask(t, "/flags?v=2", `"distinct_id":"nobody","anon_distinct_id":"anon_x"`)
		require.Empty(t, rows(t))
	})
	t.Run("reading only", func(t *testing.T) {
		ask(t, "/flags?v=2&only_use_override_person_properties=true", `"distinct_id":"user_456","anon_distinct_id":"anon_x"`)
		require.Empty(t, rows(t))
	})
	t.Run("the anonymous id is kept", func(t *testing.T) {
		want := plain(t, "anon_1")
		require.Equal(t, want.Variant, ask(t, "/flags?v=2", `"distinct_id":"user_456","anon_distinct_id":"anon_1"`).Variant)
		require.Equal(t, []string{fmt.Sprintf("%d eec anon_1", user)}, rows(t))
		require.Equal(t, want.Variant, ask(t, "/flags?v=2", `"distinct_id":"user_456"`).Variant)
	})
	t.Run("and not replaced", func(t *testing.T) {
		ask(t, "/flags?v=2", `"distinct_id":"user_456","person_properties":{"$anon_distinct_id":"anon_2"}`)
		require.Equal(t, []string{fmt.Sprintf("%d eec anon_1", user)}, rows(t))
	})
	t.Run("row 44 a stored id", func(t *testing.T) {
		h.execPersons(t, `UPDATE posthog_featureflaghashkeyoverride SET hash_key = 'anon-1'`)
		require.Equal(t, plain(t, "anon-1").Enabled, ask(t, "/flags?v=2", `"distinct_id":"user_456","anon_distinct_id":"anon_abc123"`).Enabled)
	})
	t.Run("row 91 the shared id of cookieless visitors", func(t *testing.T) {
		h.execPersons(t, `UPDATE posthog_featureflaghashkeyoverride SET hash_key = '$posthog_cookieless'`)
		require.Equal(t, plain(t, "anon_9").Variant, ask(t, "/flags?v=2", `"distinct_id":"user_456","anon_distinct_id":"anon_9"`).Variant)
	})
	t.Run("row 91 a flag that has lost its continuity", func(t *testing.T) {
		h.execPersons(t, `UPDATE posthog_featureflaghashkeyoverride SET hash_key = 'anon-1'`)
		h.cacheFlags(t, 1, `"key":"eec","ensure_experience_continuity":false,"filters":{"groups":[{"rollout_percentage":50}]}`)
		require.Equal(t, plain(t, "user_456").Enabled, ask(t, "/flags?v=2", `"distinct_id":"user_456","anon_distinct_id":"anon_1"`).Enabled)
	})
	t.Run("both persons of the ids, and the one of the distinct id wins", func(t *testing.T) {
		h.cacheFlags(t, 1, eec)
		other := h.person(t, 1, "anon_old", `{}`)
		h.execPersons(t, `DELETE FROM posthog_featureflaghashkeyoverride`)
		h.execPersons(t, `INSERT INTO posthog_featureflaghashkeyoverride (team_id, person_id, feature_flag_key, hash_key) VALUES (1, $1, 'eec', 'first'), (1, $2, 'eec', 'second')`, user, other)
		require.Equal(t, plain(t, "first").Variant, ask(t, "/flags?v=2", `"distinct_id":"user_456","anon_distinct_id":"anon_old"`).Variant)
	})
}

func TestSkipWrites(t *testing.T) {
	h := setup(t, options{env: []string{"SKIP_WRITES=true"}})
	h.person(t, 1, "user", `{}`)
	h.cacheFlags(t, 1, `"key":"eec","ensure_experience_continuity":true,"filters":{"groups":[{"rollout_percentage":50}]}`)
	require.False(t, h.post(t, "/flags?v=2", `{"token":"phc_1","distinct_id":"user","anon_distinct_id":"anon"}`).errors(t))
	require.NoError(t, h.stop())
	var n int
	require.NoError(t, h.persons.GetContext(t.Context(), &n, `SELECT count(*) FROM posthog_featureflaghashkeyoverride`))
	require.Zero(t, n)
	require.Empty(t, h.redis.Keys(t.Context(), "posthog:decide_requests*").Val())
}

func TestRealtimeCohorts(t *testing.T) {
	document := `{"flags":[` + numbered(1, []string{flagOn("in", `{"key":"id","type":"cohort","value":5}`)})[0] + `,
		{"id":9,"team_id":1,"active":true,"key":"out","filters":{"groups":[{"properties":[{"key":"id","type":"cohort","operator":"not_in","value":5}]}]}}],
		"cohorts":[{"id":5,"team_id":1,"is_static":false,"deleted":false,"groups":[],"cohort_type":"realtime","condition_type":["behavioral"],
		"last_backfill_person_properties_at":"2024-01-01T00:00:00Z","last_backfill_events_at":"2024-01-01T00:00:00Z",
		"filters":{"properties":{"type":"AND","values":[{"type":"behavioral","key":"x","value":"performed_event"}]}}}]}`
	ask := func(t *testing.T, h *harness) (in, out bool) {
		t.Helper()
		r := h.post(t, "/flags?v=2", ann)
		require.False(t, r.errors(t), r.body)
		return r.flags(t)["in"].Enabled, r.flags(t)["out"].Enabled
	}
	t.Run("row 105 no database of theirs", func(t *testing.T) {
		h := setup(t, options{env: []string{"REALTIME_COHORT_EVALUATION_TEAM_IDS=1"}})
		h.cacheDocument(t, 1, document)
		h.person(t, 1, "ann", `{}`)
		in, out := ask(t, h)
		require.False(t, in)
		require.True(t, out)
	})
	t.Run("from the database", func(t *testing.T) {
		behavioral := postgres.URL(testkit.Postgres(t))
		db, err := postgres.Open(postgres.Config{URL: behavioral}, nil)
		require.NoError(t, err)
		t.Cleanup(func() { _ = db.Close() })
		w, through := wireTo(t, string(behavioral))
		h := setup(t, options{env: []string{"REALTIME_COHORT_EVALUATION_TEAM_IDS=1", "BEHAVIORAL_COHORTS_DATABASE_URL=" + through, "COHORT_MEMBERSHIP_CACHE_TTL_SECONDS=0"}})
		h.cacheDocument(t, 1, document)
		id := h.person(t, 1, "ann", `{}`)
		var uuid string
		require.NoError(t, h.persons.GetContext(t.Context(), &uuid, `SELECT uuid FROM posthog_person WHERE id = $1`, id))
		_, err = db.ExecContext(t.Context(), `CREATE TABLE cohort_membership (team_id bigint, cohort_id bigint, person_id uuid, in_cohort boolean, UNIQUE (team_id, cohort_id, person_id))`)
		require.NoError(t, err)
		_, err = db.ExecContext(t.Context(), `INSERT INTO cohort_membership VALUES (1, 5, $1::uuid, true), (2, 5, $1::uuid, false)`, uuid)
		require.NoError(t, err)
		in, out := ask(t, h)
		require.True(t, in)
		require.False(t, out)
		t.Run("row 105 the query fails", func(t *testing.T) {
			w.cut()
			in, out := ask(t, h)
			require.False(t, in)
			require.True(t, out)
			w.mend()
			in, _ = ask(t, h)
			require.True(t, in, "nothing is remembered of it")
		})
	})
}

func TestDetailedAnalysis(t *testing.T) {
	h := setup(t, options{env: []string{"INTERNAL_REQUEST_TOKEN=inside"}})
	h.cacheFlags(t, 1, flagOn("f", `{"key":"plan","type":"person","value":"pro"}`))
	const body = `{"token":"phc_1","distinct_id":"a","person_properties":{"plan":"free"}}`
	require.NotContains(t, h.post(t, "/flags?v=2&detailed_analysis=1", body, "Authorization", "Bearer outside").body, "conditions")
	for _, version := range []string{"2", "3"} {
		got := h.post(t, "/flags?detailed_analysis=1&v="+version, body, "Authorization", "Bearer inside").json(t)
		conditions := got["flags"].(map[string]any)["f"].(map[string]any)["conditions"].([]any)
		require.Len(t, conditions, 1)
		first := conditions[0].(map[string]any)
		require.Equal(t, false, first["matched"])
		property := first["properties"].([]any)[0].(map[string]any)
		require.Equal(t, "plan", property["key"])
		require.Equal(t, "free", property["actual_value"])
		require.NotEmpty(t, property["explanation"])
	}
	require.NotContains(t, h.post(t, "/flags?v=1&detailed_analysis=1", body, "Authorization", "Bearer inside").body, "conditions")
}

package featureflags_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const inside = "Bearer inside"

// Definitions that an internal caller brings count for its request alone.
func TestOverriddenDefinitions(t *testing.T) {
	h := setup(t, options{env: []string{"INTERNAL_REQUEST_TOKEN=inside"}})
	h.cacheFlags(t, 1, onFlag, offFlag)
	h.person(t, 1, "ann", `{}`)
	ask := func(t *testing.T, definitions string, header ...string) map[string]record {
		t.Helper()
		r := h.post(t, "/flags?v=2", `{"token":"phc_1","distinct_id":"ann","anon_distinct_id":"anon","override_flags_definitions":`+definitions+`}`, header...)
		require.False(t, r.errors(t), r.body)
		return r.flags(t)
	}
	const on = `{"id":2,"team_id":1,"key":"off","active":true,"version":99,"filters":{"groups":[{}]}}`
	t.Run("an internal caller", func(t *testing.T) {
		flags := ask(t, `{"off":`+on+`}`, "Authorization", inside)
		require.True(t, flags["off"].Enabled)
		require.EqualValues(t, 99, flags["off"].Metadata["version"])
		require.True(t, flags["on"].Enabled)
		require.False(t, ask(t, `{}`, "Authorization", inside)["off"].Enabled, "the next request has the stored one")
	})
	t.Run("anybody else", func(t *testing.T) {
		require.False(t, ask(t, `{"off":`+on+`}`)["off"].Enabled)
		require.False(t, ask(t, `{"off":`+on+`}`, "Authorization", "Bearer outside")["off"].Enabled)
	})
	t.Run("dependencies are those of the definitions", func(t *testing.T) {
		flags := ask(t, `{"off":`+on+`,"on":{"id":1,"team_id":1,"key":"on","active":true,"filters":{"groups":[{"properties":[{"key":"2","type":"flag","operator":"flag_evaluates_to","value":false}]}]}}}`, "Authorization", inside)
		require.False(t, flags["on"].Enabled)
	})
	t.Run("nothing is written for them", func(t *testing.T) {
		ask(t, `{"off":{"id":2,"team_id":1,"key":"off","active":true,"ensure_experience_continuity":true,"filters":{"groups":[{"rollout_percentage":50}]}}}`, "Authorization", inside)
		var n int
		require.NoError(t, h.persons.GetContext(t.Context(), &n, `SELECT count(*) FROM posthog_featureflaghashkeyoverride`))
		require.Zero(t, n)
	})
	for name, entry := range map[string]string{
		"another id":        `{"off":{"id":3,"team_id":1,"key":"off","active":true,"filters":{"groups":[{}]}}}`,
		"another team":      `{"off":{"id":2,"team_id":2,"key":"off","active":true,"filters":{"groups":[{}]}}}`,
		"another key":       `{"off":{"id":2,"team_id":1,"key":"of","active":true,"filters":{"groups":[{}]}}}`,
		"under a wrong key": `{"on":` + on + `}`,
		"no such flag":      `{"new":{"id":2,"team_id":1,"key":"new","active":true,"filters":{"groups":[{}]}}}`,
		"no object":         `{"off":7}`,
		"unusable":          `{"off":{"id":2,"team_id":1,"key":"off","active":true,"filters":{"groups":[{"properties":[{"key":"a","operator":"like","value":1}]}]}}}`,
		"wrong type":        `{"off":{"id":"2","team_id":1,"key":"off","active":true,"filters":{"groups":[{}]}}}`,
	} {
		t.Run("skipped: "+name, func(t *testing.T) {
			flags := ask(t, entry, "Authorization", inside)
			require.Len(t, flags, 2)
			require.False(t, flags["off"].Enabled)
			require.True(t, flags["on"].Enabled)
		})
	}
	t.Run("no object of definitions", func(t *testing.T) {
		require.Equal(t, 400, h.post(t, "/flags?v=2", `{"token":"phc_1","distinct_id":"ann","override_flags_definitions":[]}`).status)
	})
}

// A team may want its SDKs to send short events; only answers with records say so, and only if it is true.
func TestMinimalEvents(t *testing.T) {
	h := setup(t, options{})
	h.exec(t, `CREATE TABLE feature_flags_teamfeatureflagsconfig (team_id int PRIMARY KEY, minimal_flag_called_events boolean NOT NULL)`)
	h.exec(t, `INSERT INTO feature_flags_teamfeatureflagsconfig VALUES (1, true), (2, false)`)
	require.NoError(t, h.caches.Set(t.Context(), "posthog:1:cache/team_tokens/phc_4/team_metadata/full_metadata.json",
		`{"id":4,"uuid":"u","api_token":"phc_4","project_id":4,"timezone":"UTC","minimal_flag_called_events":true}`, 0))
	for name, tt := range map[string]struct {
		path, token, endpoint string
		want                  any
	}{
		"V2":                   {"/flags?v=2", "phc_1", "", true},
		"V3":                   {"/flags?v=3", "phc_1", "", true},
		"V2 of decide":         {"/flags?v=4", "phc_1", "decide", true},
		"legacy":               {"/flags?v=1", "phc_1", "", nil},
		"decide 1":             {"/flags?v=1", "phc_1", "decide", nil},
		"decide 2":             {"/flags?v=2", "phc_1", "decide", nil},
		"a team that does not": {"/flags?v=2", "phc_2", "", nil},
		"a team without a row": {"/flags?v=2", "phc_3", "", nil},
		"from the cache":       {"/flags?v=2", "phc_4", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			got := h.post(t, tt.path, `{"token":"`+tt.token+`","distinct_id":"a"}`, decideFrom, tt.endpoint).json(t)
			require.Equal(t, tt.want, got["minimalFlagCalledEvents"])
		})
	}
	require.NotContains(t, h.do(t, "GET", "/flags?v=2", "").body, "minimalFlagCalledEvents")
}

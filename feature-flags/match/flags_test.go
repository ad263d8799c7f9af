package match_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/feature-flags/match"
)

const halves = `"multivariate": {"variants": [{"key": "red", "rollout_percentage": 50}, {"key": "blue", "rollout_percentage": 50}]}`

// Cases of one flag "f" (or the name given) and one request.
func TestOneFlag(t *testing.T) {
	staged := `{"groups": [{"rollout_percentage": 50}, {"rollout_percentage": 100}]%s}`
	trial := `{"groups": [{"rollout_percentage": 70}], "multivariate": {"variants": [{"key": "a", "rollout_percentage": 60}, {"key": "b", "rollout_percentage": 40}]}}`
	half := `{"groups": [{}], "multivariate": {"variants": [{"key": "a", "rollout_percentage": 50}]}, "payloads": {"true": "T", "a": "A"}}`
	held := `{"groups": [{"rollout_percentage": 0}], "holdout": {"id": %d, "exclusion_percentage": %g}, "payloads": {"holdout-3": "H"}}`
	beta := `{"groups": [{"rollout_percentage": 0}], "feature_enrollment": true, "payloads": {"true": "P"}}`
	groupFlag := `{"aggregation_group_type_index": 0, "groups": [{"rollout_percentage": %g}]}`
	never := `{"properties": [` + prop("never", "is_set", `"x"`) + `], "rollout_percentage": 100}`
	mixed := `{"groups": [{"aggregation_group_type_index": 0}, ` + never + `]}`
	older := `{"groups": [{"rollout_percentage": 0}], "super_groups": [{"properties": [` + prop("$feature_enrollment/f", "exact", `["true"]`) + `], "rollout_percentage": 100}]}`
	tests := []struct {
		name    string
		key     string // of the flag; "f"
		filters string
		extra   string
		request match.Request
		data    match.Data
		want    string
		payload string
	}{
		{name: "row 34 out of 45 %", key: "simple-flag", filters: one(`{"rollout_percentage": 45}`), request: match.Request{DistinctID: "distinct_id_0"}, want: "off out_of_rollout_bound 0"},
		{name: "row 34 in 45 %", key: "simple-flag", filters: one(`{"rollout_percentage": 45}`), request: match.Request{DistinctID: "distinct_id_1"}, want: "on condition_match 0"},
		{name: "row 34 third", key: "simple-flag", filters: one(`{"rollout_percentage": 45}`), request: match.Request{DistinctID: "distinct_id_3"}, want: "off out_of_rollout_bound 0"},
		{name: "row 34 fourth", key: "simple-flag", filters: one(`{"rollout_percentage": 45}`), request: match.Request{DistinctID: "distinct_id_4"}, want: "on condition_match 0"},
		{name: "row 35 first variant", key: "multivariate-flag", filters: multivariate, request: match.Request{DistinctID: "distinct_id_2"}, want: "on first-variant condition_match 0"},
		{name: "row 35 second variant", key: "multivariate-flag", filters: multivariate, request: match.Request{DistinctID: "distinct_id_0"}, want: "on second-variant condition_match 0"},
		{name: "row 35 off", key: "multivariate-flag", filters: multivariate, request: match.Request{DistinctID: "distinct_id_3"}, want: "off out_of_rollout_bound 0"},
		{name: "row 35 fourth variant", key: "multivariate-flag", filters: multivariate, request: match.Request{DistinctID: "distinct_id_18"}, want: "on fourth-variant condition_match 0"},
		{name: "row 36 nobody is in every rollout", filters: one(`{"rollout_percentage": 0}`), want: "on condition_match 0"},
		{name: "row 36 nobody gets the first variant", filters: `{"groups": [{"rollout_percentage": 0}], ` + halves + `}`, want: "on red condition_match 0"},
		{name: "row 37 nobody out of the holdout", filters: fmt.Sprintf(held, 5, 92.0), want: "on condition_match 0"},
		{name: "row 37 nobody in the holdout", filters: fmt.Sprintf(held, 5, 93.0), want: "on holdout-5 holdout_condition_value"},
		{name: "row 38 in the holdout", filters: fmt.Sprintf(held, 9, 50.0), request: match.Request{DistinctID: "test-identifier"}, want: "on holdout-9 holdout_condition_value"},
		{name: "row 38 out of the holdout", filters: fmt.Sprintf(held, 9, 50.0), request: match.Request{DistinctID: "example_id2"}, want: "off out_of_rollout_bound 0"},
		{name: "row 39 enrolled by text", key: "beta", filters: beta, request: match.Request{DistinctID: "u"}, data: match.Data{Person: person("$feature_enrollment/beta", `"true"`)}, want: "on super_condition_value 0", payload: `"P"`},
		{name: "row 39 enrolled by truth", key: "beta", filters: beta, request: match.Request{DistinctID: "u"}, data: match.Data{Person: person("$feature_enrollment/beta", `true`)}, want: "on super_condition_value 0", payload: `"P"`},
		{name: "row 39 not enrolled", key: "beta", filters: beta, request: match.Request{DistinctID: "u"}, data: match.Data{Person: person("$feature_enrollment/beta", `"false"`)}, want: "off super_condition_value 0", payload: `"P"`},
		{name: "row 39 not asked", key: "beta", filters: beta, request: match.Request{DistinctID: "u"}, want: "off out_of_rollout_bound 0"},
		{name: "row 39 of older definitions, enrolled", filters: older, request: match.Request{DistinctID: "u"}, data: match.Data{Person: person("$feature_enrollment/f", `"true"`)}, want: "on super_condition_value 0"},
		{name: "row 39 of older definitions, not enrolled", filters: older, request: match.Request{DistinctID: "u"}, data: match.Data{Person: person("$feature_enrollment/f", `"false"`)}, want: "off super_condition_value 0"},
		{name: "row 39 of older definitions, not asked", filters: older, request: match.Request{DistinctID: "u"}, want: "off out_of_rollout_bound 0"},
		{name: "row 40 no group", filters: fmt.Sprintf(groupFlag, 100.0), request: match.Request{DistinctID: "u"}, want: "off no_group_type 0"},
		{name: "row 41 group in the rollout", key: "org-flag", filters: fmt.Sprintf(groupFlag, 50.0), request: match.Request{DistinctID: "u", Groups: group(`"amazon"`)}, want: "on condition_match 0"},
		{name: "row 41 group out of the rollout", key: "org-flag", filters: fmt.Sprintf(groupFlag, 50.0), request: match.Request{DistinctID: "u", Groups: group(`42`)}, want: "off out_of_rollout_bound 0"},
		{name: "row 42 group skipped, person failed", filters: mixed, request: match.Request{DistinctID: "u"}, want: "off no_condition_match 1"},
		{name: "row 43 no device", filters: one(`{}`), extra: `"bucketing_identifier": "device_id"`, request: match.Request{DistinctID: "u"}, want: "off out_of_rollout_bound 0"},
		{name: "row 45 override", filters: `{"groups": [{"variant": "blue"}], ` + halves + `}`, want: "on blue condition_match 0"},
		{name: "row 45 override of a variant that is gone", filters: `{"groups": [{"variant": "gone"}], ` + halves + `}`, want: "on red condition_match 0"},
		{name: "row 46 outside all variants", key: "multivariate-flag", filters: `{"groups": [{}], "multivariate": {"variants": [{"key": "a", "rollout_percentage": 40}]}, "payloads": {"true": "T"}}`, request: match.Request{DistinctID: "distinct_id_0"}, want: "on condition_match 0", payload: `"T"`},
		{name: "row 75 first condition", key: "staged-nav", filters: fmt.Sprintf(staged, ""), request: match.Request{DistinctID: "ann"}, want: "on condition_match 0"},
		{name: "row 75 second condition", key: "staged-nav", filters: fmt.Sprintf(staged, ""), request: match.Request{DistinctID: "bob"}, want: "on condition_match 1"},
		{name: "row 76 early exit", key: "staged-nav", filters: fmt.Sprintf(staged, `, "early_exit": true`), request: match.Request{DistinctID: "bob"}, want: "off out_of_rollout_bound 0"},
		{name: "row 76 a filter is no early exit", key: "staged-nav", filters: `{"groups": [` + never + `, {}], "early_exit": true}`, request: match.Request{DistinctID: "bob"}, want: "on condition_match 1"},
		{name: "row 77 the rollout outranks the filter", key: "staged-nav", filters: `{"groups": [` + never + `, {"rollout_percentage": 20}]}`, request: match.Request{DistinctID: "dee"}, want: "off out_of_rollout_bound 1"},
		{name: "row 78 second", key: "trial-badge", filters: trial, request: match.Request{DistinctID: "ann"}, want: "on b condition_match 0"},
		{name: "row 78 off", key: "trial-badge", filters: trial, request: match.Request{DistinctID: "bob"}, want: "off out_of_rollout_bound 0"},
		{name: "row 78 first", key: "trial-badge", filters: trial, request: match.Request{DistinctID: "cid"}, want: "on a condition_match 0"},
		{name: "row 79 no variant", key: "trial-badge", filters: half, request: match.Request{DistinctID: "ann"}, want: "on condition_match 0", payload: `"T"`},
		{name: "row 79 variant", key: "trial-badge", filters: half, request: match.Request{DistinctID: "cid"}, want: "on a condition_match 0", payload: `"A"`},
		{name: "row 80 no payload when off", filters: `{"groups": [` + never + `], "payloads": {"true": "T"}}`, want: "off no_condition_match 0"},
		{name: "row 81 in", filters: fmt.Sprintf(held, 3, 20.0), request: match.Request{DistinctID: "cid"}, want: "on holdout-3 holdout_condition_value", payload: `"H"`},
		{name: "row 81 out", filters: fmt.Sprintf(held, 3, 20.0), request: match.Request{DistinctID: "dee"}, want: "off out_of_rollout_bound 0"},
		{name: "row 81 more than all", filters: fmt.Sprintf(held, 3, 150.0), request: match.Request{DistinctID: "dee"}, want: "on holdout-3 holdout_condition_value", payload: `"H"`},
		{name: "row 81 less than none", filters: fmt.Sprintf(held, 3, -5.0), request: match.Request{DistinctID: "ann"}, want: "off out_of_rollout_bound 0"},
		{name: "row 82 text key", key: "plan-card", filters: fmt.Sprintf(groupFlag, 10.0), request: match.Request{Groups: group(`"globex"`)}, want: "on condition_match 0"},
		{name: "row 82 number key", key: "plan-card", filters: fmt.Sprintf(groupFlag, 10.0), request: match.Request{Groups: group(`7`)}, want: "on condition_match 0"},
		{name: "row 82 fraction key", key: "plan-card", filters: fmt.Sprintf(groupFlag, 10.0), request: match.Request{Groups: group(`7.5`)}, want: "off out_of_rollout_bound 0"},
		{name: "row 82 truth is no key", key: "plan-card", filters: fmt.Sprintf(groupFlag, 10.0), request: match.Request{Groups: group(`true`)}, want: "off no_group_type 0"},
		{name: "row 82 empty key", key: "plan-card", filters: fmt.Sprintf(groupFlag, 10.0), request: match.Request{Groups: group(`""`)}, want: "off no_group_type 0"},
		{name: "row 83 condition of the person in a group flag", filters: `{"aggregation_group_type_index": 0, "groups": [{"aggregation_group_type_index": null}]}`, want: "on condition_match 0"},
		{name: "row 90 device", key: "dev-flag", filters: one(`{"rollout_percentage": 10}`), extra: `"bucketing_identifier": "device_id"`, request: match.Request{DistinctID: "ann", DeviceID: "d-1"}, want: "on condition_match 0"},
		{name: "row 90 no device", key: "dev-flag", filters: one(`{"rollout_percentage": 10}`), extra: `"bucketing_identifier": "device_id"`, request: match.Request{DistinctID: "ann"}, want: "off out_of_rollout_bound 0"},
		{name: "row 119 enrollment of a group flag", key: "k", filters: `{"aggregation_group_type_index": 0, "groups": [{}], "feature_enrollment": true}`, data: match.Data{Person: person("$feature_enrollment/k", `"true"`)}, want: "on super_condition_value 0"},
		{name: "row 119 enrollment before holdout", key: "k", filters: `{"groups": [{}], "feature_enrollment": true, "holdout": {"id": 1, "exclusion_percentage": 100}}`, data: match.Data{Person: person("$feature_enrollment/k", `"false"`)}, want: "off super_condition_value 0"},
		{name: "a flag without conditions", filters: `{"groups": []}`, want: "off no_group_type"},
		{name: "a payload of null is one", filters: `{"groups": [{}], "payloads": {"true": null}}`, want: "on condition_match 0", payload: "null"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			key := tt.key
			if key == "" {
				key = "f"
			}
			var extra []string
			if tt.extra != "" {
				extra = append(extra, tt.extra)
			}
			a := evaluate(t, compile(t, "", flagJSON(1, key, tt.filters, extra...)), tt.request, tt.data)
			require.Equal(t, tt.want, a.show(key))
			require.Equal(t, tt.payload, string(a.flags[key].Payload()))
			require.False(t, a.errors)
		})
	}
}

func TestDescriptions(t *testing.T) {
	never := `{"properties": [` + prop("never", "is_set", `"x"`) + `]}`
	for name, tt := range map[string]struct{ filters, want string }{
		"condition match":         {`{"groups": [` + never + `, {}]}`, "Matched condition set 2"},
		"no condition":            {`{"groups": [` + never + `]}`, "No matching condition set"},
		"rollout":                 {`{"groups": [{"rollout_percentage": 0}]}`, "Out of rollout bound"},
		"no group":                {`{"groups": [{"aggregation_group_type_index": 0}]}`, "No group type"},
		"row 42 group was needed": {`{"groups": [{"aggregation_group_type_index": 0}, ` + never + `]}`, "No matching condition set (group conditions were not evaluated because no group type was provided)"},
		"holdout":                 {`{"groups": [], "holdout": {"id": 1, "exclusion_percentage": 100}}`, "Holdout condition value"},
	} {
		t.Run(name, func(t *testing.T) {
			a := evaluate(t, compile(t, "", flagJSON(1, "f", tt.filters)), match.Request{DistinctID: "ann"}, match.Data{})
			require.Equal(t, tt.want, a.flags["f"].Description())
		})
	}
}

func TestContinuity(t *testing.T) {
	ensured := `"ensure_experience_continuity": true`
	t.Run("row 44 the stored id is hashed", func(t *testing.T) {
		set := compile(t, "", flagJSON(1, "eec", one(`{"rollout_percentage": 30}`), ensured))
		r := match.Request{DistinctID: "user_456", AnonDistinctID: "anon_abc123"}
		require.Equal(t, "on condition_match 0", evaluate(t, set, r, match.Data{HashKeys: map[string]string{"eec": "anon-1"}}).show("eec"))
		require.Equal(t, "off out_of_rollout_bound 0", evaluate(t, set, match.Request{DistinctID: "user_456"}, match.Data{}).show("eec"))
	})
	t.Run("row 91 a row of a flag without continuity", func(t *testing.T) {
		set := compile(t, "", flagJSON(1, "eec", one(`{"rollout_percentage": 30}`)))
		r := match.Request{DistinctID: "user_456"}
		require.Equal(t, "off out_of_rollout_bound 0", evaluate(t, set, r, match.Data{HashKeys: map[string]string{"eec": "anon-1"}}).show("eec"))
	})
	t.Run("row 91 a row without an identity", func(t *testing.T) {
		set := compile(t, "", flagJSON(1, "eec", one(`{"rollout_percentage": 30}`), ensured))
		rows := match.Data{HashKeys: map[string]string{"eec": "$posthog_cookieless"}}
		require.Equal(t, "off out_of_rollout_bound 0", evaluate(t, set, match.Request{DistinctID: "user_456"}, rows).show("eec"))
		require.Equal(t, "on condition_match 0", evaluate(t, set, match.Request{DistinctID: "user_456", AnonDistinctID: "anon-1"}, rows).show("eec"))
	})
	t.Run("row 129 the read of overrides failed", func(t *testing.T) {
		set := compile(t, "", flagJSON(1, "kept", one(`{}`), ensured), flagJSON(2, "other", one(`{}`)))
		a := evaluate(t, set, match.Request{DistinctID: "u"}, match.Data{HashKeysFailed: true})
		require.Equal(t, "off hash_key_override_error", a.show("kept"))
		require.Equal(t, "on condition_match 0", a.show("other"))
		require.True(t, a.errors)
	})
	t.Run("what has to be read", func(t *testing.T) {
		for filters, want := range map[string]match.HashKeys{
			one(`{}`):                           match.HashKeysEligible,
			one(`{"rollout_percentage": 99.5}`): match.HashKeysNeeded,
			`{"groups": [{}], ` + halves + `}`:  match.HashKeysNeeded,
			`{"groups": [{}], "multivariate": {"variants": [{"key": "a", "rollout_percentage": 100}]}}`: match.HashKeysEligible,
			`{"groups": [{"rollout_percentage": 5}], "aggregation_group_type_index": 0}`:                match.HashKeysNone,
		} {
			e := compile(t, "", flagJSON(1, "f", filters, ensured)).Begin(&match.Request{})
			require.Equal(t, want, e.Needs().HashKeys, filters)
			e.End()
		}
	})
	require.Equal(t, []string{"a"}, compile(t, "", flagJSON(1, "a", one(`{}`), ensured), flagJSON(2, "b", one(`{}`)),
		flagJSON(3, "c", one(`{}`), ensured, `"active": false`)).ContinuityKeys())
}

package match_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/feature-flags/match"
)

func groupProp(index, key, operator, value string) string {
	return `{"key": "` + key + `", "type": "group", "group_type_index": ` + index + `, "operator": "` + operator + `", "value": ` + value + `}`
}

func TestProperties(t *testing.T) {
	key := where(groupProp("0", "$group_key", "exact", `"globex"`))
	tests := []struct {
		name    string
		filters string
		request match.Request
		data    match.Data
		want    string
	}{
		{name: "row 84 key of the group", filters: key, request: match.Request{Groups: group(`"globex"`)}, want: "on condition_match 0"},
		{name: "row 84 no group", filters: key, want: "off no_condition_match 0"},
		{name: "row 85 no group sent", filters: where(groupProp("0", "tier", "is_not", `"gold"`)), want: "on condition_match 0"},
		{name: "row 85 group type that nobody knows", filters: where(groupProp("4", "tier", "is_not", `"gold"`)), want: "off no_condition_match 0"},
		{name: "group properties are laid over the stored ones", filters: where(groupProp("0", "tier", "exact", `"gold"`), groupProp("0", "size", "gt", `5`)),
			request: match.Request{Groups: []match.Group{{Type: "organization", Key: []byte(`"a"`), Properties: []byte(`{"tier":"gold"}`)}}},
			data:    match.Data{Groups: []match.GroupData{{Index: 0, Properties: []byte(`{"tier":"tin","size":7}`)}}}, want: "on condition_match 0"},
		{name: "row 86 nobody has no plan", filters: where(prop("plan", "is_not", `"pro"`)), want: "on condition_match 0"},
		{name: "row 87 distinct id is a property", filters: where(prop("distinct_id", "exact", `"ann"`)), request: match.Request{DistinctID: "ann", OverridesOnly: true}, want: "on condition_match 0"},
		{name: "row 87 distinct id can be overridden", filters: where(prop("distinct_id", "exact", `"ann"`)),
			request: match.Request{DistinctID: "ann", OverridesOnly: true, PersonProperties: []byte(`{"distinct_id":"zed"}`)}, want: "off no_condition_match 0"},
		{name: "row 88 $os from $os_name", filters: where(prop("$os", "exact", `"iOS"`)), request: match.Request{PersonProperties: []byte(`{"$os_name":"iOS"}`)}, want: "on condition_match 0"},
		{name: "row 88 $initial_os from $os_name", filters: where(prop("$initial_os", "exact", `"iOS"`)), request: match.Request{PersonProperties: []byte(`{"$os_name":"iOS"}`)}, want: "on condition_match 0"},
		{name: "row 89 a stored initial value wins", filters: where(prop("$initial_utm_source", "exact", `"x"`)), request: match.Request{PersonProperties: []byte(`{"utm_source":"x"}`)},
			data: match.Data{Person: []byte(`{"$initial_utm_source":"y"}`)}, want: "off no_condition_match 0"},
		{name: "row 89 an initial value is made", filters: where(prop("$initial_utm_source", "exact", `"x"`)), request: match.Request{PersonProperties: []byte(`{"utm_source":"x"}`)}, want: "on condition_match 0"},
		{name: "row 89 _kx", filters: where(prop("$initial__kx", "exact", `"k"`)), request: match.Request{PersonProperties: []byte(`{"_kx":"k"}`)}, want: "on condition_match 0"},
		{name: "row 118 column of the persons table", filters: where(`{"key": "created_at", "type": "person_metadata", "operator": "is_date_before", "value": "2024-06-01"}`),
			data: match.Data{Person: []byte(`{"created_at":"2030-01-01"}`), PersonCreatedAt: "2024-05-01T00:00:00Z"}, want: "on condition_match 0"},
		{name: "geography is laid over the request", filters: where(prop("$geoip_country_code", "exact", `"DE"`)),
			request: match.Request{PersonProperties: []byte(`{"$geoip_country_code":"FR"}`), GeoIP: map[string]string{"$geoip_country_code": "DE"}}, want: "on condition_match 0"},
		{name: "the last of two equal names counts", filters: where(prop("a", "exact", `"2"`)), request: match.Request{PersonProperties: []byte(`{"a":"1","\u0061":"2"}`)}, want: "on condition_match 0"},
		{name: "type group takes the group of its condition", filters: `{"aggregation_group_type_index": 0, "groups": [{"properties": [{"key": "tier", "type": "group", "value": "gold"}]}]}`,
			request: match.Request{Groups: []match.Group{{Type: "organization", Key: []byte(`"a"`), Properties: []byte(`{"tier":"gold"}`)}}}, want: "on condition_match 0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := evaluate(t, compile(t, "", flagJSON(1, "f", tt.filters)), tt.request, tt.data)
			require.Equal(t, tt.want, a.show("f"))
		})
	}
}

// What has to be fetched depends on what the request brings.
func TestNeeds(t *testing.T) {
	cohorts := `[{"id":1,"is_static":true},{"id":2,"is_static":true,"deleted":true},{"id":3,"filters":{"properties":{"type":"OR","values":[]}}}]`
	tests := []struct {
		name    string
		filters string
		request match.Request
		fetch   bool
		groups  []match.GroupRef
	}{
		{"no filters", one(`{}`), match.Request{}, false, nil},
		{"a property", where(prop("plan", "exact", `"x"`)), match.Request{}, true, nil},
		{"a property of the request", where(prop("plan", "exact", `"x"`)), match.Request{PersonProperties: []byte(`{"plan":null}`)}, false, nil},
		{"an initial property is not made of the request's", where(prop("$initial_os", "exact", `"x"`)), match.Request{PersonProperties: []byte(`{"$os":"x"}`)}, true, nil},
		{"the distinct id", where(prop("distinct_id", "exact", `"x"`)), match.Request{}, false, nil},
		{"early access", `{"groups":[],"feature_enrollment":true}`, match.Request{}, true, nil},
		{"a cohort", where(`{"key":"id","type":"cohort","value":1}`), match.Request{}, true, nil},
		{"a cohort, overrides only", where(`{"key":"id","type":"cohort","value":1}`), match.Request{OverridesOnly: true}, false, nil},
		{"a group without key", where(groupProp("0", "tier", "exact", `"x"`)), match.Request{}, false, nil},
		{"a group", where(groupProp("0", "tier", "exact", `"x"`)), match.Request{Groups: group(`7`)}, true, []match.GroupRef{{Index: 0, Key: "7"}}},
		{"a group type that nobody knows", where(groupProp("3", "tier", "exact", `"x"`)), match.Request{Groups: group(`7`)}, false, nil},
		{"the key of a group", where(groupProp("0", "$group_key", "exact", `"x"`)), match.Request{Groups: group(`7`)}, false, nil},
		{"a filter on a flag", where(`{"key":"9","type":"flag","operator":"flag_evaluates_to","value":true}`), match.Request{}, false, nil},
		{"a rule", `{"version":2,"return_type":"boolean","default_value":null,"rules":[{"id":"11111111-1111-4111-8111-111111111111","rule_type":"targeted_release","value":true,"targeting":{"properties":[{"key":"a","type":"person","value":1}]}}]}`, match.Request{}, true, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := compile(t, cohorts, flagJSON(1, "f", tt.filters)).Begin(&tt.request)
			defer e.End()
			e.SetGroupTypes(organization)
			n := e.Needs()
			require.Equal(t, tt.fetch, n.Fetch)
			require.Equal(t, tt.groups, n.Groups)
			if tt.fetch {
				require.Equal(t, []int32{1}, n.StaticCohorts)
			}
		})
	}
	t.Run("groups are only asked for by flags that use them", func(t *testing.T) {
		set := compile(t, "", flagJSON(1, "f", one(`{}`)), flagJSON(2, "g", one(`{"aggregation_group_type_index":1}`), `"evaluation_runtime":"server"`))
		for runtime, want := range map[match.Runtime]bool{match.RuntimeClient: false, match.RuntimeServer: true, match.RuntimeAll: true} {
			e := set.Begin(&match.Request{Runtime: runtime})
			require.Equal(t, want, e.UsesGroups())
			e.End()
		}
	})
}

func TestFailures(t *testing.T) {
	down := &match.Failure{Code: "database_unavailable", Description: "Database unavailable"}
	set := compile(t, "", flagJSON(1, "plan", where(prop("plan", "exact", `"pro"`))), flagJSON(2, "all", one(`{}`)))
	t.Run("row 128 the fetch failed", func(t *testing.T) {
		a := evaluate(t, set, match.Request{DistinctID: "u"}, match.Data{FetchFailure: down})
		require.Equal(t, "off database_unavailable", a.show("plan"))
		require.Equal(t, "Database unavailable", a.flags["plan"].Description())
		require.Equal(t, "on condition_match 0", a.show("all"))
		require.True(t, a.errors)
	})
	t.Run("row 128 the fetch was not needed", func(t *testing.T) {
		a := evaluate(t, set, match.Request{DistinctID: "u", PersonProperties: []byte(`{"plan":"pro"}`)}, match.Data{})
		require.Equal(t, "on condition_match 0", a.show("plan"))
		require.False(t, a.errors)
	})
	t.Run("the group types could not be read", func(t *testing.T) {
		set := compile(t, "", flagJSON(1, "g", one(`{"aggregation_group_type_index":0}`)), flagJSON(2, "p", where(groupProp("0", "tier", "is_not_set", `"x"`))))
		e := set.Begin(&match.Request{Groups: group(`"a"`)})
		defer e.End()
		require.True(t, e.UsesGroups())
		e.GroupTypesFailed()
		results := e.Run(&match.Data{}, nil)
		require.Equal(t, "off no_group_type 0", show(results[0]))
		require.Equal(t, "off no_condition_match 0", show(results[1]))
		require.True(t, e.Errors())
	})
	t.Run("row 98 formats of filters", func(t *testing.T) {
		for version, want := range map[string]string{`1.0`: "on condition_match 0", `1`: "on condition_match 0",
			`2`: "off flag_data_parsing_error", `"1"`: "off flag_data_parsing_error", `null`: "off flag_data_parsing_error", `true`: "off flag_data_parsing_error"} {
			set := compile(t, "", flagJSON(1, "f", `{"groups": [{}], "version": `+version+`}`), flagJSON(2, "other", one(`{}`)))
			a := evaluate(t, set, match.Request{DistinctID: "u"}, match.Data{})
			require.Equal(t, want, a.show("f"), version)
			require.Equal(t, "on condition_match 0", a.show("other"))
			require.Equal(t, want != "on condition_match 0", a.errors)
			if a.errors {
				require.Equal(t, "Failed to parse flag data: unsupported feature flag configuration format", a.flags["f"].Description())
			}
		}
	})
	t.Run("a flag that cannot be parsed fails alone", func(t *testing.T) {
		for _, filters := range []string{`{"groups": 5}`, where(prop("a", "resembles", `1`)), where(`{"key":"a","type":"planet","value":1}`), `{"groups":[{"rollout_percentage":"5"}]}`} {
			a := evaluate(t, compile(t, "", flagJSON(1, "f", filters), flagJSON(2, "other", one(`{}`))), match.Request{}, match.Data{})
			require.Equal(t, "off flag_data_parsing_error", a.show("f"), filters)
			require.Equal(t, "on condition_match 0", a.show("other"))
			require.True(t, a.errors)
		}
	})
	t.Run("absurd indexes", func(t *testing.T) {
		for _, index := range []string{"-7", "256", "99999999"} {
			set := compile(t, "", flagJSON(1, "g", one(`{"aggregation_group_type_index": `+index+`}`)), flagJSON(2, "p", where(groupProp(index, "tier", "is_not_set", `1`))))
			a := evaluate(t, set, match.Request{}, match.Data{})
			require.Equal(t, "off no_group_type 0", a.show("g"))
			require.Equal(t, "off no_condition_match 0", a.show("p"))
		}
		a := evaluate(t, compile(t, "", flagJSON(1, "f", `{"groups": [`+strings.Repeat("{},", 40_000)+`{}]}`)), match.Request{}, match.Data{})
		require.Equal(t, "off flag_data_parsing_error", a.show("f"))
	})
	t.Run("an entry that is no flag", func(t *testing.T) {
		a := evaluate(t, compile(t, "", `{"name":"x"}`, `7`, flagJSON(2, "other", one(`{}`))), match.Request{}, match.Data{})
		require.Equal(t, "on condition_match 0", a.show("other"))
		require.True(t, a.errors)
	})
	t.Run("broken JSON", func(t *testing.T) {
		_, err := match.Compile([]byte(`{"flags":[`), nil, match.Options{})
		require.ErrorContains(t, err, "parse flag definitions")
		_, err = match.Compile([]byte(`[]`), []byte(`{}`), match.Options{})
		require.ErrorContains(t, err, "parse cohorts")
		set, err := match.Compile([]byte(`null`), nil, match.Options{})
		require.NoError(t, err)
		require.Zero(t, set.Len())
	})
}

package match_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/feature-flags/match"
)

// in is a condition on a cohort.
func in(value, operator string) string {
	if operator == "" {
		return where(fmt.Sprintf(`{"key": "id", "type": "cohort", "value": %s}`, value))
	}
	return where(fmt.Sprintf(`{"key": "id", "type": "cohort", "value": %s, "operator": %q}`, value, operator))
}

// dynamic is a cohort with these filters.
func dynamic(id int, tree string) string {
	return fmt.Sprintf(`{"id": %d, "filters": {"properties": %s}}`, id, tree)
}

func anyOf(values string) string { return `{"type": "OR", "values": [` + values + `]}` }

func ref(id int, extra string) string {
	return fmt.Sprintf(`{"key": "id", "type": "cohort", "value": %d%s}`, id, extra)
}

func TestCohorts(t *testing.T) {
	const behaviour = `{"key": "$pageview", "type": "behavioral", "value": "performed_event", "event_type": "events"}`
	const missed = "off no_condition_match 0"
	const met = "on condition_match 0"
	static := `{"id": 10, "is_static": true, "filters": {"properties": {}}}`
	pro := prop("plan", "exact", `["pro"]`)
	deep := pro
	for range 70 {
		deep = anyOf(deep)
	}
	tests := []struct {
		name    string
		filters string
		cohorts string
		person  string
		member  []int32
		want    string
	}{
		{name: "row 50 nobody is not in", filters: in("10", "not_in"), cohorts: static, want: met},
		{name: "row 51 nested static member", filters: in("1", "in"), cohorts: static + "," + dynamic(1, anyOf(anyOf(ref(10, "")))), member: []int32{10}, want: met},
		{name: "row 51 nested static other", filters: in("1", "in"), cohorts: static + "," + dynamic(1, anyOf(anyOf(ref(10, "")))), want: missed},
		{name: "row 52 dynamic without a tree", filters: in("1", ""), cohorts: dynamic(1, `{}`), want: "off cohort_filters_parsing_error"},
		{name: "row 52 static without a tree", filters: in("10", ""), cohorts: static, member: []int32{10}, want: met},
		{name: "row 99 id as text", filters: in(`"10"`, ""), cohorts: static, member: []int32{10}, want: met},
		{name: "row 99 id as number", filters: in(`10`, ""), cohorts: static, member: []int32{10}, want: met},
		{name: "row 99 no id", filters: in(`"x"`, ""), cohorts: static, want: "off cohort_filters_parsing_error"},
		{name: "row 100 not in the list", filters: in("77", ""), cohorts: static, want: "off dependency_not_found_cohort"},
		{name: "row 100 a reference not in the list", filters: in("1", ""), cohorts: dynamic(1, anyOf(ref(77, ""))), want: "off dependency_not_found_cohort"},
		{name: "row 101 older groups, in", filters: in("1", ""), cohorts: `{"id": 1, "filters": null, "groups": [{"properties": [{"key": "plan", "value": "pro"}]}, {"action_id": 7}]}`, person: `{"plan":"pro"}`, want: met},
		{name: "row 101 older groups, out", filters: in("1", ""), cohorts: `{"id": 1, "groups": [{"properties": [{"key": "plan", "value": "pro"}]}, {"action_id": 7}]}`, person: `{"plan":"free"}`, want: missed},
		{name: "row 102 object of values", filters: in("1", ""), cohorts: `{"id": 1, "groups": [{"properties": {"plan": "pro"}}]}`, person: `{"plan":"pro"}`, want: met},
		{name: "row 102 half a group", filters: in("1", ""), cohorts: `{"id": 1, "groups": [{"properties": {"type": "OR"}}]}`, person: `{"type":"OR"}`, want: missed},
		{name: "row 102 type event", filters: in("1", ""), cohorts: `{"id": 1, "groups": [{"properties": [{"key": "email", "value": "a@b.c", "type": "event"}]}]}`, person: `{"email":"a@b.c"}`, want: met},
		{name: "older groups, an empty list is nobody", filters: in("1", ""), cohorts: `{"id": 1, "groups": [{"properties": []}]}`, want: missed},
		{name: "older groups, an empty object is nobody", filters: in("1", ""), cohorts: `{"id": 1, "groups": [{"properties": {}}]}`, want: missed},
		{name: "older groups, a whole group", filters: in("1", ""), cohorts: `{"id": 1, "groups": [{"properties": ` + anyOf(pro) + `}]}`, person: `{"plan":"pro"}`, want: met},
		{name: "row 103 behaviour or a property", filters: in("1", ""), cohorts: dynamic(1, anyOf(behaviour+","+pro)), person: `{"plan":"pro"}`, want: met},
		{name: "row 103 behaviour alone", filters: in("1", ""), cohorts: dynamic(1, anyOf(behaviour)), want: missed},
		{name: "row 103 not in behaviour", filters: in("1", "not_in"), cohorts: dynamic(1, anyOf(behaviour)), want: met},
		{name: "row 104 negated, member", filters: in("1", ""), cohorts: static + "," + dynamic(1, anyOf(ref(10, `, "operator": "in", "negation": true`))), member: []int32{10}, want: missed},
		{name: "row 104 negated, other", filters: in("1", ""), cohorts: static + "," + dynamic(1, anyOf(ref(10, `, "operator": "in", "negation": true`))), want: met},
		{name: "cycle", filters: in("1", ""), cohorts: dynamic(1, anyOf(ref(2, ""))) + "," + dynamic(2, anyOf(ref(3, ""))) + "," + dynamic(3, anyOf(ref(4, ""))) + "," + dynamic(4, anyOf(ref(2, ""))), want: "off dependency_cycle_cohort"},
		{name: "no error of a cohort that is not reached", filters: `{"groups": [{}, {"properties": [` + ref(77, "") + `]}]}`, cohorts: static, want: met},
		{name: "filters come first", filters: where(ref(77, ""), prop("plan", "exact", `"pro"`)), cohorts: static, want: missed},
		{name: "another operator", filters: in("10", "exact"), cohorts: static, member: []int32{10}, want: missed},
		{name: "a broken tree", filters: in("1", ""), cohorts: dynamic(1, `{"type": "XOR", "values": []}`), want: "off cohort_filters_parsing_error"},
		{name: "too deep", filters: in("1", ""), cohorts: dynamic(1, deep), person: `{"plan":"pro"}`, want: "off cohort_filters_parsing_error"},
		{name: "an empty all is true", filters: in("1", ""), cohorts: dynamic(1, `{"type": "AND", "values": []}`), want: met},
		{name: "an empty any is false", filters: in("1", ""), cohorts: dynamic(1, anyOf("")), want: missed},
		{name: "an operator error, negated, is true", filters: in("1", ""), cohorts: dynamic(1, anyOf(`{"key": "n", "type": "person", "operator": "gt", "value": 5, "negation": true}`)), person: `{"n":"x"}`, want: met},
		{name: "leaf at the top", filters: in("1", ""), cohorts: dynamic(1, pro), person: `{"plan":"pro"}`, want: met},
		{name: "null filters, no groups", filters: in("1", ""), cohorts: `{"id": 1, "filters": null, "groups": []}`, want: missed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := evaluate(t, compile(t, "["+tt.cohorts+"]", flagJSON(1, "f", tt.filters), flagJSON(2, "other", one(`{}`))), match.Request{DistinctID: "u"},
				match.Data{Person: []byte(tt.person), StaticCohorts: tt.member})
			require.Equal(t, tt.want, a.show("f"))
			require.Equal(t, met, a.show("other"))
			require.Equal(t, a.flags["f"].Failure != nil, a.errors)
		})
	}
	t.Run("row 103 the reason says that behaviour is not evaluated", func(t *testing.T) {
		set := compile(t, "["+dynamic(1, anyOf(behaviour))+","+dynamic(2, anyOf(ref(1, "")))+"]", flagJSON(1, "f", in("1", "")), flagJSON(2, "g", in("2", "")),
			flagJSON(3, "h", `{"groups": [{"properties": [`+ref(1, "")+`]}, {"rollout_percentage": 0}]}`))
		a := evaluate(t, set, match.Request{DistinctID: "u"}, match.Data{})
		for _, key := range []string{"f", "g"} {
			require.Contains(t, a.flags[key].Description(), "This condition targets a behavioral or realtime cohort.")
		}
		require.Equal(t, "Out of rollout bound", a.flags["h"].Description())
	})
	realtime := `[{"id": 1, "cohort_type": "realtime", "condition_type": "behavioral", "filters": {"properties": ` + anyOf(behaviour) + `}}, ` + dynamic(2, anyOf(ref(1, ""))) + `]`
	for operator, want := range map[string]string{"in": missed, "not_in": met} {
		t.Run("row 105 nothing is known about behaviour, "+operator, func(t *testing.T) {
			set := compileWith(t, match.Options{RealtimeCohorts: true}, realtime, flagJSON(1, "f", in("1", operator)))
			a := evaluate(t, set, match.Request{DistinctID: "u"}, match.Data{})
			require.Equal(t, want, a.show("f"))
			require.False(t, a.errors)
		})
	}
	t.Run("a realtime cohort is known, and computed where another refers to it", func(t *testing.T) {
		set := compileWith(t, match.Options{RealtimeCohorts: true}, realtime, flagJSON(1, "f", in("1", "in")), flagJSON(2, "g", in("2", "in")))
		a := evaluate(t, set, match.Request{DistinctID: "u"}, match.Data{RealtimeCohorts: []int32{1}})
		require.Equal(t, met, a.show("f"))
		require.Equal(t, missed, a.show("g"))
	})
	t.Run("without a list nobody matches", func(t *testing.T) {
		set := compile(t, "", flagJSON(1, "f", in("1", "not_in")))
		require.True(t, set.NeedsCohorts())
		require.Equal(t, missed, evaluate(t, set, match.Request{}, match.Data{}).show("f"))
		require.False(t, compile(t, "[]", flagJSON(1, "f", in("1", "not_in"))).NeedsCohorts())
	})
	t.Run("overrides only, nobody matches", func(t *testing.T) {
		set := compile(t, "["+static+"]", flagJSON(1, "f", in("10", "not_in")))
		require.Equal(t, missed, evaluate(t, set, match.Request{OverridesOnly: true}, match.Data{}).show("f"))
	})
}

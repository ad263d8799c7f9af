package match_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/feature-flags/match"
)

// ruleset is a definition of config version 2.
func ruleset(valueType, fallback string, rules ...string) string {
	for i, rule := range rules {
		rules[i] = fmt.Sprintf(`{"id": "1111111%d-1111-4111-8111-111111111111", %s}`, i, rule)
	}
	return fmt.Sprintf(`{"version": 2, "return_type": %q, "default_value": %s, "rules": [%s]}`, valueType, fallback, strings.Join(rules, ","))
}

func targeting(properties string) string { return `"targeting": {"properties": [` + properties + `]}` }

func rollout(percentage float64, seed, onMiss, value string) string {
	return fmt.Sprintf(`"rule_type": "percentage_rollout", %s, "value": %s, "rollout_percentage": %g, "on_rollout_miss": %q, "assignment_algorithm": "sha1_60_v1", "seed": %q, "assign_by": "person"`,
		targeting(""), value, percentage, onMiss, seed)
}

func experiment(extra string) string {
	return `"rule_type": "experiment", ` + targeting("") + `, "experiment_id": 5, "paused": false, "rollout_percentage": 100, "on_rollout_miss": "continue", "seed": "s1",
		"variants": [{"key": "c", "weight": 50, "value": "control"}, {"key": "t", "weight": 50, "value": "test"}]` + extra
}

func TestRules(t *testing.T) {
	release := `"rule_type": "targeted_release", ` + targeting(prop("plan", "exact", `["pro"]`)) + `, "value": true`
	tests := []struct {
		name        string
		filters     string
		id          string
		person      string
		want, value string
		description string
	}{
		{name: "row 143 in the rollout", filters: ruleset("boolean", "false", rollout(30, "s1", "return_default", "true")), id: "ann", want: "on targeting_match 0", value: "true", description: "Matched rule 1"},
		{name: "row 143 out of the rollout", filters: ruleset("boolean", "false", rollout(30, "s1", "return_default", "true")), id: "bob", want: "off rollout_miss 0", value: "false", description: "Rule 1 rollout miss"},
		{name: "row 144 variant", filters: ruleset("string", `"d"`, experiment("")), id: "ann", want: "on test targeting_match 0", value: `"test"`, description: "Matched rule 1"},
		{name: "row 144 holdout", filters: ruleset("string", `"d"`, experiment(`, "holdout": {"id": 4, "seed": "h9", "exclusion_percentage": 10}`)), id: "bob", want: "on d holdout 0", value: `"d"`, description: "Rule 1 holdout"},
		{name: "row 144 paused", filters: ruleset("string", `"d"`, strings.Replace(experiment(""), `"paused": false`, `"paused": true`, 1)), id: "ann", want: "on d experiment_paused 0", value: `"d"`, description: "Rule 1 is paused"},
		{name: "row 145 nobody", filters: ruleset("boolean", "null", rollout(100, "s1", "continue", "true")), want: "off no_rule_match", value: "null", description: "No rule matched"},
		{name: "targeted", filters: ruleset("boolean", "false", release), id: "u", person: `{"plan":"pro"}`, want: "on targeting_match 0", value: "true", description: "Matched rule 1"},
		{name: "not targeted", filters: ruleset("boolean", "false", release, rollout(100, "s", "continue", "true")), id: "u", want: "on targeting_match 1", value: "true", description: "Matched rule 2"},
		{name: "a number is a payload of older answers", filters: ruleset("number", "0", rollout(100, "s", "continue", "1.25")), id: "u", want: "on targeting_match 0", value: "1.25", description: "Matched rule 1"},
		{name: "a filter in error fails the flag", filters: ruleset("boolean", "false", `"rule_type": "targeted_release", `+targeting(prop("n", "gt", `5`))+`, "value": true`), id: "u", person: `{"n":"x"}`,
			want: "off error", value: "null", description: "Failed to evaluate the targeting of a rule"},
		{name: "so does a bad pattern", filters: ruleset("boolean", "false", `"rule_type": "targeted_release", `+targeting(prop("n", "regex", `"?*"`))+`, "value": true`), id: "u", person: `{"n":"x"}`,
			want: "off error", value: "null", description: "Failed to evaluate the targeting of a rule"},
		{name: "an error that is not reached does nothing", filters: ruleset("boolean", "false", rollout(100, "s", "continue", "true"), `"rule_type": "targeted_release", `+targeting(prop("n", "gt", `5`))+`, "value": true`), id: "u", person: `{"n":"x"}`,
			want: "on targeting_match 0", value: "true", description: "Matched rule 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := evaluate(t, compile(t, "", flagJSON(1, "f", tt.filters)), match.Request{DistinctID: tt.id}, match.Data{Person: []byte(tt.person)})
			require.Equal(t, tt.want, a.show("f"))
			r := a.flags["f"]
			require.Equal(t, tt.value, string(r.AppendValue(nil)))
			require.Equal(t, tt.description, r.Description())
			require.Equal(t, r.Failure != nil, a.errors)
			require.Equal(t, 2, r.Flag.ConfigVersion)
			if tt.value == "1.25" {
				require.Equal(t, "1.25", string(r.Payload()))
			} else {
				require.Nil(t, r.Payload())
			}
			kind, id := r.Rule()
			_, decided := r.Condition()
			require.Equal(t, decided, kind != "" && id != "")
		})
	}
	t.Run("a property that was not loaded fails the flag", func(t *testing.T) {
		set := compile(t, "", flagJSON(1, "f", ruleset("boolean", "false", release)))
		require.Equal(t, "off error", evaluate(t, set, match.Request{OverridesOnly: true}, match.Data{}).show("f"))
		require.Equal(t, "on targeting_match 0", evaluate(t, set, match.Request{OverridesOnly: true, PersonProperties: []byte(`{"plan":"pro"}`)}, match.Data{}).show("f"))
	})
	t.Run("the device and stored ids do not count", func(t *testing.T) {
		set := compile(t, "", flagJSON(1, "f", ruleset("boolean", "false", rollout(30, "s1", "return_default", "true")), `"bucketing_identifier": "device_id"`))
		require.Equal(t, "on targeting_match 0", evaluate(t, set, match.Request{DistinctID: "ann", DeviceID: "bob", AnonDistinctID: "bob"}, match.Data{}).show("f"))
	})
	t.Run("what is not exactly a definition is refused", func(t *testing.T) {
		good := ruleset("boolean", "false", rollout(30, "s1", "return_default", "true"))
		for name, bad := range map[string]string{
			"an unknown member":       strings.Replace(good, `"version": 2`, `"version": 2, "groups": []`, 1),
			"an unknown type":         strings.Replace(good, `"boolean"`, `"date"`, 1),
			"an unknown rule":         strings.Replace(good, `percentage_rollout`, `lottery`, 1),
			"an unknown operator":     strings.Replace(good, `"properties": []`, `"properties": [`+prop("a", "near", `1`)+`]`, 1),
			"a cohort":                strings.Replace(good, `"properties": []`, `"properties": [`+ref(1, "")+`]`, 1),
			"no default":              strings.Replace(good, `"default_value": false, `, ``, 1),
			"another algorithm":       strings.Replace(good, `sha1_60_v1`, `md5`, 1),
			"a value of another type": strings.Replace(good, `"value": true`, `"value": "true"`, 1),
			"more than all":           strings.Replace(good, `"rollout_percentage": 30`, `"rollout_percentage": 101`, 1),
			"no seed":                 strings.Replace(good, `"seed": "s1"`, `"seed": ""`, 1),
			"no UUID":                 strings.Replace(good, `11111110-`, ``, 1),
			"one variant":             ruleset("string", `"d"`, strings.Replace(experiment(""), `, {"key": "t", "weight": 50, "value": "test"}`, ``, 1)),
			"weights of less":         ruleset("string", `"d"`, strings.Replace(experiment(""), `"weight": 50`, `"weight": 40`, 1)),
		} {
			require.NotEqual(t, good, bad, name)
			a := evaluate(t, compile(t, "", flagJSON(1, "f", bad), flagJSON(2, "other", one(`{}`))), match.Request{DistinctID: "ann"}, match.Data{})
			require.Equal(t, "off flag_data_parsing_error", a.show("f"), name)
			require.Equal(t, "Failed to parse flag data: unsupported feature flag configuration format", a.flags["f"].Description(), name)
			flaws := maps.Collect(compile(t, "", flagJSON(1, "f", bad)).Flaws())
			require.ErrorContains(t, flaws["f"], "unsupported feature flag configuration format", name)
			require.ErrorContains(t, match.Check([]byte(flagJSON(1, "f", bad))), "unsupported feature flag configuration format", name)
			require.Equal(t, "on condition_match 0", a.show("other"))
		}
	})
}

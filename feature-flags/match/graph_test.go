package match_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/feature-flags/match"
)

// needsFlag is a condition on another flag.
func needsFlag(id, value string) string {
	return where(fmt.Sprintf(`{"key": %q, "type": "flag", "operator": "flag_evaluates_to", "value": %s}`, id, value))
}

func keys(a answer) []string { return slices.Sorted(maps.Keys(a.flags)) }

func TestDependencies(t *testing.T) {
	u := match.Request{DistinctID: "u", Runtime: match.RuntimeClient}
	on := one(`{}`)
	x := `{"groups": [{}], "multivariate": {"variants": [{"key": "x", "rollout_percentage": 100}]}}`
	t.Run("row 47 any variant is true", func(t *testing.T) {
		a := evaluate(t, compile(t, "", flagJSON(2, "b", needsFlag("1", "true")), flagJSON(1, "a", x)), u, match.Data{})
		require.Equal(t, "on condition_match 0", a.show("b"))
	})
	t.Run("row 47 filtered out is false", func(t *testing.T) {
		a := evaluate(t, compile(t, "", flagJSON(1, "a", x, `"evaluation_runtime": "server"`), flagJSON(2, "b", needsFlag("1", "true")), flagJSON(3, "c", needsFlag("1", "false"))), u, match.Data{})
		require.Equal(t, "absent", a.show("a"))
		require.Equal(t, "off no_condition_match 0", a.show("b"))
		require.Equal(t, "on condition_match 0", a.show("c"))
	})
	t.Run("row 48 a variant by name", func(t *testing.T) {
		a := evaluate(t, compile(t, "", flagJSON(1, "a", on), flagJSON(2, "v", x), flagJSON(3, "b", needsFlag("1", `"x"`)), flagJSON(4, "c", needsFlag("2", `"x"`))), u, match.Data{})
		require.Equal(t, "off no_condition_match 0", a.show("b"))
		require.Equal(t, "on condition_match 0", a.show("c"))
	})
	t.Run("row 49 cycle", func(t *testing.T) {
		a := evaluate(t, compile(t, "", flagJSON(1, "a", needsFlag("2", "true")), flagJSON(2, "b", needsFlag("1", "true"))), u, match.Data{})
		require.Empty(t, a.flags)
		require.True(t, a.errors)
	})
	t.Run("row 92 what is a dependency", func(t *testing.T) {
		set := compile(t, "", flagJSON(1, "a", on), flagJSON(2, "b", needsFlag("1", "true")), flagJSON(3, "c", needsFlag("abc", "true")),
			flagJSON(4, "d", where(`{"key": "1", "type": "flag", "operator": "exact", "value": true}`)), flagJSON(5, "e", where(`{"key": "1", "type": "flag", "value": true}`)))
		a := evaluate(t, set, u, match.Data{})
		require.Equal(t, "on condition_match 0", a.show("b"))
		for _, key := range []string{"c", "d", "e"} {
			require.Equal(t, "off no_condition_match 0", a.show(key))
		}
	})
	t.Run("row 93 missing", func(t *testing.T) {
		a := evaluate(t, compile(t, "", flagJSON(2, "b", needsFlag("99", "true")), flagJSON(3, "c", needsFlag("2", "true"))), u, match.Data{})
		require.Equal(t, "off missing_dependency", a.show("b"))
		require.Equal(t, "off missing_dependency", a.show("c"))
		require.False(t, a.errors)
	})
	cyclic := compile(t, "", flagJSON(1, "a", needsFlag("2", "true")), flagJSON(2, "b", needsFlag("1", "true")), flagJSON(3, "c", needsFlag("1", "true")), flagJSON(4, "d", on))
	for name, tt := range map[string]struct{ asked, want []string }{
		"row 94 all":           {nil, []string{"d"}},
		"row 94 one":           {[]string{"d"}, []string{"d"}},
		"row 94 of the cycle":  {[]string{"a"}, nil},
		"row 94 none that are": {[]string{"zzz"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			a := evaluate(t, cyclic, match.Request{DistinctID: "u", FlagKeys: tt.asked}, match.Data{})
			require.Equal(t, tt.want, keys(a))
			require.True(t, a.errors)
		})
	}
	for value, want := range map[string]string{"true": "off no_condition_match 0", "false": "on condition_match 0"} {
		t.Run("row 95 an inactive flag depends on nothing, is "+value, func(t *testing.T) {
			a := evaluate(t, compile(t, "", flagJSON(1, "a", needsFlag("2", "true"), `"active": false`), flagJSON(2, "b", needsFlag("1", value))), u, match.Data{})
			require.Equal(t, "absent", a.show("a"))
			require.Equal(t, want, a.show("b"))
			require.False(t, a.errors)
		})
	}
	t.Run("row 96 nothing left", func(t *testing.T) {
		a := evaluate(t, compile(t, "", flagJSON(1, "a", on, `"active": false`), flagJSON(2, "b", needsFlag("3", "true"), `"evaluation_runtime": "server"`),
			flagJSON(3, "c", needsFlag("2", "true"), `"evaluation_runtime": "server"`)), u, match.Data{})
		require.Empty(t, a.flags)
		require.False(t, a.errors)
	})
	t.Run("row 97 flag_keys bring their dependencies", func(t *testing.T) {
		set := compile(t, "", flagJSON(1, "a", on), flagJSON(2, "b", needsFlag("1", "true")), flagJSON(3, "c", on))
		a := evaluate(t, set, match.Request{DistinctID: "u", FlagKeys: []string{"b", "zzz"}}, match.Data{})
		require.Equal(t, []string{"a", "b"}, keys(a))
		require.False(t, a.errors)
	})
	t.Run("a dependency that failed has no value", func(t *testing.T) {
		a := evaluate(t, compile(t, "", flagJSON(1, "a", `{"version": 7}`), flagJSON(2, "b", needsFlag("1", "false"))), u, match.Data{})
		require.Equal(t, "off no_condition_match 0", a.show("b"))
	})
}

func TestMetadata(t *testing.T) {
	set := compile(t, "", flagJSON(5, "e", needsFlag("3", "true")), flagJSON(3, "c", needsFlag("1", "true")), flagJSON(1, "a", one(`{}`)), flagJSON(2, "b", needsFlag("99", "true")),
		flagJSON(4, "d", needsFlag("2", "true")), flagJSON(6, "x", needsFlag("7", "true")), flagJSON(7, "y", needsFlag("6", "true")), flagJSON(8, "z", needsFlag("6", "true")),
		flagJSON(9, "off", needsFlag("99", "true"), `"active": false`))
	require.Equal(t, match.Metadata{
		DependencyStages:     [][]int32{{1, 2, 9}, {3, 4}, {5}},
		FlagsWithMissingDeps: []int32{2, 4, 6, 7, 8},
		TransitiveDeps: map[string][]int32{"1": {}, "2": {}, "3": {1}, "4": {2}, "5": {1, 3},
			"6": {}, "7": {}, "8": {}, "9": {}},
	}, set.Metadata())
}

func TestWhichFlags(t *testing.T) {
	on := one(`{}`)
	runtimes := compile(t, "", flagJSON(1, "none", on), flagJSON(2, "client", on, `"evaluation_runtime": "client"`), flagJSON(3, "server", on, `"evaluation_runtime": "server"`),
		flagJSON(4, "all", on, `"evaluation_runtime": "all"`), flagJSON(5, "odd", on, `"evaluation_runtime": "moon"`), flagJSON(6, "loud", on, `"evaluation_runtime": "SERVER"`))
	for name, tt := range map[string]struct {
		runtime match.Runtime
		want    []string
	}{
		"row 61 unknown": {match.RuntimeUnknown, []string{"all", "none", "odd"}},
		"row 61 client":  {match.RuntimeClient, []string{"all", "client", "none", "odd"}},
		"row 61 all":     {match.RuntimeAll, []string{"all", "client", "loud", "none", "odd", "server"}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tt.want, keys(evaluate(t, runtimes, match.Request{Runtime: tt.runtime}, match.Data{})))
		})
	}
	tagged := compile(t, "", flagJSON(1, "free", on), flagJSON(2, "docs", on, `"evaluation_contexts": ["docs"]`), flagJSON(3, "older", on, `"evaluation_tags": ["docs"]`))
	for name, tt := range map[string]struct{ contexts, want []string }{
		"row 62 another": {[]string{"app"}, []string{"free"}},
		"row 62 shared":  {[]string{"docs", "app"}, []string{"docs", "free", "older"}},
		"row 62 none":    {[]string{}, []string{"docs", "free", "older"}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tt.want, keys(evaluate(t, tagged, match.Request{Contexts: tt.contexts}, match.Data{})))
		})
	}
	for name, tt := range map[string]struct {
		keys   []string
		billed bool
	}{
		"row 63 a survey":            {[]string{"survey-targeting-a"}, false},
		"row 63 a survey and a flag": {[]string{"survey-targeting-a", "x"}, true},
		"row 63 a name like it":      {[]string{"pre-survey-targeting-a"}, true},
		"row 63 a tour":              {[]string{"product-tour-targeting-a"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var flags []string
			for i, key := range tt.keys {
				flags = append(flags, flagJSON(i+1, key, on))
			}
			e := compile(t, "", flags...).Begin(&match.Request{})
			defer e.End()
			require.Equal(t, tt.billed, e.Billable())
		})
	}
	set := compile(t, "", flagJSON(1, "survey-targeting-a", on), flagJSON(2, "x", on, `"evaluation_runtime": "client"`), flagJSON(3, "cycle", needsFlag("3", "true"), `"evaluation_runtime": "server"`))
	for name, tt := range map[string]struct {
		request match.Request
		billed  bool
	}{
		"a survey is asked for, and there is a flag":  {match.Request{Runtime: match.RuntimeClient, FlagKeys: []string{"survey-targeting-a"}}, true},
		"nothing that there is":                       {match.Request{Runtime: match.RuntimeClient, FlagKeys: []string{"zzz"}}, true},
		"only a flag in a cycle beside the survey":    {match.Request{Runtime: match.RuntimeServer}, true},
		"all but the survey are for another runtime":  {match.Request{}, false},
		"all are for the request":                     {match.Request{Runtime: match.RuntimeAll}, true},
		"surveys alone, though there are other flags": {match.Request{Runtime: match.RuntimeAll, SurveysOnly: true}, false},
	} {
		t.Run("billing: "+name, func(t *testing.T) {
			e := set.Begin(&tt.request)
			defer e.End()
			require.Equal(t, tt.billed, e.Billable())
		})
	}
	t.Run("surveys only", func(t *testing.T) {
		set := compile(t, "", flagJSON(1, "survey-targeting-a", on), flagJSON(2, "x", on), flagJSON(3, "off", on, `"active": false`), flagJSON(4, "gone", on, `"deleted": true`))
		e := set.Begin(&match.Request{SurveysOnly: true})
		defer e.End()
		require.Equal(t, 1, e.Kept())
		for i, want := range []match.Status{match.Evaluated, match.NoSurvey, match.Inactive, match.Deleted} {
			require.Equal(t, want, e.Status(i), e.Status(i).String())
		}
	})
}

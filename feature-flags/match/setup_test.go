package match_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/feature-flags/match"
)

// now is what relative dates count from, unless a test says otherwise.
var now = time.Date(2024, 11, 4, 15, 0, 0, 0, time.UTC)

// organization is the one group type that most tests have.
var organization = []match.GroupType{{Index: 0, Name: "organization"}}

// flagJSON makes the definition of an active flag. extra are further members, as `"active": false`; the last of equal names counts.
func flagJSON(id int, key, filters string, extra ...string) string {
	return fmt.Sprintf(`{"id": %d, "team_id": 2, "key": %q, "active": true, "version": 3, "filters": %s%s}`, id, key, filters, members(extra))
}

func members(extra []string) (s string) {
	for _, member := range extra {
		s += ", " + member
	}
	return s
}

// one is the filters of one condition set.
func one(condition string) string { return `{"groups": [` + condition + `]}` }

// where is the filters of one condition set at 100 % with these property filters.
func where(properties ...string) string {
	return one(`{"properties": [` + strings.Join(properties, ",") + `], "rollout_percentage": 100}`)
}

// prop is a filter on a property of the person.
func prop(key, operator, value string) string {
	return fmt.Sprintf(`{"key": %q, "type": "person", "operator": %q, "value": %s}`, key, operator, value)
}

func compile(t testing.TB, cohorts string, flags ...string) *match.Set {
	t.Helper()
	return compileWith(t, match.Options{}, cohorts, flags...)
}

func compileWith(t testing.TB, o match.Options, cohorts string, flags ...string) *match.Set {
	t.Helper()
	var list []byte
	if cohorts != "" {
		list = []byte(cohorts)
	}
	set, err := match.Compile([]byte("["+strings.Join(flags, ",")+"]"), list, o)
	require.NoError(t, err)
	return set
}

// answer is what came out of an evaluation.
type answer struct {
	flags  map[string]match.Result
	errors bool
}

// evaluate runs a request, with the person fetched if there is one to fetch.
func evaluate(t testing.TB, set *match.Set, r match.Request, d match.Data) answer {
	t.Helper()
	return evaluateGroups(t, set, r, organization, d)
}

func evaluateGroups(t testing.TB, set *match.Set, r match.Request, types []match.GroupType, d match.Data) answer {
	t.Helper()
	if r.Now.IsZero() {
		r.Now = now
	}
	if d.FetchFailure == nil && !r.OverridesOnly {
		d.Fetched = true
	}
	results, errors := set.Evaluate(&r, types, &d, nil)
	a := answer{flags: map[string]match.Result{}, errors: errors}
	for _, result := range results {
		require.NotContains(t, a.flags, result.Flag.Key)
		a.flags[result.Flag.Key] = result
		if result.Reason != match.Failed {
			require.Less(t, result.Outcome(), result.Flag.Outcomes())
			require.GreaterOrEqual(t, result.Outcome(), 0)
		}
	}
	return a
}

// show writes a result as "on blue condition_match 0": enabled, variant, code, index.
func show(r match.Result) string {
	words := []string{"off"}
	if r.Enabled {
		words[0] = "on"
	}
	if variant, ok := r.Variant(); ok {
		words = append(words, variant)
	}
	words = append(words, r.Code())
	if index, ok := r.Condition(); ok {
		words = append(words, fmt.Sprint(index))
	}
	return strings.Join(words, " ")
}

// show is the answer of one flag, "absent" if there is none.
func (a answer) show(key string) string {
	if r, ok := a.flags[key]; ok {
		return show(r)
	}
	return "absent"
}

// group is a group of a request.
func group(key string) []match.Group { return []match.Group{{Type: "organization", Key: []byte(key)}} }

// person is the JSON of properties given as alternating names and JSON values.
func person(pairs ...string) []byte {
	object := map[string]json.RawMessage{}
	for i := 0; i < len(pairs); i += 2 {
		object[pairs[i]] = json.RawMessage(pairs[i+1])
	}
	text, err := json.Marshal(object)
	if err != nil {
		panic(err)
	}
	return text
}

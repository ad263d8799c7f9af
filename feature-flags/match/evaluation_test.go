package match_test

import (
	"encoding/json"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/feature-flags/internal/workload"
	"github.com/hog-go/hog/feature-flags/match"
)

// A Set serves many requests at once, and what one leaves behind does not show in the next.
func TestConcurrentRequests(t *testing.T) {
	w := workload.New(60, 40)
	set, err := match.Compile(w.Flags, w.Cohorts, match.Options{})
	require.NoError(t, err)
	ask := func(p *workload.Person) (shown []string) {
		r := match.Request{DistinctID: p.ID, Runtime: match.RuntimeAll, Now: now}
		results, _ := set.Evaluate(&r, nil, &match.Data{Fetched: true, Person: p.JSON}, nil)
		for _, result := range results {
			shown = append(shown, show(result))
		}
		return shown
	}
	var want [][]string
	for i := range w.People {
		fresh, err := match.Compile(w.Flags, w.Cohorts, match.Options{})
		require.NoError(t, err)
		r := match.Request{DistinctID: w.People[i].ID, Runtime: match.RuntimeAll, Now: now}
		results, _ := fresh.Evaluate(&r, nil, &match.Data{Fetched: true, Person: w.People[i].JSON}, nil)
		var shown []string
		for _, result := range results {
			shown = append(shown, show(result))
		}
		want = append(want, shown)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range w.People {
				if got := ask(&w.People[i]); !equal(got, want[i]) {
					t.Errorf("person %d: %v, want %v", i, got, want[i])
				}
			}
		})
	}
	wg.Wait()
}

func equal(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// Two results of a flag have one outcome number exactly if they say the same.
func TestOutcomes(t *testing.T) {
	w := workload.New(40, 300)
	set, err := match.Compile(w.Flags, w.Cohorts, match.Options{})
	require.NoError(t, err)
	seen := map[[2]int]string{}
	for i := range w.People {
		r := match.Request{DistinctID: w.People[i].ID, Runtime: match.RuntimeAll, Now: now}
		results, _ := set.Evaluate(&r, nil, &match.Data{Fetched: true, Person: w.People[i].JSON}, nil)
		for _, result := range results {
			text := show(result) + result.Description() + string(result.Payload())
			at := [2]int{result.Flag.Index, result.Outcome()}
			if known, ok := seen[at]; ok {
				require.Equal(t, known, text)
			}
			for other, known := range seen {
				require.False(t, other[0] == at[0] && other != at && known == text)
			}
			seen[at] = text
		}
	}
}

func TestExplain(t *testing.T) {
	set := compile(t, `[{"id": 1, "is_static": true}]`, flagJSON(1, "dep", one(`{}`)), flagJSON(2, "f", `{"groups": [
		{"properties": [`+prop("plan", "exact", `"pro"`)+`, `+prop("age", "gt", `5`)+`, `+ref(1, "")+`], "variant": null},
		{"properties": [{"key": "1", "type": "flag", "operator": "flag_evaluates_to", "value": true}], "rollout_percentage": 0},
		{"aggregation_group_type_index": 0}, {}]}`))
	r := match.Request{DistinctID: "ann", PersonProperties: []byte(`{"plan": "pro", "age": "old"}`), Now: now}
	e := set.Begin(&r)
	defer e.End()
	e.SetGroupTypes(organization)
	results := e.Run(&match.Data{Fetched: true, StaticCohorts: []int32{1}}, nil)
	require.Equal(t, "on condition_match 3", show(results[1]))
	text, err := json.Marshal(e.Explain(results[1]))
	require.NoError(t, err)
	require.JSONEq(t, `[
		{"index": 0, "rollout_percentage": null, "variant": null, "matched": false, "properties_matched": false, "rollout_excluded": false, "explanation": "a filter does not hold", "properties": [
			{"key": "plan", "operator": "exact", "value": "pro", "type": "person", "actual_value": "pro", "matched": true, "explanation": "holds"},
			{"key": "age", "operator": "gt", "value": 5, "type": "person", "actual_value": "old", "matched": false, "explanation": "the operator cannot be applied to these values"},
			{"key": "id", "operator": "in", "value": 1, "type": "cohort", "actual_value": true, "matched": true, "explanation": "a member of the cohort"}]},
		{"index": 1, "rollout_percentage": 0, "variant": null, "matched": false, "properties_matched": true, "rollout_excluded": true, "explanation": "\"ann\" is at 57.29 %, outside the rollout of 0 %", "properties": [
			{"key": "1", "operator": "flag_evaluates_to", "value": true, "type": "flag", "actual_value": true, "matched": true, "explanation": "the flag it depends on has this value"}]},
		{"index": 2, "rollout_percentage": null, "variant": null, "matched": false, "properties_matched": true, "rollout_excluded": false, "explanation": "the request has no group of type 0", "properties": []},
		{"index": 3, "rollout_percentage": null, "variant": null, "matched": true, "properties_matched": true, "rollout_excluded": false, "explanation": "no filters, and in the rollout", "properties": []}]`, string(text))
}

// No definitions and no properties make the matcher panic, and every flag that is asked for has a result or a reason to have none.
func FuzzEvaluate(f *testing.F) {
	w := workload.New(10, 1)
	f.Add(w.Flags, w.Cohorts, w.People[0].JSON)
	f.Add([]byte("["+flagJSON(1, "a", needsFlag("2", "true"))+","+flagJSON(2, "b", multivariate)+","+flagJSON(3, "c", ruleset("string", `"d"`, experiment("")))+"]"), []byte(`[]`), []byte(`{"p":1}`))
	f.Add([]byte("["+flagJSON(1, "a", in("1", "not_in"))+"]"), []byte(`[`+dynamic(1, anyOf(ref(2, "")+","+prop("a", "regex", `"(?<=a)b"`)))+`,`+dynamic(2, anyOf(ref(1, "")))+`]`), []byte(`{"a":"ab"}`))
	f.Add([]byte(`{"flags":[{"id":1,"key":"k","active":true,"filters":{"super_groups":[{"properties":[{"key":""}]}],"groups":[null,{"properties":[null]}]}}],"cohorts":[{"id":1}]}`), []byte(nil), []byte(`{"":[`))
	f.Fuzz(func(t *testing.T, flags, cohorts, properties []byte) {
		set, err := match.Compile(flags, cohorts, match.Options{RealtimeCohorts: true})
		if err != nil {
			return
		}
		set.Metadata()
		r := match.Request{DistinctID: "u", Runtime: match.RuntimeAll, PersonProperties: properties, Groups: group(`"g"`), Now: now}
		e := set.Begin(&r)
		defer e.End()
		e.SetGroupTypes(organization)
		e.Needs()
		results := e.Run(&match.Data{Fetched: true, Person: properties, Groups: []match.GroupData{{Properties: properties}}}, nil)
		answered := map[int]bool{}
		for _, result := range results {
			answered[result.Flag.Index] = true
			require.Less(t, result.Outcome(), result.Flag.Outcomes())
			result.Description()
			result.Payload()
			result.AppendValue(nil)
			for _, detail := range e.Explain(result) {
				if _, err := json.Marshal(detail); err != nil && json.Valid(properties) {
					t.Fatal(err)
				}
			}
		}
		for i := range set.Len() {
			require.Equal(t, e.Status(i) == match.Evaluated, answered[i])
		}
	})
}

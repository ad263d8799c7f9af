package answer_test

import (
	"encoding/json"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/feature-flags/internal/answer"
	"github.com/hog-go/hog/feature-flags/match"
)

func TestShapeOf(t *testing.T) {
	for name, tt := range map[string]struct {
		decide  bool
		version int
		want    answer.Shape
	}{
		"row 54 decide, none":  {true, 0, answer.DecideV1},
		"row 54 decide -1":     {true, -1, answer.DecideV1},
		"decide 1":             {true, 1, answer.DecideV1},
		"row 54 decide 2":      {true, 2, answer.DecideV2},
		"row 72 decide 3":      {true, 3, answer.Legacy},
		"row 72 decide 5":      {true, 5, answer.V2},
		"row 72 flags 4":       {false, 4, answer.V3},
		"flags 3":              {false, 3, answer.V3},
		"row 72 flags 2":       {false, 2, answer.V2},
		"row 72 flags 0":       {false, 0, answer.Legacy},
		"flags 1 and nonsense": {false, 1, answer.Legacy},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, tt.want, answer.ShapeOf(tt.decide, tt.version)) })
	}
}

const document = `[{"id":1,"team_id":1,"key":"on","active":true,"version":4,"filters":{"groups":[{}],"payloads":{"true":"P"}}},
	{"id":2,"team_id":1,"key":"off","active":true,"filters":{"groups":[{"rollout_percentage":0}]}},
	{"id":3,"team_id":1,"key":"v","active":true,"has_experiment":true,"filters":{"groups":[{}],"multivariate":{"variants":[{"key":"a","rollout_percentage":100}]},"payloads":{"a":[1]}}},
	{"id":4,"team_id":1,"key":"bad","active":true,"filters":{"version":"1"}}]`

// evaluated are the results of document for somebody.
func evaluated(t *testing.T) (*answer.Fragments, []match.Result) {
	t.Helper()
	set, err := match.Compile([]byte(document), nil, match.Options{})
	require.NoError(t, err)
	e := set.Begin(&match.Request{DistinctID: "ann", Runtime: match.RuntimeAll})
	defer e.End()
	return answer.NewFragments(set), append([]match.Result(nil), e.Run(&match.Data{}, nil)...)
}

func TestAppend(t *testing.T) {
	fragments, results := evaluated(t)
	const tail = `"requestId":"r","evaluatedAt":7,"heatmaps":true}`
	const off = `"reason":{"code":"out_of_rollout_bound","condition_index":0,"description":"Out of rollout bound"}`
	const on = `"reason":{"code":"condition_match","condition_index":0,"description":"Matched condition set 1"}`
	const bad = `"failed":true,"reason":{"code":"flag_data_parsing_error","condition_index":null,"description":"Failed to parse flag data: unsupported feature flag configuration format"}`
	for name, tt := range map[string]struct {
		shape answer.Shape
		want  string
	}{
		"V2": {answer.V2, `{"errorsWhileComputingFlags":true,"flags":{
			"on":{"key":"on","enabled":true,"variant":null,` + on + `,"metadata":{"id":1,"version":4,"description":null,"payload":"P","has_experiment":false}},
			"off":{"key":"off","enabled":false,"variant":null,` + off + `,"metadata":{"id":2,"version":0,"description":null,"payload":null,"has_experiment":false}},
			"v":{"key":"v","enabled":true,"variant":"a",` + on + `,"metadata":{"id":3,"version":0,"description":null,"payload":[1],"has_experiment":true}},
			"bad":{"key":"bad","enabled":false,"variant":null,` + bad + `,"metadata":{"id":4,"version":0,"description":null,"payload":null,"has_experiment":false}}},
			"quotaLimited":["q"],` + tail},
		"V3": {answer.V3, `{"errorsWhileComputingFlags":true,"flags":{
			"on":{"key":"on","value":true,` + on + `,"metadata":{"id":1,"version":4,"config_version":1,"description":null,"payload":"P","has_experiment":false}},
			"off":{"key":"off","value":false,` + off + `,"metadata":{"id":2,"version":0,"config_version":1,"description":null,"payload":null,"has_experiment":false}},
			"v":{"key":"v","value":"a",` + on + `,"metadata":{"id":3,"version":0,"config_version":1,"description":null,"payload":[1],"has_experiment":true,"variant_key":"a"}},
			"bad":{"key":"bad","value":null,` + bad + `,"metadata":{"id":4,"version":0,"config_version":1,"description":null,"payload":null,"has_experiment":false}}},
			"quotaLimited":["q"],` + tail},
		"legacy":   {answer.Legacy, `{"errorsWhileComputingFlags":true,"featureFlags":{"on":true,"off":false,"v":"a","bad":false},"featureFlagPayloads":{"on":"P","v":[1]},"quotaLimited":["q"],` + tail},
		"decide 2": {answer.DecideV2, `{"featureFlags":{"on":true,"v":"a"},"quotaLimited":["q"],` + tail},
		"decide 1": {answer.DecideV1, `{"featureFlags":["on","v"],"quotaLimited":["q"],` + tail},
	} {
		t.Run(name, func(t *testing.T) {
			a := answer.Answer{Shape: tt.shape, Results: results, Fragments: fragments, Errors: true, Quotas: []string{"q"}, RequestID: "r", EvaluatedAt: 7, Config: []byte(`"heatmaps":true`)}
			for range 2 { // the second time from fragments
				require.JSONEq(t, tt.want, string(a.Append(nil)))
			}
		})
	}
	t.Run("nothing to say", func(t *testing.T) {
		for _, shape := range []answer.Shape{answer.V3, answer.V2, answer.Legacy, answer.DecideV2, answer.DecideV1} {
			a := answer.Answer{Shape: shape}
			require.True(t, json.Valid(a.Append(nil)), string(a.Append(nil)))
		}
	})
}

func TestAppendAllocatesNothing(t *testing.T) {
	fragments, results := evaluated(t)
	results = results[:3] // a failure is encoded each time
	a := answer.Answer{Shape: answer.V2, Results: results, Fragments: fragments, RequestID: "r"}
	out := a.Append(nil)
	require.Zero(t, testing.AllocsPerRun(100, func() { out = a.Append(out[:0]) }))
}

func TestFragmentsAtOnce(t *testing.T) {
	fragments, results := evaluated(t)
	want := (&answer.Answer{Shape: answer.V2, Results: results, Fragments: fragments}).Append(nil)
	fragments, results = evaluated(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, shape := range []answer.Shape{answer.V3, answer.V2, answer.Legacy} {
				got := (&answer.Answer{Shape: shape, Results: results, Fragments: fragments}).Append(nil)
				if shape == answer.V2 && string(got) != string(want) {
					t.Errorf("got %s", got)
				}
			}
		})
	}
	wg.Wait()
}

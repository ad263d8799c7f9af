package featureflags_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	onFlag  = `"key":"on","filters":{"groups":[{}]}`
	offFlag = `"key":"off","filters":{"groups":[{"rollout_percentage":0}],"payloads":{"true":"T"}}`
	navFlag = `"key":"new-nav","filters":{"groups":[{}],"multivariate":{"variants":[{"key":"blue","rollout_percentage":100}]},"payloads":{"blue":"{\"c\":1}"}}`
	// One that fails: its cohort is nowhere.
	brokenFlag = `"key":"broken","filters":{"groups":[{"properties":[{"key":"id","type":"cohort","value":99}]}]}`
	ann        = `{"token":"phc_1","distinct_id":"ann"}`
	decideFrom = "X-Original-Endpoint"
)

func keys(m map[string]any) (out []string) {
	for k := range m {
		out = append(out, k)
	}
	return out
}

// Shapes: which members an answer has.
func TestShapes(t *testing.T) {
	h := setup(t, options{})
	h.cacheFlags(t, 1, onFlag, offFlag, navFlag)
	v2 := []string{"errorsWhileComputingFlags", "flags", "requestId", "evaluatedAt"}
	legacy := []string{"errorsWhileComputingFlags", "featureFlags", "featureFlagPayloads", "requestId", "evaluatedAt"}
	decide := []string{"featureFlags", "requestId", "evaluatedAt"}
	config := []string{"hasFeatureFlags", "supportedCompression", "sessionRecording", "surveys", "heatmaps", "capturePerformance", "autocaptureExceptions", "isAuthenticated", "toolbarParams", "config"}
	minimal := []string{"supportedCompression", "config", "toolbarParams", "isAuthenticated", "sessionRecording"}
	list := func(parts ...[]string) (out []string) {
		for _, p := range parts {
			out = append(out, p...)
		}
		return out
	}
	tests := map[string]struct {
		method, path, endpoint string
		want                   []string
		v3                     bool
	}{
		"row 53 neither v nor config":  {"POST", "/flags", "", list(v2, config), false},
		"row 53 v=1":                   {"POST", "/flags/?v=1", "", legacy, false},
		"row 53 config=false":          {"POST", "/flags?config=false", "", legacy, false},
		"row 54 decide":                {"POST", "/flags", "decide", list(decide, config), false},
		"row 54 decide 2":              {"POST", "/decide/?v=2", "decide", list(decide, config), false},
		"row 54 decide 3":              {"POST", "/decide?v=3", "decide", list(legacy, config), false},
		"row 54 decide 4":              {"POST", "/decide?v=4&config=no", "decide", v2, false},
		"row 54 decide -1":             {"POST", "/decide?v=-1&config=0", "decide", decide, false},
		"the path alone says nothing":  {"POST", "/decide?v=2", "", v2, false},
		"the header must be exact":     {"POST", "/decide?v=2", "Decide", v2, false},
		"row 55 GET of v2":             {"GET", "/flags?v=2", "", list(v2, minimal), false},
		"row 55 GET":                   {"GET", "/flags", "", list(legacy, minimal), false},
		"row 72 v=4":                   {"POST", "/flags?v=4", "", v2, true},
		"row 72 v=2":                   {"POST", "/flags?v=2", "", v2, false},
		"row 72 v=0":                   {"POST", "/flags?v=0", "", legacy, false},
		"row 72 v=x":                   {"POST", "/flags?v=x", "", legacy, false},
		"row 72 decide v=5":            {"POST", "/flags?v=5&config=false", "decide", v2, false},
		"row 74 GET of v3":             {"GET", "/flags?v=3", "", list(v2, minimal), false},
		"row 74 GET is never decide":   {"GET", "/decide", "decide", list(legacy, minimal), false},
		"config asked for":             {"POST", "/flags?v=2&config=true", "", list(v2, config), false},
		"version under its other name": {"POST", "/flags?version=3", "", v2, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			body := ann
			if tt.method == "GET" {
				body = ""
			}
			r := h.do(t, tt.method, tt.path, body, decideFrom, tt.endpoint)
			got := r.json(t)
			require.ElementsMatch(t, tt.want, keys(got), r.body)
			if tt.method == "GET" || got["flags"] == nil {
				return
			}
			on := got["flags"].(map[string]any)["on"].(map[string]any)
			require.Equal(t, tt.v3, on["value"] != nil, r.body)
			require.Equal(t, !tt.v3, on["enabled"] != nil, r.body)
		})
	}
}

// Contents: what the members say of flags.
func TestContents(t *testing.T) {
	h := setup(t, options{})
	h.cacheFlags(t, 1, onFlag, offFlag, navFlag, brokenFlag)
	v2, v3 := h.post(t, "/flags?v=2", ann), h.post(t, "/flags?v=3", ann)

	t.Run("worked example of V2", func(t *testing.T) {
		nav, err := json.Marshal(v2.json(t)["flags"].(map[string]any)["new-nav"])
		require.NoError(t, err)
		require.JSONEq(t, `{"key":"new-nav","enabled":true,"variant":"blue","reason":{"code":"condition_match","condition_index":0,"description":"Matched condition set 1"},
			"metadata":{"id":3,"version":12,"description":null,"payload":"{\"c\":1}","has_experiment":false}}`, string(nav))
	})
	t.Run("row 71 V3, a flag that is on and one that is off", func(t *testing.T) {
		flags := v3.json(t)["flags"].(map[string]any)
		for key, value := range map[string]bool{"on": true, "off": false} {
			f := flags[key].(map[string]any)
			require.Equal(t, value, f["value"])
			require.NotContains(t, f, "enabled")
			require.NotContains(t, f, "variant")
			require.EqualValues(t, 1, f["metadata"].(map[string]any)["config_version"])
		}
	})
	t.Run("row 73 V3, a variant and a failure", func(t *testing.T) {
		flags := v3.flags(t)
		require.Equal(t, "blue", flags["new-nav"].Value)
		require.Equal(t, "blue", flags["new-nav"].Metadata["variant_key"])
		require.Equal(t, `{"c":1}`, flags["new-nav"].Metadata["payload"])
		broken := v3.json(t)["flags"].(map[string]any)["broken"].(map[string]any)
		require.Contains(t, broken, "value")
		require.Nil(t, broken["value"])
		require.Equal(t, true, broken["failed"])
		require.Equal(t, "dependency_not_found_cohort", broken["reason"].(map[string]any)["code"])
	})
	t.Run("row 80 no payload of a flag that is off", func(t *testing.T) {
		require.Nil(t, v2.flags(t)["off"].Metadata["payload"])
		legacy := h.post(t, "/flags?v=1", ann).json(t)
		require.Equal(t, map[string]any{"new-nav": `{"c":1}`}, legacy["featureFlagPayloads"])
		require.Equal(t, map[string]any{"on": true, "off": false, "new-nav": "blue", "broken": false}, legacy["featureFlags"])
	})
	t.Run("decide 1 and 2 know enabled flags only", func(t *testing.T) {
		one := h.post(t, "/decide", ann, decideFrom, "decide").json(t)
		require.ElementsMatch(t, []any{"on", "new-nav"}, one["featureFlags"])
		two := h.post(t, "/decide?v=2", ann, decideFrom, "decide").json(t)
		require.Equal(t, map[string]any{"on": true, "new-nav": "blue"}, two["featureFlags"])
	})
	t.Run("row 100 a failed flag leaves the others alone", func(t *testing.T) {
		require.True(t, v2.errors(t))
		require.True(t, v2.flags(t)["on"].Enabled)
		require.Equal(t, record{}.Variant, v2.flags(t)["broken"].Variant)
		require.True(t, v2.flags(t)["broken"].Failed)
	})
	t.Run("null payload is kept", func(t *testing.T) {
		h.cacheFlags(t, 1, `"key":"n","filters":{"groups":[{}],"payloads":{"true":null}}`)
		legacy := h.post(t, "/flags?v=1", ann).json(t)
		require.Equal(t, map[string]any{"n": nil}, legacy["featureFlagPayloads"])
	})
	t.Run("row 96 nothing is left", func(t *testing.T) {
		h.cacheDocument(t, 1, `{"flags":[{"id":1,"team_id":1,"key":"a","active":false,"filters":{"groups":[{}]}},{"id":2,"team_id":1,"key":"b","active":true,"evaluation_runtime":"client","filters":{"groups":[{}]}}]}`)
		r := h.post(t, "/flags?v=2", ann)
		require.Empty(t, r.flags(t))
		require.False(t, r.errors(t))
	})
	t.Run("keys that need escapes", func(t *testing.T) {
		h.cacheFlags(t, 1, `"key":"a\"b<ü>","filters":{"groups":[{}]}`)
		require.True(t, h.post(t, "/flags?v=2", ann).flags(t)["a\"b<ü>"].Enabled)
		require.Equal(t, map[string]any{"a\"b<ü>": true}, h.post(t, "/flags?v=1", ann).json(t)["featureFlags"])
	})
	t.Run("request id of the caller", func(t *testing.T) {
		const id = "6a1f0c56-2b53-4f06-9d2e-0d8c7f8a1b22"
		require.Equal(t, id, h.post(t, "/flags?v=2", ann, "X-Request-Id", id).json(t)["requestId"])
		require.NotEqual(t, "nonsense", h.post(t, "/flags?v=2", ann, "X-Request-Id", "nonsense").json(t)["requestId"])
	})
	t.Run("evaluated at", func(t *testing.T) {
		at := int64(h.post(t, "/flags?v=2", ann).json(t)["evaluatedAt"].(float64))
		require.WithinDuration(t, time.Date(2024, 6, 1, 12, 0, 0, 0, time.UTC), time.UnixMilli(at), time.Minute)
	})
}

package remoteconfig_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/hog/internal/remoteconfig"
)

func do(t *testing.T, method, target string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, target, strings.NewReader(`{"token":"phc_x","distinct_id":"d"}`))
	r.Header.Set("Origin", "https://shop.example")
	remoteconfig.New(slog.New(slog.DiscardHandler)).Handler().ServeHTTP(w, r)
	require.Equal(t, "https://shop.example", w.Header().Get("Access-Control-Allow-Origin"), "a page may read the answer")
	return w
}

func object(t *testing.T, text []byte) (out map[string]any) {
	t.Helper()
	require.NoError(t, json.Unmarshal(text, &out), "%s", text)
	return out
}

func TestConfig(t *testing.T) {
	w := do(t, "GET", "/array/phc_x/config")
	require.Equal(t, http.StatusOK, w.Code)
	config := object(t, w.Body.Bytes())
	require.Equal(t, "phc_x", config["token"])
	require.Equal(t, "/s/", config["sessionRecording"].(map[string]any)["endpoint"])
	require.Equal(t, true, config["autocaptureExceptions"])
	require.Equal(t, true, config["hasFeatureFlags"], "posthog-js asks for none otherwise")

	script := do(t, "GET", "/array/phc_x/config.js")
	require.Contains(t, script.Header().Get("Content-Type"), "javascript")
	before, after, _ := strings.Cut(strings.TrimSuffix(script.Body.String(), ";\n"), "['phc_x'] = ")
	require.Equal(t, "(window._POSTHOG_REMOTE_CONFIG = window._POSTHOG_REMOTE_CONFIG || {})", before)
	require.Equal(t, map[string]any{"config": config, "siteApps": []any{}}, object(t, []byte(after)))

	for _, token := range []string{"a'b", "a%22", "a%2Fb", strings.Repeat("x", 201)} {
		for _, file := range []string{"config", "config.js"} {
			w := do(t, "GET", "/array/"+token+"/"+file)
			require.GreaterOrEqual(t, w.Code, 400, token)
			require.Less(t, w.Code, 500, token)
		}
	}
}

// TestFlags goes through the versions of the answer; the members of the configuration are told from its endpoint for recordings.
func TestFlags(t *testing.T) {
	const detailed, legacy, set, list = `{"flags":{},"errorsWhileComputingFlags":false}`,
		`{"featureFlags":{},"featureFlagPayloads":{},"errorsWhileComputingFlags":false}`, `{"featureFlags":{}}`, `{"featureFlags":[]}`
	tests := map[string]struct {
		method, target, want string
		config               bool
	}{
		"posthog-js":                       {"POST", "/flags/?v=2", detailed, false},
		"the newest":                       {"POST", "/flags?v=3", detailed, false},
		"with the configuration":           {"POST", "/flags/?v=2&config=true", detailed, true},
		"without it":                       {"POST", "/flags/?v=2&config=0", detailed, false},
		"without a word":                   {"POST", "/flags/", detailed, true},
		"version by its other name":        {"POST", "/flags/?version=1", legacy, false},
		"configuration without a version":  {"POST", "/flags/?config=true", legacy, true},
		"no number is the first version":   {"POST", "/flags/?v=x", legacy, false},
		"read only":                        {"GET", "/flags/?v=2", detailed, true},
		"read only, without a version":     {"GET", "/flags/", legacy, true},
		"an older SDK":                     {"POST", "/decide/?v=3", legacy, true},
		"an older SDK that wants no other": {"POST", "/decide/?v=3&config=false", legacy, false},
		"decide 1":                         {"POST", "/decide/?v=1", list, true},
		"decide without a version":         {"POST", "/decide", list, true},
		"decide 2":                         {"POST", "/decide/?v=2", set, true},
		"decide 4":                         {"POST", "/decide/?v=4", detailed, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := do(t, tt.method, tt.target)
			require.Equal(t, http.StatusOK, w.Code)
			got := object(t, w.Body.Bytes())
			require.Len(t, got["requestId"], 36)
			require.NotZero(t, got["evaluatedAt"])
			require.Equal(t, tt.config, got["sessionRecording"] != nil, "the configuration")
			flags := map[string]any{}
			for _, member := range []string{"flags", "featureFlags", "featureFlagPayloads", "errorsWhileComputingFlags"} {
				if v, ok := got[member]; ok {
					flags[member] = v
				}
			}
			require.Equal(t, object(t, []byte(tt.want)), flags)
		})
	}
}

func TestSurveys(t *testing.T) {
	for _, target := range []string{"/api/surveys/?token=phc_x", "/api/surveys?api_key=phc_x", "/surveys/?token=phc_x"} {
		w := do(t, "GET", target)
		require.Equal(t, http.StatusOK, w.Code)
		require.JSONEq(t, `{"surveys":[],"survey_config":null}`, w.Body.String())
	}
	w := do(t, "GET", "/api/surveys/")
	require.Equal(t, http.StatusUnauthorized, w.Code)
	require.Equal(t, "Token not provided", w.Body.String())
}

func TestOthers(t *testing.T) {
	w := do(t, "GET", "/static/recorder.js?v=1.449.2")
	require.Equal(t, http.StatusNotFound, w.Code)
	require.Contains(t, w.Body.String(), "posthog-js/dist/module.full.no-external")
	require.Equal(t, http.StatusNotFound, do(t, "GET", "/array/phc_x/config.js.map").Code)
	require.Equal(t, http.StatusOK, do(t, "OPTIONS", "/flags/").Code, "a preflight")
}

func TestRun(t *testing.T) {
	s := remoteconfig.New(slog.New(slog.DiscardHandler))
	ok, _ := s.Ready()
	require.True(t, ok)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, s.Run(ctx))
}

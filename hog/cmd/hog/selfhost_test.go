package main_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// ask sends a request as a client does and returns status and body.
func ask(t *testing.T, method, url, body string, headers ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(text)
}

// TestFlagsOfASelfHoster makes flags, tries them, changes one, and finds all again after a crash.
func TestFlagsOfASelfHoster(t *testing.T) {
	data := dataDir(t)
	h := start(t, data)
	url := "http://" + httpAddr(t, data)
	require.Equal(t, "phc_local: flags: 29 new, 0 changed, 0 as they were, 0 deleted; cohorts: 2\n", run(t, data, "flags", "import", flagFiles+"flags.json"))
	require.Regexp(t, `(?m)^colours +on +1 +100 70 +red green blue`, run(t, data, "flags", "list"))

	tried := run(t, data, "flags", "test", "colours", "--id", "eve", "--property", "plan=scale")
	require.Contains(t, tried, "colours for eve: green\nMatched condition set 2 (condition_match)\npayload: {\"hex\":\"#0f0\"}\n")
	require.Regexp(t, `(?m)^  no   plan exact \["pro"\]: .* \(it is "scale"\)$`, tried)
	require.Contains(t, run(t, data, "flags", "test", "testers", "--id", "ann"), "testers for ann: true")
	require.Contains(t, run(t, data, "flags", "test", "organization", "--id", "x", "--group", "organization=globex", "--group-property", "organization.tier=gold"), ": true\n")
	out, err := command(data, "flags", "test", "nothing", "--id", "ann").CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), `phc_local has no flag "nothing" that could be evaluated`)

	// A change is seen at once; so are teams that are made, or that just begin to ask.
	flags := func(token string) string {
		status, body := ask(t, http.MethodPost, url+"/flags/?v=2", `{"token":"`+token+`","distinct_id":"ann"}`)
		require.Equal(t, http.StatusOK, status, body)
		return body
	}
	require.NotContains(t, flags("phc_local"), `"changed"`)
	require.Contains(t, flags("phc_new"), `"flags":{}`, "any project key will do")
	changed := data + "/changed.json"
	require.NoError(t, os.WriteFile(changed, []byte(`[{"key":"changed","filters":{"groups":[{}]}}]`), 0o644))
	for _, token := range []string{"phc_local", "phc_new"} {
		run(t, data, "flags", "import", "--token", token, changed)
		require.Contains(t, flags(token), `"changed":{"key":"changed","enabled":true`)
	}
	status, body := ask(t, http.MethodPost, url+"/flags/?v=2&detailed_analysis=true", `{"token":"phc_local","distinct_id":"ann"}`)
	require.Equal(t, http.StatusOK, status)
	require.NotContains(t, body, `"conditions"`, "others are not told")

	require.ErrorContains(t, h.end(t, syscall.SIGKILL), "killed")
	h = start(t, data)
	url = "http://" + httpAddr(t, data)
	require.Contains(t, flags("phc_local"), `"colours":`)
	var team struct{ Token, Secret, Personal string }
	text := run(t, data, "team", "create", "--json", "--user", "ann@example.com")
	require.NoError(t, json.Unmarshal([]byte(strings.Replace(text, "personal_key", "personal", 1)), &team))
	for _, key := range []string{team.Secret, team.Personal} {
		status, body := ask(t, http.MethodGet, url+"/flags/definitions?token="+team.Token, "", "Authorization", "Bearer "+key)
		require.Equal(t, http.StatusOK, status, body)
		status, body = ask(t, http.MethodGet, url+"/flags/definitions?token=phc_local", "", "Authorization", "Bearer "+key)
		require.Equal(t, http.StatusUnauthorized, status, body)
	}
	require.NoError(t, h.end(t, os.Interrupt))
}

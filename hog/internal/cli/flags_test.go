package cli_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/common/schema"
	"github.com/hog-go/hog/common/testkit"
	"github.com/hog-go/hog/hog/internal/stack"
)

// servers names a PostgreSQL with tables and a Redis.
func servers(t *testing.T) []string {
	t.Helper()
	text := testkit.Postgres(t)
	url, err := postgres.ParseURL(text)
	require.NoError(t, err)
	for _, set := range []schema.Set{schema.Main, schema.Persons} {
		_, err = set.Migrate(t.Context(), url, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
	}
	return []string{"DATABASE_URL=" + text, "REDIS_URL=" + testkit.Redis(t)}
}

func TestTeamsAndFlags(t *testing.T) {
	environ := servers(t)
	file := filepath.Join(t.TempDir(), "flags.json")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o644)) }
	ok := func(args ...string) string {
		code, out, errs := run(t, environ, args...)
		require.Zero(t, code, errs)
		return out
	}

	out := ok("team", "create", "Shop", "--token", "phc_shop", "--user", "ann@example.com")
	require.Regexp(t, `^team          1  Shop\nproject key   phc_shop\nsecret key    phs_\w+\npersonal key  phx_\w+\n$`, out)
	var made map[string]any
	require.NoError(t, json.Unmarshal([]byte(ok("team", "create", "--json")), &made))
	require.Equal(t, "Default project", made["name"])
	require.Regexp(t, `(?m)^1 +phc_shop +phs_\w+ +Shop$`, ok("team", "list"))

	write(`[{"key":"new-nav","name":"New navigation","filters":{"groups":[{"rollout_percentage":62.5},{}],"multivariate":{"variants":[{"key":"a","rollout_percentage":100}]}}},{"key":"old","active":false}]`)
	require.Equal(t, "phc_local: flags: 2 new, 0 changed, 0 as they were, 0 deleted; cohorts: 0\n", ok("flags", "import", file), "the team is made")
	list := ok("flags", "list")
	require.Regexp(t, `(?m)^key +state +version +rollout % +variants +name$`, list)
	require.Regexp(t, `(?m)^new-nav +on +1 +62.5 100 +a +New navigation$`, list)
	require.Regexp(t, `(?m)^old +off +1 +$`, list)
	write(`[{"key":"new-nav"}]`)
	require.Contains(t, ok("flags", "import", file, "--prune"), "0 new, 1 changed, 0 as they were, 1 deleted")
	require.Contains(t, ok("flags", "list", "--json"), `"version": 2`)

	refused := map[string]struct{ args, want string }{
		"token is taken":  {"team create --token phc_shop", "a team has this token already"},
		"no such team":    {"flags list --token phc_x", "token phc_x: there is no such team: see hog team list"},
		"no such file":    {"flags import nowhere.json", "import: open nowhere.json: no such file"},
		"no name of file": {"flags import", "accepts 1 arg(s), received 0"},
		"nobody":          {"flags test new-nav", `required flag(s) "id" not set`},
	}
	for name, tt := range refused {
		t.Run(name, func(t *testing.T) {
			code, _, errs := run(t, environ, strings.Fields(tt.args)...)
			require.Equal(t, 1, code)
			require.Contains(t, errs, tt.want)
		})
	}
	write(`[{"key":""}]`)
	code, _, errs := run(t, environ, "flags", "import", file)
	require.Equal(t, 1, code)
	require.Contains(t, errs, file+": flag 1: its key has to have 1 to 400 characters")
}

// verdict is an answer of the service with everything that is shown.
const verdict = `{"errorsWhileComputingFlags":false,"flags":{"new-nav":{"key":"new-nav","enabled":true,"variant":"blue",
	"reason":{"code":"condition_match","condition_index":1,"description":"Matched condition set 2"},
	"metadata":{"id":7,"version":3,"description":null,"payload":"{\"c\":1}"},
	"conditions":[
		{"index":0,"properties":[{"key":"email","operator":"icontains","value":"@example.com","type":"person","actual_value":"x@y.z","matched":false,"explanation":"does not hold"}],
		 "rollout_percentage":100,"variant":null,"matched":false,"properties_matched":false,"rollout_excluded":false,"explanation":"a property does not match"},
		{"index":1,"properties":[],"rollout_percentage":50,"variant":null,"matched":true,"properties_matched":true,"rollout_excluded":false,"explanation":"in the rollout of 50 %"}]}}}`

func TestFlagsTest(t *testing.T) {
	var asked struct {
		path, authorization string
		body                map[string]any
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.path, asked.authorization = r.URL.String(), r.Header.Get("Authorization")
		_ = json.NewDecoder(r.Body).Decode(&asked.body)
		_, _ = io.WriteString(w, verdict)
	}))
	defer server.Close()
	data := t.TempDir()
	instance, err := json.Marshal(stack.Instance{PID: os.Getpid(), HTTP: server.URL, Internal: "secret"})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(data, "hog.json"), instance, 0o600))

	args := []string{"--data", data, "flags", "test", "new-nav", "--id", "ann"}
	code, out, errs := run(t, nil, append(args, "--property", "email=x@y.z", "--property", "age=41", "--group", "organization=globex",
		"--group-property", "organization.tier=gold", "--anon-id", "anon", "--device-id", "phone")...)
	require.Zero(t, code, errs)
	require.Equal(t, `new-nav for ann: blue
Matched condition set 2 (condition_match)
payload: {"c":1}

condition 1  no: a property does not match
  no   email icontains "@example.com": does not hold (it is "x@y.z")

condition 2  yes: in the rollout of 50 %
`, out)
	require.Equal(t, "/flags/?v=2&config=false&detailed_analysis=true", asked.path)
	require.Equal(t, "Bearer secret", asked.authorization)
	require.Equal(t, map[string]any{
		"token": "phc_local", "distinct_id": "ann", "flag_keys_to_evaluate": []any{"new-nav"}, "evaluation_runtime": "all", "geoip_disable": true,
		"$anon_distinct_id": "anon", "$device_id": "phone",
		"person_properties": map[string]any{"email": "x@y.z", "age": 41.0},
		"groups":            map[string]any{"organization": "globex"},
		"group_properties":  map[string]any{"organization": map[string]any{"tier": "gold"}},
	}, asked.body)

	code, out, _ = run(t, nil, append(args, "--json")...)
	require.Zero(t, code)
	require.Contains(t, out, `"explanation": "in the rollout of 50 %"`)

	refused := map[string]struct {
		args []string
		want string
	}{
		"no such flag":      {[]string{"--data", data, "flags", "test", "nav", "--id", "ann"}, `phc_local has no flag "nav" that could be evaluated`},
		"no group":          {append(args, "--group", "globex"), `--group "globex" is not type=key`},
		"no property":       {append(args, "--property", "x"), `--property "x" is not name=value`},
		"no group property": {append(args, "--group-property", "tier=gold"), `--group-property "tier" is not type.name=value`},
		"no hog":            {[]string{"--data", t.TempDir(), "flags", "test", "nav", "--id", "ann"}, "hog is not running"},
	}
	for name, tt := range refused {
		t.Run(name, func(t *testing.T) {
			code, _, errs := run(t, nil, tt.args...)
			require.Equal(t, 1, code)
			require.Contains(t, errs, tt.want)
		})
	}
	server.Close()
	code, _, errs = run(t, nil, args...)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "ask for the flag: ")
}

package auth_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/common/redis"
	"github.com/hog-go/hog/common/schema"
	"github.com/hog-go/hog/common/testkit"
	"github.com/hog-go/hog/feature-flags/internal/auth"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func TestBearer(t *testing.T) {
	tests := map[string]struct{ header, want string }{
		"a key":         {"Bearer phx_1", "phx_1"},
		"blanks around": {"Bearer   phx_1 ", "phx_1"},
		"lower case":    {"bearer phx_1", ""},
		"nothing":       {"", ""},
		"no key":        {"Bearer ", ""},
		"another kind":  {"Basic phx_1", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tt.want, auth.Bearer(http.Header{"Authorization": {tt.header}}))
		})
	}
}

func TestHash(t *testing.T) {
	require.Equal(t, "sha256$02d61fdf5d0a70144c364b90d297231b4d43d4643013455d815d7f97bce49520", auth.Hash("phx_test_key"))
}

func TestCheck(t *testing.T) {
	const org, other = "0199f4c2-0000-7000-8000-000000000001", "0199f4c2-0000-7000-8000-000000000002"
	team := &auth.Team{ID: 7, OrganizationID: org}
	member := auth.Credential{Kind: auth.Personal, KeyID: "k", OrgIDs: []string{other, org}, Scopes: []string{"feature_flag:read"}}
	with := func(change func(*auth.Credential)) auth.Credential {
		c := member
		change(&c)
		return c
	}
	tests := map[string]struct {
		credential auth.Credential
		team       *auth.Team
		want       error
	}{
		"secret of the team":                         {auth.Credential{Kind: auth.TeamSecret, TeamID: 7}, team, nil},
		"row 134 secret of another team":             {auth.Credential{Kind: auth.TeamSecret, TeamID: 8}, team, auth.ErrSecret},
		"project secret of another team":             {auth.Credential{Kind: auth.ProjectSecret, TeamID: 8}, team, auth.ErrSecret},
		"member":                                     {member, team, nil},
		"row 136 entry without the id of its key":    {with(func(c *auth.Credential) { c.KeyID = "" }), team, auth.ErrPersonal},
		"row 136 scopes null, right organisation":    {with(func(c *auth.Credential) { c.Scopes = nil }), team, nil},
		"no scopes":                                  {with(func(c *auth.Credential) { c.Scopes = []string{} }), team, auth.ErrPersonal},
		"row 134 other scopes":                       {with(func(c *auth.Credential) { c.Scopes = []string{"insight:read"} }), team, auth.ErrPersonal},
		"all scopes":                                 {with(func(c *auth.Credential) { c.Scopes = []string{"*"} }), team, nil},
		"scoped to the team":                         {with(func(c *auth.Credential) { c.ScopedTeams = []int32{1, 7} }), team, nil},
		"scoped to another team":                     {with(func(c *auth.Credential) { c.ScopedTeams = []int32{1} }), team, auth.ErrPersonal},
		"scoped to another organisation":             {with(func(c *auth.Credential) { c.ScopedOrgs = []string{other} }), team, auth.ErrPersonal},
		"no member":                                  {with(func(c *auth.Credential) { c.OrgIDs = []string{other} }), team, auth.ErrPersonal},
		"team without organisation":                  {with(func(c *auth.Credential) { c.OrgIDs = nil }), &auth.Team{ID: 7}, nil},
		"scoped to another team, no organisation":    {with(func(c *auth.Credential) { c.ScopedTeams = []int32{1} }), &auth.Team{ID: 7}, auth.ErrPersonal},
		"scoped to an organisation, team without it": {with(func(c *auth.Credential) { c.ScopedOrgs = []string{other} }), &auth.Team{ID: 7}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tt.want, tt.credential.Check(tt.team))
		})
	}
}

// Entries are shared with the main app and its other services.
func TestEntries(t *testing.T) {
	tests := map[string]string{
		"team":     `{"type":"secret","team_id":7,"api_token":"phc_a"}`,
		"project":  `{"type":"project_secret","team_id":7,"key_id":"k","scopes":["*"],"api_token":"phc_a"}`,
		"personal": `{"type":"personal","user_id":3,"key_id":"k","org_ids":["o"],"scoped_teams":null,"scoped_orgs":["o"],"scopes":["*"]}`,
		"old team": `{"type":"secret","team_id":7}`,
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			var c auth.Credential
			require.NoError(t, json.Unmarshal([]byte(text), &c))
			again, err := json.Marshal(c)
			require.NoError(t, err)
			require.Equal(t, text, string(again))
		})
	}
	require.ErrorContains(t, json.Unmarshal([]byte(`{"type":"new"}`), new(auth.Credential)), `type "new"`)
}

// keys are rows of every kind; what is stored of a key is its hash.
const keys = `
INSERT INTO posthog_organization (id, name, slug) VALUES ('0199f4c2-0000-7000-8000-000000000001', 'o', 'o');
INSERT INTO posthog_project (id, organization_id) VALUES (1, '0199f4c2-0000-7000-8000-000000000001');
INSERT INTO posthog_team (id, organization_id, project_id, api_token, secret_api_token, secret_api_token_backup)
VALUES (1, '0199f4c2-0000-7000-8000-000000000001', 1, 'phc_a', 'phs_team', 'phs_backup');
INSERT INTO posthog_projectsecretapikey (id, team_id, label, secure_value, scopes) VALUES
  ('p1', 1, 'unlimited', hash(phs_1), NULL), ('p2', 1, 'reads', hash(phs_2), '{feature_flag:read}'), ('p3', 1, 'does not', hash(phs_3), '{insight:read}');
INSERT INTO posthog_user (id, email, is_active) VALUES (3, 'a@b.c', true), (4, 'gone@b.c', false);
INSERT INTO posthog_organizationmembership (organization_id, user_id) VALUES ('0199f4c2-0000-7000-8000-000000000001', 3);
INSERT INTO posthog_personalapikey (id, user_id, label, secure_value, scopes, scoped_teams) VALUES
  ('k1', 3, 'reads', hash(phx_1), '{feature_flag:read}', '{1,2}'), ('k2', 3, 'unlimited', hash(phx_2), NULL, NULL), ('k3', 4, 'of one who left', hash(phx_3), '{*}', NULL)`

func setup(t *testing.T) (*auth.Authenticator, *postgres.DB, *redis.Client) {
	t.Helper()
	url, err := postgres.ParseURL(testkit.Postgres(t))
	require.NoError(t, err)
	_, err = schema.Main.Migrate(t.Context(), url, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	db, err := postgres.Open(postgres.Config{URL: url}, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	cache, err := redis.New(redis.Config{URL: testkit.Redis(t)}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { _ = cache.Close() })
	a, err := auth.New(db, cache, time.Minute, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return a, db, cache
}

func TestIdentify(t *testing.T) {
	a, db, cache := setup(t)
	insertKeys(t, db)
	const org = "0199f4c2-0000-7000-8000-000000000001"
	reads := auth.Credential{Kind: auth.Personal, UserID: 3, KeyID: "k1", OrgIDs: []string{org}, ScopedTeams: []int32{1, 2}, Scopes: []string{"feature_flag:read"}}
	tests := map[string]struct {
		key  string
		want auth.Credential
		err  error
	}{
		"none":                           {"", auth.Credential{}, auth.ErrNoCredentials},
		"secret of a team":               {"phs_team", auth.Credential{Kind: auth.TeamSecret, TeamID: 1, APIToken: "phc_a"}, nil},
		"its backup":                     {"phs_backup", auth.Credential{Kind: auth.TeamSecret, TeamID: 1, APIToken: "phc_a"}, nil},
		"unlimited project secret":       {"phs_1", auth.Credential{Kind: auth.ProjectSecret, TeamID: 1, KeyID: "p1", APIToken: "phc_a"}, nil},
		"project secret that reads":      {"phs_2", auth.Credential{Kind: auth.ProjectSecret, TeamID: 1, KeyID: "p2", Scopes: []string{"feature_flag:read"}, APIToken: "phc_a"}, nil},
		"project secret of other scopes": {"phs_3", auth.Credential{}, auth.ErrSecret},
		"unknown secret":                 {"phs_x", auth.Credential{}, auth.ErrSecret},
		"personal key that reads":        {"phx_1", reads, nil},
		"personal key without scopes":    {"phx_2", auth.Credential{}, auth.ErrPersonal},
		"of a user who left":             {"phx_3", auth.Credential{}, auth.ErrPersonal},
		"unknown":                        {"phx_x", auth.Credential{}, auth.ErrPersonal},
		"a public token":                 {"phc_a", auth.Credential{}, auth.ErrPersonal},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for _, from := range []string{"database", "cache"} {
				got, err := a.Identify(t.Context(), tt.key)
				require.ErrorIs(t, err, tt.err, from)
				require.Equal(t, tt.want, got, from)
			}
		})
	}
	// The main app deletes entries when a key changes; until then the entry holds.
	_, err := db.ExecContext(t.Context(), `DELETE FROM posthog_personalapikey`)
	require.NoError(t, err)
	_, err = a.Identify(t.Context(), "phx_1")
	require.NoError(t, err)
	require.NoError(t, cache.Del(t.Context(), auth.CachePrefix+auth.Hash("phx_1")))
	_, err = a.Identify(t.Context(), "phx_1")
	require.ErrorIs(t, err, auth.ErrPersonal)
}

func TestIdentifyWhileTheDatabaseIsDown(t *testing.T) {
	a, db, _ := setup(t)
	insertKeys(t, db)
	_, err := a.Identify(t.Context(), "phs_team")
	require.NoError(t, err)
	require.NoError(t, db.Close())
	_, err = a.Identify(t.Context(), "phs_team")
	require.NoError(t, err, "the cache knows it")
	_, err = a.Identify(t.Context(), "phs_1")
	require.Error(t, err)
	require.NotErrorIs(t, err, auth.ErrSecret, "an outage is no refusal")
}

func insertKeys(t *testing.T, db *postgres.DB) {
	t.Helper()
	hashed := regexp.MustCompile(`hash\((ph._\d)\)`).ReplaceAllStringFunc(keys, func(s string) string {
		return "'" + auth.Hash(s[len("hash("):len(s)-1]) + "'"
	})
	for _, statement := range strings.Split(hashed, ";") {
		_, err := db.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
}

package remoteconfig_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/common/schema"
	"github.com/hog-go/hog/common/testkit"
	"github.com/hog-go/hog/feature-flags/internal/auth"
	"github.com/hog-go/hog/feature-flags/internal/refusal"
	"github.com/hog-go/hog/feature-flags/internal/remoteconfig"
)

func TestMain(m *testing.M) { testkit.Main(m) }

const (
	org = "0199f4c2-0000-7000-8000-000000000001"

	// secrets of the main app: too short ones are filled up. The first is newer than the payload.
	newSecret, oldSecret = "another secret of thirty-two byt", "flags secret"

	// sealed is the text {"api":"s3cret"} in the form of Python's cryptography.fernet, under oldSecret filled up with zero bytes in front.
	sealed = "gAAAAABpVbkAAAECAwQFBgcICQoLDA0OD1L7f4vKMdL6IMD8x5sBCCFaO8bnhenWyYDu50aM_jtgbC4OpfhfqMyKb2S3OfWmoyXEGBCW6Z78NY44ByJmI1k="
)

// rows are three projects; the second has two teams, the third's number is no team's.
const rows = `
INSERT INTO posthog_organization (id, name, slug) VALUES ('` + org + `', 'o', 'o');
INSERT INTO posthog_project (id, organization_id) VALUES (1, '` + org + `'), (2, '` + org + `');
INSERT INTO posthog_team (id, organization_id, project_id, api_token) VALUES (1, '` + org + `', 1, 'phc_1'), (2, '` + org + `', 2, 'phc_2'), (3, '` + org + `', 2, 'phc_3');
INSERT INTO posthog_user (id, email, current_team_id) VALUES (1, 'a@b.c', 1), (2, 'none@b.c', NULL);
INSERT INTO posthog_featureflag (team_id, key, is_remote_configuration, has_encrypted_payloads, filters) VALUES
  (1, 'text', true, false, '{"payloads":{"true":"{\"a\":1}"}}'),
  (1, 'object', true, false, '{"payloads":{"true":{"a":1.0}}}'),
  (1, 'zero', true, false, '{"payloads":{"true":0}}'),
  (1, 'empty', true, false, '{"payloads":{"true":[]}}'),
  (1, 'nothing', true, false, '{"payloads":{}}'),
  (1, 'secret', true, true, '{"payloads":{"true":"` + sealed + `"}}'),
  (1, 'hollow', true, true, '{"payloads":{}}'),
  (1, 'broken', true, true, '{"payloads":{"true":"gAAAAAB"}}'),
  (1, 'flag', false, false, '{"payloads":{"true":"x"}}'),
  (2, 'shared', true, false, '{"payloads":{"true":"of 2"}}'),
  (3, 'shared', true, false, '{"payloads":{"true":"of 3"}}')`

var errOutage = errors.New("the database is down")

func setup(t *testing.T, cfg remoteconfig.Config) *gin.Engine {
	t.Helper()
	url, err := postgres.ParseURL(testkit.Postgres(t))
	require.NoError(t, err)
	_, err = schema.Main.Migrate(t.Context(), url, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	db, err := postgres.Open(postgres.Config{URL: url}, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	insert(t, db)
	teams := map[string]auth.Team{
		"phc_1": {ID: 1, ProjectID: 1, OrganizationID: org, Token: "phc_1"},
		"phc_3": {ID: 3, ProjectID: 2, OrganizationID: org, Token: "phc_3"},
	}
	personal := auth.Credential{Kind: auth.Personal, KeyID: "k", UserID: 1, OrgIDs: []string{org}, Scopes: []string{"*"}}
	homeless := personal
	homeless.UserID = 2
	credentials := map[string]auth.Credential{
		"phs_1": {Kind: auth.TeamSecret, TeamID: 1}, "phs_3": {Kind: auth.TeamSecret, TeamID: 3}, "phx_1": personal, "phx_2": homeless,
	}
	h := remoteconfig.New(cfg, remoteconfig.Deps{
		DB: db, Log: slog.New(slog.DiscardHandler),
		Team: func(_ context.Context, token string) (auth.Team, bool, error) {
			if token == "phc_outage" {
				return auth.Team{}, false, errOutage
			}
			team, ok := teams[token]
			return team, ok, nil
		},
		Identify: func(_ context.Context, bearer string) (auth.Credential, error) {
			if bearer == "" {
				return auth.Credential{}, auth.ErrNoCredentials
			}
			c, ok := credentials[bearer]
			if !ok {
				return c, auth.ErrPersonal
			}
			return c, nil
		},
		Fail: fail,
	})
	gin.SetMode(gin.TestMode)
	e := gin.New()
	e.Any("/api/projects/:project_id/feature_flags/:key/remote_config", h.Handle)
	return e
}

// fail stands in for the service, which has the texts of outages.
func fail(c *gin.Context, err error) {
	if r, ok := refusal.Of(err); ok {
		c.Data(r.Status, "application/json", r.JSON())
		return
	}
	c.String(http.StatusServiceUnavailable, err.Error())
}

func ask(e *gin.Engine, method, path, bearer string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/api/projects/"+path, nil)
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	out := httptest.NewRecorder()
	e.ServeHTTP(out, r)
	return out
}

func TestRemoteConfig(t *testing.T) {
	e := setup(t, remoteconfig.Config{Secrets: []string{newSecret, oldSecret}})
	const (
		invalid = `{"type":"authentication_error","code":"authentication_failed","detail":"Personal API key is invalid.","attr":null}`
		missing = `{"type":"authentication_error","code":"not_authenticated","detail":"Authentication credentials were not provided.","attr":null}`
		broken  = `{"type":"server_error","code":"remote_config_decrypt_failed","detail":"Failed to decrypt the remote config payload. Please contact support if the problem persists.","attr":null}`
	)
	tests := map[string]struct {
		path, bearer string
		status       int
		body         string
	}{
		"a text":                             {"1/feature_flags/text/remote_config", "phs_1", 200, `"{\"a\":1}"`},
		"an object":                          {"1/feature_flags/object/remote_config", "phs_1", 200, `{"a": 1.0}`},
		"false to Python":                    {"1/feature_flags/zero/remote_config", "phs_1", 200, ""},
		"an empty list":                      {"1/feature_flags/empty/remote_config", "phs_1", 200, ""},
		"no payload":                         {"1/feature_flags/nothing/remote_config", "phs_1", 200, ""},
		"encrypted, for a user":              {"1/feature_flags/secret/remote_config", "phx_1", 200, `"{\"api\":\"s3cret\"}"`},
		"encrypted nothing":                  {"1/feature_flags/hollow/remote_config", "phx_1", 200, ""},
		"by its id":                          {"1/feature_flags/1/remote_config", "phs_1", 200, `"{\"a\":1}"`},
		"the id of no remote config":         {"1/feature_flags/9/remote_config", "phs_1", 404, ""},
		"the id of another project's":        {"1/feature_flags/10/remote_config", "phs_1", 404, ""},
		"encrypted, for a project":           {"1/feature_flags/secret/remote_config", "phs_1", 200, `"\"********* (encrypted)\""`},
		"that no key decrypts":               {"1/feature_flags/broken/remote_config", "phx_1", 500, broken},
		"no remote config flag":              {"1/feature_flags/flag/remote_config", "phs_1", 404, ""},
		"no flag":                            {"1/feature_flags/other/remote_config", "phs_1", 404, ""},
		"by token":                           {"x/feature_flags/text/remote_config?token=phc_1", "phs_1", 200, `"{\"a\":1}"`},
		"by the other name of it":            {"x/feature_flags/text/remote_config?api_key=phc_1", "phs_1", 200, `"{\"a\":1}"`},
		"unknown token":                      {"1/feature_flags/text/remote_config?token=phc_x", "phs_1", 401, ""},
		"outage":                             {"1/feature_flags/text/remote_config?token=phc_outage", "phs_1", 503, "the database is down"},
		"no number":                          {"x/feature_flags/text/remote_config", "phs_1", 404, ""},
		"no project":                         {"99/feature_flags/text/remote_config", "phs_1", 404, ""},
		"current team of a secret":           {"@current/feature_flags/text/remote_config", "phs_1", 200, `"{\"a\":1}"`},
		"current team of a user":             {"@current/feature_flags/text/remote_config", "phx_1", 200, `"{\"a\":1}"`},
		"user without one":                   {"@current/feature_flags/text/remote_config", "phx_2", 404, ""},
		"the token's team before its sister": {"x/feature_flags/shared/remote_config?token=phc_3", "phs_3", 200, `"of 3"`},
		"secret of another team":             {"2/feature_flags/shared/remote_config", "phs_1", 403, `{"type":"authentication_error","code":"permission_denied","detail":"You don't have access to the project.","attr":null}`},
		"no credentials":                     {"1/feature_flags/text/remote_config", "", 401, missing},
		"unknown key":                        {"1/feature_flags/text/remote_config", "phx_x", 401, invalid},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			res := ask(e, http.MethodGet, tt.path, tt.bearer)
			require.Equal(t, tt.status, res.Code, res.Body)
			require.Equal(t, tt.body, res.Body.String())
			if tt.body == "" {
				require.Empty(t, res.Header().Get("Content-Type"))
			}
		})
	}
	t.Run("methods", func(t *testing.T) {
		for method, status := range map[string]int{http.MethodHead: 200, http.MethodOptions: 204, http.MethodPut: 405} {
			res := ask(e, method, "1/feature_flags/text/remote_config", "")
			require.Equal(t, status, res.Code, method)
			require.Empty(t, res.Body.String(), method)
		}
	})
}

func TestLimit(t *testing.T) {
	codes := func(e *gin.Engine, bearer string) (out []int) {
		for range 2 {
			out = append(out, ask(e, http.MethodGet, "1/feature_flags/text/remote_config", bearer).Code)
		}
		return out
	}
	e := setup(t, remoteconfig.Config{PerMinute: 1})
	require.Equal(t, []int{200, 429}, codes(e, "phx_1"))
	require.Equal(t, []int{200, 200}, codes(e, "phs_1"), "secrets are not limited")
	require.Equal(t, []int{200, 200}, codes(setup(t, remoteconfig.Config{PerMinute: 1, Exempt: func(id int32) bool { return id == 1 }}), "phx_1"))
}

func insert(t *testing.T, db *postgres.DB) {
	t.Helper()
	for _, statement := range strings.Split(rows, ";") {
		_, err := db.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
}

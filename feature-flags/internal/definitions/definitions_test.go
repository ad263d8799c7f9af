package definitions_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/hypercache"
	"github.com/hog-go/hog/common/redis"
	"github.com/hog-go/hog/feature-flags/internal/auth"
	"github.com/hog-go/hog/feature-flags/internal/definitions"
	"github.com/hog-go/hog/feature-flags/internal/rate"
	"github.com/hog-go/hog/feature-flags/internal/refusal"
)

const (
	org      = "0199f4c2-0000-7000-8000-000000000001"
	document = `{"flags":[{"key":"survey-targeting-a"},{"key":"x","more":[1]}],"group_type_mapping":{},"cohorts":{},"new":1.0}`
	tag      = "a1b2"
)

var errOutage = errors.New("the database is down")

// world has two teams, 1 with a document and 2 without, and counts what is billed.
type world struct {
	handler   *gin.Engine
	document  string
	tag       string
	tagErr    error
	overQuota bool
	billed    []int32
}

func setup(t *testing.T, cfg definitions.Config) *world {
	t.Helper()
	w := &world{document: document, tag: tag}
	teams := map[string]auth.Team{"phc_1": {ID: 1, OrganizationID: org, Token: "phc_1"}, "phc_2": {ID: 2, OrganizationID: org, Token: "phc_2"}}
	credentials := map[string]auth.Credential{
		"phs_1":   {Kind: auth.TeamSecret, TeamID: 1, APIToken: "phc_1"},
		"phs_old": {Kind: auth.TeamSecret, TeamID: 1},
		"phs_2":   {Kind: auth.TeamSecret, TeamID: 2, APIToken: "phc_2"},
		"phx_1":   {Kind: auth.Personal, KeyID: "k", OrgIDs: []string{org}, Scopes: []string{"feature_flag:read"}},
		"phx_2":   {Kind: auth.Personal, KeyID: "k", OrgIDs: []string{org}, Scopes: []string{"insight:read"}},
	}
	h := definitions.New(cfg, definitions.Deps{
		Team: func(_ context.Context, token string) (auth.Team, bool, error) {
			if token == "phc_outage" {
				return auth.Team{}, false, errOutage
			}
			team, ok := teams[token]
			return team, ok, nil
		},
		Identify: func(_ context.Context, bearer string) (auth.Credential, error) {
			c, ok := credentials[bearer]
			switch {
			case ok:
				return c, nil
			case bearer == "":
				return c, auth.ErrNoCredentials
			default:
				return c, auth.ErrSecret
			}
		},
		Documents: w, Tags: tags{w},
		OverQuota:  func(string) bool { return w.overQuota },
		Bill:       func(_ *http.Request, teamID int32) { w.billed = append(w.billed, teamID) },
		Fail:       fail,
		Log:        slog.New(slog.DiscardHandler),
		Registerer: prometheus.NewRegistry(),
	})
	gin.SetMode(gin.TestMode)
	w.handler = gin.New()
	w.handler.Any("/flags/definitions", h.Handle)
	return w
}

// fail stands in for the service, which has the texts of outages.
func fail(c *gin.Context, err error) {
	if r, ok := refusal.Of(err); ok {
		c.Data(r.Status, "application/json", r.JSON())
		return
	}
	c.String(http.StatusServiceUnavailable, err.Error())
}

func (w *world) Get(_ context.Context, key hypercache.Key) (hypercache.Document, error) {
	if key != hypercache.ID(1) || w.document == "" {
		return hypercache.Document{}, &hypercache.MissError{}
	}
	return hypercache.Document{JSON: json.RawMessage(w.document), Source: hypercache.FromRedis}, nil
}

type tags struct{ *world }

func (t tags) Get(_ context.Context, key string) (string, error) {
	if t.tagErr != nil || key != "posthog:1:cache/teams/1/feature_flags/flags_with_cohorts.json:etag" {
		return "", errors.Join(t.tagErr, redis.ErrNotFound)
	}
	return t.tag, nil
}

// ask sends a request; headers are name and value in turn.
func (w *world) ask(method, query string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/flags/definitions"+query, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	out := httptest.NewRecorder()
	w.handler.ServeHTTP(out, r)
	return out
}

func TestAccess(t *testing.T) {
	refused := func(kind, code, detail string) string {
		return `{"type":"` + kind + `","code":"` + code + `","detail":"` + detail + `","attr":null}`
	}
	tests := map[string]struct {
		query, bearer string
		status        int
		body          string
	}{
		"secret":                          {"?token=phc_1", "phs_1", 200, document},
		"personal key":                    {"?token=phc_1&send_cohorts", "phx_1", 200, document},
		"a secret names its team":         {"", "phs_1", 200, document},
		"an old entry does not":           {"", "phs_old", 401, refused("authentication_error", "not_authenticated", "No API token provided. Please include a valid API token in your request.")},
		"nor does a personal key":         {"", "phx_1", 401, refused("authentication_error", "not_authenticated", "No API token provided. Please include a valid API token in your request.")},
		"row 134 no authorization":        {"?token=phc_1", "", 401, refused("authentication_error", "not_authenticated", "Authentication credentials were not provided.")},
		"row 134 secret of another team":  {"?token=phc_1", "phs_2", 401, refused("authentication_error", "authentication_failed", "Secret API token is invalid.")},
		"row 134 personal key, no scope":  {"?token=phc_1", "phx_2", 401, refused("authentication_error", "authentication_failed", "Personal API key is invalid.")},
		"unknown secret":                  {"?token=phc_1", "phs_x", 401, refused("authentication_error", "authentication_failed", "Secret API token is invalid.")},
		"unknown token":                   {"?token=phc_x", "phs_1", 401, refused("authentication_error", "authentication_failed", "The provided API key is invalid or has expired. Please check your API key and try again.")},
		"outage":                          {"?token=phc_outage", "phs_1", 503, "the database is down"},
		"row 135 no document in any tier": {"?token=phc_2", "phs_2", 503, "flag definitions of team 2: Cache miss - data not found in any tier"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := setup(t, definitions.Config{})
			res := w.ask(http.MethodGet, tt.query, "Authorization", "Bearer "+tt.bearer)
			require.Equal(t, tt.status, res.Code)
			require.Contains(t, res.Body.String(), tt.body)
			if tt.status == http.StatusOK {
				require.Equal(t, tt.body, res.Body.String(), "as it is in the cache")
				require.Equal(t, "application/json", res.Header().Get("Content-Type"))
				require.Equal(t, []int32{1}, w.billed)
			} else {
				require.Empty(t, w.billed)
			}
		})
	}
}

func TestMethods(t *testing.T) {
	tests := map[string]struct {
		method string
		status int
		allow  string
	}{
		"row 134 HEAD":   {http.MethodHead, 200, ""},
		"OPTIONS":        {http.MethodOptions, 204, "GET, OPTIONS, HEAD"},
		"row 134 DELETE": {http.MethodDelete, 405, "GET, OPTIONS, HEAD"},
		"POST":           {http.MethodPost, 405, "GET, OPTIONS, HEAD"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			res := setup(t, definitions.Config{}).ask(tt.method, "")
			require.Equal(t, tt.status, res.Code)
			require.Equal(t, tt.allow, res.Header().Get("Allow"))
			require.Empty(t, res.Body.String())
		})
	}
}

func TestVersions(t *testing.T) {
	tests := map[string]struct {
		known  string // what the client says it has
		change func(*world)
		status int
		tagged bool
	}{
		"row 64 weak":                      {known: `W/"a1b2"`, status: 304, tagged: true},
		"row 64 empty":                     {known: `""`, status: 200, tagged: true},
		"row 64 none":                      {status: 200, tagged: true},
		"strong":                           {known: `"a1b2"`, status: 304, tagged: true},
		"another":                          {known: `W/"c3d4"`, status: 200, tagged: true},
		"row 135 bare, document is gone":   {known: "a1b2", change: func(w *world) { w.document = "" }, status: 304, tagged: true},
		"row 135 no header, document gone": {change: func(w *world) { w.document = "" }, status: 503},
		"no tag":                           {known: `"a1b2"`, change: func(w *world) { w.tag = "" }, status: 200},
		"tags cannot be read":              {known: `"a1b2"`, change: func(w *world) { w.tagErr = errOutage }, status: 200},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := setup(t, definitions.Config{})
			if tt.change != nil {
				tt.change(w)
			}
			res := w.ask(http.MethodGet, "?token=phc_1", "Authorization", "Bearer phs_1", "If-None-Match", tt.known)
			require.Equal(t, tt.status, res.Code)
			if tt.tagged {
				require.Equal(t, `W/"a1b2"`, res.Header().Get("ETag"))
				require.Equal(t, "private, must-revalidate", res.Header().Get("Cache-Control"))
			} else {
				require.Empty(t, res.Header().Get("ETag"))
			}
			if tt.status != http.StatusOK {
				require.Empty(t, w.billed)
			}
			if tt.status == http.StatusNotModified {
				require.Empty(t, res.Body.String())
			}
		})
	}
}

func TestLimits(t *testing.T) {
	ask := func(w *world, known string) int {
		return w.ask(http.MethodGet, "?token=phc_1", "Authorization", "Bearer phs_1", "If-None-Match", known).Code
	}
	t.Run("full answers and conditional requests have budgets of their own", func(t *testing.T) {
		w := setup(t, definitions.Config{PerMinute: 1, ConditionalPerMinute: 3})
		require.Equal(t, 200, ask(w, ""))
		require.Equal(t, 429, ask(w, ""))
		require.Equal(t, 304, ask(w, tag))
		require.Equal(t, 429, ask(w, "old"), "a conditional request that needs the document draws on both")
		require.Equal(t, 304, ask(w, tag))
		require.Equal(t, 429, ask(w, tag))
	})
	t.Run("a team with a limit of its own", func(t *testing.T) {
		w := setup(t, definitions.Config{PerMinute: 1, Limits: map[int32]rate.Limit{1: {Burst: 2, PerSecond: 0}}})
		require.Equal(t, []int{200, 200, 429}, []int{ask(w, ""), ask(w, ""), ask(w, "")})
	})
	t.Run("an exempt team", func(t *testing.T) {
		w := setup(t, definitions.Config{PerMinute: 1, Exempt: func(id int32) bool { return id == 1 }})
		require.Equal(t, []int{200, 200}, []int{ask(w, ""), ask(w, "")})
	})
	t.Run("over quota", func(t *testing.T) {
		w := setup(t, definitions.Config{})
		w.overQuota = true
		res := w.ask(http.MethodGet, "?token=phc_1", "Authorization", "Bearer phs_1")
		require.Equal(t, 402, res.Code)
		require.JSONEq(t, `{"type":"quota_limited","code":"payment_required","detail":"You have exceeded your feature flag request quota","attr":null}`, res.Body.String())
		require.Equal(t, 402, ask(w, tag), "before the version is looked at")
		require.Empty(t, w.billed)
	})
	t.Run("the answer to too many", func(t *testing.T) {
		w := setup(t, definitions.Config{PerMinute: 1})
		ask(w, "")
		res := w.ask(http.MethodGet, "?token=phc_1", "Authorization", "Bearer phs_1")
		require.JSONEq(t, `{"type":"validation_error","code":"rate_limit_exceeded","detail":"Rate limit exceeded","attr":null}`, res.Body.String())
	})
}

func TestBilling(t *testing.T) {
	tests := map[string]struct {
		document string
		billed   bool
	}{
		"row 63 surveys alone":       {`{"flags":[{"key":"survey-targeting-a"},{"key":"product-tour-targeting-b"}]}`, false},
		"row 63 and another":         {`{"cohorts":{"1":{}},"flags":[{"key":"survey-targeting-a"},{"key":"x"}]}`, true},
		"row 63 in the middle":       {`{"flags":[{"key":"pre-survey-targeting-a"}]}`, true},
		"none":                       {`{"flags":[]}`, false},
		"no flags at all":            {`{}`, false},
		"the main app knows nothing": {`null`, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := setup(t, definitions.Config{})
			w.document = tt.document
			res := w.ask(http.MethodGet, "?token=phc_1", "Authorization", "Bearer phs_1")
			require.Equal(t, 200, res.Code)
			require.Equal(t, tt.billed, len(w.billed) == 1)
		})
	}
}

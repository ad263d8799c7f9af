// Package remoteconfig serves the payloads of remote config flags to servers: values that the project's owner changes
// without a deployment, maybe secret ones.
//
// Secret payloads are stored encrypted. A user's personal API key gets them in clear, a project's secret key gets a
// marker in their place. Source: PostHog's rust/feature-flags/src/api/remote_config.rs.
package remoteconfig

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/fernet/fernet-go"
	"github.com/gin-gonic/gin"

	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/feature-flags/internal/auth"
	"github.com/hog-go/hog/feature-flags/internal/rate"
	"github.com/hog-go/hog/feature-flags/internal/readonly"
	"github.com/hog-go/hog/feature-flags/internal/refusal"
)

// Config is read once, by New.
type Config struct {
	PerMinute int                     // requests per personal API key; default 600
	Exempt    func(teamID int32) bool // teams without a limit
	Secrets   []string                // FLAGS_SECRET_KEYS: the newest first
}

// Deps are what New needs.
type Deps struct {
	// Team looks a public token up. found is false only for one that certainly is no team's; err is an outage.
	Team func(ctx context.Context, token string) (team auth.Team, found bool, err error)
	// Identify is that of an auth.Authenticator.
	Identify func(ctx context.Context, bearer string) (auth.Credential, error)
	// Used hears of each credential that was good; may be nil.
	Used func(c *auth.Credential)
	DB   *postgres.DB // the main database; read only
	// Fail answers a request that is refused (refusal.Of knows why) or that an outage has spoilt.
	Fail func(c *gin.Context, err error)
	Log  *slog.Logger
}

// Handler serves the route. Run forgets the limits of idle keys.
type Handler struct {
	Deps
	exempt func(teamID int32) bool
	limits *rate.Buckets[string]
	keys   []*fernet.Key
	log    *slog.Logger
}

// New makes a Handler; zero fields of cfg mean the defaults.
func New(cfg Config, deps Deps) *Handler {
	if cfg.Exempt == nil {
		cfg.Exempt = func(int32) bool { return false }
	}
	return &Handler{
		Deps: deps, exempt: cfg.Exempt, keys: keysOf(cfg.Secrets),
		limits: rate.New[string](rate.Per(cmp.Or(cfg.PerMinute, 600), time.Minute), nil),
		log:    deps.Log.With("component", "remote_config"),
	}
}

// Run forgets keys that have not asked for a while, until ctx ends.
func (h *Handler) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			h.limits.Sweep(now)
		}
	}
}

// The parameters of the route.
const (
	ProjectParam = "project_id"
	KeyParam     = "key"
)

// errNotFound is answered 404 without a body, errTokenUnknown 401 without one.
var (
	errNotFound     = errors.New("there is no such project or remote config flag")
	errTokenUnknown = errors.New("the token of the query is no project's")
)

// Handle answers a request of any method.
func (h *Handler) Handle(c *gin.Context) { readonly.Handle(c, h.get) }

func (h *Handler) get(c *gin.Context) {
	ctx := c.Request.Context()
	scope, credential, err := h.authorise(ctx, cmp.Or(c.Query("token"), c.Query("api_key")), c.Param(ProjectParam), auth.Bearer(c.Request.Header))
	if err != nil {
		h.fail(c, err)
		return
	}
	payload, err := h.payload(ctx, scope, c.Param(KeyParam), credential.Kind == auth.Personal)
	if err != nil {
		h.fail(c, err)
		return
	}
	if falsy(payload) {
		c.Status(http.StatusOK) // as the main app answers a value that is nothing to Python
		return
	}
	c.Data(http.StatusOK, "application/json", payload)
}

// scope is what a request is about.
type scope struct {
	team      auth.Team
	projectID int64 // where the flag is looked for
}

// authorise works out what the request is about, and whether its credential is good for it.
func (h *Handler) authorise(ctx context.Context, token, segment, bearer string) (scope, auth.Credential, error) {
	var none auth.Credential
	var s scope
	if token != "" {
		team, found, err := h.Team(ctx, token)
		if err != nil {
			return scope{}, none, err
		}
		if !found {
			return scope{}, none, errTokenUnknown
		}
		s = scope{team, team.ProjectID}
	}
	credential, err := h.Identify(ctx, bearer)
	if err != nil {
		return scope{}, none, err
	}
	if token == "" {
		if s, err = h.scopeOf(ctx, segment, &credential); err != nil {
			return scope{}, none, err
		}
	}
	switch err := credential.Check(&s.team); {
	case errors.Is(err, auth.ErrSecret):
		return scope{}, none, refusal.NoAccess // a good key of another project
	case err != nil:
		return scope{}, none, err
	}
	if h.Used != nil {
		h.Used(&credential)
	}
	if credential.Kind == auth.Personal && !h.exempt(s.team.ID) && !h.limits.Allow(credential.KeyID, time.Now()) {
		return scope{}, none, refusal.RateLimited
	}
	return s, credential, nil
}

// scopeOf reads the project of the path: a number, which is taken for a team's where access is concerned, or @current for the
// credential's own team.
func (h *Handler) scopeOf(ctx context.Context, segment string, credential *auth.Credential) (scope, error) {
	if segment != "@current" {
		id, err := strconv.ParseInt(segment, 10, 32)
		if err != nil {
			return scope{}, errNotFound
		}
		team, err := h.teamByID(ctx, int32(id))
		return scope{team, id}, err
	}
	id := credential.TeamID
	if credential.Kind == auth.Personal {
		err := h.DB.QueryRowContext(ctx, `SELECT COALESCE(current_team_id, 0) FROM posthog_user WHERE id = $1`, credential.UserID).Scan(&id)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return scope{}, fmt.Errorf("look up the team of user %d: %w", credential.UserID, err)
		}
	}
	team, err := h.teamByID(ctx, id)
	return scope{team, team.ProjectID}, err
}

func (h *Handler) teamByID(ctx context.Context, id int32) (t auth.Team, err error) {
	const query = `SELECT id, project_id, organization_id::text, api_token FROM posthog_team WHERE id = $1`
	err = h.DB.QueryRowContext(ctx, query, id).Scan(&t.ID, &t.ProjectID, &t.OrganizationID, &t.Token)
	if errors.Is(err, sql.ErrNoRows) {
		return t, errNotFound
	}
	if err != nil {
		return t, fmt.Errorf("look up team %d: %w", id, err)
	}
	return t, nil
}

// A project may hold several teams, whose flags may share a key: that of the team in question comes first. A number may be a flag's id,
// which comes before a key of digits.
const payloadQuery = `
SELECT f.filters->'payloads'->'true', COALESCE(f.has_encrypted_payloads, false)
FROM posthog_featureflag f JOIN posthog_team t ON t.id = f.team_id
WHERE t.project_id = $1 AND (f.key = $2 OR f.id = $4) AND NOT f.deleted AND f.is_remote_configuration
ORDER BY f.id = $4 DESC, f.team_id = $3 DESC LIMIT 1`

// redacted stands in place of an encrypted payload for those who may not read it.
const redacted = `"********* (encrypted)"`

// payload is the JSON of a flag's value. Encrypted ones are texts.
func (h *Handler) payload(ctx context.Context, s scope, key string, reveal bool) (json.RawMessage, error) {
	var stored []byte
	var encrypted bool
	id, err := strconv.ParseUint(key, 10, 31)
	if err != nil {
		id = 0 // no flag's
	}
	err = h.DB.QueryRowContext(ctx, payloadQuery, s.projectID, key, s.team.ID, int32(id)).Scan(&stored, &encrypted)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, errNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read remote config %q of project %d: %w", key, s.projectID, err)
	}
	if !encrypted {
		return stored, nil
	}
	if !reveal {
		return json.Marshal(redacted)
	}
	var token string
	if json.Unmarshal(stored, &token) != nil || token == "" {
		return nil, nil // nothing that was encrypted
	}
	text, err := decrypt(token, h.keys)
	if err != nil {
		h.log.ErrorContext(ctx, "remote config payload", "team_id", s.team.ID, "flag", key, "err", err)
		return nil, refusal.Undecryptable
	}
	return json.Marshal(text)
}

// falsy tells whether a JSON value is false to Python, or absent.
func falsy(text json.RawMessage) bool {
	var v any
	if len(text) == 0 || json.Unmarshal(text, &v) != nil {
		return len(text) == 0
	}
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case float64:
		return v == 0
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

func (h *Handler) fail(c *gin.Context, err error) {
	switch {
	case errors.Is(err, errNotFound):
		c.Status(http.StatusNotFound)
	case errors.Is(err, errTokenUnknown):
		c.Status(http.StatusUnauthorized)
	default:
		h.Fail(c, err)
	}
}

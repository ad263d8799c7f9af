// Package definitions serves the flag definitions of a project to server SDKs that evaluate flags themselves. SDKs ask
// every 30 seconds or so, which is why a client that has the newest version already is told so from one small value in
// Redis, without the document and without being billed.
//
//	method ─▶ team ─▶ credential ─▶ rate limit ─▶ quota ─▶ ETag ─▶ document ─▶ bill
//
// The main app writes the document; it is passed on as it is. There is no second source behind Redis and object storage:
// a miss is 503, on which SDKs keep what they have. Source: PostHog's rust/feature-flags/src/api/flag_definitions.rs.
package definitions

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/common/httpserver"
	"github.com/hog-go/hog/common/hypercache"
	"github.com/hog-go/hog/common/redis"
	"github.com/hog-go/hog/feature-flags/internal/auth"
	"github.com/hog-go/hog/feature-flags/internal/rate"
	"github.com/hog-go/hog/feature-flags/internal/readonly"
	"github.com/hog-go/hog/feature-flags/internal/refusal"
)

// Cache is where the documents are. Its version tags lie beside them in Redis, at the key of the document and TagSuffix.
var Cache = hypercache.Config{Namespace: "feature_flags", Value: "flags_with_cohorts.json"}

// TagSuffix follows the key of a document in Redis.
const TagSuffix = ":etag"

// Config is read once, by New.
type Config struct {
	PerMinute            int                     // full answers per team; default 600
	ConditionalPerMinute int                     // requests per team that say which version the client has; default 6000
	Limits               map[int32]rate.Limit    // other limits than PerMinute, by team
	Exempt               func(teamID int32) bool // teams without limits
}

// Tags gives the version tags.
type Tags interface {
	// Get returns the unpickled text at key; redis.ErrNotFound if there is none.
	Get(ctx context.Context, key string) (string, error)
}

// Documents gives the documents.
type Documents interface {
	// Get returns a document, hypercache.ErrMiss if no tier has it.
	Get(ctx context.Context, key hypercache.Key) (hypercache.Document, error)
}

// Deps are what New needs.
type Deps struct {
	// Team looks a public token up. found is false only for one that certainly is no team's; err is an outage.
	Team func(ctx context.Context, token string) (team auth.Team, found bool, err error)
	// Identify is that of an auth.Authenticator.
	Identify func(ctx context.Context, bearer string) (auth.Credential, error)
	// Used hears of each credential that was good; may be nil.
	Used      func(c *auth.Credential)
	Documents Documents
	Tags      Tags
	// OverQuota tells whether the team of a public token has used up its flag requests.
	OverQuota func(token string) bool
	// Bill counts a local evaluation request of a team by the SDK that r comes from.
	Bill func(r *http.Request, teamID int32)
	// Fail answers a request that is refused (refusal.Of knows why) or that an outage has spoilt.
	Fail func(c *gin.Context, err error)

	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Handler serves the route. Run forgets idle teams' rate limits.
type Handler struct {
	Deps
	exempt      func(teamID int32) bool
	full        *rate.Buckets[int32]
	conditional *rate.Buckets[int32]
	metrics     *metrics
	log         *slog.Logger
}

// New makes a Handler; zero fields of cfg mean the defaults.
func New(cfg Config, deps Deps) *Handler {
	if cfg.Exempt == nil {
		cfg.Exempt = func(int32) bool { return false }
	}
	h := &Handler{
		Deps: deps, exempt: cfg.Exempt,
		full:        rate.New(rate.Per(cmp.Or(cfg.PerMinute, 600), time.Minute), cfg.Limits),
		conditional: rate.New[int32](rate.Per(cmp.Or(cfg.ConditionalPerMinute, 6000), time.Minute), nil),
		log:         deps.Log.With("component", "definitions"),
	}
	h.metrics = newMetrics(deps.Registerer, h.full.Len)
	return h
}

// sweepInterval bounds the memory of the limits: a bucket of a minute is full again after one.
const sweepInterval = time.Minute

// Run forgets teams that have not asked for a while, until ctx ends.
func (h *Handler) Run(ctx context.Context) error {
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			h.full.Sweep(now)
			h.conditional.Sweep(now)
		}
	}
}

// Handle answers a request of any method.
func (h *Handler) Handle(c *gin.Context) { readonly.Handle(c, h.get) }

func (h *Handler) get(c *gin.Context) {
	h.metrics.requests.Inc()
	ctx := c.Request.Context()
	team, err := h.authenticate(ctx, c.Query("token"), auth.Bearer(c.Request.Header))
	if err != nil {
		h.Fail(c, err)
		return
	}
	known := clientTag(c.GetHeader("If-None-Match"))
	if err := h.admit(&team, known != ""); err != nil {
		h.Fail(c, err)
		return
	}
	tag := h.tag(ctx, team.ID, known)
	if tag != "" && tag == known {
		mark(c, tag)
		c.Status(http.StatusNotModified)
		return
	}
	if known != "" && !h.within(h.full, "full", team.ID) {
		h.Fail(c, refusal.RateLimited)
		return
	}
	document, err := h.document(ctx, team.ID)
	if err != nil {
		h.Fail(c, err)
		return
	}
	mark(c, tag)
	c.Header("Content-Type", "application/json")
	c.Header("Content-Length", strconv.Itoa(len(document)))
	_, _ = httpserver.WriteWhole(c.Writer, c.Request, document) // nobody is there to be told
	if billable(document) {
		h.Bill(c.Request, team.ID)
	}
}

// mark says which version an answer is about, if that is known.
func mark(c *gin.Context, tag string) {
	if tag != "" {
		c.Header("ETag", `W/"`+tag+`"`)
		c.Header("Cache-Control", "private, must-revalidate")
	}
}

// authenticate finds the team that the request is about, and makes sure that the credential is good for it. Without a token in the
// query the team is that of a secret.
func (h *Handler) authenticate(ctx context.Context, token, bearer string) (team auth.Team, err error) {
	if token != "" {
		if team, err = h.team(ctx, token); err != nil {
			return auth.Team{}, err
		}
	}
	credential, err := h.Identify(ctx, bearer)
	if err != nil {
		return auth.Team{}, err
	}
	if token == "" {
		if credential.APIToken == "" {
			return auth.Team{}, refusal.NoToken
		}
		if team, err = h.team(ctx, credential.APIToken); err != nil {
			return auth.Team{}, err
		}
	}
	if err := credential.Check(&team); err != nil {
		return auth.Team{}, err
	}
	h.metrics.method(credential.Kind).Inc()
	if h.Used != nil {
		h.Used(&credential)
	}
	return team, nil
}

func (h *Handler) team(ctx context.Context, token string) (auth.Team, error) {
	team, found, err := h.Team(ctx, token)
	if err == nil && !found {
		err = refusal.UnknownToken
	}
	return team, err
}

// admit applies the rate limit and the quota. A client that has some version of the document draws on a larger budget, since most of
// its requests cost next to nothing.
func (h *Handler) admit(team *auth.Team, conditional bool) error {
	budget, name := h.full, "full"
	if conditional {
		budget, name = h.conditional, "conditional"
	}
	if !h.within(budget, name, team.ID) {
		return refusal.RateLimited
	}
	if h.OverQuota(team.Token) {
		return refusal.OverQuota
	}
	return nil
}

func (h *Handler) within(budget *rate.Buckets[int32], name string, teamID int32) bool {
	if h.exempt(teamID) {
		h.metrics.bypassed.WithLabelValues(name).Inc()
		return true
	}
	if budget.Allow(teamID, time.Now()) {
		return true
	}
	h.metrics.limited.Inc()
	return false
}

// tag is the version of the team's document, "" if it is not known.
func (h *Handler) tag(ctx context.Context, teamID int32, known string) string {
	tag, err := h.Tags.Get(ctx, Cache.RedisKey(hypercache.ID(teamID))+TagSuffix)
	switch {
	case err != nil && !redis.IsNotFound(err):
		h.metrics.tags.WithLabelValues("redis_error").Inc()
		return ""
	case err != nil:
		h.metrics.tags.WithLabelValues("none").Inc()
		return ""
	case tag == known:
		h.metrics.tags.WithLabelValues("hit").Inc()
	default:
		h.metrics.tags.WithLabelValues("miss").Inc()
	}
	return tag
}

// clientTag reads If-None-Match in the forms that clients send: "x", W/"x" and x.
func clientTag(header string) string {
	return strings.Trim(strings.TrimPrefix(strings.TrimSpace(header), "W/"), `"`)
}

func (h *Handler) document(ctx context.Context, teamID int32) ([]byte, error) {
	d, err := h.Documents.Get(ctx, hypercache.ID(teamID))
	if err != nil {
		if errors.Is(err, hypercache.ErrMiss) {
			h.metrics.misses.WithLabelValues("not_found").Inc()
		}
		return nil, fmt.Errorf("flag definitions of team %d: %w", teamID, err)
	}
	source := "redis"
	if d.Source == hypercache.FromObjects {
		source = "s3"
	}
	h.metrics.hits.WithLabelValues(source).Inc()
	if d.JSON == nil {
		return []byte("null"), nil // the main app says that there is nothing
	}
	return d.JSON, nil
}

// billable tells whether the document has a flag of the customer's own: those that the main app makes for surveys and product tours
// are free. It stops at the first, which usually is the first of all.
func billable(document []byte) bool {
	d := json.NewDecoder(bytes.NewReader(document))
	if !enter(d, "flags") {
		return false
	}
	for d.More() {
		var flag struct{ Key string }
		if d.Decode(&flag) != nil {
			return false
		}
		if !strings.HasPrefix(flag.Key, "survey-targeting-") && !strings.HasPrefix(flag.Key, "product-tour-targeting-") {
			return true
		}
	}
	return false
}

// enter moves into the array that is the named member of the object in d.
func enter(d *json.Decoder, member string) bool {
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return false
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return false
		}
		if name == member {
			t, err := d.Token()
			return err == nil && t == json.Delim('[')
		}
		var skipped json.RawMessage
		if d.Decode(&skipped) != nil {
			return false
		}
	}
	return false
}

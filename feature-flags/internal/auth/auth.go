// Package auth checks the bearer credentials of server SDKs: a project's secret keys and users' personal API keys.
//
//	Authorization: Bearer phs_…   a secret: the team's own, in clear in posthog_team, or one of its project secret API keys
//	Authorization: Bearer …       anything else is a personal API key
//
// What a credential stands for is read from Postgres and kept in Redis under the hash of its text; the main app deletes
// an entry when the key changes. What it may do is decided in memory, on every request. Sources: PostHog's
// rust/feature-flags/src/api/auth.rs and posthog/models/personal_api_key.py.
package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/common/readthrough"
	"github.com/hog-go/hog/common/redis"
)

// The refusals. Any other error of this package is an outage, which says nothing about a credential.
var (
	ErrNoCredentials = errors.New("no bearer credential was given")
	ErrSecret        = errors.New("the secret key is not valid for the team")
	ErrPersonal      = errors.New("the personal API key is not valid for the team")
)

// Team is what authentication has to know of a team.
type Team struct {
	ID             int32
	ProjectID      int64
	OrganizationID string // UUID; "" in very old data: then any user's key will do
	Token          string // the public one, phc_…
}

const (
	// CachePrefix and the hash of a credential are the key of what is known about it in Redis.
	CachePrefix = "posthog:auth_token:"

	secretPrefix = "phs_"

	// Unknown credentials are remembered for a while, so that one that is tried again and again costs no statement each time. It is
	// short, since a key may be made after its first use.
	negativeTTL = 30 * time.Second
	maxNegative = 10_000
)

// Hash is how a key is stored and looked up.
func Hash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return "sha256$" + hex.EncodeToString(sum[:])
}

// Bearer returns the credential of a request, "" if it has none.
func Bearer(h http.Header) string {
	text, ok := strings.CutPrefix(h.Get("Authorization"), "Bearer ")
	if !ok {
		return ""
	}
	return strings.TrimSpace(text)
}

// Authenticator looks credentials up. It is safe for concurrent use.
type Authenticator struct {
	db    *postgres.DB
	cache *readthrough.Cache[Credential]
}

// New makes an Authenticator on the main database. cache is the Redis with the entries, of text; ttl is how long it keeps one.
func New(db *postgres.DB, cache *redis.Client, ttl time.Duration, log *slog.Logger) (*Authenticator, error) {
	c, err := readthrough.New[Credential](readthrough.Config{Prefix: CachePrefix, TTL: ttl}, readthrough.Deps{
		Store:    cache,
		NotFound: redis.IsNotFound,
		Corrupt:  func(err error) bool { return errors.Is(err, redis.ErrParse) },
		Negative: readthrough.NewNegative(maxNegative, negativeTTL),
		Log:      log,
	})
	if err != nil {
		return nil, err
	}
	return &Authenticator{db: db, cache: c}, nil
}

// Identify tells what the bearer credential of a request stands for. An unknown one is ErrSecret or ErrPersonal, by its looks.
func (a *Authenticator) Identify(ctx context.Context, bearer string) (Credential, error) {
	if bearer == "" {
		return Credential{}, ErrNoCredentials
	}
	load, refusal := a.personal, ErrPersonal
	if strings.HasPrefix(bearer, secretPrefix) {
		load, refusal = a.secret, ErrSecret
	}
	if strings.Contains(bearer, "\x00") || !utf8.ValidString(bearer) {
		return Credential{}, refusal // which the database cannot even be asked about
	}
	result, err := a.cache.Get(ctx, Hash(bearer), func(ctx context.Context, hash string) (Credential, bool, error) {
		return load(ctx, bearer, hash)
	})
	if err != nil {
		return Credential{}, err
	}
	if !result.Found || result.Value.Secret() != (refusal == ErrSecret) {
		return Credential{}, refusal
	}
	return result.Value, nil
}

// Check tells whether c may read the flags of team: nil, ErrSecret or ErrPersonal.
func (c *Credential) Check(team *Team) error {
	if c.Secret() {
		if c.TeamID != team.ID {
			return ErrSecret
		}
		return nil
	}
	if c.KeyID == "" || // an entry of an older version, which cannot be trusted to be complete
		len(c.ScopedTeams) > 0 && !slices.Contains(c.ScopedTeams, team.ID) ||
		c.Scopes != nil && !slices.ContainsFunc(c.Scopes, readsFlags) {
		return ErrPersonal
	}
	if team.OrganizationID == "" {
		return nil
	}
	if len(c.ScopedOrgs) > 0 && !slices.Contains(c.ScopedOrgs, team.OrganizationID) || !slices.Contains(c.OrgIDs, team.OrganizationID) {
		return ErrPersonal
	}
	return nil
}

func readsFlags(scope string) bool {
	return scope == "*" || scope == "feature_flag:read" || scope == "feature_flag:write"
}

package featureflags

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/errgroup"

	"github.com/hog-go/hog/common/httpserver"
	"github.com/hog-go/hog/common/hypercache"
	"github.com/hog-go/hog/common/redis"
	"github.com/hog-go/hog/feature-flags/internal/agent"
	"github.com/hog-go/hog/feature-flags/internal/auth"
	"github.com/hog-go/hog/feature-flags/internal/billing"
	"github.com/hog-go/hog/feature-flags/internal/definitions"
	"github.com/hog-go/hog/feature-flags/internal/rate"
	"github.com/hog-go/hog/feature-flags/internal/remoteconfig"
	"github.com/hog-go/hog/feature-flags/internal/team"
)

// buildDefinitions makes the endpoints for server SDKs. Documents and their versions are on the shared Redis, credentials on that of
// the flags, as in PostHog's service.
func (s *Service) buildDefinitions() error {
	keys := &s.cfg.Keys
	limits, err := teamLimits(keys.DefinitionsRates)
	if err != nil {
		return err
	}
	authenticator, err := auth.New(s.db.MainReader, s.flagsRedis, keys.AuthCacheTTL, s.partLog)
	if err != nil {
		return fmt.Errorf("credentials: %w", err)
	}
	s.keyUsage = auth.NewUsage(s.db.MainWriter, s.redis, s.partLog)
	pickled := &countedRedis{client: s.redis.As(redis.Pickle), errors: s.metrics.redisErrors}
	documents, err := hypercache.New(definitions.Cache, pickled, s.objects, s.reg)
	if err != nil {
		return fmt.Errorf("flag definitions: %w", err)
	}
	s.definitions = definitions.New(definitions.Config{
		PerMinute: keys.DefinitionsRate, ConditionalPerMinute: keys.DefinitionsConditionalRate, Limits: limits, Exempt: keys.AllowTeams.Has,
	}, definitions.Deps{
		Team: s.authTeam, Identify: authenticator.Identify, Used: s.used, Documents: documents, Tags: pickled, OverQuota: s.quota.Limited,
		Bill: func(r *http.Request, teamID int32) {
			s.billing.Record(billing.LocalEvaluation, teamID, agent.SDK(r.Header))
		},
		Fail: s.fail, Log: s.partLog, Registerer: s.reg,
	})
	s.remoteConfig = remoteconfig.New(remoteconfig.Config{
		PerMinute: keys.RemoteConfigRate, Exempt: keys.AllowTeams.Has, Secrets: keys.payloadSecrets(),
	}, remoteconfig.Deps{Team: s.authTeam, Identify: authenticator.Identify, Used: s.used, DB: s.db.MainReader, Fail: s.fail, Log: s.partLog})
	return nil
}

// used has it written down that a key is in use.
func (s *Service) used(c *auth.Credential) {
	if !bool(s.cfg.SkipWrites) {
		s.keyUsage.Note(c, time.Now())
	}
}

// authTeam finds a team for the endpoints that ask for a credential.
func (s *Service) authTeam(ctx context.Context, token string) (auth.Team, bool, error) {
	t, err := s.teams.ByToken(ctx, token)
	if errors.Is(err, team.ErrUnknownToken) {
		return auth.Team{}, false, nil
	}
	if err != nil {
		return auth.Team{}, false, err
	}
	return auth.Team{ID: t.ID, ProjectID: t.ProjectID, OrganizationID: t.OrganizationID, Token: t.Token}, true, nil
}

// teamLimits reads LOCAL_EVAL_RATE_LIMITS.
func teamLimits(text string) (map[int32]rate.Limit, error) {
	const name = "LOCAL_EVAL_RATE_LIMITS"
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var rates map[string]string
	if err := json.Unmarshal([]byte(text), &rates); err != nil {
		return nil, fmt.Errorf(`%s is no JSON object such as {"12":"1200/minute"}: %w`, name, err)
	}
	limits := make(map[int32]rate.Limit, len(rates))
	for id, text := range rates {
		teamID, err := strconv.ParseInt(id, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("%s: %q is no team id", name, id)
		}
		limit, err := rate.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("%s: team %s: %w", name, id, err)
		}
		limits[int32(teamID)] = limit
	}
	return limits, nil
}

// anyMethod is what routes take whose handlers answer wrong methods themselves; HEAD comes with GET.
var anyMethod = []string{
	http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodTrace, http.MethodConnect,
}

// definitionsRoutes has the main app's path beside the service's own: some SDKs, posthog-go among them, still ask there.
func (s *Service) definitionsRoutes(e *gin.Engine) {
	for _, path := range []string{"/flags/definitions", "/api/feature_flag/local_evaluation"} {
		httpserver.Both(e, anyMethod, path, s.definitions.Handle)
	}
}

func (s *Service) remoteConfigRoutes(e *gin.Engine) {
	httpserver.Both(e, anyMethod, "/api/projects/:"+remoteconfig.ProjectParam+"/feature_flags/:"+remoteconfig.KeyParam+"/remote_config", s.remoteConfig.Handle)
}

// runDefinitions does what these endpoints have to do in the background, until ctx ends.
func (s *Service) runDefinitions(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.definitions.Run(ctx) })
	g.Go(func() error { return s.remoteConfig.Run(ctx) })
	g.Go(func() error { return s.keyUsage.Run(ctx) })
	return g.Wait()
}

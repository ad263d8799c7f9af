package capture

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/capture/internal/quota"
	"github.com/hog-go/hog/capture/internal/restrict"
	"github.com/hog-go/hog/common/app"
	"github.com/hog-go/hog/common/limiter"
	"github.com/hog-go/hog/common/redis"
)

// aiResource is the quota of AI events, which alone holds for the endpoints that take nothing else: events with a quota of
// their own are spared by the general one.
const aiResource = string(limiter.LLMEvents)

// nobody is an empty set.
type nobody struct{}

func (nobody) Limited(string) bool { return false }

// newLimits builds what drops or reroutes events. Redis need not be there: its sets are empty until it answers.
func (s *Service) newLimits(reg prometheus.Registerer) error {
	if err := s.newOverflows(reg); err != nil {
		return err
	}
	client, err := redis.New(s.cfg.redis(), s.partLog)
	if err != nil {
		return fmt.Errorf("REDIS_URL: %w", err)
	}
	for _, build := range []func(*redis.Client, prometheus.Registerer) error{s.newQuotas, s.newRestrictions, s.newFleetLimits} {
		if err := build(client, reg); err != nil {
			return err
		}
	}
	return nil
}

// newOverflows builds the limiters of single keys. The AI lane has one of its own where it has a topic to overflow to.
func (s *Service) newOverflows(reg prometheus.Registerer) error {
	if !s.cfg.Overflow || s.cfg.Mode == ModeRecordings {
		return nil
	}
	cfg := limiter.OverflowConfig{ForcedKeys: s.cfg.ForcedOverflowKeys, PerSecond: int(s.cfg.OverflowPerSecond), Burst: int(s.cfg.OverflowBurst)}
	build := func(name string, to **limiter.Overflow) error {
		overflow, err := limiter.NewOverflow(cfg, reg)
		if err != nil {
			return fmt.Errorf("%s limiter: %w", name, err)
		}
		*to = overflow
		s.app.Add(app.Component{Name: name, Run: overflow.Run})
		return nil
	}
	if err := build("overflow", &s.overflow); err != nil || s.cfg.Outputs.AIOverflow == "" {
		return err
	}
	return build("AI overflow", &s.aiOverflow)
}

// graceKey begins the keys of projects that are over a quota and whose events are taken until billing's patience ends. The rest of
// a key is the quota's name. Source: Django's ee/billing/quota_limiting.py.
const graceKey = "@posthog/quota-limiting-suspended/"

// newQuotas builds the sets of projects over what they pay for, and of sessions that are too heavy.
func (s *Service) newQuotas(client *redis.Client, reg prometheus.Registerer) (err error) {
	set := func(name string, keys ...string) (quota.Set, error) {
		q, err := limiter.NewQuota(limiter.QuotaConfig{Service: "capture", Keys: keys, Interval: quotaInterval}, client, s.partLog, reg)
		if err != nil {
			return nil, fmt.Errorf("set %s: %w", name, err)
		}
		s.app.Add(app.Component{Name: name, Run: q.Run})
		return q, nil
	}
	// sets are those of the quota that the first name is of; the others are what other writers call it.
	sets := func(names ...limiter.Resource) (over, grace quota.Set, err error) {
		var overKeys, graceKeys []string
		for _, name := range names {
			overKeys = append(overKeys, limiter.QuotaKey(s.cfg.RedisKeyPrefix, name))
			graceKeys = append(graceKeys, s.cfg.RedisKeyPrefix+graceKey+string(name))
		}
		if over, err = set("quota "+string(names[0]), overKeys...); err != nil {
			return nil, nil, err
		}
		grace, err = set("grace "+string(names[0]), graceKeys...)
		return over, grace, err
	}
	general := limiter.Events
	if s.cfg.Mode == ModeRecordings {
		general = limiter.Recordings
	}
	s.quotas.Resource = string(general)
	if s.quotas.General, s.quotas.Grace, err = sets(general); err != nil {
		return err
	}
	s.heavySessions = nobody{}
	if s.cfg.Mode == ModeRecordings {
		if s.mobileQuota, err = set("quota mobile_recordings", limiter.QuotaKey(s.cfg.RedisKeyPrefix, limiter.MobileRecordings)); err != nil {
			return err
		}
		s.heavySessions, err = set("replay overflow", limiter.OverflowKey(s.cfg.RedisKeyPrefix, limiter.Replay))
		return err
	}
	for _, scoped := range []struct {
		names   []limiter.Resource
		matches func([]byte, bool) bool
	}{
		{[]limiter.Resource{limiter.Exceptions}, quota.Exceptions},
		{[]limiter.Resource{limiter.Surveys, limiter.SurveyResponses}, quota.Surveys}, // Django writes the second name, older writers the first
		{[]limiter.Resource{limiter.LLMEvents}, quota.AI},
	} {
		q := quota.Scoped{Resource: string(scoped.names[0]), Matches: scoped.matches}
		if q.Set, q.Grace, err = sets(scoped.names...); err != nil {
			return err
		}
		s.quotas.Scoped = append(s.quotas.Scoped, q)
		if q.Resource == aiResource {
			s.aiQuota = q.Set
		}
	}
	return nil
}

// newRestrictions builds the rules of single projects, for the events that this process may see.
func (s *Service) newRestrictions(_ *redis.Client, reg prometheus.Registerer) error {
	c := &s.cfg.Restrictions
	if !c.Enabled || c.RedisURL == "" {
		return nil
	}
	cfg := s.cfg.redis()
	cfg.URL = c.RedisURL.Reveal()
	client, err := redis.New(cfg, s.partLog)
	if err != nil {
		return fmt.Errorf("EVENT_RESTRICTIONS_REDIS_URL: %w", err)
	}
	pipelines := []restrict.Pipeline{restrict.Analytics, restrict.ErrorTracking, restrict.AI}
	switch s.cfg.Mode {
	case ModeRecordings:
		pipelines = []restrict.Pipeline{restrict.SessionRecordings}
	case ModeAI:
		pipelines = []restrict.Pipeline{restrict.AI}
	}
	s.restrictions, err = restrict.New(restrict.Config{Interval: c.Interval, FailOpenAfter: c.FailOpenAfter, Pipelines: pipelines}, client, s.partLog, reg)
	if err != nil {
		return err
	}
	s.app.Add(app.Component{Name: "restrictions", Run: s.restrictions.Run})
	return nil
}

// Where the fleet's counts are in Redis. Those of AI bytes are shared by processes of all modes.
const (
	globalPrefix  = "@ph/grl/capture/tok_distid/"
	aiBytesPrefix = "@ph/grl/capture/ai_bytes"
)

// newFleetLimits builds the limits that all processes share. Migrations are never limited, and recordings have none.
func (s *Service) newFleetLimits(client *redis.Client, reg prometheus.Registerer) error {
	g, ai := &s.cfg.Global, &s.cfg.AI
	if s.cfg.Mode == ModeImport || s.cfg.Mode == ModeRecordings || !g.Enabled && ai.BytesPerSecond == 0 {
		return nil
	}
	if g.RedisURL != "" {
		cfg := s.cfg.redis()
		cfg.URL, cfg.ReaderURL = g.RedisURL.Reveal(), g.ReaderURL.Reveal()
		if g.ResponseTimeout != nil {
			cfg.ResponseTimeout = redis.Timeout(*g.ResponseTimeout)
		}
		if g.ConnectTimeout != nil {
			cfg.ConnectTimeout = redis.Timeout(*g.ConnectTimeout)
		}
		var err error
		if client, err = redis.New(cfg, s.partLog); err != nil {
			return fmt.Errorf("GLOBAL_RATE_LIMIT_REDIS_URL: %w", err)
		}
	}
	if g.Enabled {
		cfg := g.limiter()
		cfg.Scope, cfg.Prefix = string(s.cfg.Mode)+"_tok_distid", globalPrefix+string(s.cfg.Mode)
		thresholds, err := s.thresholds(&cfg)
		if err != nil {
			return err
		}
		if s.global, err = s.fleetLimit("global limit", cfg, client, thresholds, reg); err != nil {
			return err
		}
	}
	if ai.BytesPerSecond == 0 {
		return nil
	}
	cfg := ai.limiter(g)
	cfg.Scope, cfg.Prefix = string(s.cfg.Mode)+"_ai_bytes", aiBytesPrefix
	var err error
	s.aiBytes, err = s.fleetLimit("AI byte limit", cfg, client, nil, reg)
	return err
}

func (s *Service) fleetLimit(name string, cfg limiter.GlobalConfig, client *redis.Client, thresholds limiter.ThresholdStore, reg prometheus.Registerer) (fleetLimit, error) {
	limit, err := limiter.NewGlobal(cfg, client, thresholds, s.partLog, reg)
	if err != nil {
		return nil, err
	}
	s.app.Add(app.Component{Name: name, Run: limit.Run})
	return limit, nil
}

// thresholds is the Redis that may hold thresholds for cfg, that of the restrictions; without one there are none.
func (s *Service) thresholds(cfg *limiter.GlobalConfig) (limiter.ThresholdStore, error) {
	url := s.cfg.Restrictions.RedisURL.Reveal()
	if cfg.ThresholdKey == "" || url == "" {
		cfg.ThresholdKey = ""
		return nil, nil
	}
	of := s.cfg.redis()
	of.URL = url
	client, err := redis.New(of, s.partLog)
	if err != nil {
		return nil, fmt.Errorf("EVENT_RESTRICTIONS_REDIS_URL: %w", err)
	}
	return client, nil
}

func (c *Config) redis() redis.Config {
	return redis.Config{
		URL: c.RedisURL.Reveal(), ResponseTimeout: redis.Timeout(c.RedisResponseTimeout), ConnectTimeout: redis.Timeout(c.RedisConnectTimeout),
	}
}

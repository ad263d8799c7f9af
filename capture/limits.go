package capture

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/capture/internal/quota"
	"github.com/hog-go/hog/common/app"
	"github.com/hog-go/hog/common/limiter"
	"github.com/hog-go/hog/common/redis"
)

// nobody is an empty set.
type nobody struct{}

func (nobody) Limited(string) bool { return false }

// newLimits builds what drops or reroutes events. Redis need not be there: its sets are empty until it answers.
func (s *Service) newLimits(reg prometheus.Registerer) error {
	if s.cfg.Overflow || s.cfg.ForcedOverflowKeys != "" {
		cfg := limiter.OverflowConfig{ForcedKeys: s.cfg.ForcedOverflowKeys}
		if s.cfg.Overflow {
			cfg.PerSecond, cfg.Burst = int(s.cfg.OverflowPerSecond), int(s.cfg.OverflowBurst)
		}
		overflow, err := limiter.NewOverflow(cfg, reg)
		if err != nil {
			return fmt.Errorf("overflow limiter: %w", err)
		}
		s.overflow = overflow
		s.app.Add(app.Component{Name: "overflow", Run: overflow.Run})
	}
	client, err := redis.New(s.cfg.redis(), s.partLog)
	if err != nil {
		return fmt.Errorf("REDIS_URL: %w", err)
	}
	set := func(name string, keys ...string) (quota.Set, error) {
		q, err := limiter.NewQuota(limiter.QuotaConfig{Service: "capture", Keys: keys, Interval: quotaInterval}, client, s.partLog, reg)
		if err != nil {
			return nil, fmt.Errorf("set %s: %w", name, err)
		}
		s.app.Add(app.Component{Name: name, Run: q.Run})
		return q, nil
	}
	key := func(r limiter.Resource) string { return limiter.QuotaKey(s.cfg.RedisKeyPrefix, r) }
	s.heavySessions = nobody{}
	if s.cfg.Mode == ModeRecordings {
		s.quotas.Resource = string(limiter.Recordings)
		if s.quotas.General, err = set("quota recordings", key(limiter.Recordings)); err != nil {
			return err
		}
		s.heavySessions, err = set("replay overflow", limiter.OverflowKey(s.cfg.RedisKeyPrefix, limiter.Replay))
		return err
	}
	s.quotas.Resource = string(limiter.Events)
	if s.quotas.General, err = set("quota events", key(limiter.Events)); err != nil {
		return err
	}
	for _, scoped := range []quota.Scoped{
		{Resource: string(limiter.Exceptions), Matches: quota.Exceptions},
		{Resource: string(limiter.Surveys), Matches: quota.Surveys},
		{Resource: string(limiter.LLMEvents), Matches: quota.AI},
	} {
		keys := []string{key(limiter.Resource(scoped.Resource))}
		if scoped.Resource == string(limiter.Surveys) {
			keys = append(keys, key(limiter.SurveyResponses)) // Django writes this name, older writers the other
		}
		if scoped.Set, err = set("quota "+scoped.Resource, keys...); err != nil {
			return err
		}
		s.quotas.Scoped = append(s.quotas.Scoped, scoped)
	}
	return nil
}

func (c *Config) redis() redis.Config {
	return redis.Config{
		URL: c.RedisURL.Reveal(), ResponseTimeout: redis.Timeout(c.RedisResponseTimeout), ConnectTimeout: redis.Timeout(c.RedisConnectTimeout),
	}
}

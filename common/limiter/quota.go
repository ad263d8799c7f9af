package limiter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Resource names something that is limited, as the last part of a key in Redis.
type Resource string

// The resources of quota keys; Replay is that of overflow keys.
const (
	Events           Resource = "events"
	Exceptions       Resource = "exceptions"
	Recordings       Resource = "recordings"
	MobileRecordings Resource = "mobile_recordings" // of apps
	Replay           Resource = "replay"
	FeatureFlags     Resource = "feature_flag_requests"
	Surveys          Resource = "surveys"
	SurveyResponses  Resource = "survey_responses" // what newer writers call Surveys
	LLMEvents        Resource = "llm_events"
)

// QuotaKey is the Redis key of the projects that are over their quota of r. The prefix is put in front as it is.
func QuotaKey(prefix string, r Resource) string { return prefix + "@posthog/quota-limits/" + string(r) }

// OverflowKey is the Redis key of the sessions or projects that are to overflow.
func OverflowKey(prefix string, r Resource) string {
	return prefix + "@posthog/capture-overflow/" + string(r)
}

// QuotaStore is all that a Quota needs of Redis.
type QuotaStore interface {
	// ZRangeByScore returns the members of the sorted set at key with a score from min to max. A key that does not exist has none.
	ZRangeByScore(ctx context.Context, key, min, max string) ([]string, error)
}

// QuotaConfig names what a Quota holds.
type QuotaConfig struct {
	Service  string        // first part of the gauge's name: capture, feature_flags, cymbal, ...
	Keys     []string      // sorted sets whose members are limited until their score, in unix seconds; a member of any of them is limited
	Interval time.Duration // between two refreshes; default 5s
}

// Quota holds members of sorted sets in memory. Make it with NewQuota and give Run a goroutine: it reads the sets at once and then
// at a steady interval. Until the first success a set is empty; one that cannot be read stays as it was.
type Quota struct {
	cfg   QuotaConfig
	store QuotaStore
	log   *slog.Logger
	sets  []quotaSet
}

type quotaSet struct {
	key     string
	loaded  prometheus.Gauge
	errors  prometheus.Counter
	members atomic.Pointer[map[string]struct{}] // never nil, replaced as a whole
	failing bool                                // of Run
}

// NewQuota checks cfg and starts nothing.
func NewQuota(cfg QuotaConfig, store QuotaStore, log *slog.Logger, reg prometheus.Registerer) (*Quota, error) {
	cfg.Interval = cmp.Or(cfg.Interval, 5*time.Second)
	if cfg.Interval < 0 || cfg.Service == "" || len(cfg.Keys) == 0 {
		return nil, fmt.Errorf("quota: service, keys and a positive interval are needed, not %+v", cfg)
	}
	loaded, failures := loadedGauge(reg, cfg.Service), refreshErrors(reg, cfg.Service)
	q := &Quota{cfg: cfg, store: store, log: log.With("component", "quota"), sets: make([]quotaSet, len(cfg.Keys))}
	for i, key := range cfg.Keys {
		q.sets[i].key = key
		q.sets[i].loaded = loaded.WithLabelValues(key)
		q.sets[i].errors = failures.WithLabelValues(key)
		q.sets[i].members.Store(&map[string]struct{}{})
	}
	return q, nil
}

// Limited reports whether member is in one of the sets. It takes no lock.
func (q *Quota) Limited(member string) bool {
	for i := range q.sets {
		if _, ok := (*q.sets[i].members.Load())[member]; ok {
			return true
		}
	}
	return false
}

// Run refreshes the sets until ctx ends.
func (q *Quota) Run(ctx context.Context) error {
	tick := time.NewTicker(q.cfg.Interval)
	defer tick.Stop()
	for {
		q.refresh(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

var errRefreshSlow = errors.New("no answer within the refresh interval")

func (q *Quota) refresh(ctx context.Context) {
	ctx, cancel := context.WithTimeoutCause(ctx, q.cfg.Interval, errRefreshSlow)
	defer cancel()
	now := strconv.FormatInt(time.Now().Unix(), 10)
	for i := range q.sets {
		s := &q.sets[i]
		members, err := q.store.ZRangeByScore(ctx, s.key, now, "+Inf")
		if err != nil {
			q.failed(ctx, s, err)
			continue
		}
		set := make(map[string]struct{}, len(members))
		for _, m := range members {
			set[m] = struct{}{}
		}
		s.members.Store(&set)
		s.loaded.Set(float64(len(set)))
		if s.failing {
			s.failing = false
			q.log.InfoContext(ctx, "limited members can be read again", "key", s.key, "members", len(set))
		}
	}
}

// failed counts a failure and logs the first of a row.
func (q *Quota) failed(ctx context.Context, s *quotaSet, err error) {
	if errors.Is(ctx.Err(), context.Canceled) {
		return
	}
	s.errors.Inc()
	if s.failing {
		return
	}
	s.failing = true
	q.log.WarnContext(ctx, "limited members cannot be read, the last ones known stay in force", "key", s.key,
		"members", len(*s.members.Load()), "err", cmp.Or(context.Cause(ctx), err))
}

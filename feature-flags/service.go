package featureflags

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/common/app"
	"github.com/hog-go/hog/common/blob"
	"github.com/hog-go/hog/common/cookieless"
	"github.com/hog-go/hog/common/geoip"
	"github.com/hog-go/hog/common/hypercache"
	"github.com/hog-go/hog/common/limiter"
	"github.com/hog-go/hog/common/metrics"
	"github.com/hog-go/hog/common/redis"
	"github.com/hog-go/hog/common/tracing"
	"github.com/hog-go/hog/feature-flags/internal/auth"
	"github.com/hog-go/hog/feature-flags/internal/billing"
	"github.com/hog-go/hog/feature-flags/internal/continuity"
	"github.com/hog-go/hog/feature-flags/internal/definitions"
	"github.com/hog-go/hog/feature-flags/internal/flagset"
	"github.com/hog-go/hog/feature-flags/internal/person"
	"github.com/hog-go/hog/feature-flags/internal/remoteconfig"
	"github.com/hog-go/hog/feature-flags/internal/sdkconfig"
	"github.com/hog-go/hog/feature-flags/internal/team"
	"github.com/hog-go/hog/feature-flags/internal/tier"
)

// requestDrain is how long a stop waits for the requests in flight.
const requestDrain = 30 * time.Second

// defaultGeoIP is where the image has its database.
const defaultGeoIP = "share/GeoLite2-City.mmdb"

// Deps are what a service takes from its surroundings. The zero value is production's.
type Deps struct {
	Log      *slog.Logger
	Now      func() time.Time     // default time.Now
	Registry *prometheus.Registry // of the metrics, and what /metrics serves; default a new one

	// Adopt, if not nil, is asked about a token that no team has; if it returns nil the token is looked up once more. It lets a program
	// for self-hosters make a team of it.
	Adopt func(ctx context.Context, token string) error
}

// Service is one feature-flags: make it with New, serve Handler or let Run listen, and give Run a goroutine.
type Service struct {
	cfg     Config
	log     *slog.Logger
	partLog *slog.Logger // for parts, which name themselves
	now     func() time.Time
	reg     prometheus.Registerer
	metrics *metricSet

	db         pools
	redis      *redis.Client // shared
	flagsRedis *redis.Client // of the flag caches; may be the shared one
	objects    hypercache.Objects

	tokenLimit *tier.Limiter // nil: off
	ipLimit    *tier.Limiter // nil: off
	quota      *limiter.Quota
	recordings *limiter.Quota
	teams      *team.Source
	cookieless *cookieless.Service
	flags      *flagset.Source
	geo        *geoip.Database // nil: none
	persons    *person.Store
	continuity *continuity.Store
	billing    *billing.Counter
	configs    *sdkconfig.Source

	tracer *tracing.Tracer // nil: off

	definitions  *definitions.Handler
	remoteConfig *remoteconfig.Handler
	keyUsage     *auth.Usage

	slots      chan struct{} // one for each request that may be handled at once
	processors chan struct{} // one for each large evaluation that may run at once
	app        *app.App
	handler    http.Handler
}

// New builds a service from the leaves up and starts nothing: neither Redis nor the databases need be there. Errors are about the
// configuration.
func New(ctx context.Context, cfg Config, deps Deps) (*Service, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	log := deps.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	registry := deps.Registry
	if registry == nil {
		registry = metrics.NewRegistry()
	}
	s := &Service{
		cfg: cfg, log: log.With("component", "feature-flags"), partLog: log, now: deps.Now, reg: registry,
		metrics:    newMetrics(registry, cfg.TrackedTeams),
		slots:      make(chan struct{}, cfg.MaxConcurrency),
		processors: make(chan struct{}, cmp.Or(cfg.Evaluation.Processors, 2*runtime.GOMAXPROCS(0))),
		app: app.New(app.Options{
			Name: "feature-flags", Log: log, Registerer: registry, ShutdownTimeout: requestDrain + cfg.Billing.ShutdownFlush + 10*time.Second,
		}),
	}
	if s.now == nil {
		s.now = time.Now
	}
	for _, step := range []func(context.Context) error{s.newTracing, s.openStores, s.newLimits, s.openGeoIP} {
		if err := step(ctx); err != nil {
			s.close()
			return nil, err
		}
	}
	if err := s.newSources(deps.Adopt); err != nil {
		s.close()
		return nil, err
	}
	if err := s.buildDefinitions(); err != nil {
		s.close()
		return nil, err
	}
	s.app.Add(app.Component{Name: "definitions", Run: s.runDefinitions})
	s.handler = s.routes(registry)
	if cfg.Address != "" {
		s.app.Add(app.Component{Name: "http", Run: s.server().Run})
	}
	return s, nil
}

// Handler serves the routes without a listener of Run's; use it with an empty Config.Address.
func (s *Service) Handler() http.Handler { return s.handler }

// Run listens on Config.Address until ctx ends; then it finishes the requests that came and writes the billing counts.
func (s *Service) Run(ctx context.Context) error { return s.app.Run(ctx) }

// openStores makes the clients of all that holds data; the component that closes them ends last.
func (s *Service) openStores(ctx context.Context) (err error) {
	if s.db, err = openPools(&s.cfg.Databases, s.reg); err != nil {
		return err
	}
	s.db.measure(s.reg)
	if s.redis, err = s.openRedis(s.cfg.Redis.URL.Reveal(), s.cfg.Redis.ReaderURL.Reveal()); err != nil {
		return fmt.Errorf("REDIS_URL: %w", err)
	}
	s.flagsRedis = s.redis
	if url := s.cfg.Redis.FlagsURL.Reveal(); url != "" {
		dedicated, err := s.openRedis(url, s.cfg.Redis.FlagsReaderURL.Reveal())
		if err != nil {
			return fmt.Errorf("FLAGS_REDIS_URL: %w", err)
		}
		if s.reachable(ctx, dedicated) {
			s.flagsRedis = dedicated
		} else {
			_ = dedicated.Close()
		}
	}
	s.log.InfoContext(ctx, "flag caches", "dedicated_redis", s.flagsRedis != s.redis, "flags_redis_enabled", bool(s.cfg.Redis.FlagsEnabled))
	if s.cfg.Objects.Bucket != "" {
		bucket, err := blob.Open(ctx, s.cfg.Objects.bucket())
		if err != nil {
			return fmt.Errorf("OBJECT_STORAGE_BUCKET: %w", err)
		}
		s.objects = bucket
	}
	s.app.Add(app.Component{Name: "stores", Run: func(ctx context.Context) error {
		<-ctx.Done()
		return s.close()
	}})
	return nil
}

// reachable tells whether the dedicated Redis is to be used. Without it the flags come from the shared one until the next start, as in
// the original: moving between the two later would move between two versions of the same flags.
func (s *Service) reachable(ctx context.Context, dedicated *redis.Client) bool {
	err := dedicated.Ping(ctx)
	for retries := s.cfg.Redis.ConnectRetries; err != nil && retries > 0 && ctx.Err() == nil; retries-- {
		select {
		case <-ctx.Done():
		case <-time.After(dedicatedWait):
		}
		err = dedicated.Ping(ctx)
	}
	if err == nil {
		return true
	}
	s.log.WarnContext(ctx, "the dedicated Redis of the flags cannot be reached: the shared one is used until the next start; check FLAGS_REDIS_URL", "err", err)
	return false
}

// dedicatedWait is between two tries to reach it.
const dedicatedWait = 100 * time.Millisecond

func (s *Service) openRedis(url, readerURL string) (*redis.Client, error) {
	return redis.New(redis.Config{
		URL: url, ReaderURL: readerURL, Compress: bool(s.cfg.Redis.Compress),
		ResponseTimeout: redis.Timeout(min(s.cfg.Redis.ResponseTimeout, maxRedisResponse*time.Millisecond)),
		ConnectTimeout:  redis.Timeout(min(s.cfg.Redis.ConnectTimeout, maxRedisConnect*time.Millisecond)),
	}, s.partLog)
}

func (s *Service) close() error {
	err := s.db.close()
	if s.flagsRedis != nil && s.flagsRedis != s.redis {
		err = errors.Join(err, s.flagsRedis.Close())
	}
	if s.redis != nil {
		err = errors.Join(err, s.redis.Close())
	}
	if bucket, ok := s.objects.(*blob.Bucket); ok {
		err = errors.Join(err, bucket.Close())
	}
	if s.geo != nil {
		err = errors.Join(err, s.geo.Close())
	}
	return err
}

func (s *Service) newLimits(context.Context) (err error) {
	l := &s.cfg.Limits
	limits, err := overrides(l.TokenOverrides)
	if err != nil {
		return err
	}
	if l.Token || len(limits) > 0 {
		c := tier.Config{
			Capacity: l.TokenCapacity, PerSecond: l.TokenRate, WarnCapacity: warnCapacity(l.TokenCapacity, l.WarnRatio), LogOnly: bool(l.TokenLogOnly),
			Overrides: limits, OverridesOnly: !bool(l.Token), Sweep: l.Cleanup,
		}
		s.tokenLimit = tier.New(c)
		s.app.Add(app.Component{Name: "token-limit", Run: s.tokenLimit.Run})
	}
	if l.IP {
		s.ipLimit = tier.New(tier.Config{
			Capacity: l.IPCapacity, PerSecond: l.IPRate, WarnCapacity: warnCapacity(l.IPCapacity, l.WarnRatio), LogOnly: bool(l.IPLogOnly), Sweep: l.Cleanup,
		})
		s.app.Add(app.Component{Name: "ip-limit", Run: s.ipLimit.Run})
	}
	s.metrics.limiters(s.reg, s.tokenLimit, s.ipLimit)
	if s.quota, err = s.newQuota(limiter.FeatureFlags); err != nil {
		return err
	}
	s.recordings, err = s.newQuota(limiter.Recordings)
	return err
}

func (s *Service) newQuota(r limiter.Resource) (*limiter.Quota, error) {
	q, err := limiter.NewQuota(limiter.QuotaConfig{
		Service: "feature_flags", Keys: []string{limiter.QuotaKey("", r)}, Interval: s.cfg.Limits.QuotaInterval,
	}, s.redis, s.partLog, s.reg)
	if err != nil {
		return nil, err
	}
	s.app.Add(app.Component{Name: "quota-" + string(r), Run: q.Run})
	return q, nil
}

// openGeoIP fails only if the path was given: a laptop has no such file, and its flags work without.
func (s *Service) openGeoIP(ctx context.Context) error {
	path := cmp.Or(s.cfg.Evaluation.GeoIPPath, defaultGeoIP)
	db, err := geoip.Open(path)
	switch {
	case err == nil:
		s.geo = db
	case s.cfg.Evaluation.GeoIPPath != "" || !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("MAXMIND_DB_PATH: %w", err)
	default:
		s.log.WarnContext(ctx, "no GeoIP database: flags cannot target places; put one at this path, or name another with MAXMIND_DB_PATH", "path", path)
	}
	return nil
}

package propertydefs

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/common/app"
	"github.com/hog-go/hog/common/kafka"
	"github.com/hog-go/hog/common/metrics"
	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/property-defs/internal/api"
	"github.com/hog-go/hog/property-defs/internal/derive"
	"github.com/hog-go/hog/property-defs/internal/group"
	"github.com/hog-go/hog/property-defs/internal/known"
	"github.com/hog-go/hog/property-defs/internal/progress"
	"github.com/hog-go/hog/property-defs/internal/queue"
	"github.com/hog-go/hog/property-defs/internal/store"
	"github.com/hog-go/hog/property-defs/internal/teams"
	"github.com/hog-go/hog/property-defs/internal/warm"
	"github.com/hog-go/hog/property-defs/internal/write"
)

// How long a stop, or the loss of a partition, may be put off so that the queue is written, and how long the group waits for a
// member that does not answer, which must be longer.
const (
	drainTime             = 25 * time.Second
	defaultSessionTimeout = 30 * time.Second
)

// Health of the writer: it reports every second, or when it waits for a database; else three silent minutes end the process.
const (
	stallTime      = 60 * time.Second
	stallThreshold = 3
)

// Deps are what the service takes from its surroundings. The zero value is production's.
type Deps struct {
	Log      *slog.Logger
	Now      func() time.Time     // default time.Now
	Registry *prometheus.Registry // of the metrics, and what /metrics serves; default a new one
	// Translate, if not nil, turns what the topic holds into an event as ClickHouse reads it, appended to dst; ok is false for what is
	// to be passed over. An error ends the service. It is called by several goroutines.
	Translate func(ctx context.Context, dst, value []byte) (event []byte, ok bool, err error)
	// Topics are read in place of the one of the settings, if there are any.
	Topics []string
	// SessionTimeout of the consumer group; default 30 s.
	SessionTimeout time.Duration
}

// Service is one property-defs: make it with New, then give Run a goroutine.
type Service struct {
	cfg       Config
	log       *slog.Logger
	now       func() time.Time
	translate func(ctx context.Context, dst, value []byte) ([]byte, bool, error)
	metrics   *metricSet
	topics    string

	workers  chan *worker // idle ones; as many as batches are handled at a time
	cache    *known.Cache
	queue    *queue.Queue
	progress *progress.Tracker
	writer   *write.Writer
	consumer *kafka.Consumer
	app      *app.App
	handler  http.Handler
	badLog   throttle
}

// New builds the service from the leaves up and starts nothing: neither Kafka nor the database need be there. Errors are about the
// configuration.
func New(ctx context.Context, cfg Config, deps Deps) (*Service, error) {
	log := deps.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	registry := deps.Registry
	if registry == nil {
		registry = metrics.NewRegistry()
	}
	s := &Service{
		cfg: cfg, log: log.With("component", "property-defs"), now: deps.Now, translate: deps.Translate, metrics: newMetrics(registry),
		cache:    known.New(known.Capacities{Events: cfg.EventCache, EventProperties: cfg.PairCache, Properties: cfg.PropertyCache}),
		progress: progress.New(),
		badLog:   throttle{every: 10 * time.Second},
		app: app.New(app.Options{Name: "property-defs", Log: log, Registerer: registry,
			ShutdownTimeout: 60 * time.Second, StallThreshold: stallThreshold}),
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.queue = queue.New(cfg.BatchSize*cfg.QueueSlots, s.blocked)
	gauges(registry, s.cache, s.queue)
	if err := s.newConsumer(log, registry, &deps); err != nil {
		return nil, err
	}
	parts, err := s.openDatabases(ctx, log, registry)
	if err != nil {
		return nil, err
	}
	s.newWorkers(parts.warmer)
	s.handler = s.routes(registry, registry, parts.api)
	s.addComponents(parts)
	return s, nil
}

// parts are what New makes on top of the databases.
type parts struct {
	pools  []*postgres.DB
	api    *api.API
	warmer *warm.Warmer // nil: off
}

// Handler serves the routes without a listener of Run's; use it with an empty Config.Host and Port 0.
func (s *Service) Handler() http.Handler { return s.handler }

// Ready tells whether the service runs. Kafka and the database are waited for, and told of in the detail.
func (s *Service) Ready() (ok bool, detail string) { return s.app.Ready() }

// Run reads and writes until ctx ends; then the queue is written and the offsets are committed.
func (s *Service) Run(ctx context.Context) error {
	s.log.InfoContext(ctx, "Subscribed to topic: "+s.topics, "group", s.cfg.Consumer.Group) // start scripts wait for these words
	return s.app.Run(ctx)
}

func (s *Service) newConsumer(log *slog.Logger, reg prometheus.Registerer, deps *Deps) (err error) {
	c := s.cfg.Consumer.Config(s.cfg.Kafka)
	if len(deps.Topics) > 0 {
		c.Topics = deps.Topics
	}
	s.topics = strings.Join(c.Topics, ",")
	c.Concurrency = s.cfg.Workers
	c.ManualMark = true
	c.SessionTimeout = cmp.Or(deps.SessionTimeout, defaultSessionTimeout)
	c.HandlerGrace = min(drainTime, c.SessionTimeout*5/6)
	c.OnDrain = s.drain
	c.OnRevoked = s.revoked
	s.consumer, err = kafka.NewConsumer(c, log, reg)
	return err
}

func (s *Service) newWorkers(warmer *warm.Warmer) {
	cfg := derive.Config{
		Filter: teams.Filter{Mode: s.cfg.Filter.Mode, List: s.cfg.Filter.Teams}, SkipThreshold: s.cfg.SkipThreshold, Period: s.cfg.LastSeenPeriod,
	}
	if warmer != nil {
		cfg.Saw = warmer.Saw
	}
	s.workers = make(chan *worker, s.cfg.Workers)
	for range s.cfg.Workers {
		s.workers <- &worker{Deriver: derive.New(cfg, s.cache)}
	}
}

// openDatabases makes the pools, none of which dials, and what works on them.
func (s *Service) openDatabases(ctx context.Context, log *slog.Logger, reg prometheus.Registerer) (p parts, err error) {
	open := func(name string, url postgres.URL, size int, timeout time.Duration) *postgres.DB {
		db, openErr := postgres.Open(s.cfg.pool(name, url, size, timeout), reg)
		if openErr != nil {
			err = cmp.Or(err, fmt.Errorf("pool %s: %w", name, openErr))
			return nil
		}
		p.pools = append(p.pools, db)
		return db
	}
	size := s.cfg.MaxConnections
	deps := write.Deps{
		Queue: s.queue, Progress: s.progress, Cache: s.cache, Log: log,
		Alive: s.app.Health().Register("writer", stallTime).Healthy,
	}
	if db := open("propdefs_write", s.cfg.writeURL(), size, 0); db != nil {
		deps.Store = store.NewWriter(db, s.now)
	}
	if db := open("propdefs_api", s.cfg.DatabaseURL, size, 0); db != nil {
		p.api = api.New(db, log)
	}
	if s.cfg.ReadBeforeWrite {
		if db := open("propdefs_read", s.cfg.readURL(), size, s.cfg.ProbeTimeout); db != nil {
			deps.Prober = store.NewReader(db)
		}
	}
	if w := s.cfg.Warm; w.Enabled {
		if db := open("propdefs_warm", s.cfg.readURL(), max(w.Concurrency, 1), w.StatementTimeout); db != nil {
			p.warmer = warm.New(warm.Config{
				Concurrency: max(w.Concurrency, 1), QueueDepth: w.QueueDepth, EventProperties: w.EventProperties, Properties: w.Properties, ChunkSize: max(w.ChunkSize, 1),
			}, store.NewReader(db), s.cache, log, reg)
		}
	}
	if !s.cfg.Groups.SkipReads {
		g := s.cfg.Groups
		deps.Resolver = group.New(group.Config{CacheSize: g.CacheSize, NegativeSize: g.NegativeSize, NegativeTTL: g.NegativeTTL}, s.groupSource(ctx, open, reg), log, reg)
	}
	if err != nil {
		return p, err
	}
	s.writer = write.New(write.Config{
		BatchSize: s.cfg.BatchSize, BatchPeriod: s.cfg.BatchPeriod, ChunkSize: s.cfg.WriteSize, Concurrency: size, ProbeTimeout: s.cfg.ProbeTimeout,
	}, deps, reg)
	return p, nil
}

// groupSource is personhog where there is one, else the table of group types.
func (s *Service) groupSource(ctx context.Context, open func(string, postgres.URL, int, time.Duration) *postgres.DB, reg prometheus.Registerer) group.Source {
	g := s.cfg.Groups
	if g.Addr != "" {
		source, err := group.NewPersonHog(group.PersonHogConfig{
			Addr: g.Addr, Timeout: g.Timeout, ConnectTimeout: g.ConnectTimeout, MaxRetries: g.MaxRetries, InitialBackoff: g.InitialBackoff, MaxBackoff: g.MaxBackoff,
		}, reg)
		if err == nil {
			return source
		}
		// As in the original, that is no reason not to start.
		s.log.WarnContext(ctx, "an address that is none is passed over, and group types are read from a database", "err", err)
	}
	url := s.cfg.DatabaseURL
	if g.FromPersons {
		url = g.PersonsURL
	}
	return group.SQL{DB: open("propdefs_groups", url, 2, g.Timeout)}
}

// addComponents puts the parts in the order in which they start; they stop in the opposite one, so that the writer still writes what
// the consumer has read when that ends.
func (s *Service) addComponents(p parts) {
	s.app.Add(app.Component{Name: "pools", Run: func(ctx context.Context) error {
		<-ctx.Done()
		for _, db := range p.pools {
			_ = db.Close()
		}
		return nil
	}})
	if p.warmer != nil {
		s.app.Add(app.Component{Name: "cache-warming", Run: p.warmer.Run})
	}
	s.app.Add(app.Component{Name: "writer", Run: s.writer.Run})
	if addr := s.cfg.addr(); addr != "" {
		s.app.Add(app.Component{Name: "http", Run: s.server(addr).Run})
	}
	s.app.Add(app.Component{Name: "consumer", Run: func(ctx context.Context) error { return s.consumer.Run(ctx, s.handle) }, StopTimeout: drainTime + 5*time.Second})
	tell := func(ready func() (bool, string)) func() (bool, string) {
		return func() (bool, string) { _, detail := ready(); return true, detail }
	}
	s.app.ReadyWhen("kafka", tell(s.consumer.Ready))
	s.app.ReadyWhen("database", tell(s.writer.Ready))
}

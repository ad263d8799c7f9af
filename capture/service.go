package capture

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/capture/internal/lane"
	"github.com/hog-go/hog/capture/internal/quota"
	"github.com/hog-go/hog/capture/internal/resolve"
	"github.com/hog-go/hog/capture/internal/route"
	"github.com/hog-go/hog/capture/internal/sink"
	"github.com/hog-go/hog/common/app"
	"github.com/hog-go/hog/common/kafka"
	"github.com/hog-go/hog/common/limiter"
	"github.com/hog-go/hog/common/metrics"
)

// Limits of a request, in bytes. Source: PostHog's rust/capture/src/router.rs.
const (
	maxWire       = 20 << 20     // body of events
	maxPayload    = 5 * 20 << 20 // the same, unpacked
	maxReplayWire = 25 << 20     // body of a recording; unpacked it is bound by the largest record
	drainTimeout  = 5 * time.Second
	quotaInterval = 5 * time.Second
)

// How long a stop may take: first the requests in flight are finished, then their records are flushed.
const (
	requestDrain = 60 * time.Second
	flushTime    = 30 * time.Second
)

// Deps are what a service takes from its surroundings. The zero value is production's.
type Deps struct {
	Log      *slog.Logger
	Now      func() time.Time     // receive time of a request; default time.Now
	Registry *prometheus.Registry // of the metrics, and what /metrics serves; default a new one
}

// Sink takes the records of a request. Send is called at once from many goroutines and returns nil only when every
// record is safe. It may keep nothing of recs after it has returned.
type Sink interface {
	Send(ctx context.Context, recs []kafka.Record) error
}

// Service is one capture: make it with New, serve Handler or let Run listen, and give Run a goroutine.
type Service struct {
	cfg     Config
	log     *slog.Logger
	partLog *slog.Logger // for parts, which name themselves
	now     func() time.Time
	metrics *metricSet

	analyticsBody, replayBody *body
	quotas                    quota.Limits
	rules                     resolve.Rules
	dropper                   *limiter.TokenDropper
	overflow                  *limiter.Overflow // nil: off
	heavySessions             quota.Set
	topics                    *route.Topics
	sink                      Sink
	sinkTrouble               trouble

	slots   chan struct{} // one for each request that may be handled at once; nil: no limit
	app     *app.App
	handler http.Handler
}

// New builds a service from the leaves up and starts nothing. Errors are about the configuration.
func New(_ context.Context, cfg Config, deps Deps) (*Service, error) {
	log := deps.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	log = log.With("capture_mode", string(cfg.Mode)) // parts add their own component
	registry := deps.Registry
	if registry == nil {
		registry = metrics.NewRegistry()
	}
	reg := prometheus.WrapRegistererWith(prometheus.Labels{"role": cfg.Role, "capture_mode": string(cfg.Mode)}, registry)

	s := &Service{
		cfg: cfg, log: log.With("component", "capture"), partLog: log, now: deps.Now, metrics: newMetrics(reg), topics: cfg.topics(),
		dropper:       limiter.NewTokenDropper(cfg.DropKeys),
		rules:         resolve.Rules{Sorter: lane.Sorter{AIByPrefix: cfg.aiByPrefix()}, Reroute: cfg.reroute()},
		analyticsBody: newBody(&cfg, maxWire),
		replayBody:    newBody(&cfg, maxReplayWire),
		sinkTrouble:   trouble{every: 10 * time.Second},
		app:           app.New(app.Options{Name: "capture", Log: log, Registerer: reg, ShutdownTimeout: requestDrain + flushTime + 10*time.Second}),
	}
	if s.now == nil {
		s.now = time.Now
	}
	if cfg.Concurrency != nil {
		s.slots = make(chan struct{}, *cfg.Concurrency)
	}
	if err := s.newSink(reg); err != nil {
		return nil, err
	}
	if err := s.newLimits(reg); err != nil {
		return nil, err
	}
	s.handler = s.routes(reg, registry)
	if cfg.Address != "" {
		s.app.Add(app.Component{Name: "http", Run: s.server().Run})
	}
	return s, nil
}

// Handler serves the routes without a listener of Run's; use it with an empty Config.Address.
func (s *Service) Handler() http.Handler { return s.handler }

// Ready tells whether requests should be sent here, and the state of each dependency.
func (s *Service) Ready() (ok bool, detail string) { return s.app.Ready() }

// Run listens on Config.Address and keeps the limits fresh until ctx ends; then it finishes the requests that came and
// flushes the producer.
func (s *Service) Run(ctx context.Context) error { return s.app.Run(ctx) }

func newBody(cfg *Config, limit int) *body {
	b := &body{limit: limit, firstBuffer: cfg.ReadBufferKB << 10, drainTimeout: drainTimeout}
	if cfg.ChunkReadTimeout != nil {
		b.chunkTimeout = *cfg.ChunkReadTimeout
	}
	return b
}

func (s *Service) newSink(reg prometheus.Registerer) error {
	switch {
	case s.cfg.PrintSink:
		s.sink = sink.NewPrint(os.Stdout)
	case s.cfg.NoopSink:
		s.sink = sink.Noop{}
	default:
		producer, err := kafka.NewProducer(s.cfg.Kafka.producer(), s.partLog, reg)
		if err != nil {
			return fmt.Errorf("kafka producer: %w", err)
		}
		s.sink = sink.Kafka{Producer: producer}
		s.app.Add(app.Component{Name: "producer", Run: producer.Run, StopTimeout: flushTime})
		s.app.ReadyWhen("kafka", onceReady(producer.Ready))
	}
	return nil
}

// onceReady is met for good from the first time that ready is: a process that lost Kafka for a while must still be sent
// requests, whose records it keeps in memory, and proxies would answer for all processes at once if it were not. What is
// wrong stays in the text.
func onceReady(ready func() (bool, string)) func() (bool, string) {
	var was atomic.Bool
	return func() (bool, string) {
		ok, detail := ready()
		if ok {
			was.Store(true)
		} else if was.Load() {
			detail = "in trouble: " + detail
		}
		return was.Load(), detail
	}
}

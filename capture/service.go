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
	"github.com/hog-go/hog/capture/internal/otel"
	"github.com/hog-go/hog/capture/internal/quota"
	"github.com/hog-go/hog/capture/internal/resolve"
	"github.com/hog-go/hog/capture/internal/restrict"
	"github.com/hog-go/hog/capture/internal/route"
	"github.com/hog-go/hog/capture/internal/sink"
	"github.com/hog-go/hog/capture/internal/spool"
	v1 "github.com/hog-go/hog/capture/internal/v1"
	"github.com/hog-go/hog/common/app"
	"github.com/hog-go/hog/common/blob"
	"github.com/hog-go/hog/common/kafka"
	"github.com/hog-go/hog/common/limiter"
	"github.com/hog-go/hog/common/metrics"
	"github.com/hog-go/hog/common/tracing"
	"github.com/hog-go/hog/common/warnings"
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

// Sink takes the records of a request. It is called at once from many goroutines and may keep nothing of recs after it
// has returned.
type Sink interface {
	// Send returns nil only when every record is safe.
	Send(ctx context.Context, recs []kafka.Record) error
	// SendEach returns an error for each record that is not safe, in the order of recs; nil if there is none.
	SendEach(ctx context.Context, recs []kafka.Record) []error
}

// fleetLimit counts what all processes together let pass.
type fleetLimit interface {
	// Count adds n to what key has sent at now and tells whether that is too much. It waits for nothing, and allows what it
	// knows nothing of.
	Count(key []byte, n uint64, now time.Time) (limited bool)
}

// Service is one capture: make it with New, serve Handler or let Run listen, and give Run a goroutine.
type Service struct {
	cfg     Config
	log     *slog.Logger
	partLog *slog.Logger // for parts, which name themselves
	now     func() time.Time
	metrics *metricSet

	analyticsBody, replayBody, v1Body, otelBody, formBody *body

	quotas        quota.Limits
	rules         resolve.Rules
	v1Rules       v1.Rules
	dropper       *limiter.TokenDropper
	restrictions  *restrict.Restrictions // nil: off, as are the next four
	overflow      *limiter.Overflow
	aiOverflow    *limiter.Overflow // of the AI lane, whose keys have budgets of their own
	global        fleetLimit        // events by token:distinct_id
	aiBytes       fleetLimit        // bytes of AI events by token
	aiQuota       quota.Set         // one of quotas
	mobileQuota   quota.Set         // of recordings that apps make, beside the general one
	heavySessions quota.Set
	topics        *route.Topics
	sink          Sink
	sinkTrouble   trouble
	blobs         *blob.Bucket      // nil: none
	warnings      *warnings.Emitter // nil: off
	tracer        *tracing.Tracer   // nil: off

	slots   chan struct{} // one for each request that may be handled at once; nil: no limit
	app     *app.App
	handler http.Handler
}

// New builds a service from the leaves up and starts nothing. Errors are about the configuration.
func New(ctx context.Context, cfg Config, deps Deps) (*Service, error) {
	log := deps.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	log = log.With("capture_mode", string(cfg.Mode)) // parts add their own component
	if cfg.Observe.Mirror {
		log = log.With("is_mirror_deploy", true)
	}
	registry := deps.Registry
	if registry == nil {
		registry = metrics.NewRegistry()
	}
	reg := prometheus.WrapRegistererWith(prometheus.Labels{"role": cfg.Role, "capture_mode": string(cfg.Mode)}, registry)

	sorter := lane.Sorter{AIByPrefix: cfg.aiByPrefix()}
	s := &Service{
		cfg: cfg, log: log.With("component", "capture"), partLog: log, now: deps.Now, metrics: newMetrics(reg), topics: cfg.topics(),
		dropper:       limiter.NewTokenDropper(cfg.DropKeys),
		rules:         resolve.Rules{Sorter: sorter, Reroute: cfg.reroute()},
		v1Rules:       v1.Rules{Sorter: sorter, Reroute: cfg.reroute()},
		analyticsBody: newBody(&cfg, maxWire),
		replayBody:    newBody(&cfg, maxReplayWire),
		v1Body:        newBody(&cfg, cfg.V1.MaxWire),
		otelBody:      newBody(&cfg, otel.MaxBody),
		formBody:      newBody(&cfg, cfg.AI.maxForm()),
		sinkTrouble:   trouble{every: 10 * time.Second},
		app:           app.New(app.Options{Name: "capture", Log: log, Registerer: reg, ShutdownTimeout: requestDrain + flushTime + 10*time.Second}),
	}
	if s.now == nil {
		s.now = time.Now
	}
	if cfg.Concurrency != nil {
		s.slots = make(chan struct{}, *cfg.Concurrency)
	}
	if err := s.newTracing(reg); err != nil {
		return nil, err
	}
	if err := s.newSink(ctx, reg); err != nil {
		return nil, err
	}
	if err := s.newLimits(reg); err != nil {
		return nil, err
	}
	if err := s.newWarnings(reg); err != nil {
		return nil, err
	}
	if err := s.newBlobs(ctx); err != nil {
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

func (s *Service) newSink(ctx context.Context, reg prometheus.Registerer) error {
	switch {
	case s.cfg.PrintSink:
		s.sink = sink.NewPrint(os.Stdout)
		return nil
	case s.cfg.NoopSink:
		s.sink = sink.Noop{}
		return nil
	}
	producer, err := kafka.NewProducer(s.cfg.Kafka.producer(), s.partLog, reg)
	if err != nil {
		return fmt.Errorf("kafka producer: %w", err)
	}
	s.sink = s.cfg.kafkaSink(producer, reg)
	s.app.Add(app.Component{Name: "producer", Run: producer.Run, StopTimeout: flushTime})
	ready := onceReady(producer.Ready)
	if s.cfg.Spool.Enabled {
		bucket, err := blob.Open(ctx, s.cfg.Spool.bucket())
		if err != nil {
			return fmt.Errorf("S3_FALLBACK_BUCKET: %w", err)
		}
		storage := spool.New(s.cfg.spool(), bucket, s.partLog, reg)
		s.sink = spool.NewFallback(s.sink, healthy(producer), storage, s.partLog, reg)
		s.app.Add(app.Component{Name: "spool", Run: storage.Run, StopTimeout: flushTime})
		ready = either(ready, storage.Ready)
	}
	s.app.ReadyWhen("kafka", ready)
	return nil
}

// kafkaSink sends to Kafka what the modes of c make.
func (c *Config) kafkaSink(producer *kafka.Producer, reg prometheus.Registerer) Sink {
	out := sink.Kafka{Producer: producer}
	if c.Mode == ModeRecordings && c.Kafka.ReplayEnvelope == kafka.EnvelopeLZ4 {
		return sink.NewLZ4(out, reg)
	}
	return out
}

func healthy(producer *kafka.Producer) func() bool {
	return func() bool {
		ok, _ := producer.Ready()
		return ok
	}
}

// either is met when one of the two places that keep records is.
func either(kafka, storage func() (bool, string)) func() (bool, string) {
	return func() (bool, string) {
		ok, detail := kafka()
		stored, about := storage()
		return ok || stored, detail + "; " + about
	}
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

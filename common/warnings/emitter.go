package warnings

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/common/kafka"
)

// Sink takes records to Kafka.
type Sink interface {
	// ProduceEach waits until each record is delivered or given up, and returns an error for each of those, in the order of recs; nil
	// if there are none. It is called by Run alone.
	ProduceEach(ctx context.Context, recs []kafka.Record) []error
}

// Config is read once, by New. Its zero value is fit for production.
type Config struct {
	Topic   string // default DefaultTopic
	MaxKeys int    // pairs of project and type remembered for throttling, beyond which new ones get no warnings; default 100000
}

const (
	queueSize  = 10_000
	batchSize  = 500
	sweepEvery = 10 * time.Minute
	flushTime  = 5 * time.Second // for what is queued when Run is asked to stop
)

// Emitter sends warnings: make it with New, give Run a goroutine, and call Emit from any.
type Emitter struct {
	cfg      Config
	sink     Sink
	log      *slog.Logger
	metrics  *metricSet
	throttle throttle
	queue    chan queued // Emit sends, Run receives, nobody closes it
}

type queued struct {
	record kafka.Record
	labels []string // type, source, path
}

// New checks cfg and starts nothing.
func New(cfg Config, sink Sink, log *slog.Logger, reg prometheus.Registerer) (*Emitter, error) {
	cfg.Topic = cmp.Or(cfg.Topic, DefaultTopic)
	cfg.MaxKeys = cmp.Or(cfg.MaxKeys, 100_000)
	if cfg.MaxKeys < 0 {
		return nil, fmt.Errorf("warnings: negative value in %+v", cfg)
	}
	return &Emitter{
		cfg: cfg, sink: sink, log: log.With("component", "warnings"), metrics: newMetrics(reg),
		throttle: throttle{maxKeys: cfg.MaxKeys, said: map[throttleKey]time.Time{}},
		queue:    make(chan queued, queueSize),
	}, nil
}

// Emit queues w if its project has not been warned of the same within the hour. Types that are not known emit nothing.
func (e *Emitter) Emit(w Warning) {
	if !w.Type.Known() {
		return
	}
	e.metrics.count(e.emit(&w), string(w.Type), w.Service, w.Path)
}

// emit returns the outcome.
func (e *Emitter) emit(w *Warning) string {
	now := time.Now()
	if outcome, ok := e.throttle.take(w.Token, w.Type, now); !ok {
		return outcome
	}
	record, err := w.record(e.cfg.Topic, now)
	if err != nil {
		return outcomeSerialize
	}
	select {
	case e.queue <- queued{record, []string{string(w.Type), w.Service, w.Path}}:
		return outcomeEmitted
	default:
		return outcomeQueueFull
	}
}

// Run sends what is queued until ctx ends, and then for a few seconds what is left.
func (e *Emitter) Run(ctx context.Context) error {
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	batch := make([]queued, 0, batchSize)
	for {
		select {
		case <-ctx.Done():
			return e.flush(ctx, batch)
		case now := <-sweep.C:
			e.metrics.keys.Set(float64(e.throttle.sweep(now)))
		case first := <-e.queue:
			e.send(ctx, e.fill(append(batch, first)))
		}
	}
}

func (e *Emitter) flush(ctx context.Context, batch []queued) error {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), flushTime, errors.New("stopped with warnings in the queue"))
	defer cancel()
	for ctx.Err() == nil {
		if batch = e.fill(batch[:0]); len(batch) == 0 {
			return nil
		}
		e.send(ctx, batch)
	}
	return nil
}

// fill adds what is queued to batch, without waiting for more.
func (e *Emitter) fill(batch []queued) []queued {
	for len(batch) < cap(batch) {
		select {
		case q := <-e.queue:
			batch = append(batch, q)
		default:
			return batch
		}
	}
	return batch
}

func (e *Emitter) send(ctx context.Context, batch []queued) {
	records := make([]kafka.Record, len(batch))
	for i := range batch {
		records[i] = batch[i].record
	}
	errs := e.sink.ProduceEach(ctx, records)
	var failed error
	for i := range batch {
		outcome := outcomeDelivered
		if errs != nil && errs[i] != nil {
			failed = errs[i]
			outcome = outcomeFailed
			if errors.Is(failed, kafka.ErrQueueFull) || errors.Is(failed, kafka.ErrClosed) || kafka.IsTooLarge(failed) {
				outcome = outcomeEnqueue
			}
		}
		e.metrics.count(outcome, batch[i].labels...)
	}
	if failed != nil { // rare: there is at most one warning an hour for each project and type
		e.log.DebugContext(ctx, "warnings lost", "topic", e.cfg.Topic, "err", failed)
	}
}

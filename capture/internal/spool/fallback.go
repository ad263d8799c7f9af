package spool

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/common/kafka"
)

// Sink is Kafka for Fallback and Replay.
type Sink interface {
	// SendEach waits for every record and returns an error for each that is not stored, in the order of recs; nil if there is none.
	SendEach(ctx context.Context, recs []kafka.Record) []error
}

// Fallback sends to Kafka, and what Kafka does not take to the spool. A record that is too large is refused in both. Source:
// PostHog's rust/capture/src/outputs/policies.rs, which spools the whole request where we spool what was not acknowledged.
type Fallback struct {
	primary Sink
	healthy func() bool
	spool   *Spool
	log     *slog.Logger

	failovers prometheus.Counter
	down      atomic.Bool  // as last seen
	lastNote  atomic.Int64 // unix nanoseconds
}

// noteInterval is how often an error that repeats is logged at most.
const noteInterval = 10 * time.Second

// NewFallback asks healthy at every request; false means that primary need not be tried.
func NewFallback(primary Sink, healthy func() bool, spool *Spool, log *slog.Logger, reg prometheus.Registerer) *Fallback {
	f := &Fallback{
		primary: primary, healthy: healthy, spool: spool, log: log.With("component", "fallback"),
		failovers: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "capture_fallback_sink_failovers_total", Help: "requests whose events, or some of them, went to object storage"}),
	}
	reg.MustRegister(f.failovers, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "capture_primary_sink_health", Help: "1 while events are sent to Kafka, 0 while they go to object storage"}, func() float64 {
		if healthy() {
			return 1
		}
		return 0
	}))
	return f
}

// Send returns nil when every record is in Kafka or in the bucket. A record that is too large fails the request, and nothing
// more of it is spooled.
func (f *Fallback) Send(ctx context.Context, recs []kafka.Record) error {
	var first error
	for _, err := range f.send(ctx, recs, true) {
		if kafka.IsTooLarge(err) {
			return err
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// SendEach has one result for each record, in their order; nil means that all are in Kafka or in the bucket.
func (f *Fallback) SendEach(ctx context.Context, recs []kafka.Record) []error {
	return f.send(ctx, recs, false)
}

func (f *Fallback) send(ctx context.Context, recs []kafka.Record, whole bool) []error {
	if len(recs) == 0 {
		return nil
	}
	var results []error
	if f.up(ctx) {
		results = f.primary.SendEach(ctx, recs)
		if results == nil || ctx.Err() != nil { // a client that has gone hears nothing, and its records are on their way
			return results
		}
	} else {
		results = make([]error, len(recs))
		for i := range recs {
			if results[i] = f.spool.tooLarge(&recs[i]); results[i] == nil {
				results[i] = errDown
			}
		}
	}
	return f.divert(ctx, recs, results, whole)
}

// errDown stands for the result of a record that was not tried.
var errDown = errors.New("kafka is down")

// divert spools the records that have an error which another attempt may not have.
func (f *Fallback) divert(ctx context.Context, recs []kafka.Record, results []error, whole bool) []error {
	var left []kafka.Record
	var cause error
	for i, err := range results {
		switch {
		case err == nil:
		case !kafka.IsTooLarge(err):
			left, cause = append(left, recs[i]), err
		case whole:
			return results
		}
	}
	if len(left) == 0 {
		return results
	}
	f.failovers.Inc()
	f.note(ctx, cause)
	spooled := f.spool.Send(ctx, left)
	failed := false
	for i, err := range results {
		if err != nil && !kafka.IsTooLarge(err) {
			results[i] = spooled
		}
		failed = failed || results[i] != nil
	}
	if !failed {
		return nil
	}
	return results
}

// up asks for the health of the primary and logs when it has changed.
func (f *Fallback) up(ctx context.Context) bool {
	up := f.healthy()
	if f.down.CompareAndSwap(up, !up) {
		if up {
			f.log.InfoContext(ctx, "kafka has recovered: events go there again")
		} else {
			f.log.ErrorContext(ctx, "kafka is down: events go to object storage")
		}
	}
	return up
}

// note logs why records were diverted although Kafka seemed well, not for every request.
func (f *Fallback) note(ctx context.Context, err error) {
	now, last := time.Now().UnixNano(), f.lastNote.Load()
	if err != errDown && now-last >= int64(noteInterval) && f.lastNote.CompareAndSwap(last, now) {
		f.log.WarnContext(ctx, "kafka did not acknowledge events: they go to object storage", "err", err)
	}
}

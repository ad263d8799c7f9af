// Package spool keeps records in object storage while Kafka cannot take them, and brings them back.
//
//	                healthy                  acknowledged
//	Fallback.Send ───────────▶ Kafka ─────────────────────────▶ 200
//	      │ unhealthy            │ not acknowledged
//	      └──────▶ Spool ◀───────┘
//	                 │ 4 MiB or a second's worth: one object and its records, uploaded ──▶ 200
//	                 ▼
//	               bucket ──── Replay, by hand, when Kafka is back ────▶ Kafka
//
// # Objects
//
//	<prefix>YYYY/MM/DD/events_<unix ms>_<host>.jsonl.gz            values of records, one a line, not compressed despite the name
//	<prefix>YYYY/MM/DD/events_<unix ms>_<host>.jsonl.gz.records    topic, key and headers of the same records, one JSON object a line
//
// The first is what PostHog's capture writes, byte for byte (rust/capture/src/sinks/s3.rs), and its consumers need not know of
// the second, without which a topic could only be guessed. The second is uploaded first: an object that is there has its
// records, unless the original wrote it. A second without its first is what a failed or unfinished upload left; its events were
// never acknowledged.
//
// The millisecond is that of the upload, or the next free one: a process never takes one twice, and takes one by creating the
// object of records, which fails where another process of the same host name has been.
//
// A value that holds a line feed is no JSON of ours (it was compressed for Kafka, say): its line is null, and the value stands
// with its topic.
//
// # Failures
//
//	bucket away, full, forbidden   three attempts, then an error for all who wait for that upload: 503
//	uploads slower than events     records wait in memory up to Config.MaxBuffered, then ErrFull: 503
//	killed during an upload        nobody was told that it succeeded; what is there of it may be replayed, which duplicates
//	stop                           what is buffered is uploaded, then ErrClosed
//	Replay interrupted             the object at which it was is sent again by the next run; ingestion drops duplicates by uuid
package spool

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/bits"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/common/blob"
	"github.com/hog-go/hog/common/kafka"
)

// Errors of Send, beside those of the upload. All mean: try again.
var (
	ErrFull   = errors.New("spool to object storage: too many events wait to be uploaded")
	ErrClosed = errors.New("spool to object storage: stopped")
)

// Config is read once, by New. Its zero value has the original's figures.
type Config struct {
	Prefix string // before every key, as it is
	Host   string // part of every key; default unknown

	FlushBytes    int           // lines at which an object is uploaded; default 4 MiB
	FlushInterval time.Duration // age at which it is uploaded however small; default 1s
	Uploads       int           // at a time; default 4

	Attempts       int           // to upload one object; default 3
	AttemptTimeout time.Duration // for one of them; default 8s, so that all of them fit into the time for a stop
	Backoff        time.Duration // before the second attempt, twice that before the third …; default 100ms

	MaxBuffered   int           // bytes in memory, those being uploaded included; default 64 MiB
	MaxRecord     int           // largest record, the producer's MessageMaxBytes: what it refuses is not kept for it; 0 = any size
	ProbeInterval time.Duration // between two looks at the bucket; default 10s
}

// staleAfter is how long an upload or a probe that succeeded vouches for the bucket: three probes.
const staleAfter = 30 * time.Second

// Spool collects records and uploads them. Make it with New and give Run a goroutine; all methods are safe for concurrent use.
type Spool struct {
	cfg     Config
	bucket  *blob.Bucket
	log     *slog.Logger
	metrics *metricSet
	wake    chan struct{} // capacity 1: the open batch has become worth a look

	mu       sync.Mutex
	open     *batch // nil: empty
	buffered int    // bytes of the open batch and of those being uploaded
	closed   bool
	lastMs   int64 // of the last key that was tried

	health health
}

// batch is what becomes one object. Its owner is Spool.mu until it is taken for upload, then the uploading goroutine; who waits
// reads err once done is closed.
type batch struct {
	lines, records []byte
	events         int
	born           time.Time
	done           chan struct{}
	err            error
}

func (b *batch) size() int { return len(b.lines) + len(b.records) }

// New checks nothing at the bucket: that is Run's.
func New(cfg Config, bucket *blob.Bucket, log *slog.Logger, reg prometheus.Registerer) *Spool {
	cfg.Host = cmp.Or(cfg.Host, "unknown")
	cfg.FlushBytes = cmp.Or(cfg.FlushBytes, 4<<20)
	cfg.FlushInterval = cmp.Or(cfg.FlushInterval, time.Second)
	cfg.Uploads = cmp.Or(cfg.Uploads, 4)
	cfg.Attempts = cmp.Or(cfg.Attempts, 3)
	cfg.AttemptTimeout = cmp.Or(cfg.AttemptTimeout, 8*time.Second)
	cfg.Backoff = cmp.Or(cfg.Backoff, 100*time.Millisecond)
	cfg.MaxBuffered = cmp.Or(cfg.MaxBuffered, 64<<20)
	cfg.ProbeInterval = cmp.Or(cfg.ProbeInterval, 10*time.Second)
	s := &Spool{cfg: cfg, bucket: bucket, log: log.With("component", "spool"), wake: make(chan struct{}, 1)}
	s.metrics = newMetrics(reg, func() float64 {
		s.mu.Lock()
		defer s.mu.Unlock()
		return float64(s.buffered)
	})
	return s
}

// Send returns nil when recs are in the bucket. It keeps nothing of recs. When ctx ends first, they are uploaded all the same.
func (s *Spool) Send(ctx context.Context, recs []kafka.Record) error {
	if len(recs) == 0 {
		return nil // an upload that never comes would be waited for
	}
	for i := range recs {
		if err := s.tooLarge(&recs[i]); err != nil {
			return err
		}
	}
	b, err := s.add(recs)
	if err != nil {
		return err
	}
	select {
	case <-b.done:
		return b.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// tooLarge refuses what Kafka would refuse when it is replayed.
func (s *Spool) tooLarge(r *kafka.Record) error {
	if s.cfg.MaxRecord == 0 {
		return nil
	}
	if n := kafkaSize(r); n > s.cfg.MaxRecord {
		return fmt.Errorf("%w: %d bytes, limit %d", kafka.ErrTooLarge, n, s.cfg.MaxRecord)
	}
	return nil
}

// kafkaSize counts as the producer does: librdkafka's rd_kafka_msg_max_wire_size.
func kafkaSize(r *kafka.Record) int {
	const maxHead = 36
	varint := func(n int) int { return (bits.Len(uint(n)<<1|1) + 6) / 7 }
	n := maxHead + len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		n += varint(len(h.Key)) + len(h.Key) + varint(len(h.Value)) + len(h.Value)
	}
	return n
}

// add appends recs to the open batch, all or none.
func (s *Spool) add(recs []kafka.Record) (*batch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	need := 0
	for i := range recs {
		need += len(recs[i].Value) + recordLen(&recs[i])
	}
	if s.buffered+need > s.cfg.MaxBuffered {
		return nil, ErrFull
	}
	first := s.open == nil
	if first {
		s.open = &batch{born: time.Now(), done: make(chan struct{})}
	}
	b := s.open
	before := b.size()
	for i := range recs {
		r := &recs[i]
		value := r.Value
		if bytes.IndexByte(value, '\n') >= 0 { // no JSON text of ours: it travels with its headers
			value = placeholder
		}
		b.lines = append(append(b.lines, value...), '\n')
		b.records = append(appendRecord(b.records, r), '\n')
	}
	b.events += len(recs)
	s.buffered += b.size() - before
	if first || s.full(b) {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
	return b, nil
}

func (s *Spool) full(b *batch) bool { return len(b.lines) >= s.cfg.FlushBytes }

// Run uploads until ctx ends, and then what is left. Its error is nil.
func (s *Spool) Run(ctx context.Context) error {
	var parts sync.WaitGroup
	defer parts.Wait()
	parts.Go(func() { s.probe(ctx) })
	uploading := context.WithoutCancel(ctx) // each attempt has its own time
	slots := make(chan struct{}, s.cfg.Uploads)
	for s.await(ctx) {
		// While all slots are taken the open batch grows on, and leaves as one larger object.
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			continue
		}
		b := s.take(false)
		parts.Go(func() {
			s.upload(uploading, b)
			<-slots
		})
	}
	if b := s.take(true); b != nil {
		s.upload(uploading, b)
	}
	return nil
}

// await returns true when the open batch is due, and false when ctx has ended.
func (s *Spool) await(ctx context.Context) bool {
	for {
		wait, some := s.due()
		var timer <-chan time.Time
		if some {
			timer = time.After(wait)
		}
		select {
		case <-ctx.Done():
			return false
		case <-s.wake:
		case <-timer:
			return true
		}
	}
}

// due tells how long the open batch may still wait; some is false when there is none.
func (s *Spool) due() (wait time.Duration, some bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.open == nil:
		return 0, false
	case s.full(s.open):
		return 0, true
	}
	return s.cfg.FlushInterval - time.Since(s.open.born), true
}

// take gives the open batch, nil if there is none. After last no more is taken in.
func (s *Spool) take(last bool) *batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.open
	s.open = nil
	s.closed = s.closed || last
	return b
}

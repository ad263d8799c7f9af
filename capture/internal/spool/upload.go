package spool

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hog-go/hog/common/blob"
)

const recordsSuffix = ".records"

// upload stores b and tells everybody who waits for it, once it is counted.
func (s *Spool) upload(ctx context.Context, b *batch) {
	b.err = s.store(ctx, b)
	s.mu.Lock()
	s.buffered -= b.size()
	s.mu.Unlock()
	if b.err != nil {
		s.metrics.flushErrors.Inc()
		s.log.ErrorContext(ctx, "events could not be uploaded and were refused", "events", b.events, "err", b.err)
	} else {
		s.metrics.events.Add(float64(b.events))
		s.metrics.bytes.Add(float64(len(b.lines)))
	}
	close(b.done)
}

// store tries until b is in the bucket. Every attempt has all of b: an attempt that failed has used up nothing.
func (s *Spool) store(ctx context.Context, b *batch) (err error) {
	key := ""
	for attempt := 1; ; attempt++ {
		key, err = s.attempt(ctx, b, key)
		s.noteHealth(ctx, err)
		if err == nil || attempt >= s.cfg.Attempts {
			return err
		}
		time.Sleep(time.Duration(attempt) * s.cfg.Backoff)
	}
}

// attempt uploads the records and then the lines. It returns the key under which the records are already, to be used again.
func (s *Spool) attempt(ctx context.Context, b *batch, key string) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.AttemptTimeout, fmt.Errorf("no answer within %s", s.cfg.AttemptTimeout))
	defer cancel()
	for key == "" {
		free := s.nextKey(time.Now())
		err := s.put(len(b.records), func() error {
			return s.bucket.Create(ctx, free+recordsSuffix, b.records, "application/jsonl")
		})
		switch {
		case err == nil:
			key = free
		case !errors.Is(err, blob.ErrExists):
			return "", err
		}
	}
	return key, s.put(len(b.lines), func() error { return s.bucket.Put(ctx, key, b.lines, "application/jsonl") })
}

// put measures one request.
func (s *Spool) put(size int, request func() error) error {
	start := time.Now()
	err := request()
	s.metrics.uploaded(size, time.Since(start), err)
	return err
}

// nextKey is the key for now, or for the first millisecond after the last key's.
func (s *Spool) nextKey(now time.Time) string {
	s.mu.Lock()
	s.lastMs = max(s.lastMs+1, now.UnixMilli())
	ms := s.lastMs
	s.mu.Unlock()
	return fmt.Sprintf("%s%s/events_%d_%s.jsonl.gz", s.cfg.Prefix, time.UnixMilli(ms).UTC().Format("2006/01/02"), ms, s.cfg.Host)
}

// probe looks at the bucket from time to time, also while nothing is uploaded.
func (s *Spool) probe(ctx context.Context) {
	ticker := time.NewTicker(s.cfg.ProbeInterval)
	defer ticker.Stop()
	for {
		attempt, cancel := context.WithTimeout(ctx, s.cfg.ProbeInterval)
		err := s.bucket.Probe(attempt)
		cancel()
		if ctx.Err() != nil {
			return
		}
		s.noteHealth(ctx, err)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (s *Spool) noteHealth(ctx context.Context, err error) {
	switch changed := s.health.note(err); {
	case changed && err != nil:
		s.log.WarnContext(ctx, "the bucket for events cannot be used", "bucket", s.bucket.String(), "err", err)
	case changed:
		s.log.InfoContext(ctx, "the bucket for events can be used", "bucket", s.bucket.String())
	}
}

// Ready tells whether the bucket could be used within the last half minute, and in words what is wrong with it.
func (s *Spool) Ready() (ok bool, detail string) { return s.health.ready(s.bucket.String()) }

// health is what probes and uploads found.
type health struct {
	mu     sync.Mutex
	lastOK time.Time // zero: never
	err    error     // of the last one
	noted  bool
}

// note returns whether this differs from the time before.
func (h *health) note(err error) (changed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	changed = !h.noted || (h.err == nil) != (err == nil)
	h.noted, h.err = true, err
	if err == nil {
		h.lastOK = time.Now()
	}
	return changed
}

func (h *health) ready(bucket string) (ok bool, detail string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	ok = !h.lastOK.IsZero() && time.Since(h.lastOK) < staleAfter
	switch {
	case h.err != nil:
		return ok, h.err.Error()
	case !ok:
		return false, bucket + " has not answered yet"
	}
	return true, bucket
}

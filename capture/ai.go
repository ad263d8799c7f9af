package capture

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/hog-go/hog/capture/internal/aiform"
	"github.com/hog-go/hog/capture/internal/lane"
	"github.com/hog-go/hog/capture/internal/reject"
	"github.com/hog-go/hog/capture/internal/resolve"
	"github.com/hog-go/hog/common/blob"
	"github.com/hog-go/hog/common/event"
	"github.com/hog-go/hog/common/rawjson"
)

// aiPath takes single AI events as multipart forms.
const aiPath = "/i/v0/ai"

// newBlobs opens the storage of properties that are too large for an event; without a bucket they are refused.
func (s *Service) newBlobs(ctx context.Context) error {
	c := &s.cfg.AI
	if c.Bucket == "" {
		return nil
	}
	bucket, err := blob.Open(ctx, blob.Config{
		Bucket: c.Bucket, Endpoint: c.Endpoint, Region: c.Region, AccessKey: c.AccessKey.Reveal(), SecretKey: c.SecretKey,
	})
	if err != nil {
		return fmt.Errorf("AI_S3_BUCKET: %w", err)
	}
	s.blobs = bucket
	return nil
}

// aiForm takes the event of one multipart request through all stages. path is the route's.
func (s *Service) aiForm(w http.ResponseWriter, r *http.Request, path string, b *batch) (outcome, error) {
	body, err := s.aiBody(w, r, path, s.formBody, b)
	if err != nil {
		return outcome{}, s.refused(stageAI, err, 0)
	}
	token, err := bearer(r)
	if err != nil {
		return outcome{}, s.refused(stageAI, err, 0)
	}
	if body, err = s.unpackAI(r, body, s.cfg.AI.maxForm(), b); err != nil {
		return outcome{}, s.refused(stageAI, err, 0)
	}
	f, bad := aiform.Open(body, first(r.Header["Content-Type"]))
	if bad != nil {
		s.warnAI(token, path, bad)
		return outcome{}, s.refused(stageAI, bad, 0)
	}
	s.metrics.received.Inc()
	now := s.now()
	e := resolve.Event{Name: []byte(f.Name), NameJSON: rawjson.AppendString(nil, f.Name), DistinctID: []byte(f.DistinctID), Lane: lane.AI}
	j := s.judge(token, now, b)
	switch {
	case j.restrictAs(&e, []byte(f.UUID)):
		return s.dropForm(causeRestriction)
	case s.dropper.ShouldDrop(token, e.DistinctID):
		return s.dropForm(causeTokenDropper)
	case s.aiOverQuota(token, 1):
		return outcome{}, s.refused(stageAI, reject.BillingLimit, 0)
	}
	if grace := s.quotas.GraceOf(string(token)); grace.Any() {
		s.admitted(grace, e.Name, false)
	}
	if bad := f.Finish(aiform.Limits{Event: s.cfg.AI.MaxEventBytes, Blobs: s.blobs != nil, Sum: s.cfg.AI.MaxParts}); bad != nil {
		s.warnAI(token, path, bad)
		return outcome{}, s.refused(stageAI, bad, 1)
	}
	s.resolveForm(&e, f, now, r, b)
	from := len(b.arena)
	b.arena = f.AppendData(b.arena)
	if j.overAIBudget(&e, len(b.arena)-from) {
		return s.dropForm(causeAIRateLimited)
	}
	if err := s.storeBlobs(r.Context(), f, token); err != nil {
		return outcome{}, s.refused(stageAI, err, 1)
	}
	if len(f.Blobs) > 0 {
		b.arena = f.AppendData(b.arena[:from]) // now with the addresses
	}
	j.overflow(&e)
	topic, keyed := s.topics.Topic(&e)
	b.records.Reset(token, now, f.SentAt)
	b.records.AddData(&e, b.arena[from:], topic, keyed)
	if err := s.send(r.Context(), b.records.Records); err != nil {
		s.warnRefused(token, path, err, 1, nil)
		return outcome{}, s.refused(stageAI, err, 0)
	}
	return outcome{json: aiform.AppendAccepted(nil, f.Parts)}, nil
}

// dropForm answers a request whose event is not wanted.
func (s *Service) dropForm(cause string) (outcome, error) {
	s.metrics.dropped.WithLabelValues(cause).Inc()
	return outcome{json: aiform.AppendAccepted(nil, nil)}, nil
}

// resolveForm computes what the parts tell of the event. Its distinct id is taken as it is, and it is never cookieless.
func (s *Service) resolveForm(e *resolve.Event, f *aiform.Form, now time.Time, r *http.Request, b *batch) {
	e.ID, e.Properties, e.IP = f.ID, f.Properties, b.clientIP(r)
	if f.Internal {
		e.IP = resolve.InternalIP
	}
	e.Time, _, _ = event.Clock{Timestamp: f.Timestamp, SentAt: f.SentAt, IgnoreSentAt: f.IgnoreSentAt, Now: now}.Time()
}

// storeBlobs uploads the parts that stand for single properties and puts their addresses into these.
func (s *Service) storeBlobs(ctx context.Context, f *aiform.Form, token []byte) error {
	if len(f.Blobs) == 0 {
		return nil
	}
	doc, key := f.Document(), aiform.ObjectKey(s.cfg.AI.Prefix, string(token), f.ID)
	if err := s.blobs.Put(ctx, key, doc.Body, doc.ContentType); err != nil {
		s.sinkTrouble.note(ctx, s.log, err)
		return reject.RetryableSink // the original gives the event up: its storage may well be back for the next try
	}
	f.SetLinks(doc, s.blobs.URL(key))
	return nil
}

package capture

import (
	"net/http"
	"strings"
	"time"

	"github.com/hog-go/hog/capture/internal/decode"
	"github.com/hog-go/hog/capture/internal/reject"
	"github.com/hog-go/hog/capture/internal/resolve"
	"github.com/hog-go/hog/capture/internal/scan"
	"github.com/hog-go/hog/common/event"
	"github.com/hog-go/hog/common/limiter"
)

// outcome is what a request came to when it was not refused.
type outcome struct {
	beacon       bool // answer 204 without a body
	quotaLimited bool // answer with the name of the quota
}

// analytics takes the events of one request through all stages. path is the route's. Errors are *reject.Error.
func (s *Service) analytics(w http.ResponseWriter, r *http.Request, path string, b *batch) (outcome, error) {
	q := decode.ParseQuery(r.URL.RawQuery)
	if err := s.parse(w, r, path, &q, b); err != nil {
		return outcome{}, s.refused(stageParsing, err, 0)
	}
	token, err := resolve.Token(&b.request, &b.arena)
	if err != nil {
		return outcome{}, s.refused(stageParsing, err, len(b.request.Events))
	}
	n := len(b.request.Events)
	s.metrics.received.Add(float64(n))
	s.metrics.batchSize.Observe(float64(n))

	req := resolve.Request{Now: s.now(), SentAt: q.SentAt, ClientIP: b.clientIP(r), Historical: b.request.Historical}
	if raw := b.request.SentAt; raw != nil {
		if t, ok := event.ParseISO(string(raw[1 : len(raw)-1])); ok {
			req.SentAt = t
		}
	}
	events := s.quotas.Filter(b.request.Events, string(token), s.overQuota)
	if len(events) == 0 {
		return outcome{}, nil // over quota is not the client's business: a refusal would make SDKs retry
	}
	if s.cfg.Mode == ModeImport && !req.Historical {
		s.metrics.dropped.WithLabelValues(causeNonHistorical).Add(float64(len(events)))
		return outcome{beacon: q.Beacon}, nil
	}
	b.events, err = s.rules.Events(b.events[:0], events, &req, &b.arena, &b.counts)
	if err != nil {
		return outcome{}, s.refused(stageProcessing, err, len(events))
	}
	s.metrics.resolved(&b.counts)
	s.write(b, token, &req)
	if err := s.send(r.Context(), b.records.Records); err != nil {
		return outcome{}, s.refused(stageProcessing, err, 0)
	}
	return outcome{beacon: q.Beacon}, nil
}

// parse fills b.request from the HTTP request.
func (s *Service) parse(w http.ResponseWriter, r *http.Request, path string, q *decode.Query, b *batch) error {
	payload, err := s.payload(w, r, path, q, s.analyticsBody, maxPayload, b)
	if err != nil {
		return err
	}
	if err := b.request.Parse(payload); err != nil {
		return reject.Parse(err.Error())
	}
	return hydrate(&b.request, path)
}

// payload reads and unpacks the body. limit is that of the JSON text.
func (s *Service) payload(w http.ResponseWriter, r *http.Request, path string, q *decode.Query, from *body, limit int, b *batch) (_ []byte, err error) {
	b.body, err = from.read(w, r, b.body[:0])
	if err != nil {
		if err == error(reject.BodyTimeout) {
			s.metrics.bodyTimeout.WithLabelValues(path).Inc()
		}
		return nil, err
	}
	s.metrics.rawSize.Observe(float64(len(b.body)))
	in := decode.Input{
		Query: *q, ContentType: first(r.Header["Content-Type"]), ContentEncoding: first(r.Header["Content-Encoding"]), Body: b.body, Limit: limit,
	}
	payload, err := decode.Payload(&in, &b.unpacked)
	if err != nil {
		if e, ok := err.(*reject.Error); ok && e.Status == http.StatusRequestEntityTooLarge {
			s.metrics.tooLarge.Observe(float64(limit))
			s.metrics.oversize.WithLabelValues(packing(b.body)).Inc()
		}
		return nil, err
	}
	s.metrics.fits.Observe(float64(len(payload)))
	if packing(b.body) == "gzip" {
		s.metrics.ratio.Observe(float64(len(payload)) / float64(len(b.body)))
	}
	return payload, nil
}

func packing(body []byte) string {
	if len(body) > 2 && body[0] == 0x1f && body[1] == 0x8b {
		return "gzip"
	}
	return "none"
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

var identifyName, identifyJSON = []byte("$identify"), []byte(`"$identify"`)

// hydrate settles what a request's shape leaves open: the name of an engage event, an empty batch, and performance
// events, which nothing downstream reads any more.
func hydrate(r *scan.Request, path string) error {
	if r.Shape == scan.Engage {
		if !strings.HasPrefix(path, "/engage") {
			return reject.Hydrate("non-engage request missing event name attribute")
		}
		r.Events[0].Name, r.Events[0].NameJSON = identifyName, identifyJSON
	}
	if len(r.Events) == 0 {
		return reject.EmptyBatch
	}
	kept := r.Events
	for i := range r.Events {
		if string(r.Events[i].Name) == "$performance_event" {
			kept = dropPerformance(r.Events)
			break
		}
	}
	if r.Events = kept; len(kept) == 0 {
		return errNothingLeft
	}
	return nil
}

func dropPerformance(events []scan.Event) []scan.Event {
	kept := events[:0]
	for i := range events {
		if string(events[i].Name) != "$performance_event" {
			kept = append(kept, events[i])
		}
	}
	return kept
}

// write drops and marks what the limits say and builds the records of the rest.
func (s *Service) write(b *batch, token []byte, req *resolve.Request) {
	b.records.Reset(token, req.Now, req.SentAt)
	b.records.Grow(len(b.body) + len(b.body)/4 + 640*len(b.events))
	for i := range b.events {
		e := &b.events[i]
		if s.dropper.ShouldDrop(token, e.DistinctID) {
			s.metrics.dropped.WithLabelValues(causeTokenDropper).Inc()
			continue
		}
		if s.overflow != nil && s.topics.Overflows(e.Lane) {
			s.stampOverflow(e, token, b, req.Now)
		}
		topic, keyed := s.topics.Topic(e)
		b.records.Add(e, topic, keyed)
	}
}

// stampOverflow marks events of keys that the operator listed or that send too fast.
func (s *Service) stampOverflow(e *resolve.Event, token []byte, b *batch, now time.Time) {
	from := len(b.arena)
	b.arena = append(append(append(b.arena, token...), ':'), e.Subject()...)
	switch s.overflow.Check(b.arena[from:], now) {
	case limiter.Forced:
		e.Overflow = resolve.Forced
		s.metrics.overflowed.WithLabelValues("force_limited").Inc()
	case limiter.Limited:
		e.Overflow = resolve.Burst
		s.metrics.overflowed.WithLabelValues("rate_limited").Inc()
	}
	b.arena = b.arena[:from]
}

func (s *Service) overQuota(resource string, n int) {
	s.metrics.quota.WithLabelValues(resource).Add(float64(n))
	s.metrics.dropped.WithLabelValues(resource + "_over_quota").Add(float64(n))
}

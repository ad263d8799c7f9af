package capture

import (
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/hog-go/hog/capture/internal/lane"
	"github.com/hog-go/hog/capture/internal/record"
	"github.com/hog-go/hog/capture/internal/reject"
	"github.com/hog-go/hog/capture/internal/resolve"
	"github.com/hog-go/hog/capture/internal/scan"
	v1 "github.com/hog-go/hog/capture/internal/v1"
	"github.com/hog-go/hog/common/kafka"
	"github.com/hog-go/hog/common/limiter"
)

// v1Paths are the batch endpoints of the second protocol.
const (
	v1AnalyticsPath = "/i/v1/analytics/events"
	v1AIPath        = "/i/v1/ai/events"
)

// ingestV1 is the handler of the v1 routes.
func (s *Service) ingestV1(c *gin.Context) {
	if !s.enter(c.Request) {
		return // the client left while it waited
	}
	defer s.leave()
	b := newBatch()
	defer b.release()
	received := s.now()
	h := c.Writer.Header()
	if id := c.Request.Header[v1.HeaderRequestID]; id != nil {
		h[v1.HeaderRequestID] = id
	}
	h["Date"] = []string{received.UTC().Format(time.RFC1123Z)}
	path := c.FullPath()
	if err := s.v1(c.Writer, c.Request, path, received, b); err != nil {
		s.metrics.v1.refused(err, path)
		s.answerV1Error(c, path, err)
		s.report(c, b, err)
		return
	}
	s.metrics.v1.outcome(b.v1Events, path)
	b.unpacked = b.unpacked[:0] // nothing points into it any more but b.v1Events, which the answer reads no text of
	var retry bool
	b.unpacked, retry = v1.AppendResults(b.unpacked, b.v1Events)
	h["Content-Type"] = jsonType
	if retry {
		h["Retry-After"] = retryAfter
	}
	c.Writer.WriteHeader(http.StatusOK)
	_, _ = c.Writer.Write(b.unpacked) // a client that is gone hears nothing
	s.report(c, b, nil)
}

// retryAfter is the least that a client should wait, in seconds; SDKs add their own back-off.
var retryAfter = []string{"1"}

// Headers of refusals that tell what the endpoint takes.
var (
	acceptJSON      = []string{"application/json"}
	acceptEncodings = []string{"gzip, deflate, br, zstd"}
)

func (s *Service) answerV1Error(c *gin.Context, path string, e *v1.Error) {
	h := c.Writer.Header()
	h["Content-Type"], h["Accept"], h["Accept-Encoding"] = jsonType, acceptJSON, acceptEncodings
	if e.Retryable() {
		h["Retry-After"] = retryAfter
	}
	text := e.AppendJSON(nil)
	if e.Status == http.StatusRequestEntityTooLarge || e.Status == http.StatusRequestTimeout {
		s.answerUnread(c, path, s.v1Body, e.Status, e.Tag, string(text))
		return
	}
	c.Writer.WriteHeader(e.Status)
	_, _ = c.Writer.Write(text)
}

// v1 takes the batch of one request through all stages and leaves the outcome of each event in b.v1Events.
func (s *Service) v1(w http.ResponseWriter, r *http.Request, path string, received time.Time, b *batch) *v1.Error {
	head, bad := v1.ParseHeader(r.Header)
	if bad != nil {
		return bad
	}
	if bad := s.parseV1(w, r, path, &head, b); bad != nil {
		return bad
	}
	start := time.Now()
	n := len(b.v1.Events)
	s.metrics.received.Add(float64(n))
	s.metrics.batchSize.Observe(float64(n))
	batch := v1.Batch{Now: received, SentAt: head.SentAt, ClientIP: b.clientIP(r), Historical: b.v1.Historical, Internal: b.v1.Internal}
	var counts v1.Counts
	b.v1Events, bad = s.v1Rules.Events(b.v1Events[:0], &b.v1, &batch, &b.arena, &counts)
	if bad != nil {
		s.metrics.v1.aborted(bad, n)
		s.warnBatch(head.Token, path, bad.Tag, n)
		return bad
	}
	s.metrics.v1.resolved(b.v1Events, &counts)
	defer s.warnV1(b, &head, path)
	events := b.v1Events
	switch {
	case s.cfg.Mode == ModeImport && !batch.Historical:
		s.dropV1(events, v1.NonHistorical, causeNonHistorical, func(*v1.Event) bool { return true })
	case s.cfg.Mode == ModeAI:
		s.dropV1(events, v1.Misrouted, causeMisrouted, func(e *v1.Event) bool { return e.Event.Lane != lane.AI })
	}
	if !anyLive(events) {
		return nil
	}
	if bad := s.quotaV1(events, head.Token); bad != nil {
		return bad
	}
	token := []byte(head.Token)
	s.judgeV1(b, token, received)
	s.metrics.since(s.metrics.v1.duration.WithLabelValues(path), start)
	s.sendV1(r, b, token, &head, &batch)
	return nil
}

func (s *Service) parseV1(w http.ResponseWriter, r *http.Request, path string, head *v1.Header, b *batch) *v1.Error {
	var err error
	b.body, err = s.v1Body.read(w, r, b.body[:0])
	switch e, _ := err.(*reject.Error); {
	case err == nil:
	case e == reject.BodyTimeout:
		s.metrics.bodyTimeout.WithLabelValues(path).Inc()
		return v1.BodyTimeout(len(b.body))
	case e != nil && e.Status == http.StatusRequestEntityTooLarge:
		return v1.TooLarge("Request body exceeds limit of " + strconv.Itoa(s.v1Body.limit) + " bytes")
	default:
		return v1.Undecodable(err.Error())
	}
	s.metrics.rawSize.Observe(float64(len(b.body)))
	payload, bad := v1.Unpack(b.body, head.Encoding, s.cfg.V1.MaxUnpacked, &b.unpacked)
	if bad != nil {
		return bad
	}
	s.metrics.fits.Observe(float64(len(payload)))
	b.v1.MaxEvents = s.maxEvents()
	if err := b.v1.Parse(payload); err == scan.ErrTooMany {
		return v1.TooLarge("Batch of more than " + strconv.Itoa(b.v1.MaxEvents) + " events")
	} else if err != nil {
		return v1.Unparsable(err.Error())
	}
	return nil
}

func anyLive(events []v1.Event) bool {
	for i := range events {
		if events[i].Live() {
			return true
		}
	}
	return false
}

// dropV1 drops the live events that match.
func (s *Service) dropV1(events []v1.Event, detail, cause string, match func(*v1.Event) bool) (n int) {
	for i := range events {
		if e := &events[i]; e.Live() && match(e) {
			e.Fail(v1.Drop, detail)
			n++
		}
	}
	if n > 0 {
		s.metrics.v1.dropped.WithLabelValues(cause, "").Add(float64(n))
		s.metrics.dropped.WithLabelValues(cause).Add(float64(n))
	}
	return n
}

// quotaV1 refuses a batch of a project over its general quota, whatever is in it, and drops the events whose own quota
// is used up. A batch of which nothing is left counts as refused.
func (s *Service) quotaV1(events []v1.Event, token string) *v1.Error {
	if s.quotas.General.Limited(token) {
		s.metrics.v1.quota.WithLabelValues(s.quotas.Resource).Add(float64(len(events)))
		s.overQuota(s.quotas.Resource, len(events))
		return v1.ErrBillingLimit
	}
	for i := range s.quotas.Scoped {
		q := &s.quotas.Scoped[i]
		if !q.Set.Limited(token) {
			continue
		}
		detail := scopedDetails[limiter.Resource(q.Resource)]
		n := s.dropV1(events, detail, detail, func(e *v1.Event) bool {
			return q.Matches(e.Event.Name, e.Options.ProductTour != nil)
		})
		if n > 0 {
			s.metrics.v1.quota.WithLabelValues(q.Resource).Add(float64(n))
			s.metrics.quota.WithLabelValues(q.Resource).Add(float64(n))
		}
	}
	if !anyLive(events) {
		return v1.ErrBillingLimit
	}
	if grace := s.quotas.GraceOf(token); grace.Any() {
		for i := range events {
			if e := &events[i]; e.Live() {
				s.admitted(grace, e.Event.Name, e.Options.ProductTour != nil)
			}
		}
	}
	return nil
}

var scopedDetails = map[limiter.Resource]string{
	limiter.Exceptions: v1.OverExceptions, limiter.Surveys: v1.OverSurveys, limiter.LLMEvents: v1.OverLLM,
}

// judgeV1 applies restrictions and limits to the live events. Bursts are measured before the fleet's limit, which v0
// does the other way round; what comes of it is the same.
func (s *Service) judgeV1(b *batch, token []byte, now time.Time) {
	j := s.judge(token, now, b)
	m := s.metrics.v1
	for i := range b.v1Events {
		e := &b.v1Events[i]
		if !e.Live() {
			continue
		}
		size, noPerson := len(e.Event.Properties), e.Event.NoPerson
		switch {
		case j.restrictAs(&e.Event, e.Sent.ID):
			e.Fail(v1.Drop, v1.Restricted)
			s.countDropV1(causeRestriction, "event_restriction")
			continue
		case s.aiTooBig(&e.Event, size):
			e.Fail(v1.Drop, v1.AITooBig)
			s.countDropV1(causeAITooBig, causeAITooBig)
			continue
		case j.overAIBudget(&e.Event, size):
			e.Fail(v1.Drop, v1.AIRateLimited)
			s.countDropV1(causeAIRateLimited, causeAIRateLimited)
			continue
		}
		m.restricted(&e.Event, e.Event.NoPerson && !noPerson)
		if e.Event.Lane == lane.Historical {
			m.historical(b.v1.Historical)
		}
		if !e.Event.DLQ && e.Event.Redirect == "" { // unlike v0's, the key list and bursts pass over what left its lane
			m.overflowed(j.overflow(&e.Event))
		}
		if s.limitV1(j, &e.Event) {
			e.Result, e.Detail = v1.Warning, v1.NoPerson
		}
	}
}

// limitV1 is limitGlobally with the counts of v1.
func (s *Service) limitV1(j *judge, e *resolve.Event) (limited bool) {
	m := s.metrics.v1
	switch noPerson := e.NoPerson; {
	case s.global == nil:
		return false
	case j.limitGlobally(e):
		m.limited.Inc()
		return true
	case noPerson:
		m.disabled.Inc()
	default:
		m.allowed.Inc()
	}
	return false
}

func (s *Service) countDropV1(cause, reason string) {
	s.metrics.dropped.WithLabelValues(cause).Inc()
	s.metrics.v1.dropped.WithLabelValues(reason, "").Inc()
}

// sendV1 builds and sends the records of the live events, and notes of each what became of it.
func (s *Service) sendV1(r *http.Request, b *batch, token []byte, head *v1.Header, batch *v1.Batch) {
	start := time.Now()
	b.records.Reset(token, batch.Now, head.SentAt)
	b.records.Grow(len(b.unpacked) + len(b.body)/4 + 640*len(b.v1Events))
	common := record.V1{Historical: batch.Historical, Lib: head.Lib, LibVersion: head.LibVersion}
	b.sent = b.sent[:0]
	for i := range b.v1Events {
		if e := &b.v1Events[i]; e.Live() {
			topic, keyed := s.topics.Topic(&e.Event)
			b.records.AddV1(e, &common, topic, keyed)
			b.sent = append(b.sent, i)
		}
	}
	if len(b.sent) == 0 {
		return
	}
	s.metrics.v1.serialized(len(b.v1Events), start)
	ctx := r.Context()
	errs := s.sink.SendEach(ctx, b.records.Records)
	stored := len(b.sent)
	for i, err := range errs {
		if err == nil {
			continue
		}
		stored--
		e := &b.v1Events[b.sent[i]]
		if kafka.IsTooLarge(err) {
			e.Fail(v1.Drop, v1.TooBig)
			s.metrics.dropped.WithLabelValues(causeMessageSize).Inc()
			continue
		}
		e.Fail(v1.Retry, v1.NotPersisted)
		if ctx.Err() == nil { // else the client has gone; its records are on their way all the same
			s.sinkTrouble.note(ctx, s.log, err)
		}
	}
	s.metrics.ingested.Add(float64(stored))
}

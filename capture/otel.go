package capture

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/hog-go/hog/capture/internal/otel"
	"github.com/hog-go/hog/capture/internal/reject"
	"github.com/hog-go/hog/capture/internal/resolve"
	"github.com/hog-go/hog/common/compress"
)

// Paths for OpenTelemetry exporters: traces, and logs, to whose path SDKs complete that of the first.
const (
	otelPath     = "/i/v0/ai/otel"
	otelLogsPath = "/i/v0/ai/otel/v1/logs"
)

// Answers of the OTLP endpoint. What is over a limit is answered 400, since exporters send again on 429.
var (
	otelOK         = []byte(`{}`)
	otelOverQuota  = []byte(`{"error":"quota exceeded"}`)
	otelRestricted = []byte(`{"error":"event restricted"}`)
)

// signal is a kind of data that exporters send.
type signal struct {
	parse   func(body []byte, contentType string) (otel.Batch, *reject.Error)
	metrics *otelMetrics
}

// otel takes the spans, or evaluations, of one request through all stages.
func (s *Service) otel(of signal) stages {
	return func(w http.ResponseWriter, r *http.Request, path string, b *batch) (outcome, error) {
		return s.takeOTel(of, w, r, path, b)
	}
}

func (s *Service) takeOTel(of signal, w http.ResponseWriter, r *http.Request, path string, b *batch) (outcome, error) {
	done := outcome{json: otelOK}
	body, err := s.aiBody(w, r, path, s.otelBody, b)
	switch {
	case err == error(reject.EmptyPayload):
		return outcome{}, s.refused(stageOTelValidation, err, 0)
	case err != nil:
		return outcome{}, s.refused(stageOTelRead, err, 0)
	}
	token, err := bearer(r)
	if err != nil {
		return outcome{}, s.refused(stageOTelAuth, err, 0)
	}
	contentType := first(r.Header["Content-Type"])
	m := of.metrics
	m.request(contentType, len(body))
	if s.dropper.ShouldDrop(token, nil) {
		s.metrics.dropped.WithLabelValues(causeTokenDropper).Inc()
		return done, nil
	}
	if body, err = s.unpackAI(r, body, otel.MaxBody, b); err != nil {
		return outcome{}, s.refused(stageOTelParsing, err, 0)
	}
	spans, bad := of.parse(body, contentType)
	if bad != nil {
		s.warnAI(token, path, bad)
		stage := stageOTelParsing
		if spans.TooMany() {
			stage = stageOTelValidation
		}
		return outcome{}, s.refused(stage, bad, spans.AI)
	}
	m.spans(&spans)
	n := len(spans.Events)
	if n == 0 {
		return done, nil
	}
	s.metrics.received.Add(float64(n))
	if s.aiOverQuota(token, n) {
		return outcome{json: otelOverQuota, status: http.StatusBadRequest}, nil
	}
	if grace := s.quotas.GraceOf(string(token)); grace.Any() {
		for i := range spans.Events {
			s.admitted(grace, []byte(spans.Events[i].Name), false)
		}
	}
	now := s.now()
	if s.resolveSpans(spans.Events, token, now, r, b) {
		s.metrics.dropped.WithLabelValues(causeRestriction).Add(float64(n))
		return outcome{json: otelRestricted, status: http.StatusBadRequest}, nil
	}
	s.writeSpans(spans.Events, token, now, b)
	if err := s.send(r.Context(), b.records.Records); err != nil {
		return outcome{}, s.refused(stageOTelSink, err, 0)
	}
	m.stored(len(b.records.Records))
	return done, nil
}

// resolveSpans makes b.events of spans. Restrictions are for the whole request, as its spans belong together: one that is
// to be dropped drops all, and what else they say of one holds for all.
func (s *Service) resolveSpans(spans []otel.Event, token []byte, now time.Time, r *http.Request, b *batch) (restricted bool) {
	j := s.judge(token, now, b)
	ip := b.clientIP(r)
	var all resolve.Event
	for i := range spans {
		e := &spans[i]
		at := e.Time
		if at.IsZero() {
			at = now
		}
		name := []byte(e.Name)
		b.events = append(b.events, resolve.Event{
			Name: name, NameJSON: []byte(`"` + e.Name + `"`), DistinctID: []byte(e.DistinctID), Properties: e.Properties,
			IP: ip, ID: resolve.NewID(now), Time: at, Lane: s.rules.Sorter.Lane(name, false),
		})
		of := b.events[i]
		if j.restrictAs(&of, nil) { // spans have no uuid of their own
			return true
		}
		all.NoPerson, all.DLQ = all.NoPerson || of.NoPerson, all.DLQ || of.DLQ
		if of.Overflow != resolve.NoOverflow {
			all.Overflow = of.Overflow
		}
		if of.Redirect != "" {
			all.Redirect = of.Redirect
		}
	}
	for i := range b.events {
		e := &b.events[i]
		e.NoPerson, e.DLQ, e.Overflow, e.Redirect = all.NoPerson, all.DLQ, all.Overflow, all.Redirect
	}
	return false
}

// writeSpans builds the records of the spans, but for those that are over a limit: an exporter cannot do anything about
// a single span.
func (s *Service) writeSpans(spans []otel.Event, token []byte, now time.Time, b *batch) {
	b.records.Reset(token, now, time.Time{})
	for i := range spans {
		e, data := &b.events[i], spans[i].Data
		switch {
		case s.aiTooBig(e, len(data)):
			s.metrics.dropped.WithLabelValues(causeAITooBig).Inc()
			continue
		case b.judge.overAIBudget(e, len(data)):
			s.metrics.dropped.WithLabelValues(causeAIRateLimited).Inc()
			continue
		}
		b.judge.overflow(e)
		topic, keyed := s.topics.Topic(e)
		b.records.AddData(e, data, topic, keyed)
	}
}

// aiBody reads the body of a request to the AI endpoints, which must not be empty.
func (s *Service) aiBody(w http.ResponseWriter, r *http.Request, path string, from *body, b *batch) ([]byte, error) {
	var err error
	if b.body, err = from.read(w, r, b.body[:0]); err != nil {
		if err == error(reject.BodyTimeout) {
			s.metrics.bodyTimeout.WithLabelValues(path).Inc()
		}
		return nil, err
	}
	if len(b.body) == 0 {
		return nil, reject.EmptyPayload
	}
	s.metrics.rawSize.Observe(float64(len(b.body)))
	return b.body, nil
}

// unpackAI undoes the content encoding of a body, of which these endpoints know one.
func (s *Service) unpackAI(r *http.Request, body []byte, limit int, b *batch) ([]byte, error) {
	switch encoding := first(r.Header["Content-Encoding"]); strings.ToLower(encoding) {
	case "":
		return body, nil
	case "gzip":
	default:
		return nil, reject.Decode("Unsupported content-encoding: " + encoding)
	}
	out, err := compress.Gunzip(b.unpacked[:0], body, limit)
	b.unpacked = out
	var tooLarge *compress.TooLargeError
	switch {
	case errors.As(err, &tooLarge):
		return nil, reject.Unpacked(limit, tooLarge.Size)
	case err != nil:
		return nil, reject.Decode("invalid GZIP data")
	}
	return out, nil
}

// bearer is the token of a request to the AI endpoints.
func bearer(r *http.Request) ([]byte, error) {
	token, ok := strings.CutPrefix(first(r.Header["Authorization"]), "Bearer ")
	if !ok {
		return nil, reject.NoToken
	}
	return resolve.ValidToken([]byte(token))
}

// aiOverQuota tells whether the project has used up its AI events, and counts the n that are refused then.
func (s *Service) aiOverQuota(token []byte, n int) bool {
	if !s.aiQuota.Limited(string(token)) {
		return false
	}
	s.overQuota(aiResource, n)
	return true
}

package capture

import (
	"net/http"
	"time"

	"github.com/hog-go/hog/capture/internal/decode"
	"github.com/hog-go/hog/capture/internal/reject"
	"github.com/hog-go/hog/capture/internal/replay"
	"github.com/hog-go/hog/capture/internal/resolve"
	"github.com/hog-go/hog/capture/internal/restrict"
	"github.com/hog-go/hog/capture/internal/scan"
	"github.com/hog-go/hog/common/event"
	"github.com/hog-go/hog/common/limiter"
)

// recordings takes the session recording of one request through all stages. path is the route's.
func (s *Service) recordings(w http.ResponseWriter, r *http.Request, path string, b *batch) (outcome, error) {
	q := decode.ParseQuery(r.URL.RawQuery)
	payload, err := s.payload(w, r, path, &q, s.replayBody, s.cfg.Kafka.MessageMaxBytes, b)
	if err != nil {
		return outcome{}, s.refused(stageParsing, err, 0)
	}
	b.recordings, err = scan.ParseRecordings(b.recordings[:0], payload)
	if err != nil {
		return outcome{}, s.refused(stageParsing, reject.Parse(err.Error()), 0)
	}
	n := len(b.recordings)
	if n == 0 {
		return outcome{}, s.refused(stageParsing, reject.EmptyBatch, 0)
	}
	token, err := replay.Token(b.recordings, &b.arena)
	if err != nil {
		return outcome{}, s.refused(stageParsing, err, n)
	}
	s.metrics.received.Add(float64(n))
	s.metrics.batchSize.Observe(float64(n))
	switch {
	case replay.IsMobile(b.recordings) && s.mobileQuota.Limited(string(token)):
		s.overQuota(string(limiter.MobileRecordings), n)
		return outcome{quotaLimited: true}, nil
	case s.quotas.General.Limited(string(token)):
		s.overQuota(s.quotas.Resource, n)
		return outcome{quotaLimited: true}, nil
	}
	if grace := s.quotas.GraceOf(string(token)); grace.Any() {
		s.metrics.grace.WithLabelValues(s.quotas.Resource).Add(float64(n))
	}
	req := resolve.Request{Now: s.now(), SentAt: replay.SentAt(b.recordings, q.SentAt, &b.arena), ClientIP: b.clientIP(r)}
	rec, err := replay.Resolve(b.recordings, &req, first(r.Header["User-Agent"]), &b.arena)
	if err != nil {
		s.warnRefused(token, path, err, n, nil)
		return outcome{}, s.refused(stageProcessing, err, n)
	}
	if s.restrictRecording(rec, token, &req, b) {
		s.metrics.dropped.WithLabelValues(causeRestriction).Add(float64(n))
		return outcome{beacon: q.Beacon}, nil
	}
	b.records.Reset(token, req.Now, req.SentAt)
	b.records.Grow(len(payload) + len(payload)/4 + 1024)
	b.records.AddReplay(rec, rec.Topic)
	if err := s.send(r.Context(), b.records.Records); err != nil {
		s.warnRefused(token, path, err, 1, nil)
		return outcome{}, s.refused(stageProcessing, err, 0)
	}
	return outcome{beacon: q.Beacon}, nil
}

// restrictRecording decides where a recording goes: by what the project's restrictions say, else by how heavy its
// session is, as sessions that the ingester found too heavy have a topic of their own. drop means that it has no record.
func (s *Service) restrictRecording(rec *replay.Recording, token []byte, req *resolve.Request, b *batch) (drop bool) {
	start := time.Now()
	defer s.metrics.since(s.metrics.replayCheck, start)
	rec.Topic = s.topics.ReplayMain
	if s.restrictions != nil {
		from := len(b.arena)
		b.arena = event.AppendUUID(b.arena, rec.ID)
		of := restrict.Event{DistinctID: rec.DistinctID, SessionID: rec.SessionID, Name: replayEvent, UUID: b.arena[from:]}
		rules := s.restrictions.For(token, restrict.SessionRecordings, req.Now)
		effect := rules.Match(&of)
		b.arena = b.arena[:from]
		rec.NoPerson = effect.SkipPerson
		switch {
		case effect.Drop:
			return true
		case effect.DLQ:
			rec.Topic, rec.Redirected, rec.DLQ = s.topics.DLQ, true, true
			s.metrics.deadLettered.Inc()
			return false
		case effect.Topic != "":
			rec.Topic, rec.Redirected = effect.Topic, true
			s.metrics.redirected.Inc()
			return false
		case effect.Overflow:
			rec.Topic = s.topics.ReplayOverflow
			s.metrics.overflowed.WithLabelValues(reasonRestriction).Inc()
			return false
		}
	}
	if s.heavySessions.Limited(string(rec.SessionID)) {
		rec.Topic = s.topics.ReplayOverflow
		s.metrics.overflowed.WithLabelValues(reasonBurst).Inc()
	}
	return false
}

var replayEvent = []byte(replay.EventName)

package capture

import (
	"net/http"
	"time"

	"github.com/hog-go/hog/capture/internal/decode"
	"github.com/hog-go/hog/capture/internal/reject"
	"github.com/hog-go/hog/capture/internal/replay"
	"github.com/hog-go/hog/capture/internal/resolve"
	"github.com/hog-go/hog/capture/internal/scan"
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
	if s.quotas.General.Limited(string(token)) {
		s.overQuota(s.quotas.Resource, n)
		return outcome{quotaLimited: true}, nil
	}
	req := resolve.Request{Now: s.now(), SentAt: replay.SentAt(b.recordings, q.SentAt), ClientIP: b.clientIP(r)}
	rec, err := replay.Resolve(b.recordings, &req, first(r.Header["User-Agent"]), &b.arena)
	if err != nil {
		return outcome{}, s.refused(stageProcessing, err, n)
	}
	b.records.Reset(token, req.Now, req.SentAt)
	b.records.Grow(len(payload) + len(payload)/4 + 1024)
	b.records.AddReplay(rec, s.replayTopic(rec.SessionID))
	if err := s.send(r.Context(), b.records.Records); err != nil {
		return outcome{}, s.refused(stageProcessing, err, 0)
	}
	return outcome{beacon: q.Beacon}, nil
}

// replayTopic is where a session's recording goes: sessions that the ingester found too heavy have a topic of their own.
func (s *Service) replayTopic(sessionID []byte) string {
	start := time.Now()
	defer s.metrics.since(s.metrics.replayCheck, start)
	if s.heavySessions.Limited(string(sessionID)) {
		s.metrics.overflowed.WithLabelValues("rate_limited").Inc()
		return s.topics.ReplayOverflow
	}
	return s.topics.ReplayMain
}

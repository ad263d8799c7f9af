package capture

import (
	"net/http"
	"strings"
	"time"

	"github.com/hog-go/hog/capture/internal/decode"
	"github.com/hog-go/hog/capture/internal/lane"
	"github.com/hog-go/hog/capture/internal/quota"
	"github.com/hog-go/hog/capture/internal/record"
	"github.com/hog-go/hog/capture/internal/reject"
	"github.com/hog-go/hog/capture/internal/resolve"
	"github.com/hog-go/hog/capture/internal/scan"
	"github.com/hog-go/hog/common/event"
)

// outcome is what a request came to when it was not refused.
type outcome struct {
	beacon       bool   // answer 204 without a body
	quotaLimited bool   // answer with the name of the quota
	json         []byte // answer with this in place of the usual body
	status       int    // of json; 0 is 200
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
		if t, ok := event.ParseISO(string(scan.Text(raw, &b.arena))); ok {
			req.SentAt = t
		}
	}
	project := string(token)
	events := s.quotas.Filter(b.request.Events, project, s.overQuota)
	if len(events) == 0 {
		return outcome{}, nil // over quota is not the client's business: a refusal would make SDKs retry
	}
	if grace := s.quotas.GraceOf(project); grace.Any() {
		for i := range events {
			s.admitted(grace, events[i].Name, events[i].Has&scan.HasProductTour != 0)
		}
	}
	if s.cfg.Mode == ModeImport && !req.Historical {
		s.metrics.dropped.WithLabelValues(causeNonHistorical).Add(float64(len(events)))
		return outcome{beacon: q.Beacon}, nil
	}
	b.events, err = s.rules.Events(b.events[:0], events, &req, &b.arena, &b.counts)
	if err == nil {
		err = s.checkAI(b.events)
	}
	if err != nil {
		s.warnRefused(token, path, err, len(events), &events[0])
		return outcome{}, s.refused(stageProcessing, err, len(events))
	}
	s.metrics.resolved(&b.counts)
	start := time.Now()
	s.write(b, token, &req)
	s.metrics.prepared(start, len(b.events))
	s.warnPassed(b, token, path)
	if err := s.send(r.Context(), b.records.Records); err != nil {
		s.warnRefused(token, path, err, 1, &events[0])
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
	b.request.MaxEvents = s.maxEvents()
	if err := b.request.Parse(payload); err == scan.ErrTooMany {
		return reject.TooMany(b.request.MaxEvents)
	} else if err != nil {
		return reject.Parse(err.Error())
	}
	return hydrate(&b.request, path)
}

// maxEvents is how many events a request may have: what the producer can hold at once. More could never be sent together,
// so that "try again" would be no answer.
func (s *Service) maxEvents() int { return s.cfg.Kafka.QueueMessages }

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

// checkAI refuses a request with an event that its lane cannot take: v0 has no way to tell which of the events it was
// about, other than refusing all.
func (s *Service) checkAI(events []resolve.Event) error {
	for i := range events {
		e := &events[i]
		if s.cfg.Mode == ModeAI && e.Lane != lane.AI {
			return reject.NotAI(string(e.Name))
		}
		if e.Lane == lane.AI && s.cfg.AI.MaxEventBytes > 0 {
			if size := record.DataSize(e); s.aiTooBig(e, size) {
				return reject.AITooBig(string(e.Name), e.ID.String(), size, s.cfg.AI.MaxEventBytes)
			}
		}
	}
	return nil
}

// aiTooBig tells whether e is an AI event over the limit of those. What is measured differs between the protocols.
func (s *Service) aiTooBig(e *resolve.Event, size int) bool {
	most := s.cfg.AI.MaxEventBytes
	return most > 0 && e.Lane == lane.AI && size > most
}

// write drops and marks what the limits say and builds the records of the rest.
func (s *Service) write(b *batch, token []byte, req *resolve.Request) {
	b.records.Reset(token, req.Now, req.SentAt)
	b.records.Grow(len(b.body) + len(b.body)/4 + 640*len(b.events))
	j := s.judge(token, req.Now, b)
	for i := range b.events {
		e := &b.events[i]
		if cause := j.drops(e); cause != "" {
			s.metrics.dropped.WithLabelValues(cause).Inc()
			continue
		}
		j.limitGlobally(e)
		j.overflow(e)
		topic, keyed := s.topics.Topic(e)
		b.records.Add(e, topic, keyed)
	}
}

func (s *Service) overQuota(resource string, n int) {
	s.metrics.quota.WithLabelValues(resource).Add(float64(n))
	s.metrics.dropped.WithLabelValues(resource + "_over_quota").Add(float64(n))
}

// admitted counts an event that passes by grace of billing, if it does.
func (s *Service) admitted(grace quota.Grace, name []byte, productTour bool) {
	if resource := grace.Resource(name, productTour); resource != "" {
		s.metrics.grace.WithLabelValues(resource).Inc()
	}
}

package capture

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/hog-go/hog/capture/internal/reject"
	"github.com/hog-go/hog/common/kafka"
)

// errNothingLeft is a request whose events were all of kinds that are no longer ingested: it succeeds.
var errNothingLeft = errors.New("payload empty after filtering invalid event types")

// Values of response headers and bodies that every answer shares. net/http does not change them.
var (
	jsonType    = []string{"application/json"}
	textType    = []string{"text/plain; charset=utf-8"}
	okBody      = []byte(`{"status":"Ok"}`)
	overQuota   = []byte(`{"status":"Ok","quota_limited":["recordings"]}`)
	noSniffing  = []string{"nosniff"}
	okLength    = []string{"15"}
	quotaLength = []string{"46"}
)

// refused counts a refusal and the events that it drops, and returns it.
func (s *Service) refused(stage string, err error, events int) error {
	if errors.Is(err, errNothingLeft) {
		return err
	}
	e := refusal(err)
	s.metrics.errors.WithLabelValues(e.Tag, stage).Inc()
	if events > 0 {
		s.metrics.dropped.WithLabelValues(e.Tag).Add(float64(events))
	}
	return e
}

// refusal is the one place where an error becomes a status and a body.
func refusal(err error) *reject.Error {
	var e *reject.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, kafka.ErrTooLargeBroker):
		return reject.TooLarge("Event rejected by kafka broker during ack")
	case kafka.IsTooLarge(err):
		return reject.TooLarge("Event rejected by kafka during send")
	default:
		return reject.RetryableSink
	}
}

// send hands records to the sink and counts what became of them.
func (s *Service) send(ctx context.Context, recs []kafka.Record) error {
	if len(recs) == 0 {
		return nil
	}
	err := s.sink.Send(ctx, recs)
	switch {
	case err == nil:
		s.metrics.ingested.Add(float64(len(recs)))
		return nil
	case ctx.Err() != nil: // the client has gone; its records are on their way all the same
		return err
	case kafka.IsTooLarge(err):
		s.metrics.dropped.WithLabelValues(causeMessageSize).Inc()
	case errors.Is(err, kafka.ErrQueueFull):
		s.metrics.dropped.WithLabelValues(causeWriteError).Add(float64(len(recs)))
	}
	s.sinkTrouble.note(ctx, s.log, err)
	return err
}

// answer writes what a request came to.
func (s *Service) answer(c *gin.Context, path string, from *body, out outcome, err error) {
	if err != nil && !errors.Is(err, errNothingLeft) {
		e := refusal(err)
		h := c.Writer.Header()
		h["Content-Type"], h["X-Content-Type-Options"] = textType, noSniffing
		if e.Status == http.StatusRequestEntityTooLarge || e.Status == http.StatusRequestTimeout {
			s.answerUnread(c, path, from, e.Status, e.Tag, e.Message)
			return
		}
		c.Writer.WriteHeader(e.Status)
		_, _ = c.Writer.WriteString(e.Message) // a client that is gone hears nothing
		return
	}
	if out.beacon {
		c.Writer.WriteHeader(http.StatusNoContent)
		c.Writer.WriteHeaderNow()
		return
	}
	if out.json != nil {
		c.Writer.Header()["Content-Type"] = jsonType
		c.Writer.WriteHeader(cmp.Or(out.status, http.StatusOK))
		_, _ = c.Writer.Write(out.json)
		return
	}
	text, length := okBody, okLength
	if out.quotaLimited {
		text, length = overQuota, quotaLength
	}
	h := c.Writer.Header()
	h["Content-Type"], h["Content-Length"] = jsonType, length
	c.Writer.WriteHeader(http.StatusOK)
	_, _ = c.Writer.Write(text)
}

// answerUnread answers a request whose body was not read to its end, sends the answer off and then reads on for a while,
// so that a client which is still sending sees it.
func (s *Service) answerUnread(c *gin.Context, path string, from *body, status int, tag, text string) {
	rc := http.NewResponseController(c.Writer)
	early := rc.EnableFullDuplex() == nil // else net/http reads the body before it sends the answer
	c.Writer.Header().Set("Connection", "close")
	c.Writer.WriteHeader(status)
	_, _ = c.Writer.WriteString(text)
	if !early || rc.Flush() != nil {
		return
	}
	s.metrics.drained.WithLabelValues(path, from.drain(c.Writer, c.Request), tag).Inc()
}

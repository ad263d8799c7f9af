package featureflags

import (
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/hog-go/hog/common/httpserver"
	"github.com/hog-go/hog/feature-flags/internal/answer"
	"github.com/hog-go/hog/feature-flags/internal/decode"
	"github.com/hog-go/hog/feature-flags/internal/fault"
	"github.com/hog-go/hog/feature-flags/internal/sdkconfig"
)

// statusClientLeft is what nginx logs for a client that did not wait for the answer: a fault of nobody here.
const statusClientLeft = 499

// finish answers and counts the request, whatever became of it.
func (s *Service) finish(c *gin.Context, x *exchange) {
	status := http.StatusOK
	switch {
	case x.err != nil:
		status = fault.Of(x.err).Status
		s.fail(c, x.err)
	case x.minimal:
		s.writeMinimal(c, x, x.decide())
	default:
		s.write(c, x)
	}
	if c.Request.Context().Err() != nil {
		status = statusClientLeft
	}
	took := s.now().Sub(x.begun)
	s.metrics.request(x, status, took)
	s.canonical(c.Request.Context(), x, status, took)
}

func (s *Service) write(c *gin.Context, x *exchange) {
	a := answer.Answer{
		Shape: answer.ShapeOf(x.decide(), x.query.Version), Results: x.results, Errors: x.errors, Quotas: x.quotas,
		RequestID: x.requestID(), EvaluatedAt: x.begun.UnixMilli(), Config: x.config,
	}
	a.Minimal = x.team.MinimalEvents
	if x.flags != nil {
		a.Fragments = x.flags.Fragments
		if s.detailed(x) {
			a.Explain = x.evaluation.Explain
		}
	}
	if x.warned {
		c.Header(warningHeader, "true")
	}
	x.out = a.Append(x.out[:0])
	send(c, x.out)
}

// minimal is GET on the flag routes: an answer without flags that looks nothing up. It is never one of the older endpoint's.
func (s *Service) minimal(c *gin.Context) {
	x := newExchange(c.Request)
	x.begun = s.now()
	if x.query, x.err = decode.ParseQuery(c.Request.URL.RawQuery); x.err != nil {
		s.fail(c, x.err)
	} else {
		s.writeMinimal(c, x, false)
	}
	x.release()
}

func (s *Service) writeMinimal(c *gin.Context, x *exchange, decide bool) {
	a := answer.Answer{
		Shape: answer.ShapeOf(decide, x.query.Version), RequestID: x.requestID(), EvaluatedAt: x.begun.UnixMilli(), Config: []byte(sdkconfig.Minimal),
	}
	x.out = a.Append(x.out[:0])
	send(c, x.out)
}

// send writes an answer. With its length said, net/http does not cut it into chunks.
func send(c *gin.Context, body []byte) {
	h := c.Writer.Header()
	h["Content-Type"] = jsonTypes
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	c.Writer.WriteHeader(http.StatusOK)
	_, _ = httpserver.WriteWhole(c.Writer, c.Request, body) // nobody is there to be told
}

// requestID is the caller's, if it is a UUID, else a new one.
func (x *exchange) requestID() string {
	if x.id == "" {
		if given := first(x.http.Header["X-Request-Id"]); given != "" {
			if id, err := uuid.Parse(given); err == nil {
				x.id = id.String()
				return x.id
			}
		}
		x.id = uuid.NewString()
	}
	return x.id
}

package featureflags

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/hog-go/hog/feature-flags/internal/agent"
	"github.com/hog-go/hog/feature-flags/internal/decode"
	"github.com/hog-go/hog/feature-flags/internal/fault"
	"github.com/hog-go/hog/feature-flags/internal/flagset"
	"github.com/hog-go/hog/feature-flags/internal/team"
	"github.com/hog-go/hog/feature-flags/match"
)

// maxWire is the largest body as it comes. Source: PostHog's rust/feature-flags/src/router.rs.
const maxWire = 2 << 20

// maxKept is the size beyond which a buffer is not kept for the next request.
const maxKept = 1 << 20

// exchange is one request with all that becomes of it. Its buffers are used again.
type exchange struct {
	http  *http.Request
	begun time.Time
	ip    string

	body     []byte // as it came
	unpacked []byte // scratch of decoding
	query    decode.Query
	request  decode.Request // lies in body or unpacked

	team       *team.Team
	flags      *flagset.Flags
	question   match.Request
	data       match.Data
	evaluation *match.Evaluation // nil: none; ended by release
	results    []match.Result

	errors  bool
	quotas  []string
	config  []byte
	warned  bool
	minimal bool // a bot
	err     error

	id         string // of the request, once it is asked for: see requestID
	bot        bool
	fetch      bool   // stored properties were needed
	hashKeys   string // what became of the look-up of overrides: skipped, error, empty, found; "" for none
	evaluating time.Duration

	out []byte
}

var exchanges = sync.Pool{New: func() any { return new(exchange) }}

func newExchange(r *http.Request) *exchange {
	x := exchanges.Get().(*exchange)
	x.http = r
	x.ip = agent.ClientIP(r)
	return x
}

// release gives the buffers back; nothing may refer to them any more.
func (x *exchange) release() {
	if x.evaluation != nil {
		x.evaluation.End()
	}
	clear(x.results)
	clear(x.question.Groups)
	*x = exchange{
		body: kept(x.body), unpacked: kept(x.unpacked), config: kept(x.config), out: kept(x.out),
		results: x.results[:0], quotas: x.quotas[:0], question: match.Request{Groups: x.question.Groups[:0]},
	}
	exchanges.Put(x)
}

func kept(b []byte) []byte {
	if cap(b) > maxKept {
		return nil
	}
	return b[:0]
}

// readBody reads the body as it came.
func (x *exchange) readBody(r *http.Request) error {
	if r.ContentLength > maxWire {
		return fault.ErrBodyTooLarge
	}
	buf := x.body[:0]
	if n := int(r.ContentLength); n >= 0 && cap(buf) <= n {
		buf = make([]byte, 0, n+1) // one more, so that the end is seen without growing
	} else if cap(buf) == 0 {
		buf = make([]byte, 0, 4096)
	}
	for {
		n, err := r.Body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		x.body = buf
		switch {
		case len(buf) > maxWire:
			return fault.ErrBodyTooLarge
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fault.ErrBodyBroken
		}
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
	}
}

// decide tells whether the edge proxy has sent a request of the older endpoint here. The path alone says nothing.
func (x *exchange) decide() bool { return first(x.http.Header["X-Original-Endpoint"]) == "decide" }

// resolveVersion applies what requests mean that leave the version or the configuration out.
func (x *exchange) resolveVersion() {
	q := &x.query
	switch {
	case q.HasConfig:
	case x.decide():
		q.Config = true
	case !q.HasVersion:
		q.Version, q.HasVersion, q.Config = 2, true, true
	}
}

func (x *exchange) userAgent() string { return first(x.http.Header["User-Agent"]) }

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

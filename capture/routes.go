package capture

import (
	"net"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/capture/internal/otel"
	"github.com/hog-go/hog/capture/internal/reject"
	"github.com/hog-go/hog/common/httpserver"
)

// analyticsPaths take events; the proxies in front of PostHog installations of all ages send to each of them.
var analyticsPaths = []string{"/e", "/i/v0/e", "/capture", "/track", "/engage", "/batch"}

// stages is one of the two ways of a request through the service.
type stages func(w http.ResponseWriter, r *http.Request, path string, b *batch) (outcome, error)

// cors mirrors the caller. The v1 endpoints take no GET, and let a page read what it needs to send a batch again.
var cors = &httpserver.CORS{Under: []httpserver.CORSUnder{{
	Prefix: "/i/v1/", CORSRules: httpserver.CORSRules{Methods: "POST,OPTIONS", Expose: "Retry-After,PostHog-Request-Id"},
}}}

func (s *Service) routes(reg prometheus.Registerer, gatherer prometheus.Gatherer) http.Handler {
	if !s.cfg.ExportPrometheus {
		gatherer = nil
	}
	engine := httpserver.NewEngine(httpserver.EngineOptions{
		Log: s.partLog, Registerer: reg, Gatherer: gatherer, Ready: s.Ready, CORS: cors, Trace: s.tracer.Hook(),
		Panicked: func(c *gin.Context) {
			e := reject.Internal("unexpected failure")
			c.Data(e.Status, textType[0], []byte(e.Message))
		},
	})
	httpserver.Both(engine, []string{http.MethodGet}, "/", func(c *gin.Context) { c.String(http.StatusOK, "capture") })
	switch s.cfg.Mode {
	case ModeRecordings:
		httpserver.Both(engine, getAndPost, "/s", s.ingest(s.recordings, s.replayBody))
	case ModeAI:
		s.aiRoutes(engine)
		httpserver.Both(engine, getAndPost, blackHolePath, s.ingest(s.blackHole, s.analyticsBody))
	case ModeImport:
		s.analyticsRoutes(engine)
	default:
		s.analyticsRoutes(engine)
		httpserver.Both(engine, getAndPost, blackHolePath, s.ingest(s.blackHole, s.analyticsBody))
		s.aiRoutes(engine) // the original's events mode has them no more: here one process can be all that there is
	}
	return engine
}

var (
	getAndPost = []string{http.MethodGet, http.MethodPost}
	postOnly   = []string{http.MethodPost}
)

func (s *Service) analyticsRoutes(engine *gin.Engine) {
	for _, path := range analyticsPaths {
		httpserver.Both(engine, getAndPost, path, s.ingest(s.analytics, s.analyticsBody))
	}
	if s.v1Enabled() {
		httpserver.Both(engine, postOnly, v1AnalyticsPath, s.ingestV1)
	}
}

func (s *Service) aiRoutes(engine *gin.Engine) {
	httpserver.Both(engine, getAndPost, "/i/v0/ai/batch", s.ingest(s.analytics, s.analyticsBody))
	httpserver.Both(engine, postOnly, aiPath, s.ingest(s.aiForm, s.formBody))
	httpserver.Both(engine, postOnly, otelPath, s.ingest(s.otel(signal{otel.Parse, s.metrics.otel}), s.otelBody))
	httpserver.Both(engine, postOnly, otelLogsPath, s.ingest(s.otel(signal{otel.ParseLogs, s.metrics.otelLogs}), s.otelBody))
	if s.v1Enabled() {
		httpserver.Both(engine, postOnly, v1AIPath, s.ingestV1)
	}
}

func (s *Service) v1Enabled() bool { return s.cfg.V1.Enabled || s.cfg.V1.Sinks != "" }

// ingest is the handler of an ingestion route.
func (s *Service) ingest(run stages, from *body) gin.HandlerFunc {
	return func(c *gin.Context) {
		if !s.enter(c.Request) {
			return // the client left while it waited
		}
		defer s.leave()
		b := newBatch()
		defer b.release()
		path := c.FullPath()
		out, err := run(c.Writer, c.Request, path, b)
		s.answer(c, path, from, out, err)
		s.report(c, b, err)
	}
}

// enter waits for a free slot where their number is limited.
func (s *Service) enter(r *http.Request) bool {
	if s.slots == nil {
		return true
	}
	select {
	case s.slots <- struct{}{}:
		return true
	case <-r.Context().Done():
		return false
	}
}

func (s *Service) leave() {
	if s.slots != nil {
		<-s.slots
	}
}

func (s *Service) server() *httpserver.Server {
	srv := &httpserver.Server{
		Name: "capture", Addr: s.cfg.Address, Handler: s.handler, Log: s.partLog, DrainTimeout: requestDrain,
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				s.metrics.connections.Inc()
			case http.StateClosed, http.StateHijacked:
				s.metrics.connections.Dec()
			}
		},
	}
	if s.cfg.HeaderReadTimeout != nil {
		srv.ReadHeaderTimeout = max(*s.cfg.HeaderReadTimeout, time.Millisecond)
	}
	return srv
}

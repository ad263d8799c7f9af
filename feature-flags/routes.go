package featureflags

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/common/httpserver"
	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/feature-flags/internal/fault"
)

const (
	jsonType = "application/json"
	textType = "text/plain; charset=utf-8"
)

// jsonTypes is shared by all answers: header values are replaced, never changed.
var jsonTypes = []string{jsonType}

// warningHeader tells a client that its next requests may be refused.
const warningHeader = "X-Posthog-Rate-Limit-Warning"

// cors mirrors the caller; an OPTIONS request that is no browser's preflight is for the routes.
var cors = &httpserver.CORS{
	CORSRules:     httpserver.CORSRules{Methods: "GET,POST,OPTIONS,HEAD", Expose: "x-posthog-rate-limit-warning"},
	PreflightOnly: true,
}

func (s *Service) routes(registry *prometheus.Registry) http.Handler {
	options := httpserver.EngineOptions{
		Log: s.partLog, Registerer: s.reg, Ready: s.Ready, Live: func() (bool, string) { return true, "ok" }, CORS: cors,
		Trace: s.tracer.Hook(),
		Panicked: func(c *gin.Context) {
			a := fault.Of(errPanic)
			c.Data(a.Status, textType, a.Body)
		},
	}
	if s.cfg.Metrics {
		options.Gatherer = registry
	}
	engine := httpserver.NewEngine(options)
	get := []string{http.MethodGet}
	httpserver.Both(engine, get, "/", func(c *gin.Context) { c.String(http.StatusOK, "feature flags") })
	httpserver.Both(engine, get, "/_startup", s.startup)

	engine.Use(s.bounded) // of the routes that follow
	for _, path := range []string{"/flags", "/decide"} {
		httpserver.Both(engine, anyMethod, path, s.serveFlags)
	}
	s.definitionsRoutes(engine)
	s.remoteConfigRoutes(engine)
	return engine
}

// Ready tells whether requests should be sent here: whether all databases answer.
func (s *Service) Ready() (ok bool, detail string) {
	if ok, detail := s.app.Ready(); !ok {
		return false, detail
	}
	if trouble := s.db.trouble(!bool(s.cfg.Databases.TestBeforeAcquire)); trouble != "" {
		return false, trouble
	}
	return true, "ready"
}

// startup warms the pools, so that the first requests find connections. It is no place to fail.
func (s *Service) startup(c *gin.Context) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), probeTimeout)
	defer cancel()
	var wg sync.WaitGroup
	for _, n := range s.db.named() {
		wg.Go(func() {
			if err := warm(ctx, n.db); err != nil {
				s.log.WarnContext(ctx, "pool not warmed", "pool", n.name, "err", err)
			}
		})
	}
	wg.Wait()
	c.String(http.StatusOK, "started")
}

func warm(ctx context.Context, db *postgres.DB) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	return conn.Close()
}

// bounded lets so many requests through at once. More wait.
func (s *Service) bounded(c *gin.Context) {
	select {
	case s.slots <- struct{}{}:
		s.metrics.slotWait.Observe(0)
	default:
		begun := time.Now()
		select {
		case s.slots <- struct{}{}:
			observe(s.metrics.slotWait, time.Since(begun))
		case <-c.Request.Context().Done():
			c.Abort() // the client left while it waited
			return
		}
	}
	defer func() { <-s.slots }()
	c.Next()
}

// serveFlags answers wrong methods itself: CORS takes no part in it.
func (s *Service) serveFlags(c *gin.Context) {
	switch c.Request.Method {
	case http.MethodPost:
		s.evaluate(c)
	case http.MethodGet:
		s.minimal(c)
	case http.MethodHead:
		c.Header("Content-Type", jsonType)
		c.Status(http.StatusOK)
	case http.MethodOptions:
		c.Header("Allow", allowed)
		c.Status(http.StatusNoContent)
	default:
		c.Header("Allow", allowed)
		c.Status(http.StatusMethodNotAllowed)
	}
}

const allowed = "GET, POST, OPTIONS, HEAD"

// fail answers a request that ended with err.
func (s *Service) fail(c *gin.Context, err error) {
	a := fault.Of(err)
	ctx := c.Request.Context()
	s.metrics.timedOut(err, a)
	switch {
	case ctx.Err() == context.Canceled:
		s.log.DebugContext(ctx, "client left", "path", c.FullPath(), "err", err)
	case a.Status >= http.StatusInternalServerError:
		s.log.ErrorContext(ctx, "request failed", "path", c.FullPath(), "status", a.Status, "code", a.Code, "err", err)
	}
	contentType := textType
	if a.JSON {
		contentType = jsonType
	}
	c.Data(a.Status, contentType, a.Body)
}

func (s *Service) server() *httpserver.Server {
	return &httpserver.Server{
		Name: "feature-flags", Addr: s.cfg.Address, Handler: s.handler, Log: s.partLog, DrainTimeout: requestDrain,
	}
}

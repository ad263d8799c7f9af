package httpserver

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// gin's mode is a global of gin; release mode keeps it from printing routes and warnings to standard output.
func init() { gin.SetMode(gin.ReleaseMode) }

// EngineOptions says what an engine serves beside the routes of its service. The zero value is usable.
type EngineOptions struct {
	Log *slog.Logger // hears of panics; nil discards

	Registerer  prometheus.Registerer // for the HTTP metrics; nil leaves them unregistered
	ConstLabels prometheus.Labels     // on the HTTP metrics
	Gatherer    prometheus.Gatherer   // what /metrics serves; nil: there is no /metrics

	// Ready answers /_readiness: 200 or 503, with the detail as body. Nil is always ready.
	Ready func() (ok bool, detail string)
	// Live answers /_liveness: 200 or 500, with the detail as body. Nil is always alive.
	Live func() (ok bool, detail string)

	CORS *CORS // nil: no CORS headers, and OPTIONS is a method like any other

	// Trace is called before the handlers of each request to the service's own routes, or to none, with the pattern of its route, ""
	// for none; what it returns is called after them, with the status. Nil: off.
	Trace func(r *http.Request, route string) (end func(status int))

	// Panicked writes the response of a request whose handler panicked before it wrote anything; nil sends 500 with an empty body.
	// The panic itself is logged, not passed on: its text is not for clients.
	Panicked func(c *gin.Context)
}

// NewEngine returns an engine with the middleware of the package comment, the operational endpoints and no other routes.
func NewEngine(o EngineOptions) *gin.Engine {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	e := gin.New()
	e.RedirectTrailingSlash = false
	e.RedirectFixedPath = false
	e.HandleMethodNotAllowed = true
	e.ForwardedByClientIP = false // who the client is behind proxies is the service's rule, not gin's

	e.Use(newRequestMetrics(o.Registerer, o.ConstLabels).observe)
	if o.CORS != nil {
		e.Use(o.CORS.handler())
	}
	e.Use(recovery(o.Log.With("component", "http"), o.Panicked))
	e.NoRoute(func(c *gin.Context) { c.Writer.WriteHeaderNow() }) // gin has set the status; written means: no body of gin's own
	e.NoMethod(func(c *gin.Context) {
		if h := c.Writer.Header(); o.CORS != nil {
			h.Set("Allow", h.Get("Allow")+", "+http.MethodOptions)
		}
		c.Writer.WriteHeaderNow()
	})

	get := []string{http.MethodGet}
	Both(e, get, "/_readiness", probe(o.Ready, http.StatusServiceUnavailable))
	Both(e, get, "/_liveness", probe(o.Live, http.StatusInternalServerError))
	if o.Gatherer != nil {
		Both(e, get, "/metrics", gin.WrapH(promhttp.HandlerFor(o.Gatherer, promhttp.HandlerOpts{})))
	}
	if o.Trace != nil {
		e.Use(traced(o.Trace)) // after the probes, which nobody wants to see in traces
	}
	return e
}

func traced(begin func(*http.Request, string) func(int)) gin.HandlerFunc {
	return func(c *gin.Context) {
		end := begin(c.Request, c.FullPath())
		status := http.StatusInternalServerError // of a panic, which recovery has yet to see
		defer func() { end(status) }()
		c.Next()
		status = c.Writer.Status()
	}
}

// Both registers the handlers for path with and without a trailing slash, under each method, and under HEAD where there is GET (net/http
// drops the body of the answer). The path "/" has one form only.
func Both(r gin.IRoutes, methods []string, path string, handlers ...gin.HandlerFunc) {
	if slices.Contains(methods, http.MethodGet) && !slices.Contains(methods, http.MethodHead) {
		methods = append(slices.Clip(methods), http.MethodHead)
	}
	bare := strings.TrimSuffix(path, "/")
	for _, method := range methods {
		r.Handle(method, bare+"/", handlers...)
		if bare != "" {
			r.Handle(method, bare, handlers...)
		}
	}
}

// probe answers with what check says, or ok when there is nothing to check.
func probe(check func() (bool, string), failure int) gin.HandlerFunc {
	return func(c *gin.Context) {
		status, detail := http.StatusOK, ""
		if check != nil {
			var ok bool
			if ok, detail = check(); !ok {
				status = failure
			}
		}
		if detail == "" && status == http.StatusOK {
			detail = "ok"
		}
		c.Data(status, "text/plain; charset=utf-8", []byte(detail))
	}
}

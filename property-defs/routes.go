package propertydefs

import (
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/common/httpserver"
	"github.com/hog-go/hog/property-defs/internal/api"
)

func (s *Service) routes(reg prometheus.Registerer, gatherer prometheus.Gatherer, api *api.API) http.Handler {
	engine := httpserver.NewEngine(httpserver.EngineOptions{Log: s.log, Registerer: reg, Gatherer: gatherer, Ready: s.app.Ready})
	httpserver.Both(engine, []string{http.MethodGet}, "/", func(c *gin.Context) { c.String(http.StatusOK, "property definitions service") })
	api.Route(engine)
	return engine
}

func (s *Service) server(addr string) *httpserver.Server {
	return &httpserver.Server{Name: "property-defs", Addr: addr, Setting: "BIND_PORT", Handler: s.handler, Log: s.log}
}

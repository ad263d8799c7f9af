package definitions

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/feature-flags/internal/auth"
)

type metrics struct {
	requests, limited                   prometheus.Counter
	bypassed, hits, misses, tags, auths *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer, limitedTeams func() int) *metrics {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		reg.MustRegister(c)
		return c
	}
	by := func(label, name, help string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
		reg.MustRegister(c)
		return c
	}
	reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "flags_rate_limiter_definitions_entries", Help: "Teams whose budget for flag definitions is not full.",
	}, func() float64 { return float64(limitedTeams()) }))
	return &metrics{
		requests: counter("flags_flag_definitions_requests_total", "Requests for flag definitions."),
		limited:  counter("flags_flag_definitions_rate_limited_total", "Requests for flag definitions that were refused for their rate."),
		bypassed: by("budget", "flags_flag_definitions_rate_limit_bypassed_total", "Requests of teams that have no rate limit, by the budget that they would have drawn on."),
		hits:     by("source", "flags_flag_definitions_cache_hit_total", "Documents found, by the tier that had them."),
		misses:   by("reason", "flags_flag_definitions_cache_miss_total", "Documents that no tier had."),
		tags:     by("result", "flags_flag_definitions_etag_total", "Comparisons of a client's version of the document with the newest."),
		auths:    by("method", "flags_flag_definitions_auth_total", "Accepted credentials by kind."),
	}
}

func (m *metrics) method(k auth.Kind) prometheus.Counter {
	switch k {
	case auth.Personal:
		return m.auths.WithLabelValues("personal_api_key")
	case auth.ProjectSecret:
		return m.auths.WithLabelValues("project_secret_api_key")
	default:
		return m.auths.WithLabelValues("secret_api_key")
	}
}

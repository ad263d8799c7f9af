package featureflags

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/hog-go/hog/common/metrics"
	"github.com/hog-go/hog/feature-flags/internal/agent"
	"github.com/hog-go/hog/feature-flags/internal/decode"
	"github.com/hog-go/hog/feature-flags/internal/tier"
)

// metricSet holds the metrics of requests; those of the parts are theirs.
type metricSet struct {
	tracked Teams

	requests, faults          *prometheus.CounterVec
	rateLimited, bots         *prometheus.CounterVec
	invalidTokens, flagErrors *prometheus.CounterVec
	databaseErrors, kludges   *prometheus.CounterVec
	continuitySkipped         prometheus.Counter
	continuityEligible        prometheus.Counter
	duration, queued          prometheus.Histogram

	mu    sync.RWMutex
	teams map[int32]*teamCounters // children of requests and faults; 0: no team
}

type teamCounters struct{ evaluated, disabled, faults prometheus.Counter }

func newMetrics(reg prometheus.Registerer, tracked Teams) *metricSet {
	f := promauto.With(reg)
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	optimized := vec("flags_experience_continuity_optimized_total", "Requests with flags that keep their variants, by whether they were looked up.", "status")
	return &metricSet{
		tracked:            tracked,
		teams:              map[int32]*teamCounters{},
		requests:           vec("flags_requests_total", "Evaluation requests.", "team_id", "flags_disabled"),
		faults:             vec("flags_request_faults_total", "Requests answered with a status from 500 on.", "team_id"),
		rateLimited:        vec("flags_rate_limit_exceeded_total", "Requests beyond a rate limit.", "mode", "action"),
		bots:               vec("flags_bot_detected_total", "Requests of crawlers.", "bot_category", "bot_source", "mode"),
		invalidTokens:      vec("flags_token_validation_errors_total", "Requests whose token is missing or nobody's.", "reason"),
		flagErrors:         vec("flags_flag_evaluation_error_total", "Flags that could not be evaluated.", "reason"),
		databaseErrors:     vec("flags_database_error_total", "Reads that failed, so that flags had to do without.", "error_type", "operation"),
		kludges:            vec("flags_request_kludge_total", "Bodies that were not what they should be, and were read all the same.", "type"),
		continuitySkipped:  optimized.WithLabelValues("skipped"),
		continuityEligible: optimized.WithLabelValues("eligible"),
		duration: f.NewHistogram(prometheus.HistogramOpts{
			Name: "flags_requests_duration_ms", Help: "Time of evaluation requests.", Buckets: metrics.Milliseconds(),
		}),
		queued: f.NewHistogram(prometheus.HistogramOpts{
			Name: "flags_queue_time_ms", Help: "Time from the first proxy to this process, where the proxy says when it was.", Buckets: metrics.Milliseconds(),
		}),
	}
}

func (m *metricSet) kludge(k decode.Kludge) { m.kludges.WithLabelValues(string(k)).Inc() }

// limiters shows how much the rate limiters remember.
func (m *metricSet) limiters(reg prometheus.Registerer, token, ip *tier.Limiter) {
	f := promauto.With(reg)
	for name, l := range map[string]*tier.Limiter{"flags_rate_limiter_token_entries": token, "flags_rate_limiter_ip_entries": ip} {
		if l != nil {
			f.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: "Keys that the rate limiter remembers."}, func() float64 { return float64(l.Len()) })
		}
	}
}

// request counts one that has been answered.
func (m *metricSet) request(x *exchange, status int, took time.Duration) {
	m.duration.Observe(float64(took.Microseconds()) / 1000)
	if ms, ok := agent.RequestStart(x.http.Header); ok {
		m.queued.Observe(float64(max(0, x.begun.UnixMilli()-ms)))
	}
	var id int32
	if x.team != nil {
		id = x.team.ID
	}
	counters := m.team(id)
	if x.request.NoFlags {
		counters.disabled.Inc()
	} else {
		counters.evaluated.Inc()
	}
	if status >= 500 {
		counters.faults.Inc()
	}
	if x.errors {
		for _, r := range x.results {
			if r.Failure != nil {
				m.flagErrors.WithLabelValues(r.Failure.Code).Inc()
			}
		}
	}
}

// team resolves the labels of a team once. Teams that are not tracked share one child.
func (m *metricSet) team(id int32) *teamCounters {
	if !m.tracked.Has(id) {
		id = 0
	}
	m.mu.RLock()
	c := m.teams[id]
	m.mu.RUnlock()
	if c != nil {
		return c
	}
	label := "unknown"
	if id != 0 {
		label = strconv.FormatInt(int64(id), 10)
	}
	c = &teamCounters{
		evaluated: m.requests.WithLabelValues(label, "false"), disabled: m.requests.WithLabelValues(label, "true"), faults: m.faults.WithLabelValues(label),
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.teams[id] = c
	return c
}

// trace logs a request at the level debug. Tokens and properties stay out.
func (s *Service) trace(ctx context.Context, x *exchange, status int) {
	if !s.log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	failed := 0
	for _, r := range x.results {
		if r.Failure != nil {
			failed++
		}
	}
	var teamID int32
	if x.team != nil {
		teamID = x.team.ID
	}
	s.log.DebugContext(ctx, "request", "path", x.http.URL.Path, "status", status, "err", x.err, "team_id", teamID,
		"distinct_id", x.question.DistinctID, "ip", x.ip, "user_agent", x.userAgent(), "lib_version", x.query.LibVersion, "api_version", x.query.Version,
		"flags_evaluated", len(x.results), "flags_errored", failed, "errors", x.errors, "fetched", x.data.Fetched, "overrides", len(x.data.HashKeys),
		"flags_disabled", x.request.NoFlags, "quota_limited", x.quotas, "rate_limit_warned", x.warned, "is_bot", x.minimal, "took", s.now().Sub(x.begun))
}

package featureflags

import (
	"cmp"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/feature-flags/internal/agent"
	"github.com/hog-go/hog/feature-flags/internal/continuity"
	"github.com/hog-go/hog/feature-flags/internal/decode"
	"github.com/hog-go/hog/feature-flags/internal/fault"
	"github.com/hog-go/hog/feature-flags/internal/tier"
	"github.com/hog-go/hog/feature-flags/match"
)

// metricSet holds the metrics of requests; those of the parts are theirs.
type metricSet struct {
	tracked Teams

	requests, faults          *prometheus.CounterVec
	rateLimited, bots         *prometheus.CounterVec
	invalidTokens, flagErrors *prometheus.CounterVec
	databaseErrors, kludges   *prometheus.CounterVec
	continuity                prometheus.Counter
	continuityBy              *prometheus.CounterVec
	person, group             propertyCounters
	redisErrors               *prometheus.CounterVec
	unknownKeys, timeouts     prometheus.Counter
	acquireTimeouts           prometheus.Counter
	timings

	mu    sync.RWMutex
	teams map[int32]*teamCounters // children of requests and faults; 0: no team
}

type teamCounters struct{ evaluated, disabled, faults, skipped, eligible prometheus.Counter }

// propertyCounters count requests by whether they brought the properties that their flags ask for.
type propertyCounters struct{ hits, misses prometheus.Counter }

func newMetrics(reg prometheus.Registerer, tracked Teams) *metricSet {
	f := promauto.With(reg)
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	hits := vec("flags_property_cache_hits_total", "Requests that brought all properties that their flags asked for.", "type")
	misses := vec("flags_property_cache_misses_total", "Requests whose flags needed stored properties.", "type")
	return &metricSet{
		tracked:         tracked,
		teams:           map[int32]*teamCounters{},
		requests:        vec("flags_requests_total", "Evaluation requests.", "team_id", "flags_disabled"),
		faults:          vec("flags_request_faults_total", "Requests answered with a status from 500 on.", "team_id"),
		rateLimited:     vec("flags_rate_limit_exceeded_total", "Requests beyond a rate limit.", "mode", "action"),
		bots:            vec("flags_bot_detected_total", "Requests of crawlers.", "bot_category", "bot_source", "mode"),
		invalidTokens:   vec("flags_token_validation_errors_total", "Requests whose token is missing or nobody's.", "reason"),
		flagErrors:      vec("flags_flag_evaluation_error_total", "Flags that could not be evaluated.", "reason"),
		databaseErrors:  vec("flags_database_error_total", "Reads that failed, so that flags had to do without.", "error_type", "operation", "retried", "timeout_type"),
		kludges:         vec("flags_request_kludge_total", "Bodies that were not what they should be, and were read all the same.", "type"),
		continuity:      counter("flags_experience_continuity_requests_total", "Requests with flags that keep their variants."),
		continuityBy:    vec("flags_experience_continuity_optimized_total", "The same, by whether their ids were looked up.", "status", "team_id"),
		person:          propertyCounters{hits.WithLabelValues("person_properties"), misses.WithLabelValues("person_properties")},
		group:           propertyCounters{hits.WithLabelValues("group_properties"), misses.WithLabelValues("group_properties")},
		redisErrors:     vec("flag_request_redis_error", "Calls of Redis that failed.", "error_type"),
		unknownKeys:     counter("missing_requested_flag_key", "Keys of flags that were asked for and do not exist."),
		timeouts:        counter("flags_request_timeout_total", "Requests answered that something took too long."),
		acquireTimeouts: counter("flags_acquire_timeout_total", "Reads that got no connection in time."),
		timings:         newTimings(f),
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
	observe(m.duration, took)
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
	for _, key := range x.question.FlagKeys {
		if _, known := x.flags.Set.ByKey(key); !known {
			m.unknownKeys.Inc()
		}
	}
	if x.errors {
		for _, r := range x.results {
			if r.Failure != nil {
				m.flagErrors.WithLabelValues(r.Failure.Code).Inc()
			}
		}
	}
}

// teamLabel is what labels call a team: its id if it is tracked.
func (m *metricSet) teamLabel(id int32) string {
	if id == 0 || !m.tracked.Has(id) {
		return "unknown"
	}
	return strconv.FormatInt(int64(id), 10)
}

// timedOut counts what was waited for in vain.
func (m *metricSet) timedOut(err error, a fault.Answer) {
	if errors.Is(err, postgres.ErrPoolTimeout) {
		m.acquireTimeouts.Inc()
	}
	if a.Code == fault.CodeTimeout || a.Code == fault.CodeBusy {
		m.timeouts.Inc()
	}
}

// database counts a read that failed without failing its request.
func (m *metricSet) database(what string, f *match.Failure, err error) {
	_, retried := errors.AsType[*continuity.RetriedError](err)
	m.databaseErrors.WithLabelValues(f.Code, what, strconv.FormatBool(retried), cmp.Or(postgres.TimeoutLabel(err), "none")).Inc()
	if errors.Is(err, postgres.ErrPoolTimeout) {
		m.acquireTimeouts.Inc()
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
	label := m.teamLabel(id)
	c = &teamCounters{
		evaluated: m.requests.WithLabelValues(label, "false"), disabled: m.requests.WithLabelValues(label, "true"), faults: m.faults.WithLabelValues(label),
		skipped: m.continuityBy.WithLabelValues("skipped", label), eligible: m.continuityBy.WithLabelValues("eligible", label),
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.teams[id] = c
	return c
}

// properties counts whether a request brought what its flags ask for.
func (m *metricSet) properties(needs *match.Needs, groups bool) {
	m.person.count(!needs.Fetch)
	if groups {
		m.group.count(len(needs.Groups) == 0)
	}
}

func (c propertyCounters) count(hit bool) {
	if hit {
		c.hits.Inc()
	} else {
		c.misses.Inc()
	}
}

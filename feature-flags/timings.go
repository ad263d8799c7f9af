package featureflags

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/hog-go/hog/common/metrics"
)

// timings are how long the stages of a request take, all in milliseconds. They share a few readings of the clock, since a reading costs
// as much as deciding a flag.
type timings struct {
	duration, queued, slotWait     prometheus.Observer
	preHandler, tokenExtract       prometheus.Observer
	limitCheck                     map[string]prometheus.Observer // by the kind of limiter
	succeeded, failed              prometheus.Observer            // evaluations
	matching, perFlag, hashKeyTime prometheus.Observer
}

// fine are the buckets of what takes microseconds: 1 µs to 16 ms.
func fine() []float64 { return prometheus.ExponentialBuckets(0.001, 2, 15) }

func newTimings(f promauto.Factory) timings {
	timer := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return f.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	}
	limits := timer("flags_rate_limit_check_ms", "Time of one look at a rate limit.", fine(), "kind")
	evaluation := timer("flags_evaluation_time", "Time from the flags to their values, all that is read included, in ms.", metrics.Milliseconds(), "outcome")
	return timings{
		duration:     timer("flags_requests_duration_ms", "Time of evaluation requests.", metrics.Milliseconds()).WithLabelValues(),
		queued:       timer("flags_queue_time_ms", "Time from the first proxy to this process, where the proxy says when it was.", metrics.Milliseconds()).WithLabelValues(),
		slotWait:     timer("flags_concurrency_limit_wait_ms", "Wait until a request may be handled: see MAX_CONCURRENCY.", metrics.Milliseconds()).WithLabelValues(),
		preHandler:   timer("flags_pre_handler_time_ms", "Time of the rate limits and the search for crawlers.", fine()).WithLabelValues(),
		tokenExtract: timer("flags_token_extract_ms", "Time of finding the token in a body for its rate limit.", fine()).WithLabelValues(),
		limitCheck:   map[string]prometheus.Observer{"token": limits.WithLabelValues("token"), "ip": limits.WithLabelValues("ip")},
		succeeded:    evaluation.WithLabelValues("success"),
		failed:       evaluation.WithLabelValues("error"),
		matching:     timer("flags_get_match_time", "Time of deciding all flags of a request, in ms.", fine()).WithLabelValues(),
		perFlag:      timer("flags_evaluate_all_conditions_time", "Time of deciding a flag, in ms: the mean of its request.", prometheus.ExponentialBuckets(0.0001, 2, 15)).WithLabelValues(),
		hashKeyTime:  timer("flags_hash_key_processing_time", "Time of reading and writing the ids of flags that keep their variants, in ms.", metrics.Milliseconds()).WithLabelValues(),
	}
}

func observe(h prometheus.Observer, took time.Duration) { h.Observe(float64(took.Nanoseconds()) / 1e6) }

// evaluated is told when an evaluation began, when everything was read, and when all flags had their values.
func (t *timings) evaluated(begun, ran, ended time.Time, flags int, errors bool) {
	if errors {
		observe(t.failed, ended.Sub(begun))
	} else {
		observe(t.succeeded, ended.Sub(begun))
	}
	observe(t.matching, ended.Sub(ran))
	if flags > 0 {
		observe(t.perFlag, ended.Sub(ran)/time.Duration(flags))
	}
}

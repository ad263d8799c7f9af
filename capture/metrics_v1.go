package capture

import (
	"math"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/capture/internal/resolve"
	v1 "github.com/hog-go/hog/capture/internal/v1"
	"github.com/hog-go/hog/common/limiter"
)

// v1Metrics is what the v1 endpoints count, under the names of the original.
type v1Metrics struct {
	valid       prometheus.Counter
	parsed      *prometheus.CounterVec
	dropped     *prometheus.CounterVec
	rerouted    *prometheus.CounterVec
	applied     *prometheus.CounterVec
	quota       *prometheus.CounterVec
	overflow    *prometheus.CounterVec
	adjusted    *prometheus.CounterVec
	outcomes    *prometheus.CounterVec
	errors      *prometheus.CounterVec
	duration    *prometheus.HistogramVec
	serialize   [len(batchSizes)]prometheus.Observer
	illegal     prometheus.Counter
	futureTimes prometheus.Counter

	allowed, limited, disabled prometheus.Counter // by the fleet's limit; disabled: had no person processing before
}

// batchSizes are the classes of batches that are timed apart.
var batchSizes = [...]struct {
	most int
	name string
}{{1, "1"}, {8, "2-8"}, {32, "9-32"}, {128, "33-128"}, {math.MaxInt, "129+"}}

func newV1Metrics(counters func(name, help string, labels ...string) *prometheus.CounterVec, reg prometheus.Registerer) *v1Metrics {
	m := &v1Metrics{
		parsed:   counters("capture_v1_parsed_events", "events of v1 batches, by what reading them gave", "result", "error"),
		dropped:  counters("capture_v1_events_dropped", "events of v1 batches not passed on", "reason", "stage"),
		rerouted: counters("capture_v1_events_rerouted_historical", "events of v1 batches sent to the historical topic", "reason"),
		applied:  counters("capture_v1_events_restricted", "restrictions applied to events of v1 batches that were passed on", "action"),
		quota:    counters("capture_v1_events_quota_limited", "events of v1 batches dropped because the project is over quota", "resource"),
		overflow: counters("capture_v1_events_rerouted_overflow", "events of v1 batches sent to an overflow topic for their key", "reason"),
		adjusted: counters("capture_v1_event_adjustments_applied", "changes to accepted events of v1 batches", "reason"),
		outcomes: counters("capture_v1_batch_outcomes", "v1 batches by what became of their events", "outcome", "path"),
		errors:   counters("capture_v1_analytics_error", "v1 requests refused", "error", "level", "path", "status_code"),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "capture_v1_processing_duration_seconds", Help: "time from a parsed v1 batch to its records", Buckets: prometheus.ExponentialBuckets(1e-5, 4, 9),
		}, []string{"path"}),
	}
	reg.MustRegister(m.duration)
	serialize := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "capture_v1_serialize_duration_seconds", Help: "time in which the records of a v1 batch were written", Buckets: prometheus.ExponentialBuckets(1e-6, 4, 10),
	}, []string{"batch_size"})
	reg.MustRegister(serialize)
	for i, size := range batchSizes {
		m.serialize[i] = serialize.WithLabelValues(size.name)
	}
	// Writing a record cannot fail here: these are for alerts that name them.
	for _, name := range []string{"capture_v1_serialize_failed_total", "capture_v1_serialize_panic_total"} {
		reg.MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: "always 0"}))
	}
	limits := counters("capture_v1_rate_limiter", "events of v1 batches that the fleet's limit judged", "limiter", "outcome")
	m.allowed, m.limited = limits.WithLabelValues("token_distinct_id", "allowed"), limits.WithLabelValues("token_distinct_id", "limited")
	m.disabled = limits.WithLabelValues("token_distinct_id", "already_disabled")
	m.valid = m.parsed.WithLabelValues("valid", "")
	m.illegal, m.futureTimes = m.adjusted.WithLabelValues("person_processing_disabled"), m.adjusted.WithLabelValues("future_timestamp_clamp")
	return m
}

func (m *v1Metrics) resolved(events []v1.Event, n *v1.Counts) {
	valid := 0
	for i := range events {
		if events[i].Result == v1.Drop {
			m.parsed.WithLabelValues("malformed", events[i].Detail).Inc()
		} else {
			valid++
		}
	}
	m.valid.Add(float64(valid))
	m.illegal.Add(float64(n.IllegalIDs))
	m.futureTimes.Add(float64(n.Clamped))
}

// aborted counts the events of a batch that was refused whole.
func (m *v1Metrics) aborted(e *v1.Error, events int) {
	m.dropped.WithLabelValues(e.Tag, "validation_abort").Add(float64(events))
}

func (m *v1Metrics) refused(e *v1.Error, path string) {
	level := "warn"
	if e.Retryable() {
		level = "error"
	}
	m.errors.WithLabelValues(e.Tag, level, path, strconv.Itoa(e.Status)).Inc()
}

// restricted counts what restrictions did to e; person tells whether they took person processing from it.
func (m *v1Metrics) restricted(e *resolve.Event, person bool) {
	for _, action := range [...]struct {
		on   bool
		name string
	}{
		{e.Overflow == resolve.Asked, "force_overflow"}, {e.Redirect != "", "redirect_to_topic"}, {e.DLQ, "redirect_to_dlq"},
		{person, "skip_person_processing"},
	} {
		if action.on {
			m.applied.WithLabelValues(action.name).Inc()
		}
	}
}

func (m *v1Metrics) historical(batch bool) {
	if batch {
		m.rerouted.WithLabelValues("batch_flag").Inc()
		return
	}
	m.rerouted.WithLabelValues("timestamp").Inc()
}

func (m *v1Metrics) overflowed(d limiter.Decision) {
	switch d {
	case limiter.Forced:
		m.overflow.WithLabelValues(reasonForced).Inc()
	case limiter.Limited:
		m.overflow.WithLabelValues(reasonBurst).Inc()
	}
}

// serialized counts the time since start for a batch of n events.
func (m *v1Metrics) serialized(n int, start time.Time) {
	for i := range batchSizes {
		if n <= batchSizes[i].most {
			m.serialize[i].Observe(time.Since(start).Seconds())
			return
		}
	}
}

func (m *v1Metrics) outcome(events []v1.Event, path string) {
	if len(events) == 0 {
		return
	}
	var live, drop, retry int
	for i := range events {
		switch events[i].Result {
		case v1.Drop:
			drop++
		case v1.Retry:
			retry++
		default:
			live++
		}
	}
	outcome := "partial_failure"
	switch len(events) {
	case live:
		outcome = "all_ok"
	case drop:
		outcome = "all_drop"
	case retry:
		outcome = "all_retry"
	}
	m.outcomes.WithLabelValues(outcome, path).Inc()
}

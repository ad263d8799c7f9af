package capture

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/capture/internal/resolve"
)

// metricSet is what capture counts, under the names of the original.
type metricSet struct {
	connections prometheus.Gauge
	received    prometheus.Counter
	ingested    prometheus.Counter
	dropped     *prometheus.CounterVec
	errors      *prometheus.CounterVec
	quota       *prometheus.CounterVec
	grace       *prometheus.CounterVec
	overflowed  *prometheus.CounterVec
	rerouted    prometheus.Counter
	heatmaps    prometheus.Counter
	blankPadded prometheus.Counter
	skew        prometheus.Histogram
	rawSize     prometheus.Histogram
	fullSize    *prometheus.HistogramVec
	oversize    *prometheus.CounterVec
	ratio       prometheus.Histogram
	batchSize   prometheus.Histogram
	prepare     prometheus.Histogram
	bodyTimeout *prometheus.CounterVec
	drained     *prometheus.CounterVec
	replayCheck prometheus.Histogram

	deadLettered prometheus.Counter
	redirected   prometheus.Counter

	globalSkipped, globalLimited prometheus.Counter

	fits, tooLarge prometheus.Observer // children of fullSize

	v1             *v1Metrics
	otel, otelLogs *otelMetrics
}

// Causes of dropped events that are no error of the request.
const (
	causeTokenDropper  = "token_dropper"
	causeNonHistorical = "non_historical_import"
	causeMessageSize   = "kafka_message_size"
	causeWriteError    = "kafka_write_error"
	causeRestriction   = "event_restriction_drop"
	causeAIRateLimited = "ai_byte_rate_limited"
	causeAITooBig      = "ai_event_too_big"
	causeMisrouted     = "misrouted_event"
)

// Reasons for which an event leaves its main topic.
const (
	reasonRestriction = "event_restriction"
	reasonForced      = "force_limited"
	reasonBurst       = "rate_limited"
)

// Stages of an error.
const (
	stageParsing        = "parsing"
	stageProcessing     = "processing"
	stageAI             = "ai"
	stageOTelRead       = "otel_body_read"
	stageOTelAuth       = "otel_auth"
	stageOTelParsing    = "otel_parsing"
	stageOTelValidation = "otel_validation"
	stageOTelSink       = "otel_sink"
)

func newMetrics(reg prometheus.Registerer) *metricSet {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		reg.MustRegister(c)
		return c
	}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		reg.MustRegister(c)
		return c
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
		reg.MustRegister(h)
		return h
	}
	sizes := prometheus.ExponentialBuckets(256, 4, 10) // 256 B to 64 MiB
	m := &metricSet{
		connections: prometheus.NewGauge(prometheus.GaugeOpts{Name: "capture_active_connections", Help: "open client connections"}),
		received:    counter("capture_events_received_total", "events in requests that could be parsed"),
		ingested:    counter("capture_events_ingested_total", "records acknowledged by the sink"),
		dropped:     counters("capture_events_dropped_total", "events not passed on, by cause", "cause"),
		errors:      counters("capture_error_by_stage_and_type", "requests refused, by error and stage", "error", "stage"),
		quota:       counters("capture_quota_limit_exceeded", "events dropped because the project is over quota", "resource"),
		grace:       counters("capture_events_admitted_during_billing_grace_period_total", "events of projects over quota that are taken while billing gives them time", "resource"),
		overflowed:  counters("capture_events_rerouted_overflow", "events sent to an overflow topic", "reason"),
		heatmaps:    counter("capture_heatmap_redirects_created", "heatmap events split off"),
		blankPadded: counter("capture_distinct_id_has_whitespace_total", "events whose distinct id begins or ends with white space"),
		skew:        histogram("capture_client_clock_skew_seconds", "distance between client and server clock, absolute", []float64{0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600, 21600, 86400}),
		rawSize:     histogram("capture_raw_payload_size", "bytes of a body on the wire", sizes),
		fullSize: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "capture_full_payload_size", Help: "bytes of a payload, unpacked", Buckets: sizes}, []string{"oversize"}),
		oversize:    counters("capture_payload_size_exceeded", "payloads over the limit, by packing", "kind"),
		ratio:       histogram("capture_gzip_decompression_ratio", "bytes unpacked for each byte on the wire", []float64{1, 2, 4, 6, 8, 10, 15, 20, 50, 100, 500, 1000}),
		batchSize:   histogram("capture_event_batch_size", "events in a request", []float64{1, 10, 25, 50, 75, 100, 250, 500, 750, 1000}),
		prepare:     histogram("capture_kafka_batch_prep_duration_seconds", "time to make the records of a request with several events", prometheus.ExponentialBuckets(1e-6, 10, 7)),
		bodyTimeout: counters("capture_body_read_timeout_total", "bodies whose client stopped sending", "path"),
		drained:     counters("capture_rejected_body_drain_total", "bodies read to the end after a refusal", "path", "outcome", "reason"),
		replayCheck: histogram("capture_pipeline_replay_overflow_check_duration_seconds", "time to look a session up in the overflow set", prometheus.ExponentialBuckets(1e-7, 10, 6)),
	}
	reg.MustRegister(m.connections, m.fullSize)
	m.fits, m.tooLarge = m.fullSize.WithLabelValues("false"), m.fullSize.WithLabelValues("true")
	m.rerouted = counters("capture_events_rerouted_historical", "events sent to the historical topic for their age", "reason").WithLabelValues("timestamp")
	m.deadLettered = counters("capture_events_rerouted_dlq", "events that a restriction took out of the pipeline", "reason").WithLabelValues(reasonRestriction)
	m.redirected = counters("capture_events_rerouted_custom_topic", "events that a restriction sent to a topic of its own", "reason").WithLabelValues(reasonRestriction)
	m.globalSkipped = counters("capture_global_rate_limiter_skipped", "events that the fleet's limit did not count", "reason").WithLabelValues("person_processing_already_disabled")
	m.globalLimited = counters("capture_events_rate_limited_token_distinctid", "events whose distinct id is over the fleet's limit", "reason").WithLabelValues("global_rate_limit_token_distinctid")
	making := makers{counters, counter, histogram}
	m.v1, m.otel, m.otelLogs = newV1Metrics(counters, reg), newOTelMetrics(making), newOTelLogsMetrics(making)
	return m
}

func (m *metricSet) resolved(n *resolve.Counts) {
	if n.BlankPadded > 0 {
		m.blankPadded.Add(float64(n.BlankPadded))
	}
	if n.Rerouted > 0 {
		m.rerouted.Add(float64(n.Rerouted))
	}
	if n.Heatmaps > 0 {
		m.heatmaps.Add(float64(n.Heatmaps))
	}
	for _, d := range n.Skews {
		m.skew.Observe(d.Abs().Seconds())
	}
}

// prepared notes the time since start for the records of so many events; of one it would say nothing.
func (m *metricSet) prepared(start time.Time, events int) {
	if events > 1 {
		m.since(m.prepare, start)
	}
}

func (m *metricSet) since(h prometheus.Observer, start time.Time) {
	h.Observe(time.Since(start).Seconds())
}

package kafka

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// producerMetrics are the figures of one producer. They carry the names that capture's dashboards know, behind the prefix.
type producerMetrics struct {
	bytes      *prometheus.CounterVec
	avgBytes   *prometheus.GaugeVec
	avgEvents  *prometheus.GaugeVec
	errors     prometheus.Counter
	ackOK      prometheus.Observer
	ackFailed  prometheus.Observer
	enqueue    prometheus.Histogram
	connected  *prometheus.GaugeVec
	rtt        roundTrips
	awaiting   *prometheus.GaugeVec
	pending    *prometheus.GaugeVec
	txErrors   *prometheus.CounterVec
	rxErrors   *prometheus.CounterVec
	timeouts   *prometheus.CounterVec
	collectors []prometheus.Collector
}

// topicMetrics are the children of one topic.
type topicMetrics struct {
	bytes               prometheus.Counter
	avgBytes, avgEvents prometheus.Gauge
}

// brokerMetrics are the children of one broker.
type brokerMetrics struct {
	label                        string
	connected, awaiting, pending prometheus.Gauge
	rtt                          prometheus.Observer
	txErrors, rxErrors, timeouts prometheus.Counter
}

// ackBuckets reach from an answer out of the page cache of a local broker to MessageTimeout, in ms.
var ackBuckets = []float64{1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 20000, 30000}

// newProducerMetrics makes and registers the metrics; reg nil = nobody looks at them.
func newProducerMetrics(pr *Producer, reg prometheus.Registerer) (*producerMetrics, error) {
	m := &producerMetrics{}
	b := metricBuilder{prefix: pr.cfg.MetricsPrefix, all: &m.collectors}
	b.gaugeFunc("producer_queue_depth", "Records in the producer, waiting or in flight.", func() float64 { return float64(pr.queued.Load()) })
	b.gaugeFunc("producer_queue_depth_limit", "Records the producer holds at most; more are refused.", func() float64 { return float64(pr.cfg.QueueMessages) })
	b.gaugeFunc("producer_queue_bytes", "Bytes of the records in the producer.", func() float64 { return float64(pr.queuedBytes.Load()) })
	b.gaugeFunc("producer_queue_bytes_limit", "Bytes the producer holds at most; more are refused.", func() float64 { return float64(pr.cfg.QueueBytes) })
	m.bytes = b.counter("produce_bytes_total", "Bytes of acknowledged records before compression.", "topic")
	m.avgBytes = b.gauge("produce_avg_batch_size_bytes", "Mean size of the batches acknowledged lately, as sent.", "topic")
	m.avgEvents = b.gauge("produce_avg_batch_size_events", "Mean number of records in the batches acknowledged lately.", "topic")
	m.errors = b.counter("produce_errors_total", "Records that were enqueued and not delivered.").WithLabelValues()
	ack := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: b.prefix + "produce_ack_duration_ms", Buckets: ackBuckets,
		Help: "From Produce to its last acknowledgement or first failure, in milliseconds."}, []string{"outcome"})
	b.add(ack)
	m.ackOK, m.ackFailed = ack.WithLabelValues("success"), ack.WithLabelValues("error")
	m.enqueue = prometheus.NewHistogram(prometheus.HistogramOpts{Name: b.prefix + "batch_enqueue_duration_seconds", Buckets: prometheus.ExponentialBuckets(1e-6, 10, 7),
		Help: "Time to enqueue the records of a call that has several."})
	b.add(m.enqueue)
	b.gaugeFunc("callback_queue_depth", "Results that wait to be reported: always 0, there is no queue of them.", func() float64 { return 0 })
	b.gaugeFunc("any_brokers_down", "1 while some broker that we sent to, or all of them, cannot be reached.", pr.health.anyDown)
	m.connected = b.gauge("broker_connected", "1 while there is a connection to the broker.", "broker")
	m.rtt = newRoundTrips(b.prefix+"produce_rtt_latency_us", "Round trip of produce requests in the last minute, in microseconds.")
	b.add(m.rtt)
	m.awaiting = b.gauge("broker_responses_awaiting", "Produce requests without an answer yet.", "broker")
	m.pending = b.gauge("broker_requests_pending", "1 while a produce request that is due waits for a connection.", "broker")
	m.txErrors = b.counter("broker_tx_errors_total", "Connections to the broker that could not be made.", "broker")
	m.rxErrors = b.counter("broker_rx_errors_total", "Produce requests that ended without an answer.", "broker")
	m.timeouts = b.counter("broker_request_timeouts", "Produce requests that ran out of time.", "broker")
	return m, register(reg, m.collectors, b.prefix)
}

// metricBuilder keeps the making of metrics short and remembers them all for registration.
type metricBuilder struct {
	prefix string
	all    *[]prometheus.Collector
}

func (b metricBuilder) add(c prometheus.Collector) { *b.all = append(*b.all, c) }

func (b metricBuilder) counter(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: b.prefix + name, Help: help}, labels)
	b.add(c)
	return c
}

func (b metricBuilder) gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: b.prefix + name, Help: help}, labels)
	b.add(g)
	return g
}

func (b metricBuilder) gaugeFunc(name, help string, f func() float64) {
	b.add(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: b.prefix + name, Help: help}, f))
}

func register(reg prometheus.Registerer, collectors []prometheus.Collector, prefix string) error {
	if reg == nil {
		return nil
	}
	var errs []error
	for _, c := range collectors {
		if err := reg.Register(c); err != nil {
			errs = append(errs, fmt.Errorf("register metrics %s…, is the prefix used twice: %w", prefix, err))
		}
	}
	return errors.Join(errs...)
}

func (m *producerMetrics) topic(name string) topicMetrics {
	return topicMetrics{bytes: m.bytes.WithLabelValues(name), avgBytes: m.avgBytes.WithLabelValues(name), avgEvents: m.avgEvents.WithLabelValues(name)}
}

func (m *producerMetrics) broker(id int32) brokerMetrics {
	l := strconv.Itoa(int(id))
	return brokerMetrics{
		label: l, connected: m.connected.WithLabelValues(l), awaiting: m.awaiting.WithLabelValues(l), pending: m.pending.WithLabelValues(l), rtt: m.rtt.WithLabelValues(l),
		txErrors: m.txErrors.WithLabelValues(l), rxErrors: m.rxErrors.WithLabelValues(l), timeouts: m.timeouts.WithLabelValues(l),
	}
}

// forget removes the gauges of a broker that left the cluster; its counters stay, as counters do.
func (m *producerMetrics) forget(b brokerMetrics) {
	m.connected.DeleteLabelValues(b.label)
	m.awaiting.DeleteLabelValues(b.label)
	m.pending.DeleteLabelValues(b.label)
}

// observeBatches turns what was acknowledged since the last call into the average gauges.
func (t *topic) observeBatches() {
	n := t.batches.Swap(0)
	bytes, events := t.batchBytes.Swap(0), t.batchEvents.Swap(0)
	if n > 0 {
		t.metrics.avgBytes.Set(float64(bytes) / float64(n))
		t.metrics.avgEvents.Set(float64(events) / float64(n))
	}
}

package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Producer sends records. Make it with NewProducer, then give Run a goroutine of its own; doc.go has the design. All methods
// are safe for concurrent use.
type Producer struct {
	cfg     ProducerConfig
	log     *slog.Logger
	cluster *cluster
	metrics *producerMetrics

	hash       Partitioner
	keyless    keyless
	batchBytes int           // at which a batch is closed, head included
	openFor    time.Duration // how long a batch takes records while it cannot be sent
	batches    sync.Pool     // of *batch

	queued      atomic.Int64  // records between Produce and their result
	queuedBytes atomic.Int64  // of these, by recordSize
	draining    atomic.Bool   // takes nothing new
	empty       chan struct{} // capacity 1: the queue became empty while draining

	need    chan struct{} // capacity 1: somebody misses metadata
	topicMu sync.Mutex    // of those who add a topic
	topics  atomic.Pointer[map[string]*topic]

	idMu sync.Mutex
	id   producerID

	health health
}

// NewProducer checks cfg and allocates; it neither dials nor starts anything. reg may be nil.
func NewProducer(cfg ProducerConfig, log *slog.Logger, reg prometheus.Registerer) (*Producer, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("kafka producer: %w", err)
	}
	log = log.With("component", "kafka-producer")
	c, err := newCluster(cfg.Client)
	if err != nil {
		return nil, fmt.Errorf("kafka producer: %w", err)
	}
	pr := &Producer{
		cfg: cfg, log: log, cluster: c,
		batchBytes: min(cfg.BatchSize, cfg.MessageMaxBytes) + recordsAt,
		// Batches expire as a whole, by their oldest record; this bounds how much too early that is for the youngest.
		openFor: max(cfg.Linger, min(time.Second, cfg.MessageTimeout/20)),
		empty:   make(chan struct{}, 1), need: make(chan struct{}, 1),
	}
	pr.hash, pr.keyless = partitionerNamed(cfg.Partitioner)
	pr.topics.Store(&map[string]*topic{})
	if pr.metrics, err = newProducerMetrics(pr, reg); err != nil {
		return nil, fmt.Errorf("kafka producer: %w", err)
	}
	return pr, nil
}

// Produce enqueues recs in their order, all or none, and waits until every one is acknowledged. It returns at the first
// failure, or when ctx ends; what is enqueued by then goes on its way and may still be stored. Everything in recs was copied
// when it returns. Errors are those of errors.go or a *BrokerError.
func (pr *Producer) Produce(ctx context.Context, recs []Record) error {
	if len(recs) == 0 {
		return nil
	}
	var total int64
	for i := range recs {
		size := recordSize(&recs[i])
		if size > pr.cfg.MessageMaxBytes {
			return tooLargeError(size, pr.cfg.MessageMaxBytes)
		}
		total += int64(size)
	}
	if err := pr.reserve(int64(len(recs)), total); err != nil {
		return err
	}
	start := time.Now()
	c := newCall(0)
	c.expect(int32(len(recs)))
	for i := range recs {
		pr.topic(recs[i].Topic).add(pr, start, &recs[i], recordSize(&recs[i]), waiter{call: c, index: int32(i)})
	}
	c.sealed()
	pr.observeEnqueue(start, len(recs))
	err := c.wait(ctx)
	c.release(1)
	pr.observeAck(start, err != nil)
	return err
}

// ProduceEach enqueues recs in their order, each for itself, and waits until every one has its result or ctx ended. The results
// stand in the order of recs, nil for a delivered record; a nil slice means that all were delivered.
func (pr *Producer) ProduceEach(ctx context.Context, recs []Record) []error {
	if len(recs) == 0 {
		return nil
	}
	start := time.Now()
	c := newCall(len(recs))
	for i := range recs {
		size := recordSize(&recs[i])
		if err := pr.admit(size); err != nil {
			c.note(int32(i), err)
			continue
		}
		c.expect(1)
		pr.topic(recs[i].Topic).add(pr, start, &recs[i], size, waiter{call: c, index: int32(i)})
	}
	c.sealed()
	pr.observeEnqueue(start, len(recs))
	errs := c.waitEach(ctx)
	c.release(1)
	pr.observeAck(start, errs != nil)
	return errs
}

func (pr *Producer) admit(size int) error {
	if size > pr.cfg.MessageMaxBytes {
		return tooLargeError(size, pr.cfg.MessageMaxBytes)
	}
	return pr.reserve(1, int64(size))
}

func tooLargeError(size, limit int) error {
	return fmt.Errorf("%w: %d bytes, limit %d", ErrTooLarge, size, limit)
}

func (pr *Producer) observeEnqueue(start time.Time, records int) {
	if records > 1 {
		pr.metrics.enqueue.Observe(time.Since(start).Seconds())
	}
}

func (pr *Producer) observeAck(start time.Time, failed bool) {
	ms := float64(time.Since(start).Microseconds()) / 1000
	if failed {
		pr.metrics.ackFailed.Observe(ms)
	} else {
		pr.metrics.ackOK.Observe(ms)
	}
}

// reserve takes room in the queue, or none. A record is counted before draining is looked at, so that either the drain sees the
// record or the caller sees the drain.
func (pr *Producer) reserve(records, bytes int64) error {
	n, b := pr.queued.Add(records), pr.queuedBytes.Add(bytes)
	var err error
	switch {
	case pr.draining.Load():
		err = ErrClosed
	case n > int64(pr.cfg.QueueMessages) || b > pr.cfg.QueueBytes:
		err = ErrQueueFull
	default:
		return nil
	}
	pr.unreserve(records, bytes)
	return err
}

func (pr *Producer) unreserve(records, bytes int64) {
	pr.queuedBytes.Add(-bytes)
	if pr.queued.Add(-records) == 0 && pr.draining.Load() {
		select {
		case pr.empty <- struct{}{}:
		default:
		}
	}
}

// settle reports the result of a batch, makes room in the queue and gives the batch back. The room is made first, so that a
// caller who was told finds it.
func (pr *Producer) settle(b *batch, err error) {
	if err != nil {
		pr.metrics.errors.Add(float64(b.count))
	}
	pr.unreserve(int64(b.count), b.size)
	b.deliver(err)
	if cap(b.raw) <= 2*pr.batchBytes {
		pr.batches.Put(b)
	}
}

// newBatch gives an empty batch, opened at now.
func (pr *Producer) newBatch(now time.Time) *batch {
	b, _ := pr.batches.Get().(*batch)
	if b == nil {
		b = new(batch)
	}
	b.reset(now)
	return b
}

// topic gives the topic of that name, and asks for its metadata when it is new.
func (pr *Producer) topic(name string) *topic {
	if t := (*pr.topics.Load())[name]; t != nil {
		return t
	}
	pr.topicMu.Lock()
	defer pr.topicMu.Unlock()
	old := *pr.topics.Load()
	if t := old[name]; t != nil {
		return t
	}
	t := &topic{name: strings.Clone(name)}
	t.metrics = pr.metrics.topic(t.name)
	topics := maps.Clone(old)
	topics[t.name] = t
	pr.topics.Store(&topics)
	pr.needMetadata()
	return t
}

// needMetadata makes Run look for changes of the cluster soon.
func (pr *Producer) needMetadata() {
	select {
	case pr.need <- struct{}{}:
	default:
	}
}

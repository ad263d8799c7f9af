package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	kafkago "github.com/segmentio/kafka-go"
)

// ConsumerConfig is read once, by NewConsumer. Client, Group and Topics are the only fields without a useful zero value.
type ConsumerConfig struct {
	Client ClientConfig
	Group  string
	Topics []string

	OffsetReset    string        // earliest (default) or latest: where a partition without a committed offset begins
	CommitInterval time.Duration // default 5s; what was handled and not committed is read again after a crash

	FetchMaxWait      time.Duration // how long a broker waits for FetchMinBytes; default 500ms
	FetchMinBytes     int           // default 1
	FetchMaxBytes     int           // of one answer; default 50 MiB, librdkafka's
	PartitionMaxBytes int           // of one partition in one answer; default 1 MiB. Up to three such answers wait per partition

	BatchMaxRecords int           // largest Batch; default 10000
	BatchMaxWait    time.Duration // how long a Batch may wait to become larger; default 0: what is there is handed over at once
	Concurrency     int           // batches handled at a time, each of another partition; default 1

	// ManualMark leaves it to the handler to say what is done, by Batch.Mark; else a handler's nil marks the whole batch.
	ManualMark bool
	// DecompressLZ4 unpacks values that begin with the magic of an LZ4 frame, see Envelope. One that does not unpack stays as it is.
	DecompressLZ4 bool

	// HandlerGrace is how long a handler may go on after its partition was taken away or the consumer was told to stop; then its
	// context ends. Default 5s; it must stay below SessionTimeout.
	HandlerGrace time.Duration
	// SessionTimeout without a heartbeat is when the group gives up a member; default 10s. Heartbeats go on beside slow handlers, so it
	// need not be long; and after a coordinator crashed, its members come back as new ones and wait this long for their former selves.
	SessionTimeout   time.Duration
	RebalanceTimeout time.Duration // default 30s
	MetadataRefresh  time.Duration // how often new partitions are looked for; default 20s

	// OnAssigned and OnRevoked, if set, are called around each generation, by one goroutine, before the first batch is handled and
	// after the last. Partitions are in ascending order. A generation starts without memory of the one before.
	OnAssigned func(ctx context.Context, partitions []TopicPartition)
	OnRevoked  func(ctx context.Context, partitions []TopicPartition)
	// OnDrain, if set, is called after the last batch of a generation was handled and before its last commit: the time to finish, and to
	// Mark, what handlers left to others. Its context ends when HandlerGrace is over.
	OnDrain func(ctx context.Context)

	MetricsPrefix string // default "kafka_consumer_"
}

// TopicPartition names one partition, and where its reading begins or ended.
type TopicPartition struct {
	Topic     string
	Partition int32
	Offset    int64 // of the next record; below 0 while it is a Position that no broker was asked about
}

func (c ConsumerConfig) withDefaults() (ConsumerConfig, error) {
	client, err := c.Client.withDefaults()
	c.Client = client
	c.OffsetReset = strings.ToLower(cmp.Or(c.OffsetReset, "earliest"))
	c.CommitInterval = cmp.Or(c.CommitInterval, 5*time.Second)
	c.FetchMaxWait = cmp.Or(c.FetchMaxWait, 500*time.Millisecond)
	c.FetchMinBytes = cmp.Or(c.FetchMinBytes, 1)
	c.FetchMaxBytes = cmp.Or(c.FetchMaxBytes, 50<<20)
	c.PartitionMaxBytes = cmp.Or(c.PartitionMaxBytes, 1<<20)
	c.BatchMaxRecords = cmp.Or(c.BatchMaxRecords, 10_000)
	c.Concurrency = cmp.Or(c.Concurrency, 1)
	c.HandlerGrace = cmp.Or(c.HandlerGrace, 5*time.Second)
	c.SessionTimeout = cmp.Or(c.SessionTimeout, 10*time.Second)
	c.RebalanceTimeout = cmp.Or(c.RebalanceTimeout, 30*time.Second)
	c.MetadataRefresh = cmp.Or(c.MetadataRefresh, 20*time.Second)
	c.MetricsPrefix = cmp.Or(c.MetricsPrefix, "kafka_consumer_")

	errs := []error{
		err, oneOf("offset reset", c.OffsetReset, "earliest", "latest"),
		notNegative("commit interval", c.CommitInterval), notNegative("fetch max wait", c.FetchMaxWait), notNegative("fetch min bytes", c.FetchMinBytes),
		notNegative("fetch max bytes", c.FetchMaxBytes), notNegative("partition max bytes", c.PartitionMaxBytes), notNegative("batch max records", c.BatchMaxRecords),
		notNegative("batch max wait", c.BatchMaxWait), notNegative("concurrency", c.Concurrency), notNegative("rebalance timeout", c.RebalanceTimeout),
		notNegative("metadata refresh interval", c.MetadataRefresh), notNegative("handler grace", c.HandlerGrace),
	}
	if c.Group == "" {
		errs = append(errs, errors.New("no consumer group given (KAFKA_CONSUMER_GROUP)"))
	}
	if len(c.Topics) == 0 || slices.Contains(c.Topics, "") {
		errs = append(errs, fmt.Errorf("no topic given, or an empty one: %q (KAFKA_CONSUMER_TOPIC)", c.Topics))
	}
	if c.HandlerGrace >= c.SessionTimeout {
		errs = append(errs, fmt.Errorf("handler grace %s is not below session timeout %s", c.HandlerGrace, c.SessionTimeout))
	}
	return c, errors.Join(errs...)
}

// reset is OffsetReset as a position.
func (c *ConsumerConfig) reset() Position {
	if c.OffsetReset == "latest" {
		return Latest
	}
	return Earliest
}

// Consumer reads topics as a member of a consumer group: make it with NewConsumer, then give Run a goroutine of its own.
type Consumer struct {
	cfg     ConsumerConfig
	log     *slog.Logger
	cluster *cluster
	metrics *consumerMetrics

	mu     sync.Mutex
	phase  string            // why nothing is read now; empty = a generation is running
	faults map[string]string // what fails at present: the doing and its error
}

// NewConsumer checks cfg and allocates; it neither dials nor starts anything. reg may be nil.
func NewConsumer(cfg ConsumerConfig, log *slog.Logger, reg prometheus.Registerer) (*Consumer, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("kafka consumer: %w", err)
	}
	log = log.With("component", "kafka-consumer", "group", cfg.Group)
	c := &Consumer{cfg: cfg, log: log, phase: "not started", faults: map[string]string{}}
	if c.cluster, err = newCluster(cfg.Client); err != nil {
		return nil, fmt.Errorf("kafka consumer: %w", err)
	}
	if c.metrics, err = newConsumerMetrics(cfg.MetricsPrefix, reg); err != nil {
		return nil, fmt.Errorf("kafka consumer: %w", err)
	}
	return c, nil
}

// Ready tells whether the consumer is a member of its group and what, in words, is in the way.
func (c *Consumer) Ready() (bool, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	said := []string{cmp.Or(c.phase, "member")}
	for _, what := range slices.Sorted(maps.Keys(c.faults)) {
		said = append(said, what+": "+c.faults[what])
	}
	return c.phase == "", "kafka group " + c.cfg.Group + ": " + strings.Join(said, "; ")
}

func (c *Consumer) setPhase(phase string) {
	c.mu.Lock()
	c.phase = phase
	c.mu.Unlock()
}

// setFault notes that something fails, or with nil that it works, and logs the change.
func (c *Consumer) setFault(ctx context.Context, what string, err error) {
	c.mu.Lock()
	_, before := c.faults[what]
	if err != nil {
		c.faults[what] = err.Error()
	} else {
		delete(c.faults, what)
	}
	c.mu.Unlock()
	if err != nil && !before {
		c.log.WarnContext(ctx, "kafka consumer is in trouble, retrying", "doing", what, "err", err)
	} else if err == nil && before {
		c.log.InfoContext(ctx, "kafka consumer works again", "doing", what)
	}
}

// What may fail, as Ready and the log name it.
const (
	doTopics = "look for the topics"
	doJoin   = "join the group"
	doFetch  = "fetch"
	doCommit = "commit"
)

// Run reads until ctx ends, and then returns nil: handlers finish within HandlerGrace, offsets are committed, the group is left.
// It waits for topics that do not exist and brokers that do not answer. It ends with an error only if handle gives one; the batch
// of that call is not committed, so it is read again by whoever takes the partition next.
//
// handle gets the batches of one partition one after the other in their order, those of different partitions side by side as far
// as Concurrency allows. Its context ends when HandlerGrace after a revocation or a stop is over.
func (c *Consumer) Run(ctx context.Context, handle func(ctx context.Context, b Batch) error) error {
	defer c.cluster.close()
	defer c.setPhase("stopped")
	if !c.awaitTopics(ctx) {
		return nil
	}
	group, err := kafkago.NewConsumerGroup(c.groupConfig())
	if err != nil {
		return fmt.Errorf("kafka consumer: %w", err)
	}
	defer group.Close()
	defer context.AfterFunc(ctx, func() { _ = group.Close() })()
	for c.awaitTopics(ctx) { // while a topic is gone, kafka-go would end each generation as soon as it began
		c.setPhase("waiting for an assignment of partitions")
		gen, err := group.Next(context.WithoutCancel(ctx))
		switch {
		case errors.Is(err, kafkago.ErrGroupClosed) || ctx.Err() != nil:
			return nil
		case errors.Is(err, kafkago.RebalanceInProgress): // the usual way to the next generation
		case err != nil:
			c.setFault(ctx, doJoin, err)
		default:
			if err := c.generation(ctx, gen, handle); err != nil {
				return err
			}
		}
	}
	return nil
}

// awaitTopics blocks until all topics exist; false = ctx ended.
func (c *Consumer) awaitTopics(ctx context.Context) bool {
	logged := ""
	for failures := 1; ; failures++ {
		missing, err := c.cluster.missing(ctx, c.cfg.Topics)
		switch {
		case err == nil && len(missing) == 0:
			c.setFault(ctx, doTopics, nil)
			return true
		case ctx.Err() != nil:
			return false
		case err != nil:
			c.setPhase("no broker answers")
			c.setFault(ctx, doTopics, err)
		default:
			c.setFault(ctx, doTopics, nil)
			names := strings.Join(missing, ", ")
			c.setPhase("waiting for topics that do not exist: " + names)
			if names != logged {
				logged = names
				c.log.WarnContext(ctx, "waiting for topics that do not exist", "topics", names)
			}
		}
		if !pause(ctx, backoff(100*time.Millisecond, 2*time.Second, failures)) {
			return false
		}
	}
}

// missing lists the topics that have no partitions.
func (c *cluster) missing(ctx context.Context, topics []string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.DialTimeout)
	defer cancel()
	l, err := c.layout(ctx, topics, false)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, name := range topics {
		if l.topics[name].partitions == 0 {
			out = append(out, name)
		}
	}
	return out, nil
}

// groupConfig sets every field that kafka-go would otherwise fill with a slower or a global default. Dialing is ours, so that TLS
// and the address family hold for the coordinator, too.
func (c *Consumer) groupConfig() kafkago.ConsumerGroupConfig {
	return kafkago.ConsumerGroupConfig{
		ID: c.cfg.Group, Brokers: c.cfg.Client.Brokers, Topics: c.cfg.Topics,
		Dialer: &kafkago.Dialer{
			ClientID: c.cfg.Client.ClientID, Timeout: c.cfg.Client.DialTimeout, SASLMechanism: c.cluster.sasl,
			DialFunc: func(ctx context.Context, _, addr string) (net.Conn, error) {
				return c.cluster.dialTCP(ctx, addr)
			},
		},
		GroupBalancers:         []kafkago.GroupBalancer{kafkago.RangeGroupBalancer{}, kafkago.RoundRobinGroupBalancer{}},
		HeartbeatInterval:      min(3*time.Second, c.cfg.SessionTimeout/3),
		SessionTimeout:         c.cfg.SessionTimeout,
		RebalanceTimeout:       c.cfg.RebalanceTimeout,
		WatchPartitionChanges:  true,
		PartitionWatchInterval: c.cfg.MetadataRefresh,
		JoinGroupBackoff:       time.Second,
		StartOffset:            int64(c.cfg.reset()),
		Timeout:                c.cfg.Client.DialTimeout,
	}
}

// assigned lists what a generation gives us, in order.
func assigned(gen *kafkago.Generation) []TopicPartition {
	var out []TopicPartition
	for _, topic := range slices.Sorted(maps.Keys(gen.Assignments)) {
		for _, p := range gen.Assignments[topic] {
			out = append(out, TopicPartition{Topic: topic, Partition: int32(p.ID), Offset: p.Offset})
		}
	}
	slices.SortFunc(out, func(a, b TopicPartition) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	return out
}

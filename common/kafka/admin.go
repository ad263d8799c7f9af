package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	createtopicsapi "github.com/segmentio/kafka-go/protocol/createtopics"
)

// Admin looks at a cluster and makes topics. It is safe for concurrent use.
type Admin struct {
	cluster *cluster
	log     *slog.Logger
}

// NewAdmin checks cfg; it dials nothing.
func NewAdmin(cfg ClientConfig, log *slog.Logger) (*Admin, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("kafka admin: %w", err)
	}
	c, err := newCluster(cfg)
	if err != nil {
		return nil, fmt.Errorf("kafka admin: %w", err)
	}
	return &Admin{cluster: c, log: log.With("component", "kafka-admin")}, nil
}

// Close ends the connection, if there is one.
func (a *Admin) Close() { a.cluster.close() }

// ClusterInfo is what Ping learned.
type ClusterInfo struct {
	Brokers []string // host:port as the cluster advertises them, sorted
	Topics  int      // without Kafka's own
}

// Ping asks any broker about the cluster. Its error names each address and what went wrong there.
func (a *Admin) Ping(ctx context.Context) (ClusterInfo, error) {
	l, err := a.cluster.layout(ctx, nil, false)
	if err != nil {
		return ClusterInfo{}, fmt.Errorf("no kafka broker of %s answers, check KAFKA_HOSTS and its security settings: %w",
			strings.Join(a.cluster.cfg.Brokers, ","), err)
	}
	info := ClusterInfo{Brokers: slices.Sorted(maps.Values(l.brokers))}
	for _, t := range l.topics {
		if !t.internal {
			info.Topics++
		}
	}
	return info, nil
}

// TopicSpec is a topic that must exist.
type TopicSpec struct {
	Name        string
	Partitions  int               // default: the broker's num.partitions
	Replication int               // default: the broker's default.replication.factor
	Config      map[string]string // Kafka's topic settings, for example "retention.ms"
}

// EnsureTopics makes the topics that are missing. An existing topic is left as it is, whatever the spec says.
func (a *Admin) EnsureTopics(ctx context.Context, specs ...TopicSpec) error {
	names := make([]string, len(specs))
	for i, s := range specs {
		names[i] = s.Name
	}
	missing, err := a.cluster.missing(ctx, names)
	if err != nil || len(missing) == 0 {
		return err
	}
	req := &createtopicsapi.Request{TimeoutMs: int32(a.cluster.cfg.DialTimeout.Milliseconds())}
	for _, s := range specs {
		if !slices.Contains(missing, s.Name) {
			continue
		}
		t := createtopicsapi.RequestTopic{Name: s.Name, NumPartitions: int32(cmp.Or(s.Partitions, -1)), ReplicationFactor: int16(cmp.Or(s.Replication, -1))}
		for _, k := range slices.Sorted(maps.Keys(s.Config)) {
			t.Configs = append(t.Configs, createtopicsapi.RequestConfig{Name: k, Value: s.Config[k]})
		}
		req.Topics = append(req.Topics, t)
	}
	return a.create(ctx, req)
}

// create sends req to the controller, which is the only broker that must take it, and waits until the topics are seen.
func (a *Admin) create(ctx context.Context, req *createtopicsapi.Request) error {
	l, err := a.cluster.layout(ctx, []string{}, false)
	if err != nil {
		return fmt.Errorf("create topics: %w", err)
	}
	addr, known := l.brokers[l.controller]
	if !known {
		return errors.New("create topics: the cluster has no controller at present")
	}
	c, err := a.cluster.dial(ctx, addr)
	if err != nil {
		return fmt.Errorf("create topics: %w", err)
	}
	defer c.close()
	msg, err := c.roundTrip(ctx, req)
	if err != nil {
		return fmt.Errorf("create topics: %w", err)
	}
	var errs []error
	var made []string
	for _, t := range msg.(*createtopicsapi.Response).Topics {
		switch t.ErrorCode {
		case 0:
			made = append(made, t.Name)
		case codeTopicExists:
		default:
			errs = append(errs, fmt.Errorf("%w %s", brokerError(t.ErrorCode, "create topic %s", t.Name), t.ErrorMessage))
		}
	}
	if len(made) > 0 {
		a.log.InfoContext(ctx, "kafka topics created", "topics", made)
		errs = append(errs, a.WaitForTopics(ctx, made...))
	}
	return errors.Join(errs...)
}

// WaitForTopics returns when all the topics exist; its error tells that ctx ended, and which were missing. It logs what it waits
// for once.
func (a *Admin) WaitForTopics(ctx context.Context, topics ...string) error {
	state, logged := "no broker has answered", ""
	for failures := 1; ; failures++ {
		missing, err := a.cluster.missing(ctx, topics)
		switch {
		case err == nil && len(missing) == 0:
			return nil
		case err == nil:
			state = "topics do not exist: " + strings.Join(missing, ", ")
		case !over(ctx):
			state = "no broker answers: " + err.Error()
		}
		if failures > 3 && state != logged { // a topic that was just made takes a moment
			logged = state
			a.log.WarnContext(ctx, "waiting for kafka topics", "state", state)
		}
		if !pause(ctx, backoff(50*time.Millisecond, 2*time.Second, failures)) {
			return fmt.Errorf("wait for kafka topics, %s: %w", state, context.Cause(ctx))
		}
	}
}

// TopicInfo is a topic as it is now.
type TopicInfo struct {
	Name        string
	Internal    bool // made by Kafka for itself
	Replication int
	Partitions  []PartitionInfo // in order
}

// Records is how many offsets the partitions span; fewer records than that where the topic is compacted or transactional.
func (t *TopicInfo) Records() (n int64) {
	for _, p := range t.Partitions {
		n += p.High - p.Low
	}
	return n
}

// PartitionInfo is one partition. Low and High are -1 while there is no leader that answers.
type PartitionInfo struct {
	Leader int32 // broker id, -1 = none
	Low    int64 // the oldest offset
	High   int64 // the offset that the next record will get
}

// Topics lists the named topics, or all of them, by name. A topic that does not exist is left out. An error may come beside a list
// that lacks only the offsets of the brokers that it names.
func (a *Admin) Topics(ctx context.Context, names ...string) ([]TopicInfo, error) {
	l, err := a.cluster.layout(ctx, names, false)
	if err != nil {
		return nil, err
	}
	var out []TopicInfo
	byLeader := map[int32][]*cursor{}
	where := map[*cursor]*PartitionInfo{}
	for _, name := range slices.Sorted(maps.Keys(l.topics)) {
		t := l.topics[name]
		if t.partitions == 0 {
			continue
		}
		info := TopicInfo{Name: name, Internal: t.internal, Replication: t.replicas, Partitions: make([]PartitionInfo, len(t.leaders))}
		for i, leader := range t.leaders {
			info.Partitions[i] = PartitionInfo{Leader: leader, Low: -1, High: -1}
			if leader >= 0 {
				c := &cursor{topic: name, partition: int32(i)}
				byLeader[leader] = append(byLeader[leader], c)
				where[c] = &info.Partitions[i]
			}
		}
		out = append(out, info)
	}
	var errs []error
	for leader, cursors := range byLeader {
		errs = append(errs, a.offsets(ctx, l.brokers[leader], cursors, where))
	}
	return out, errors.Join(errs...)
}

// offsets fills in Low and High of the partitions that one broker leads.
func (a *Admin) offsets(ctx context.Context, addr string, cursors []*cursor, where map[*cursor]*PartitionInfo) error {
	c, err := a.cluster.dial(ctx, addr)
	if err != nil {
		return err
	}
	defer c.close()
	for _, p := range []Position{Earliest, Latest} {
		offsets, err := c.listOffsets(ctx, cursors, func(*cursor) int64 { return p.timestamp() })
		if err != nil {
			return err
		}
		for i, cur := range cursors {
			if p == Earliest {
				where[cur].Low = offsets[i]
			} else {
				where[cur].High = offsets[i]
			}
		}
	}
	return nil
}

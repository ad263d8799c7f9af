package embedded

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Defaults of KafkaOptions.
const (
	// DefaultRetentionBytes bounds a partition. A start reads every stored byte (0.6 s for three full partitions), and a
	// laptop's disk should not notice us; at about 500 bytes a stored event this holds some 500,000 events that a stopped
	// consumer has not read yet.
	DefaultRetentionBytes = 256 << 20
	// DefaultRetentionTime is that of Apache Kafka (log.retention.hours=168).
	DefaultRetentionTime = 7 * 24 * time.Hour
	// DefaultMaxMessageBytes is that of Apache Kafka (message.max.bytes): the largest batch, as it is on the wire.
	DefaultMaxMessageBytes = 1048588
)

// segmentsPerPartition is into how many files a full partition is cut. Retention removes whole files, so a partition
// holds up to 1/32 more than RetentionBytes; a start holds one file of each partition in memory.
const segmentsPerPartition = 32

// offsetRetention is how long a group without members keeps its offsets. Kafka's week would make an installation that
// was off for a fortnight start over.
const offsetRetention = 365 * 24 * time.Hour

// topicName is what Apache Kafka accepts.
var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

// TopicSpec is a topic that must exist.
type TopicSpec struct {
	Name       string
	Partitions int32             // 0 = KafkaOptions.DefaultPartitions
	Configs    map[string]string // Kafka topic settings, for example "max.message.bytes"
}

// KafkaOptions says where the broker keeps its data and how much of it. Only Dir is required.
type KafkaOptions struct {
	Dir               string        // data directory, created if missing
	Addr              string        // a loopback address, which clients are told to connect to; default "127.0.0.1:0" (a free port)
	Topics            []TopicSpec   // created at start where missing; an existing topic is left as it is
	DefaultPartitions int32         // of a topic created by its first use; default 1, as the main app's broker has it
	RetentionBytes    int64         // per partition; default DefaultRetentionBytes
	RetentionTime     time.Duration // since a segment was last written; default DefaultRetentionTime
	MaxMessageBytes   int           // default DefaultMaxMessageBytes
	Log               *slog.Logger  // default: discarded
}

func (o KafkaOptions) withDefaults() (KafkaOptions, error) {
	o.Addr = cmp.Or(o.Addr, "127.0.0.1:0")
	o.DefaultPartitions = cmp.Or(o.DefaultPartitions, 1)
	o.RetentionBytes = cmp.Or(o.RetentionBytes, DefaultRetentionBytes)
	o.RetentionTime = cmp.Or(o.RetentionTime, DefaultRetentionTime)
	o.MaxMessageBytes = cmp.Or(o.MaxMessageBytes, DefaultMaxMessageBytes)
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler)).With("component", "embedded_kafka")
	switch {
	case o.Dir == "":
		return o, fmt.Errorf("embedded kafka: no data directory given")
	case o.RetentionBytes < 0 || o.RetentionTime < 0 || o.DefaultPartitions < 0 || o.MaxMessageBytes < 0:
		return o, fmt.Errorf("embedded kafka: negative limit (bytes %d, time %s, partitions %d, message %d)",
			o.RetentionBytes, o.RetentionTime, o.DefaultPartitions, o.MaxMessageBytes)
	}
	return o, CheckAddr(o.Addr, "kafka")
}

// Kafka is a running broker.
type Kafka struct {
	cluster   *kfake.Cluster
	listener  *connTracker
	addr      string
	lock      *dirLock
	retention *retention
	stopOnce  sync.Once
	cancel    context.CancelFunc
	running   sync.WaitGroup
}

// StartKafka returns when the broker answers and every topic of o.Topics exists.
func StartKafka(_ context.Context, o KafkaOptions) (*Kafka, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	lock, err := lockDir(o.Dir)
	if err != nil {
		return nil, err
	}
	k, err := startKafka(o, lock)
	if err != nil {
		lock.unlock()
		return nil, err
	}
	return k, nil
}

func startKafka(o KafkaOptions, lock *dirLock) (*Kafka, error) {
	data := filepath.Join(o.Dir, "data")
	ret := &retention{dir: filepath.Join(data, "partitions"), maxBytes: o.RetentionBytes, maxAge: o.RetentionTime, log: o.Log}
	stored, err := ret.prepare(time.Now())
	if err != nil {
		return nil, explain(err, o.Dir)
	}
	inner, err := net.Listen("tcp", o.Addr)
	if err != nil {
		return nil, explainPort(err, "kafka")
	}
	listener := trackConns(inner)
	cluster, err := kfake.NewCluster(
		kfake.Ports(0), // one broker; where it listens is up to ListenFn
		kfake.ListenFn(func(string, string) (net.Listener, error) { return listener, nil }),
		kfake.DataDir(data),
		kfake.SyncWrites(),
		kfake.ClusterID("hog"),
		kfake.DefaultNumPartitions(int(o.DefaultPartitions)),
		kfake.BrokerConfigs(brokerConfigs(o)),
		kfake.WithLogger(brokerLog{o.Log}),
	)
	if err != nil {
		listener.Close()
		return nil, explain(fmt.Errorf("embedded kafka: %w", err), o.Dir)
	}
	if stored > 0 {
		debug.FreeOSMemory() // loading read every segment through the heap
	}
	ctx, cancel := context.WithCancel(context.Background())
	k := &Kafka{cluster: cluster, listener: listener, addr: listener.Addr().String(), lock: lock, retention: ret, cancel: cancel}
	cluster.ControlKey(int16(kmsg.Metadata), k.createOnUse)
	for _, t := range o.Topics {
		if err := k.EnsureTopic(t); err != nil {
			cancel()
			cluster.Close()
			return nil, explain(err, o.Dir)
		}
	}
	ret.cluster = cluster
	k.running.Go(func() { ret.run(ctx) })
	o.Log.Info("kafka is up", "addr", k.addr, "dir", o.Dir, "stored_bytes", stored)
	return k, nil
}

// brokerConfigs turns kfake's own retention off: it would reset the offsets of a topic whose last record expired, and
// drop what stands before a record with an old timestamp of its own. See retention.
func brokerConfigs(o KafkaOptions) map[string]string {
	return map[string]string{
		"log.retention.ms":          "-1",
		"log.retention.bytes":       "-1",
		"log.segment.bytes":         strconv.FormatInt(max(o.RetentionBytes/segmentsPerPartition, 1), 10),
		"message.max.bytes":         strconv.Itoa(o.MaxMessageBytes),
		"offsets.retention.minutes": strconv.Itoa(int(offsetRetention.Minutes())),
	}
}

// Addr is the host:port that clients connect to.
func (k *Kafka) Addr() string { return k.addr }

// EnsureTopic creates t unless a topic of its name exists.
func (k *Kafka) EnsureTopic(t TopicSpec) error {
	if !topicName.MatchString(t.Name) {
		return fmt.Errorf("embedded kafka: %q is no topic name (letters, digits, '.', '_' and '-', at most 249)", t.Name)
	}
	if k.cluster.TopicInfo(t.Name) != nil {
		return nil
	}
	if err := k.cluster.CreateTopic(t.Name, t.Partitions, t.Configs); err != nil {
		return fmt.Errorf("embedded kafka: create topic %s: %w", t.Name, err)
	}
	return nil
}

// createOnUse creates the unknown topics of a metadata request that allows it, before the broker answers it. kfake can
// do this itself but writes such topics to disk only when it is closed: kill -9 would lose them with their records.
func (k *Kafka) createOnUse(req kmsg.Request) (kmsg.Response, error, bool) {
	// A control function remembers every connection it ever served; a fresh one per request forgets them.
	k.cluster.DropControl()
	k.cluster.ControlKey(int16(kmsg.Metadata), k.createOnUse)
	if m, ok := req.(*kmsg.MetadataRequest); ok && m.AllowAutoTopicCreation {
		for _, t := range m.Topics {
			if t.Topic != nil {
				_ = k.EnsureTopic(TopicSpec{Name: *t.Topic}) // a bad name is answered as an unknown topic
			}
		}
	}
	return nil, nil, false
}

// Stop writes what a clean start needs, closes the port and waits for every connection to end, at most as long as ctx.
// Only the first call does anything; all wait.
func (k *Kafka) Stop(ctx context.Context) error {
	k.stopOnce.Do(func() {
		k.cancel()
		k.running.Wait()
		k.cluster.Close()
		k.lock.unlock()
	})
	return k.listener.wait(ctx)
}

package testkit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/hog-go/hog/common/embedded"
)

// adminTimeout bounds one request to the broker about topics.
const adminTimeout = 15 * time.Second

// KafkaServer is the broker of the test process.
type KafkaServer struct {
	Brokers []string // host:port each
	Kind    string   // KindEnv, KindDocker or KindEmbedded
	power   power    // nil: cannot be stopped
}

var kafkaServer = shared[*KafkaServer]{variable: "KAFKA_HOSTS", start: startKafka}

// Kafka returns the broker, started if need be.
func Kafka(tb testing.TB) *KafkaServer {
	tb.Helper()
	return kafkaServer.get(tb)
}

func startKafka(ctx context.Context, kind, address string) (s *KafkaServer, label string, stop func(context.Context) error, err error) {
	s = &KafkaServer{Kind: kind}
	switch kind {
	case KindEnv:
		s.Brokers = strings.Split(address, ",")
		s.power = scriptPower(os.Getenv("HOG_SERVERS"), "kafka", s.waitUp)
		stop = func(context.Context) error { return nil }
	case KindDocker:
		s.Brokers, s.power, stop, err = dockerKafka(ctx, s.waitUp)
	case KindEmbedded:
		s.Brokers, s.power, stop, err = embeddedKafka(ctx)
	}
	if err != nil {
		return nil, "", nil, err
	}
	if err := s.waitUp(ctx); err != nil {
		return nil, "", nil, errors.Join(err, stop(ctx))
	}
	return s, fmt.Sprintf("%s(%s)", kind, strings.Join(s.Brokers, ",")), stop, nil
}

func embeddedKafka(ctx context.Context) ([]string, power, func(context.Context) error, error) {
	dir, err := scratchDir("kafka")
	if err != nil {
		return nil, nil, nil, err
	}
	p := &embeddedPower{dir: dir}
	if err := p.start(ctx); err != nil {
		return nil, nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	stop := func(ctx context.Context) error { return errors.Join(p.stop(ctx, false), os.RemoveAll(dir)) }
	return []string{p.addr}, p, stop, nil
}

// embeddedPower stops and starts the embedded broker on one directory and port.
type embeddedPower struct {
	dir, addr string
	broker    *embedded.Kafka
}

func (p *embeddedPower) start(ctx context.Context) (err error) {
	p.broker, err = embedded.StartKafka(ctx, embedded.KafkaOptions{Dir: p.dir, Addr: p.addr})
	if err == nil {
		p.addr = p.broker.Addr()
	}
	return err
}

// stop cannot do otherwise than close the broker tidily: it lives in this process.
func (p *embeddedPower) stop(ctx context.Context, _ bool) error { return p.broker.Stop(ctx) }

// waitUp returns when a broker answers a metadata request, or with the last error when ctx ends.
func (s *KafkaServer) waitUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	client, done := s.client()
	defer done()
	return retry(ctx, func(ctx context.Context) error {
		m, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{}})
		if err == nil && len(m.Brokers) == 0 {
			err = errors.New("no broker in the metadata yet")
		}
		return err
	})
}

// client makes a client for a few requests; done closes its connections, so that no goroutine outlives the call.
func (s *KafkaServer) client() (_ *kafka.Client, done func()) {
	t := &kafka.Transport{DialTimeout: 2 * time.Second, ClientID: "testkit", MetadataTTL: time.Second}
	return &kafka.Client{Addr: kafka.TCP(s.Brokers...), Timeout: adminTimeout, Transport: t}, t.CloseIdleConnections
}

// Topic creates a topic with a name that nobody else has, waits until its partitions can be written, and deletes it at
// the end of the test.
func (s *KafkaServer) Topic(tb testing.TB, partitions int) string {
	tb.Helper()
	topic := uniqueName(tb.Name())
	client, done := s.client()
	defer done()
	ctx, cancel := context.WithTimeout(tb.Context(), 2*adminTimeout)
	defer cancel()
	if err := retry(ctx, func(ctx context.Context) error { return createTopic(ctx, client, topic, partitions) }); err != nil {
		tb.Fatalf("testkit: create topic %s: %v", topic, err)
	}
	tb.Cleanup(func() {
		client, done := s.client()
		defer done()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), 5*time.Second)
		defer cancel()
		// A topic left behind, say by a broker that was stopped for good, disturbs nobody: its name is unique.
		_, _ = client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{topic}})
	})
	return topic
}

// createTopic can be repeated: it succeeds once every partition has a leader.
func createTopic(ctx context.Context, client *kafka.Client, topic string, partitions int) error {
	resp, err := client.CreateTopics(ctx, &kafka.CreateTopicsRequest{
		Topics: []kafka.TopicConfig{{Topic: topic, NumPartitions: partitions, ReplicationFactor: 1}},
	})
	if err != nil {
		return err
	}
	if err := resp.Errors[topic]; err != nil && !errors.Is(err, kafka.TopicAlreadyExists) {
		return err
	}
	n, err := partitionCount(ctx, client, topic)
	if err == nil && n != partitions {
		err = fmt.Errorf("%d of %d partitions have a leader", n, partitions)
	}
	return err
}

// partitionCount counts the partitions that have a leader.
func partitionCount(ctx context.Context, client *kafka.Client, topic string) (n int, err error) {
	m, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
	if err != nil {
		return 0, err
	}
	for _, t := range m.Topics {
		if t.Error != nil {
			return 0, t.Error
		}
		for _, p := range t.Partitions {
			if p.Error == nil && p.Leader.Host != "" {
				n++
			}
		}
	}
	return n, nil
}

// uniqueName makes a name of at most 100 letters, digits, '.', '_' and '-' that tells which test it belongs to.
func uniqueName(test string) string {
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, test)
	return "test-" + clean[:min(len(clean), 80)] + "-" + uniqueSuffix()
}

// uniqueSuffix is ten letters and digits, enough (50 bits) that no two tests on one server share them.
func uniqueSuffix() string { return strings.ToLower(rand.Text()[:10]) }

// retry calls fn until it succeeds or ctx ends; then the last error of fn is returned with the reason of the end.
func retry(ctx context.Context, fn func(context.Context) error) error {
	for {
		err := fn(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (last: %w)", context.Cause(ctx), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// freePort picks a port for a server that must be told one.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

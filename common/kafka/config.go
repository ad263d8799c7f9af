package kafka

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// defaultPort is assumed for a broker given without one (Django's settings say plain "kafka").
const defaultPort = "9092"

// ClientConfig says how to reach a cluster. Its zero value is localhost:9092 in plain text.
type ClientConfig struct {
	Brokers  []string // bootstrap servers, host or host:port
	ClientID string   // sent with every request; default "hog"

	SecurityProtocol string // plaintext (default), ssl, sasl_plaintext, sasl_ssl; any case
	TLSSkipVerify    bool   // do not check the brokers' certificates; an explicit CA file makes the check again
	TLSCAFile        string // PEM file of the authorities to trust; empty = the system's
	TLSCertFile      string // PEM client certificate, with TLSKeyFile
	TLSKeyFile       string

	SASLMechanism string // PLAIN (default), SCRAM-SHA-256, SCRAM-SHA-512
	SASLUsername  string
	SASLPassword  string

	AddressFamily       string        // any (default), v4, v6
	DialTimeout         time.Duration // one connection with TLS and SASL; default 10s
	SocketTimeout       time.Duration // one request and its answer; default 60s
	SocketSendBuffer    int           // bytes, 0 = the kernel's choice
	SocketReceiveBuffer int           // bytes, 0 = the kernel's choice
}

// withDefaults checks c and fills its zero fields.
func (c ClientConfig) withDefaults() (ClientConfig, error) {
	c.Brokers = normalizeBrokers(c.Brokers)
	c.ClientID = cmp.Or(c.ClientID, "hog")
	c.SecurityProtocol = strings.ToLower(cmp.Or(c.SecurityProtocol, "plaintext"))
	c.SASLMechanism = strings.ToUpper(cmp.Or(c.SASLMechanism, "PLAIN"))
	c.AddressFamily = strings.ToLower(cmp.Or(c.AddressFamily, "any"))
	c.DialTimeout = cmp.Or(c.DialTimeout, 10*time.Second)
	c.SocketTimeout = cmp.Or(c.SocketTimeout, time.Minute)
	return c, errors.Join(
		oneOf("security protocol", c.SecurityProtocol, "plaintext", "ssl", "sasl_plaintext", "sasl_ssl"),
		oneOf("SASL mechanism", c.SASLMechanism, "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"),
		oneOf("broker address family", c.AddressFamily, "any", "v4", "v6"),
		notNegative("dial timeout", c.DialTimeout), notNegative("socket timeout", c.SocketTimeout),
		notNegative("socket send buffer", c.SocketSendBuffer), notNegative("socket receive buffer", c.SocketReceiveBuffer),
	)
}

// normalizeBrokers trims the entries, drops empty ones and adds the port where it is missing.
func normalizeBrokers(brokers []string) []string {
	out := make([]string, 0, len(brokers))
	for _, b := range brokers {
		b = strings.TrimSpace(b)
		if b == "" {
			continue
		}
		if _, _, err := net.SplitHostPort(b); err != nil {
			b = net.JoinHostPort(strings.Trim(b, "[]"), defaultPort)
		}
		out = append(out, b)
	}
	if len(out) == 0 {
		return []string{"localhost:" + defaultPort}
	}
	return out
}

// ProducerConfig is read once, by NewProducer. The zero value is the common producer block with no variable set, which is
// librdkafka's defaults apart from the queue. A negative Linger or StickyLinger means none, since zero means the default.
type ProducerConfig struct {
	Client ClientConfig

	// Linger is how long a record may wait for company; default 20ms. More means larger batches and later acknowledgements.
	// None means that a request leaves as soon as its broker has answered the one before.
	Linger           time.Duration
	BatchSize        int           // bytes before compression at which a batch is closed; default 1000000, and never above MessageMaxBytes
	BatchNumMessages int           // records at which a batch is closed; default 10000
	QueueMessages    int           // records held at most; default 10000000
	QueueBytes       int64         // bytes held at most; default 400 MiB
	MessageMaxBytes  int           // largest record, counted as recordSize does; default 1000000
	MessageTimeout   time.Duration // from Produce to the acknowledgement, all retries included; default 20s
	Retries          *int          // sendings after the first, nil = as many as fit into MessageTimeout
	RetryBackoff     time.Duration // before the first retry, doubled for the next; default 100ms
	RetryBackoffMax  time.Duration // default 1s
	Acks             string        // all (default, also "-1"), "1", "0"
	Compression      string        // none (default), gzip, snappy, lz4, zstd
	Partitioner      string        // consistent_random (default), murmur2_random, consistent, murmur2, random
	StickyLinger     time.Duration // how long keyless records stay with one partition; default 10ms

	// Idempotence makes brokers drop what a retry sends twice, and needs acks all. It costs one request at start.
	Idempotence bool
	// MaxInFlight is how many requests one broker may have before it answered the first; default 1, at most 5 are used.
	// A partition has one batch in flight whatever it says, so records of a partition never change their order.
	MaxInFlight     int
	MetadataRefresh time.Duration // of topics, partitions, leaders; default 20s. Also the heartbeat behind Ready
	MetricsPrefix   string        // of every metric; default "kafka_"
}

// maxInFlightUsed bounds connections per broker: beyond a few, requests only become smaller.
const maxInFlightUsed = 5

func (c ProducerConfig) withDefaults() (ProducerConfig, error) {
	client, err := c.Client.withDefaults()
	c.Client = client
	c.Linger = cmp.Or(c.Linger, 20*time.Millisecond)
	c.StickyLinger = cmp.Or(c.StickyLinger, 10*time.Millisecond)
	c.BatchSize = cmp.Or(c.BatchSize, 1_000_000)
	c.BatchNumMessages = cmp.Or(c.BatchNumMessages, 10_000)
	c.QueueMessages = cmp.Or(c.QueueMessages, 10_000_000)
	c.QueueBytes = cmp.Or(c.QueueBytes, 400<<20)
	c.MessageMaxBytes = cmp.Or(c.MessageMaxBytes, 1_000_000)
	c.MessageTimeout = cmp.Or(c.MessageTimeout, 20*time.Second)
	c.RetryBackoff = cmp.Or(c.RetryBackoff, 100*time.Millisecond)
	c.RetryBackoffMax = cmp.Or(c.RetryBackoffMax, time.Second)
	c.RetryBackoff = min(c.RetryBackoff, c.RetryBackoffMax)
	c.Acks = strings.ToLower(cmp.Or(c.Acks, "all"))
	c.Compression = strings.ToLower(cmp.Or(c.Compression, "none"))
	c.Partitioner = strings.ToLower(cmp.Or(c.Partitioner, "consistent_random"))
	c.MaxInFlight = min(cmp.Or(c.MaxInFlight, 1), maxInFlightUsed)
	c.MetadataRefresh = cmp.Or(c.MetadataRefresh, 20*time.Second)
	c.MetricsPrefix = cmp.Or(c.MetricsPrefix, "kafka_")

	errs := []error{
		err,
		oneOf("acks", c.Acks, "all", "-1", "1", "0"),
		oneOf("compression codec", c.Compression, "none", "gzip", "snappy", "lz4", "zstd"),
		oneOf("partitioner", c.Partitioner, "consistent_random", "murmur2_random", "consistent", "murmur2", "random"),
		notNegative("batch size", c.BatchSize), notNegative("batch messages", c.BatchNumMessages),
		notNegative("queue messages", c.QueueMessages), notNegative("queue bytes", c.QueueBytes),
		notNegative("message max bytes", c.MessageMaxBytes), notNegative("message timeout", c.MessageTimeout),
		notNegative("retry backoff", c.RetryBackoff), notNegative("max in flight", c.MaxInFlight),
		notNegative("metadata refresh interval", c.MetadataRefresh),
	}
	if c.Retries != nil {
		errs = append(errs, notNegative("retries", *c.Retries))
	}
	if c.Idempotence && c.Acks != "all" && c.Acks != "-1" {
		errs = append(errs, fmt.Errorf("idempotence needs acks all, not %q", c.Acks))
	}
	return c, errors.Join(errs...)
}

// acks is the number of the protocol.
func (c *ProducerConfig) acks() int16 {
	switch c.Acks {
	case "0":
		return 0
	case "1":
		return 1
	default:
		return -1
	}
}

func oneOf(what, got string, allowed ...string) error {
	if slices.Contains(allowed, got) {
		return nil
	}
	return fmt.Errorf("%s %q is none of %s", what, got, strings.Join(allowed, ", "))
}

func notNegative[T int | int64 | time.Duration](what string, v T) error {
	if v < 0 {
		return fmt.Errorf("%s is negative: %v", what, v)
	}
	return nil
}

package testkit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
)

// Header is a record header. A nil Value is a null header, which Kafka tells from an empty one.
type Header struct {
	Key   string
	Value []byte
}

// Record is a record as the broker stores it.
type Record struct {
	Topic     string
	Partition int32
	Offset    int64
	Key       []byte   // nil = no key; empty and not nil = an empty key
	Value     []byte   // nil = tombstone
	Headers   []Header // in the order they were written
	Time      time.Time
}

// Header returns the value of the first header named key; ok tells whether there is one. A null header gives nil, true.
func (r Record) Header(key string) (value []byte, ok bool) {
	for _, h := range r.Headers {
		if h.Key == key {
			return h.Value, true
		}
	}
	return nil, false
}

// Records reads topic from its beginning until n records are there, and fails the test when they are not within timeout.
// There may be more than n. They are sorted by partition and offset.
func (s *KafkaServer) Records(tb testing.TB, topic string, n int, timeout time.Duration) []Record {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), timeout)
	defer cancel()
	r := s.reader(topic)
	defer r.done()
	err := retry(ctx, func(ctx context.Context) error {
		if err := r.readOn(ctx); err != nil {
			return err
		}
		if len(r.records) < n {
			return fmt.Errorf("%d of %d records are there", len(r.records), n)
		}
		return nil
	})
	if err != nil {
		tb.Fatalf("testkit: read %d records of %s within %s: %v", n, topic, timeout, err)
	}
	return r.sorted()
}

// All reads everything that topic holds now, sorted by partition and offset.
func (s *KafkaServer) All(tb testing.TB, topic string) []Record {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), time.Minute)
	defer cancel()
	r := s.reader(topic)
	defer r.done()
	if err := retry(ctx, r.readOn); err != nil {
		tb.Fatalf("testkit: read %s: %v", topic, err)
	}
	return r.sorted()
}

// topicReader reads all partitions of a topic, going on where it stopped.
type topicReader struct {
	client  *kafka.Client
	done    func()
	topic   string
	next    map[int]int64 // partition → offset to read
	records []Record
}

func (s *KafkaServer) reader(topic string) *topicReader {
	client, done := s.client()
	return &topicReader{client: client, done: done, topic: topic, next: make(map[int]int64)}
}

// readOn reads up to the present end of each partition.
func (r *topicReader) readOn(ctx context.Context) error {
	n, err := partitionCount(ctx, r.client, r.topic)
	if err != nil {
		return err
	}
	var asked []kafka.OffsetRequest
	for p := range n {
		asked = append(asked, kafka.FirstOffsetOf(p), kafka.LastOffsetOf(p))
	}
	resp, err := r.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{r.topic: asked}})
	if err != nil {
		return err
	}
	for _, p := range resp.Topics[r.topic] {
		if p.Error != nil {
			return fmt.Errorf("partition %d: %w", p.Partition, p.Error)
		}
		r.next[p.Partition] = max(r.next[p.Partition], p.FirstOffset)
		for r.next[p.Partition] < p.LastOffset {
			if err := r.fetch(ctx, p.Partition); err != nil {
				return fmt.Errorf("partition %d, offset %d: %w", p.Partition, r.next[p.Partition], err)
			}
		}
	}
	return nil
}

// fetch reads one response's worth of records.
func (r *topicReader) fetch(ctx context.Context, partition int) error {
	resp, err := r.client.Fetch(ctx, &kafka.FetchRequest{
		Topic: r.topic, Partition: partition, Offset: r.next[partition], MinBytes: 1, MaxBytes: 32 << 20, MaxWait: time.Second,
	})
	if err == nil {
		err = resp.Error
	}
	if err != nil {
		return err
	}
	for {
		rec, err := resp.Records.ReadRecord()
		if errors.Is(err, io.EOF) {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		if rec.Offset < r.next[partition] {
			continue // a batch is served whole, also what stands before the offset asked for
		}
		record, err := r.record(rec, partition)
		if err != nil {
			return err
		}
		r.records = append(r.records, record)
		r.next[partition] = rec.Offset + 1
	}
}

func (r *topicReader) record(rec *kafka.Record, partition int) (Record, error) {
	key, kerr := kafka.ReadAll(rec.Key)
	value, verr := kafka.ReadAll(rec.Value)
	out := Record{Topic: r.topic, Partition: int32(partition), Offset: rec.Offset, Key: key, Value: value, Time: rec.Time}
	for _, h := range rec.Headers {
		out.Headers = append(out.Headers, Header{Key: h.Key, Value: h.Value})
	}
	return out, errors.Join(kerr, verr)
}

func (r *topicReader) sorted() []Record {
	slices.SortFunc(r.records, func(a, b Record) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	return r.records
}

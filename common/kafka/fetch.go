package kafka

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/segmentio/kafka-go/protocol"
)

// fetchVersion is that of Kafka 2.3 and later. kafka-go's own decoder of this answer takes batches apart record by record and does
// not say where a batch ends, which a consumer must know to get past batches without records (compacted ones, transaction markers);
// so the exchange is ours, on kafka-go's connection.
const fetchVersion = 11

// fetchRequest is a Fetch without a fetch session (KIP-227), for some partitions of one broker.
type fetchRequest struct {
	clientID      string
	maxWaitMs     int32
	minBytes      int32
	maxBytes      int32
	cursors       []*cursor // sorted by topic
	partitionMax  int32     // bytes
	correlationID int32

	buf []byte // reused
}

// ApiKey is that of Fetch.
func (r *fetchRequest) ApiKey() protocol.ApiKey { return protocol.Fetch }

// Required makes kafka-go hand us the connection.
func (r *fetchRequest) Required(map[protocol.ApiKey]int16) bool { return true }

// fetchResponse is the answer as it came, without its length and correlation id.
type fetchResponse struct{ body []byte }

// ApiKey is that of Fetch.
func (r *fetchResponse) ApiKey() protocol.ApiKey { return protocol.Fetch }

// fetch gets what comes next for the cursors.
func (c *conn) fetch(ctx context.Context, r *fetchRequest) ([]byte, error) {
	msg, err := c.roundTrip(ctx, r)
	if err != nil {
		return nil, err
	}
	return msg.(*fetchResponse).body, nil
}

// RawExchange writes the request and reads the whole answer.
func (r *fetchRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	r.correlationID++
	r.buf = r.appendTo(append(r.buf[:0], 0, 0, 0, 0))
	binary.BigEndian.PutUint32(r.buf, uint32(len(r.buf)-4))
	if _, err := rw.Write(r.buf); err != nil {
		return nil, err
	}
	var head [8]byte
	if _, err := io.ReadFull(rw, head[:]); err != nil {
		return nil, err
	}
	size := int64(binary.BigEndian.Uint32(head[:])) - 4
	// A broker goes over the limit for one batch, which it cannot cut, but not by gigabytes.
	if limit := int64(r.maxBytes) + 256<<20; size < 0 || size > limit {
		return nil, fmt.Errorf("fetch answer of %d bytes, limit %d", size, limit)
	}
	if got := int32(binary.BigEndian.Uint32(head[4:])); got != r.correlationID {
		return nil, fmt.Errorf("fetch answer with correlation id %d instead of %d", got, r.correlationID)
	}
	body := make([]byte, size) // messages alias it, so it is the garbage collector's
	_, err := io.ReadFull(rw, body)
	return &fetchResponse{body: body}, err
}

func (r *fetchRequest) appendTo(b []byte) []byte {
	be := binary.BigEndian
	b = be.AppendUint16(b, uint16(protocol.Fetch))
	b = be.AppendUint16(b, fetchVersion)
	b = be.AppendUint32(b, uint32(r.correlationID))
	b = appendString16(b, r.clientID)
	b = be.AppendUint32(b, ^uint32(0)) // replica id: a consumer
	b = be.AppendUint32(b, uint32(r.maxWaitMs))
	b = be.AppendUint32(b, uint32(r.minBytes))
	b = be.AppendUint32(b, uint32(r.maxBytes))
	b = append(b, 1)                   // isolation level: read committed
	b = be.AppendUint32(b, 0)          // session id: none
	b = be.AppendUint32(b, ^uint32(0)) // session epoch: none

	topicsAt, topics := len(b), uint32(0)
	b = be.AppendUint32(b, 0)
	for i := 0; i < len(r.cursors); topics++ {
		name := r.cursors[i].topic
		b = appendString16(b, name)
		countAt, count := len(b), uint32(0)
		b = be.AppendUint32(b, 0)
		for ; i < len(r.cursors) && r.cursors[i].topic == name; i++ {
			b = be.AppendUint32(b, uint32(r.cursors[i].partition))
			b = be.AppendUint32(b, ^uint32(0)) // leader epoch: not checked
			b = be.AppendUint64(b, uint64(r.cursors[i].offset))
			b = be.AppendUint64(b, ^uint64(0)) // log start offset: of replicas only
			b = be.AppendUint32(b, uint32(r.partitionMax))
			count++
		}
		be.PutUint32(b[countAt:], count)
	}
	be.PutUint32(b[topicsAt:], topics)
	b = be.AppendUint32(b, 0)    // forgotten topics: none
	return appendString16(b, "") // rack: answers of the leader only
}

func appendString16(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

// fetchedPartition is one partition of a fetch answer.
type fetchedPartition struct {
	topic         []byte
	partition     int32
	code          int16
	highWatermark int64
	aborted       []abortedTransaction
	records       []byte // record batches, the last perhaps cut off
}

// abortedTransaction tells that the transactional batches of a producer, from an offset to its next marker, do not count.
type abortedTransaction struct{ producerID, firstOffset int64 }

// eachFetched calls f for every partition of the answer.
func eachFetched(body []byte, f func(*fetchedPartition)) error {
	r := wire{b: body}
	r.skip(4) // throttle time
	if code := r.int16(); code != 0 {
		return brokerError(code, "fetch")
	}
	r.skip(4) // session id
	var p fetchedPartition
	for range r.count() {
		topic := r.bytes(int(r.int16()))
		for range r.count() {
			p = fetchedPartition{topic: topic, partition: r.int32(), code: r.int16(), highWatermark: r.int64(), aborted: p.aborted[:0]}
			r.skip(8 + 8) // last stable offset, log start offset
			for range r.count() {
				p.aborted = append(p.aborted, abortedTransaction{producerID: r.int64(), firstOffset: r.int64()})
			}
			r.skip(4) // preferred replica: only with a rack
			p.records = r.bytes(int(r.int32()))
			if r.failed {
				return fmt.Errorf("fetch answer: %w", errTruncated)
			}
			f(&p)
		}
	}
	if r.failed {
		return fmt.Errorf("fetch answer: %w", errTruncated)
	}
	return nil
}

// wire reads big endian values and remembers when there were too few bytes.
type wire struct {
	b      []byte
	failed bool
}

// bytes takes n bytes; a negative n, which is null, takes none.
func (w *wire) bytes(n int) []byte {
	if n < 0 {
		return nil
	}
	if n > len(w.b) {
		w.failed, w.b = true, nil
		return nil
	}
	out := w.b[:n:n]
	w.b = w.b[n:]
	return out
}

func (w *wire) skip(n int) { w.bytes(n) }

func (w *wire) int16() int16 {
	if b := w.bytes(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (w *wire) int32() int32 {
	if b := w.bytes(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (w *wire) int64() int64 {
	if b := w.bytes(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

// count is the length of an array, 0 for null. No element is shorter than a byte, so more elements than bytes is nonsense.
func (w *wire) count() int {
	n := int(w.int32())
	if n > len(w.b) {
		w.failed = true
		return 0
	}
	return max(n, 0)
}

// varint reads a zigzag number of a record.
func (w *wire) varint() int {
	v, n := binary.Varint(w.b)
	if n <= 0 {
		w.failed = true
		return 0
	}
	w.b = w.b[n:]
	return int(v)
}

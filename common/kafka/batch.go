package kafka

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/bits"
	"time"
)

// Layout of what one partition gets in a produce request (record batch v2, KIP-98), offsets in bytes:
//
//	 0 size of what follows
//	 4 base offset (8) · 12 batch length (4) · 16 leader epoch (4) · 20 magic (1) · 21 CRC-32C of all that follows (4)
//	25 attributes (2) · 27 last offset delta (4) · 31 first timestamp (8) · 39 max timestamp (8)
//	47 producer id (8) · 55 producer epoch (2) · 57 base sequence (4) · 61 record count (4)
//	65 records, compressed as one piece
const (
	recordsAt     = 65
	batchOverhead = recordsAt - 4 // what the broker counts on top of the records
	magicV2       = 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// batch collects the records of one partition, already encoded, and remembers who waits for them.
//
// Owner of a batch and of its buffers: the partition (its lock) while open or queued, the sender while in flight, and after the
// last waiter was told, the pool.
type batch struct {
	raw        []byte // head and encoded records
	compressed []byte // head and compressed records; empty = not compressed, or not worth it
	prepared   bool   // compressed is settled

	count     int32      // records in it
	size      int64      // of its records by recordSize: what it holds of the queue's bytes
	opened    time.Time  // when the first record came
	firstTime int64      // ms since 1970
	maxTime   int64      // ms since 1970
	waiters   []waiter   // one per record, in order
	sent      int        // attempts that may have reached the broker
	partition *partition // where it is in flight; set by the sender

	producerID  int64 // -1 = not idempotent
	sequence    int32 // of the first record; -1 = none yet
	producerAge int16 // epoch of producerID
}

// waiter is the interest of one Produce call in one record.
type waiter struct {
	call  *call
	index int32 // of the record in the call
}

// reset makes b an empty batch that is opened at now.
func (b *batch) reset(now time.Time) {
	if cap(b.raw) < recordsAt {
		b.raw = make([]byte, recordsAt, 4096)
	}
	ms := now.UnixMilli()
	*b = batch{raw: b.raw[:recordsAt], compressed: b.compressed[:0], waiters: b.waiters[:0], opened: now,
		firstTime: ms, maxTime: ms, producerID: -1, sequence: -1, producerAge: -1}
}

// add appends r, stamped with ms since 1970, whose recordSize is size.
func (b *batch) add(ms int64, r *Record, size int, w waiter) {
	b.raw = appendRecord(b.raw, ms-b.firstTime, int64(b.count), r)
	b.maxTime = max(b.maxTime, ms)
	b.waiters = append(b.waiters, w)
	b.size += int64(size)
	b.count++
}

// payload is the sealed record set: valid after seal.
func (b *batch) payload() []byte {
	if len(b.compressed) > 0 {
		return b.compressed
	}
	return b.raw
}

// seal compresses the records, once, and fills in the head; it may be called again after the producer id changed.
func (b *batch) seal(c *compressor) error {
	if !b.prepared {
		var err error
		if b.compressed, err = c.compress(b.compressed, b.raw); err != nil {
			return err
		}
		b.prepared = true
	}
	var attributes uint16
	if len(b.compressed) > 0 {
		attributes = uint16(c.codec)
	}
	p := b.payload()
	be := binary.BigEndian
	be.PutUint32(p[0:], uint32(len(p)-4))
	be.PutUint64(p[4:], 0)
	be.PutUint32(p[12:], uint32(len(p)-16))
	be.PutUint32(p[16:], ^uint32(0))
	p[20] = magicV2
	be.PutUint16(p[25:], attributes)
	be.PutUint32(p[27:], uint32(b.count-1))
	be.PutUint64(p[31:], uint64(b.firstTime))
	be.PutUint64(p[39:], uint64(b.maxTime))
	be.PutUint64(p[47:], uint64(b.producerID))
	be.PutUint16(p[55:], uint16(b.producerAge))
	be.PutUint32(p[57:], uint32(b.sequence))
	be.PutUint32(p[61:], uint32(b.count))
	be.PutUint32(p[21:], crc32.Checksum(p[25:], castagnoli))
	return nil
}

// split moves the second half of b's records to other, which is empty. Kafka counts offsets from the start of a batch, so the
// moved records are written anew.
func (b *batch) split(other *batch) error {
	keep := b.count / 2
	rest := b.raw[recordsAt:]
	for range keep {
		n, head := binary.Varint(rest)
		if head <= 0 || int(n) > len(rest)-head {
			return errTruncated
		}
		rest = rest[head+int(n):]
	}
	cut := len(b.raw) - len(rest)
	for i := keep; i < b.count; i++ {
		n, head := binary.Varint(rest)
		if head <= 0 || n < 1 || int(n) > len(rest)-head {
			return errTruncated
		}
		record := rest[head : head+int(n)]
		rest = rest[head+int(n):]
		timeDelta, t := binary.Varint(record[1:])
		_, o := binary.Varint(record[1+t:])
		if t <= 0 || o <= 0 {
			return errTruncated
		}
		body := record[1+t+o:] // key, value and headers: the same in any place
		newDelta := int64(i - keep)
		other.raw = appendVarint(other.raw, int64(1+varintLen(timeDelta)+varintLen(newDelta)+len(body)))
		other.raw = append(other.raw, 0)
		other.raw = appendVarint(other.raw, timeDelta)
		other.raw = appendVarint(other.raw, newDelta)
		other.raw = append(other.raw, body...)
	}
	moved := b.size * int64(b.count-keep) / int64(b.count) // the two sizes only have to add up
	other.opened, other.firstTime, other.maxTime = b.opened, b.firstTime, b.maxTime
	other.waiters = append(other.waiters, b.waiters[keep:]...)
	other.count, other.size = b.count-keep, moved

	clear(b.waiters[keep:])
	b.raw, b.waiters = b.raw[:cut], b.waiters[:keep]
	b.count, b.size = keep, b.size-moved
	b.prepared, b.compressed = false, b.compressed[:0]
	return nil
}

var errTruncated = fmt.Errorf("record batch is truncated")

// recordSize is what a record counts for MessageMaxBytes and the queue: librdkafka's rd_kafka_msg_max_wire_size, which is key,
// value and headers with their lengths, plus 36 bytes for the largest possible head of a record in format v2.
func recordSize(r *Record) int {
	const maxHead = 36
	n := maxHead + len(r.Key) + len(r.Value)
	for i := range r.Headers {
		h := &r.Headers[i]
		n += varintLen(int64(len(h.Key))) + len(h.Key) + varintLen(int64(len(h.Value))) + len(h.Value)
	}
	return n
}

// appendRecord encodes r as record number offsetDelta of its batch.
func appendRecord(dst []byte, timeDelta, offsetDelta int64, r *Record) []byte {
	n := 1 + varintLen(timeDelta) + varintLen(offsetDelta) + sizeNullable(r.Key) + sizeNullable(r.Value) + varintLen(int64(len(r.Headers)))
	for i := range r.Headers {
		h := &r.Headers[i]
		n += varintLen(int64(len(h.Key))) + len(h.Key) + sizeNullable(h.Value)
	}
	dst = appendVarint(dst, int64(n))
	dst = append(dst, 0) // attributes: none are defined
	dst = appendVarint(dst, timeDelta)
	dst = appendVarint(dst, offsetDelta)
	dst = appendNullable(dst, r.Key)
	dst = appendNullable(dst, r.Value)
	dst = appendVarint(dst, int64(len(r.Headers)))
	for i := range r.Headers {
		h := &r.Headers[i]
		dst = appendVarint(dst, int64(len(h.Key)))
		dst = append(dst, h.Key...)
		dst = appendNullable(dst, h.Value)
	}
	return dst
}

// appendNullable writes b with its length, nil as length -1.
func appendNullable(dst, b []byte) []byte {
	if b == nil {
		return append(dst, 1) // -1
	}
	return append(appendVarint(dst, int64(len(b))), b...)
}

func sizeNullable(b []byte) int { return varintLen(int64(len(b))) + len(b) } // -1 takes one byte, as 0 does

// appendVarint is binary.AppendVarint with the common one-byte case inlined by the compiler.
func appendVarint(dst []byte, v int64) []byte {
	if u := uint64(v)<<1 ^ uint64(v>>63); u < 0x80 {
		return append(dst, byte(u))
	}
	return binary.AppendVarint(dst, v)
}

// varintLen is the length of v in the zigzag encoding.
func varintLen(v int64) int {
	return (bits.Len64((uint64(v)<<1^uint64(v>>63))|1) + 6) / 7
}

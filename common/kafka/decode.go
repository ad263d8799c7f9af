package kafka

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"time"
)

// decoder takes record batches apart. It belongs to one goroutine.
type decoder struct {
	decompressor decompressor
	names        map[string]string // header keys seen before: most records have the same
}

// maxNames bounds decoder.names against keys that carry data.
const maxNames = 256

const (
	attributeCodec         = 7
	attributeLogAppendTime = 1 << 3
	attributeTransactional = 1 << 4
	attributeControl       = 1 << 5
)

// decode appends the records of p that stand at offset from or later, and gives the offset after the last complete batch, which may
// be beyond the last record. A batch that was cut off by the size limit of the fetch is left for the next one.
func (d *decoder) decode(out []Message, topic string, p *fetchedPartition, from int64) (_ []Message, next int64, err error) {
	next = from
	slices.SortFunc(p.aborted, func(a, b abortedTransaction) int { return cmp.Compare(a.firstOffset, b.firstOffset) })
	var dead map[int64]bool // producers inside an aborted transaction
	rest := p.records
	for len(rest) >= batchOverhead {
		size := int(binary.BigEndian.Uint32(rest[8:])) + 12
		if size < batchOverhead || size > len(rest) {
			break
		}
		b := rest[:size]
		rest = rest[size:]
		h, err := parseHead(b)
		if err != nil {
			return out, next, fmt.Errorf("batch at offset %d of %s/%d: %w", h.base, topic, p.partition, err)
		}
		for len(p.aborted) > 0 && p.aborted[0].firstOffset <= h.base {
			if dead == nil {
				dead = map[int64]bool{}
			}
			dead[p.aborted[0].producerID] = true
			p.aborted = p.aborted[1:]
		}
		switch {
		case h.attributes&attributeControl != 0:
			delete(dead, h.producerID) // commit or abort: either ends the transaction
		case h.attributes&attributeTransactional != 0 && dead[h.producerID]:
		default:
			if out, err = d.records(out, topic, p.partition, h, b[batchOverhead:], from); err != nil {
				return out, next, fmt.Errorf("batch at offset %d of %s/%d: %w", h.base, topic, p.partition, err)
			}
		}
		next = max(next, h.base+int64(h.lastDelta)+1)
	}
	return out, next, nil
}

// head is the fixed part of a batch, see the layout in batch.go (there with four bytes of size in front).
type head struct {
	base       int64
	attributes int16
	lastDelta  int32
	firstTime  int64
	maxTime    int64
	producerID int64
	count      int32
}

func parseHead(b []byte) (head, error) {
	be := binary.BigEndian
	h := head{
		base: int64(be.Uint64(b)), attributes: int16(be.Uint16(b[21:])), lastDelta: int32(be.Uint32(b[23:])),
		firstTime: int64(be.Uint64(b[27:])), maxTime: int64(be.Uint64(b[35:])), producerID: int64(be.Uint64(b[43:])), count: int32(be.Uint32(b[57:])),
	}
	if b[16] != magicV2 {
		return h, fmt.Errorf("message format %d is not supported, only that of Kafka 0.11 and later", b[16])
	}
	if want, got := be.Uint32(b[17:]), crc32.Checksum(b[21:], castagnoli); want != got {
		return h, fmt.Errorf("checksum is %08x instead of %08x", got, want)
	}
	return h, nil
}

// minRecord is the length of a record without key, value and headers.
const minRecord = 7

func (d *decoder) records(out []Message, topic string, partition int32, h head, body []byte, from int64) ([]Message, error) {
	body, err := d.decompressor.decompress(codec(h.attributes&attributeCodec), body)
	if err != nil {
		return out, fmt.Errorf("decompress: %w", err)
	}
	w := wire{b: body}
	var headers []Header // of the whole batch, cut into pieces
	out = slices.Grow(out, min(max(int(h.count), 0), len(body)/minRecord))
	for range h.count {
		r := wire{b: w.bytes(w.varint())}
		r.skip(1) // attributes: none are defined
		timeMs := h.firstTime + int64(r.varint())
		if h.attributes&attributeLogAppendTime != 0 {
			timeMs = h.maxTime
		}
		m := Message{Topic: topic, Partition: partition, Offset: h.base + int64(r.varint()), Time: time.UnixMilli(timeMs)}
		m.Key = r.bytes(r.varint())
		m.Value = r.bytes(r.varint())
		if n := r.varint(); n > 0 && n <= len(r.b) {
			start := len(headers)
			for range n {
				headers = append(headers, Header{Key: d.name(r.bytes(r.varint())), Value: r.bytes(r.varint())})
			}
			m.Headers = headers[start:len(headers):len(headers)]
		}
		if w.failed || r.failed {
			return out, errTruncated
		}
		if m.Offset >= from {
			out = append(out, m)
		}
	}
	return out, nil
}

// name is string(b), allocated once for the keys that come again and again.
func (d *decoder) name(b []byte) string {
	if s, ok := d.names[string(b)]; ok {
		return s
	}
	s := string(b)
	if len(d.names) < maxNames {
		if d.names == nil {
			d.names = make(map[string]string)
		}
		d.names[s] = s
	}
	return s
}

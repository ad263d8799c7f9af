package sink

import (
	"context"
	"encoding/binary"
	"sync"

	"github.com/pierrec/lz4/v4"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/common/event"
	"github.com/hog-go/hog/common/kafka"
	"github.com/hog-go/hog/common/metrics"
)

// Sender is what LZ4 hands its records on to.
type Sender interface {
	Send(ctx context.Context, recs []kafka.Record) error
	SendEach(ctx context.Context, recs []kafka.Record) []error
}

// LZ4 compresses the values of records before they are sent: an LZ4 block behind its uncompressed length in four bytes,
// little-endian, which a header tells. That is not the frame format, and brokers know nothing of it. Source:
// lz4_flex's compress_prepend_size, which PostHog's replay ingester undoes.
type LZ4 struct {
	next    Sender
	packed  *prometheus.CounterVec // values, by topic
	in, out *prometheus.HistogramVec
}

// NewLZ4 hands on to next. Its metrics have the names of the library that the original packs with; reg may be nil.
func NewLZ4(next Sender, reg prometheus.Registerer) LZ4 {
	sizes := func(name, help string) *prometheus.HistogramVec {
		return metrics.Register(reg, prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(256, 4, 10)}, []string{"topic"}))
	}
	return LZ4{
		next: next,
		packed: metrics.Register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "common_kafka_lz4_compress_total", Help: "values compressed before they became records"}, []string{"topic", "result"})),
		in:  sizes("common_kafka_lz4_compress_uncompressed_bytes", "size of a value"),
		out: sizes("common_kafka_lz4_compress_compressed_bytes", "size of a value, compressed"),
	}
}

// lz4Length is what stands before a block.
const lz4Length = 4

var lz4Encoding = kafka.Header{Key: event.HeaderContentEncoding, Value: []byte("lz4")}

// packer is the memory of one call.
type packer struct {
	comp lz4.Compressor
	buf  []byte
	recs []kafka.Record
}

var packers = sync.Pool{New: func() any { return new(packer) }}

// maxPacked bounds the buffer that a pooled packer keeps.
const maxPacked = 4 << 20

// Send compresses recs and sends them; recs stay as they are.
func (l LZ4) Send(ctx context.Context, recs []kafka.Record) error {
	p := l.pack(recs)
	defer p.release()
	return l.next.Send(ctx, p.recs)
}

// SendEach compresses recs and sends them; recs stay as they are.
func (l LZ4) SendEach(ctx context.Context, recs []kafka.Record) []error {
	p := l.pack(recs)
	defer p.release()
	return l.next.SendEach(ctx, p.recs)
}

func (l LZ4) pack(recs []kafka.Record) *packer {
	p := packers.Get().(*packer)
	room := 0
	for i := range recs {
		room += lz4Length + lz4.CompressBlockBound(len(recs[i].Value))
	}
	if cap(p.buf) < room {
		p.buf = make([]byte, 0, room)
	}
	for _, r := range recs {
		from := len(p.buf)
		p.buf = binary.LittleEndian.AppendUint32(p.buf, uint32(len(r.Value)))
		n, err := p.comp.CompressBlock(r.Value, p.buf[from+lz4Length:from+lz4Length+lz4.CompressBlockBound(len(r.Value))])
		if err != nil {
			panic(err) // there is room for whatever comes out
		}
		p.buf = p.buf[:from+lz4Length+n]
		l.packed.WithLabelValues(r.Topic, "success").Inc()
		l.in.WithLabelValues(r.Topic).Observe(float64(len(r.Value)))
		l.out.WithLabelValues(r.Topic).Observe(float64(lz4Length + n))
		r.Value = p.buf[from:len(p.buf):len(p.buf)]
		r.Headers = append(r.Headers[:len(r.Headers):len(r.Headers)], lz4Encoding)
		p.recs = append(p.recs, r)
	}
	return p
}

func (p *packer) release() {
	clear(p.recs)
	p.recs, p.buf = p.recs[:0], p.buf[:0]
	if cap(p.buf) <= maxPacked {
		packers.Put(p)
	}
}

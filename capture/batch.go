package capture

import (
	"net/http"
	"sync"

	"github.com/hog-go/hog/capture/internal/clientip"
	"github.com/hog-go/hog/capture/internal/record"
	"github.com/hog-go/hog/capture/internal/resolve"
	"github.com/hog-go/hog/capture/internal/scan"
	v1 "github.com/hog-go/hog/capture/internal/v1"
)

// batch is the memory of one request. It is taken from a pool when the request comes and given back when the answer is
// out; every view that the stages hand on points into it.
type batch struct {
	body       []byte // as it came
	unpacked   []byte // what decode made of it
	arena      []byte // text that had to be rewritten
	ip         []byte
	request    scan.Request
	recordings []scan.Recording
	events     []resolve.Event
	counts     resolve.Counts
	v1         scan.V1Batch
	v1Events   []v1.Event
	sent       []int // places in v1Events of the events that have a record
	judge      judge
	records    record.Writer
}

// maxPooled bounds the buffers that a pooled batch keeps: a few huge requests must not pin their memory for good.
const maxPooled = 4 << 20

var batches = sync.Pool{New: func() any { return new(batch) }}

func newBatch() *batch { return batches.Get().(*batch) }

// release forgets the request and gives the memory back.
func (b *batch) release() {
	for _, buf := range []*[]byte{&b.body, &b.unpacked, &b.arena} {
		if cap(*buf) > maxPooled {
			*buf = nil
		}
		*buf = (*buf)[:0]
	}
	b.request.Forget()
	b.v1.Forget()
	b.records.Forget()
	b.judge = judge{}
	clear(b.v1Events)
	b.v1Events = b.v1Events[:0]
	clear(b.recordings)
	b.recordings = b.recordings[:0]
	clear(b.events)
	b.events = b.events[:0]
	b.counts = resolve.Counts{Skews: b.counts.Skews[:0]}
	batches.Put(b)
}

// clientIP notes the address of the client of r.
func (b *batch) clientIP(r *http.Request) []byte {
	b.ip = clientip.Append(b.ip[:0], r.Header, r.RemoteAddr)
	return b.ip
}

package capture

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/hog-go/hog/capture/internal/reject"
)

// body reads request bodies.
type body struct {
	limit        int           // bytes on the wire
	chunkTimeout time.Duration // longest gap between two pieces; 0 is no limit
	firstBuffer  int           // for a body of unknown length
	drainTimeout time.Duration
}

// read appends the body of r to buf. A body over the limit is refused before more than the limit is held.
func (b *body) read(w http.ResponseWriter, r *http.Request, buf []byte) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return buf, nil
	}
	if r.ContentLength > int64(b.limit) {
		return buf, reject.BodyTooLarge(b.limit)
	}
	want := b.firstBuffer
	if r.ContentLength >= 0 {
		want = int(r.ContentLength) + 1 // one more, so that the end is seen without growing
	}
	if cap(buf)-len(buf) < want {
		buf = append(make([]byte, 0, len(buf)+want), buf...)
	}
	var deadlines *http.ResponseController
	if b.chunkTimeout > 0 {
		deadlines = http.NewResponseController(w)
		defer func() { _ = deadlines.SetReadDeadline(time.Time{}) }() // a connection without deadlines had none to clear
	}
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		if deadlines != nil {
			_ = deadlines.SetReadDeadline(time.Now().Add(b.chunkTimeout)) // where there are none, the body is read without
		}
		n, err := r.Body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case len(buf) > b.limit:
			return buf, reject.BodyTooLarge(b.limit)
		case err == io.EOF:
			return buf, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return buf, reject.BodyTimeout
		case err != nil:
			return buf, reject.Decode("Error reading request body: " + err.Error())
		}
	}
}

// drain discards what is left of a refused body once the answer is out, until twice the limit has come or the drain
// timeout has passed: a client that is still sending when its connection closes sees a reset in place of the answer.
func (b *body) drain(w http.ResponseWriter, r *http.Request) (outcome string) {
	rc := http.NewResponseController(w)
	if err := rc.SetReadDeadline(time.Now().Add(b.drainTimeout)); err != nil {
		return "unsupported"
	}
	most := 2 * int64(b.limit)
	n, err := io.Copy(io.Discard, io.LimitReader(r.Body, most))
	switch {
	case err != nil:
		return "error"
	case n == most:
		return "limit"
	default:
		return "complete"
	}
}

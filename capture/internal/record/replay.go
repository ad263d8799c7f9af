package record

import (
	"github.com/hog-go/hog/capture/internal/replay"
	"github.com/hog-go/hog/common/kafka"
	"github.com/hog-go/hog/common/rawjson"
)

var replayName, replayNameJSON = []byte(replay.EventName), []byte(`"` + replay.EventName + `"`)

// AddReplay appends the record of a recording for topic. Its key is the session, whose parts must stay in order,
// unless it has left its pipeline.
func (w *Writer) AddReplay(r *replay.Recording, topic string) {
	from := len(w.buf)
	w.open(r.ID, r.DistinctID, r.IP)
	w.replayData(r)
	w.end(replayNameJSON, r.Time)
	if r.Cookieless {
		w.buf = append(w.buf, `,"is_cookieless_mode":true`...)
	}
	w.buf = append(w.buf, '}')
	value := w.cut(from)
	key := r.SessionID
	if r.Redirected {
		key = w.key(r.Subject())
	}
	first := w.common(value, r.DistinctID, r.SessionID, replayName, r.Time, r.NoPerson, false)
	if r.DLQ {
		w.deadLetter()
	}
	w.Records = append(w.Records, kafka.Record{Topic: topic, Key: key, Value: value, Headers: w.headers[first:len(w.headers):len(w.headers)]})
}

func (w *Writer) replayData(r *replay.Recording) {
	b := append(w.buf, `{\"event\":\"$snapshot_items\",\"properties\":{\"distinct_id\":`...)
	b = appendText(b, r.DistinctID)
	b = append(b, `,\"$session_id\":`...)
	b = rawjson.AppendEscaped(b, r.SessionJSON)
	b = append(b, `,\"$window_id\":`...)
	b = rawjson.AppendEscaped(b, r.WindowJSON)
	b = append(b, `,\"$snapshot_source\":\"`...)
	b = append(b, r.Source...)
	b = append(b, `\",\"$snapshot_items\":[`...)
	n := 0
	r.EachRun(func(run []byte) {
		if n++; n > 1 {
			b = append(b, ',')
		}
		b = rawjson.AppendEscaped(b, run)
	})
	b = append(b, `],\"$lib\":`...)
	b = appendText(b, r.Lib)
	if r.HostJSON != nil {
		b = append(b, `,\"$snapshot_host\":`...)
		b = rawjson.AppendEscaped(b, r.HostJSON)
	}
	w.buf = append(b, `}}`...)
}

// appendText appends s as a JSON string inside a JSON string.
func appendText(b, s []byte) []byte {
	var buf [256]byte
	quoted := append(rawjson.AppendEscaped(append(buf[:0], '"'), s), '"')
	return rawjson.AppendEscaped(b, quoted)
}

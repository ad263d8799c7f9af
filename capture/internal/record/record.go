// Package record writes Kafka records: the value with the client's event inside it as text, the key, the headers. It
// appends into one buffer for all records of a request, so that a batch costs no allocation per event.
package record

import (
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/hog-go/hog/capture/internal/lane"
	"github.com/hog-go/hog/capture/internal/resolve"
	"github.com/hog-go/hog/common/event"
	"github.com/hog-go/hog/common/kafka"
	"github.com/hog-go/hog/common/rawjson"
)

// Writer collects the records of one request. Reset it before use; records are views into it and live until then.
type Writer struct {
	Records []kafka.Record

	buf     []byte
	headers []kafka.Header
	token   []byte
	now     []byte // receive time as text
	nowTime time.Time
	sentAt  []byte // empty is unknown
}

// maxKept bounds the buffer that a pooled writer keeps: one huge request must not pin its memory for good.
const maxKept = 4 << 20

// Reset forgets the records and takes what the records of the next request have in common.
func (w *Writer) Reset(token []byte, now, sentAt time.Time) {
	w.Forget()
	w.token, w.nowTime = token, now
	w.buf = event.AppendTime(w.buf, now)
	w.now = w.buf[:len(w.buf):len(w.buf)]
	w.sentAt = nil
	if !sentAt.IsZero() {
		from := len(w.buf)
		w.buf = event.AppendSentAt(w.buf, sentAt)
		w.sentAt = w.buf[from:len(w.buf):len(w.buf)]
	}
}

// Forget empties w and keeps its memory, unless that has grown large.
func (w *Writer) Forget() {
	if cap(w.buf) > maxKept {
		w.buf = nil
	}
	clear(w.Records)
	clear(w.headers)
	w.Records, w.headers, w.buf = w.Records[:0], w.headers[:0], w.buf[:0]
}

// Grow makes room for n more bytes of values, keys and headers.
func (w *Writer) Grow(n int) {
	if cap(w.buf)-len(w.buf) < n {
		w.buf = append(make([]byte, 0, len(w.buf)+n), w.buf...)
	}
}

// Add appends the record of e for topic; keyed is false for a record that goes to any partition.
func (w *Writer) Add(e *resolve.Event, topic string, keyed bool) {
	from := len(w.buf)
	w.open(e.ID, e.DistinctID, e.IP)
	w.data(e)
	historical := e.Lane == lane.Historical
	w.close(e, historical)
	value := w.cut(from)
	first := w.common(value, e.DistinctID, nil, e.Name, e.Time, noPerson(e), historical)
	w.finish(e, topic, keyed, value, first)
}

// AddData is Add for an event whose data, a JSON object, was written by the stage that made the event.
func (w *Writer) AddData(e *resolve.Event, data []byte, topic string, keyed bool) {
	from := len(w.buf)
	w.open(e.ID, e.DistinctID, e.IP)
	w.buf = rawjson.AppendEscaped(w.buf, data)
	w.close(e, false)
	value := w.cut(from)
	first := w.common(value, e.DistinctID, nil, e.Name, e.Time, noPerson(e), false)
	w.finish(e, topic, keyed, value, first)
}

// close ends the value of an event.
func (w *Writer) close(e *resolve.Event, historical bool) {
	w.end(e.NameJSON, e.Time)
	if e.Cookieless {
		w.buf = append(w.buf, `,"is_cookieless_mode":true`...)
	}
	if historical {
		w.buf = append(w.buf, `,"historical_migration":true`...)
	}
	w.buf = append(w.buf, '}')
}

// finish adds the record of e with the headers since first and those that few events have.
func (w *Writer) finish(e *resolve.Event, topic string, keyed bool, value []byte, first int) {
	var key []byte
	if keyed {
		key = w.key(e.Subject())
	}
	if e.SkipHeatmap {
		w.headers = append(w.headers, kafka.Header{Key: event.HeaderSkipHeatmap, Value: yes})
	}
	if e.DLQ {
		w.deadLetter()
	}
	w.Records = append(w.Records, kafka.Record{Topic: topic, Key: key, Value: value, Headers: w.headers[first:len(w.headers):len(w.headers)]})
}

// key writes the key that holds the events of a person together.
func (w *Writer) key(subject []byte) []byte {
	from := len(w.buf)
	w.buf = append(w.buf, w.token...)
	w.buf = append(w.buf, ':')
	w.buf = append(w.buf, subject...)
	return w.cut(from)
}

// deadLetter adds the headers that tell who took an event out of the pipeline, why and when.
func (w *Writer) deadLetter() {
	from := len(w.buf)
	w.buf = w.nowTime.UTC().AppendFormat(w.buf, "2006-01-02T15:04:05.000Z")
	w.headers = append(w.headers,
		kafka.Header{Key: event.HeaderDLQReason, Value: dlqReason},
		kafka.Header{Key: event.HeaderDLQStep, Value: dlqStep},
		kafka.Header{Key: event.HeaderDLQTimestamp, Value: w.cut(from)},
	)
}

var yes, dlqReason, dlqStep = []byte("true"), []byte("event_restriction"), []byte("capture")

func noPerson(e *resolve.Event) bool { return e.NoPerson || e.Overflow == resolve.Forced }

// idFrom is where the uuid stands in a value that open began.
const idFrom = len(`{"uuid":"`)

// open begins a value: everything before the data, whose opening quote it writes.
func (w *Writer) open(id uuid.UUID, distinctID, ip []byte) {
	b := append(w.buf, `{"uuid":"`...)
	b = event.AppendUUID(b, id)
	b = append(b, `","distinct_id":"`...)
	b = rawjson.AppendEscaped(b, distinctID)
	b = append(b, `","ip":"`...)
	b = append(b, ip...)
	w.buf = append(b, `","data":"`...)
}

// end writes everything behind the data but the closing brace.
func (w *Writer) end(nameJSON []byte, t time.Time) {
	b := append(w.buf, `","now":"`...)
	b = append(b, w.now...)
	if len(w.sentAt) > 0 {
		b = append(b, `","sent_at":"`...)
		b = append(b, w.sentAt...)
	}
	b = append(b, `","token":"`...)
	b = rawjson.AppendEscaped(b, w.token)
	b = append(b, `","event":`...)
	b = append(b, nameJSON...)
	b = append(b, `,"timestamp":"`...)
	b = event.AppendTime(b, t)
	w.buf = append(b, '"')
}

// data writes the client's event in the field order of the original, escaped once: the names below are what they look
// like inside a JSON string.
func (w *Writer) data(e *resolve.Event) {
	raw := e.Raw
	b := append(w.buf, '{')
	if raw.Token != nil {
		b = append(b, `\"token\":`...)
		b = rawjson.AppendEscaped(b, raw.Token)
		b = append(b, ',')
	}
	switch {
	case e.Heatmap:
		b = append(b, `\"distinct_id\":`...)
		b = appendText(b, e.DistinctID)
		b = append(b, ',')
	case raw.DistinctID != nil:
		b = append(b, `\"distinct_id\":`...)
		b = rawjson.AppendEscaped(b, raw.DistinctID)
		b = append(b, ',')
	}
	if raw.HasID || e.Heatmap {
		b = append(b, `\"uuid\":\"`...)
		b = event.AppendUUID(b, e.ID)
		b = append(b, `\",\"event\":`...)
	} else {
		b = append(b, `\"uuid\":null,\"event\":`...)
	}
	b = rawjson.AppendEscaped(b, e.NameJSON)
	b = append(b, `,\"properties\":`...)
	if e.Properties == nil {
		b = append(b, `{}`...)
	} else {
		b = rawjson.AppendEscaped(b, e.Properties)
	}
	if raw.Timestamp != nil {
		b = append(b, `,\"timestamp\":`...)
		b = rawjson.AppendEscaped(b, raw.Timestamp)
	}
	if raw.HasOffset {
		b = append(b, `,\"offset\":`...)
		b = strconv.AppendInt(b, raw.Offset, 10)
	}
	if !e.Heatmap && raw.Set != nil {
		b = append(b, `,\"$set\":`...)
		b = rawjson.AppendEscaped(b, raw.Set)
	}
	if !e.Heatmap && raw.SetOnce != nil {
		b = append(b, `,\"$set_once\":`...)
		b = rawjson.AppendEscaped(b, raw.SetOnce)
	}
	w.buf = append(b, '}')
}

// DataSize is the length in bytes of the data of e before it is escaped, which is what limits for AI events are about.
func DataSize(e *resolve.Event) int {
	raw := e.Raw
	n := len(`{"uuid":null,"event":,"properties":{}}`) + len(e.NameJSON) + max(len(e.Properties)-len(`{}`), 0)
	if raw.HasID || e.Heatmap {
		n += len(`"00000000-0000-0000-0000-000000000000"`) - len(`null`)
	}
	for _, field := range [...]struct {
		name  string
		value []byte
	}{
		{`"token":,`, raw.Token}, {`"distinct_id":,`, raw.DistinctID}, {`,"timestamp":`, raw.Timestamp}, {`,"$set":`, raw.Set}, {`,"$set_once":`, raw.SetOnce},
	} {
		if field.value != nil {
			n += len(field.name) + len(field.value)
		}
	}
	if raw.HasOffset {
		n += len(`,"offset":`) + len(strconv.FormatInt(raw.Offset, 10))
	}
	return n
}

// cut is what was written since from, fenced off from what is appended later.
func (w *Writer) cut(from int) []byte { return w.buf[from:len(w.buf):len(w.buf)] }

// common appends the nine headers that every record has and returns where they begin. A header without a value is null.
func (w *Writer) common(value, distinctID, sessionID, name []byte, t time.Time, noPerson, historical bool) (first int) {
	first = len(w.headers)
	from := len(w.buf)
	w.buf = strconv.AppendInt(w.buf, t.UnixMilli(), 10)
	ms := w.cut(from)
	flag := func(on bool) []byte {
		if on {
			return yes
		}
		return nil
	}
	w.headers = append(w.headers,
		kafka.Header{Key: event.HeaderToken, Value: w.token},
		kafka.Header{Key: event.HeaderDistinctID, Value: distinctID},
		kafka.Header{Key: event.HeaderSessionID, Value: sessionID},
		kafka.Header{Key: event.HeaderTimestamp, Value: ms},
		kafka.Header{Key: event.HeaderEvent, Value: name},
		kafka.Header{Key: event.HeaderUUID, Value: value[idFrom : idFrom+36]},
		kafka.Header{Key: event.HeaderNow, Value: w.now},
		kafka.Header{Key: event.HeaderNoPerson, Value: flag(noPerson)},
		kafka.Header{Key: event.HeaderHistorical, Value: flag(historical)},
	)
	return first
}

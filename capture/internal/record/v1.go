package record

import (
	"bytes"

	v1 "github.com/hog-go/hog/capture/internal/v1"
	"github.com/hog-go/hog/common/event"
	"github.com/hog-go/hog/common/rawjson"
)

// V1 is what the records of a v1 request have in common beside what Reset takes.
type V1 struct {
	Historical      bool   // of the batch
	Lib, LibVersion string // of the SDK; both or neither
}

// AddV1 appends the record of e for topic; keyed is false for a record that goes to any partition. What the client
// said beside the properties becomes properties, behind its own: where both name one, readers keep the last.
func (w *Writer) AddV1(e *v1.Event, batch *V1, topic string, keyed bool) {
	from := len(w.buf)
	w.open(e.Event.ID, e.Event.DistinctID, e.Event.IP)
	w.dataV1(e, batch)
	w.close(&e.Event, batch.Historical)
	value := w.cut(from)
	first := w.common(value, e.Event.DistinctID, e.Event.SessionID, e.Event.Name, e.Event.Time, noPerson(&e.Event), batch.Historical)
	w.headers[first+headerUUID].Value = e.Sent.ID // as the client wrote it
	w.finish(&e.Event, topic, keyed, value, first)
}

// headerUUID is the place of the uuid among the common headers.
const headerUUID = 5

func (w *Writer) dataV1(e *v1.Event, batch *V1) {
	b := append(w.buf, `{\"event\":`...)
	b = rawjson.AppendEscaped(b, e.Event.NameJSON)
	b = append(b, `,\"distinct_id\":`...)
	b = appendText(b, e.Event.DistinctID)
	b = append(b, `,\"uuid\":\"`...)
	b = event.AppendUUID(b, e.Event.ID)
	b = append(b, `\",\"properties\":{`...)
	s := splicer{first: true}
	if p := e.Event.Properties; p != nil {
		inside := bytes.TrimSpace(p[1 : len(p)-1])
		b = rawjson.AppendEscaped(b, inside)
		s.first = len(inside) == 0
	}
	s.b = b
	s.raw(`\"$session_id\":`, e.Sent.SessionID)
	s.raw(`\"$window_id\":`, e.Sent.WindowID)
	s.flag(`\"$cookieless_mode\":`, e.Options.Cookieless)
	s.flag(`\"$ignore_sent_at\":`, e.Options.DisableSkewCorrection)
	s.raw(`\"$product_tour_id\":`, e.Options.ProductTour)
	s.flag(`\"$process_person_profile\":`, e.Options.PersonProfile)
	if batch.Lib != "" {
		s.text(`\"$lib\":`, batch.Lib)
		s.text(`\"$lib_version\":`, batch.LibVersion)
	}
	b = append(s.b, `},\"timestamp\":`...)
	b = rawjson.AppendEscaped(b, e.Sent.Timestamp)
	w.buf = append(b, '}')
}

// splicer appends members to an object inside a JSON string.
type splicer struct {
	b     []byte
	first bool
}

func (s *splicer) name(name string) {
	if !s.first {
		s.b = append(s.b, ',')
	}
	s.first = false
	s.b = append(s.b, name...)
}

// raw appends a member whose value is JSON; nil is no member.
func (s *splicer) raw(name string, value []byte) {
	if value != nil {
		s.name(name)
		s.b = rawjson.AppendEscaped(s.b, value)
	}
}

func (s *splicer) flag(name string, value v1.Bool) {
	switch value {
	case v1.True:
		s.name(name)
		s.b = append(s.b, "true"...)
	case v1.False:
		s.name(name)
		s.b = append(s.b, "false"...)
	}
}

func (s *splicer) text(name, value string) {
	s.name(name)
	s.b = appendText(s.b, []byte(value))
}

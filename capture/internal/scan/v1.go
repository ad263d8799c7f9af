package scan

import (
	"bytes"
	"errors"
)

// ErrV1Shape is returned for JSON that is no batch of the v1 endpoints: a field is missing or has the wrong type.
var ErrV1Shape = errors.New("the body is no batch: created_at, batch, and event, uuid, distinct_id and timestamp of each event are required")

// V1Event is one event of a v1 batch, views into the payload.
type V1Event struct {
	Name       []byte // contents
	NameJSON   []byte // the same as JSON
	ID         []byte // contents, trimmed; whether it is a uuid is not checked
	DistinctID []byte // contents, trimmed
	Timestamp  []byte // JSON, a string
	SessionID  []byte // JSON, a string; nil is absent or null, here and below
	WindowID   []byte // JSON, a string
	Options    []byte // JSON of any kind
	Properties []byte // JSON of any kind; nil is absent, null is not
}

// V1Batch is the parsed body of a v1 request. It may be reused: Parse keeps the capacity of its slices, and
// MaxEvents.
type V1Batch struct {
	MaxEvents int // 0 is no limit

	CreatedAt  []byte // contents
	Historical bool
	Internal   bool // made inside the product: the client's address is nobody's
	Events     []V1Event

	text []byte // contents that had escapes
}

// Parse reads payload into b. err is ErrV1Shape, ErrTooMany or a *SyntaxError.
func (b *V1Batch) Parse(payload []byte) error {
	b.Forget()
	s := scanner{b: payload}
	fits, ok := false, false
	if s.space() == '{' {
		fits, ok = b.object(&s)
	} else {
		ok = s.skip()
	}
	if ok {
		ok = s.end()
	}
	switch {
	case s.tooMany:
		return ErrTooMany
	case !ok:
		return s.err
	case !fits:
		return ErrV1Shape
	}
	return nil
}

// Forget empties b and keeps its memory, unless that has grown large.
func (b *V1Batch) Forget() {
	clear(b.Events)
	*b = V1Batch{MaxEvents: b.MaxEvents, Events: b.Events[:0], text: b.text[:0]}
	if cap(b.text) > maxText {
		b.text = nil
	}
}

// maxText bounds the buffer of rewritten text that a reused batch keeps.
const maxText = 1 << 20

func (b *V1Batch) object(s *scanner) (fits, ok bool) {
	if !s.open() {
		return false, false
	}
	fits = true
	var created, batch bool
	for first := true; ; first = false {
		key, done, ok := s.key(first)
		if !ok {
			return false, false
		}
		if done {
			return fits && created && batch, true
		}
		good := true
		switch string(key) {
		case "created_at":
			b.CreatedAt, good, ok = b.contents(s)
			created = created || good
		case "historical_migration":
			var raw []byte
			raw, ok = s.raw()
			b.Historical, good = string(raw) == "true", isBool(raw)
		case "capture_internal":
			var raw []byte
			raw, ok = s.raw()
			b.Internal = string(raw) == "true"
		case "batch":
			good, ok = b.list(s)
			batch = true
		default:
			ok = s.skip()
		}
		if !ok {
			return false, false
		}
		fits = fits && good
	}
}

func (b *V1Batch) list(s *scanner) (fits, ok bool) {
	if s.i >= len(s.b) || s.b[s.i] != '[' {
		return false, s.skip()
	}
	if !s.open() {
		return false, false
	}
	b.Events, fits = b.Events[:0], true
	for first := true; ; first = false {
		done, ok := s.more(first)
		if done || !ok {
			return fits, ok
		}
		if s.b[s.i] != '{' {
			if fits = false; !s.skip() {
				return false, false
			}
			continue
		}
		if n := len(b.Events); n == b.MaxEvents && n > 0 {
			s.tooMany = true
			return false, false
		}
		b.Events = append(b.Events, V1Event{})
		good, ok := b.event(s, &b.Events[len(b.Events)-1])
		if !ok {
			return false, false
		}
		fits = fits && good
	}
}

func (b *V1Batch) event(s *scanner, e *V1Event) (fits, ok bool) {
	if !s.open() {
		return false, false
	}
	fits = true
	for first := true; ; first = false {
		key, done, ok := s.key(first)
		if !ok {
			return false, false
		}
		if done {
			return fits && e.Name != nil && e.ID != nil && e.DistinctID != nil && e.Timestamp != nil, true
		}
		good := true
		switch string(key) {
		case "event":
			if e.NameJSON, good, ok = s.typed('"'); good && ok {
				e.Name = Text(e.NameJSON, &b.text)
			}
		case "uuid":
			e.ID, good, ok = b.trimmed(s)
		case "distinct_id":
			e.DistinctID, good, ok = b.trimmed(s)
		case "timestamp":
			e.Timestamp, good, ok = s.typed('"')
		case "session_id":
			e.SessionID, good, ok = s.optional('"')
		case "window_id":
			e.WindowID, good, ok = s.optional('"')
		case "options":
			e.Options, ok = s.nonNull()
		case "properties":
			e.Properties, ok = s.raw()
		default:
			ok = s.skip()
		}
		if !ok {
			return false, false
		}
		fits = fits && good
	}
}

// contents reads a string and returns its contents, which are not nil then.
func (b *V1Batch) contents(s *scanner) (text []byte, fits, ok bool) {
	raw, fits, ok := s.typed('"')
	if !fits || !ok {
		return nil, fits, ok
	}
	return Text(raw, &b.text), true, true
}

// trimmed is contents without the white space around it.
func (b *V1Batch) trimmed(s *scanner) (text []byte, fits, ok bool) {
	text, fits, ok = b.contents(s)
	if t := bytes.TrimSpace(text); t != nil || text == nil {
		return t, fits, ok
	}
	return text[:0], fits, ok // TrimSpace makes nil of blanks, which would count as absent
}

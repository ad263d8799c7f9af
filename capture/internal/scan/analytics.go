package scan

import (
	"errors"
	"strconv"

	"github.com/google/uuid"

	"github.com/hog-go/hog/common/event"
)

// ErrShape is returned for JSON that is none of the request shapes; the words are the original's.
var ErrShape = errors.New("data did not match any variant of untagged enum RawRequest")

// Shape is the form in which events came.
type Shape uint8

// The shapes, in the order in which they are tried.
const (
	Array  Shape = iota // a list of events
	Batch               // an object with a token and a batch
	Single              // one event
	Engage              // one event without a name
)

// Has is a set of properties whose mere presence matters.
type Has uint8

// Properties by presence.
const (
	HasCaptureInternal Has = 1 << iota
	HasHeatmapData
	HasPrevPathname
	HasCurrentURL
	HasProductTour
	HasGateway // any property whose name begins $ai_gateway
)

// Event holds the fields of one event as JSON text, views into the payload. nil is absent, and null where null means
// the same.
type Event struct {
	Token      []byte // a string
	DistinctID []byte // any kind
	Name       []byte // the contents of the name, not JSON; nil in the shape Engage
	NameJSON   []byte // the same as JSON
	Properties []byte // an object
	Timestamp  []byte // a string
	Set        []byte // an object
	SetOnce    []byte // an object
	ID         uuid.UUID
	HasID      bool
	HasOffset  bool
	Offset     int64 // milliseconds

	// Of the properties:
	PropToken      []byte // a string, else nil
	PropDistinctID []byte // any kind
	Cookieless     []byte // any kind
	IgnoreSentAt   bool
	Has            Has
}

// ErrTooMany is returned for a list of more events than a request may have.
var ErrTooMany = errors.New("too many events in one request")

// Request is a parsed payload. It may be reused: Parse keeps the capacity of its slices, and MaxEvents.
type Request struct {
	MaxEvents int // 0 is no limit

	Shape      Shape
	Token      []byte // of a batch, a string
	SentAt     []byte // of a batch, a string or nil
	Historical bool   // of a batch
	Events     []Event

	top        Event
	names      []byte // contents of names that had escapes
	batchToken []byte
	hasBatch   bool // a list of events was seen under batch
	badBatch   bool // a field of the batch has the wrong type
}

// Parse reads payload into r. The first shape that fits wins; err is ErrShape or a *SyntaxError.
func (r *Request) Parse(payload []byte) error {
	r.Forget()
	s := scanner{b: payload}
	fits, ok := r.parse(&s)
	if ok {
		ok = s.end()
	}
	switch {
	case s.tooMany:
		return ErrTooMany
	case !ok:
		return s.err
	case !fits:
		return ErrShape
	}
	return nil
}

// Forget empties r and keeps its memory, but nothing that it points to.
func (r *Request) Forget() {
	clear(r.Events)
	*r = Request{MaxEvents: r.MaxEvents, Events: r.Events[:0], names: r.names[:0]}
}

func (r *Request) parse(s *scanner) (fits, ok bool) {
	switch s.space() {
	case '[':
		r.Shape = Array
		return r.list(s)
	case '{':
		fits, ok = r.event(s, &r.top, true)
		switch {
		case !ok:
			return false, false
		case r.hasBatch && !r.badBatch && r.batchToken != nil:
			r.Shape, r.Token = Batch, r.batchToken
			return true, true
		case r.top.Name != nil:
			r.Shape = Single
		default:
			r.Shape = Engage
		}
		r.Events = append(r.Events[:0], r.top)
		r.Historical, r.SentAt = false, nil
		return fits, true
	default:
		return false, s.skip()
	}
}

// list reads the array at i into r.Events; it fits if each element is an event with a name.
func (r *Request) list(s *scanner) (fits, ok bool) {
	if !s.open() {
		return false, false
	}
	r.Events, fits = r.Events[:0], true
	for first := true; ; first = false {
		done, ok := s.more(first)
		if done || !ok {
			return fits, ok
		}
		if s.b[s.i] != '{' {
			fits = false
			if !s.skip() {
				return false, false
			}
			continue
		}
		n := len(r.Events)
		if n == r.MaxEvents && n > 0 {
			s.tooMany = true
			return false, false
		}
		if n < cap(r.Events) {
			r.Events = r.Events[:n+1]
			r.Events[n] = Event{}
		} else {
			r.Events = append(r.Events, Event{})
		}
		match, ok := r.event(s, &r.Events[n], false)
		if !ok {
			return false, false
		}
		fits = fits && match && r.Events[n].Name != nil
	}
}

// event reads the object at i into e. top says that the object is the payload itself, which may be a batch. match is
// false if a known field has the wrong type.
func (r *Request) event(s *scanner, e *Event, top bool) (match, ok bool) {
	if !s.open() {
		return false, false
	}
	match = true
	for first := true; ; first = false {
		key, done, ok := s.key(first)
		if done || !ok {
			return match, ok
		}
		fits := true
		switch string(key) {
		case "event":
			// A name that is no string makes the event nameless, not unreadable, at the top: {"event": 5} is an Engage.
			var isString bool
			e.NameJSON, isString, ok = s.typed('"')
			if e.Name = nil; isString && ok {
				e.Name = Text(e.NameJSON, &r.names)
			}
			fits = isString || top
		case "distinct_id", "$distinct_id":
			e.DistinctID, ok = s.raw()
			if isNull(e.DistinctID) {
				e.DistinctID = nil
			}
		case "properties":
			fits, ok = s.properties(e)
		case "timestamp":
			e.Timestamp, fits, ok = s.optional('"')
		case "uuid":
			fits, ok = s.id(e)
		case "token", "api_key", "$token":
			var token []byte
			if token, fits, ok = s.optional('"'); token != nil {
				e.Token = token
			}
			if key[0] != '$' && token != nil && top {
				r.batchToken = token
			}
		case "offset":
			fits, ok = s.offset(e)
		case "$set":
			e.Set, fits, ok = s.optional('{')
		case "$set_once":
			e.SetOnce, fits, ok = s.optional('{')
		default:
			if top {
				ok = r.batchField(s, key)
			} else {
				ok = s.skip()
			}
		}
		if !ok {
			return false, false
		}
		match = match && fits
	}
}

// batchField reads a member of the payload's object that only a batch has; in other shapes it is unknown and ignored.
func (r *Request) batchField(s *scanner, key []byte) bool {
	var fits, ok bool
	switch string(key) {
	case "batch":
		if s.space() != '[' {
			fits, ok = false, s.skip()
			break
		}
		fits, ok = r.list(s)
		r.hasBatch = true
	case "historical_migration":
		var raw []byte
		raw, ok = s.raw()
		r.Historical = string(raw) == "true"
		fits = r.Historical || string(raw) == "false" || isNull(raw)
	case "sent_at":
		r.SentAt, fits, ok = s.optional('"')
	default:
		return s.skip()
	}
	r.badBatch = r.badBatch || !fits
	return ok
}

// typed skips the value at i and returns its text if it begins with kind.
func (s *scanner) typed(kind byte) (raw []byte, fits, ok bool) {
	fits = s.i < len(s.b) && s.b[s.i] == kind
	raw, ok = s.raw()
	if !fits {
		raw = nil
	}
	return raw, fits, ok
}

// optional is typed for a field that may be null.
func (s *scanner) optional(kind byte) (raw []byte, fits, ok bool) {
	start := s.i
	raw, fits, ok = s.typed(kind)
	if !fits && ok {
		fits = isNull(s.b[start:s.i])
	}
	return raw, fits, ok
}

func (s *scanner) id(e *Event) (fits, ok bool) {
	e.HasID = false
	raw, fits, ok := s.optional('"')
	if !ok || !fits || raw == nil || len(raw) == 2 {
		return fits, ok
	}
	var buf [64]byte
	arena := buf[:0]
	id, err := event.ParseUUID(Text(raw, &arena))
	e.ID, e.HasID = id, err == nil
	return err == nil, true
}

func (s *scanner) offset(e *Event) (fits, ok bool) {
	e.HasOffset = false
	raw, ok := s.raw()
	if !ok || isNull(raw) {
		return true, ok
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	e.Offset, e.HasOffset = n, err == nil
	return err == nil, true
}

// properties notes the few properties that decide about an event and skips over the others.
func (s *scanner) properties(e *Event) (fits, ok bool) {
	start := s.i
	if start >= len(s.b) || s.b[start] != '{' {
		return false, s.skip()
	}
	e.PropToken, e.PropDistinctID, e.Cookieless, e.IgnoreSentAt, e.Has = nil, nil, nil, false, 0
	if !s.open() {
		return false, false
	}
	for first := true; ; first = false {
		key, done, ok := s.key(first)
		if !ok {
			return false, false
		}
		if done {
			e.Properties = s.b[start:s.i]
			return true, true
		}
		if !e.property(s, key) {
			return false, false
		}
	}
}

func (e *Event) property(s *scanner, key []byte) (ok bool) {
	switch string(key) {
	case "token":
		e.PropToken, _, ok = s.typed('"')
		return ok
	case "distinct_id":
		e.PropDistinctID, ok = s.raw()
		return ok
	case "$cookieless_mode":
		e.Cookieless, ok = s.raw()
		return ok
	case "$ignore_sent_at":
		raw, ok := s.raw()
		e.IgnoreSentAt = string(raw) == "true"
		return ok
	case "capture_internal":
		e.Has |= HasCaptureInternal
	case "$heatmap_data":
		e.Has |= HasHeatmapData
	case "$prev_pageview_pathname":
		e.Has |= HasPrevPathname
	case "$current_url":
		e.Has |= HasCurrentURL
	case "$product_tour_id":
		e.Has |= HasProductTour
	default:
		if len(key) >= 11 && string(key[:11]) == "$ai_gateway" {
			e.Has |= HasGateway
		}
	}
	return s.skip()
}

func isNull(raw []byte) bool { return string(raw) == "null" }

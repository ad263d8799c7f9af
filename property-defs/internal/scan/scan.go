// Package scan reads events of the topic clickhouse_events_json: the four fields that matter, and the members of
// properties, which is JSON text in a JSON string. It validates what it passes over, as strictly as serde_json does for the
// original, since a payload with an error anywhere makes no definitions; it decodes nothing that nobody asks for, and builds no
// tree.
//
// The properties are read where they stand, in one pass with the rest, quotes being \" there. Only a text that has rarer escapes is
// unescaped into a buffer first, and read from that.
//
//	payload ─▶ Event: team, project, name ─▶ Members: places of keys and values in the properties
package scan

import (
	"errors"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Errors of a payload. Their texts end up in a log line about a message that is skipped.
var (
	ErrSyntax  = errors.New("not valid JSON")
	ErrTeam    = errors.New("team_id is missing or no integer of 32 bits")
	ErrProject = errors.New("project_id is missing or no integer of 64 bits")
	ErrName    = errors.New("event is missing or no string")
	ErrProps   = errors.New("properties is no string")
	ErrTwice   = errors.New("a field is given twice")
)

// Event is an event as far as definitions are made of it. It is good until the next call of Scanner.Event.
type Event struct {
	Team    int32
	Project int64
	Name    []byte
	// Object tells whether the properties are JSON and an object, whose members are in Members.
	Object bool
	Members
}

// Scanner holds the buffers of one goroutine. Its zero value is ready for use.
type Scanner struct {
	cursor
	name, text []byte // unescaped; text has the properties if they could not be read where they stand
	lists      [lists][]Member
	names      []byte // keys that had escapes
}

// maxBuffer is the largest buffer kept from one event to the next; Kafka's usual limit of a record is 1 MB.
const maxBuffer = 4 << 20

// Event reads one payload. Extra fields are ignored, but must be JSON.
func (s *Scanner) Event(payload []byte) (Event, error) {
	if cap(s.text) > maxBuffer {
		s.text = nil
	}
	s.cursor = cursor{b: payload}
	s.text = s.text[:0]
	var e Event
	if s.space() != '{' {
		return e, ErrSyntax
	}
	s.i++
	var seen uint8
	for first := true; ; first = false {
		from, to, done, ok := s.member(first)
		if !ok {
			return e, ErrSyntax
		}
		if done {
			break
		}
		field, err := s.field(&e, from, to)
		if err != nil {
			return e, err
		}
		if seen&field != 0 {
			return e, ErrTwice
		}
		seen |= field
	}
	if s.space(); s.i < len(s.b) {
		return e, ErrSyntax
	}
	switch {
	case seen&fieldTeam == 0:
		return e, ErrTeam
	case seen&fieldProject == 0:
		return e, ErrProject
	case seen&fieldName == 0:
		return e, ErrName
	}
	if len(s.text) > 0 {
		s.cursor = cursor{b: s.text}
		e.Object = s.properties(&e.Members)
	}
	return e, nil
}

const (
	fieldTeam = 1 << iota
	fieldProject
	fieldName
	fieldProperties
)

// field reads the value of one field and tells which it was, 0 for those of no interest.
func (s *Scanner) field(e *Event, from, to int) (uint8, error) {
	key := s.b[from:to]
	if s.escaped {
		var ok bool
		if key, ok = decode(nil, s.b[from:to+1]); !ok {
			return 0, ErrSyntax
		}
	}
	switch string(key) {
	case "team_id":
		v, ok := s.integer(32)
		if !ok {
			return 0, ErrTeam
		}
		e.Team = int32(v)
		return fieldTeam, nil
	case "project_id":
		v, ok := s.integer(64)
		if !ok {
			return 0, ErrProject
		}
		e.Project = v
		return fieldProject, nil
	case "event":
		var ok bool
		if s.name, ok = s.unquoted(s.name); !ok {
			return 0, ErrName
		}
		e.Name = s.name
		return fieldName, nil
	case "properties":
		if s.peek() == 'n' {
			return fieldProperties, s.ignore()
		}
		if s.peek() != '"' {
			return 0, ErrProps
		}
		start := s.i
		if e.Object = s.inPlace(&e.Members); e.Object {
			return fieldProperties, nil
		}
		s.i = start
		var ok bool
		if s.text, ok = s.unquoted(s.text); !ok {
			return 0, ErrProps
		}
		return fieldProperties, nil
	default:
		return 0, s.ignore()
	}
}

func (s *Scanner) ignore() error {
	if !s.skip() {
		return ErrSyntax
	}
	return nil
}

// integer reads an integer, or a string that holds one as Rust's parse has it: with a sign or without, no blanks.
func (s *Scanner) integer(bits int) (int64, bool) {
	start := s.i
	switch c := s.peek(); {
	case c == '"':
		var ok bool
		if s.names, ok = s.unquoted(s.names[:0]); !ok {
			return 0, false
		}
		v, err := strconv.ParseInt(string(s.names), 10, bits)
		return v, err == nil
	case c == '-' || c >= '0' && c <= '9':
		if !s.number() {
			return 0, false
		}
		text := s.b[start:s.i]
		v, err := strconv.ParseInt(string(text), 10, bits)
		return v, err == nil && string(text) != "-0" // which serde_json takes for a float
	default:
		return 0, false
	}
}

// inPlace reads the properties inside the payload, from their opening quote to the closing one. It reports false for what it cannot
// read, right or wrong.
func (s *Scanner) inPlace(m *Members) bool {
	start := s.i + 1
	s.i = start
	s.inner = true
	ok := s.properties(m) && utf8.Valid(s.b[start:s.i])
	s.inner, s.strict, s.depth = false, false, 0
	return ok
}

// unquoted reads a string into buf, from its start, and checks that it is valid UTF-8.
func (s *Scanner) unquoted(buf []byte) ([]byte, bool) {
	if s.peek() != '"' {
		return buf, false
	}
	s.i++
	buf = slices.Grow(buf[:0], len(s.b)-s.i+8)
	buf, ok := s.unescape(buf[:cap(buf)])
	return buf, ok && utf8.Valid(buf)
}

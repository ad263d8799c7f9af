package scan

import (
	"errors"

	"github.com/hog-go/hog/common/event"
)

// ErrRecordingShape is returned for JSON that is neither a recording nor a list of them; the words are the original's.
var ErrRecordingShape = errors.New("data did not match any variant of untagged enum RecordingPayload")

// Recording is one item of a replay request, views into the payload as JSON text. nil is absent or null. The zero
// fields of Event keep their meaning; Name is only checked to be there.
type Recording struct {
	Event
	SentAt []byte // a string

	// Of the properties, of any kind where none is named:
	SessionID      []byte
	WindowID       []byte
	SnapshotData   []byte
	SnapshotSource []byte
	SnapshotHost   []byte
	Lib            []byte // a string
}

// ParseRecordings appends the recordings in payload to dst. err is ErrRecordingShape or a *SyntaxError.
func ParseRecordings(dst []Recording, payload []byte) ([]Recording, error) {
	s := scanner{b: payload}
	fits, ok := false, false
	switch s.space() {
	case '{':
		dst = append(dst, Recording{})
		fits, ok = s.recording(&dst[len(dst)-1])
	case '[':
		dst, fits, ok = s.recordings(dst)
	default:
		ok = s.skip()
	}
	if ok {
		ok = s.end()
	}
	if !ok {
		return dst, s.err
	}
	if !fits {
		return dst, ErrRecordingShape
	}
	return dst, nil
}

func (s *scanner) recordings(dst []Recording) (out []Recording, fits, ok bool) {
	if !s.open() {
		return dst, false, false
	}
	fits = true
	for first := true; ; first = false {
		done, ok := s.more(first)
		if done || !ok {
			return dst, fits, ok
		}
		if s.b[s.i] != '{' {
			if fits = false; !s.skip() {
				return dst, false, false
			}
			continue
		}
		dst = append(dst, Recording{})
		match, ok := s.recording(&dst[len(dst)-1])
		if !ok {
			return dst, false, false
		}
		fits = fits && match
	}
}

// recording reads the object at i; match is false if a known field has the wrong type.
func (s *scanner) recording(r *Recording) (match, ok bool) {
	if !s.open() {
		return false, false
	}
	match = true
	for first := true; ; first = false {
		key, done, ok := s.key(first)
		if !ok {
			return false, false
		}
		if done {
			return match && r.NameJSON != nil, true
		}
		fits := true
		switch string(key) {
		case "event":
			r.NameJSON, fits, ok = s.typed('"')
		case "distinct_id", "$distinct_id":
			r.DistinctID, ok = s.nonNull()
		case "token", "$token", "api_key":
			var token []byte
			if token, fits, ok = s.optional('"'); token != nil {
				r.Token = token
			}
		case "timestamp":
			r.Timestamp, fits, ok = s.optional('"')
		case "offset":
			fits, ok = s.offset(&r.Event)
		case "sent_at":
			r.SentAt, _, ok = s.typed('"')
		case "uuid":
			fits, ok = s.recordingID(r)
		case "properties":
			fits, ok = s.recordingProperties(r)
		default:
			ok = s.skip()
		}
		if !ok {
			return false, false
		}
		match = match && fits
	}
}

func (s *scanner) nonNull() ([]byte, bool) {
	raw, ok := s.raw()
	if isNull(raw) {
		return nil, ok
	}
	return raw, ok
}

// recordingID differs from an event's uuid in that the empty string is no uuid.
func (s *scanner) recordingID(r *Recording) (fits, ok bool) {
	raw, fits, ok := s.optional('"')
	if !ok || !fits || raw == nil {
		return fits, ok
	}
	id, err := event.ParseUUID(raw[1 : len(raw)-1])
	r.ID, r.HasID = id, err == nil
	return err == nil, true
}

func (s *scanner) recordingProperties(r *Recording) (fits, ok bool) {
	if s.i >= len(s.b) || s.b[s.i] != '{' {
		return false, s.skip()
	}
	if !s.open() {
		return false, false
	}
	fits = true
	for first := true; ; first = false {
		key, done, ok := s.key(first)
		if done || !ok {
			return fits, ok
		}
		good := true
		switch string(key) {
		case "$session_id":
			r.SessionID, ok = s.nonNull()
		case "$window_id":
			r.WindowID, ok = s.nonNull()
		case "$snapshot_data":
			r.SnapshotData, ok = s.nonNull()
		case "$snapshot_source":
			r.SnapshotSource, ok = s.nonNull()
		case "$snapshot_host":
			r.SnapshotHost, ok = s.nonNull()
		case "$lib":
			r.Lib, good, ok = s.optional('"')
		case "$lib_version":
			_, good, ok = s.optional('"')
		case "$cookieless_mode":
			r.Cookieless, ok = s.nonNull()
			good = r.Cookieless == nil || isBool(r.Cookieless)
		case "$ignore_sent_at":
			var raw []byte
			raw, ok = s.nonNull()
			r.IgnoreSentAt = string(raw) == "true"
			good = raw == nil || isBool(raw)
		case "distinct_id":
			r.PropDistinctID, ok = s.nonNull()
		case "token":
			r.PropToken, _, ok = s.typed('"')
		default:
			ok = s.skip()
		}
		if !ok {
			return false, false
		}
		fits = fits && good
	}
}

func isBool(raw []byte) bool { return string(raw) == "true" || string(raw) == "false" }

// Package replay turns the items of a session recording request into the one record that the replay ingester reads:
// all items of a request belong to the session of the first. Source: PostHog's rust/capture/src/events/recordings.rs.
package replay

import (
	"bytes"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/hog-go/hog/capture/internal/reject"
	"github.com/hog-go/hog/capture/internal/resolve"
	"github.com/hog-go/hog/capture/internal/scan"
	"github.com/hog-go/hog/common/event"
)

// EventName is the name of the event that a recording becomes.
const EventName = "$snapshot_items"

// maxSessionID is in bytes.
const maxSessionID = 70

// Recording is one request, ready to be written. Byte slices are views into the payload or the arena; those that end
// in JSON are JSON text.
type Recording struct {
	DistinctID []byte
	IP         []byte
	ID         uuid.UUID
	Time       time.Time
	Cookieless bool
	SessionID  []byte

	SessionJSON []byte
	WindowJSON  []byte
	Source      string // web or mobile
	Lib         []byte
	HostJSON    []byte // nil is unknown
	Items       []scan.Recording

	// Where it goes, for the stages after this one:
	Topic      string
	NoPerson   bool // skip person processing
	Redirected bool // it leaves its pipeline, and is keyed as an event
	DLQ        bool // it is redirected to the dead letters
}

// Subject is what stands for the person in the key of a redirected recording, as in resolve.Event.
func (r *Recording) Subject() []byte {
	if r.Cookieless {
		return r.IP
	}
	return r.DistinctID
}

// Token is the token of the first item, checked for its shape.
func Token(items []scan.Recording, arena *[]byte) ([]byte, error) {
	raw := items[0].Token
	if raw == nil {
		raw = items[0].PropToken
	}
	if raw == nil {
		return nil, reject.NoToken
	}
	return resolve.ValidToken(scan.Text(raw, arena))
}

// SentAt is when the client says that it sent the request: the first item's word, else fallback.
func SentAt(items []scan.Recording, fallback time.Time, arena *[]byte) time.Time {
	if raw := items[0].SentAt; raw != nil {
		if t, ok := event.ParseISO(string(scan.Text(raw, arena))); ok {
			return t
		}
	}
	return fallback
}

// Resolve computes what the record of items says. items must not be empty. userAgent is that of the request, "" if
// unknown. Errors are *reject.Error.
func Resolve(items []scan.Recording, req *resolve.Request, userAgent string, arena *[]byte) (*Recording, error) {
	first := &items[0]
	r := &Recording{IP: req.ClientIP, Items: items}
	if err := r.session(first, arena); err != nil {
		return nil, err
	}
	clock := event.Clock{SentAt: req.SentAt, IgnoreSentAt: first.IgnoreSentAt, Now: req.Now, HasOffset: first.HasOffset, OffsetMillis: first.Offset}
	if first.Timestamp != nil {
		clock.Timestamp = string(scan.Text(first.Timestamp, arena))
	}
	r.Time, _, _ = clock.Time()
	if r.ID = first.ID; !first.HasID {
		r.ID = resolve.NewID(r.Time)
	}
	id := first.DistinctID
	if id == nil {
		id = first.PropDistinctID
	}
	if id == nil {
		return nil, reject.NoDistinctID
	}
	if r.DistinctID, _ = resolve.CleanID(id, arena); len(r.DistinctID) == 0 { // white space counts as an id here
		return nil, reject.NoDistinctID
	}
	r.Cookieless = string(first.Cookieless) == "true"
	r.labels(first, userAgent, arena)
	for i := range items {
		if d := items[i].SnapshotData; d == nil || d[0] != '[' && d[0] != '{' {
			return nil, reject.NoSnapshot
		}
	}
	return r, nil
}

func (r *Recording) session(first *scan.Recording, arena *[]byte) error {
	switch {
	case first.SessionID == nil:
		return reject.NoSessionID
	case first.SessionID[0] != '"':
		return reject.InvalidSession
	}
	r.SessionJSON = first.SessionID
	r.SessionID = scan.Text(first.SessionID, arena)
	if len(r.SessionID) > maxSessionID {
		return reject.InvalidSession
	}
	for _, c := range r.SessionID {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '-':
		default:
			return reject.InvalidSession
		}
	}
	return nil
}

// IsMobile tells whether an app made the recording, by its first item.
func IsMobile(items []scan.Recording) bool { return isMobile(&items[0]) }

// isMobile knows one word: billing tells mobile recordings by it, so that it must never be what a client made up.
func isMobile(first *scan.Recording) bool { return string(first.SnapshotSource) == `"mobile"` }

func (r *Recording) labels(first *scan.Recording, userAgent string, arena *[]byte) {
	if r.WindowJSON = first.WindowID; r.WindowJSON == nil {
		r.WindowJSON = r.SessionJSON
	}
	if r.Source = "web"; isMobile(first) {
		r.Source = "mobile"
	}
	switch agent, _, _ := strings.Cut(userAgent, "/"); {
	case first.Lib != nil:
		r.Lib = scan.Text(first.Lib, arena)
	case strings.Contains(agent, "posthog") && utf8.ValidString(agent):
		r.Lib = []byte(agent)
	default:
		r.Lib = []byte("web")
	}
	if h := first.SnapshotHost; h != nil && h[0] == '"' {
		r.HostJSON = h
	}
}

// EachRun calls f for the snapshots of the recording as JSON text, in order: with those of one item at a time, as they
// stand between the brackets of a list. Runs are never empty.
func (r *Recording) EachRun(f func(run []byte)) {
	for i := range r.Items {
		run := bytes.TrimSpace(r.Items[i].SnapshotData)
		if run[0] == '[' {
			run = bytes.TrimSpace(run[1 : len(run)-1])
		}
		if len(run) > 0 {
			f(run)
		}
	}
}

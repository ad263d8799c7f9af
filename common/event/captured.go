package event

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/hog-go/hog/common/rawjson"
)

// Captured is the value of a record that capture publishes, one event. Its JSON form is an object with the fields in
// the order of the struct. Source: CapturedEvent in PostHog's rust/common/types/src/event.rs.
type Captured struct {
	UUID       uuid.UUID
	DistinctID string
	IP         string // client address in text, may be empty
	Data       string // JSON text of a Raw event: encoded twice on the wire
	Now        string // receive time, RFC 3339
	SentAt     string // RFC 3339 as sent; "" is unknown, and left out
	Token      string
	Event      string
	Timestamp  time.Time // event time after correction, UTC
	Cookieless bool      // is_cookieless_mode: written only when true
	Historical bool      // historical_migration: written only when true
	SessionID  string    // replay only: a header, never in the JSON that we write
}

// Key is the record key that keeps the events of one person in one partition: token:distinct_id, or token:ip for a
// cookieless event, whose distinct id is made later.
func (c *Captured) Key() string {
	if c.Cookieless {
		return c.Token + ":" + c.IP
	}
	return c.Token + ":" + c.DistinctID
}

// AppendJSON appends the wire form of c to dst.
func (c *Captured) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"uuid":"`...)
	dst = AppendUUID(dst, c.UUID)
	dst = append(dst, `","distinct_id":`...)
	dst = rawjson.AppendString(dst, c.DistinctID)
	dst = append(dst, `,"ip":`...)
	dst = rawjson.AppendString(dst, c.IP)
	dst = append(dst, `,"data":`...)
	dst = rawjson.AppendString(dst, c.Data)
	dst = append(dst, `,"now":`...)
	dst = rawjson.AppendString(dst, c.Now)
	if c.SentAt != "" {
		dst = append(dst, `,"sent_at":`...)
		dst = rawjson.AppendString(dst, c.SentAt)
	}
	dst = append(dst, `,"token":`...)
	dst = rawjson.AppendString(dst, c.Token)
	dst = append(dst, `,"event":`...)
	dst = rawjson.AppendString(dst, c.Event)
	dst = append(dst, `,"timestamp":"`...)
	dst = AppendTime(dst, c.Timestamp)
	dst = append(dst, '"')
	if c.Cookieless {
		dst = append(dst, `,"is_cookieless_mode":true`...)
	}
	if c.Historical {
		dst = append(dst, `,"historical_migration":true`...)
	}
	return append(dst, '}')
}

// MarshalJSON is AppendJSON for encoding/json.
func (c *Captured) MarshalJSON() ([]byte, error) { return c.AppendJSON(nil), nil }

// UnmarshalJSON reads the wire form of any capture version: missing booleans are false, an empty sent_at is unknown,
// and session_id is accepted.
func (c *Captured) UnmarshalJSON(data []byte) error {
	var w struct {
		UUID       uuid.UUID `json:"uuid"`
		DistinctID string    `json:"distinct_id"`
		SessionID  string    `json:"session_id"`
		IP         string    `json:"ip"`
		Data       string    `json:"data"`
		Now        string    `json:"now"`
		SentAt     *string   `json:"sent_at"`
		Token      string    `json:"token"`
		Event      string    `json:"event"`
		Timestamp  string    `json:"timestamp"`
		Cookieless bool      `json:"is_cookieless_mode"`
		Historical bool      `json:"historical_migration"`
	}
	if err := json.Unmarshal(data, &w); err != nil {
		return fmt.Errorf("read captured event: %w", err)
	}
	*c = Captured{
		UUID: w.UUID, DistinctID: w.DistinctID, SessionID: w.SessionID, IP: w.IP, Data: w.Data, Now: w.Now,
		Token: w.Token, Event: w.Event, Cookieless: w.Cookieless, Historical: w.Historical,
	}
	if w.SentAt != nil {
		c.SentAt = *w.SentAt
	}
	if w.Timestamp != "" {
		t, err := time.Parse(time.RFC3339, w.Timestamp)
		if err != nil {
			return fmt.Errorf("read captured event: timestamp %q is not RFC 3339: %w", w.Timestamp, err)
		}
		c.Timestamp = t.UTC()
	}
	return nil
}

const hexDigits = "0123456789abcdef"

// AppendUUID appends the lower-case hyphenated form of id.
func AppendUUID(dst []byte, id uuid.UUID) []byte {
	for i, b := range id {
		switch i {
		case 4, 6, 8, 10:
			dst = append(dst, '-')
		}
		dst = append(dst, hexDigits[b>>4], hexDigits[b&15])
	}
	return dst
}

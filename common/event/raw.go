package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
)

// MaxDistinctID is the longest distinct id that is kept, in characters (Unicode scalar values); the rest is cut off.
const MaxDistinctID = 200

// Raw is an event as an SDK sends it, and the JSON text inside Captured.Data. Unknown top-level fields are dropped.
// Source: RawEvent in PostHog's rust/common/types/src/event.rs.
type Raw struct {
	Token      string          // input also as $token or api_key; "" is absent
	DistinctID json.RawMessage // any JSON, input also as $distinct_id; nil is absent
	UUID       *uuid.UUID      // written as null when unknown; input may be missing, null or ""
	Event      string
	Properties map[string]json.RawMessage
	Timestamp  string // as the client wrote it; "" is absent
	Offset     *int64 // milliseconds before now
	Set        json.RawMessage
	SetOnce    json.RawMessage
}

type rawOut struct {
	Token      string                     `json:"token,omitempty"`
	DistinctID json.RawMessage            `json:"distinct_id,omitempty"`
	UUID       *uuid.UUID                 `json:"uuid"`
	Event      string                     `json:"event"`
	Properties map[string]json.RawMessage `json:"properties"`
	Timestamp  string                     `json:"timestamp,omitempty"`
	Offset     *int64                     `json:"offset,omitempty"`
	Set        json.RawMessage            `json:"$set,omitempty"`
	SetOnce    json.RawMessage            `json:"$set_once,omitempty"`
}

// MarshalJSON writes the fields in the wire order; uuid and properties are always there.
func (r Raw) MarshalJSON() ([]byte, error) {
	out := rawOut(r)
	if out.Properties == nil {
		out.Properties = map[string]json.RawMessage{}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(out); err != nil {
		return nil, fmt.Errorf("write raw event %q: %w", r.Event, err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// UnmarshalJSON reads an event under any of its field aliases.
func (r *Raw) UnmarshalJSON(data []byte) error {
	var in struct {
		rawOut
		DollarToken      *string         `json:"$token"`
		APIKey           *string         `json:"api_key"`
		DollarDistinctID json.RawMessage `json:"$distinct_id"`
		UUID             *string         `json:"uuid"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return fmt.Errorf("read raw event: %w", err)
	}
	*r = Raw(in.rawOut)
	r.UUID = nil
	if in.UUID != nil && *in.UUID != "" {
		id, err := ParseUUID([]byte(*in.UUID))
		if err != nil {
			return fmt.Errorf("read raw event: uuid %q: %w", *in.UUID, err)
		}
		r.UUID = &id
	}
	for _, alias := range []*string{in.DollarToken, in.APIKey} {
		if r.Token == "" && alias != nil {
			r.Token = *alias
		}
	}
	if len(r.DistinctID) == 0 {
		r.DistinctID = in.DollarDistinctID
	}
	if isNull(r.DistinctID) {
		r.DistinctID = nil
	}
	return nil
}

// ExtractToken is the event's token: its own field, else a string properties.token, else "".
func (r *Raw) ExtractToken() string {
	if r.Token != "" {
		return r.Token
	}
	var s string
	if raw, ok := r.Properties["token"]; ok && json.Unmarshal(raw, &s) == nil {
		return s
	}
	return ""
}

// ExtractDistinctID is the event's distinct id by the rules of DistinctID, from its own field, else from
// properties.distinct_id. ok is false when there is none.
func (r *Raw) ExtractDistinctID() (id string, ok bool) {
	raw := []byte(r.DistinctID)
	if isNull(raw) {
		raw = r.Properties["distinct_id"]
	}
	if isNull(raw) {
		return "", false
	}
	if raw[0] == '"' {
		if err := json.Unmarshal(raw, &id); err != nil {
			return "", false
		}
	} else {
		id = string(AppendCompact(nil, raw))
	}
	id, _ = CleanDistinctID(id)
	return id, strings.TrimSpace(id) != ""
}

// CleanDistinctID replaces each NUL by U+FFFD, since Postgres cannot store it, and cuts the id after MaxDistinctID
// characters. chars is the number of characters before the cut. Whether a blank id is refused is the caller's rule.
func CleanDistinctID(id string) (clean string, chars int) {
	if strings.IndexByte(id, 0) >= 0 {
		id = strings.ReplaceAll(id, "\x00", "\uFFFD")
	}
	if len(id) <= MaxDistinctID {
		return id, len(id) // a bound, not a count: nothing is cut
	}
	chars = utf8.RuneCountInString(id)
	if chars <= MaxDistinctID {
		return id, chars
	}
	n := 0
	for i := range id {
		if n == MaxDistinctID {
			return id[:i], chars
		}
		n++
	}
	return id, chars
}

func isNull(raw []byte) bool { return len(raw) == 0 || string(raw) == "null" }

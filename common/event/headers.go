package event

import (
	"strconv"
	"time"
)

// Names of the record headers, in the order in which they are written. The first nine are on every record; one without
// a value has a null value. Source: CapturedEventHeaders in PostHog's rust/common/types/src/event.rs.
const (
	HeaderToken           = "token"
	HeaderDistinctID      = "distinct_id"
	HeaderSessionID       = "session_id"
	HeaderTimestamp       = "timestamp" // event time, unix milliseconds as decimal text
	HeaderEvent           = "event"
	HeaderUUID            = "uuid"
	HeaderNow             = "now"
	HeaderNoPerson        = "force_disable_person_processing" // "true", or null
	HeaderHistorical      = "historical_migration"            // "true", or null
	HeaderSkipHeatmap     = "skip_heatmap_processing"         // optional
	HeaderInternal        = "internal_producer"               // optional
	HeaderDLQReason       = "dlq_reason"                      // optional
	HeaderDLQStep         = "dlq_step"                        // optional
	HeaderDLQTimestamp    = "dlq_timestamp"                   // optional
	HeaderContentEncoding = "content-encoding"                // optional, with a hyphen
)

// Header is one record header; a nil Value is a null header, which readers take as absent.
type Header struct {
	Name  string
	Value []byte
}

// Headers are the typed contents of a record's headers. Zero values are unknown: null on the first nine, left out
// elsewhere.
type Headers struct {
	Token, DistinctID, SessionID string
	Timestamp                    time.Time
	Event, UUID, Now             string
	NoPerson, Historical         bool
	SkipHeatmap, Internal        *bool
	DLQReason, DLQStep           string
	DLQTimestamp                 string
	ContentEncoding              string
}

// Headers gives the header set of c.
func (c *Captured) Headers() Headers {
	return Headers{
		Token: c.Token, DistinctID: c.DistinctID, SessionID: c.SessionID, Timestamp: c.Timestamp,
		Event: c.Event, UUID: c.UUID.String(), Now: c.Now, Historical: c.Historical,
	}
}

// Append appends the headers to dst in wire order.
func (h *Headers) Append(dst []Header) []Header {
	ms := ""
	if !h.Timestamp.IsZero() {
		ms = strconv.FormatInt(h.Timestamp.UnixMilli(), 10)
	}
	dst = append(dst,
		Header{HeaderToken, text(h.Token)}, Header{HeaderDistinctID, text(h.DistinctID)}, Header{HeaderSessionID, text(h.SessionID)},
		Header{HeaderTimestamp, text(ms)}, Header{HeaderEvent, text(h.Event)}, Header{HeaderUUID, text(h.UUID)}, Header{HeaderNow, text(h.Now)},
		Header{HeaderNoPerson, whenTrue(h.NoPerson)}, Header{HeaderHistorical, whenTrue(h.Historical)})
	if h.SkipHeatmap != nil {
		dst = append(dst, Header{HeaderSkipHeatmap, strconv.AppendBool(nil, *h.SkipHeatmap)})
	}
	if h.Internal != nil {
		dst = append(dst, Header{HeaderInternal, strconv.AppendBool(nil, *h.Internal)})
	}
	for _, o := range []struct{ name, value string }{
		{HeaderDLQReason, h.DLQReason}, {HeaderDLQStep, h.DLQStep}, {HeaderDLQTimestamp, h.DLQTimestamp}, {HeaderContentEncoding, h.ContentEncoding},
	} {
		if o.value != "" {
			dst = append(dst, Header{o.name, []byte(o.value)})
		}
	}
	return dst
}

func text(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}

func whenTrue(b bool) []byte {
	if !b {
		return nil
	}
	return []byte("true")
}

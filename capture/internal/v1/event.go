package v1

import (
	"bytes"
	"time"

	"github.com/google/uuid"

	"github.com/hog-go/hog/capture/internal/lane"
	"github.com/hog-go/hog/capture/internal/resolve"
	"github.com/hog-go/hog/capture/internal/scan"
	"github.com/hog-go/hog/common/event"
)

// Result is what an event came to.
type Result uint8

// Results.
const (
	OK      Result = iota
	Warning        // accepted, but not as the client meant it
	Drop           // refused for good
	Retry          // not stored: to be sent again
)

var resultNames = [...]string{OK: "ok", Warning: "warning", Drop: "drop", Retry: "retry"}

// Details of a result that other stages than this one give.
const (
	NonHistorical    = "non_historical_import_drop"
	Misrouted        = "misrouted_event"
	Restricted       = "event_restriction_drop"
	AITooBig         = "ai_event_too_big"
	AIRateLimited    = "ai_byte_rate_limited"
	NoPerson         = "person_processing_disabled"
	NotPersisted     = "not_persisted"
	TooBig           = "event_too_big"
	Rejected         = "rejected"
	OverExceptions   = "exceptions_over_quota"
	OverSurveys      = "survey_responses_over_quota"
	OverLLM          = "llm_events_over_quota"
	droppedName      = "dropped_performance_event"
	invalidOptions   = "invalid_options"
	invalidTime      = "invalid_event_timestamp"
	malformedProps   = "malformed_event_properties"
	cookielessNeeded = "cookieless_mode_required"
)

// Event is one event of a batch and what became of it. Result and Detail are set by all stages; an event that is
// dropped or to be retried has no record.
type Event struct {
	Sent    *scan.V1Event
	Event   resolve.Event // complete unless the event was dropped here; Raw is nil
	Options Options
	Result  Result
	Detail  string
}

// Live tells whether e is still on its way.
func (e *Event) Live() bool { return e.Result == OK || e.Result == Warning }

// Fail settles e.
func (e *Event) Fail(r Result, detail string) { e.Result, e.Detail = r, detail }

// Limits of an event, in bytes. Source: PostHog's rust/capture/src/v1/analytics/constants.rs.
const (
	maxName       = 200
	maxDistinctID = 200
)

// cookielessID is the distinct id of events whose real one is made by the ingestion workers.
const cookielessID = "$posthog_cookieless"

// Batch is what holds for all events of a request.
type Batch struct {
	Now        time.Time
	SentAt     time.Time
	ClientIP   []byte
	Historical bool
	Internal   bool
}

// Counts is what happened on the way, for metrics.
type Counts struct {
	IllegalIDs int // accepted without person processing
	Clamped    int // events from the future
}

// Rules are the settings of a service that decide about events.
type Rules struct {
	Sorter  lane.Sorter
	Reroute time.Duration // as in resolve.Rules
}

// Events appends the events of sent to dst, in order, with what is wrong with each. err refuses the batch whole.
func (r Rules) Events(dst []Event, sent *scan.V1Batch, b *Batch, arena *[]byte, n *Counts) ([]Event, *Error) {
	if len(sent.Events) == 0 {
		return dst, ErrEmptyBatch
	}
	if _, ok := parseRFC3339(string(sent.CreatedAt)); !ok {
		return dst, invalidBatch("created_at is not valid RFC 3339: " + clip(string(sent.CreatedAt)))
	}
	seen := make(map[uuid.UUID]struct{}, len(sent.Events))
	for i := range sent.Events {
		e := &sent.Events[i]
		if len(e.ID) == 0 {
			return dst, ErrMissingUUID
		}
		id, err := event.ParseUUID(e.ID)
		if err != nil {
			return dst, invalidUUID(string(e.ID))
		}
		if _, twice := seen[id]; twice {
			return dst, duplicateUUID(string(e.ID))
		}
		seen[id] = struct{}{}
		dst = append(dst, Event{Sent: e})
		out := &dst[len(dst)-1]
		out.Event.ID = id
		if detail := r.resolve(out, b, arena, n); detail != "" {
			out.Fail(Drop, detail)
		}
	}
	return dst, nil
}

// resolve fills out.Event and returns why the event is dropped, if it is.
func (r Rules) resolve(out *Event, b *Batch, arena *[]byte, n *Counts) (detail string) {
	e := out.Sent
	var known bool
	out.Options, known = parseOptions(e.Options)
	when, timeOK := parseRFC3339(string(scan.Text(e.Timestamp, arena)))
	switch {
	case string(e.Name) == "$performance_event":
		return droppedName
	case len(e.Name) == 0:
		return "missing_event_name"
	case len(e.Name) > maxName:
		return "event_name_too_long"
	case len(e.DistinctID) == 0:
		return "missing_distinct_id"
	case len(e.DistinctID) > maxDistinctID:
		return "distinct_id_too_large"
	case string(e.DistinctID) == cookielessID && out.Options.Cookieless != True:
		return cookielessNeeded
	case !timeOK:
		return invalidTime
	case e.Properties != nil && e.Properties[0] != '{':
		return malformedProps
	case !known:
		return invalidOptions
	}
	to := &out.Event
	to.Name, to.NameJSON, to.Properties, to.DistinctID, to.IP = e.Name, e.NameJSON, e.Properties, e.DistinctID, b.ClientIP
	if b.Internal {
		to.IP = resolve.InternalIP
	}
	if e.SessionID != nil {
		to.SessionID = scan.Text(e.SessionID, arena)
	}
	if lane.IsAI(e.Name) {
		to.Properties = resolve.WithoutGateway(to.Properties, arena)
	}
	to.Cookieless = out.Options.Cookieless == True
	to.Time = r.time(when, out.Options.DisableSkewCorrection == True, b, n)
	to.Lane = r.Sorter.Lane(e.Name, b.Historical)
	if to.Lane == lane.Main && r.Reroute > 0 && !to.Time.After(b.Now.Add(-r.Reroute)) {
		to.Lane = lane.Historical
	}
	if illegalID(e.DistinctID) {
		to.NoPerson, out.Detail = true, NoPerson
		n.IllegalIDs++
	}
	return ""
}

// farthest is how far ahead of the server an event may be.
const farthest = 23 * time.Hour

func (r Rules) time(t time.Time, raw bool, b *Batch, n *Counts) time.Time {
	if raw {
		return event.InCalendar(t)
	}
	if t = event.Shift(t, b.SentAt, b.Now); t.Sub(b.Now) > farthest {
		n.Clamped++
		return b.Now
	}
	return event.InCalendar(t)
}

// illegalIDs are what SDKs send by mistake in place of an id; all of their users would become one person.
var illegalIDs = map[string]bool{
	"0": true, "00000000-0000-0000-0000-000000000000": true, "[object object]": true, "anonymous": true, "anonymous-user": true,
	"backend": true, "distinct_id": true, "distinctid": true, "email": true, "false": true, "guest": true, "id": true, "nan": true,
	"none": true, "not_authenticated": true, "null": true, "system": true, "true": true, "undefined": true, "user": true,
}

func illegalID(id []byte) bool {
	var buf [36]byte // as long as the longest
	if len(id) > len(buf) {
		return false
	}
	lower := buf[:copy(buf[:], id)]
	for i, c := range lower {
		if c >= 'A' && c <= 'Z' {
			lower[i] = c + 'a' - 'A'
		}
	}
	return illegalIDs[string(bytes.TrimSpace(lower))]
}

// AppendResults appends the body of a successful answer: the outcome of each event by its uuid, in the order of the
// batch. retry tells whether any is to be sent again.
func AppendResults(dst []byte, events []Event) (body []byte, retry bool) {
	dst = append(dst, `{"results":{`...)
	for i := range events {
		e := &events[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '"')
		dst = event.AppendUUID(dst, e.Event.ID)
		dst = append(dst, `":{"result":"`...)
		dst = append(dst, resultNames[e.Result]...)
		dst = append(dst, '"')
		if e.Detail != "" {
			dst = append(dst, `,"details":"`...)
			dst = append(dst, e.Detail...)
			dst = append(dst, '"')
		}
		dst = append(dst, '}')
		retry = retry || e.Result == Retry
	}
	return append(dst, `}}`...), retry
}

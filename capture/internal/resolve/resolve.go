// Package resolve computes what capture decides about each event: its token, distinct id, uuid, time, address and
// lane. It splits heatmap data off events that carry it. It holds the rules of PostHog's rust/capture/src/events/
// analytics.rs and rust/common/types/src/event.rs; the limits that come after it only drop or mark what it yields.
package resolve

import (
	"bytes"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/hog-go/hog/capture/internal/lane"
	"github.com/hog-go/hog/capture/internal/reject"
	"github.com/hog-go/hog/capture/internal/scan"
	"github.com/hog-go/hog/common/event"
)

// Overflow says why an event leaves the main topic.
type Overflow uint8

// Reasons.
const (
	NoOverflow Overflow = iota
	Asked               // a rule of the project asks for it
	Forced              // its key is on the operator's list, or over the fleet's limit: no key, no person processing
	Burst               // its key sends faster than the limit allows
)

// Event is an event with everything that its record needs. Byte slices are views into the payload or the arena.
type Event struct {
	Raw        *scan.Event // nil for an event that came by another endpoint than v0's
	Name       []byte      // contents
	NameJSON   []byte      // the same as JSON
	Properties []byte      // JSON object; nil is {}
	DistinctID []byte      // cleaned and cut
	SessionID  []byte      // nil is unknown
	IP         []byte
	ID         uuid.UUID
	Time       time.Time
	Lane       lane.Lane
	Cookieless bool

	Heatmap     bool // made of the heatmap data of the event before it: no $set, and an id of its own also in the data
	SkipHeatmap bool // its heatmap data travels in the event after it

	NoPerson bool // skip person processing
	Overflow Overflow
	Redirect string // topic that a rule of the project names; "" is none
	DLQ      bool   // a rule of the project takes it out of the pipeline
}

// Subject is what stands for the person in the event's key: the distinct id, or the address of a cookieless event, whose
// distinct id is made later.
func (e *Event) Subject() []byte {
	if e.Cookieless {
		return e.IP
	}
	return e.DistinctID
}

// Rules are the settings of a service that decide about events.
type Rules struct {
	Sorter lane.Sorter
	// Reroute sends analytics events that are at least this old to the historical lane; 0 is off.
	Reroute time.Duration
}

// Request is what holds for all events of one request.
type Request struct {
	Now        time.Time
	SentAt     time.Time // zero is unknown
	ClientIP   []byte
	Historical bool // the batch is a migration
}

// Counts is what happened on the way, for metrics.
type Counts struct {
	BlankPadded int // distinct ids with white space around them
	Cut         int // distinct ids that were too long
	Rerouted    int // to the historical lane for their age
	Heatmaps    int // events split
	Skews       []time.Duration
}

// InternalIP is the address of events that were made inside the product.
var InternalIP = []byte("127.0.0.1")

// Events appends the resolved form of raw to dst, in order; an event with heatmap data is followed by a second one. An
// event that breaks a rule refuses all: the error is a *reject.Error. Text that has to be rewritten goes to *arena.
func (r Rules) Events(dst []Event, raw []scan.Event, req *Request, arena *[]byte, n *Counts) ([]Event, error) {
	for i := range raw {
		e := &raw[i]
		dst = append(dst, Event{Raw: e, Name: e.Name, NameJSON: e.NameJSON, Properties: e.Properties})
		out := &dst[len(dst)-1]
		if e.Has&scan.HasGateway != 0 && lane.IsAI(e.Name) {
			out.Properties = without(e.Properties, arena, isGateway)
		}
		if err := r.resolve(out, req, arena, n); err != nil {
			return dst, err
		}
		if hasHeatmap(e) && string(e.Name) != lane.HeatmapEvent {
			n.Heatmaps++
			dst = append(dst, heatmap(out, req, arena))
			out = &dst[len(dst)-2]
			out.SkipHeatmap = true
			if e.Has&scan.HasHeatmapData != 0 {
				out.Properties = without(out.Properties, arena, func(name []byte) bool { return string(name) == "$heatmap_data" })
			}
		}
	}
	return dst, nil
}

func (r Rules) resolve(out *Event, req *Request, arena *[]byte, n *Counts) error {
	e := out.Raw
	if len(e.Name) == 0 {
		return reject.NoEventName
	}
	out.Lane = r.Sorter.Lane(e.Name, req.Historical)
	out.IP = req.ClientIP
	if e.Has&scan.HasCaptureInternal != 0 {
		out.IP = InternalIP // made inside the product, on behalf of nobody's address
	}
	out.Time = r.time(e, req, arena, n)
	if out.Lane == lane.Main && r.Reroute > 0 && !out.Time.After(req.Now.Add(-r.Reroute)) {
		out.Lane = lane.Historical
		n.Rerouted++
	}
	out.ID = e.ID
	if !e.HasID {
		out.ID = NewID(out.Time)
	}
	if !distinctID(out, arena, n) {
		return reject.NoDistinctID
	}
	switch string(e.Cookieless) {
	case "", "false":
	case "true":
		out.Cookieless = true
	default:
		return reject.InvalidCookieless
	}
	return nil
}

func (r Rules) time(e *scan.Event, req *Request, arena *[]byte, n *Counts) time.Time {
	clock := event.Clock{SentAt: req.SentAt, IgnoreSentAt: e.IgnoreSentAt, Now: req.Now, HasOffset: e.HasOffset, OffsetMillis: e.Offset}
	if e.Timestamp != nil {
		clock.Timestamp = string(scan.Text(e.Timestamp, arena))
	}
	t, skew, ok := clock.Time()
	if ok {
		n.Skews = append(n.Skews, skew)
	}
	return t
}

// HasDistinctID tells whether e can be resolved to somebody.
func HasDistinctID(e *scan.Event, arena *[]byte) bool {
	var n Counts
	return distinctID(&Event{Raw: e}, arena, &n)
}

// distinctID finds the event's distinct id: its own, else that of its properties. Kinds other than strings become
// their compact JSON text.
func distinctID(out *Event, arena *[]byte, n *Counts) bool {
	raw := out.Raw.DistinctID
	if raw == nil {
		raw = out.Raw.PropDistinctID
	}
	if raw == nil || string(raw) == "null" {
		return false
	}
	var cut bool
	if out.DistinctID, cut = CleanID(raw, arena); cut {
		n.Cut++
	}
	trimmed := bytes.TrimSpace(out.DistinctID)
	if len(trimmed) != len(out.DistinctID) {
		n.BlankPadded++
	}
	return len(trimmed) > 0
}

// CleanID is the text of a distinct id given as JSON, without NUL and cut to event.MaxDistinctID characters.
func CleanID(raw []byte, arena *[]byte) (id []byte, cut bool) {
	if raw[0] == '"' {
		id = scan.Text(raw, arena)
	} else {
		from := len(*arena)
		*arena = event.AppendCompact(*arena, raw)
		id = (*arena)[from:]
	}
	if len(id) <= event.MaxDistinctID && bytes.IndexByte(id, 0) < 0 {
		return id, false
	}
	clean, chars := event.CleanDistinctID(string(id))
	return []byte(clean), chars > event.MaxDistinctID
}

// NewID makes a UUIDv7 whose time is that of the event, so that an event that is sent twice late still sorts by when it
// happened. The other 74 bits are random.
func NewID(t time.Time) uuid.UUID {
	ms := uint64(max(t.UnixMilli(), 0))
	a, b := rand.Uint64(), rand.Uint64()
	return uuid.UUID{
		byte(ms >> 40), byte(ms >> 32), byte(ms >> 24), byte(ms >> 16), byte(ms >> 8), byte(ms),
		0x70 | byte(a>>60), byte(a >> 52),
		0x80 | byte(b>>58), byte(b >> 50), byte(b >> 42), byte(b >> 34), byte(b >> 26), byte(b >> 18), byte(b >> 10), byte(b >> 2),
	}
}

func hasHeatmap(e *scan.Event) bool {
	const scroll = scan.HasPrevPathname | scan.HasCurrentURL
	return e.Has&scan.HasHeatmapData != 0 || e.Has&scroll == scroll
}

// heatmapProperties are all that the heatmap pipeline reads.
var heatmapProperties = map[string]bool{
	"$heatmap_data": true, "$viewport_height": true, "$viewport_width": true, "$session_id": true, "$prev_pageview_pathname": true,
	"$prev_pageview_max_scroll": true, "$current_url": true, "$raw_user_agent": true, "$ip": true, "$host": true, "$timezone": true,
	"$cookieless_extra": true, "$cookieless_mode": true,
}

var heatmapName, heatmapJSON = []byte(lane.HeatmapEvent), []byte(`"` + lane.HeatmapEvent + `"`)

// heatmap makes the event that carries the heatmap data of e alone. Its address is the client's even when e was made
// inside the product: the property that says so is not among those it takes along.
func heatmap(e *Event, req *Request, arena *[]byte) Event {
	return Event{
		Raw: e.Raw, Name: heatmapName, NameJSON: heatmapJSON, DistinctID: e.DistinctID, IP: req.ClientIP,
		ID: NewID(e.Time), Time: e.Time, Lane: lane.Heatmap, Cookieless: e.Cookieless, Heatmap: true,
		Properties: without(e.Raw.Properties, arena, func(name []byte) bool { return !heatmapProperties[string(name)] }),
	}
}

// gatewayPrefix begins the names of the properties that only PostHog's own LLM gateway may set: they exempt an event
// from its project's quota.
var gatewayPrefix = []byte("$ai_gateway")

func isGateway(name []byte) bool { return bytes.HasPrefix(name, gatewayPrefix) }

// WithoutGateway returns properties, a JSON object or nil, less what only the LLM gateway may set.
func WithoutGateway(properties []byte, arena *[]byte) []byte {
	found := false
	if properties != nil {
		scan.EachMember(properties, func(name, _, _ []byte) { found = found || isGateway(name) })
	}
	if !found {
		return properties
	}
	return without(properties, arena, isGateway)
}

// without copies a JSON object to *arena less the members that drop names.
func without(object []byte, arena *[]byte, drop func(name []byte) bool) []byte {
	from := len(*arena)
	*arena = append(*arena, '{')
	scan.EachMember(object, func(name, _, member []byte) {
		if drop(name) {
			return
		}
		if len(*arena) > from+1 {
			*arena = append(*arena, ',')
		}
		*arena = append(*arena, member...)
	})
	*arena = append(*arena, '}')
	return (*arena)[from:len(*arena):len(*arena)]
}

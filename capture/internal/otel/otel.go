package otel

import (
	"encoding/hex"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/hog-go/hog/capture/internal/reject"
	"github.com/hog-go/hog/common/rawjson"
)

// Limits of a request.
const (
	MaxBody    = 4 << 20 // bytes, on the wire and unpacked
	MaxSpans   = 1000
	MaxAISpans = 100

	// maxOutput bounds the data of all events of a request. A request of MaxBody whose text needs no escaping stays far
	// below it unless large resource attributes stand beside many spans.
	maxOutput = 64 << 20
)

// Event is one AI span, or one evaluation.
type Event struct {
	Name       string // $ai_generation, $ai_embedding, $ai_span or $ai_evaluation
	DistinctID string // as the span or its resource has it, else made of its session or trace
	TraceID    string // hexadecimal
	SpanID     string // hexadecimal
	Time       time.Time
	Data       []byte // JSON object of the members event, distinct_id and properties
	Properties []byte // JSON object, a view into Data
}

// Batch is what a request holds.
type Batch struct {
	Spans    int // all, or all log records
	AI       int // AI spans, or evaluations, of which Events are made
	Oversize int // evaluations left out for their size
	Events   []Event
}

// TooMany tells whether the batch was refused for how much it holds.
func (b *Batch) TooMany() bool { return b.Spans > MaxSpans || b.AI > MaxAISpans }

// Parse reads an ExportTraceServiceRequest, unpacked already, in the encoding that contentType names. A Batch without
// events and error is a request in which nothing is to be stored. The Batch of an error tells its counts as far as they
// are known. Event.Time is zero for a span without start time. In JSON a lone surrogate escape is repaired in place; the
// events hold nothing of body.
func Parse(body []byte, contentType string) (Batch, *reject.Error) {
	return parse(body, contentType, &traceNames, (*maker).events)
}

// parse reads what names says, of which events makes the events of a batch.
func parse(body []byte, contentType string, names *names, events func(*maker, []spanRef, *Batch) *reject.Error) (Batch, *reject.Error) {
	f, bad := open(body, contentType, names)
	if bad != nil {
		return Batch{}, bad
	}
	refs, n, err := f.spans(body)
	b := Batch{Spans: n}
	switch {
	case err != nil:
		return b, reject.Parse(f.refusal() + err.Error())
	case n > MaxSpans:
		return b, tooMany(names.many, n, MaxSpans)
	}
	if bad = events(&maker{format: f}, refs, &b); bad != nil {
		b.Events = nil
	}
	return b, bad
}

// open returns the format that contentType names.
func open(body []byte, contentType string, names *names) (format, *reject.Error) {
	switch {
	case strings.HasPrefix(contentType, "application/x-protobuf"):
		return wire{}, nil
	case strings.HasPrefix(contentType, "application/json"):
		if err := checkText(body); err != nil {
			return nil, reject.Parse("Invalid JSON: " + err.Error())
		}
		return text{names}, nil
	}
	return nil, reject.Decode("Content-Type must be application/x-protobuf or application/json")
}

func tooMany(what string, n, limit int) *reject.Error {
	return reject.Parse("Too many " + what + ": " + strconv.Itoa(n) + " exceeds limit of " + strconv.Itoa(limit))
}

// maker makes events of the spans of one request.
type maker struct {
	format   format
	span     span
	record   record
	provider *provider // of span; nil is not AI
	props    properties
	attrs    []attr // of span
	buf      []byte // JSON of span's attributes and of the properties that are made up
	fallback string // distinct id of spans that tell nothing, one for the request
}

// events makes the events of the AI spans among refs.
func (m *maker) events(refs []spanRef, b *Batch) *reject.Error {
	size := 0
	for i := range refs {
		if err := m.read(&refs[i]); err != nil {
			return reject.Parse(m.format.refusal() + err.Error())
		}
		if m.provider == nil {
			continue
		}
		if b.AI++; b.AI > MaxAISpans {
			continue // only counted: the request is refused
		}
		e, err := m.event(&refs[i])
		if err != nil {
			return reject.Parse(m.format.refusal() + err.Error())
		}
		if size += len(e.Data); size > maxOutput {
			return reject.TooLarge("Events of the request exceed " + strconv.Itoa(maxOutput) + " bytes")
		}
		b.Events = append(b.Events, e)
	}
	if b.AI > MaxAISpans {
		return tooMany("AI spans", b.AI, MaxAISpans)
	}
	return nil
}

// read decodes the span at ref and finds its provider.
func (m *maker) read(ref *spanRef) error {
	m.span.reset()
	if err := m.format.span(ref.raw, &m.span); err != nil {
		return err
	}
	var err error
	m.provider, err = findProvider(m.format, m.span.attrs)
	return err
}

// event makes the event of the span last read, which ref points to.
func (m *maker) event(ref *spanRef) (Event, error) {
	resource, err := ref.resource.attributes(m.format)
	if err != nil {
		return Event{}, err
	}
	m.buf = m.buf[:0]
	if m.attrs, err = appendAttrs(m.attrs[:0], m.format, m.span.attrs, &m.buf); err != nil {
		return Event{}, err
	}
	s, p := &m.span, &m.props
	p.reset()
	for _, a := range resource {
		p.set(a.key, a.value)
	}
	for _, a := range m.attrs {
		p.set(a.key, a.value)
	}
	e := Event{
		Name:       m.provider.classify(lastOf(m.attrs)),
		DistinctID: m.distinctID(resource),
		TraceID:    hex.EncodeToString(s.traceID),
		SpanID:     hex.EncodeToString(s.spanID),
		Time:       nanoTime(s.start),
	}
	if s.failed {
		exception, err := appendAttrs(nil, m.format, s.exception, &m.buf)
		if err != nil {
			return Event{}, err
		}
		m.explain(exception)
	}
	p.removeGateway()
	m.describe(&e, ref.scope.version)
	e.Data, e.Properties = data(&e, p)
	return e, nil
}

// describe sets the properties that tell of the span itself, and those that every event has.
func (m *maker) describe(e *Event, version []byte) {
	s, p := &m.span, &m.props
	p.settleGeoIP()
	p.set([]byte("$ai_trace_id"), m.quoted([]byte(e.TraceID)))
	p.set([]byte("$ai_span_id"), m.quoted([]byte(e.SpanID)))
	if len(s.parentID) > 0 {
		p.set([]byte("$ai_parent_id"), m.quoted([]byte(hex.EncodeToString(s.parentID))))
	}
	p.set([]byte("$ai_ingestion_source"), []byte(`"otel"`))
	p.setDefault("$lib", []byte(`"posthog-otel"`))
	if len(version) > 0 {
		p.setDefault("$lib_version", m.quoted(version))
	}
	if len(s.name) > 0 {
		p.set([]byte("$otel_span_name"), m.quoted(s.name))
	}
	p.set([]byte("$otel_start_time_unix_nano"), m.quoted(strconv.AppendUint(nil, s.start, 10)))
	p.set([]byte("$otel_end_time_unix_nano"), m.quoted(strconv.AppendUint(nil, s.end, 10)))
}

// quoted returns s as a JSON string, which lives as long as the span.
func (m *maker) quoted(s []byte) []byte {
	from := len(m.buf)
	m.buf = appendText(m.buf, s)
	return m.buf[from:len(m.buf):len(m.buf)]
}

// data writes the text that the record of e carries.
func data(e *Event, p *properties) (data, props []byte) {
	b := make([]byte, 0, p.size()+len(e.DistinctID)+80)
	b = append(b, `{"event":"`...)
	b = append(b, e.Name...)
	b = append(b, `","distinct_id":`...)
	b = rawjson.AppendString(b, e.DistinctID)
	b = append(b, `,"properties":`...)
	from := len(b)
	b = p.append(b)
	return append(b, '}'), b[from:len(b):len(b)]
}

// nanoTime is the time of a span; 0 is none.
func nanoTime(nanos uint64) time.Time {
	if nanos == 0 {
		return time.Time{}
	}
	return time.Unix(int64(nanos/1e9), int64(nanos%1e9)).UTC()
}

// fallbackID is one random id for all spans of the request that name no user, session or trace.
func (m *maker) fallbackID() string {
	if m.fallback == "" {
		m.fallback = uuid.NewString()
	}
	return m.fallback
}

// appendDouble appends d as a JSON number that reads back as a float, or null where JSON has none.
func appendDouble(dst []byte, d float64) []byte {
	if math.IsNaN(d) || math.IsInf(d, 0) {
		return append(dst, "null"...)
	}
	from := len(dst)
	verb := byte('f')
	if a := math.Abs(d); a != 0 && (a < 1e-5 || a >= 1e16) {
		verb = 'e'
	}
	dst = strconv.AppendFloat(dst, d, verb, -1, 64)
	for _, c := range dst[from:] {
		if c == '.' || c == 'e' {
			return dst
		}
	}
	return append(dst, ".0"...)
}

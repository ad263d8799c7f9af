package otel

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"strconv"

	"github.com/google/uuid"

	"github.com/hog-go/hog/capture/internal/reject"
)

// Limits of the evaluations of a request, in bytes.
const (
	maxEvaluation  = 900_000
	maxEvaluations = 8 << 20 // together
)

// Log records that tell the result of an evaluation, in the words of OpenTelemetry's conventions for generative AI.
const (
	evaluationEvent       = "gen_ai.evaluation.result"
	evaluationName        = "gen_ai.evaluation.name"
	evaluationLabel       = "gen_ai.evaluation.score.label"
	evaluationScore       = "gen_ai.evaluation.score.value"
	evaluationExplanation = "gen_ai.evaluation.explanation"
)

// record is one log record. Texts may be no UTF-8.
type record struct {
	name            []byte
	traceID, spanID []byte
	time, observed  uint64 // nanoseconds since 1970
	attrs           [][]byte
	body            []byte // raw value; nil is none
}

// ParseLogs is [Parse] for an ExportLogsServiceRequest, of which the results of evaluations become events.
func ParseLogs(body []byte, contentType string) (Batch, *reject.Error) {
	return parse(body, contentType, &logNames, (*maker).evaluations)
}

// evaluations makes the events of the evaluations among refs. One without a name or a result is passed over, one that is too large is
// left out, so that a client does not send the others for ever.
func (m *maker) evaluations(refs []spanRef, b *Batch) *reject.Error {
	named, size := 0, 0
	for i := range refs {
		m.record = record{attrs: m.record.attrs[:0]}
		if err := m.format.record(refs[i].raw, &m.record); err != nil {
			return reject.Parse(m.format.refusal() + err.Error())
		}
		if string(m.record.name) != evaluationEvent {
			continue
		}
		if named++; named > MaxAISpans {
			return tooMany("evaluation records", named, MaxAISpans)
		}
		e, n, err := m.evaluation(&refs[i])
		switch {
		case err != nil:
			return reject.Parse(m.format.refusal() + err.Error())
		case n == 0:
			continue
		case n > maxEvaluation:
			b.Oversize++
			continue
		}
		if size += n; size > maxEvaluations {
			return reject.Parse("Expanded evaluation events exceed limit of " + strconv.Itoa(maxEvaluations) + " bytes")
		}
		b.Events = append(b.Events, e)
	}
	b.AI = len(b.Events)
	return nil
}

// evaluation makes the event of the record last read, which ref points to, and tells its size: 0 is no event, and one that is too large
// is not made.
func (m *maker) evaluation(ref *spanRef) (e Event, size int, err error) {
	resource, err := ref.resource.attributes(m.format)
	if err != nil {
		return Event{}, 0, err
	}
	m.buf = m.buf[:0]
	if m.attrs, err = appendAttrs(m.attrs[:0], m.format, m.record.attrs, &m.buf); err != nil {
		return Event{}, 0, err
	}
	of := lastOf(m.attrs)
	name := bytes.TrimSpace(contents(of(evaluationName)))
	result, kind := m.result(of)
	if len(name) == 0 || result == nil {
		return Event{}, 0, nil
	}
	p := &m.props
	p.reset()
	for _, a := range resource {
		p.set(a.key, a.value)
	}
	for _, a := range m.attrs {
		if k := string(a.key); k != evaluationLabel && k != evaluationScore && k != evaluationExplanation {
			p.set(a.key, a.value)
		}
	}
	p.settleGeoIP()
	set := func(key string, value []byte) { p.set([]byte(key), value) }
	set("$ai_evaluation_id", m.id("otel:"+string(name)))
	set("$ai_evaluation_run_id", m.id(string(ref.raw)))
	set("$ai_evaluation_name", m.quoted(name))
	set("$ai_evaluation_runtime", []byte(`"otel"`))
	set("$ai_evaluation_type", []byte(`"imported"`))
	set("$ai_ingestion_source", []byte(`"otel"`))
	set("$ai_evaluation_result", result)
	set("$ai_evaluation_result_type", kind)
	if why := of(evaluationExplanation); why != nil && why[0] == '"' {
		set("$ai_evaluation_reasoning", why)
	}
	if err := m.target(); err != nil {
		return Event{}, 0, err
	}
	p.removeGateway()
	m.span.traceID = m.record.traceID // so that it belongs to whom its trace belongs to
	e = Event{
		Name: "$ai_evaluation", DistinctID: m.distinctID(resource), Time: nanoTime(cmp.Or(m.record.time, m.record.observed)),
		TraceID: hex.EncodeToString(m.record.traceID), SpanID: hex.EncodeToString(m.record.spanID),
	}
	if size = p.size() + len(e.Name) + len(e.DistinctID); size <= maxEvaluation {
		e.Data, e.Properties = data(&e, p)
	}
	return e, size, nil
}

// result is the label of an evaluation, else its score, as JSON, and which of them it is; nil for neither.
func (m *maker) result(of func(string) []byte) (value, kind []byte) {
	if label := bytes.TrimSpace(contents(of(evaluationLabel))); len(label) > 0 {
		return m.quoted(label), []byte(`"label"`)
	}
	score := of(evaluationScore)
	if score == nil || score[0] != '-' && (score[0] < '0' || score[0] > '9') {
		return nil, nil
	}
	x, err := strconv.ParseFloat(string(score), 64)
	if err != nil {
		return nil, nil
	}
	from := len(m.buf)
	m.buf = appendDouble(m.buf, x)
	return m.buf[from:len(m.buf):len(m.buf)], []byte(`"number"`)
}

// target sets the properties that tell what was evaluated. An id that is none is not replaced by what an attribute claims.
func (m *maker) target() error {
	p, r := &m.props, &m.record
	p.remove("$ai_trace_id")
	if len(r.traceID) == 16 {
		p.set([]byte("$ai_trace_id"), m.quoted(hex.AppendEncode(nil, r.traceID)))
	}
	if len(r.spanID) == 8 {
		p.set([]byte("$ai_target_span_id"), m.quoted(hex.AppendEncode(nil, r.spanID)))
	}
	if r.body == nil {
		return nil
	}
	from := len(m.buf)
	out, ok, err := m.format.appendValue(m.buf, r.body)
	if err != nil {
		return err
	}
	if m.buf = out; ok {
		p.set([]byte("$otel_log_body"), out[from:len(out):len(out)])
	}
	return nil
}

// id is a UUID made of s, so that a record that is sent again has the same.
func (m *maker) id(s string) []byte {
	return m.quoted([]byte(uuid.NewSHA1(uuid.NameSpaceURL, []byte(s)).String()))
}

package otel

import (
	"encoding/hex"
	"errors"
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// wire is the protobuf encoding. Field numbers are those of opentelemetry/proto/{collector/trace,trace,logs,common}/v1; the lists of spans
// and of log records have the same.
type wire struct{}

func (wire) refusal() string { return "Invalid protobuf: " }

// message walks over the fields of one.
type message struct {
	b   []byte
	err error

	num   protowire.Number // of the field that next found
	typ   protowire.Type
	bytes []byte // of a length-delimited field
	n     uint64 // of a varint, fixed32 or fixed64 field
}

// next steps to the following field; it is false at the end and at an error, which is then in err.
func (m *message) next() bool {
	if len(m.b) == 0 {
		return false
	}
	var n int
	if m.num, m.typ, n = protowire.ConsumeTag(m.b); n < 0 {
		m.err = protowire.ParseError(n)
		return false
	}
	m.b = m.b[n:]
	switch m.typ {
	case protowire.BytesType:
		m.bytes, n = protowire.ConsumeBytes(m.b)
	case protowire.VarintType:
		m.n, n = protowire.ConsumeVarint(m.b)
	case protowire.Fixed64Type:
		m.n, n = protowire.ConsumeFixed64(m.b)
	default:
		n = protowire.ConsumeFieldValue(m.num, m.typ, m.b)
	}
	if n < 0 {
		m.err = protowire.ParseError(n)
		return false
	}
	m.b = m.b[n:]
	return true
}

// is tells whether the field is num in its proper type.
func (m *message) is(num protowire.Number, typ protowire.Type) bool {
	return m.num == num && m.typ == typ
}

func (wire) spans(body []byte) (refs []spanRef, n int, err error) {
	request := message{b: body}
	for request.next() {
		if !request.is(1, protowire.BytesType) {
			continue
		}
		res := new(resource)
		group := message{b: request.bytes}
		for group.next() {
			switch {
			case group.is(1, protowire.BytesType):
				if res.raw, err = repeated(res.raw, group.bytes, 1); err != nil {
					return nil, n, err
				}
			case group.is(2, protowire.BytesType):
				if refs, err = scopeSpans(refs, group.bytes, res, &n); err != nil {
					return nil, n, err
				}
			}
		}
		if group.err != nil {
			return nil, n, group.err
		}
	}
	return refs, n, request.err
}

func scopeSpans(refs []spanRef, raw []byte, res *resource, n *int) ([]spanRef, error) {
	sc := new(scope)
	m := message{b: raw}
	for m.next() {
		switch {
		case m.is(1, protowire.BytesType):
			s := message{b: m.bytes}
			for s.next() {
				if s.is(2, protowire.BytesType) {
					sc.version = s.bytes
				}
			}
			if s.err != nil {
				return nil, s.err
			}
		case m.is(2, protowire.BytesType):
			if *n++; *n <= MaxSpans {
				refs = append(refs, spanRef{m.bytes, res, sc})
			}
		}
	}
	return refs, m.err
}

// repeated appends the length-delimited fields num of the message raw.
func repeated(dst [][]byte, raw []byte, num protowire.Number) ([][]byte, error) {
	m := message{b: raw}
	for m.next() {
		if m.is(num, protowire.BytesType) {
			dst = append(dst, m.bytes)
		}
	}
	return dst, m.err
}

func (w wire) span(raw []byte, s *span) error {
	m := message{b: raw}
	for m.next() {
		switch {
		case m.is(1, protowire.BytesType):
			s.traceID = m.bytes
		case m.is(2, protowire.BytesType):
			s.spanID = m.bytes
		case m.is(4, protowire.BytesType):
			s.parentID = m.bytes
		case m.is(5, protowire.BytesType):
			s.name = m.bytes
		case m.is(7, protowire.Fixed64Type):
			s.start = m.n
		case m.is(8, protowire.Fixed64Type):
			s.end = m.n
		case m.is(9, protowire.BytesType):
			s.attrs = append(s.attrs, m.bytes)
		case m.is(11, protowire.BytesType):
			if err := w.spanEvent(m.bytes, s); err != nil {
				return err
			}
		case m.is(15, protowire.BytesType):
			if err := w.status(m.bytes, s); err != nil {
				return err
			}
		}
	}
	return m.err
}

func (wire) record(raw []byte, r *record) error {
	m := message{b: raw}
	for m.next() {
		switch {
		case m.is(1, protowire.Fixed64Type):
			r.time = m.n
		case m.is(5, protowire.BytesType):
			r.body = m.bytes
		case m.is(6, protowire.BytesType):
			r.attrs = append(r.attrs, m.bytes)
		case m.is(9, protowire.BytesType):
			r.traceID = m.bytes
		case m.is(10, protowire.BytesType):
			r.spanID = m.bytes
		case m.is(11, protowire.Fixed64Type):
			r.observed = m.n
		case m.is(12, protowire.BytesType):
			r.name = m.bytes
		}
	}
	return m.err
}

// spanEvent takes the attributes of an event that tells of an exception.
func (w wire) spanEvent(raw []byte, s *span) error {
	var name []byte
	m := message{b: raw}
	for m.next() {
		if m.is(2, protowire.BytesType) {
			name = m.bytes
		}
	}
	if m.err != nil {
		return m.err
	}
	pairs, err := repeated(nil, raw, 3)
	if err != nil {
		return err
	}
	found, err := isException(w, name, pairs)
	if found {
		s.exception = pairs
	}
	return err
}

const statusError = 2

func (wire) status(raw []byte, s *span) error {
	m := message{b: raw}
	for m.next() {
		switch {
		case m.is(2, protowire.BytesType):
			s.message = m.bytes
		case m.is(3, protowire.VarintType):
			s.failed = m.n == statusError
		}
	}
	return m.err
}

func (wire) pair(raw []byte) (key, value []byte, err error) {
	m := message{b: raw}
	for m.next() {
		switch {
		case m.is(1, protowire.BytesType):
			key = m.bytes
		case m.is(2, protowire.BytesType):
			value = m.bytes
		}
	}
	return key, value, m.err
}

func (w wire) appendValue(dst, raw []byte) ([]byte, bool, error) { return w.value(dst, raw, 0) }

var errNesting = errors.New("recursion limit reached")

// value appends an AnyValue in depth containers. Its kinds are alternatives, of which the last counts.
func (w wire) value(dst, raw []byte, depth int) (out []byte, ok bool, err error) {
	var last message
	m := message{b: raw}
	for m.next() {
		if m.num >= 1 && m.num <= 7 && m.typ == valueTypes[m.num] {
			last, ok = m, true
		}
	}
	if m.err != nil || !ok {
		return dst, false, m.err
	}
	switch last.num {
	case 1:
		dst = appendText(dst, last.bytes)
	case 2:
		dst = strconv.AppendBool(dst, last.n != 0)
	case 3:
		dst = strconv.AppendInt(dst, int64(last.n), 10)
	case 4:
		dst = appendDouble(dst, math.Float64frombits(last.n))
	case 5:
		dst, err = w.array(dst, last.bytes, depth+1)
	case 6:
		dst, err = w.list(dst, last.bytes, depth+1)
	case 7:
		dst = append(dst, '"')
		dst = hex.AppendEncode(dst, last.bytes)
		dst = append(dst, '"')
	}
	return dst, true, err
}

// valueTypes are the wire types of AnyValue's fields: string, bool, int, double, array, key-value list, bytes.
var valueTypes = [...]protowire.Type{
	1: protowire.BytesType, 2: protowire.VarintType, 3: protowire.VarintType, 4: protowire.Fixed64Type, 5: protowire.BytesType,
	6: protowire.BytesType, 7: protowire.BytesType,
}

func (w wire) array(dst, raw []byte, depth int) ([]byte, error) {
	if depth > maxNesting {
		return dst, errNesting
	}
	dst = append(dst, '[')
	m := message{b: raw}
	for m.next() {
		if !m.is(1, protowire.BytesType) {
			continue
		}
		var err error
		from := len(dst)
		dst = comma(dst, '[')
		var ok bool
		if dst, ok, err = w.value(dst, m.bytes, depth); err != nil {
			return dst, err
		}
		if !ok {
			dst = dst[:from]
		}
	}
	return append(dst, ']'), m.err
}

func (w wire) list(dst, raw []byte, depth int) ([]byte, error) {
	if depth > maxNesting {
		return dst, errNesting
	}
	dst = append(dst, '{')
	m := message{b: raw}
	for m.next() {
		if !m.is(1, protowire.BytesType) {
			continue
		}
		key, value, err := w.pair(m.bytes)
		if err != nil {
			return dst, err
		}
		from := len(dst)
		dst = comma(dst, '{')
		dst = append(appendText(dst, key), ':')
		ok := false
		if value != nil {
			if dst, ok, err = w.value(dst, value, depth); err != nil {
				return dst, err
			}
		}
		if !ok {
			dst = dst[:from]
		}
	}
	return append(dst, '}'), m.err
}

// comma appends a comma unless the container that begins with open is empty so far.
func comma(dst []byte, open byte) []byte {
	if dst[len(dst)-1] == open {
		return dst
	}
	return append(dst, ',')
}

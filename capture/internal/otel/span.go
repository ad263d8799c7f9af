package otel

import (
	"bytes"
	"unicode/utf8"

	"github.com/hog-go/hog/common/rawjson"
)

// maxNesting is how many arrays and key-value lists a value may stand in. Decoders of the original stop at a similar
// depth (prost at 100 messages, which are 2 or 3 a level).
const maxNesting = 40

// format is an encoding of requests. Raw pieces are views into the body, in that encoding.
type format interface {
	// spans lists the spans of a request, or its log records, MaxSpans at most, and counts them all.
	spans(body []byte) (refs []spanRef, n int, err error)
	// span reads one span into s, its attributes and those of its last exception as raw key-value pairs.
	span(raw []byte, s *span) error
	// record reads one log record into r, its attributes as raw key-value pairs and its body as a raw value.
	record(raw []byte, r *record) error
	// pair splits a key-value pair; value is nil where there is none.
	pair(raw []byte) (key, value []byte, err error)
	// appendValue appends a value as JSON; ok is false, and nothing appended, where the value is of no kind.
	appendValue(dst, raw []byte) (out []byte, ok bool, err error)
	// refusal begins the message for a request that is not in this format.
	refusal() string
}

// spanRef points to a span, or a log record, and to what it shares with others.
type spanRef struct {
	raw      []byte
	resource *resource
	scope    *scope
}

// scope is an instrumentation library.
type scope struct{ version []byte }

// resource is what made spans: a process.
type resource struct {
	raw       [][]byte // pairs
	converted bool
	attrs     []attr // without the noisy ones, once converted
}

// noisy begin the attributes that SDKs find out about the machine, which tell nothing about AI.
var noisy = [][]byte{[]byte("host."), []byte("process."), []byte("os."), []byte("telemetry.")}

// attributes converts the attributes on first use: most resources have no AI span.
func (r *resource) attributes(f format) ([]attr, error) {
	if r.converted {
		return r.attrs, nil
	}
	var buf []byte
	all, err := appendAttrs(nil, f, r.raw, &buf)
	if err != nil {
		return nil, err
	}
	for _, a := range all {
		if !isNoisy(a.key) {
			r.attrs = append(r.attrs, a)
		}
	}
	r.converted, r.raw = true, nil
	return r.attrs, nil
}

func isNoisy(key []byte) bool {
	for _, prefix := range noisy {
		if bytes.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

// span is one operation. Texts may be no UTF-8.
type span struct {
	traceID, spanID, parentID []byte
	name                      []byte
	start, end                uint64 // nanoseconds since 1970
	attrs                     [][]byte
	failed                    bool   // its status is error
	message                   []byte // of the status
	exception                 [][]byte
}

// reset empties s and keeps the memory of its list, unless that has grown large.
func (s *span) reset() {
	attrs := s.attrs[:0]
	if cap(attrs) > 1024 {
		attrs = nil
	}
	*s = span{attrs: attrs}
}

// attr is an attribute with its value as JSON.
type attr struct{ key, value []byte }

// appendAttrs converts pairs, leaving out those without a value. JSON is written to *buf.
func appendAttrs(dst []attr, f format, pairs [][]byte, buf *[]byte) ([]attr, error) {
	for _, raw := range pairs {
		key, value, err := f.pair(raw)
		if err != nil {
			return nil, err
		}
		if value == nil {
			continue
		}
		from := len(*buf)
		out, ok, err := f.appendValue(*buf, value)
		if err != nil {
			return nil, err
		}
		if *buf = out; ok {
			dst = append(dst, attr{key, out[from:len(out):len(out)]})
		}
	}
	return dst, nil
}

// isException tells an event that describes an exception, by its name or one of its attributes.
func isException(f format, name []byte, pairs [][]byte) (bool, error) {
	if string(name) == "exception" {
		return true, nil
	}
	for _, raw := range pairs {
		key, _, err := f.pair(raw)
		if err != nil {
			return false, err
		}
		if k := string(key); k == exceptionMessage || k == exceptionType {
			return true, nil
		}
	}
	return false, nil
}

// appendText appends s as a JSON string. What is not UTF-8 becomes U+FFFD.
func appendText(dst, s []byte) []byte {
	if !utf8.Valid(s) {
		s = bytes.ToValidUTF8(s, []byte("\uFFFD"))
	}
	dst = append(dst, '"')
	dst = rawjson.AppendEscaped(dst, s)
	return append(dst, '"')
}

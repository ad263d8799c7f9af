package otel

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hog-go/hog/capture/internal/scan"
)

// text is the JSON encoding: names in lowerCamelCase, ids in hexadecimal, 64-bit integers as strings or numbers, bytes
// in base64, enumerations as numbers (names are taken too), null for absent, unknown names ignored.
type text struct{ *names }

// names are the members that lead to the spans or log records of a request, and what refusals call
// the request and those.
type names struct{ resources, scopes, items, called, many string }

var (
	traceNames = names{"resourceSpans", "scopeSpans", "spans", "trace", "spans"}
	logNames   = names{"resourceLogs", "scopeLogs", "logRecords", "logs", "log records"}
)

func (t text) refusal() string { return "Invalid OTLP " + t.called + " format: " }

// checkText tells whether body is JSON at all.
func checkText(body []byte) error {
	if !utf8.Valid(body) {
		return errors.New("invalid UTF-8")
	}
	return scan.Check(body)
}

func unquote(value []byte) []byte {
	var arena []byte
	return scan.Text(value, &arena)
}

func (t text) spans(body []byte) (refs []spanRef, n int, err error) {
	l := lister{names: t.names, r: scan.NewReader(body)}
	for name := range l.r.Members() {
		if string(name) == l.resources {
			l.refs, l.n = l.refs[:0], 0 // of a name that comes twice the last counts, here and below
			for range l.r.Elements() {
				l.resourceSpans()
			}
		}
	}
	return l.refs, l.n, l.r.Err()
}

// lister collects the spans of a request.
type lister struct {
	*names
	r    *scan.Reader
	refs []spanRef
	n    int
}

// since returns a function that forgets the spans that came after this moment.
func (l *lister) since() (forget func()) {
	kept, n := len(l.refs), l.n
	return func() { l.refs, l.n = l.refs[:kept], n }
}

func (l *lister) resourceSpans() {
	res, forget := new(resource), l.since()
	for name := range l.r.Members() {
		switch string(name) {
		case "resource":
			res.raw = nil
			for name := range l.r.Members() {
				if string(name) == "attributes" {
					res.raw = elements(l.r, res.raw[:0])
				}
			}
		case l.scopes:
			forget()
			for range l.r.Elements() {
				l.scopeSpans(res)
			}
		}
	}
}

func (l *lister) scopeSpans(res *resource) {
	sc, forget := new(scope), l.since()
	for name := range l.r.Members() {
		switch string(name) {
		case "scope":
			sc.version = nil
			for name := range l.r.Members() {
				if string(name) == "version" {
					sc.version = optionalText(l.r)
				}
			}
		case l.items:
			forget()
			for range l.r.Elements() {
				raw := l.r.Raw()
				if l.n++; l.n <= MaxSpans {
					l.refs = append(l.refs, spanRef{raw, res, sc})
				}
			}
		}
	}
}

// elements appends the raw elements of the next value.
func elements(r *scan.Reader, dst [][]byte) [][]byte {
	for range r.Elements() {
		dst = append(dst, r.Raw())
	}
	return dst
}

// optionalText reads a string that may be null.
func optionalText(r *scan.Reader) []byte {
	if r.Kind() == 'n' {
		r.Skip()
		return nil
	}
	return r.Text()
}

func (t text) span(raw []byte, s *span) error {
	r := scan.NewReader(raw)
	for name := range r.Members() {
		var err error
		switch string(name) {
		case "traceId":
			s.traceID, err = id(r)
		case "spanId":
			s.spanID, err = id(r)
		case "parentSpanId":
			s.parentID, err = id(r)
		case "name":
			s.name = optionalText(r)
		case "startTimeUnixNano":
			s.start, err = nanos(r)
		case "endTimeUnixNano":
			s.end, err = nanos(r)
		case "attributes":
			s.attrs = elements(r, s.attrs[:0])
		case "events":
			s.exception = nil
			for range r.Elements() {
				if err = t.spanEvent(r, s); err != nil {
					return err
				}
			}
		case "status":
			t.status(r, s)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return r.Err()
}

func (t text) spanEvent(r *scan.Reader, s *span) error {
	var name []byte
	var pairs [][]byte
	for member := range r.Members() {
		switch string(member) {
		case "name":
			name = optionalText(r)
		case "attributes":
			pairs = elements(r, pairs[:0])
		}
	}
	found, err := isException(t, name, pairs)
	if found {
		s.exception = pairs
	}
	return err
}

func (text) status(r *scan.Reader, s *span) {
	s.failed, s.message = false, nil
	for name := range r.Members() {
		switch string(name) {
		case "message":
			s.message = optionalText(r)
		case "code":
			switch string(bytes.Trim(r.Raw(), `"`)) {
			case "2", "STATUS_CODE_ERROR":
				s.failed = true
			default:
				s.failed = false
			}
		}
	}
}

func (text) record(raw []byte, rec *record) error {
	r := scan.NewReader(raw)
	for name := range r.Members() {
		var err error
		switch string(name) {
		case "eventName":
			rec.name = optionalText(r)
		case "traceId":
			rec.traceID, err = id(r)
		case "spanId":
			rec.spanID, err = id(r)
		case "timeUnixNano":
			rec.time, err = nanos(r)
		case "observedTimeUnixNano":
			rec.observed, err = nanos(r)
		case "attributes":
			rec.attrs = elements(r, rec.attrs[:0])
		case "body":
			if rec.body = nil; r.Kind() != 'n' {
				rec.body = r.Raw()
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return r.Err()
}

// id reads a trace's or span's id.
func id(r *scan.Reader) ([]byte, error) {
	s := optionalText(r)
	b := make([]byte, hex.DecodedLen(len(s)))
	if _, err := hex.Decode(b, s); err != nil {
		return nil, err
	}
	return b, nil
}

// number reads an integer that may stand in quotes, as text; "" for null.
func number(r *scan.Reader) string {
	switch r.Kind() {
	case '"':
		return string(r.Text())
	case 'n':
		r.Skip()
		return ""
	}
	return string(r.Raw())
}

func nanos(r *scan.Reader) (uint64, error) {
	s := number(r)
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no 64-bit integer", clip(s))
	}
	return n, nil
}

// clip keeps what a client sent from filling an answer.
func clip(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "…"
	}
	return s
}

func (text) pair(raw []byte) (key, value []byte, err error) {
	r := scan.NewReader(raw)
	for name := range r.Members() {
		switch string(name) {
		case "key":
			key = optionalText(r)
		case "value":
			if value = nil; r.Kind() != 'n' {
				value = r.Raw()
			}
		}
	}
	return key, value, r.Err()
}

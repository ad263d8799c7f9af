package spool

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/hog-go/hog/common/kafka"
	"github.com/hog-go/hog/common/rawjson"
)

// placeholder is the line of a value that cannot be one.
var placeholder = []byte("null")

// appendRecord appends what is not in a record's line, as one JSON object:
//
//	{"topic":"events","key":"token:id","headers":[["token","t"],["session_id",null]]}
//
// A key or header that is null or empty stays so, bytes that are no UTF-8 become {"base64":"…"}, and a value that holds a line
// feed follows as "value" in base64.
func appendRecord(dst []byte, r *kafka.Record) []byte {
	dst = append(dst, `{"topic":`...)
	dst = appendText(dst, []byte(r.Topic))
	dst = append(dst, `,"key":`...)
	dst = appendText(dst, r.Key)
	dst = append(dst, `,"headers":[`...)
	for i, h := range r.Headers {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '[')
		dst = appendText(dst, []byte(h.Key))
		dst = append(dst, ',')
		dst = appendText(dst, h.Value)
		dst = append(dst, ']')
	}
	dst = append(dst, ']')
	for _, c := range r.Value {
		if c == '\n' {
			dst = append(dst, `,"value":"`...)
			dst = base64.StdEncoding.AppendEncode(dst, r.Value)
			dst = append(dst, '"')
			break
		}
	}
	return append(dst, '}')
}

func appendText(dst, text []byte) []byte {
	switch {
	case text == nil:
		return append(dst, "null"...)
	case utf8.Valid(text):
		dst = append(dst, '"')
		dst = rawjson.AppendEscaped(dst, text)
		return append(dst, '"')
	}
	dst = append(dst, `{"base64":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, text)
	return append(dst, `"}`...)
}

// recordLen is about what appendRecord appends.
func recordLen(r *kafka.Record) int {
	n := len(`{"topic":"","key":"","headers":[]}`) + len(r.Topic) + len(r.Key)
	for _, h := range r.Headers {
		n += len(`["",""],`) + len(h.Key) + len(h.Value)
	}
	return n
}

// parseRecord undoes appendRecord: text is its output, line the record's line.
func parseRecord(text, line []byte) (kafka.Record, error) {
	var in struct {
		Topic   plain      `json:"topic"`
		Key     plain      `json:"key"`
		Headers [][2]plain `json:"headers"`
		Value   *[]byte    `json:"value"`
	}
	if err := json.Unmarshal(text, &in); err != nil {
		return kafka.Record{}, fmt.Errorf("parse topic, key and headers: %w", err)
	}
	if len(in.Topic) == 0 {
		return kafka.Record{}, errors.New("parse topic, key and headers: no topic")
	}
	r := kafka.Record{Topic: string(in.Topic), Key: in.Key, Value: line}
	for _, h := range in.Headers {
		r.Headers = append(r.Headers, kafka.Header{Key: string(h[0]), Value: h[1]})
	}
	if in.Value != nil {
		r.Value = *in.Value
	}
	return r, nil
}

// plain is what appendText writes.
type plain []byte

// UnmarshalJSON reads null, a text, or an object with base64.
func (p *plain) UnmarshalJSON(text []byte) error {
	switch text[0] {
	case 'n':
		*p = nil
		return nil
	case '{':
		var in struct {
			Base64 []byte `json:"base64"`
		}
		err := json.Unmarshal(text, &in)
		*p = in.Base64
		return err
	}
	var s string
	err := json.Unmarshal(text, &s)
	*p = append(plain{}, s...)
	return err
}

package spool

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/kafka"
)

// What is written for a record is one line of JSON, and gives the record back to the byte.
func FuzzRecord(f *testing.F) {
	f.Add("events", []byte("token:id"), false, "uuid", []byte("0190"), false, []byte(`{"a":1}`))
	f.Add("t", []byte{}, true, "", []byte{}, true, []byte("\n"))
	f.Add("t\x00\"", []byte("\xff\u2028<"), false, "h\n", []byte("é\xc3"), false, []byte("\x1f\x8b\n\n"))
	f.Fuzz(func(t *testing.T, topic string, key []byte, noKey bool, header string, value []byte, null bool, body []byte) {
		if topic == "" || len(body) == 0 {
			return
		}
		want := kafka.Record{Topic: topic, Key: key, Value: body, Headers: []kafka.Header{{Key: header, Value: value}, {Key: "second", Value: []byte("x")}}}
		if noKey {
			want.Key = nil
		}
		if null {
			want.Headers[0].Value = nil
		}
		text := appendRecord([]byte("before"), &want)[len("before"):]
		require.True(t, json.Valid(text), "%s", text)
		require.NotContains(t, string(text), "\n")
		line := body
		if bytes.Contains(body, []byte("\n")) {
			line = placeholder
		}
		got, err := parseRecord(text, line)
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

func TestParseRecordRefuses(t *testing.T) {
	for _, text := range []string{"", "null", "{}", `{"topic":""}`, `{"topic":{"base64":1}}`, `{"topic":"t","key":5}`, `{"topic":"t","headers":[["a"`, `{"topic":"t","value":"%"}`} {
		_, err := parseRecord([]byte(text), []byte("x"))
		require.ErrorContains(t, err, "parse topic, key and headers", text)
	}
}

func TestKafkaSize(t *testing.T) {
	r := kafka.Record{Key: make([]byte, 3), Value: make([]byte, 10), Headers: []kafka.Header{
		{Key: "12", Value: make([]byte, 63)}, {Key: "12", Value: make([]byte, 64)}, {Key: "", Value: make([]byte, 8192)},
	}}
	require.Equal(t, 36+3+10+(1+2+1+63)+(1+2+2+64)+(1+0+3+8192), kafkaSize(&r))
}

package kafka

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/pierrec/lz4/v4"
)

// Envelope is compression of a value by the application, unseen by the brokers. Never for topics that ClickHouse reads.
type Envelope string

// The encodings of an envelope.
const (
	EnvelopeNone Envelope = "none"
	EnvelopeLZ4  Envelope = "lz4" // an LZ4 frame
)

// ParseEnvelope reads a setting, in any case and with white space around it.
func ParseEnvelope(s string) (Envelope, error) {
	e := Envelope(strings.ToLower(strings.TrimSpace(s)))
	if e != EnvelopeNone && e != EnvelopeLZ4 {
		return "", fmt.Errorf("Unknown EnvelopeEncoding: %s", s) //nolint:staticcheck // the original's words
	}
	return e, nil
}

// UnmarshalText is ParseEnvelope, for settings.
func (e *Envelope) UnmarshalText(text []byte) (err error) {
	*e, err = ParseEnvelope(string(text))
	return err
}

// Append appends the enveloped value to dst. When compression fails the value is appended as it is, which readers tell by the
// missing magic.
func (e Envelope) Append(dst, value []byte) []byte {
	if e != EnvelopeLZ4 {
		return append(dst, value...)
	}
	out := appender{b: dst}
	w := lz4.NewWriter(&out)
	if _, err := w.Write(value); err != nil || w.Close() != nil {
		return append(dst, value...)
	}
	return out.b
}

// lz4Magic begins every LZ4 frame.
var lz4Magic = []byte{0x04, 0x22, 0x4D, 0x18}

// OpenEnvelope gives the value inside an LZ4 frame, or value itself when it is none.
func OpenEnvelope(value []byte) ([]byte, error) {
	if !bytes.HasPrefix(value, lz4Magic) {
		return value, nil
	}
	out, err := readBounded(lz4.NewReader(bytes.NewReader(value)), len(value))
	if err != nil {
		return nil, fmt.Errorf("open LZ4 envelope: %w", err)
	}
	return out, nil
}

func unpackLZ4(messages []Message) {
	for i := range messages {
		if out, err := OpenEnvelope(messages[i].Value); err == nil {
			messages[i].Value = out
		}
	}
}

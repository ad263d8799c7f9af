package otel_test

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// The functions here write OTLP messages by hand, so that tests can also send what no encoder would.

func field(num protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), content)
}

func varint(num protowire.Number, n uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.VarintType), n)
}

func fixed(num protowire.Number, n uint64) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(nil, num, protowire.Fixed64Type), n)
}

func join(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// Values.
func str(s string) []byte          { return field(1, []byte(s)) }
func integer(n int64) []byte       { return varint(3, uint64(n)) }
func double(d float64) []byte      { return fixed(4, math.Float64bits(d)) }
func raw(b ...byte) []byte         { return field(7, b) }
func array(v ...[]byte) []byte     { return field(5, each(1, v)) }
func list(kv ...[]byte) []byte     { return field(6, each(1, kv)) }
func boolean(b bool) []byte        { return varint(2, map[bool]uint64{true: 1}[b]) }
func kv(k string, v []byte) []byte { return join(field(1, []byte(k)), field(2, v)) }

func each(num protowire.Number, messages [][]byte) []byte {
	var b []byte
	for _, m := range messages {
		b = append(b, field(num, m)...)
	}
	return b
}

// A span is its fields; attributes are its own pairs.
func attributes(pairs ...[]byte) []byte { return each(9, pairs) }
func named(name string) []byte          { return field(5, []byte(name)) }

var (
	ones   = []byte("\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01")
	traced = join(field(1, ones), field(2, []byte("\x02\x02\x02\x02\x02\x02\x02\x02")))
)

// request makes one of a resource with spans.
func request(resource []byte, spans ...[]byte) []byte {
	return field(1, join(field(1, resource), field(2, each(2, spans))))
}

func resource(pairs ...[]byte) []byte { return each(1, pairs) }

func nan() float64 { return math.NaN() }

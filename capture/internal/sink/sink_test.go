package sink_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/pierrec/lz4/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/capture/internal/sink"
	"github.com/hog-go/hog/common/kafka"
)

var recs = []kafka.Record{{Topic: "a", Key: []byte("k"), Value: []byte("{}")}, {Topic: "b", Value: []byte("[]")}}

func TestPrint(t *testing.T) {
	var out strings.Builder
	require.NoError(t, sink.NewPrint(&out).Send(t.Context(), recs))
	require.Equal(t, "a\tk\t{}\nb\t-\t[]\n", out.String())
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestPrintTellsWhatItCouldNotWrite(t *testing.T) {
	require.ErrorContains(t, sink.NewPrint(brokenPipe{}).Send(t.Context(), recs), "print 2 events: broken pipe")
}

func TestPrintEach(t *testing.T) {
	var out strings.Builder
	require.Nil(t, sink.NewPrint(&out).SendEach(t.Context(), recs))
	require.Equal(t, "a\tk\t{}\nb\t-\t[]\n", out.String())
	errs := sink.NewPrint(brokenPipe{}).SendEach(t.Context(), recs)
	require.Len(t, errs, 2)
	require.ErrorContains(t, errs[1], "broken pipe")
}

func TestNoop(t *testing.T) {
	require.NoError(t, sink.Noop{}.Send(t.Context(), recs))
	require.Nil(t, sink.Noop{}.SendEach(t.Context(), recs))
}

// kept takes the records that a sink hands on.
type kept struct{ recs []kafka.Record }

func (k *kept) Send(_ context.Context, recs []kafka.Record) error {
	for _, r := range recs {
		r.Value = bytes.Clone(r.Value)
		k.recs = append(k.recs, r)
	}
	return nil
}

func (k *kept) SendEach(ctx context.Context, recs []kafka.Record) []error {
	_ = k.Send(ctx, recs)
	return nil
}

func TestLZ4(t *testing.T) {
	header := kafka.Header{Key: "h", Value: []byte("v")}
	value := []byte(strings.Repeat("abc", 1000))
	in := []kafka.Record{{Topic: "a", Key: []byte("k"), Value: value, Headers: []kafka.Header{header}}, {Value: []byte("x")}, {Value: nil}}
	var next kept
	reg := prometheus.NewRegistry()
	packed := sink.NewLZ4(&next, reg)
	require.NoError(t, packed.Send(t.Context(), in))
	require.Nil(t, packed.SendEach(t.Context(), in))
	require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP common_kafka_lz4_compress_total values compressed before they became records
# TYPE common_kafka_lz4_compress_total counter
common_kafka_lz4_compress_total{result="success",topic=""} 4
common_kafka_lz4_compress_total{result="success",topic="a"} 2
`), "common_kafka_lz4_compress_total"))
	require.Equal(t, value, in[0].Value, "the caller's record is left alone")
	require.Len(t, in[0].Headers, 1)
	require.Len(t, next.recs, 6)
	for i, r := range next.recs {
		want := in[i%3]
		require.EqualValues(t, len(want.Value), binary.LittleEndian.Uint32(r.Value))
		plain := make([]byte, len(want.Value))
		n, err := lz4.UncompressBlock(r.Value[4:], plain)
		require.NoError(t, err)
		require.Equal(t, want.Value, append([]byte(nil), plain[:n]...))
		require.Equal(t, append(slices.Clone(want.Headers), kafka.Header{Key: "content-encoding", Value: []byte("lz4")}), r.Headers)
		require.Equal(t, want.Topic, r.Topic)
		require.Equal(t, want.Key, r.Key)
	}
	require.Less(t, len(next.recs[0].Value), 100)
}

package sink_test

import (
	"errors"
	"strings"
	"testing"

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

func TestNoop(t *testing.T) { require.NoError(t, sink.Noop{}.Send(t.Context(), recs)) }

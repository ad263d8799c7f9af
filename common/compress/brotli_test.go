package compress_test

import (
	"bytes"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/compress"
)

func packBrotli(tb testing.TB, content []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := brotli.NewWriterLevel(&b, 5)
	_, err := w.Write(content)
	require.NoError(tb, err)
	require.NoError(tb, w.Close())
	return b.Bytes()
}

func TestUnbrotli(t *testing.T) {
	for name, content := range samples() {
		t.Run(name, func(t *testing.T) {
			packed := packBrotli(t, content)
			out, err := compress.Unbrotli([]byte("kept"), packed, len(content))
			require.NoError(t, err)
			require.True(t, bytes.Equal(content, out[4:]))
			if len(content) > 0 {
				out, err = compress.Unbrotli([]byte("kept"), packed, len(content)-1)
				require.Equal(t, &compress.TooLargeError{Limit: len(content) - 1, Size: len(content)}, err)
				require.Equal(t, "kept", string(out))
			}
		})
	}
	t.Run("a bomb costs no more than the limit", func(t *testing.T) {
		out, err := compress.Unbrotli(nil, packBrotli(t, make([]byte, 64*mib)), 100_000)
		require.ErrorAs(t, err, new(*compress.TooLargeError))
		require.Less(t, cap(out), 300_000)
	})
	t.Run("invalid", func(t *testing.T) {
		cut := packBrotli(t, batchJSON(mib))
		for _, in := range [][]byte{nil, []byte("plain text"), cut[:len(cut)/2]} {
			out, err := compress.Unbrotli([]byte("kept"), in, 2*mib)
			require.ErrorIs(t, err, compress.ErrInvalidBrotli, "%.20q", in)
			require.Equal(t, "kept", string(out))
		}
	})
}

func FuzzUnbrotli(f *testing.F) {
	for _, content := range samples() {
		f.Add(packBrotli(f, content[:min(len(content), 5000)]))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		out, err := compress.Unbrotli(nil, in, fuzzLimit)
		if err == nil {
			require.LessOrEqual(t, len(out), fuzzLimit)
			again, err := compress.Unbrotli(nil, packBrotli(t, out), len(out))
			require.NoError(t, err)
			require.True(t, bytes.Equal(out, again))
		}
	})
}

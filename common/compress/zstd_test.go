package compress_test

import (
	"bytes"
	"testing"

	"github.com/hog-go/hog/common/compress"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
)

func TestZstd(t *testing.T) {
	for name, content := range samples() {
		t.Run(name, func(t *testing.T) {
			packed := compress.Zstd([]byte("kept"), content)[4:]
			require.True(t, compress.IsZstd(packed))
			out, err := compress.Unzstd([]byte("kept"), packed, len(content))
			require.NoError(t, err)
			require.True(t, bytes.Equal(content, out[4:]))

			twice, err := compress.Unzstd(nil, append(bytes.Clone(packed), packed...), 2*len(content))
			require.NoError(t, err)
			require.True(t, bytes.Equal(append(bytes.Clone(content), content...), twice))

			if len(content) > 0 {
				out, err = compress.Unzstd([]byte("kept"), packed, len(content)-1)
				require.Equal(t, &compress.TooLargeError{Limit: len(content) - 1, Size: len(content)}, err)
				require.Equal(t, "kept", string(out))
			}
		})
	}
	t.Run("frame without its size", func(t *testing.T) {
		var b bytes.Buffer
		w, err := zstd.NewWriter(&b)
		require.NoError(t, err)
		_, err = w.Write(batchJSON(mib))
		require.NoError(t, err)
		require.NoError(t, w.Close())
		out, err := compress.Unzstd(nil, b.Bytes(), 2*mib)
		require.NoError(t, err)
		require.True(t, bytes.Equal(batchJSON(mib), out))
	})
	t.Run("a bomb costs no more than the limit", func(t *testing.T) {
		out, err := compress.Unzstd(nil, compress.Zstd(nil, make([]byte, 64*mib)), 100_000)
		require.ErrorAs(t, err, new(*compress.TooLargeError))
		require.Less(t, cap(out), 300_000)
	})
	t.Run("invalid", func(t *testing.T) {
		for _, in := range []string{"", "plain", "\x28\xb5\x2f\xfd", "\x28\xb5\x2f\xfdplain"} {
			out, err := compress.Unzstd([]byte("kept"), []byte(in), mib)
			require.ErrorIs(t, err, compress.ErrInvalidZstd, "%q", in)
			require.Equal(t, "kept", string(out))
		}
	})
}

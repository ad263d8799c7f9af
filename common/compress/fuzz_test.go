package compress_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"io"
	"testing"
	"unicode/utf16"

	"github.com/hog-go/hog/common/compress"
	"github.com/hog-go/hog/common/compress/compresstest"
	"github.com/stretchr/testify/require"
)

const fuzzLimit = 100_000

// checkOracle compares with what a reader of the standard library gave for the same input.
func checkOracle(t *testing.T, out []byte, err error, want []byte, wantErr error) {
	t.Helper()
	switch {
	case len(want) > fuzzLimit:
		require.Error(t, err) // too large, or invalid where ours looked ahead first
	case wantErr == nil:
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, out))
	default:
		require.Error(t, err)
	}
}

func FuzzInflate(f *testing.F) {
	for _, content := range samples() {
		for _, level := range []int{flate.HuffmanOnly, 0, 1, 6} {
			var b bytes.Buffer
			w, _ := flate.NewWriter(&b, level)
			w.Write(content[:min(len(content), 5000)])
			w.Close()
			f.Add(b.Bytes())
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) >= 2 && in[0]&0x0f == 8 {
			return // perhaps a zlib header, which the oracle does not know
		}
		want, wantErr := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(in)), fuzzLimit+1))
		out, err := compress.Inflate(nil, in, fuzzLimit)
		checkOracle(t, out, err, want, wantErr)
	})
}

func FuzzGunzip(f *testing.F) {
	for _, content := range samples() {
		f.Add(pack(f, content[:min(len(content), 5000)], 6))
	}
	f.Add(append(pack(f, []byte("one"), 6), pack(f, []byte("two"), 1)...))
	f.Fuzz(func(t *testing.T, in []byte) {
		want, wantErr := gunzipStd(in)
		out, err := compress.Gunzip(nil, in, fuzzLimit)
		if errors.Is(wantErr, errSkip) {
			return
		}
		checkOracle(t, out, err, want, wantErr)
	})
}

var errSkip = errors.New("the oracle differs on purpose")

// gunzipStd reads in member by member, since what follows the last one is an error for std and none for us.
func gunzipStd(in []byte) ([]byte, error) {
	src := bytes.NewReader(in)
	var out []byte
	r, err := gzip.NewReader(src)
	for {
		if err != nil {
			if errors.Is(err, gzip.ErrHeader) && compress.IsGzip(in[max(0, len(in)-src.Len()-10):]) {
				err = errSkip // std refuses names longer than 512 bytes
			}
			return out, err
		}
		r.Multistream(false)
		var content []byte
		content, err = io.ReadAll(io.LimitReader(r, fuzzLimit+1))
		if out = append(out, content...); err != nil || len(out) > fuzzLimit {
			return out, err
		}
		if !compress.IsGzip(in[len(in)-src.Len():]) {
			return out, nil
		}
		if err = r.Reset(src); errors.Is(err, gzip.ErrHeader) {
			err = errSkip
		}
	}
}

func FuzzUnzstd(f *testing.F) {
	for _, content := range samples() {
		f.Add(compress.Zstd(nil, content[:min(len(content), 5000)]))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		out, err := compress.Unzstd(nil, in, fuzzLimit)
		if err != nil {
			require.Empty(t, out)
			return
		}
		require.LessOrEqual(t, len(out), fuzzLimit)
		again, err := compress.Unzstd(nil, compress.Zstd(nil, out), fuzzLimit)
		require.NoError(t, err)
		require.True(t, bytes.Equal(out, again))
	})
}

func FuzzLZString(f *testing.F) {
	f.Add("")
	f.Add("hello hello hello")
	f.Add("naïve 北京 \U0001F680")
	f.Fuzz(func(t *testing.T, text string) {
		text = string([]rune(text))
		out, err := compress.LZStringFromBase64(nil, []byte(compresstest.LZStringToBase64(text)), 4*len(text)+4)
		require.NoError(t, err)
		require.Equal(t, text, string(out))
	})
}

func FuzzLZStringFromBase64(f *testing.F) {
	f.Add([]byte("Q==="))
	f.Add([]byte("BYUwNmD2AEoTcpA="))
	f.Fuzz(func(t *testing.T, in []byte) {
		out, err := compress.LZStringFromBase64(nil, in, fuzzLimit)
		if err != nil {
			require.Empty(t, out)
			return
		}
		require.LessOrEqual(t, len(out), fuzzLimit)
		packed := compresstest.LZStringUnitsToBase64(utf16.Encode([]rune(string(out))))
		again, err := compress.LZStringFromBase64(nil, []byte(packed), fuzzLimit)
		require.NoError(t, err)
		require.True(t, bytes.Equal(out, again))
	})
}

package compress_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/hog-go/hog/common/compress"
	"github.com/hog-go/hog/common/compress/compresstest"
	"github.com/stretchr/testify/require"
)

// TestLZStringVectors reads testdata/lzstring.json, written by the npm package lz-string 1.5.0 (compressToBase64).
func TestLZStringVectors(t *testing.T) {
	file, err := os.ReadFile("testdata/lzstring.json")
	require.NoError(t, err)
	var vectors []struct{ Text, Packed string }
	require.NoError(t, json.Unmarshal(file, &vectors))
	require.NotEmpty(t, vectors)
	for _, v := range vectors {
		out, err := compress.LZStringFromBase64([]byte("kept"), []byte(v.Packed), 4*len(v.Text)+1)
		require.NoError(t, err, v.Packed)
		require.Equal(t, "kept"+v.Text, string(out))
		require.Equal(t, v.Packed, compresstest.LZStringToBase64(v.Text))
	}
}

func TestLZStringErrors(t *testing.T) {
	long := compresstest.LZStringToBase64(strings.Repeat("a", 1000))
	wide := compresstest.LZStringToBase64(strings.Repeat("北", 100))
	tests := map[string]struct {
		in  string
		err error
	}{
		"not base64":                   {in: "!!!!", err: compress.ErrLZString},
		"cut":                          {in: long[:len(long)/8], err: compress.ErrLZString},
		"only zero bits":               {in: "AAAA", err: compress.ErrLZString},
		"first code is a reference":    {in: "wA==", err: compress.ErrLZString},
		"lone high surrogate":          {in: compresstest.LZStringUnitsToBase64([]uint16{'a', 0xd83d}), err: compress.ErrLZStringText},
		"lone low surrogate":           {in: compresstest.LZStringUnitsToBase64([]uint16{0xde00, 'a'}), err: compress.ErrLZStringText},
		"too many units":               {in: long, err: &compress.TooLargeError{Limit: 250, Size: 251}},
		"too many bytes":               {in: wide, err: &compress.TooLargeError{Limit: 250, Size: 251}},
		"too many bytes, ASCII last":   {in: compresstest.LZStringToBase64(strings.Repeat("北", 80) + strings.Repeat("a", 11)), err: &compress.TooLargeError{Limit: 250, Size: 251}},
		"as many bytes as are allowed": {in: compresstest.LZStringToBase64(strings.Repeat("北", 80) + strings.Repeat("a", 10))},
		"no input is no text":          {in: ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			out, err := compress.LZStringFromBase64([]byte("kept"), []byte(tt.in), 250)
			require.Equal(t, tt.err, err)
			require.Equal(t, "kept", string(out[:4]))
			if err != nil {
				require.Len(t, out, 4)
			}
		})
	}
	require.EqualError(t, compress.ErrLZString, "failed decompress to UTF16")
	require.EqualError(t, compress.ErrLZStringText, "failed UTF16 to UTF8 conversion")
}

package redis

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(tb, err)
	return b
}

// TestUnpickle reads what CPython's pickle.dumps writes for a str, with each protocol.
func TestUnpickle(t *testing.T) {
	tests := map[string]struct{ hex, want string }{
		"row 39 protocol 4":               {"8004950f000000000000008c0b5f5f6d697373696e675f5f942e", "__missing__"},
		"row 40 protocol 3":               {"8003580c0000007b22666c616773223a5b5d7d71002e", `{"flags":[]}`},
		"protocol 2":                      {"8002580b0000005f5f6d697373696e675f5f71002e", "__missing__"},
		"protocol 5":                      {"8005950f000000000000008c0b5f5f6d697373696e675f5f942e", "__missing__"},
		"protocol 3, as we write it":      {"8003580b0000005f5f6d697373696e675f5f2e", "__missing__"},
		"empty, protocol 2":               {"8002580000000071002e", ""},
		"empty, protocol 5":               {"80059504000000000000008c00942e", ""},
		"beyond ASCII":                    {"8004950d000000000000008c09c3a9e58c97f09f9880942e", "é北😀"},
		"255 bytes, protocol 4":           {"80049503010000000000008cff" + strings.Repeat("78", 255) + "942e", strings.Repeat("x", 255)},
		"256 bytes, protocol 4":           {"80049507010000000000005800010000" + strings.Repeat("78", 256) + "942e", strings.Repeat("x", 256)},
		"too long for a frame":            {"80045870110100" + strings.Repeat("78", 70000) + "942e", strings.Repeat("x", 70000)},
		"8 byte length (4 GiB in Python)": {"80048d0300000000000000616263942e", "abc"},
		"4 byte memo index":               {"8002580300000061626372000001002e", "abc"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := unpickle(unhex(t, tt.hex))
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestUnpickleRefuses(t *testing.T) {
	whole := unhex(t, "8004950f000000000000008c0b5f5f6d697373696e675f5f942e")
	for n := range whole {
		_, err := unpickle(whole[:n])
		require.Error(t, err, "cut to %d bytes", n)
	}
	tests := map[string]string{
		"text":                   hex.EncodeToString([]byte(`{"flags":[]}`)),
		"protocol 1":             "8001580000000071002e",
		"protocol 6":             "8006580000000071002e",
		"a number":               "80024b012e",
		"None":                   "80024e2e",
		"bytes":                  "800343036162632e",
		"a list":                 "80035d71002e",
		"a global":               "80036363706f7369780a73797374656d0a71002e",
		"nothing":                "80032e",
		"memo of nothing":        "800371002e",
		"two values":             "80035801000000615801000000622e",
		"bytes behind the end":   "80035801000000612e00",
		"a length that is a lie": "800358ffffffff612e",
		"a huge length":          "80048dffffffffffffffff612e",
		"a frame that is a lie":  "800495ffffffffffffffff8c00942e",
		"a lone surrogate":       "80035803000000eda0bd71002e",
	}
	for name, in := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := unpickle(unhex(t, in))
			require.Error(t, err)
		})
	}
}

func TestPickle(t *testing.T) {
	b, err := pickle("__missing__")
	require.NoError(t, err)
	require.Equal(t, "8003580b0000005f5f6d697373696e675f5f2e", hex.EncodeToString(b))
	_, err = pickle("\xff")
	require.Error(t, err)
}

func FuzzUnpickle(f *testing.F) {
	for _, seed := range []string{
		"8004950f000000000000008c0b5f5f6d697373696e675f5f942e", "8003580c0000007b22666c616773223a5b5d7d71002e", "80048d0300000000000000616263942e",
	} {
		f.Add(unhex(f, seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		text, err := unpickle(in)
		if err != nil {
			require.Empty(t, text)
			return
		}
		require.LessOrEqual(t, len(text), len(in))
		again, err := pickle(text)
		require.NoError(t, err)
		back, err := unpickle(again)
		require.NoError(t, err)
		require.Equal(t, text, back)
	})
}

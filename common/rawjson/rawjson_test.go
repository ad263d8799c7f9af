package rawjson_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/rawjson"
)

func TestEscape(t *testing.T) {
	tests := map[string]struct {
		text string
		r    rune
		size int
	}{
		"quote":                      {text: `\"rest`, r: '"', size: 2},
		"slash":                      {text: `\/`, r: '/', size: 2},
		"backspace":                  {text: `\b\f`, r: '\b', size: 2},
		"code point":                 {text: `\u20aC!`, r: '€', size: 6},
		"pair":                       {text: `\ud83d\ude00`, r: '😀', size: 12},
		"first half alone":           {text: `\ud83d!`, r: 0xD83D, size: 6},
		"first half twice":           {text: `\ud83d\ud83d`, r: 0xD83D, size: 6},
		"second half alone":          {text: `\ude00\ud83d`, r: 0xDE00, size: 6},
		"first half and a bad digit": {text: `\ud83d\ude0x`, r: 0xD83D, size: 6},
		"bad digit":                  {text: `\u20ag`},
		"cut off":                    {text: `\u20a`},
		"cut off after backslash":    {text: `\`},
		"unknown":                    {text: `\x41`},
		"no escape":                  {text: `ab`},
		"nothing":                    {},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r, size := rawjson.Escape([]byte(tt.text))
			require.Equal(t, tt.r, r)
			require.Equal(t, tt.size, size)
		})
	}
}

func TestNumber(t *testing.T) {
	tests := map[string]struct {
		n  int
		ok bool
	}{
		"0": {1, true}, "-0": {2, true}, "01": {1, true}, "12.50e+3,": {8, true}, "1E9]": {3, true}, "7 ": {1, true},
		"": {0, false}, "-": {1, false}, "+1": {0, false}, ".5": {0, false}, "1.": {2, false}, "1.e": {2, false}, "1e": {2, false}, "1e-x": {3, false}, "-a": {1, false},
	}
	for text, tt := range tests {
		t.Run(text, func(t *testing.T) {
			n, ok := rawjson.Number([]byte(text))
			require.Equal(t, tt.ok, ok)
			require.Equal(t, tt.n, n)
		})
	}
}

func TestAppendStringReplacesWhatIsNoUTF8(t *testing.T) {
	require.Equal(t, `x"a\"�b"`, string(rawjson.AppendString([]byte("x"), "a\"\xffb")))
}

// FuzzAppendEscaped has encoding/json as oracle for what the escaped text decodes to.
func FuzzAppendEscaped(f *testing.F) {
	for _, s := range []string{"", "plain", `{"a":"b\\"}`, "line\nfeed", "\x00\x1f", "€uro \"quoted\"", strings.Repeat(`"`, 40)} {
		f.Add([]byte(s), 0)
	}
	f.Fuzz(func(t *testing.T, s []byte, room int) {
		if !utf8.Valid(s) {
			return
		}
		dst := append(make([]byte, 0, 1+max(0, room)%256), '"')
		dst = append(rawjson.AppendEscaped(dst, s), '"')
		var back string
		require.NoError(t, json.Unmarshal(dst, &back))
		require.Equal(t, string(s), back)
		require.Equal(t, len(s) == rawjson.PlainPrefix(s), len(dst) == len(s)+2)
		require.Equal(t, s, rawjson.AppendUnescaped([]byte{}, dst[1:len(dst)-1]))
	})
}

// FuzzAppendUnescaped has encoding/json as oracle for what strings are valid, and for what they decode to.
func FuzzAppendUnescaped(f *testing.F) {
	for _, s := range []string{"", "plain", `\"\\\/\b\f\n\r\t`, `\u0041\u20ac`, `\ud83d\ude00`, `\ud83d`, `\ude00\ud83d\u0041`, `a\`, `\u12`, `\x`, `"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, s []byte) {
		if !utf8.Valid(s) {
			return
		}
		valid := true
		for rest := s; len(rest) > 0 && valid; {
			rest = rest[rawjson.PlainPrefix(rest):]
			if len(rest) > 0 {
				var size int
				_, size = rawjson.Escape(rest)
				valid = size > 0
				rest = rest[size:]
			}
		}
		var want string
		require.Equal(t, json.Unmarshal([]byte(`"`+string(s)+`"`), &want) == nil, valid)
		if valid {
			require.Equal(t, want, string(rawjson.AppendUnescaped(nil, s)))
		}
	})
}

// FuzzNumber has encoding/json as oracle for what is a number.
func FuzzNumber(f *testing.F) {
	for _, s := range []string{"0", "-0.5e+10", "01", "1.", "1e", "-", "12a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var n json.Number
		want := json.Unmarshal([]byte(s), &n) == nil && strings.TrimLeft(s, "-0123456789") != s && n.String() == s
		size, ok := rawjson.Number([]byte(s))
		require.Equal(t, want, ok && size == len(s))
	})
}

func BenchmarkAppendEscaped(b *testing.B) {
	text := []byte(strings.Repeat(`"$current_url":"https://example.com/pricing?plan=scale","$screen_width":1920,`, 13))
	dst := make([]byte, 0, 4096)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		dst = rawjson.AppendEscaped(dst[:0], text)
	}
}

func BenchmarkAppendUnescaped(b *testing.B) {
	text := []byte(strings.Repeat(`\"$current_url\":\"https://example.com/pricing?plan=scale\",\"$screen_width\":1920,`, 13))
	dst := make([]byte, 0, 4096)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		dst = rawjson.AppendUnescaped(dst[:0], text)
	}
}

package urlencoded_test

import (
	"net/url"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/urlencoded"
)

func TestPairs(t *testing.T) {
	tests := map[string][]string{
		"":                   nil,
		"a=1&b=2&a=3":        {"a", "1", "b", "2", "a", "3"},
		"&a=1&&b&":           {"a", "1", "b", ""},
		"=1&=":               {"", "1", "", ""},
		"a=b=c":              {"a", "b=c"},
		"a;b=1;2":            {"a;b", "1;2"},
		"%61%3D=%2b+%2B":     {"a=", "+ +"},
		"a=100%&b=%zz&c=%4":  {"a", "100%", "b", "%zz", "c", "%4"},
		"a=%e2%82%AC&b=%ff+": {"a", "€", "b", "\ufffd "},
		"a=\xff":             {"a", "\ufffd"},
	}
	for in, want := range tests {
		t.Run(in, func(t *testing.T) {
			var got []string
			for name, value := range urlencoded.Pairs(in) {
				got = append(got, name, value)
			}
			require.Equal(t, want, got)
		})
	}
	for range urlencoded.Pairs("a&b") {
		break // which must end it
	}
}

func TestAppendPercent(t *testing.T) {
	require.Equal(t, "a +\xff%4", string(urlencoded.AppendPercent([]byte("a"), "%20+%fF%4")))
}

// FuzzPairs has net/url as oracle for what that reads.
func FuzzPairs(f *testing.F) {
	for _, s := range []string{"a=1&b=2&a=3", "%61%3D=%2b+%2B&c", "a;b=%", "=&&="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := url.Values{}
		for name, value := range urlencoded.Pairs(s) {
			require.True(t, utf8.ValidString(name) && utf8.ValidString(value))
			got[name] = append(got[name], value)
		}
		want, err := url.ParseQuery(s)
		if err != nil {
			return
		}
		for name, values := range want {
			if !utf8.ValidString(name) || slices.ContainsFunc(values, func(v string) bool { return !utf8.ValidString(v) }) {
				return
			}
		}
		require.Equal(t, want, got)
	})
}

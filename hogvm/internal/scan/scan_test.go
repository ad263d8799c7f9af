package scan_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/hogvm/internal/code"
	"github.com/hog-go/hog/hogvm/internal/scan"
	"github.com/hog-go/hog/hogvm/value"
)

func path(parts ...any) code.Path {
	var p code.Path
	for _, part := range parts {
		v := value.OfInt(0)
		switch part := part.(type) {
		case string:
			v = value.OfString(part)
		case int:
			v = value.OfInt(int64(part))
		}
		k, _ := code.KeyOf(v)
		p = append(p, k)
	}
	return p
}

// The scanner looks at eight bytes at a time: every byte at every place of a word must be seen for what it is.
func TestEveryByteInAString(t *testing.T) {
	plan := scan.New([]code.Path{path("k")})
	var view scan.View
	for c := range 256 {
		for at := range 20 {
			for _, around := range []string{"!", "#", "\x7f", "z"} {
				text := []byte(strings.Repeat(around, at) + string(rune(0)) + strings.Repeat(around, 19-at))
				text[at*len(around)] = byte(c)
				event := fmt.Appendf(nil, `{"k":"%s"}`, text)
				err := view.Text(plan, event)
				require.Equal(t, json.Valid(event), err == nil, "%q", event)
				if err == nil {
					want, err := value.ParseJSON(event)
					require.NoError(t, err)
					require.Equal(t, code.Follow(want, path("k")).Str(), view.Read(0).Str())
				}
			}
		}
	}
}

func TestView(t *testing.T) {
	const event = `{"a":{"b":{"c":[10,{"d":"x"}]},"n":null,"7":"seven"},"b":2.0,"a\u0062":true,"dup":{"x":1},"dup":{"y":2},"deep":{"a":1,"b":2,"c":3,"d":4,"e":5}}`
	paths := []code.Path{
		path("a", "b", "c", 1), path("a", "b", "c", -1, "d"), path("a", "b", "c", 5), path("a", "n"), path("a", "n", "x"), path("a", 7), path("a", "7"),
		path("b"), path("ab"), path("dup", "x"), path("dup", "y"), path("dup"), path("nope"), path("nope", "x"), path("deep", "e"), path("deep", "f"),
		path("a"), path("a", "b"),
	}
	plan := scan.New(paths)
	decoded, err := value.ParseJSON([]byte(event))
	require.NoError(t, err)
	var raw, whole scan.View
	for range 3 { // a view is used again and again
		require.NoError(t, raw.Text(plan, []byte(event)))
		whole.Object(plan, decoded.Object())
		for i, p := range paths {
			want := code.Follow(decoded, p)
			exists := decoded.Object().Has(p[0].Text)
			for name, view := range map[string]*scan.View{"raw": &raw, "decoded": &whole} {
				require.Equal(t, exists, view.HasRoot(plan.Root(int32(i))), "%s %s", name, p)
				if exists {
					require.Equal(t, want.String(), view.Read(int32(i)).String(), "%s %s", name, p)
					require.True(t, !view.ReadsScalar(int32(i)) || !want.IsContainer(), "%s %s", name, p)
				}
			}
		}
		require.NoError(t, raw.Text(plan, []byte(`{"b":1}`)))
		require.False(t, raw.HasRoot(plan.Root(0)))
		whole.Object(plan, nil)
		require.False(t, whole.HasRoot(plan.Root(0)))
	}
	require.Equal(t, decoded.String(), value.OfObject(func() *value.Object { _ = raw.Text(plan, []byte(event)); return raw.Whole() }()).String())
}

package scan_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/capture/internal/scan"
)

func TestReaderAgreesWithEncodingJSON(t *testing.T) {
	for _, text := range []string{
		`{}`, `[]`, ` {"a" : [1, -2.5e+3, "x\n\u00e9", true, false, null, {"b":{}}] } `, `"x"`, `0`, `-0.1E-2`,
		``, ` `, `{`, `[`, `{"a"}`, `{"a":}`, `{"a":1,}`, `[1,]`, `[,1]`, `{,}`, `{a:1}`, `01`, `-`, `1.`, `1e`, `.5`, `tru`, `nul`,
		"\"\x01\"", `"\x"`, `"\u12g4"`, `"\u12`, `"abc`, `{} {}`, `1 2`, `[1 2]`, `{"a":1 "b":2}`, `{"a":1}]`, `+1`, `NaN`,
	} {
		t.Run(text, func(t *testing.T) {
			require.Equal(t, json.Valid([]byte(text)), scan.Check([]byte(text)) == nil)
		})
	}
}

func TestReaderDepth(t *testing.T) {
	require.NoError(t, scan.Check([]byte(strings.Repeat("[", 127)+strings.Repeat("]", 127))))
	require.EqualError(t, scan.Check([]byte(strings.Repeat("[", 1<<20))), "recursion limit exceeded at byte 128")
	require.Error(t, scan.Check([]byte(strings.Repeat(`{"a":`, 1<<20))))
}

func TestReaderRepairsSurrogates(t *testing.T) {
	text := []byte(`["\ud83d","\udc00x","\ud83d\ude00","\ud83d\u0041"]`)
	require.NoError(t, scan.Check(text))
	require.Equal(t, `["\ufffd","\ufffdx","\ud83d\ude00","\ufffd\u0041"]`, string(text))
}

func TestReaderWalk(t *testing.T) {
	r := scan.NewReader([]byte(`{"list":[{"n":1},{"n":2}],"na\u006de":"a\tb","skipped":[[]],"none":null,"last":"plain"}`))
	got := map[string]string{}
	for name := range r.Members() {
		switch string(name) {
		case "list":
			for range r.Elements() {
				for range r.Members() {
					got["list"] += string(r.Raw())
				}
			}
		case "none":
			for range r.Members() {
				t.Error("null has no members")
			}
			got["none"] = "seen"
		case "name", "last":
			key := string(name)
			got[key] = string(r.Text())
		}
	}
	r.End()
	require.NoError(t, r.Err())
	require.Equal(t, map[string]string{"list": "12", "name": "a\tb", "none": "seen", "last": "plain"}, got)
}

func TestReaderKinds(t *testing.T) {
	r := scan.NewReader([]byte(`[1]`))
	for range r.Members() {
		t.Error("an array has no members")
	}
	require.EqualError(t, r.Err(), "expected an object at byte 0")
	require.Zero(t, r.Kind())
	require.Nil(t, r.Raw())

	r = scan.NewReader([]byte(`5`))
	require.Nil(t, r.Text())
	require.EqualError(t, r.Err(), "expected a string at byte 0")
}

// FuzzCheck holds the reader against encoding/json, which knows no depth below 10000.
func FuzzCheck(f *testing.F) {
	f.Add([]byte(`{"a":[1,2.5,{"b":"\ud83d\u00e9"}],"c":null}`))
	f.Add([]byte(`[[[[]]]]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if !utf8.Valid(text) {
			return
		}
		want := json.Valid(text)
		original := bytes.Clone(text)
		err := scan.Check(text)
		require.Len(t, text, len(original))
		if err != nil && strings.HasPrefix(err.Error(), "recursion") {
			return
		}
		require.Equal(t, want, err == nil, "%q: %v", original, err)
		if err == nil {
			require.NoError(t, scan.Check(text), "a repaired text stays valid")
			require.True(t, json.Valid(text))
		}
	})
}

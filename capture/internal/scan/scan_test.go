package scan_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/capture/internal/scan"
)

func parse(text string) (*scan.Request, error) {
	var r scan.Request
	err := r.Parse([]byte(text))
	return &r, err
}

func TestShapes(t *testing.T) {
	tests := map[string]struct {
		in     string
		shape  scan.Shape
		events int
		shaped bool // false: ErrShape
	}{
		"array":                               {`[{"event":"a"},{"event":"b"}]`, scan.Array, 2, true},
		"empty array":                         {` [ ] `, scan.Array, 0, true},
		"array element without a name":        {`[{"event":"a"},{"distinct_id":"b"}]`, 0, 0, false},
		"array of numbers":                    {`[1]`, 0, 0, false},
		"batch":                               {`{"batch":[{"event":"a"}],"api_key":"t"}`, scan.Batch, 1, true},
		"batch with every option":             {`{"token":"t","historical_migration":true,"sent_at":"x","batch":[{"event":"a"}]}`, scan.Batch, 1, true},
		"batch with null options":             {`{"token":"t","historical_migration":null,"sent_at":null,"batch":[]}`, scan.Batch, 0, true},
		"batch wins over a name":              {`{"event":"top","token":"t","batch":[{"event":"a"}]}`, scan.Batch, 1, true},
		"batch ignores what only events have": {`{"properties":5,"token":"t","batch":[{"event":"a"}]}`, scan.Batch, 1, true},
		"batch without token":                 {`{"batch":[{"event":"a"}]}`, scan.Engage, 1, true},
		"batch under $token":                  {`{"$token":"t","batch":[{"event":"a"}]}`, scan.Engage, 1, true},
		"batch with a bad element":            {`{"token":"t","batch":[{"event":"a","properties":null}]}`, scan.Engage, 1, true},
		"batch with a bad uuid":               {`{"token":"t","batch":[{"event":"a","uuid":"x"}]}`, scan.Engage, 1, true},
		"batch with a bad option":             {`{"token":"t","batch":[],"historical_migration":"yes"}`, scan.Engage, 1, true},
		"bad batch with a name":               {`{"event":"top","token":"t","batch":5}`, scan.Single, 1, true},
		"single":                              {`{"event":"a","distinct_id":5,"offset":-3,"$set":{},"$set_once":null}`, scan.Single, 1, true},
		"unknown fields of any type":          {`{"event":"a","type":[1,{"x":null}],"library":7}`, scan.Single, 1, true},
		"engage":                              {`{"distinct_id":"d","$set":{"foo":42}}`, scan.Engage, 1, true},
		"name of another type":                {`{"event":5}`, scan.Engage, 1, true},
		"properties null":                     {`{"event":"e","properties":null}`, 0, 0, false},
		"timestamp a number":                  {`{"event":"e","timestamp":5}`, 0, 0, false},
		"offset a float":                      {`{"event":"e","offset":1.5}`, 0, 0, false},
		"token a number":                      {`{"event":"e","token":5}`, 0, 0, false},
		"uuid not one":                        {`{"event":"e","uuid":"not-a-uuid"}`, 0, 0, false},
		"uuid in anything":                    {`{"event":"e","uuid":"x550e8400-e29b-41d4-a716-446655440000y"}`, 0, 0, false},
		"$set a list":                         {`{"event":"e","$set":[]}`, 0, 0, false},
		"number":                              {`5`, 0, 0, false},
		"null":                                {`null`, 0, 0, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := parse(tt.in)
			if !tt.shaped {
				require.ErrorIs(t, err, scan.ErrShape)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.shape, r.Shape)
			require.Len(t, r.Events, tt.events)
		})
	}
}

func TestFields(t *testing.T) {
	r, err := parse(`{"$token":"x","$distinct_id":{"a":1},"uuid":"550E8400-e29b-41d4-a716-446655440000","event":"a\"b",
		"timestamp":"t","offset":-3,"$set":{"s":1},"$set_once":{"o":1},
		"properties":{"token":"pt","distinct_id":7,"$cookieless_mode":true,"$ignore_sent_at":true,"capture_internal":0,
		"\u0024heatmap_data":1,"$prev_pageview_pathname":2,"$current_url":3,"$product_tour_id":4,"$ai_gateway_x":5}}`)
	require.NoError(t, err)
	e := r.Events[0]
	var arena []byte
	require.Equal(t, "x", string(scan.Text(e.Token, &arena)))
	require.Equal(t, `{"a":1}`, string(e.DistinctID))
	require.Equal(t, "550e8400-e29b-41d4-a716-446655440000", e.ID.String())
	require.True(t, e.HasID)
	require.Equal(t, `a"b`, string(e.Name))
	require.Equal(t, `"t"`, string(e.Timestamp))
	require.Equal(t, int64(-3), e.Offset)
	require.Equal(t, `{"s":1}`, string(e.Set))
	require.Equal(t, `{"o":1}`, string(e.SetOnce))
	require.Equal(t, `"pt"`, string(e.PropToken))
	require.Equal(t, `7`, string(e.PropDistinctID))
	require.Equal(t, `true`, string(e.Cookieless))
	require.True(t, e.IgnoreSentAt)
	require.Equal(t, scan.HasCaptureInternal|scan.HasHeatmapData|scan.HasPrevPathname|scan.HasCurrentURL|scan.HasProductTour|scan.HasGateway, e.Has)

	r, err = parse(`{"event":"e","uuid":"","distinct_id":null,"token":"t","api_key":null}`)
	require.NoError(t, err)
	require.False(t, r.Events[0].HasID)
	require.Nil(t, r.Events[0].DistinctID)
	require.Equal(t, `"t"`, string(r.Events[0].Token))
}

func TestBatchOptionsBelongToBatches(t *testing.T) {
	r, err := parse(`{"event":"e","token":"t","historical_migration":true,"sent_at":"2023-01-01T12:00:00Z"}`)
	require.NoError(t, err)
	require.False(t, r.Historical)
	require.Nil(t, r.SentAt)
}

func TestSyntaxErrors(t *testing.T) {
	for _, in := range []string{
		``, ` `, `{`, `{"event":`, `{"event"}`, `{"event":"a",}`, `{"event":"a"}x`, `[1,]`, `[,1]`, `[1 2]`, `{"a" 1}`, `{a:1}`,
		`tru`, `01`, `-`, `1.`, `1e`, `.5`, `"`, `"\x"`, `"\u12"`, "\"\n\"", `"abc`, `nul`, `+1`, `{"a":1]`, `[1}`, "\x00",
		strings.Repeat("[", 128) + strings.Repeat("]", 128),
	} {
		_, err := parse(in)
		var syntax *scan.SyntaxError
		require.True(t, errors.As(err, &syntax), "%q: %v", in, err)
	}
	_, err := parse(strings.Repeat("[", 127) + strings.Repeat("]", 127))
	require.ErrorIs(t, err, scan.ErrShape, "127 containers are within the limit")
}

func TestLoneSurrogates(t *testing.T) {
	tests := map[string]string{
		`\ud83d\ude00`:       "😀",
		`\ud83d`:             "\uFFFD",
		`a\udc00b`:           "a\uFFFDb",
		`\ud83dx`:            "\uFFFDx",
		`\ud83d\ud83d\ude00`: "\uFFFD😀",
		`\ud83d\n`:           "\uFFFD\n",
		`\\ud83d`:            `\ud83d`,
	}
	for in, want := range tests {
		t.Run(in, func(t *testing.T) {
			r, err := parse(`{"event":"` + in + `","properties":{"p":"` + in + `"}}`)
			require.NoError(t, err)
			require.Equal(t, want, string(r.Events[0].Name))
			var props map[string]string
			require.NoError(t, json.Unmarshal(r.Events[0].Properties, &props))
			require.Equal(t, want, props["p"])
		})
	}
}

func TestEachMember(t *testing.T) {
	var got []string
	scan.EachMember([]byte(`{ "a" : 1, "b\u0024":{"c":[2]} }`), func(name, value, member []byte) {
		got = append(got, string(name)+"|"+string(value)+"|"+string(member))
	})
	require.Equal(t, []string{`a|1|"a" : 1`, `b$|{"c":[2]}|"b\u0024":{"c":[2]}`}, got)
}

// FuzzParse has encoding/json as oracle: for what is JSON, and for the fields of a single event or a list of events.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{"event":"a","properties":{"a":[1,2,{"b":null}]},"timestamp":"x"}`, `[{"event":"a"}]`, `{"token":"t","batch":[{"event":"a","uuid":""}]}`,
		`{"event":"\ud83d\ude00","distinct_id":-1.5e+3}`, `[]`, `{}`, `"\u00e9"`, `[true,false,null,0,-0.1E9]`, `{"a":{"a":{}}}`, `[[[[]]],{}]`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		var r scan.Request
		buf := []byte(s)
		err := r.Parse(buf)
		var syntax *scan.SyntaxError
		isSyntax := errors.As(err, &syntax)
		if deep := isSyntax && strings.HasPrefix(syntax.Want, "recursion"); !deep {
			require.Equal(t, json.Valid([]byte(s)), !isSyntax, "%q: %v", s, err)
		}
		if err != nil || r.Shape == scan.Batch {
			return
		}
		var want []map[string]json.RawMessage
		if r.Shape == scan.Array {
			require.NoError(t, json.Unmarshal(buf, &want))
		} else {
			want = make([]map[string]json.RawMessage, 1)
			require.NoError(t, json.Unmarshal(buf, &want[0]))
		}
		require.Len(t, r.Events, len(want))
		for i, w := range want {
			e := r.Events[i]
			for name, got := range map[string][]byte{"properties": e.Properties, "timestamp": e.Timestamp, "$set": e.Set, "$set_once": e.SetOnce} {
				if raw := w[name]; raw != nil && string(raw) != "null" || got != nil {
					require.Equal(t, string(raw), string(got), name)
				}
			}
			if e.Name != nil {
				var name string
				require.NoError(t, json.Unmarshal(w["event"], &name))
				require.Equal(t, name, string(e.Name))
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	one := `{"event":"$pageview","distinct_id":"018f2d0e-4b7a-7c11-a1f3-6f3d5d2f1a77","properties":{` +
		strings.Repeat(`"$current_url":"https://example.com/pricing?plan=scale","$screen_width":1920,`, 10) + `"x":1},"timestamp":"2023-01-01T11:00:00.123Z"}`
	text := []byte(`{"token":"phc_test","batch":[` + strings.Repeat(one+",", 49) + one + `]}`)
	var r scan.Request
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}

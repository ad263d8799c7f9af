package decode_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/andybalholm/brotli"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/capture/internal/decode"
	"github.com/hog-go/hog/capture/internal/reject"
	"github.com/hog-go/hog/common/compress"
	"github.com/hog-go/hog/common/compress/compresstest"
)

const formType = "application/x-www-form-urlencoded"

func gz(s string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.Bytes()
}

func brotlied(s string) []byte {
	var b bytes.Buffer
	w := brotli.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.Bytes()
}

func deflated(s string) []byte {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.Bytes()
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func TestPayload(t *testing.T) {
	const text = `{"event":"pad"}` + " " // a length that base64 pads, and that is a multiple of four
	tests := map[string]struct {
		in   decode.Input
		want string
		err  string // of the refusal, a prefix
	}{
		"plain":                         {in: decode.Input{Body: []byte(text)}, want: text},
		"base64":                        {in: decode.Input{Body: []byte(b64([]byte(text)))}, want: text},
		"gzip without a hint":           {in: decode.Input{Body: gz(text)}, want: text},
		"gzip in base64":                {in: decode.Input{Body: []byte(b64(gz(text)))}, want: text},
		"base64 in gzip":                {in: decode.Input{Body: gz(b64([]byte(text)))}, want: text},
		"gzip hint on JSON":             {in: decode.Input{Body: []byte(text), ContentEncoding: "gzip"}, want: text},
		"gzip hint on base64 of JSON":   {in: decode.Input{Body: []byte(b64([]byte(text))), Query: decode.Query{Compression: decode.Gzip}}, want: text},
		"gzip hint on noise":            {in: decode.Input{Body: []byte("noise"), Query: decode.Query{Compression: decode.Gzip}}, err: "failed to decode request: invalid GZIP data"},
		"unknown encoding is ignored":   {in: decode.Input{Body: []byte(text), ContentEncoding: "identity"}, want: text},
		"header names are exact":        {in: decode.Input{Body: []byte(text), ContentEncoding: "GZIP"}, want: text},
		"form":                          {in: decode.Input{Body: []byte("data=" + url.QueryEscape(text)), ContentType: formType}, want: text},
		"form with a charset":           {in: decode.Input{Body: []byte("data=" + url.QueryEscape(text)), ContentType: formType + "; charset=utf-8"}, want: text},
		"JSON as a form with a charset": {in: decode.Input{Body: []byte(text), ContentType: formType + "; charset=UTF-8"}, want: text},
		"JSON as a form":                {in: decode.Input{Body: []byte(text), ContentType: formType}, err: "failed to decode request: expected form data in POST request payload"},
		"form of posthog-js":            {in: decode.Input{Body: []byte("data=" + url.QueryEscape(b64([]byte(text))) + "&compression=base64"), ContentType: formType}, want: text},
		"form in base64":                {in: decode.Input{Body: []byte(b64([]byte("data=" + url.QueryEscape(text) + "&ver=1"))), ContentType: formType}, want: text},
		"form without data":             {in: decode.Input{Body: []byte("ver=1.2.3"), ContentType: formType}, want: "ver=1.2.3"},
		"form data not text":            {in: decode.Input{Body: []byte("data=%ff"), ContentType: formType}, err: "failed to decode request: invalid urlencoded form data"},
		"form with a stray percent":     {in: decode.Input{Body: []byte(`data={"event":"100%"}`), ContentType: formType}, want: `{"event":"100%"}`},
		"data in the query":             {in: decode.Input{Query: decode.Query{Data: b64([]byte(text))}, Body: []byte("ignored")}, want: text},
		"plus signs lost in the query":  {in: decode.Input{Query: decode.Query{Data: strings.ReplaceAll(b64([]byte(`{"event":">>>?~~?"}`+"  ")), "+", " ")}}, want: `{"event":">>>?~~?"}` + "  "},
		"nothing":                       {in: decode.Input{}, err: "request missing data payload"},
		"LZ-string":                     {in: decode.Input{Body: []byte(compresstest.LZStringToBase64(text)), Query: decode.Query{Compression: decode.LZString}}, want: text},
		"LZ-string by header":           {in: decode.Input{Body: []byte(compresstest.LZStringToBase64(text)), ContentEncoding: "lz64"}, want: text},
		"br by header":                  {in: decode.Input{Body: brotlied(text), ContentEncoding: "br"}, want: text},
		"deflate by header":             {in: decode.Input{Body: deflated(text), ContentEncoding: "deflate"}, want: text},
		"zstd by header":                {in: decode.Input{Body: compress.Zstd(nil, []byte(text)), ContentEncoding: "zstd"}, want: text},
		"not text":                      {in: decode.Input{Body: []byte{0xff, 0xfe, '{'}}, err: "failed to decode request: invalid UTF8 in request payload"},
		"plain over the limit":          {in: decode.Input{Body: []byte(strings.Repeat("{", 101))}, err: "maximum event size exceeded: Uncompressed payload size limit 100 exceeded: 101"},
		"gzip over the limit":           {in: decode.Input{Body: gz(strings.Repeat("{", 101))}, err: "maximum event size exceeded: Decompressed payload would exceed 100 bytes (got 101 bytes)"},
		"LZ-string over the limit":      {in: decode.Input{Body: []byte(compresstest.LZStringToBase64(strings.Repeat("{", 101))), ContentEncoding: "lz64"}, err: "maximum event size exceeded: lz64 request payload size limit exceeded"},
		"base64 over the limit inside":  {in: decode.Input{Body: gz(strings.Repeat("e", 96) + "e===")}, want: strings.Repeat("e", 96) + "e==="},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.in.Limit = 100
			var scratch []byte
			got, err := decode.Payload(&tt.in, &scratch)
			if tt.err != "" {
				var refused *reject.Error
				require.ErrorAs(t, err, &refused)
				require.True(t, strings.HasPrefix(refused.Message, tt.err), refused.Message)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, string(got))
		})
	}
}

func TestParseQuery(t *testing.T) {
	at := time.UnixMilli(1704067200000).UTC()
	tests := map[string]decode.Query{
		"":                                     {},
		"compression=GZIP-js":                  {Compression: decode.Gzip},
		"compression=brotli&ip=1&ver=1.2.3":    {},
		"data=a%2Bb&_=1704067200000&beacon=1":  {Data: "a+b", SentAt: at, Beacon: true},
		"sent_at=1704067200000&beacon=0":       {SentAt: at},
		"_=1704067200":                         {}, // seconds
		"_=soon&beacon=yes":                    {},
		"compression=lz-string":                {Compression: decode.LZString},
		"data=%7b;100%+%ff&%5f=1704067200000":  {Data: "{;100% \ufffd", SentAt: at},
		"compression=b64&retry_count=3&beacon": {Compression: decode.Base64},
	}
	for in, want := range tests {
		t.Run(in, func(t *testing.T) { require.Equal(t, want, decode.ParseQuery(in)) })
	}
}

// FuzzPayload asks that sniffing never fails on anything but with a refusal, yields text within the limit, and that a
// JSON object packed in any of the ways comes out as it went in.
func FuzzPayload(f *testing.F) {
	f.Add([]byte(`{"event":"e"}`), "", "", "")
	f.Add(gz(`{"event":"e"}`), "", "compression=gzip", "gzip")
	f.Add([]byte("data="+b64([]byte(`{"event":"e"}`))), formType, "compression=lz64", "")
	f.Add([]byte(b64(gz(`[]`))), "text/plain", "data=e30%3D", "zstd")
	f.Fuzz(func(t *testing.T, body []byte, contentType, query, encoding string) {
		const limit = 1 << 16
		var scratch []byte
		in := decode.Input{Query: decode.ParseQuery(query), ContentType: contentType, ContentEncoding: encoding, Body: bytes.Clone(body), Limit: limit}
		out, err := decode.Payload(&in, &scratch)
		var refused *reject.Error
		if err != nil {
			require.ErrorAs(t, err, &refused)
		} else {
			require.True(t, utf8.Valid(out))
			require.LessOrEqual(t, len(out), limit)
		}
		object := `{"event":` + string(body) + `}`
		if !utf8.ValidString(object) {
			return
		}
		for name, in := range map[string]decode.Input{
			"plain": {Body: []byte(object)}, "gzip": {Body: gz(object)}, "base64": {Body: []byte(b64([]byte(object)))},
			"form": {Body: []byte("data=" + url.QueryEscape(object)), ContentType: formType},
			"lz":   {Body: []byte(compresstest.LZStringToBase64(object)), Query: decode.Query{Compression: decode.LZString}},
		} {
			in.Limit = limit
			scratch = scratch[:0]
			got, err := decode.Payload(&in, &scratch)
			require.NoError(t, err, name)
			require.Equal(t, object, string(got), name)
		}
	})
}

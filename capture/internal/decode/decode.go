// Package decode turns what a request carries into JSON text: it finds the payload in the query, a form or the body,
// and unpacks base64, gzip and LZ-string, sniffing where no hint is given. The order of the steps is the contract,
// since SDKs of ten years rely on it. Source: PostHog's rust/capture/src/payload/common.rs and decompression.rs.
//
// Where the original answers 400, this package tries once more before it gives up: a gzip hint on a payload that is
// not packed, base64 on every path, LZ-string text that looked like base64, blanks in the data of a GET that were plus
// signs, and the standard content encodings deflate, br and zstd.
package decode

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/hog-go/hog/capture/internal/reject"
	"github.com/hog-go/hog/common/compress"
	"github.com/hog-go/hog/common/urlencoded"
)

// Input is one request.
type Input struct {
	Query           Query
	ContentType     string
	ContentEncoding string
	Body            []byte
	Limit           int // bytes of JSON, at the most
}

// What is wrong with a form.
var (
	errNoForm = reject.Decode("expected form data in POST request payload")
	errForm   = reject.Decode("invalid urlencoded form data")
)

// IsFormError tells whether a refusal is about the form that a payload came in.
func IsFormError(e *reject.Error) bool { return e == errNoForm || e == errForm }

// Payload returns the JSON text of in, valid UTF-8. It is a view into in.Body, or is appended to *scratch, which must
// be empty. Errors are *reject.Error.
func Payload(in *Input, scratch *[]byte) ([]byte, error) {
	raw := in.Body
	if in.Query.Data != "" {
		raw = []byte(in.Query.Data)
		if likelyBase64(raw, true) {
			raw = bytes.ReplaceAll(raw, []byte{' '}, []byte{'+'})
		}
	}
	if len(raw) == 0 {
		return nil, reject.EmptyPayload
	}
	payload := raw
	if !looksForm(raw) && likelyBase64(raw, false) {
		if plain, err := decodeBase64(raw); err == nil {
			payload = plain
		}
	}
	var formHint Compression
	if in.ContentType == formType && !looksForm(payload) {
		return nil, errNoForm
	}
	if isFormType(in.ContentType) && looksForm(payload) {
		form, err := parseForm(payload)
		if err != nil {
			return nil, err
		}
		if formHint = form.compression; form.hasData {
			raw, payload = form.data, form.data
		}
	}
	hint := firstHint(in.Query.Compression, formHint, encodingName(in.ContentEncoding))
	text, err := unpack(payload, hint, in.Limit, scratch)
	if err != nil && hint == LZString && !bytes.Equal(raw, payload) {
		*scratch = (*scratch)[:0]
		text, err = unpack(raw, hint, in.Limit, scratch)
	}
	if err != nil {
		return nil, err
	}
	return unwrapBase64(text, in.Limit)
}

func firstHint(hints ...Compression) Compression {
	for _, h := range hints {
		if h != None {
			return h
		}
	}
	return None
}

// unpack undoes the compression of p.
func unpack(p []byte, hint Compression, limit int, scratch *[]byte) ([]byte, error) {
	switch {
	case compress.IsGzip(p):
		return inflated(compress.Gunzip, p, limit, scratch, "invalid GZIP data", "invalid gzip data")
	case hint == LZString:
		return lzString(p, limit, scratch)
	case hint == Deflate && !looksJSON(p):
		return inflated(compress.Inflate, p, limit, scratch, "invalid deflate data", "invalid deflate data")
	case hint == Brotli && !looksJSON(p):
		return inflated(compress.Unbrotli, p, limit, scratch, "invalid brotli data", "invalid brotli data")
	case hint == Zstd && !looksJSON(p):
		return inflated(compress.Unzstd, p, limit, scratch, "invalid zstd data", "invalid zstd data")
	case hint == Gzip && !looksJSON(p):
		// posthog-js forms whose "compression=gzip-js" no longer fits their data come here as JSON or base64 of it.
		if !utf8.Valid(p) || !likelyBase64(p, false) {
			return nil, reject.Decode("invalid GZIP data")
		}
	}
	if !utf8.Valid(p) {
		return nil, reject.Decode("invalid UTF8 in request payload")
	}
	if len(p) > limit {
		return nil, reject.TooLarge(fmt.Sprintf("Uncompressed payload size limit %d exceeded: %d", limit, len(p)))
	}
	return p, nil
}

func looksJSON(p []byte) bool {
	p = bytes.TrimLeft(p, " \t\r\n")
	return len(p) > 0 && (p[0] == '{' || p[0] == '[')
}

func inflated(f func(dst, src []byte, limit int) ([]byte, error), p []byte, limit int, scratch *[]byte, malformed, notText string) ([]byte, error) {
	out, err := f(*scratch, p, limit)
	*scratch = out[:0]
	var tooLarge *compress.TooLargeError
	switch {
	case errors.As(err, &tooLarge):
		return nil, reject.Unpacked(limit, tooLarge.Size)
	case err != nil:
		return nil, reject.Decode(malformed)
	case !utf8.Valid(out):
		return nil, reject.Decode(notText)
	}
	return out, nil
}

func lzString(p []byte, limit int, scratch *[]byte) ([]byte, error) {
	out, err := compress.LZStringFromBase64(*scratch, p, limit)
	*scratch = out[:0]
	var tooLarge *compress.TooLargeError
	switch {
	case errors.As(err, &tooLarge):
		return nil, reject.TooLarge("lz64 request payload size limit exceeded")
	case errors.Is(err, compress.ErrLZStringText):
		return nil, reject.Decode("decompress_lz64: failed UTF16 to UTF8 conversion")
	case err != nil:
		return nil, reject.Decode("decompress_lz64: failed decompress to UTF16")
	}
	return out, nil
}

// unwrapBase64 decodes text that is base64 once more, as the legacy endpoints of the original do. JSON never looks like
// base64, so trying it on every path changes nothing for sound requests.
func unwrapBase64(text []byte, limit int) ([]byte, error) {
	if !likelyBase64(text, false) {
		return text, nil
	}
	plain, err := decodeBase64(text)
	if err != nil || !utf8.Valid(plain) {
		return text, nil
	}
	if len(plain) > limit {
		return nil, reject.TooLarge(fmt.Sprintf("decompress_payload: payload size limit %d exceeded after post-decode base64 unwrap: %d", limit, len(plain)))
	}
	return plain, nil
}

// likelyBase64 looks at the length and the first 128 bytes. loose also allows blanks, which plus signs become in a form.
func likelyBase64(b []byte, loose bool) bool {
	if len(b) == 0 || len(b)%4 != 0 {
		return false
	}
	for _, c := range b[:min(len(b), 128)] {
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '+', c == '/', c == '=':
		case c == ' ' && loose:
		default:
			return false
		}
	}
	return true
}

var strictBase64 = base64.StdEncoding.Strict()

func decodeBase64(b []byte) ([]byte, error) {
	if bytes.ContainsAny(b, "\r\n") { // which Go's decoder skips
		return nil, base64.CorruptInputError(bytes.IndexAny(b, "\r\n"))
	}
	return strictBase64.AppendDecode(nil, b)
}

func looksForm(b []byte) bool {
	for _, p := range [...]string{"data=", "ver=", "_=", "ip=", "compression="} {
		if len(b) >= len(p) && string(b[:len(p)]) == p {
			return true
		}
	}
	return false
}

const formType = "application/x-www-form-urlencoded"

// isFormType also knows the type with a charset, which the original does not: there any text comes behind it, such as the JSON of
// jQuery, whose default it is.
func isFormType(contentType string) bool {
	mime, _, _ := strings.Cut(contentType, ";")
	return strings.TrimSpace(mime) == formType
}

type form struct {
	data        []byte
	hasData     bool
	compression Compression
}

func parseForm(b []byte) (form, error) {
	var f form
	for len(b) > 0 {
		var pair []byte
		pair, b, _ = bytes.Cut(b, []byte{'&'})
		name, value, _ := bytes.Cut(pair, []byte{'='})
		switch string(name) {
		case "data":
			f.data, f.hasData = urlencoded.Append(nil, value), true
		case "compression":
			f.compression = compressionName(strings.ToLower(string(urlencoded.Append(nil, value))))
		}
	}
	if !utf8.Valid(f.data) {
		return f, errForm
	}
	if likelyBase64(f.data, true) {
		f.data = bytes.ReplaceAll(f.data, []byte{' '}, []byte{'+'})
	}
	return f, nil
}

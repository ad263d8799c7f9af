package decode

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/hog-go/hog/common/compress"
	"github.com/hog-go/hog/common/urlencoded"
)

// Kludge is a thing that a body needed, as a label of metrics.
type Kludge string

// The kludges.
const (
	DetectedGzip  Kludge = "auto_detected_gzip"
	Base64Body    Kludge = "base64_fallback_success"
	NoDataPrefix  Kludge = "missing_data_prefix"
	PaddingNeeded Kludge = "padding_needed"
	LossyUTF8     Kludge = "lossy_utf8"
)

// Wire is a body as it came, with what was said about it.
type Wire struct {
	Body            []byte
	ContentType     string
	ContentEncoding string
	Compression     Compression
	Limit           int          // bytes of the body after decompression
	Saw             func(Kludge) // told of each kludge; may be nil
	Buffer          []byte       // scratch for the unpacked body; what it grew to is in Decoded
}

// Decode unpacks and reads a body. The request refers to the memory of w.Body or to the buffer that is returned in place of
// w.Buffer, so it lives no longer than both. Errors are an Error or a *compress.TooLargeError.
func Decode(w Wire) (req Request, buffer []byte, err error) {
	base, _, _ := strings.Cut(w.ContentType, ";")
	switch base = strings.TrimSpace(base); base {
	case "application/json", "text/plain", "":
		text, err := w.unpack()
		if err != nil {
			return Request{}, w.Buffer, err
		}
		req, err = w.jsonOrBase64(text)
		return req, w.Buffer, err
	case "application/x-www-form-urlencoded":
		text, err := w.form()
		if err != nil {
			return Request{}, w.Buffer, err
		}
		if text, _ = valid(text); tooDeep(text) {
			return Request{}, w.Buffer, errDeep
		}
		req, ok := parse(text)
		if !ok {
			return Request{}, w.Buffer, errForm
		}
		return req, w.Buffer, nil
	default:
		return Request{}, w.Buffer, Error("unsupported content type: " + base)
	}
}

func (w *Wire) saw(k Kludge) {
	if w.Saw != nil {
		w.Saw(k)
	}
}

func (w *Wire) unpack() ([]byte, error) {
	switch {
	case w.Compression == Gzip:
		return w.gunzip()
	case w.Compression == Unsupported:
		return nil, errCompression
	case w.ContentEncoding != "" && strings.Contains(w.ContentEncoding, "gzip"):
		return w.gunzip()
	case compress.IsGzip(w.Body):
		w.saw(DetectedGzip)
		return w.gunzip()
	default:
		return w.Body, nil
	}
}

func (w *Wire) gunzip() ([]byte, error) {
	text, err := compress.Gunzip(w.Buffer[:0], w.Body, w.Limit)
	w.Buffer = text
	if err == nil {
		return text, nil
	}
	if _, large := errors.AsType[*compress.TooLargeError](err); large {
		return nil, err
	}
	return nil, Error(fmt.Sprintf("gzip decompression failed: %v", err))
}

// jsonOrBase64 reads JSON, else JSON5, else either of them in base64.
func (w *Wire) jsonOrBase64(text []byte) (Request, error) {
	req, ok, err := w.json(text)
	if ok || err != nil {
		return req, err
	}
	plain, err := w.base64(string(text))
	if err != nil {
		return Request{}, errJSON
	}
	req, ok, err = w.json(plain)
	if err == nil && !ok {
		err = errJSON
	}
	if err == nil {
		w.saw(Base64Body)
	}
	return req, err
}

func (w *Wire) json(text []byte) (req Request, ok bool, err error) {
	text, changed := valid(text)
	if changed {
		w.saw(LossyUTF8)
	}
	if req, ok = parse(text); ok {
		return req, true, nil
	}
	if tooDeep(text) {
		return Request{}, false, errDeep
	}
	strict, ok := appendJSON(nil, text)
	if !ok {
		return Request{}, false, nil
	}
	req, ok = parse(strict)
	return req, ok, nil
}

// base64 decodes text whose escapes, blanks and padding may be those of a form.
func (w *Wire) base64(text string) ([]byte, error) {
	text = strings.ReplaceAll(string(urlencoded.AppendPercent(nil, text)), " ", "")
	if missing := -len(text) & 3; missing > 0 {
		w.saw(PaddingNeeded)
		text += "==="[:missing]
	}
	return base64.StdEncoding.DecodeString(text)
}

func (w *Wire) form() ([]byte, error) {
	if w.Compression == Gzip || strings.Contains(w.ContentEncoding, "gzip") || compress.IsGzip(w.Body) {
		return nil, errFormGzip
	}
	if w.Compression == Unsupported {
		return nil, errCompression
	}
	if !utf8.Valid(w.Body) {
		return nil, errFormUTF8
	}
	text := string(urlencoded.AppendPercent(nil, w.Body)) // a plus sign stays one, since base64 has it
	if !utf8.ValidString(text) {
		return nil, errFormURL
	}
	data, found := strings.CutPrefix(text, "data=")
	if !found {
		w.saw(NoDataPrefix)
	}
	data, _, _ = strings.Cut(data, "=") // the end, or padding, which base64 puts back
	plain, err := w.base64(data)
	if err != nil {
		return nil, Error(fmt.Sprintf("Base64 decoding error: %v", err))
	}
	return plain, nil
}

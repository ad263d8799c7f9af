package v1

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/hog-go/hog/common/compress"
)

// Unpack returns the JSON text of a body, valid UTF-8: body itself, or what is appended to *scratch, which must be
// empty. limit bounds what a packed body may become, in bytes; as in the original reaching it is too much.
func Unpack(body []byte, encoding string, limit int, scratch *[]byte) ([]byte, *Error) {
	if len(body) == 0 {
		return nil, ErrEmptyBody
	}
	text := body
	if f := unpackers[encoding]; f != nil {
		out, err := f(*scratch, body, limit-1)
		*scratch = out[:0]
		var tooLarge *compress.TooLargeError
		switch {
		case errors.As(err, &tooLarge):
			return nil, TooLarge(fmt.Sprintf("decompressed %s payload exceeds limit of %d bytes", encoding, limit))
		case err != nil:
			return nil, Undecodable(encoding + " decompression failed: " + err.Error())
		}
		text = out
	}
	if !utf8.Valid(text) {
		return nil, Unparsable("the body is not UTF-8")
	}
	return text, nil
}

var unpackers = map[string]func(dst, src []byte, limit int) ([]byte, error){
	"gzip": compress.Gunzip, "deflate": compress.Inflate, "br": compress.Unbrotli, "zstd": compress.Unzstd,
}

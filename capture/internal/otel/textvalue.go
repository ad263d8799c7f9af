package otel

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/hog-go/hog/capture/internal/scan"
)

func (t text) appendValue(dst, raw []byte) (out []byte, ok bool, err error) {
	return t.value(dst, scan.NewReader(raw), 0)
}

// value appends the AnyValue that r is at, which stands in depth containers. Its kinds are alternatives, of which the
// last counts.
func (t text) value(dst []byte, r *scan.Reader, depth int) (out []byte, ok bool, err error) {
	from := len(dst)
	for name := range r.Members() {
		if r.Kind() == 'n' {
			continue
		}
		known := true
		before := len(dst)
		switch string(name) {
		case "stringValue":
			if r.Kind() != '"' {
				err = errors.New("stringValue is no string")
				break
			}
			dst = append(dst, r.Raw()...)
		case "boolValue":
			if k := r.Kind(); k != 't' && k != 'f' {
				err = errors.New("boolValue is neither true nor false")
				break
			}
			dst = append(dst, r.Raw()...)
		case "intValue":
			dst, err = appendInt(dst, number(r))
		case "doubleValue":
			dst, err = appendFloat(dst, number(r))
		case "bytesValue":
			dst, err = appendHex(dst, r.Text())
		case "arrayValue":
			dst, err = t.array(dst, r, depth+1)
		case "kvlistValue":
			dst, err = t.list(dst, r, depth+1)
		default:
			known = false
		}
		if err != nil {
			return dst, false, err
		}
		if known {
			dst = append(dst[:from], dst[before:]...)
			ok = true
		}
	}
	return dst, ok, r.Err()
}

func (t text) array(dst []byte, r *scan.Reader, depth int) (out []byte, err error) {
	if depth > maxNesting {
		return dst, errNesting
	}
	dst = append(dst, '[')
	from := len(dst)
	for name := range r.Members() {
		if string(name) != "values" {
			continue
		}
		dst = dst[:from]
		for range r.Elements() {
			kept := len(dst)
			dst = comma(dst, '[')
			var ok bool
			if dst, ok, err = t.value(dst, r, depth); err != nil {
				return dst, err
			}
			if !ok {
				dst = dst[:kept]
			}
		}
	}
	return append(dst, ']'), nil
}

func (t text) list(dst []byte, r *scan.Reader, depth int) (out []byte, err error) {
	if depth > maxNesting {
		return dst, errNesting
	}
	dst = append(dst, '{')
	from := len(dst)
	for name := range r.Members() {
		if string(name) != "values" {
			continue
		}
		dst = dst[:from]
		for range r.Elements() {
			if dst, err = t.member(dst, r, depth); err != nil {
				return dst, err
			}
		}
	}
	return append(dst, '}'), nil
}

// member appends a pair of a list. A value in front of its key has to be read a second time.
func (t text) member(dst []byte, r *scan.Reader, depth int) (out []byte, err error) {
	kept := len(dst)
	var key, early []byte
	for name := range r.Members() {
		switch string(name) {
		case "key":
			key = optionalText(r)
		case "value":
			dst, early = dst[:kept], nil
			switch {
			case r.Kind() == 'n':
			case key == nil:
				early = r.Raw()
			default:
				if dst, err = t.keyed(dst, key, r, depth); err != nil {
					return dst, err
				}
			}
		}
	}
	if early != nil {
		return t.keyed(dst, key, scan.NewReader(early), depth)
	}
	return dst, nil
}

// keyed appends key and the value that r is at, if it is of a kind.
func (t text) keyed(dst, key []byte, r *scan.Reader, depth int) ([]byte, error) {
	kept := len(dst)
	dst = comma(dst, '{')
	dst = append(appendText(dst, key), ':')
	dst, ok, err := t.value(dst, r, depth)
	if !ok {
		dst = dst[:kept]
	}
	return dst, err
}

func appendInt(dst []byte, s string) ([]byte, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return dst, fmt.Errorf("intValue %q is no 64-bit integer", clip(s))
	}
	return strconv.AppendInt(dst, n, 10), nil
}

func appendFloat(dst []byte, s string) ([]byte, error) {
	d, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(d, 0) { // a number too large for a float is infinite, and so null
		return dst, fmt.Errorf("doubleValue %q is no number", clip(s))
	}
	return appendDouble(dst, d), nil
}

// appendHex appends base64 text, of either alphabet, padded or not, as a JSON string of hexadecimal digits.
func appendHex(dst, s []byte) ([]byte, error) {
	s = bytes.TrimRight(s, "=")
	encoding := base64.RawStdEncoding
	if bytes.ContainsAny(s, "-_") {
		encoding = base64.RawURLEncoding
	}
	b := make([]byte, encoding.DecodedLen(len(s)))
	n, err := encoding.Decode(b, s)
	if err != nil {
		return dst, fmt.Errorf("bytesValue: %w", err)
	}
	dst = append(dst, '"')
	dst = hex.AppendEncode(dst, b[:n])
	return append(dst, '"'), nil
}

package library

import (
	"encoding/json"
	"strconv"

	"github.com/hog-go/hog/feature-flags/match"
)

// Append appends a as JSON, small to parse: [errors, warnings, [[key, enabled, variant, reason, condition index, payload, id, version], …]].
func (a *Answer) Append(dst []byte) []byte {
	dst = strconv.AppendBool(append(dst, '['), a.Errors)
	dst = append(dst, ",["...)
	for i, text := range a.Warnings {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, quote(text)...)
	}
	dst = append(dst, "],["...)
	for i := range a.results {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = a.row(dst, a.results[i])
	}
	return append(dst, "]]"...)
}

func (a *Answer) row(dst []byte, r match.Result) []byte {
	dst = append(append(dst, '['), a.flags.keys[r.Flag.Index]...)
	dst = strconv.AppendBool(append(dst, ','), r.Enabled)
	if variant, ok := r.Variant(); ok && r.Failure == nil {
		dst = append(append(dst, ','), quote(variant)...)
	} else {
		dst = append(dst, ",null"...)
	}
	dst = append(append(dst, `,"`...), r.Code()...) // codes are plain words
	if index, ok := r.Condition(); ok {
		dst = strconv.AppendInt(append(dst, `",`...), int64(index), 10)
	} else {
		dst = append(dst, `",null`...)
	}
	if payload := r.Payload(); payload != nil {
		dst = append(append(dst, ','), payload...)
	} else {
		dst = append(dst, ",null"...)
	}
	dst = strconv.AppendInt(append(dst, ','), int64(r.Flag.ID), 10)
	return append(strconv.AppendInt(append(dst, ','), int64(r.Flag.Version), 10), ']')
}

// quote is text as JSON.
func quote(text string) []byte {
	out, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string always has a form
	}
	return out
}

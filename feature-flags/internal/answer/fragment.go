package answer

import (
	"strconv"
	"sync/atomic"

	"github.com/hog-go/hog/feature-flags/match"
)

// part is a piece of an answer that is about one result.
type part uint8

const (
	recordV3 part = iota
	recordV2
	value   // "key":value
	payload // "key":payload, nothing if there is none
	key     // "key"
	parts
)

// Fragments keeps the parts of the results of a set, encoded once. It grows with the outcomes that really happen, of which a flag has
// few, and is thrown away with its set. It is safe for concurrent use.
type Fragments struct {
	flags []atomic.Pointer[fragment] // by Flag.Index: the first of a list that grows at its head
}

// fragment is immutable. A list and not a slice, since each step from one piece of memory to the next shows in answers of 1000 flags.
type fragment struct {
	id   int // of outcome and part
	text string
	next *fragment
}

// NewFragments makes the empty Fragments of a set.
func NewFragments(set *match.Set) *Fragments {
	return &Fragments{flags: make([]atomic.Pointer[fragment], set.Len())}
}

// append appends a part of a result.
func (f *Fragments) append(dst []byte, r *match.Result, p part) []byte {
	outcome := r.Outcome()
	if outcome < 0 {
		return encode(dst, *r, p)
	}
	id := outcome*int(parts) + int(p)
	head := &f.flags[r.Flag.Index]
	for known := head.Load(); known != nil; known = known.next {
		if known.id == id {
			return append(dst, known.text...)
		}
	}
	one := &fragment{id: id, text: string(encode(nil, *r, p))}
	for one.next = head.Load(); !head.CompareAndSwap(one.next, one); one.next = head.Load() {
		// Another request was first: it may have added the same once more, which does no harm.
	}
	return append(dst, one.text...)
}

// encode appends a part of a result as it is.
func encode(dst []byte, r match.Result, p part) []byte {
	switch p {
	case recordV3, recordV2:
		dst = append(appendString(dst, r.Flag.Key), ':')
		return appendRecord(dst, r, p == recordV3)
	case value:
		dst = append(appendString(dst, r.Flag.Key), ':')
		if variant, ok := r.Variant(); ok && r.Failure == nil {
			return appendString(dst, variant)
		}
		return strconv.AppendBool(dst, r.Enabled)
	case payload:
		text := r.Payload()
		if text == nil {
			return dst
		}
		dst = append(appendString(dst, r.Flag.Key), ':')
		return append(dst, text...)
	default:
		return appendString(dst, r.Flag.Key)
	}
}

func appendRecord(dst []byte, r match.Result, v3 bool) []byte {
	dst = appendString(append(dst, `{"key":`...), r.Flag.Key)
	variant, hasVariant := r.Variant()
	if v3 {
		dst = r.AppendValue(append(dst, `,"value":`...))
	} else {
		dst = strconv.AppendBool(append(dst, `,"enabled":`...), r.Enabled)
		dst = append(dst, `,"variant":`...)
		if hasVariant {
			dst = appendString(dst, variant)
		} else {
			dst = append(dst, "null"...)
		}
	}
	if r.Failure != nil {
		dst = append(dst, `,"failed":true`...)
	}
	dst = append(dst, `,"reason":{"code":`...)
	dst = appendString(dst, r.Code())
	dst = append(dst, `,"condition_index":`...)
	if index, ok := r.Condition(); ok {
		dst = strconv.AppendInt(dst, int64(index), 10)
	} else {
		dst = append(dst, "null"...)
	}
	if text := r.Description(); text != "" {
		dst = appendString(append(dst, `,"description":`...), text)
	}
	dst = append(dst, `},"metadata":`...)
	return append(appendMetadata(dst, r, v3), '}')
}

func appendMetadata(dst []byte, r match.Result, v3 bool) []byte {
	dst = strconv.AppendInt(append(dst, `{"id":`...), int64(r.Flag.ID), 10)
	dst = strconv.AppendInt(append(dst, `,"version":`...), int64(r.Flag.Version), 10)
	if v3 {
		dst = strconv.AppendInt(append(dst, `,"config_version":`...), int64(max(r.Flag.ConfigVersion, 1)), 10)
	}
	dst = append(dst, `,"description":null,"payload":`...)
	if text := r.Payload(); text != nil && !(v3 && r.Flag.ConfigVersion == 2) { // there the value itself is said
		dst = append(dst, text...)
	} else {
		dst = append(dst, "null"...)
	}
	dst = strconv.AppendBool(append(dst, `,"has_experiment":`...), r.Flag.HasExperiment)
	if v3 {
		if kind, id := r.Rule(); kind != "" {
			dst = appendString(append(dst, `,"rule_type":`...), kind)
			dst = appendString(append(dst, `,"rule_id":`...), id)
		}
		if variant, ok := r.Variant(); ok && r.Flag.ConfigVersion != 2 {
			dst = appendString(append(dst, `,"variant_key":`...), variant)
		}
	}
	return append(dst, '}')
}

// appendString appends s quoted. Keys and texts are short and encoded once, so the simple way will do.
func appendString(dst []byte, s string) []byte { return appendJSON(dst, s) }

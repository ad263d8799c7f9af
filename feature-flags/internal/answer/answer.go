// Package answer writes what the flag endpoint says, in the shapes that clients of all ages read. What can be said of a flag is encoded
// once for each of its outcomes and kept beside the compiled flags, so that an answer is mostly copied together. Source: PostHog's
// rust/feature-flags/src/api/types.rs.
package answer

import (
	"encoding/json"
	"strconv"

	"github.com/hog-go/hog/feature-flags/match"
)

// Shape is the form of an answer.
type Shape uint8

// The shapes.
const (
	V3       Shape = iota // records with a value of any type
	V2                    // records with enabled and variant
	Legacy                // values and payloads
	DecideV2              // values of the enabled flags
	DecideV1              // keys of the enabled flags
)

// ShapeOf selects the shape for a version; version 0 stands for none. decide is true for requests to the older endpoint.
func ShapeOf(decide bool, version int) Shape {
	switch {
	case decide && version <= 1:
		return DecideV1
	case decide && version == 2:
		return DecideV2
	case decide && version == 3:
		return Legacy
	case decide:
		return V2
	case version >= 3:
		return V3
	case version == 2:
		return V2
	default:
		return Legacy
	}
}

// Answer is one answer. Append writes it.
type Answer struct {
	Shape       Shape
	Results     []match.Result
	Fragments   *Fragments // of the set that Results come from; may be nil if there are none
	Errors      bool
	Minimal     bool     // tells the SDKs that read records to send short $feature_flag_called events
	Quotas      []string // that the project is over
	RequestID   string
	EvaluatedAt int64  // unix milliseconds
	Config      []byte // members of the client configuration, "a":1,"b":2
	// Explain, if not nil, gives the conditions of a flag for the shapes with records.
	Explain func(match.Result) []match.ConditionDetail
}

// Append appends the JSON of a.
func (a *Answer) Append(dst []byte) []byte {
	dst = append(dst, '{')
	switch a.Shape {
	case V3:
		dst = a.records(dst, recordV3)
	case V2:
		dst = a.records(dst, recordV2)
	case Legacy:
		dst = a.errors(dst)
		dst = a.list(append(dst, `"featureFlags":{`...), value, false)
		dst = a.list(append(dst, `},"featureFlagPayloads":{`...), payload, false)
		dst = append(dst, '}')
	case DecideV2:
		dst = a.list(append(dst, `"featureFlags":{`...), value, true)
		dst = append(dst, '}')
	case DecideV1:
		dst = a.list(append(dst, `"featureFlags":[`...), key, true)
		dst = append(dst, ']')
	}
	if len(a.Quotas) > 0 {
		dst = append(dst, `,"quotaLimited":`...)
		dst = appendJSON(dst, a.Quotas)
	}
	dst = append(dst, `,"requestId":"`...)
	dst = append(dst, a.RequestID...)
	dst = append(dst, `","evaluatedAt":`...)
	dst = strconv.AppendInt(dst, a.EvaluatedAt, 10)
	if a.Minimal && (a.Shape == V2 || a.Shape == V3) { // absence means full events
		dst = append(dst, `,"minimalFlagCalledEvents":true`...)
	}
	if len(a.Config) > 0 {
		dst = append(append(dst, ','), a.Config...)
	}
	return append(dst, '}')
}

func (a *Answer) errors(dst []byte) []byte {
	dst = append(dst, `"errorsWhileComputingFlags":`...)
	return append(strconv.AppendBool(dst, a.Errors), ',')
}

func (a *Answer) records(dst []byte, p part) []byte {
	dst = append(a.errors(dst), `"flags":{`...)
	if a.Explain == nil {
		return append(a.list(dst, p, false), '}')
	}
	for i, r := range a.Results {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = encode(dst, r, p)
		dst = append(dst[:len(dst)-1], `,"conditions":`...) // in place of the record's last brace
		dst = append(appendJSON(dst, a.Explain(r)), '}')
	}
	return append(dst, '}')
}

// list appends one part of each result, separated by commas.
func (a *Answer) list(dst []byte, p part, enabledOnly bool) []byte {
	begin := len(dst)
	for i := range a.Results {
		r := &a.Results[i]
		if enabledOnly && !r.Enabled {
			continue
		}
		before := len(dst)
		if before > begin {
			dst = append(dst, ',')
		}
		start := len(dst)
		if dst = a.Fragments.append(dst, r, p); len(dst) == start {
			dst = dst[:before] // the result has no such part
		}
	}
	return dst
}

// appendJSON appends what encoding/json makes of v, which is known to have no fault.
func appendJSON(dst []byte, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		return append(dst, "null"...)
	}
	return append(dst, text...)
}

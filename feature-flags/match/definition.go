package match

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// The JSON of definitions, as the main app stores and caches it. Members that are not listed are ignored.

type document struct {
	Flags   []json.RawMessage `json:"flags"`
	Cohorts []cohortJSON      `json:"cohorts"` // nil: not part of the document
}

// header is what a flag must have to be answered for at all.
type header struct {
	ID      int32  `json:"id"`
	Key     string `json:"key"`
	Active  *bool  `json:"active"`
	Deleted *bool  `json:"deleted"`
}

// flagJSON is the rest of a flag. If it does not fit, that flag fails alone.
type flagJSON struct {
	Filters            json.RawMessage `json:"filters"`
	Continuity         *bool           `json:"ensure_experience_continuity"`
	Version            *int            `json:"version"`
	EvaluationRuntime  *string         `json:"evaluation_runtime"`
	EvaluationContexts []string        `json:"evaluation_contexts"`
	EvaluationTags     []string        `json:"evaluation_tags"` // older name
	Bucketing          *string         `json:"bucketing_identifier"`
	HasExperiment      bool            `json:"has_experiment"`
}

type filtersJSON struct {
	Groups       []conditionJSON `json:"groups"`
	Multivariate *struct {
		Variants []variantJSON `json:"variants"`
	} `json:"multivariate"`
	Aggregation       *int                       `json:"aggregation_group_type_index"`
	Payloads          map[string]json.RawMessage `json:"payloads"`
	FeatureEnrollment *bool                      `json:"feature_enrollment"`
	SuperGroups       []conditionJSON            `json:"super_groups"`
	Holdout           *struct {
		ID         int64   `json:"id"`
		Percentage float64 `json:"exclusion_percentage"`
	} `json:"holdout"`
	EarlyExit *bool `json:"early_exit"`
}

type variantJSON struct {
	Key        string  `json:"key"`
	Percentage float64 `json:"rollout_percentage"`
}

type conditionJSON struct {
	Properties []propertyJSON  `json:"properties"`
	Percentage *float64        `json:"rollout_percentage"`
	Variant    *string         `json:"variant"`
	Aggregates json.RawMessage `json:"aggregation_group_type_index"` // absent: the flag's; null: the person; else a group type index
}

type propertyJSON struct {
	Key       string          `json:"key"`
	Value     json.RawMessage `json:"value"`
	Operator  *string         `json:"operator"`
	Type      *string         `json:"type"`
	Negation  *bool           `json:"negation"`
	GroupType *int            `json:"group_type_index"`
}

// parseDocument reads a cached document, or a bare list of flags.
func parseDocument(text []byte) (d document, err error) {
	if text = bytes.TrimLeft(text, " \t\r\n"); len(text) > 0 && text[0] == '[' {
		err = json.Unmarshal(text, &d.Flags)
	} else if string(bytes.TrimSpace(text)) != "null" { // null is how the cache says "known to be empty"
		err = json.Unmarshal(text, &d)
	}
	if err != nil {
		return d, fmt.Errorf("parse flag definitions: %w", err)
	}
	return d, nil
}

// configVersion tells the format of filters: 1 if the member is absent or the number one, 2 if it is the number two, 0 for all else.
func configVersion(filters json.RawMessage) int {
	var v struct {
		Version json.RawMessage `json:"version"`
	}
	if json.Unmarshal(filters, &v) != nil || v.Version == nil {
		return 1 // what is wrong with it is told by the parser of version 1
	}
	switch n, err := strconv.ParseFloat(string(v.Version), 64); {
	case err == nil && n == 1:
		return 1
	case err == nil && n == 2:
		return 2
	default:
		return 0
	}
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// id32 reads a 32-bit id, a JSON integer or the same as a string.
func id32(raw json.RawMessage) (int32, bool) {
	text := string(raw)
	if len(text) > 1 && text[0] == '"' {
		if json.Unmarshal(raw, &text) != nil {
			return 0, false
		}
	}
	id, err := strconv.ParseInt(text, 10, 32)
	return int32(id), err == nil
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

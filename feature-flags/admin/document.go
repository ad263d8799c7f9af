package admin

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// Document is what can be imported: flags, cohorts and group types that refer to each other by the document's own ids.
type Document struct {
	Flags   []Flag
	Cohorts []Cohort
	Groups  map[int]string // types of groups by index, 0 to 4
}

// Flag is a feature flag of a document. Members that are absent get the main app's defaults.
type Flag struct {
	ID                         int64           `json:"id"` // how conditions of other flags refer to it; they may also use Key
	Key                        string          `json:"key"`
	Name                       string          `json:"name"`
	Filters                    json.RawMessage `json:"filters"`
	Active                     *bool           `json:"active"` // default true
	Deleted                    bool            `json:"deleted"`
	EnsureExperienceContinuity *bool           `json:"ensure_experience_continuity"`
	EvaluationRuntime          *string         `json:"evaluation_runtime"`
	EvaluationContexts         []string        `json:"evaluation_contexts"`
	EvaluationTags             []string        `json:"evaluation_tags"` // older name of the same
	BucketingIdentifier        *string         `json:"bucketing_identifier"`
	IsRemoteConfiguration      bool            `json:"is_remote_configuration"`
	HasEncryptedPayloads       bool            `json:"has_encrypted_payloads"`
}

// Cohort is a cohort of a document. A dynamic one has Filters, a static one members.
type Cohort struct {
	ID          int64           `json:"id"`   // how flags and other cohorts refer to it
	Name        string          `json:"name"` // by which a later import finds it again; default: cohort <ID>
	IsStatic    bool            `json:"is_static"`
	Filters     json.RawMessage `json:"filters"`      // {"properties": {"type": "AND", "values": […]}}
	DistinctIDs []string        `json:"distinct_ids"` // of the members of a static one
}

// Parse reads a document in any of these forms:
//
//	{"flags": […], "cohorts": […], "group_type_mapping": {"0": "organization"}}   as the README describes it
//	{"flags": […], "cohorts": {"12": {…}}, …}                                     what PostHog answers to SDKs at /flags/definitions
//	{"results": […]}                                                              what PostHog's API lists
//	[…]                                                                           flags alone
func Parse(text []byte) (*Document, error) {
	var form struct {
		Flags   []Flag            `json:"flags"`
		Results []Flag            `json:"results"`
		Cohorts json.RawMessage   `json:"cohorts"`
		Groups  map[string]string `json:"group_type_mapping"`
	}
	var err error
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("[")) {
		err = json.Unmarshal(text, &form.Flags)
	} else {
		err = json.Unmarshal(text, &form)
	}
	if err != nil {
		return nil, fmt.Errorf("the document is not in order: %w", err)
	}
	d := &Document{Flags: append(form.Flags, form.Results...), Groups: map[int]string{}}
	if d.Cohorts, err = parseCohorts(form.Cohorts); err != nil {
		return nil, err
	}
	for index, name := range form.Groups {
		i, err := strconv.Atoi(index)
		if err != nil || i < 0 || i > 4 {
			return nil, fmt.Errorf("group type %q has the index %q: it is a number from 0 to 4", name, index)
		}
		d.Groups[i] = name
	}
	return d, d.check()
}

func parseCohorts(text json.RawMessage) (out []Cohort, err error) {
	if !bytes.HasPrefix(text, []byte("{")) {
		if len(text) > 0 {
			err = json.Unmarshal(text, &out)
		}
		if err != nil {
			return nil, fmt.Errorf("cohorts: %w", err)
		}
		return out, nil
	}
	var byID map[string]json.RawMessage
	if err := json.Unmarshal(text, &byID); err != nil {
		return nil, fmt.Errorf("cohorts: %w", err)
	}
	for id, tree := range byID {
		n, err := strconv.ParseInt(id, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("cohort %q: its id is no number", id)
		}
		out = append(out, Cohort{ID: n, Filters: json.RawMessage(`{"properties":` + string(tree) + `}`)})
	}
	slices.SortFunc(out, func(a, b Cohort) int { return cmp.Compare(a.ID, b.ID) })
	return out, nil
}

// check finds what would otherwise fail half-way or be silently ignored.
func (d *Document) check() error {
	var problems []error
	problem := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	keys, ids := map[string]bool{}, map[int64]bool{}
	for i := range d.Flags {
		f := &d.Flags[i]
		switch {
		case f.Key == "" || len(f.Key) > 400:
			problem("flag %d: its key has to have 1 to 400 characters", i+1)
		case keys[f.Key]:
			problem("flag %q is there twice", f.Key)
		}
		keys[f.Key] = true
		if len(f.Filters) == 0 {
			f.Filters = json.RawMessage(`{"groups":[]}`)
		}
		if !bytes.HasPrefix(bytes.TrimSpace(f.Filters), []byte("{")) {
			problem("flag %q: filters is no object", f.Key)
		}
	}
	for i := range d.Cohorts {
		c := &d.Cohorts[i]
		if ids[c.ID] {
			problem("cohort %d is there twice: each needs an id of its own", c.ID)
		}
		ids[c.ID] = true
		if c.Name == "" {
			c.Name = fmt.Sprintf("cohort %d", c.ID)
		}
		if !c.IsStatic && len(c.DistinctIDs) > 0 {
			problem("cohort %q has distinct_ids, which only static cohorts have: add is_static", c.Name)
		}
	}
	return errors.Join(problems...)
}

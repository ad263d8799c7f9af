package admin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// definitions is the document for SDKs that evaluate flags themselves. They know flags by key, so dependencies name keys, each with
// the chain of flags that has to be evaluated before, its own last; the chain is empty where there is no such order. Flags of another
// format than version 1 are left out together with those that depend on them: SDKs would misread them.
func (r *rows) definitions() (json.RawMessage, error) {
	c := newChains(r.flags)
	out := struct {
		Flags   []flagRow                  `json:"flags"`
		Groups  map[string]string          `json:"group_type_mapping"`
		Cohorts map[string]json.RawMessage `json:"cohorts"`
	}{Flags: []flagRow{}, Groups: r.groups, Cohorts: map[string]json.RawMessage{}}
	for _, f := range r.flags {
		if c.unreadable(f.ID, nil) {
			continue
		}
		filters, err := rewrite(f.Filters, c.name)
		if err != nil {
			return nil, fmt.Errorf("flag %q: %w", f.Key, err)
		}
		f.Filters = filters
		out.Flags = append(out.Flags, f)
	}
	for _, cohort := range r.named() {
		var filters struct{ Properties json.RawMessage }
		if cohort.IsStatic || json.Unmarshal(cohort.Filters, &filters) != nil || len(filters.Properties) == 0 {
			continue // only the server knows who is in it
		}
		out.Cohorts[strconv.FormatInt(cohort.ID, 10)] = filters.Properties
	}
	text, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("encode the definitions: %w", err)
	}
	return text, nil
}

// chains knows which flags depend on which.
type chains struct {
	keys  map[int64]string
	needs map[int64][]int64
	odd   map[int64]bool // of another format
}

func newChains(flags []flagRow) *chains {
	c := &chains{map[int64]string{}, map[int64][]int64{}, map[int64]bool{}}
	for i := range flags {
		f := &flags[i]
		c.keys[f.ID], c.needs[f.ID], c.odd[f.ID] = f.Key, dependencies(f), !isVersion1(f.Filters)
	}
	return c
}

// isVersion1 tells whether filters are of the format that SDKs know: version is absent or the number 1.
func isVersion1(filters json.RawMessage) bool {
	var f map[string]json.RawMessage
	if json.Unmarshal(filters, &f) != nil {
		return false
	}
	version, ok := f["version"]
	if !ok {
		return true
	}
	var n json.Number
	if bytes.HasPrefix(version, []byte(`"`)) || json.Unmarshal(version, &n) != nil {
		return false
	}
	v, err := n.Float64()
	return err == nil && v == 1
}

// unreadable tells whether SDKs cannot make sense of a flag, or of one that it depends on. seen are those that led here.
func (c *chains) unreadable(id int64, seen []int64) bool {
	return c.odd[id] || !slices.Contains(seen, id) &&
		slices.ContainsFunc(c.needs[id], func(n int64) bool { return c.unreadable(n, append(seen, id)) })
}

// name turns the id in a dependency into the key of the flag, and adds the chain.
func (c *chains) name(p property) error {
	id, ok := number(p["key"])
	if p["type"] != "flag" || !ok {
		return nil
	}
	if key, ok := c.keys[id]; ok {
		p["key"] = key
	}
	chain, ok := c.chain(id, []string{}, nil)
	if !ok {
		chain = []string{}
	}
	p["dependency_chain"] = chain
	return nil
}

// chain appends to done what id depends on and id itself; ok is false if one of them does not exist or is in a cycle.
func (c *chains) chain(id int64, done []string, open []int64) (_ []string, ok bool) {
	key, exists := c.keys[id]
	if !exists || slices.Contains(open, id) {
		return nil, false
	}
	if slices.Contains(done, key) {
		return done, true
	}
	for _, n := range c.needs[id] {
		if done, ok = c.chain(n, done, append(open, id)); !ok {
			return nil, false
		}
	}
	return append(done, key), true
}

// dependencies are the ids that an active flag's conditions name. What is no number names nothing.
func dependencies(f *flagRow) (ids []int64) {
	if !f.Active {
		return nil
	}
	_, _ = rewrite(f.Filters, func(p property) error { // filters that cannot be read depend on nothing
		if id, ok := number(p["key"]); ok && p["type"] == "flag" {
			ids = append(ids, id)
		}
		return nil
	})
	slices.Sort(ids)
	return slices.Compact(ids)
}

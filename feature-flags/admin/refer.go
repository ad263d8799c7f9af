package admin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// Conditions refer to flags and cohorts by number. A document has its own numbers, the tables have others, and SDKs want keys for
// flags, so the references in a flag's filters and in a cohort's tree are rewritten on the way.

// property is a condition's filter on one thing.
type property = map[string]any

// rewrite passes each filter of a flag's or cohort's JSON to visit, which may change it, and returns the JSON afterwards. Only the
// format of version 1 has such filters.
func rewrite(text json.RawMessage, visit func(property) error) (json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber() // 1 and 1.0 differ
	var filters map[string]any
	if err := d.Decode(&filters); err != nil {
		return nil, fmt.Errorf("filters: %w", err)
	}
	for _, name := range []string{"groups", "super_groups", "holdout_groups"} {
		if err := eachProperty(filters[name], visit); err != nil {
			return nil, err
		}
	}
	if tree, ok := filters["properties"]; ok {
		if err := walk(tree, visit); err != nil {
			return nil, err
		}
	}
	return json.Marshal(filters)
}

// eachProperty visits the filters of a list of conditions. What has another form is left to whoever evaluates it.
func eachProperty(conditions any, visit func(property) error) error {
	list, _ := conditions.([]any)
	for _, c := range list {
		condition, _ := c.(map[string]any)
		properties, _ := condition["properties"].([]any)
		for _, p := range properties {
			if err := walk(p, visit); err != nil {
				return err
			}
		}
	}
	return nil
}

// walk visits the leaves of a tree of AND and OR groups; a leaf alone is a tree, too.
func walk(node any, visit func(property) error) error {
	n, ok := node.(map[string]any)
	if !ok {
		return nil
	}
	values, ok := n["values"].([]any)
	if !ok {
		return visit(n)
	}
	for _, v := range values {
		if err := walk(v, visit); err != nil {
			return err
		}
	}
	return nil
}

// number reads an id, which is a JSON number or a text of digits.
func number(v any) (id int64, ok bool) {
	var text string
	switch v := v.(type) {
	case json.Number:
		text = v.String()
	case string:
		text = v
	}
	id, err := strconv.ParseInt(text, 10, 64)
	return id, err == nil
}

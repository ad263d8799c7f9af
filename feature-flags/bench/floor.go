// Package bench measures the matcher beside a floor and beside PostHog's own local evaluators, unmodified. It is a module of its own, so that
// the service does not depend on them.
package bench

import (
	"crypto/sha1"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The floor is what a flag costs by the straight way: its conditions as closures over the map of a person's properties, and sha1.Sum for
// the rollout. It knows the operators of the workload alone, and gives no reasons.

type floor []func(id string, person map[string]any) bool

type definition struct {
	Flags []struct {
		Key     string
		Filters struct {
			Groups []struct {
				Properties []filter
				Rollout    float64 `json:"rollout_percentage"`
			}
			Multivariate *struct {
				Variants []struct {
					Rollout float64 `json:"rollout_percentage"`
				}
			}
		}
	}
	Cohorts map[string]tree
}

type filter struct {
	Key, Type, Operator string
	Value               json.RawMessage
}

type tree struct {
	Type   string
	Values []json.RawMessage
}

type condition func(person map[string]any) bool

func newFloor(definitions []byte) floor {
	var d definition
	must(json.Unmarshal(definitions, &d))
	var out floor
	for _, f := range d.Flags {
		group := f.Filters.Groups[0]
		var conditions []condition
		for _, p := range group.Properties {
			if p.Type == "cohort" {
				conditions = append(conditions, d.Cohorts[string(p.Value)].compile())
			} else {
				conditions = append(conditions, p.compile())
			}
		}
		prefix, share := f.Key+".", group.Rollout/100
		var bounds []float64
		if f.Filters.Multivariate != nil {
			sum := 0.0
			for _, v := range f.Filters.Multivariate.Variants {
				sum += v.Rollout / 100
				bounds = append(bounds, sum)
			}
		}
		out = append(out, func(id string, person map[string]any) bool {
			for _, holds := range conditions {
				if !holds(person) {
					return false
				}
			}
			if share < 1 && hash(prefix, id, "") > share {
				return false
			}
			if bounds == nil {
				return true
			}
			h := hash(prefix, id, "variant")
			return slices.ContainsFunc(bounds, func(bound float64) bool { return h < bound })
		})
	}
	return out
}

func hash(prefix, id, salt string) float64 {
	var buf [128]byte
	sum := sha1.Sum(append(append(append(buf[:0], prefix...), id...), salt...))
	return float64(binary.BigEndian.Uint64(sum[:8])>>4) / float64(1<<60-1)
}

func (t tree) compile() condition {
	var kids []condition
	for _, raw := range t.Values {
		var sub tree
		must(json.Unmarshal(raw, &sub))
		if sub.Values != nil {
			kids = append(kids, sub.compile())
			continue
		}
		var f filter
		must(json.Unmarshal(raw, &f))
		kids = append(kids, f.compile())
	}
	decided := t.Type == "OR"
	return func(person map[string]any) bool {
		for _, kid := range kids {
			if kid(person) == decided {
				return decided
			}
		}
		return !decided
	}
}

func (f filter) compile() condition {
	var texts []string
	var text string
	var number float64
	_ = json.Unmarshal(f.Value, &texts)
	_ = json.Unmarshal(f.Value, &text)
	_ = json.Unmarshal(f.Value, &number)
	key := f.Key
	switch f.Operator {
	case "exact":
		return func(p map[string]any) bool { return slices.Contains(texts, asText(p[key])) }
	case "is_not":
		return func(p map[string]any) bool { return !slices.Contains(texts, asText(p[key])) }
	case "icontains":
		return func(p map[string]any) bool { return strings.Contains(strings.ToLower(asText(p[key])), text) }
	case "not_icontains":
		return func(p map[string]any) bool { return !strings.Contains(strings.ToLower(asText(p[key])), text) }
	case "is_set":
		return func(p map[string]any) bool { _, ok := p[key]; return ok }
	case "gt":
		return func(p map[string]any) bool { n, _ := p[key].(int); return float64(n) > number }
	case "lte":
		return func(p map[string]any) bool { n, _ := p[key].(int); return float64(n) <= number }
	case "regex":
		re := regexp.MustCompile(text)
		return func(p map[string]any) bool { return re.MatchString(asText(p[key])) }
	default:
		panic("the floor does not know " + f.Operator)
	}
}

func asText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		if v {
			return "true"
		}
		return "false"
	default:
		return fmt.Sprint(v)
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

package match

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// ConditionDetail says how one condition set (or rule) of a flag was decided, as requests with detailed_analysis are told.
type ConditionDetail struct {
	Index             int              `json:"index"`
	Properties        []PropertyDetail `json:"properties"`
	RolloutPercentage *float64         `json:"rollout_percentage"`
	Variant           *string          `json:"variant"`
	Matched           bool             `json:"matched"`
	PropertiesMatched bool             `json:"properties_matched"`
	RolloutExcluded   bool             `json:"rollout_excluded"`
	Explanation       string           `json:"explanation"`
}

// PropertyDetail says how one filter was decided.
type PropertyDetail struct {
	Key         string          `json:"key"`
	Operator    string          `json:"operator"`
	Value       json.RawMessage `json:"value"`
	Type        string          `json:"type"`
	ActualValue json.RawMessage `json:"actual_value"`
	Matched     bool            `json:"matched"`
	Explanation string          `json:"explanation"`
}

// Explain says of every condition set of a result's flag whether it holds, also of those behind the one that decided. It is to be called
// between Run and End. Flags of config version 2, and flags that failed before their conditions, have no condition sets to explain.
func (e *Evaluation) Explain(r Result) []ConditionDetail {
	details := make([]ConditionDetail, 0, len(r.Flag.conditions))
	for i := range r.Flag.conditions {
		details = append(details, e.explainCondition(&e.set.plans[r.Flag.Index], i))
	}
	return details
}

func (e *Evaluation) explainCondition(p *plan, index int) ConditionDetail {
	c, source := &p.conditions[index], &p.flag.sources[index]
	d := ConditionDetail{Index: index, Properties: []PropertyDetail{}, RolloutPercentage: source.Percentage, Variant: source.Variant, PropertiesMatched: true}
	checks, cohorts := c.checks, c.cohorts
	for _, property := range source.Properties {
		detail := PropertyDetail{Key: property.Key, Operator: operatorOf(property), Value: nullable(property.Value), Type: deref(property.Type), ActualValue: nullable(nil)}
		if detail.Type == "cohort" {
			if property.Operator == nil {
				detail.Operator = "in"
			}
			e.explainCohort(&detail, &cohorts[0])
			cohorts = cohorts[1:]
		} else {
			e.explainCheck(&detail, &checks[0])
			checks = checks[1:]
		}
		d.PropertiesMatched = d.PropertiesMatched && detail.Matched
		d.Properties = append(d.Properties, detail)
	}
	switch {
	case c.area == personArea && p.byDevice && e.req.DeviceID == "":
		d.RolloutExcluded, d.Explanation = true, "the flag is bucketed by device, and the request has no device id"
	case c.area != personArea && !e.areas[c.area].usable:
		d.Explanation = fmt.Sprintf("the request has no group of type %d", e.set.areas[c.area].group)
	case !d.PropertiesMatched:
		d.Explanation = "a filter does not hold"
	case !e.inRollout(p, c):
		share := strconv.FormatFloat(100*ratio(e.bucket(p, c.area, "")), 'f', 2, 64)
		d.RolloutExcluded, d.Explanation = true, fmt.Sprintf("%s is at %s %%, outside the rollout of %g %%", strconv.Quote(e.identifier(p, c.area, true)), share, *source.Percentage)
	case len(d.Properties) == 0:
		d.Matched, d.Explanation = true, "no filters, and in the rollout"
	default:
		d.Matched, d.Explanation = true, "all filters hold, and in the rollout"
	}
	return d
}

func (e *Evaluation) explainCohort(d *PropertyDetail, c *cohortCheck) {
	if !e.fetched || !e.set.hasCohorts {
		d.Explanation = "cohorts were not loaded for this request"
		return
	}
	met, why := e.checkCohort(c)
	if d.Matched = met; why != nil {
		d.Explanation = why.Description
		return
	}
	in := met != c.negated
	d.ActualValue = strconv.AppendBool(nil, in)
	d.Explanation = "not a member of the cohort"
	if in {
		d.Explanation = "a member of the cohort"
	}
	if e.set.cohorts[c.cohort].behavioural && !e.set.cohorts[c.cohort].routed {
		d.Explanation += ", as far as conditions on behaviour are evaluated here"
	}
}

func (e *Evaluation) explainCheck(d *PropertyDetail, c *check) {
	if d.Matched = e.check(c); c.predicate < 0 {
		d.Explanation = "the flag it depends on does not have this value"
		if d.Matched {
			d.Explanation = "the flag it depends on has this value"
		}
		if c.flag >= 0 && e.at[e.set.flagNeeds[c.flag].flag] > 0 {
			d.ActualValue = e.results[e.at[e.set.flagNeeds[c.flag].flag]-1].AppendValue(nil)
		}
		return
	}
	if v := &e.slots[e.set.predicates[c.predicate].slot]; v.kind != absent {
		d.ActualValue = json.RawMessage(v.json())
	}
	switch outcome := e.predicate(c.predicate); {
	case outcome == yes:
		d.Explanation = "holds"
	case outcome == failed:
		d.Explanation = "the operator cannot be applied to these values"
	case outcome == unknown:
		d.Explanation = "the group type is not known"
	case string(d.ActualValue) == "null":
		d.Explanation = "the property is not set, or null"
	default:
		d.Explanation = "does not hold"
	}
}

// nullable writes an absent value as null.
func nullable(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("null")
	}
	return raw
}

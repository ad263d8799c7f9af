package match

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Flags of config version 2: an ordered list of rules with values of one type. A definition that is not exactly as expected is refused as
// a whole, since a misread rule would hand out a wrong value.

const (
	maxRules      = 100
	maxProperties = 100 // of one rule
	maxVariants   = 100 // of one rule
	maxSeed       = 400 // characters
	maxSubject    = 200 // characters of the distinct id that are hashed
)

// rules is a compiled flag of config version 2.
type rules struct {
	list     []rule
	fallback ruleValue // the default
}

type rule struct {
	kind, id string
	targets  []target

	value           ruleValue // of a release or rollout
	seed            string    // with the dot that follows it in hashes
	bound           uint64
	all             bool
	returnsDefault  bool // on a rollout miss
	paused          bool
	holdoutSeed     string // experiments; "" for no holdout
	holdoutBound    uint64
	variants, count int16 // the experiment's part of Flag.variants
}

type target struct {
	predicate int32
	negated   bool
}

// ruleValue is a value and what older answers make of it: a string is a variant, a number or an object a payload, null is off.
type ruleValue struct {
	raw       json.RawMessage
	text      string
	isText    bool
	isPayload bool
	enabled   bool
}

type rulesJSON struct {
	Version json.RawMessage   `json:"version"`
	Type    string            `json:"return_type"`
	Default json.RawMessage   `json:"default_value"`
	Rules   []json.RawMessage `json:"rules"`
}

type ruleJSON struct {
	ID          string          `json:"id"`
	Type        string          `json:"rule_type"`
	Description *string         `json:"description"`
	Metadata    map[string]any  `json:"metadata"`
	Value       json.RawMessage `json:"value"`
	Percentage  *float64        `json:"rollout_percentage"`
	OnMiss      string          `json:"on_rollout_miss"`
	Algorithm   *string         `json:"assignment_algorithm"`
	Seed        string          `json:"seed"`
	AssignBy    *string         `json:"assign_by"`
	Targeting   struct {
		Properties []json.RawMessage `json:"properties"`
	} `json:"targeting"`
	Paused       *bool             `json:"paused"`
	ExperimentID *int64            `json:"experiment_id"`
	Variants     []ruleVariantJSON `json:"variants"`
	Holdout      *struct {
		ID         *int64  `json:"id"`
		Seed       string  `json:"seed"`
		Percentage float64 `json:"exclusion_percentage"`
	} `json:"holdout"`
}

type ruleVariantJSON struct {
	Key    string          `json:"key"`
	Weight float64         `json:"weight"`
	Value  json.RawMessage `json:"value"`
}

type targetJSON struct {
	propertyJSON
	// Shown in the editor only.
	CohortName    *string           `json:"cohort_name"`
	Label         *string           `json:"label"`
	GroupKeyNames map[string]string `json:"group_key_names"`
}

// strictly decodes JSON that has no members but those of v.
func strictly(raw []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

func (c *compiler) rules(f *Flag, raw json.RawMessage) (*rules, error) {
	var source rulesJSON
	if err := strictly(raw, &source); err != nil {
		return nil, fmt.Errorf("%w: %w", errUnsupported, err)
	}
	out := &rules{}
	var ok bool
	if out.fallback, ok = newRuleValue(source.Default, source.Type, true); !ok || source.Rules == nil || len(source.Rules) > maxRules {
		return nil, errUnsupported
	}
	seen := map[string]bool{}
	for _, raw := range source.Rules {
		rule, err := c.rule(f, raw, source.Type)
		if err == nil && seen[rule.id] {
			err = errors.New("two rules with one id")
		}
		if err != nil {
			return nil, fmt.Errorf("%w: rule %d: %w", errUnsupported, len(out.list)+1, err)
		}
		seen[rule.id] = true
		out.list = append(out.list, rule)
	}
	return out, nil
}

func (c *compiler) rule(f *Flag, raw json.RawMessage, valueType string) (r rule, err error) {
	var source ruleJSON
	if err = strictly(raw, &source); err != nil {
		return r, err
	}
	r.kind, r.id = source.Type, source.ID
	if err = uuid.Validate(source.ID); err != nil || len(source.ID) != 36 {
		return r, fmt.Errorf("id %q is no UUID", source.ID)
	}
	if source.Targeting.Properties == nil || len(source.Targeting.Properties) > maxProperties {
		return r, errors.New("targeting has no list of properties, or too many")
	}
	for _, raw := range source.Targeting.Properties {
		t, err := c.target(f, raw)
		if err != nil {
			return r, err
		}
		r.targets = append(r.targets, t)
	}
	var ok bool
	switch r.kind {
	case "targeted_release":
		if r.value, ok = newRuleValue(source.Value, valueType, false); !ok || source.Percentage != nil || source.Seed != "" {
			return r, errors.New("a targeted release has a value and no rollout")
		}
		return r, nil
	case "percentage_rollout":
		if r.value, ok = newRuleValue(source.Value, valueType, false); !ok || source.Algorithm == nil {
			return r, errors.New("value or assignment algorithm is missing or wrong")
		}
	case "experiment":
		if err := r.addExperiment(f, &source, valueType); err != nil {
			return r, err
		}
	default:
		return r, fmt.Errorf("unknown rule type %q", r.kind)
	}
	return r, r.addRollout(&source)
}

func (r *rule) addRollout(source *ruleJSON) error {
	switch {
	case source.Percentage == nil || !isPercentage(*source.Percentage):
		return errors.New("rollout percentage is missing or out of range")
	case source.Algorithm != nil && *source.Algorithm != "sha1_60_v1":
		return fmt.Errorf("unknown assignment algorithm %q", *source.Algorithm)
	case source.AssignBy != nil && *source.AssignBy != "person":
		return fmt.Errorf("cannot assign by %q", *source.AssignBy)
	case source.Seed == "" || utf8.RuneCountInString(source.Seed) > maxSeed:
		return errors.New("seed is missing or too long")
	case source.OnMiss != "continue" && source.OnMiss != "return_default":
		return fmt.Errorf("unknown action on a rollout miss %q", source.OnMiss)
	}
	r.seed, r.returnsDefault = source.Seed+".", source.OnMiss == "return_default"
	r.all, r.bound = *source.Percentage == 100, rolloutBound(*source.Percentage)
	return nil
}

func (r *rule) addExperiment(f *Flag, source *ruleJSON, valueType string) error {
	if source.Paused == nil || len(source.Variants) < 2 || len(source.Variants) > maxVariants {
		return errors.New("an experiment says whether it is paused, and has two variants or more")
	}
	r.paused, r.variants, r.count = *source.Paused, int16(len(f.variants)), int16(len(source.Variants))
	var weights []float64
	sum := 0.0
	for _, v := range source.Variants {
		value, ok := newRuleValue(v.Value, valueType, false)
		if !ok || v.Key == "" || !isPercentage(v.Weight) {
			return fmt.Errorf("variant %q is wrong", v.Key)
		}
		f.variants = append(f.variants, variant{key: v.Key, value: value})
		weights = append(weights, v.Weight)
		sum += v.Weight
	}
	if math.Abs(sum-100) > 1e-6 {
		return fmt.Errorf("weights add up to %g", sum)
	}
	variantBounds(f.variants[r.variants:], weights)
	if h := source.Holdout; h != nil {
		if h.Seed == "" || !isPercentage(h.Percentage) {
			return errors.New("holdout is wrong")
		}
		r.holdoutSeed, r.holdoutBound = h.Seed, rolloutBound(h.Percentage)
	}
	return nil
}

func isPercentage(p float64) bool { return 0 <= p && p <= 100 }

// target compiles a filter of a rule: on a person's property, with an operator made for properties.
func (c *compiler) target(f *Flag, raw json.RawMessage) (t target, err error) {
	var source targetJSON
	if err = strictly(raw, &source); err != nil {
		return t, err
	}
	name := operatorOf(source.propertyJSON)
	operator, known := operators[name]
	switch {
	case !known || operator.op == opElsewhere || operator.op == opBetween:
		return t, fmt.Errorf("unknown operator %q", name)
	case deref(source.Type) != "person" || source.Key == "" || source.GroupType != nil:
		return t, errors.New("a filter has to be about a property of the person")
	}
	index, _ := c.predicate(personArea, source.Key, source.propertyJSON)
	f.needs.person = append(f.needs.person, c.set.predicates[index].slot)
	return target{predicate: index, negated: deref(source.Negation)}, nil
}

// newRuleValue takes a value of the type that a definition names; only a default may be null.
func newRuleValue(raw json.RawMessage, valueType string, isDefault bool) (v ruleValue, ok bool) {
	if v.raw = raw; len(raw) == 0 {
		return v, false
	}
	kind := valueOf(string(raw)).kind
	if kind == null {
		return v, isDefault
	}
	v.enabled = true
	switch valueType {
	case "boolean":
		v.enabled = string(raw) == "true"
		return v, kind == boolean
	case "string":
		v.text, v.isText = unquote(string(raw)), true
		return v, kind == text && v.text != ""
	case "number":
		v.isPayload = true
		return v, kind == number
	case "object":
		v.isPayload = true
		return v, raw[0] == '{'
	default:
		return v, false
	}
}

// value is what a result of the flag hands out.
func (rs *rules) value(r Result) *ruleValue {
	switch {
	case r.Reason != TargetingMatch:
		return &rs.fallback
	case r.variant >= 0:
		return &r.Flag.variants[r.variant].value
	default:
		return &rs.list[r.condition].value
	}
}

// evaluate walks the rules. The subject of all hashes is the distinct id, whatever else is known about the person.
func (rs *rules) evaluate(e *Evaluation, r *Result) {
	r.Reason = NoRuleMatch
	for i := range rs.list {
		rule := &rs.list[i]
		switch e.targeted(rule) {
		case yes:
		case no:
			continue
		default:
			r.fail(failTargeting)
			return
		}
		reason, variant := e.apply(r.Flag, rule)
		if reason == RolloutMiss && !rule.returnsDefault {
			continue
		}
		r.Reason, r.condition, r.variant = reason, int16(i), variant
		break
	}
	r.Enabled = rs.value(*r).enabled
}

// targeted is yes or no, or failed where a filter cannot be decided.
func (e *Evaluation) targeted(r *rule) outcome {
	for _, t := range r.targets {
		if !e.fetched && e.slots[e.set.predicates[t.predicate].slot].kind == absent {
			return unknown
		}
		switch met := e.predicate(t.predicate); {
		case met != yes && met != no:
			return met
		case (met == yes) == t.negated:
			return no
		}
	}
	return yes
}

// apply decides a rule whose targeting is met.
func (e *Evaluation) apply(f *Flag, r *rule) (reason Reason, chosen int16) {
	subject := e.subject()
	switch {
	case r.kind == "targeted_release":
		return TargetingMatch, -1
	case r.paused:
		return ExperimentPaused, -1
	case subject == "":
		return RolloutMiss, -1 // nobody is in no rollout, not even at 100 %
	case r.holdoutSeed != "" && e.hasher.sum(r.holdoutSeed, subject, "") < r.holdoutBound:
		return RuleHoldout, -1
	case !r.all && e.hasher.sum(r.seed, subject, "") >= r.bound:
		return RolloutMiss, -1
	case r.kind == "percentage_rollout":
		return TargetingMatch, -1
	}
	h := e.hasher.sum(r.seed, subject, "variant")
	for chosen = r.variants; chosen < r.variants+r.count-1; chosen++ {
		if h < f.variants[chosen].bound {
			break
		}
	}
	return TargetingMatch, chosen // the last one takes what rounding leaves
}

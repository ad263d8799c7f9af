package match

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// Reason says why a flag has its value. Its Code is what goes over the wire.
type Reason uint8

// The reasons of config version 1 up to MissingDependency, then those of version 2.
const (
	NoGroupType                 Reason        = iota // the initial one: lower than any other
	NoConditionMatch                                 //
	NoConditionMatchNoGroup                          // and a group condition was skipped
	NoConditionMatchBehavioural                      // and a condition failed on a behavioural cohort
	OutOfRollout                                     //
	ConditionMatch                                   //
	Super                                            // early access, enrolled
	SuperOptedOut                                    // early access, not enrolled
	Holdout                                          //
	MissingDependency                                //
	TargetingMatch                                   // version 2
	RolloutMiss                                      //
	ExperimentPaused                                 //
	RuleHoldout                                      //
	NoRuleMatch                                      //
	Failed                                           // see Result.Failure
	reasons                     = int(Failed)        // reasons that make an outcome
)

var reasonCodes = [...]string{
	NoGroupType: "no_group_type", NoConditionMatch: "no_condition_match", NoConditionMatchNoGroup: "no_condition_match",
	NoConditionMatchBehavioural: "no_condition_match", OutOfRollout: "out_of_rollout_bound", ConditionMatch: "condition_match",
	Super: "super_condition_value", SuperOptedOut: "super_condition_value", Holdout: "holdout_condition_value",
	MissingDependency: "missing_dependency", TargetingMatch: "targeting_match", RolloutMiss: "rollout_miss",
	ExperimentPaused: "experiment_paused", RuleHoldout: "holdout", NoRuleMatch: "no_rule_match", Failed: "error",
}

var reasonTexts = [...]string{
	NoGroupType: "No group type", NoConditionMatch: "No matching condition set",
	NoConditionMatchNoGroup: "No matching condition set (group conditions were not evaluated because no group type was provided)",
	NoConditionMatchBehavioural: "This condition targets a behavioral or realtime cohort. Its membership is not fully evaluated here, " +
		"so this result can differ from the cohort's member list.",
	OutOfRollout: "Out of rollout bound", ConditionMatch: "Matched condition set %d", Super: "Super condition value",
	SuperOptedOut: "Super condition value", Holdout: "Holdout condition value",
	MissingDependency: "Flag cannot be evaluated due to missing dependency", TargetingMatch: "Matched rule %d",
	RolloutMiss: "Rule %d rollout miss", ExperimentPaused: "Rule %d is paused", RuleHoldout: "Rule %d holdout", NoRuleMatch: "No rule matched",
}

// Failure is why a flag could not be evaluated.
type Failure struct {
	Code        string // the reason code on the wire
	Description string
}

func (f *Failure) Error() string { return f.Code + ": " + f.Description }

// Failures of the matcher itself. The caller adds those of its stores by Data.FetchFailure.
var (
	failHashKeys      = &Failure{"hash_key_override_error", "Failed to fetch hash key override for experience continuity"}
	failCohortMissing = &Failure{"dependency_not_found_cohort", "Cohort dependency not found"}
	failCohortCycle   = &Failure{"dependency_cycle_cohort", "Cohort dependency cycle detected"}
	failCohortFilters = &Failure{"cohort_filters_parsing_error", "Failed to parse cohort filters"}
	failTargeting     = &Failure{"error", "Failed to evaluate the targeting of a rule"}
)

// Result is the value of one flag. Results of one Set can be compared with ==.
type Result struct {
	Flag      *Flag
	Failure   *Failure // not nil exactly if Reason is Failed
	Reason    Reason
	Enabled   bool
	condition int16 // -1: none
	variant   int16 // index into the flag's variants, -1: none
}

// Condition is the index of the condition set (or rule) behind the result.
func (r Result) Condition() (index int, ok bool) { return int(r.condition), r.condition >= 0 }

// Variant is the key of the chosen variant, or of the holdout. For flags of config version 2 it is what older answers show: the value, if
// that is a string.
func (r Result) Variant() (key string, ok bool) {
	if r.Flag.rules != nil {
		v := r.Flag.rules.value(r)
		return v.text, v.isText
	}
	if r.variant < 0 {
		return "", false
	}
	return r.Flag.variants[r.variant].key, true
}

// Code is the reason code on the wire. Flags of config version 2 have one code for all failures of an evaluation.
func (r Result) Code() string {
	if r.Failure != nil && r.Flag.rules == nil {
		return r.Failure.Code
	}
	return reasonCodes[r.Reason]
}

// Description is the reason in words.
func (r Result) Description() string {
	switch r.Reason {
	case Failed:
		return r.Failure.Description
	case ConditionMatch, TargetingMatch, RolloutMiss, ExperimentPaused, RuleHoldout:
		return fmt.Sprintf(reasonTexts[r.Reason], r.condition+1)
	default:
		return reasonTexts[r.Reason]
	}
}

// Payload is the JSON that belongs to the result, nil for none. For flags of config version 2 it is what older answers show: the value, if
// that is a number or an object.
func (r Result) Payload() json.RawMessage {
	switch {
	case r.Flag.rules != nil:
		if v := r.Flag.rules.value(r); v.isPayload {
			return v.raw
		}
		return nil
	case r.variant >= 0:
		return r.Flag.variants[r.variant].payload
	case r.Enabled || r.Reason == SuperOptedOut: // who opted out gets the payload too
		return r.Flag.payload
	default:
		return nil
	}
}

// AppendValue appends the flag's value as JSON: null if it failed, the value of a rule or the default in config version 2, else the key of
// the variant or whether the flag is enabled.
func (r Result) AppendValue(dst []byte) []byte {
	switch {
	case r.Failure != nil:
		return append(dst, "null"...)
	case r.Flag.rules != nil:
		return append(dst, r.Flag.rules.value(r).raw...)
	case r.variant >= 0:
		return appendQuoted(dst, r.Flag.variants[r.variant].key)
	default:
		return strconv.AppendBool(dst, r.Enabled)
	}
}

// Rule is the type and id of the rule that decided a flag of config version 2, "" if none did.
func (r Result) Rule() (kind, id string) {
	if r.Flag.rules == nil || r.condition < 0 {
		return "", ""
	}
	rule := &r.Flag.rules.list[r.condition]
	return rule.kind, rule.id
}

// Outcome numbers what can become of a flag from 0 to Flag.Outcomes()-1: two results of a flag have the same number exactly if all that can
// be said about them is the same. A failed result has none and gives -1. It lets a caller encode each answer once and keep it in a slice.
func (r Result) Outcome() int {
	condition, variant := int(r.condition)+1, int(r.variant)+1
	switch r.Reason {
	case Failed:
		return -1
	case ConditionMatch, TargetingMatch:
		return reasons*r.Flag.spread + condition*(len(r.Flag.variants)+1) + variant
	default: // the variant of a holdout is always the same
		return int(r.Reason)*r.Flag.spread + condition
	}
}

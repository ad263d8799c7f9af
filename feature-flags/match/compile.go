package match

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Options are what a team decides about all its flags.
type Options struct {
	Location        *time.Location // of dates without an offset; nil for UTC
	ExplicitExact   bool           // exact does not compare by truth where the filter is boolean-like
	RealtimeCohorts bool           // the behavioural database is asked about realtime cohorts
}

// fill gives a property that is missing the value of another.
type fill struct{ to, from int32 }

type compiler struct {
	set        *Set
	o          Options
	predicates map[predicateKey]int32
	building   *cohort
}

// maxConditions bounds the condition sets and the variants of a flag, so that a result has room for their index.
const maxConditions = 10_000

// predicateKey is what makes filters equal.
type predicateKey struct {
	slot              int32
	operator, operand string
}

// Compile prepares definitions: a cached document {"flags": […], "cohorts": […]}, or a bare list of flags. cohorts is the list of the
// team's cohorts, nil to take that of the document. An error means that the JSON as a whole is broken. A single flag that is broken is
// part of the Set and fails by itself.
func Compile(definitions, cohorts []byte, o Options) (*Set, error) {
	d, err := parseDocument(definitions)
	if err != nil {
		return nil, err
	}
	if cohorts != nil {
		if err := json.Unmarshal(cohorts, &d.Cohorts); err != nil {
			return nil, fmt.Errorf("parse cohorts: %w", err)
		}
	}
	if o.Location == nil {
		o.Location = time.UTC
	}
	s := &Set{
		byKey: map[string]*Flag{}, byID: map[int32]int32{}, cohortIndex: map[int32]int32{}, hasCohorts: d.Cohorts != nil || cohorts != nil,
		areas: []area{{group: noGroup, names: map[string]int32{}}}, location: o.Location, plain: true,
	}
	c := &compiler{set: s, o: o, predicates: map[predicateKey]int32{}}
	c.addCohorts(d.Cohorts)
	c.addFlags(d.Flags)
	c.addFills()
	s.arrange()
	s.pack()
	for i := range s.areas {
		s.areas[i].seal()
	}
	return s, nil
}

// Check tells what is wrong with the definition of a single flag, nil if it can be evaluated.
func Check(definition []byte) error {
	s, err := Compile(append(append([]byte{'['}, definition...), ']'), nil, Options{})
	switch {
	case err != nil:
		return err
	case s.Len() != 1:
		return errors.New("a flag has an id and a key")
	case s.flags[0].flaw != nil:
		return s.flags[0].flaw
	}
	return nil
}

// addFlags first learns all ids, which dependencies refer to.
func (c *compiler) addFlags(raws []json.RawMessage) {
	for _, raw := range raws {
		var h header
		if err := json.Unmarshal(raw, &h); err != nil || h.Key == "" {
			c.set.broken = true
			continue
		}
		f := &Flag{
			Index: len(c.set.flags), ID: h.ID, Key: h.Key, Active: deref(h.Active), Deleted: deref(h.Deleted),
			prefix: h.Key + ".", survey: isSurvey(h.Key), billed: !isSurvey(h.Key) && !isTour(h.Key), enrollment: -1, ConfigVersion: 1, runtime: RuntimeAll,
		}
		c.set.flags = append(c.set.flags, f)
		c.set.byKey[f.Key], c.set.byID[f.ID] = f, int32(f.Index)
	}
	at := 0
	for _, raw := range raws {
		var h header
		if err := json.Unmarshal(raw, &h); err != nil || h.Key == "" {
			continue
		}
		f := c.set.flags[at]
		at++
		if f.flaw = c.addFlag(f, raw); f.flaw != nil {
			told := f.flaw
			if errors.Is(told, errUnsupported) {
				told = errUnsupported // clients compare this text
			}
			f.failure = &Failure{"flag_data_parsing_error", "Failed to parse flag data: " + told.Error()}
			f.conditions, f.sources, f.dependsOn, f.needs = nil, nil, nil, dataNeeds{}
		}
		f.spread = max(len(f.conditions), 1) + 1
		if f.rules != nil {
			f.spread = len(f.rules.list) + 1
		}
	}
}

var errUnsupported = errors.New("unsupported feature flag configuration format")

func (c *compiler) addFlag(f *Flag, raw json.RawMessage) error {
	var source flagJSON
	if err := json.Unmarshal(raw, &source); err != nil {
		return err
	}
	f.Version, f.HasExperiment = deref(source.Version), source.HasExperiment
	f.contexts = source.EvaluationContexts
	if f.contexts == nil {
		f.contexts = source.EvaluationTags
	}
	switch runtime := deref(source.EvaluationRuntime); {
	case strings.EqualFold(runtime, "client"):
		f.runtime = RuntimeClient
	case strings.EqualFold(runtime, "server"):
		f.runtime = RuntimeServer
	}
	f.byDevice, f.ensured = deref(source.Bucketing) == "device_id", deref(source.Continuity)
	switch f.ConfigVersion = configVersion(source.Filters); f.ConfigVersion {
	case 1:
		return c.addFilters(f, source.Filters)
	case 2:
		rules, err := c.rules(f, source.Filters)
		f.rules = rules
		return err
	default:
		return errUnsupported
	}
}

func (c *compiler) addFilters(f *Flag, raw json.RawMessage) error {
	var filters filtersJSON
	if !isNull(raw) {
		if err := json.Unmarshal(raw, &filters); err != nil {
			return err
		}
	}
	if filters.Aggregation != nil {
		f.area, f.usesGroups = c.area(*filters.Aggregation), true
	}
	f.continuity = f.ensured && f.area == personArea && !f.byDevice
	if f.earlyExit = deref(filters.EarlyExit); len(filters.Groups) > maxConditions {
		return errors.New("too many condition sets")
	}
	f.payload = filters.Payloads["true"]
	if err := c.addVariants(f, &filters); err != nil {
		return err
	}
	for _, source := range filters.Groups {
		condition, err := c.condition(f, source, f.area)
		if err != nil {
			return err
		}
		f.conditions, f.sources = append(f.conditions, condition), append(f.sources, source)
		f.hashed = f.hashed || !condition.all
	}
	return c.addEarlyAccess(f, &filters)
}

func (c *compiler) addVariants(f *Flag, filters *filtersJSON) error {
	var weights []float64
	if filters.Multivariate != nil {
		if len(filters.Multivariate.Variants) > maxConditions {
			return errors.New("too many variants")
		}
		for _, v := range filters.Multivariate.Variants {
			f.variants = append(f.variants, variant{key: v.Key, payload: filters.Payloads[v.Key]})
			weights = append(weights, v.Percentage)
		}
	}
	variantBounds(f.variants, weights)
	f.declared = len(f.variants)
	f.hashed = f.declared > 1 || f.declared == 1 && weights[0] < 100
	if h := filters.Holdout; h != nil {
		key := "holdout-" + strconv.FormatInt(h.ID, 10)
		f.holdout = &holdout{bound: rolloutBound(min(max(h.Percentage, 0), 100)), variant: int16(len(f.variants))}
		f.variants = append(f.variants, variant{key: key, payload: filters.Payloads[key]})
	}
	return nil
}

func (c *compiler) addEarlyAccess(f *Flag, filters *filtersJSON) error {
	if deref(filters.FeatureEnrollment) {
		f.enrollment = c.slot(personArea, "$feature_enrollment/"+f.Key)
		f.needs.person = append(f.needs.person, f.enrollment)
		return nil
	}
	if len(filters.SuperGroups) == 0 || len(filters.SuperGroups[0].Properties) == 0 {
		return nil
	}
	condition, err := c.condition(f, filters.SuperGroups[0], personArea)
	if err != nil {
		return err
	}
	condition.area = personArea
	f.super = &superGroup{condition: condition}
	for _, p := range filters.SuperGroups[0].Properties {
		f.super.slots = append(f.super.slots, c.slot(personArea, p.Key))
	}
	return nil
}

func (c *compiler) condition(f *Flag, source conditionJSON, flagArea int16) (condition, error) {
	percentage := 100.0
	if source.Percentage != nil {
		percentage = *source.Percentage
	}
	out := condition{area: flagArea, all: percentage == 100, variant: -1}
	if !out.all {
		out.bound = rolloutBound(percentage)
	}
	if source.Aggregates != nil {
		var group *int
		if err := json.Unmarshal(source.Aggregates, &group); err != nil {
			return out, err
		}
		if out.area = personArea; group != nil {
			out.area = c.area(*group)
		}
	}
	f.usesGroups = f.usesGroups || out.area != personArea
	if source.Variant != nil {
		out.variant = int16(slices.IndexFunc(f.variants[:f.declared], func(v variant) bool { return v.key == *source.Variant }))
	}
	for _, p := range source.Properties {
		if err := c.addProperty(f, &out, p); err != nil {
			return out, err
		}
	}
	return out, nil
}

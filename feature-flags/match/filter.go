package match

import (
	"fmt"
	"strconv"
	"strings"
)

// addProperty compiles a filter of a condition set: on a property, a cohort, or another flag.
func (c *compiler) addProperty(f *Flag, to *condition, p propertyJSON) error {
	if _, known := operators[operatorOf(p)]; !known {
		return fmt.Errorf("unknown operator %q", operatorOf(p))
	}
	at := int16(personArea)
	switch kind := deref(p.Type); kind {
	case "cohort":
		to.cohorts = append(to.cohorts, c.cohortFilter(p))
		f.needs.always = true
		c.set.usesCohorts = c.set.usesCohorts || f.Active && !f.Deleted
		return nil
	case "flag":
		to.checks = append(to.checks, c.flagFilter(f, p))
		return nil
	case "", "person", "person_metadata":
	case "group":
		f.usesGroups = true
		if at = to.area; p.GroupType != nil {
			at = c.area(*p.GroupType)
		} else if at == personArea {
			at = c.area(noGroup)
		}
	default:
		return fmt.Errorf("unknown property type %q", kind)
	}
	index, _ := c.predicate(at, slotName(p), p)
	to.checks = append(to.checks, check{predicate: index})
	if slot := c.set.predicates[index].slot; at == personArea {
		f.needs.person = append(f.needs.person, slot)
	} else {
		f.needs.groups = append(f.needs.groups, groupNeed{at, slot})
	}
	return nil
}

func (c *compiler) cohortFilter(p propertyJSON) cohortCheck {
	id, ok := id32(p.Value)
	if !ok {
		return cohortCheck{failure: failCohortFilters}
	}
	operator := deref(p.Operator)
	out := cohortCheck{negated: operator == "not_in", never: operator != "" && operator != "in" && operator != "not_in"}
	if index, found := c.set.cohortIndex[id]; found {
		out.cohort = index
	} else {
		out.failure = failCohortMissing
	}
	return out
}

// flagFilter compiles a dependency. A key that is no number is no dependency, and a filter that never holds.
func (c *compiler) flagFilter(f *Flag, p propertyJSON) check {
	out := check{predicate: -1, flag: -1}
	id, err := strconv.ParseInt(p.Key, 10, 32)
	if err != nil {
		return out
	}
	index, found := c.set.byID[int32(id)]
	if f.Active && !f.Deleted {
		if found {
			f.dependsOn = append(f.dependsOn, index)
		} else {
			f.orphan = true
		}
	}
	if !found || deref(p.Operator) != "flag_evaluates_to" {
		return out
	}
	need := flagNeed{flag: index}
	switch value := string(p.Value); {
	case value == "true":
		need.want = wantTrue
	case value == "false":
		need.want = wantFalse
	case strings.HasPrefix(value, `"`):
		need.want, need.variant = wantVariant, unquote(value)
	default:
		return out
	}
	out.flag = int32(len(c.set.flagNeeds))
	c.set.flagNeeds = append(c.set.flagNeeds, need)
	return out
}

func operatorOf(p propertyJSON) string {
	if p.Operator == nil {
		return "exact"
	}
	return *p.Operator
}

// slotName is the name under which the property is kept: columns of the persons table cannot collide with properties.
func slotName(p propertyJSON) string {
	if deref(p.Type) == "person_metadata" {
		return metadataPrefix + p.Key
	}
	return p.Key
}

const metadataPrefix = "__posthog_person_metadata__"

// predicate gives the index of the filter's predicate; ok is false for an operator that does not exist.
func (c *compiler) predicate(at int16, name string, p propertyJSON) (index int32, ok bool) {
	slot := c.slot(at, name)
	key := predicateKey{slot, operatorOf(p), string(p.Value)}
	if index, ok := c.predicates[key]; ok {
		return index, true
	}
	made, ok := newPredicate(slot, key.operator, p.Value, c.o)
	if !ok {
		return 0, false
	}
	index = int32(len(c.set.predicates))
	c.set.predicates = append(c.set.predicates, made)
	c.set.areaOf = append(c.set.areaOf, at)
	c.predicates[key] = index
	return index, true
}

// area gives the area of a group type. There are never more than a handful; what cannot be an index is one that nobody knows.
func (c *compiler) area(group int) int16 {
	if group < noGroup || group > maxGroup {
		group = unknownGroup
	}
	for i := 1; i < len(c.set.areas); i++ {
		if c.set.areas[i].group == group {
			return int16(i)
		}
	}
	c.set.areas = append(c.set.areas, area{group: group, names: map[string]int32{}})
	return int16(len(c.set.areas) - 1)
}

func (c *compiler) slot(at int16, name string) int32 {
	names := c.set.areas[at].names
	slot, ok := names[name]
	if !ok {
		slot = int32(c.set.slots)
		names[name] = slot
		c.set.slots++
	}
	return slot
}

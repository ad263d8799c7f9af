package match

import (
	"encoding/json"
	"strings"
)

// maxTreeDepth bounds the nesting of one cohort's filters.
const maxTreeDepth = 64

type cohortJSON struct {
	ID            int32           `json:"id"`
	IsStatic      bool            `json:"is_static"`
	Filters       json.RawMessage `json:"filters"`
	Groups        json.RawMessage `json:"groups"`
	Deleted       bool            `json:"deleted"`
	CohortType    *string         `json:"cohort_type"`
	ConditionType json.RawMessage `json:"condition_type"`
}

// cohort is a compiled cohort. Its conditions are about the person, whoever asks.
type cohort struct {
	id          int32
	static      bool
	routed      bool // the behavioural database knows its members
	root        node
	refs        []int32 // cohorts its tree names
	behavioural bool    // a leaf of it, or of a cohort it names, is about behaviour, which is not evaluated here
	failure     *Failure
}

// node is a part of a cohort's tree.
type node struct {
	kind    nodeKind
	negated bool
	ref     int32  // a predicate or a cohort
	kids    []node // of all and any
}

type nodeKind uint8

const (
	nodeNever nodeKind = iota // a filter of a kind that is not evaluated here; negation has no effect on it
	nodeAny
	nodeAll
	nodeProperty
	nodeCohort
	nodeFalse // what is known not to hold; negation turns it around
)

// cohortCheck is a cohort filter of a condition.
type cohortCheck struct {
	cohort  int32
	negated bool     // not_in
	never   bool     // an operator that means nothing here
	failure *Failure // the filter cannot be used; reaching it fails the flag
}

// treeJSON is a group of filters or a single one, which has no values.
type treeJSON struct {
	Type   json.RawMessage   `json:"type"`
	Values []json.RawMessage `json:"values"`
	Key    json.RawMessage   `json:"key"`
}

// addCohorts compiles the list: first all trees, then what follows from the references between them.
func (c *compiler) addCohorts(list []cohortJSON) {
	for _, source := range list {
		if !source.Deleted {
			c.set.cohortIndex[source.ID] = int32(len(c.set.cohorts))
			c.set.cohorts = append(c.set.cohorts, cohort{id: source.ID, static: source.IsStatic, routed: c.routed(source)})
		}
	}
	for _, source := range list {
		if source.Deleted {
			continue
		}
		target := &c.set.cohorts[c.set.cohortIndex[source.ID]]
		switch {
		case target.static:
			c.set.static = append(c.set.static, target.id)
			continue // never parsed
		case target.routed:
			c.set.routed = append(c.set.routed, target.id)
		}
		c.buildCohort(target, source)
	}
	c.checkCohorts()
}

// routed tells whether membership is read from the behavioural database: a realtime cohort with a condition about behaviour, of a team
// whose realtime cohorts are evaluated.
func (c *compiler) routed(source cohortJSON) bool {
	kind := deref(source.CohortType)
	condition := string(source.ConditionType)
	return c.o.RealtimeCohorts && !source.IsStatic && (kind == "realtime" || kind == "behavioral") &&
		(strings.Contains(condition, "behavioral") || strings.Contains(condition, "lifecycle"))
}

func (c *compiler) buildCohort(target *cohort, source cohortJSON) {
	c.building = target
	var ok bool
	switch filters := unwrapText(source.Filters); {
	case isNull(filters):
		target.root, ok = c.legacyGroups(unwrapText(source.Groups)), true
	default:
		var f struct {
			Properties json.RawMessage `json:"properties"`
		}
		if json.Unmarshal(filters, &f) == nil {
			target.root, ok = c.tree(f.Properties, maxTreeDepth)
		}
	}
	if !ok {
		target.failure = failCohortFilters
	}
}

// unwrapText gives the JSON within, where a column came as text.
func unwrapText(raw json.RawMessage) json.RawMessage {
	if len(raw) > 0 && raw[0] == '"' {
		return json.RawMessage(unquote(string(raw)))
	}
	return raw
}

// tree compiles a group or a leaf.
func (c *compiler) tree(raw json.RawMessage, depth int) (n node, ok bool) {
	var t treeJSON
	if depth == 0 || json.Unmarshal(raw, &t) != nil {
		return n, false
	}
	if t.Values == nil {
		if t.Key == nil && t.Type == nil {
			return n, false
		}
		return c.leaf(raw)
	}
	switch kind := jsonText(string(t.Type)); kind {
	case "OR":
		n.kind = nodeAny
	case "AND", "property":
		n.kind = nodeAll
	default:
		return n, false
	}
	for _, value := range t.Values {
		kid, ok := c.tree(value, depth-1)
		if !ok {
			return n, false
		}
		n.kids = append(n.kids, kid)
	}
	return n, true
}

// leaf compiles a filter. One of a type that is not known here is no match and no error: behaviour is evaluated elsewhere.
func (c *compiler) leaf(raw json.RawMessage) (n node, ok bool) {
	var kind struct {
		Type *string `json:"type"`
	}
	if json.Unmarshal(raw, &kind) != nil {
		return n, false
	}
	switch t := deref(kind.Type); t {
	case "OR", "AND", "property":
		return n, false // a group without values
	case "", "person", "group", "person_metadata", "flag", "cohort":
		var p propertyJSON
		if json.Unmarshal(raw, &p) != nil {
			return n, false
		}
		if t == "cohort" {
			return c.cohortLeaf(p)
		}
		return c.propertyLeaf(p)
	default:
		c.building.behavioural = true
		return node{kind: nodeNever}, true
	}
}

func (c *compiler) propertyLeaf(p propertyJSON) (n node, ok bool) {
	predicate, ok := c.predicate(personArea, slotName(p), p)
	return node{kind: nodeProperty, ref: predicate, negated: deref(p.Negation)}, ok
}

func (c *compiler) cohortLeaf(p propertyJSON) (n node, ok bool) {
	id, ok := id32(p.Value)
	if !ok {
		return n, false
	}
	n = node{kind: nodeCohort, negated: deref(p.Negation)}
	switch deref(p.Operator) {
	case "", "in":
	case "not_in":
		n.negated = !n.negated
	default:
		if p.Operator != nil {
			if _, known := operators[*p.Operator]; !known {
				return n, false
			}
		}
		n.kind = nodeFalse
	}
	index, found := c.set.cohortIndex[id]
	if !found {
		index = -1
	}
	n.ref = index
	c.building.refs = append(c.building.refs, index)
	return n, true
}

// legacyGroups reads the groups of cohorts older than filters: any of them must hold, and what is not understood does not.
func (c *compiler) legacyGroups(raw json.RawMessage) node {
	root := node{kind: nodeAny}
	var groups []struct {
		Properties json.RawMessage `json:"properties"`
	}
	if isNull(raw) || json.Unmarshal(raw, &groups) != nil {
		return root
	}
	for _, group := range groups {
		if kid, ok := c.legacyGroup(group.Properties); ok {
			root.kids = append(root.kids, kid)
		}
	}
	return root
}

func (c *compiler) legacyGroup(raw json.RawMessage) (n node, ok bool) {
	n.kind = nodeAll
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil && len(list) > 0 {
		for _, element := range list {
			var kind struct {
				Type *string `json:"type"`
			}
			var p propertyJSON
			if json.Unmarshal(element, &kind) != nil || json.Unmarshal(element, &p) != nil {
				return n, false
			}
			kid, ok := node{}, false
			if t := deref(kind.Type); t == "" || t == "event" {
				kid, ok = c.propertyLeaf(p)
			} else {
				kid, ok = c.leaf(element)
			}
			if !ok {
				return n, false
			}
			n.kids = append(n.kids, kid)
		}
		return n, true
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil || len(members) == 0 {
		return n, false // also what names nothing, which would otherwise be everybody
	}
	_, typed := members["type"]
	_, valued := members["values"]
	if typed || valued {
		if typed && valued {
			return c.tree(raw, maxTreeDepth)
		}
		return n, false
	}
	for key, value := range members {
		kid, ok := c.propertyLeaf(propertyJSON{Key: key, Value: value})
		if !ok {
			return n, false
		}
		n.kids = append(n.kids, kid)
	}
	return n, true
}

// checkCohorts finds for each cohort what is wrong with anything it reaches, and whether that has a leaf about behaviour.
func (c *compiler) checkCohorts() {
	cohorts := c.set.cohorts
	own := make([]*Failure, len(cohorts))
	for i := range cohorts {
		own[i] = cohorts[i].failure
	}
	for i := range cohorts {
		if cohorts[i].static {
			continue
		}
		seen := map[int32]bool{int32(i): true}
		queue := []int32{int32(i)}
		for at := 0; at < len(queue) && cohorts[i].failure == nil; at++ {
			reached := &cohorts[queue[at]]
			cohorts[i].failure = own[queue[at]]
			cohorts[i].behavioural = cohorts[i].behavioural || reached.behavioural
			for _, ref := range reached.refs {
				switch {
				case ref < 0:
					cohorts[i].failure = failCohortMissing
				case !seen[ref]:
					seen[ref] = true
					queue = append(queue, ref)
				}
			}
		}
		if cohorts[i].failure == nil && c.cyclic(int32(i)) {
			cohorts[i].failure = failCohortCycle
		}
	}
}

// cyclic tells whether a walk from a cohort comes back to one that it has not left yet.
func (c *compiler) cyclic(from int32) bool {
	const open, left = 1, 2
	state := map[int32]int{}
	var walk func(at int32) bool
	walk = func(at int32) bool {
		state[at] = open
		for _, ref := range c.set.cohorts[at].refs {
			if s := state[ref]; s == open || s == 0 && walk(ref) {
				return true
			}
		}
		state[at] = left
		return false
	}
	return walk(from)
}

package match

import "slices"

// inCohorts decides the cohort filters of a condition. All are looked at, so that one that cannot be evaluated is not hidden by another.
// Without the list of cohorts, or without the fetch that says who is a member, nobody matches, whatever the operator.
func (e *Evaluation) inCohorts(checks []cohortCheck) (met bool, why *Failure) {
	if !e.fetched || !e.set.hasCohorts {
		return false, nil
	}
	met = true
	for i := range checks {
		in, failed := e.checkCohort(&checks[i])
		if failed != nil {
			return false, failed
		}
		met = met && in
	}
	return met, nil
}

func (e *Evaluation) checkCohort(c *cohortCheck) (met bool, why *Failure) {
	if c.failure != nil {
		return false, c.failure
	}
	target := &e.set.cohorts[c.cohort]
	var in bool
	switch {
	case target.static || target.routed:
		in = e.member[c.cohort]
	case target.failure != nil:
		return false, target.failure
	default:
		in = e.inDynamic(c.cohort)
	}
	return !c.never && in != c.negated, nil
}

// failedOnBehaviour tells whether a condition that does not hold failed on a cohort that is only half evaluated here.
func (e *Evaluation) failedOnBehaviour(c *condition) bool {
	for i := range c.cohorts {
		if c.cohorts[i].failure != nil || !e.fetched {
			return false
		}
		target := &e.set.cohorts[c.cohorts[i].cohort]
		if !target.behavioural || target.routed {
			continue
		}
		if met, _ := e.checkCohort(&c.cohorts[i]); !met {
			// Cohorts are looked at last: with a filter that does not hold it did not get that far.
			return !slices.ContainsFunc(c.checks, func(check check) bool { return !e.check(&check) })
		}
	}
	return false
}

// inDynamic evaluates a cohort's tree, once. That the references between cohorts end was checked at load.
func (e *Evaluation) inDynamic(index int32) bool {
	if e.cohorts[index] == unasked {
		e.cohorts[index] = boolOutcome(e.node(&e.set.cohorts[index].root))
	}
	return e.cohorts[index] == yes
}

// node evaluates a part of a tree. A cohort that is reached this way is computed, even if its members are known elsewhere.
func (e *Evaluation) node(n *node) bool {
	switch n.kind {
	case nodeAny:
		for i := range n.kids {
			if e.node(&n.kids[i]) {
				return true
			}
		}
		return false
	case nodeAll:
		for i := range n.kids {
			if !e.node(&n.kids[i]) {
				return false
			}
		}
		return true
	case nodeProperty:
		return (e.predicate(n.ref) == yes) != n.negated
	case nodeCohort:
		in := e.set.cohorts[n.ref].static && e.member[n.ref] || !e.set.cohorts[n.ref].static && e.inDynamic(n.ref)
		return in != n.negated
	case nodeFalse:
		return n.negated
	default:
		return false
	}
}

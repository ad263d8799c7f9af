package match

import (
	"slices"
	"unicode/utf8"
)

// cookielessSentinel is the id of all people without one; an override row with it says nothing about anybody.
const cookielessSentinel = "$posthog_cookieless"

// Run evaluates the flags and appends their results to dst, each behind those it depends on.
func (e *Evaluation) Run(d *Data, dst []Result) []Result {
	e.load(d)
	n := len(dst)
	e.results = slices.Grow(dst, len(e.order))[:n+len(e.order)]
	for i, index := range e.order {
		p, r := &e.set.plans[index], &e.results[n+i]
		*r = Result{Flag: p.flag, condition: -1, variant: -1}
		if p.special || len(e.blocked) > 0 {
			e.special(p, r)
		} else {
			e.conditions(p, r)
		}
		e.errors = e.errors || r.Failure != nil
		if e.at != nil {
			e.at[index] = int32(n + i + 1)
		}
	}
	e.errors = e.errors || d.HashKeysFailed
	return e.results
}

// FailAll appends a failure of each flag to dst, in place of Run, or after one that panicked.
func (e *Evaluation) FailAll(why *Failure, dst []Result) []Result {
	for _, index := range e.order {
		r := Result{Flag: e.set.flags[index], condition: -1, variant: -1}
		r.fail(why)
		dst = append(dst, r)
	}
	e.errors = e.errors || len(e.order) > 0
	return dst
}

// Evaluate is Begin, Run and End for a caller that has everything at hand. errors is what Evaluation.Errors says.
func (s *Set) Evaluate(r *Request, types []GroupType, d *Data, dst []Result) (results []Result, errors bool) {
	e := s.Begin(r)
	defer e.End()
	e.SetGroupTypes(types)
	results = e.Run(d, dst)
	return results, e.Errors()
}

// fail turns a result into a failure.
func (r *Result) fail(why *Failure) { r.Failure, r.Reason = why, Failed }

// special decides a flag that has more than conditions: what rules evaluation out, then rules, early access, holdout, conditions.
func (e *Evaluation) special(p *plan, r *Result) {
	f := p.flag
	switch {
	case f.failure != nil:
		r.fail(f.failure)
	case f.orphan:
		r.Reason = MissingDependency
	case len(e.blocked) > 0 && e.blocked[f.Index]:
		r.fail(e.data.FetchFailure)
	case f.ensured && e.data.HashKeysFailed:
		r.fail(failHashKeys)
	case f.rules != nil:
		f.rules.evaluate(e, r)
	case e.earlyAccess(p, r):
	case f.holdout != nil && e.hasher.sum("holdout-", e.identifier(p, f.area, false), "") < f.holdout.bound:
		r.Reason, r.Enabled, r.variant = Holdout, true, f.holdout.variant
	default:
		e.conditions(p, r)
	}
}

// earlyAccess tells whether the person's enrollment, or refusal, decided the flag.
func (e *Evaluation) earlyAccess(p *plan, r *Result) bool {
	switch f := p.flag; {
	case f.enrollment >= 0:
		v := &e.slots[f.enrollment]
		if v.kind == absent {
			return false
		}
		r.enroll(v.kind == boolean && v.raw == "true" || v.kind == text && v.plain == "true")
		return true
	case f.super != nil && slices.ContainsFunc(f.super.slots, func(slot int32) bool { return e.slots[slot].kind != absent }):
		met, why := e.holds(&f.super.condition)
		if why != nil {
			r.fail(why)
		} else {
			r.enroll(met && e.inRollout(p, &f.super.condition))
		}
		return true
	}
	return false
}

func (r *Result) enroll(in bool) {
	r.Reason, r.Enabled, r.condition = SuperOptedOut, in, 0
	if in {
		r.Reason = Super
	}
}

// candidate keeps the highest reason, of equal ones the latest.
type candidate struct {
	reason Reason
	index  int
}

func (c *candidate) offer(reason Reason, index int) {
	if reason >= c.reason {
		c.reason, c.index = reason, index
	}
}

// conditions looks for the first condition set that matches.
func (e *Evaluation) conditions(p *plan, r *Result) {
	best := candidate{reason: NoGroupType, index: -1}
	var groupSkipped, personFailed, behavioural bool
	for i := range p.conditions {
		c := &p.conditions[i]
		switch {
		case c.area == personArea && p.byDevice && e.req.DeviceID == "":
			best.offer(OutOfRollout, i)
			continue
		case c.area != personArea && !e.areas[c.area].usable:
			best.offer(NoGroupType, i)
			groupSkipped = true
			continue
		}
		met, why := e.holds(c)
		switch {
		case why != nil:
			r.fail(why)
			return
		case !met:
			best.offer(NoConditionMatch, i)
			personFailed = personFailed || c.area == personArea
			behavioural = behavioural || len(c.cohorts) > 0 && e.failedOnBehaviour(c)
			continue
		case e.inRollout(p, c):
			r.Reason, r.Enabled, r.condition, r.variant = ConditionMatch, true, int16(i), e.variant(p, c)
			return
		}
		best.offer(OutOfRollout, i)
		if p.earlyExit {
			break
		}
	}
	if best.reason == NoConditionMatch {
		switch {
		case behavioural:
			best.reason = NoConditionMatchBehavioural
		case groupSkipped && personFailed:
			best.reason = NoConditionMatchNoGroup
		}
	}
	r.Reason, r.condition = best.reason, int16(best.index)
}

// holds tells whether all filters of a condition do. A filter on a cohort that cannot be evaluated is a failure, if it is reached.
func (e *Evaluation) holds(c *condition) (met bool, why *Failure) {
	for i := range c.checks {
		if !e.check(&c.checks[i]) {
			return false, nil
		}
	}
	if len(c.cohorts) == 0 {
		return true, nil
	}
	return e.inCohorts(c.cohorts)
}

func (e *Evaluation) check(c *check) bool {
	if c.predicate >= 0 {
		return e.predicate(c.predicate) == yes
	}
	if c.flag < 0 {
		return false
	}
	need := &e.set.flagNeeds[c.flag]
	at := e.at[need.flag]
	if at == 0 {
		// What a request filters out counts as off. What was to be evaluated and was not has no value.
		_, out := e.set.flags[need.flag].filteredOut(&e.req)
		return out && need.want == wantFalse
	}
	on := &e.results[at-1]
	if on.Failure != nil {
		return false
	}
	switch key, ok := on.Variant(); need.want {
	case wantTrue:
		return ok || on.Enabled
	case wantFalse:
		return !ok && !on.Enabled
	default:
		return ok && key == need.variant
	}
}

// predicate asks a predicate once.
func (e *Evaluation) predicate(index int32) outcome {
	if known := e.memo[index]; known != unasked {
		return known
	}
	p := &e.set.predicates[index]
	var result outcome
	if v := &e.slots[p.slot]; v.kind != absent {
		result = p.test(v, e.now, e.set.location)
	} else if at := e.set.areaOf[index]; at != personArea && e.set.areas[at].group != noGroup && !e.areas[at].mapped {
		result = unknown // of a group type nobody knows
	} else {
		result = p.missing()
	}
	e.memo[index] = result
	return result
}

// inRollout decides the rollout of a condition whose filters hold. At 100 % no hash is made.
func (e *Evaluation) inRollout(p *plan, c *condition) bool {
	return c.all || e.bucket(p, c.area, "") < c.bound
}

// variant chooses the variant of a match: the one the condition names, else by hash, -1 for none.
func (e *Evaluation) variant(p *plan, c *condition) int16 {
	if c.variant >= 0 || len(p.bounds) == 0 {
		return c.variant
	}
	h := e.bucket(p, c.area, "variant")
	for i, bound := range p.bounds {
		if h < bound {
			return int16(i)
		}
	}
	return -1
}

// bucket is the hash of whoever the flag is about. Nobody in particular is the very first.
func (e *Evaluation) bucket(p *plan, at int16, salt string) uint64 {
	id := e.identifier(p, at, true)
	if id == "" {
		return 0
	}
	return e.hasher.sum(p.prefix, id, salt)
}

// identifier is what a flag hashes: the group's key, the device, with experience continuity the id the person had first, or the distinct id.
func (e *Evaluation) identifier(p *plan, at int16, overrides bool) string {
	switch {
	case at != personArea:
		return e.areas[at].key
	case p.byDevice && e.req.DeviceID != "":
		return e.req.DeviceID
	case p.continuity:
		if key := e.data.HashKeys[p.flag.Key]; overrides && key != "" && key != cookielessSentinel {
			return key
		}
		if e.req.AnonDistinctID != "" {
			return e.req.AnonDistinctID
		}
	}
	return e.req.DistinctID
}

// subject is what rules of config version 2 hash.
func (e *Evaluation) subject() string {
	id := e.req.DistinctID
	if len(id) <= maxSubject {
		return id
	}
	n, at := 0, 0
	for ; n < maxSubject && at < len(id); n++ {
		_, size := utf8.DecodeRuneInString(id[at:])
		at += size
	}
	return id[:at]
}

package match

import (
	"slices"
	"strings"
	"time"
	"unsafe"
)

// Evaluation is one request against a Set: see the package comment for the order of calls.
type Evaluation struct {
	set  *Set
	req  Request
	data Data

	order    []int32 // flags to evaluate, in this order
	filtered []int32 // backs order where it is not the Set's
	wanted   map[int32]bool
	kept     int
	billable bool
	errors   bool

	slots   []value
	memo    []outcome // by predicate
	cohorts []outcome // by cohort
	areas   []areaState
	fetched bool
	now     time.Time

	member  []bool   // by cohort: static and routed ones
	blocked []bool   // by flag, if the fetch failed: waits for it
	results []Result // what has been decided so far
	at      []int32  // by flag: position in results + 1, if flags depend on each other
	hasher  hasher
}

// areaState is what the request says about a group type.
type areaState struct {
	mapped bool   // the index has a name
	usable bool   // the request has a key
	key    string // as it is hashed
}

// Begin looks at the request. End gives back what it holds.
func (s *Set) Begin(r *Request) *Evaluation {
	e, _ := s.pool.Get().(*Evaluation)
	if e == nil {
		e = &Evaluation{
			set: s, slots: make([]value, s.slots), memo: make([]outcome, len(s.predicates)), cohorts: make([]outcome, len(s.cohorts)),
			areas: make([]areaState, len(s.areas)), member: make([]bool, len(s.cohorts)), hasher: newHasher(),
		}
		if s.dependent {
			e.at = make([]int32, len(s.flags))
		}
	}
	e.req, e.now, e.errors = *r, r.Now, s.broken
	e.choose()
	e.overlay(personArea, borrow(r.PersonProperties))
	for name, value := range r.GeoIP {
		if slot, asked := s.areas[personArea].names[name]; asked {
			e.slots[slot] = textValue(value)
		}
	}
	if slot, asked := s.areas[personArea].names["distinct_id"]; asked && e.slots[slot].kind == absent {
		e.slots[slot] = textValue(r.DistinctID)
	}
	return e
}

// End ends the use of e, and of all that was given to it.
func (e *Evaluation) End() {
	clear(e.slots)
	clear(e.memo)
	clear(e.cohorts)
	clear(e.areas)
	clear(e.member)
	clear(e.at)
	e.filtered, e.blocked = e.filtered[:0], e.blocked[:0]
	e.req, e.data = Request{}, Data{}
	e.order, e.wanted, e.results, e.fetched = nil, nil, nil, false
	e.hasher.shrink()
	e.set.pool.Put(e)
}

// borrow reads bytes as a string without a copy: they are not changed before End.
func borrow(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// choose finds the flags that the request is about.
func (e *Evaluation) choose() {
	s, r := e.set, &e.req
	everything := r.FlagKeys == nil && !r.SurveysOnly && (s.plain || r.Runtime == RuntimeAll && len(r.Contexts) == 0)
	if e.order, e.kept, e.billable = s.order, len(s.order), s.billable; !everything {
		e.wanted = e.requested()
		e.kept, e.billable = 0, false
		for _, index := range s.order {
			if _, out := s.flags[index].filteredOut(r); out {
				continue
			}
			e.billable = e.billable || s.flags[index].billed
			if e.kept++; e.wanted == nil || e.wanted[index] {
				e.filtered = append(e.filtered, index)
			}
		}
		e.order = e.filtered
	}
	for _, index := range s.unstaged {
		if _, out := s.flags[index].filteredOut(r); !out {
			e.kept++
			e.errors = true
			e.billable = e.billable || s.flags[index].billed
		}
	}
	if e.kept == 0 {
		e.errors = false
	}
}

// requested is the flags that the request names and all they depend on, nil for every flag.
func (e *Evaluation) requested() map[int32]bool {
	if e.req.FlagKeys == nil {
		return nil
	}
	var named []int32
	for _, key := range e.req.FlagKeys {
		if f, ok := e.set.byKey[key]; ok {
			named = append(named, int32(f.Index))
		}
	}
	return e.set.closure(named)
}

// Kept is the number of flags that no filter of the request takes out, before FlagKeys.
func (e *Evaluation) Kept() int { return e.kept }

// Errors tells, after Run, whether the answer has to say that not everything could be computed.
func (e *Evaluation) Errors() bool { return e.errors }

// Unstaged is the number of flags that are not evaluated since they are in a dependency cycle, or behind one.
func (e *Evaluation) Unstaged() (n int) {
	for _, index := range e.set.unstaged {
		if _, out := e.set.flags[index].filteredOut(&e.req); !out {
			n++
		}
	}
	return n
}

// CohortsEvaluated is the number of dynamic cohorts that were decided, after Run.
func (e *Evaluation) CohortsEvaluated() (n int) {
	for _, known := range e.cohorts {
		if known != unasked {
			n++
		}
	}
	return n
}

// Billable tells whether the evaluation counts: it does not if all flags that no filter takes out are the product's own. Which of them the
// request names, and whether they can be evaluated, makes no difference.
func (e *Evaluation) Billable() bool { return e.billable }

// Status tells why the flag at an index is, or is not, in the answer.
func (e *Evaluation) Status(index int) Status {
	f := e.set.flags[index]
	if status, out := f.filteredOut(&e.req); out {
		return status
	}
	switch {
	case e.wanted != nil && !e.wanted[int32(index)]:
		return NotRequested
	case !f.staged:
		return InCycle
	default:
		return Evaluated
	}
}

// UsesGroups tells whether some flag asks for groups, so that the project's group types are needed.
func (e *Evaluation) UsesGroups() bool {
	return e.set.grouped && slices.ContainsFunc(e.order, func(index int32) bool { return e.set.flags[index].usesGroups })
}

// GroupTypesFailed says that the group types could not be read: conditions on groups are skipped, filters on them do not hold.
func (e *Evaluation) GroupTypesFailed() { e.errors = true }

// SetGroupTypes says which group types the project has, and connects them with the groups of the request.
func (e *Evaluation) SetGroupTypes(types []GroupType) {
	for i := 1; i < len(e.areas); i++ {
		for _, t := range types {
			if t.Index == e.set.areas[i].group {
				e.areas[i].mapped = true
				e.addGroup(int16(i), t.Name)
			}
		}
	}
}

// addGroup takes what the request says about a group type. Key and properties may come apart; the key is a property, too.
func (e *Evaluation) addGroup(at int16, name string) {
	var key value
	for i := range e.req.Groups {
		if g := &e.req.Groups[i]; g.Type == name {
			e.overlay(at, borrow(g.Properties))
			if len(g.Key) > 0 {
				key = valueOf(strings.TrimSpace(borrow(g.Key)))
			}
		}
	}
	if key.kind == text || key.kind == number {
		e.areas[at].key = key.asText()
		e.areas[at].usable = e.areas[at].key != ""
	}
	if slot := e.set.areas[at].slot("$group_key"); slot >= 0 && key.kind != absent {
		e.slots[slot] = key
	}
}

// overlay fills slots from a JSON object, over what is there.
func (e *Evaluation) overlay(at int16, object string) {
	a := &e.set.areas[at]
	for m := membersOf(object); ; {
		name, raw, ok := m.next()
		if !ok {
			return
		}
		if slot := a.slot(name); slot >= 0 {
			e.slots[slot].set(raw)
		}
	}
}

// underlay fills the slots that are still empty.
func (e *Evaluation) underlay(at int16, object string) {
	a := &e.set.areas[at]
	for m := membersOf(object); ; {
		name, raw, ok := m.next()
		if !ok {
			return
		}
		if slot := a.slot(name); slot >= 0 && e.slots[slot].kind == absent {
			e.slots[slot].set(raw)
		}
	}
}

// Needs tells what to read before Run.
func (e *Evaluation) Needs() (n Needs) {
	for _, index := range e.order {
		f := e.set.flags[index]
		if f.continuity && n.HashKeys != HashKeysNeeded {
			n.HashKeys = HashKeysEligible
			if f.hashed {
				n.HashKeys = HashKeysNeeded
			}
		}
		n.Fetch = n.Fetch || !e.req.OverridesOnly && e.waits(f)
	}
	if n.Fetch {
		n.StaticCohorts, n.RealtimeCohorts = e.set.static, e.set.routed
		for i, a := range e.areas {
			if a.usable {
				n.Groups = append(n.Groups, GroupRef{Index: e.set.areas[i].group, Key: a.key})
			}
		}
	}
	return n
}

// waits tells whether a flag asks for stored data that the request does not bring itself.
func (e *Evaluation) waits(f *Flag) bool {
	if f.needs.always {
		return true
	}
	for _, slot := range f.needs.person {
		if e.slots[slot].kind == absent {
			return true
		}
	}
	for _, g := range f.needs.groups {
		if e.areas[g.area].usable && e.slots[g.slot].kind == absent {
			return true
		}
	}
	return false
}

// load takes what was read.
func (e *Evaluation) load(d *Data) {
	e.data, e.fetched = *d, d.Fetched && d.FetchFailure == nil
	if d.FetchFailure != nil {
		e.blocked = slices.Grow(e.blocked[:0], len(e.set.flags))[:len(e.set.flags)]
		for _, index := range e.order {
			e.blocked[index] = e.waits(e.set.flags[index])
		}
	}
	e.underlay(personArea, borrow(d.Person))
	if slot, asked := e.set.areas[personArea].names[metadataPrefix+"created_at"]; asked && d.PersonCreatedAt != "" && e.slots[slot].kind == absent {
		e.slots[slot] = textValue(d.PersonCreatedAt)
	}
	for _, f := range e.set.fills {
		if e.slots[f.to].kind == absent {
			e.slots[f.to] = e.slots[f.from]
		}
	}
	for _, g := range d.Groups {
		for i := 1; i < len(e.areas); i++ {
			if e.set.areas[i].group == g.Index && e.areas[i].usable {
				e.underlay(int16(i), borrow(g.Properties))
			}
		}
	}
	for _, list := range [][]int32{d.StaticCohorts, d.RealtimeCohorts} {
		for _, id := range list {
			if index, ok := e.set.cohortIndex[id]; ok {
				e.member[index] = true
			}
		}
	}
}

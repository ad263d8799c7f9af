package match

import (
	"iter"
	"sync"
	"time"
)

// Set is the compiled form of a team's flags and cohorts.
type Set struct {
	flags []*Flag
	plans []plan // by flag
	byKey map[string]*Flag
	byID  map[int32]int32 // flag id -> index

	order     []int32 // staged flags that are active, each behind those it depends on
	unstaged  []int32 // flags in a dependency cycle, or behind one
	stages    [][]int32
	plain     bool // no active flag is for some requests only
	dependent bool // some flag depends on another
	grouped   bool // some flag uses groups
	billable  bool // some active flag that is evaluated makes an evaluation count
	broken    bool // entries without id or key were dropped

	areas      []area
	slots      int
	predicates []predicate
	areaOf     []int16 // predicate -> area
	flagNeeds  []flagNeed
	fills      []fill

	cohorts     []cohort
	cohortIndex map[int32]int32
	static      []int32
	routed      []int32
	hasCohorts  bool // a list was given
	usesCohorts bool // an active flag names one

	location *time.Location
	pool     sync.Pool // of *Evaluation
}

// Len is the number of flags, those that are never in an answer included.
func (s *Set) Len() int { return len(s.flags) }

// Flag is the flag at an index below Len.
func (s *Set) Flag(index int) *Flag { return s.flags[index] }

// ByKey finds a flag.
func (s *Set) ByKey(key string) (f *Flag, ok bool) { f, ok = s.byKey[key]; return f, ok }

// NeedsCohorts tells that an active flag names a cohort and no list of cohorts was given. Conditions on cohorts are not met then.
func (s *Set) NeedsCohorts() bool { return s.usesCohorts && !s.hasCohorts }

// Flaws are the active flags whose definition cannot be used, by key, and what is wrong with it: more than clients are told.
func (s *Set) Flaws() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, f := range s.flags {
			if f.flaw != nil && f.Active && !f.Deleted && !yield(f.Key, f.flaw) {
				return
			}
		}
	}
}

// ContinuityKeys lists the keys of the active flags with experience continuity.
func (s *Set) ContinuityKeys() (keys []string) {
	for _, f := range s.flags {
		if f.continuity && f.Active && !f.Deleted {
			keys = append(keys, f.Key)
		}
	}
	return keys
}

package match

import (
	"encoding/json"
	"math"
	"slices"
	"sort"
	"strings"
)

// Flag is a compiled flag. Its exported fields are not to be changed.
type Flag struct {
	Index         int // position in the Set
	ID            int32
	Key           string
	Version       int // of the row, 0 if it has none
	ConfigVersion int // of the format of its filters: 1 or 2; 0 for another, which always fails
	HasExperiment bool
	Active        bool
	Deleted       bool

	failure *Failure // the definition cannot be used
	flaw    error    // why, in full
	prefix  string   // key + ".", what every hash of the flag begins with
	survey  bool     // targets a survey
	billed  bool     // makes an evaluation billable

	runtime    Runtime
	contexts   []string
	byDevice   bool // buckets by device id
	ensured    bool // ensure_experience_continuity
	continuity bool // … and it applies: person aggregation, bucketing by distinct id
	hashed     bool // the result may depend on the hash

	area       int16 // flag level aggregation: index into Set.areas
	conditions []condition
	sources    []conditionJSON // of conditions
	variants   []variant       // declared ones, then the holdout
	declared   int
	payload    json.RawMessage
	enrollment int32 // slot of the early access property, -1: none
	super      *superGroup
	holdout    *holdout
	earlyExit  bool
	rules      *rules // config version 2
	spread     int    // conditions or rules, and none: see Result.Outcome

	staged     bool
	orphan     bool // depends on something that is missing, or on a flag that does
	dependsOn  []int32
	needs      dataNeeds
	usesGroups bool
}

// Outcomes is the number of different outcomes that the flag can have: see Result.Outcome.
func (f *Flag) Outcomes() int { return (reasons + len(f.variants) + 1) * f.spread }

// plan is what it takes to decide a flag, without the rest of it: the plans of a hundred flags are a few lines of the processor's cache.
type plan struct {
	flag       *Flag
	prefix     string
	conditions []condition
	bounds     []uint64 // of the declared variants
	special    bool     // more than conditions decide
	byDevice   bool
	continuity bool
	earlyExit  bool
}

// pack makes the plans and puts what they refer to side by side, in the order of the flags.
func (s *Set) pack() {
	var keys strings.Builder
	var conditions []condition
	var checks []check
	var bounds []uint64
	for _, f := range s.flags {
		keys.WriteString(f.prefix)
		conditions = append(conditions, f.conditions...)
		for _, c := range f.conditions {
			checks = append(checks, c.checks...)
		}
		for _, v := range f.variants[:f.declared] {
			bounds = append(bounds, v.bound)
		}
	}
	prefixes := keys.String()
	s.plans = make([]plan, len(s.flags))
	for i, f := range s.flags {
		p := &s.plans[i]
		*p = plan{flag: f, byDevice: f.byDevice, continuity: f.continuity, earlyExit: f.earlyExit}
		p.special = f.failure != nil || f.orphan || f.ensured || f.rules != nil || f.enrollment >= 0 || f.super != nil || f.holdout != nil
		p.prefix, prefixes = prefixes[:len(f.prefix)], prefixes[len(f.prefix):]
		p.conditions, conditions = cut(conditions, len(f.conditions))
		for j := range p.conditions {
			c := &p.conditions[j]
			c.checks, checks = cut(checks, len(c.checks))
		}
		p.bounds, bounds = cut(bounds, f.declared)
		f.conditions = p.conditions
	}
}

// cut takes the first n elements off a list.
func cut[T any](list []T, n int) (head, rest []T) { return list[:n:n], list[n:] }

type variant struct {
	key     string
	bound   uint64 // the hash chooses the first variant whose bound is above it
	payload json.RawMessage
	value   ruleValue // config version 2
}

type holdout struct {
	bound   uint64
	variant int16
}

// condition is a condition set: all checks and cohorts must hold, then the rollout decides.
type condition struct {
	checks  []check
	cohorts []cohortCheck
	bound   uint64 // hashes below it are in
	area    int16  // aggregation: index into Set.areas
	variant int16  // override, -1: none
	all     bool   // 100 %: no hash is made
}

// check is a filter on a property or on another flag.
type check struct {
	predicate int32 // -1: it is about a flag
	flag      int32 // index into Set.flagNeeds, -1: the filter is unusable and never holds
}

// flagNeed is what a filter wants of another flag.
type flagNeed struct {
	flag    int32 // index into Set.flags
	want    flagWant
	variant string // with wantVariant
}

type flagWant uint8

const (
	wantFalse flagWant = iota
	wantTrue
	wantVariant
)

// superGroup is the early access of older definitions.
type superGroup struct {
	condition
	slots []int32 // one of these properties must be there
}

// dataNeeds says for which stored data a flag waits.
type dataNeeds struct {
	always bool        // cohorts
	person []int32     // slots that the request may answer
	groups []groupNeed // the same of groups
}

type groupNeed struct {
	area int16
	slot int32
}

// hashBits is the number of bits of a hash that count.
const hashBits = 60

// ratio is the hash as a share of one, divided as every SDK divides it.
func ratio(h uint64) float64 { return float64(h) / float64(uint64(1)<<hashBits-1) }

// countUntil is the number of hashes for which in holds, which must hold for a prefix of them.
func countUntil(in func(h uint64) bool) uint64 {
	const last = uint64(1)<<hashBits - 1
	n := sort.Search(math.MaxInt64>>3, func(h int) bool { return !in(uint64(h)) }) // MaxInt64>>3 is last
	if n == math.MaxInt64>>3 && in(last) {
		return last + 1
	}
	return uint64(n)
}

// rolloutBound turns a percentage into the bound below which hashes are in the rollout.
func rolloutBound(percentage float64) uint64 {
	share := percentage / 100
	return countUntil(func(h uint64) bool { return ratio(h) <= share })
}

// variantBounds sums the weights from left to right.
func variantBounds(variants []variant, weights []float64) {
	sum := 0.0
	for i, weight := range weights {
		sum += weight / 100
		limit := sum
		variants[i].bound = countUntil(func(h uint64) bool { return ratio(h) < limit })
	}
}

// isSurvey and isTour tell the flags that the product makes for itself, which nobody is billed for.
func isSurvey(key string) bool { return strings.HasPrefix(key, "survey-targeting-") }

func isTour(key string) bool { return strings.HasPrefix(key, "product-tour-targeting-") }

// filteredOut tells, and says why, whether a request does not want the flag.
func (f *Flag) filteredOut(r *Request) (Status, bool) {
	switch {
	case f.Deleted:
		return Deleted, true
	case !f.Active:
		return Inactive, true
	case r.SurveysOnly && !f.survey:
		return NoSurvey, true
	case f.runtime != RuntimeAll && r.Runtime != RuntimeAll && f.runtime != r.Runtime:
		return OtherRuntime, true
	case len(r.Contexts) > 0 && len(f.contexts) > 0 && !slices.ContainsFunc(f.contexts, func(c string) bool { return slices.Contains(r.Contexts, c) }):
		return OtherContext, true
	default:
		return Evaluated, false
	}
}

// Status says why a flag is, or is not, in an answer.
type Status uint8

// The statuses, in the order in which they are looked for.
const (
	Evaluated Status = iota
	Deleted
	Inactive
	NoSurvey
	OtherRuntime
	OtherContext
	NotRequested
	InCycle // the flag, or one it depends on, depends on itself
)

var statusTexts = [...]string{"evaluated", "deleted", "inactive", "no survey flag", "for another runtime", "for another evaluation context",
	"not requested", "in a dependency cycle"}

func (s Status) String() string { return statusTexts[s] }

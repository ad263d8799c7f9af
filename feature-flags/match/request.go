package match

import "time"

// Runtime says where a caller of flags runs, or where a flag may be evaluated.
type Runtime uint8

// The runtimes. A flag for clients only is not shown to a request whose runtime is unknown.
const (
	RuntimeUnknown Runtime = iota
	RuntimeClient
	RuntimeServer
	RuntimeAll
)

// Request is one question: which value do the flags have for this person? JSON members hold strict JSON.
type Request struct {
	DistinctID     string // may be empty
	AnonDistinctID string // the id before identification, "" for none
	DeviceID       string // "" for none

	PersonProperties []byte            // JSON object laid over the stored properties, nil for none
	GeoIP            map[string]string // laid over PersonProperties, nil for none
	Groups           []Group

	FlagKeys    []string // evaluate these and what they depend on; nil for all
	Runtime     Runtime
	Contexts    []string // evaluation contexts (tags): a flag with contexts must share one; empty for no filter
	SurveysOnly bool     // only flags that target surveys

	// OverridesOnly leaves out everything stored about the person: no fetch is asked for, and cohort conditions cannot match.
	OverridesOnly bool
	Now           time.Time // what relative dates count from
}

// Group is a group of the request.
type Group struct {
	Type       string
	Key        []byte // JSON value; a non-empty string or a number makes the group usable. nil if only properties were sent
	Properties []byte // JSON object laid over the stored properties of the group, nil for none
}

// GroupType is a row of the project's group type mapping.
type GroupType struct {
	Index int
	Name  string
}

// HashKeys says whether the experience continuity overrides have to be read.
type HashKeys uint8

// HashKeysNone: no flag can use one. HashKeysEligible: there are flags with continuity, but none whose result depends on the hash, so that
// the read may be left out. HashKeysNeeded: the result of some flag depends on them.
const (
	HashKeysNone HashKeys = iota
	HashKeysEligible
	HashKeysNeeded
)

// Needs is what has to be read before Run.
type Needs struct {
	// Fetch asks for the person row, its properties, StaticCohorts, RealtimeCohorts and Groups.
	Fetch           bool
	StaticCohorts   []int32    // every static cohort of the team's list; shared, not to be changed
	RealtimeCohorts []int32    // cohorts whose membership the behavioural database knows; shared, not to be changed
	Groups          []GroupRef // usable groups of the request
	HashKeys        HashKeys
}

// GroupRef names a row of the group table.
type GroupRef struct {
	Index int
	Key   string
}

// Data is what was read for a request. Its zero value says that nothing was.
type Data struct {
	// Fetched: the fetch that Needs asked for was made, and what it did not find does not exist.
	Fetched bool
	// FetchFailure, if not nil, is why the fetch failed: every flag that needed it fails with it.
	FetchFailure *Failure

	Person          []byte // JSON object, nil if the person does not exist
	PersonCreatedAt string // the person's created_at, RFC 3339; "" if unknown
	StaticCohorts   []int32
	RealtimeCohorts []int32 // both: the cohorts the person is a member of
	Groups          []GroupData

	HashKeys       map[string]string // flag key -> hash key
	HashKeysFailed bool              // the read failed: every flag with continuity fails
}

// GroupData is a row of the group table.
type GroupData struct {
	Index      int
	Properties []byte // JSON object
}

package derive

import "github.com/hog-go/hog/property-defs/internal/definition"

// Stats are counted by a Deriver and taken, in batches, by its owner.
type Stats struct {
	Empty, Bad, Filtered, Received     int
	NoProperties, NameTooLong, TooMany int // events that made nothing
	LongKeys, FlagProperties           int // updates left out
	Seen, New                          int // updates; those not known
	PerEvent                           []int32
	Hits, Misses                       [definition.Kinds]int
}

// Reset empties s and keeps its memory.
func (s *Stats) Reset() { *s = Stats{PerEvent: s.PerEvent[:0]} }

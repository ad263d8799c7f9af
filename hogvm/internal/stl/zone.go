package stl

import (
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // what a zone means must not depend on the host

	"github.com/hog-go/hog/hogvm/fault"
)

// zones caches locations by name. Only names of zones that exist get in, so it is bounded by the number of those.
var zones sync.Map // string to *time.Location

// location returns the zone of an IANA name.
func location(name string) (*time.Location, error) {
	if name == "UTC" {
		return time.UTC, nil
	}
	if loc, ok := zones.Load(name); ok {
		return loc.(*time.Location), nil
	}
	if !isZoneName(name) {
		return nil, fault.Failed("unknown timezone " + name)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, fault.Failed("unknown timezone " + name)
	}
	zones.Store(name, loc)
	return loc, nil
}

// isZoneName leaves out what would make the host's zone of a name, and names of files beside the zones.
func isZoneName(name string) bool {
	for i := range len(name) {
		c := name[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && strings.IndexByte("/_+-", c) < 0 {
			return false
		}
	}
	return name != "" && name != "Local" && name != "localtime" && name[0] >= 'A' && name[0] <= 'Z'
}

// inZone returns the instant at which clocks in loc show the date and time of wall. Of two it is the earlier one. When clocks skip that
// time, it is the instant they would show it had they not been put forward, and exists is false.
func inZone(wall time.Time, loc *time.Location) (t time.Time, exists bool) {
	local := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), wall.Nanosecond(), time.UTC)
	// A zone changes its offset once within two days at most, so one of these is right; both are, when clocks were put back.
	before := local.Add(-time.Duration(offset(local.Add(-24*time.Hour), loc)) * time.Second)
	after := local.Add(-time.Duration(offset(local.Add(24*time.Hour), loc)) * time.Second)
	switch {
	case local.Sub(before) == time.Duration(offset(before, loc))*time.Second:
		return before.In(loc), true
	case local.Sub(after) == time.Duration(offset(after, loc))*time.Second:
		return after.In(loc), true
	}
	return before.In(loc), false
}

// offset returns the seconds that clocks in loc are ahead of UTC at t.
func offset(t time.Time, loc *time.Location) int {
	_, seconds := t.In(loc).Zone()
	return seconds
}

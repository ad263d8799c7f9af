package cookieless

import (
	"errors"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // zone names must mean the same on every host, also in images without a zone database
)

// ErrDateOutOfRange says that the day of an event has not begun yet, or is too long ago even for an event that came late.
var ErrDateOutOfRange = errors.New("Date is out of range") // text of the original

// zones remembers the zones that events have named. Names come from clients, but only those in the zone database
// are kept, which bounds it to some 600 entries.
type zones struct{ known sync.Map } // name → *time.Location

// day is the calendar day of a moment in the first of the named zones that exists, else in UTC, as YYYY-MM-DD.
func (z *zones) day(unixMilli int64, names ...string) string {
	zone := time.UTC
	for _, name := range names {
		if l := z.find(name); l != nil {
			zone = l
			break
		}
	}
	return time.UnixMilli(unixMilli).In(zone).Format(time.DateOnly)
}

// find is nil for a name that is not in the IANA database.
func (z *zones) find(name string) *time.Location {
	if known, ok := z.known.Load(name); ok {
		return known.(*time.Location)
	}
	if !zoneName(name) {
		return nil
	}
	l, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	z.known.Store(name, l)
	return l
}

// zoneName refuses what time.LoadLocation accepts beyond the names of the database: its own special names, and the other files
// that hosts keep in the same folder.
func zoneName(name string) bool {
	switch name {
	case "", "Local", "Factory", "localtime", "posixrules":
		return false
	}
	const longest = 64 // no name comes near; spares the file system what clients make up
	return len(name) <= longest && !strings.HasPrefix(name, "posix/") && !strings.HasPrefix(name, "right/")
}

// dayInRange tells whether events of that day may come in at now: some zone can be in it, and its start is not longer ago than
// the ingestion lag allows. The bounds are the original's, kept to the hour, because all writers of salts must agree on them.
func dayInRange(day string, now time.Time) bool {
	start, err := time.Parse("2006-1-2", day)
	if err != nil {
		return false
	}
	return !now.Before(start.Add(-maxWest)) && now.Before(start.Add(maxEast+maxLag))
}

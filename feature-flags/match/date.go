package match

import (
	"math"
	"net/mail"
	"strconv"
	"strings"
	"time"
)

// A date that a definition or a property gives is an instant, or a span before now, which waits for the evaluation.
type date struct {
	at    time.Time
	span  int  // of unit, into the past
	unit  byte // h, d, w, m or y; 0 for an instant
	valid bool
}

// maxSpan bounds relative dates: a number of this size or more makes the text no relative date.
const maxSpan = 10000

// parseDate reads, in this order: a span as in -3d, RFC 3339 with an offset, a date or date and time in loc, and what lenient parsers take.
func parseDate(s string, loc *time.Location) date {
	if span, unit, ok := parseSpan(s); ok {
		return date{span: span, unit: unit, valid: true}
	}
	at, ok := parseInstant(s, loc)
	return date{at: at, valid: ok}
}

func parseSpan(s string) (span int, unit byte, ok bool) {
	s = strings.TrimPrefix(s, "-") // both signs point into the past
	if len(s) < 2 || !strings.Contains("hdwmy", s[len(s)-1:]) {
		return 0, 0, false
	}
	digits := s[:len(s)-1]
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return 0, 0, false
		}
	}
	n, err := strconv.Atoi(digits)
	return n, s[len(s)-1], err == nil && n < maxSpan
}

// offsetLayouts carry their own offset, naiveLayouts are wall clock time of the team.
var (
	offsetLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02 15:04:05.999999999Z07:00"}
	naiveLayouts  = []string{"2006-1-2", "2006-1-2T15:4", "2006-1-2 15:4", "2006-1-2T15:4:5", "2006-1-2 15:4:5"} // also of two digits
	// lenientLayouts are taken as UTC where they name no zone.
	lenientLayouts = []string{
		time.RFC1123Z, time.RFC1123, time.RFC850, time.ANSIC, time.UnixDate, time.RubyDate, time.RFC822Z, time.RFC822,
		"2 Jan 2006 15:04:05 -0700", "2 Jan 2006 15:04:05", "2 Jan 2006 15:04", "2 Jan 2006", "2 January 2006 15:04:05", "2 January 2006",
		"Jan 2, 2006 3:04:05 PM", "Jan 2, 2006 3:04 PM", "Jan 2, 2006 15:04:05", "Jan 2, 2006", "January 2, 2006 15:04:05", "January 2, 2006",
		"Jan 2 2006", "January 2 2006", "2006-Jan-2", "2006/1/2 15:04:05", "2006/1/2 15:04", "2006/1/2",
		"1/2/2006 15:04:05", "1/2/2006 15:04", "1/2/2006 3:04 PM", "1/2/2006", "1/2/06", "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05 MST",
		"2006-01-02 3:04:05 PM", "2006-01-02 3:04 PM", "2006-01", "2006.01.02", "1.2.2006", "20060102150405",
	}
)

func parseInstant(s string, loc *time.Location) (time.Time, bool) {
	if s = strings.TrimSpace(s); s == "" {
		return time.Time{}, false
	}
	upper := strings.ToUpper(s) // RFC 3339 has its T and Z in either case
	for _, layout := range offsetLayouts {
		if t, err := time.Parse(layout, upper); err == nil {
			return t, true
		}
	}
	for _, layout := range naiveLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return onWall(t, loc)
		}
	}
	if t, ok := unixDigits(s); ok {
		return t, true
	}
	if t, err := mail.ParseDate(s); err == nil {
		return t, true
	}
	for _, layout := range lenientLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// unixDigits reads a time stamp by its length: 10 digits are seconds, 13 milliseconds, 16 microseconds, 19 nanoseconds.
func unixDigits(s string) (time.Time, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return time.Time{}, false
	}
	switch len(s) {
	case 10:
		return time.Unix(n, 0), true
	case 13:
		return time.UnixMilli(n), true
	case 16:
		return time.UnixMicro(n), true
	case 19:
		return time.Unix(0, n), true
	default:
		return time.Time{}, false
	}
}

// onWall finds the instant at which the clocks of loc show the time that t shows in UTC: the earlier of two, none in a gap.
func onWall(t time.Time, loc *time.Location) (time.Time, bool) {
	at := time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), loc)
	if at.Hour() != t.Hour() || at.Minute() != t.Minute() || at.Day() != t.Day() {
		return time.Time{}, false
	}
	start, _ := at.ZoneBounds()
	if start.IsZero() {
		return at, true
	}
	_, before := start.Add(-1).Zone()
	if earlier := t.Add(-time.Duration(before) * time.Second); earlier.Before(start) {
		return earlier, true // the clocks were put back, and showed this time before
	}
	return at, true
}

// instant resolves a span against now. Hours, days and weeks have a fixed length on the wall clock of loc; months and years are stepped one
// by one, each step clamped to the end of the month.
func (d date) instant(now time.Time, loc *time.Location) (time.Time, bool) {
	if !d.valid || d.unit == 0 {
		return d.at, d.valid
	}
	local := now.In(loc)
	_, offset := local.Zone()
	wall := local.UTC().Add(time.Duration(offset) * time.Second) // the wall clock, as if it were UTC
	switch d.unit {
	case 'h':
		wall = wall.Add(-time.Duration(d.span) * time.Hour)
	case 'd':
		wall = wall.AddDate(0, 0, -d.span)
	case 'w':
		wall = wall.AddDate(0, 0, -7*d.span)
	case 'm':
		for range d.span {
			wall = monthsBefore(wall, 1)
		}
	case 'y':
		for range d.span {
			wall = monthsBefore(wall, 12)
		}
	}
	if wall.Year() < 0 {
		return time.Time{}, false
	}
	return onWall(wall, loc)
}

func monthsBefore(t time.Time, months int) time.Time {
	first := time.Date(t.Year(), t.Month()-time.Month(months), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	return first.AddDate(0, 0, min(t.Day(), first.AddDate(0, 1, -1).Day())-1)
}

// maxUnix is the last second that dates are made of, in the year 262142; beyond it a number is no date.
const maxUnix = 8_210_266_876_799

// instantOf reads the value of a property: a number, also in a string, is seconds since 1970.
func instantOf(v *value, now time.Time, loc *time.Location) (time.Time, bool) {
	if v.kind != number && v.kind != text {
		return time.Time{}, false
	}
	if seconds, ok := v.asNumber(); ok {
		if math.IsNaN(seconds) || math.Abs(seconds) > maxUnix {
			return time.Time{}, false
		}
		whole, fraction := math.Modf(seconds)
		return time.Unix(int64(whole), int64(math.Round(fraction*1e9))), true
	}
	return parseDate(v.asText(), loc).instant(now, loc)
}

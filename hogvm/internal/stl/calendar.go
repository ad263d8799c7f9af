package stl

import (
	"math"
	"time"

	"github.com/hog-go/hog/hogvm/fault"
	"github.com/hog-go/hog/hogvm/internal/date"
	"github.com/hog-go/hog/hogvm/internal/js"
	"github.com/hog-go/hog/hogvm/native"
	"github.com/hog-go/hog/hogvm/value"
)

// clock returns the time whose parts the profile takes for those of v; valid is false for an invalid datetime of the Node VM.
func clock(c *native.Call, v value.Value) (t time.Time, valid bool, err error) {
	m, err := anyMoment(c, v)
	if err != nil {
		return t, false, err
	}
	if !c.IsNode() {
		t, err = m.second()
		return t, true, err
	}
	t, err = m.local()
	return t, err == nil, nil
}

// partOf returns the part of v that part takes from its clock.
func partOf(c *native.Call, v value.Value, part func(time.Time) int) (value.Value, error) {
	t, valid, err := clock(c, v)
	if err != nil {
		return value.Value{}, err
	}
	if !valid {
		return value.OfFloat(math.NaN()), nil
	}
	return value.OfInt(int64(part(t))), nil
}

func toYear(c *native.Call, args []value.Value) (value.Value, error) {
	return partOf(c, args[0], time.Time.Year)
}

func toMonth(c *native.Call, args []value.Value) (value.Value, error) {
	return partOf(c, args[0], func(t time.Time) int { return int(t.Month()) })
}

func toYYYYMM(c *native.Call, args []value.Value) (value.Value, error) {
	return partOf(c, args[0], func(t time.Time) int { return t.Year()*100 + int(t.Month()) })
}

// extract returns a part of a datetime in its zone, in both profiles.
func extract(c *native.Call, args []value.Value) (value.Value, error) {
	m, err := anyMoment(c, args[1])
	if err != nil {
		return value.Value{}, err
	}
	t, err := m.local()
	if err != nil && !c.IsNode() {
		return value.Value{}, err
	}
	part, _ := args[0].AsString()
	n := 0
	switch part {
	case "year":
		n = t.Year()
	case "month":
		n = int(t.Month())
	case "day":
		n = t.Day()
	case "hour":
		n = t.Hour()
	case "minute":
		n = t.Minute()
	case "second":
		n = t.Second()
	default:
		return value.Value{}, unknownUnit(c, "Unknown extract part: ", args[0])
	}
	if err != nil {
		return value.OfFloat(math.NaN()), nil
	}
	return value.OfInt(int64(n)), nil
}

// unknownUnit is the error for a unit that a function does not have.
func unknownUnit(c *native.Call, text string, unit value.Value) error {
	b, err := appendPrinted(c, []byte(text), unit)
	if err != nil {
		return err
	}
	return failed(c, string(b))
}

func dateTrunc(c *native.Call, args []value.Value) (value.Value, error) {
	unit, _ := args[0].AsString()
	if unit == "week" { // toStartOfWeek alone has it
		unit = ""
	}
	if m, ok := momentOf(args[1]); c.IsNode() && (!ok || m.date) {
		return value.Value{}, fault.New(fault.Native, "Expected a DateTime for dateTrunc")
	}
	return truncated(c, unit, args[1], args[0])
}

// startOf makes a function that truncates to a unit.
func startOf(unit string) native.Func {
	return func(c *native.Call, args []value.Value) (value.Value, error) {
		return truncated(c, unit, args[0], value.OfString(unit))
	}
}

// truncated returns the start of the year, month, … in which v lies, as a datetime in v's zone.
func truncated(c *native.Call, unit string, v, given value.Value) (value.Value, error) {
	m, err := needMoment(c, v)
	if err != nil {
		return value.Value{}, err
	}
	t, valid, err := clock(c, v)
	if err != nil {
		return value.Value{}, err
	}
	year, month, day := t.Date()
	hour, minute := 0, 0
	switch unit {
	case "year":
		month, day = time.January, 1
	case "month":
		day = 1
	case "week":
		day -= (int(t.Weekday()) + 6) % 7 // days since Monday
	case "day":
	case "hour":
		hour = t.Hour()
	case "minute":
		hour, minute = t.Hour(), t.Minute()
	default:
		return value.Value{}, unknownUnit(c, "Unsupported unit for dateTrunc: ", given)
	}
	switch {
	case !valid && unit == "week":
		return newInvalid(c)
	case !valid:
		return value.Value{}, errNaNPart(c)
	}
	return fromClock(c, time.Date(year, month, day, hour, minute, 0, 0, time.UTC), m.zone)
}

// fromClock makes the datetime at which clocks in a zone show wall.
func fromClock(c *native.Call, wall time.Time, zone string) (value.Value, error) {
	loc, err := location(zone)
	if err != nil {
		return value.Value{}, err
	}
	t, exists := inZone(wall, loc)
	if !exists && !c.IsNode() {
		return value.Value{}, fault.Failed("local time does not exist")
	}
	return newDateTime(c, date.Seconds(t), zone)
}

func dateAdd(c *native.Call, args []value.Value) (value.Value, error) {
	unit, _ := args[0].AsString()
	return added(c, unit, args[0], args[1], args[2])
}

func addDays(c *native.Call, args []value.Value) (value.Value, error) {
	return added(c, "day", value.OfString("day"), args[1], args[0])
}

// maxUnits bounds what is added, so that sums stay within what integers and times can hold; it is beyond all dates there are.
const maxUnits = 1e14

// added adds n units to v: a date stays a date. given is the unit as the program wrote it.
func added(c *native.Call, unit string, given, amount, v value.Value) (value.Value, error) {
	if c.IsNode() && (amount.IsNull() || amount.IsString() && amount.Str() != "") {
		amount = value.OfFloat(js.Number(amount))
	}
	n, err := number(amount)
	if err != nil {
		return value.Value{}, err
	}
	if !c.IsNode() {
		n = math.Trunc(n)
	}
	m, err := needMoment(c, v)
	if err != nil {
		return value.Value{}, err
	}
	if n != n && c.IsNode() {
		return value.Value{}, errNaNPart(c)
	}
	if !(math.Abs(n) <= maxUnits) {
		return value.Value{}, failed(c, "dateAdd: timestamp out of range")
	}
	switch unit {
	case "second":
		return moved(c, m, n)
	case "minute":
		return moved(c, m, n*60)
	case "hour":
		return moved(c, m, n*3600)
	case "day":
		return addedDays(c, m, n)
	case "week":
		return addedDays(c, m, n*7)
	case "month":
		return addedMonths(c, m, n)
	case "year":
		return addedMonths(c, m, n*12)
	}
	return value.Value{}, unknownUnit(c, "Unsupported interval unit: ", given)
}

// moved returns the moment so many seconds later.
func moved(c *native.Call, m moment, seconds float64) (value.Value, error) {
	m.seconds += seconds
	if !m.date {
		return later(c, m)
	}
	t, err := m.second()
	if err != nil {
		return value.Value{}, err
	}
	return newDate(c, t)
}

// later makes a datetime that was reckoned from another.
func later(c *native.Call, m moment) (value.Value, error) {
	if m.isInvalid(c) {
		return newInvalid(c)
	}
	return newDateTime(c, m.seconds, m.zone)
}

// addedDays adds days of 24 hours in R, days of the calendar in Node. There, a fraction of a day is hours.
func addedDays(c *native.Call, m moment, n float64) (value.Value, error) {
	if !c.IsNode() || m.zone == "UTC" {
		return moved(c, m, n*secondsPerDay)
	}
	t, err := m.local()
	days := math.Trunc(n)
	if err != nil || math.Abs(days) > maxSeconds/secondsPerDay {
		return newInvalid(c)
	}
	loc := t.Location()
	t, _ = inZone(t.AddDate(0, 0, int(days)), loc)
	m.seconds = date.Seconds(t) + (n-days)*secondsPerDay
	return later(c, m)
}

// addedMonths counts on the UTC clock in R, on the zone's in Node. A day that the month lacks becomes its last. In Node, a fraction of a
// month is one of 30 days.
func addedMonths(c *native.Call, m moment, n float64) (value.Value, error) {
	if m.isInvalid(c) {
		return newInvalid(c)
	}
	t, err := m.second()
	if c.IsNode() {
		t, err = m.local()
	}
	if err != nil {
		return value.Value{}, err
	}
	if math.Abs(n) > maxSeconds/secondsPerDay/28 {
		return value.Value{}, failed(c, "dateAdd: timestamp out of range")
	}
	wall := addMonths(t, int(n))
	if part := n - math.Trunc(n); part != 0 {
		t, _ = inZone(wall, t.Location())
		m.seconds = date.Seconds(t)
		return moved(c, m, part*30*secondsPerDay)
	}
	if m.date {
		return newDate(c, wall)
	}
	return fromClock(c, wall, m.zone)
}

// addMonths moves t, as a clock shows it, by months; the result is in UTC.
func addMonths(t time.Time, n int) time.Time {
	year, month, day := t.Date()
	first := time.Date(year, month+time.Month(n), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(day, last)-1)
}

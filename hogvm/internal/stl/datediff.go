package stl

import (
	"math"
	"slices"
	"time"

	"github.com/hog-go/hog/hogvm/native"
	"github.com/hog-go/hog/hogvm/value"
)

var diffUnits = []string{"second", "minute", "hour", "day", "week", "month", "year"}

func dateDiff(c *native.Call, args []value.Value) (value.Value, error) {
	unit, _ := args[0].AsString()
	start, err := anyMoment(c, args[1])
	if err != nil {
		return value.Value{}, err
	}
	end, err := anyMoment(c, args[2])
	if err != nil {
		return value.Value{}, err
	}
	if c.IsNode() && slices.Contains(diffUnits, unit) {
		switch {
		case start.isInvalid(c) || end.isInvalid(c):
			return value.OfFloat(math.NaN()), nil
		case unit != "day" && unit != "month" && unit != "year":
			return nodeDiff(unit, start, end)
		}
	}
	seconds := end.seconds - start.seconds
	days := math.Floor(seconds / secondsPerDay)
	switch unit {
	case "second":
		return value.OfInt(truncate(seconds)), nil
	case "minute":
		return value.OfInt(truncate(math.Floor(seconds / 60))), nil
	case "hour":
		return value.OfInt(truncate(math.Floor(seconds / 3600))), nil
	case "day":
		return value.OfInt(truncate(days)), nil
	case "week":
		return value.OfInt(truncate(days) / 7), nil
	case "month", "year":
		return calendarDiff(c, unit, start, end)
	}
	return value.Value{}, unknownUnit(c, "Unsupported unit for dateDiff: ", args[0])
}

// calendarDiff counts the months or years that begin between two moments.
func calendarDiff(c *native.Call, unit string, start, end moment) (value.Value, error) {
	clock := moment.second
	if c.IsNode() {
		clock = moment.local
	}
	from, err := clock(start)
	if err != nil {
		return value.Value{}, err
	}
	to, err := clock(end)
	if err != nil {
		return value.Value{}, err
	}
	years := to.Year() - from.Year()
	if unit == "year" {
		return value.OfInt(int64(years)), nil
	}
	return value.OfInt(int64(12*years + int(to.Month()) - int(from.Month()))), nil
}

// nodeDiff does as the Node VM: it takes the difference apart into years, months, weeks, days and a rest, and then adds these up again
// with 365 days for a year and 30 for a month.
func nodeDiff(unit string, start, end moment) (value.Value, error) {
	from, err := start.local()
	if err != nil {
		return value.Value{}, err
	}
	to, err := end.local()
	if err != nil {
		return value.Value{}, err
	}
	sign := 1.0
	if to.Before(from) {
		from, to, sign = to, from, -1
	}
	days, rest := roundDays(from, to)
	hours := sign * (float64(days)*24 + rest.Hours())
	var f float64
	switch unit {
	case "hour":
		f = hours
	case "minute":
		f = hours * 60
	case "second":
		f = hours * 3600
	case "week":
		f = hours / 24 / 7
	}
	return wholeNumber(math.Floor(roundOff(f))), nil
}

// roundOff takes away what adding up hours in floats may have left beside a whole number.
func roundOff(f float64) float64 {
	if n := math.Round(f); math.Abs(f-n) < 1e-6 {
		return n
	}
	return f
}

// roundDays returns the time from one time to a later one in days, of which a year has 365 and a month 30, and what is left over.
func roundDays(from, to time.Time) (days int, rest time.Duration) {
	shift := func(months, days int) time.Time {
		t, _ := inZone(addMonths(from, months).AddDate(0, 0, days), from.Location())
		return t
	}
	inTo := to.In(from.Location())
	months := 12*(inTo.Year()-from.Year()) + int(inTo.Month()) - int(from.Month())
	if shift(months, 0).After(to) {
		months--
	}
	left := int(to.Sub(shift(months, 0)).Hours()/24) + 1
	for shift(months, left).After(to) {
		left--
	}
	return months/12*365 + months%12*30 + left, to.Sub(shift(months, left))
}

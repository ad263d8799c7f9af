package stl

import (
	"errors"
	"math"
	"strings"
	"time"

	"github.com/hog-go/hog/hogvm/fault"
	"github.com/hog-go/hog/hogvm/internal/date"
	"github.com/hog-go/hog/hogvm/native"
	"github.com/hog-go/hog/hogvm/value"
)

// dates has everything about datetimes, dates and intervals. In R, parts of a datetime are those of its UTC clock, whatever its zone; in
// the Node VM those of its zone's.
var dates = map[string]native.Entry{
	"now":                    {Func: now, Min: 0, Max: 1},
	"today":                  {Func: today, Min: 0, Max: 0},
	"toDateTime":             {Func: toDateTime, Min: 1, Max: 2},
	"toDate":                 {Func: toDate, Min: 1, Max: 1},
	"toUnixTimestamp":        {Func: toUnixTimestamp, Min: 1, Max: 2},
	"toUnixTimestampMilli":   {Func: toUnixTimestampMilli, Min: 1, Max: 2},
	"fromUnixTimestamp":      {Func: fromUnixTimestamp(1), Min: 1, Max: 1},
	"fromUnixTimestampMilli": {Func: fromUnixTimestamp(1000), Min: 1, Max: 1},
	"toTimeZone":             {Func: toTimeZone, Min: 2, Max: 2},
	"toYear":                 {Func: toYear, Min: 1, Max: 1},
	"toMonth":                {Func: toMonth, Min: 1, Max: 1},
	"toYYYYMM":               {Func: toYYYYMM, Min: 1, Max: 1},
	"extract":                {Func: extract, Min: 2, Max: 2},
	"dateTrunc":              {Func: dateTrunc, Min: 2, Max: 3},
	"toStartOfDay":           {Func: startOf("day"), Min: 1, Max: 2},
	"toStartOfHour":          {Func: startOf("hour"), Min: 1, Max: 1},
	"toStartOfMonth":         {Func: startOf("month"), Min: 1, Max: 1},
	"toStartOfWeek":          {Func: startOf("week"), Min: 1, Max: 2},
	"dateAdd":                {Func: dateAdd, Min: 3, Max: 3},
	"addDays":                {Func: addDays, Min: 2, Max: 2},
	"dateDiff":               {Func: dateDiff, Min: 3, Max: 3},
	"toIntervalDay":          {Func: interval("day"), Min: 1, Max: 1},
	"toIntervalHour":         {Func: interval("hour"), Min: 1, Max: 1},
	"toIntervalMinute":       {Func: interval("minute"), Min: 1, Max: 1},
	"toIntervalMonth":        {Func: interval("month"), Min: 1, Max: 1},
	"formatDateTime":         {Func: formatDateTime, Min: 2, Max: 3},
}

// errNoDateTime is what the Node VM throws.
var errNoDateTime = errors.New("Expected a DateTime") //nolint:staticcheck // the Node VM's text

func now(c *native.Call, args []value.Value) (value.Value, error) {
	zone, ok := optional(args, 0).AsString()
	if !ok {
		zone = "UTC"
	}
	return newDateTime(c, date.Seconds(c.Now()), zone)
}

func today(c *native.Call, _ []value.Value) (value.Value, error) {
	return newDate(c, c.Now().UTC())
}

func toDateTime(c *native.Call, args []value.Value) (value.Value, error) {
	zone, ok := zoneArg(c, args)
	if !ok {
		return value.Value{}, nil
	}
	seconds, ok := secondsOf(c, args[0], zone)
	if !ok {
		if !c.IsNode() {
			return value.Value{}, nil
		}
		seconds = math.NaN()
	}
	return newDateTime(c, seconds, zone)
}

// zoneArg returns the zone that args[1] names, UTC if it is missing. Null counts as missing for toUnixTimestamp and in the Node VM.
func zoneArg(c *native.Call, args []value.Value) (zone string, ok bool) {
	if len(args) < 2 {
		return "UTC", true
	}
	zone, ok = args[1].AsString()
	if args[1].IsNull() && (c.IsNode() || c.Name != "toDateTime") || c.IsNode() && zone == "" {
		return "UTC", true
	}
	return zone, ok
}

// secondsOf reads a number of seconds or a text. In R the text may be a number, too.
func secondsOf(c *native.Call, v value.Value, zone string) (float64, bool) {
	if f, ok := v.AsFloat(); ok {
		return f, true
	}
	s, ok := v.AsString()
	if !ok {
		return 0, false
	}
	loc, err := location(zone)
	if err == nil {
		if seconds, ok := parseDate(c, s, loc); ok {
			return seconds, true
		}
	}
	if c.IsNode() {
		return 0, false
	}
	if err != nil { // a zone that nobody knows matters only to text without one of its own
		if seconds, ok := date.ParseZoned(s); ok {
			return seconds, true
		}
	}
	n, ok := value.ParseNumber(strings.TrimSpace(s))
	f, _ := n.AsFloat()
	return f, ok
}

// parseDate reads a date. A time that clocks in loc skip is none in R; the Node VM moves it forward.
func parseDate(c *native.Call, s string, loc *time.Location) (float64, bool) {
	seconds, ok := date.Parse(s, loc)
	if ok || !c.IsNode() {
		return seconds, ok
	}
	wall, ok := date.ParseTime(s, time.UTC)
	if !ok {
		return 0, false
	}
	t, _ := inZone(wall, loc)
	return date.Seconds(t), true
}

func toDate(c *native.Call, args []value.Value) (value.Value, error) {
	seconds, ok := secondsOf(c, args[0], "UTC")
	t, err := moment{seconds: math.Floor(seconds)}.utc()
	if ok && err == nil {
		return newDate(c, t)
	}
	if !c.IsNode() {
		return value.Value{}, nil
	}
	nan := value.OfFloat(math.NaN())
	return newDateOf(c, nan, nan, nan)
}

func toUnixTimestamp(c *native.Call, args []value.Value) (value.Value, error) {
	seconds, ok, err := unixSeconds(c, args)
	if err != nil || !ok && !c.IsNode() {
		return value.Value{}, err
	}
	return value.OfFloat(seconds), nil
}

func toUnixTimestampMilli(c *native.Call, args []value.Value) (value.Value, error) {
	seconds, ok, err := unixSeconds(c, args)
	if err != nil || !ok && !c.IsNode() {
		return value.Value{}, err
	}
	if c.IsNode() {
		return value.OfFloat(seconds * 1000), nil
	}
	return value.OfInt(truncate(seconds * 1000)), nil
}

// unixSeconds reads a datetime, a date or a text; what the text does not spell is NaN and not ok.
func unixSeconds(c *native.Call, args []value.Value) (seconds float64, ok bool, err error) {
	if m, isMoment := momentOf(args[0]); isMoment {
		return m.seconds, true, m.check(c)
	}
	if !args[0].IsString() {
		if c.IsNode() {
			return math.NaN(), false, nil
		}
		return 0, false, fault.Failed(c.Name + " expects a Date or DateTime")
	}
	zone, ok := zoneArg(c, args)
	if ok {
		seconds, ok = secondsOf(c, args[0], zone)
	}
	if !ok {
		seconds = math.NaN()
	}
	return seconds, ok, nil
}

// fromUnixTimestamp makes a function that takes a number of which there are perSecond in a second.
func fromUnixTimestamp(perSecond float64) native.Func {
	return func(c *native.Call, args []value.Value) (value.Value, error) {
		f, err := number(args[0])
		if err != nil {
			return value.Value{}, err
		}
		return newDateTime(c, f/perSecond, "UTC")
	}
}

// toTimeZone gives a datetime another zone to be shown in; in R, a date becomes a datetime.
func toTimeZone(c *native.Call, args []value.Value) (value.Value, error) {
	m, ok := momentOf(args[0])
	if c.IsNode() && (!ok || m.date) {
		return value.Value{}, errNoDateTime
	}
	if !ok {
		return value.Value{}, fault.Failed("toTimeZone expects a Date or DateTime")
	}
	zone, err := str(args[1])
	if err != nil {
		return value.Value{}, err
	}
	return newDateTime(c, m.seconds, zone)
}

// interval makes a function that makes an interval.
func interval(unit string) native.Func {
	return func(c *native.Call, args []value.Value) (value.Value, error) {
		if !c.IsNode() {
			if _, err := number(args[0]); err != nil {
				return value.Value{}, err
			}
		}
		o := value.NewObject(3)
		o.Set(value.IntervalKey, value.OfBool(true))
		o.Set("value", args[0])
		o.Set("unit", value.OfString(unit))
		return c.Heap.Object(o)
	}
}

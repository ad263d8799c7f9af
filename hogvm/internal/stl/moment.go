package stl

import (
	"math"
	"strconv"
	"time"

	"github.com/hog-go/hog/hogvm/fault"
	"github.com/hog-go/hog/hogvm/internal/date"
	"github.com/hog-go/hog/hogvm/native"
	"github.com/hog-go/hog/hogvm/value"
)

// moment is a datetime or a date as the library reckons with it.
type moment struct {
	seconds float64 // since the epoch; of a date, when it begins in UTC
	zone    string
	date    bool
}

// momentOf returns the datetime or date v, and whether it is one.
func momentOf(v value.Value) (moment, bool) {
	o, ok := v.AsObject()
	if !ok {
		return moment{}, false
	}
	switch o.Mark() {
	case value.DateTime:
		zone, isString := peek(o, "zone").AsString()
		if !isString {
			zone = "UTC"
		}
		return moment{seconds: peekFloat(o, "dt"), zone: zone}, true
	case value.Date:
		day := func(key string) int { return int(truncate(peekFloat(o, key))) }
		return moment{seconds: date.Midnight(day("year"), day("month"), day("day")), zone: "UTC", date: true}, true
	}
	return moment{}, false
}

func peek(o *value.Object, key string) value.Value {
	v, _ := o.PeekKey(key)
	return v
}

func peekFloat(o *value.Object, key string) float64 {
	f, _ := peek(o, key).AsFloat()
	return f
}

// needMoment is momentOf for functions that take nothing else.
func needMoment(c *native.Call, v value.Value) (moment, error) {
	m, ok := momentOf(v)
	if !ok {
		return moment{}, fault.Failed(c.Name + " expects a Date or DateTime")
	}
	return m, nil
}

// days returns the days since the epoch.
func (m moment) days() int64 { return truncate(math.Floor(m.seconds / secondsPerDay)) }

const secondsPerDay = 86400

// maxSeconds bounds the datetimes that have a calendar date, to the years of chrono: ±262,000.
const maxSeconds = 8.21e12

// utc returns the moment as a time in UTC, to the millisecond.
func (m moment) utc() (time.Time, error) {
	if !(math.Abs(m.seconds) <= maxSeconds) { // NaN is not, either
		return time.Time{}, fault.Failed("timestamp " + string(value.AppendFloat(nil, m.seconds)) + " out of range")
	}
	return time.UnixMilli(int64(math.Round(m.seconds * 1000))).UTC(), nil
}

// second is utc without the fraction of the second.
func (m moment) second() (time.Time, error) {
	return moment{seconds: math.Floor(m.seconds)}.utc()
}

// local returns the moment as a time in its zone, to the millisecond.
func (m moment) local() (time.Time, error) {
	t, err := m.utc()
	if err != nil {
		return t, err
	}
	loc, err := location(m.zone)
	if err != nil {
		return t, err
	}
	return t.In(loc), nil
}

// newDateTime makes a datetime of epoch seconds.
func newDateTime(c *native.Call, seconds float64, zone string) (value.Value, error) {
	o := value.NewObject(3)
	o.Set(value.DateTimeKey, value.OfBool(true))
	o.Set("dt", value.OfFloat(seconds))
	o.Set("zone", value.OfString(zone))
	return c.Heap.Object(o)
}

// newDate makes a date of the day that t has in its location.
func newDate(c *native.Call, t time.Time) (value.Value, error) {
	year, month, day := t.Date()
	return newDateOf(c, value.OfInt(int64(year)), value.OfInt(int64(month)), value.OfInt(int64(day)))
}

func newDateOf(c *native.Call, year, month, day value.Value) (value.Value, error) {
	o := value.NewObject(4)
	o.Set(value.DateKey, value.OfBool(true))
	o.Set("year", year)
	o.Set("month", month)
	o.Set("day", day)
	return c.Heap.Object(o)
}

// appendDate appends a date as YYYY-MM-DD, the year without zeros in front.
func appendDate(dst []byte, o *value.Object) []byte {
	dst = strconv.AppendInt(dst, truncate(peekFloat(o, "year")), 10)
	for _, key := range [...]string{"month", "day"} {
		dst = append(dst, '-')
		n := truncate(peekFloat(o, key))
		if n >= 0 && n < 10 {
			dst = append(dst, '0')
		}
		dst = strconv.AppendInt(dst, n, 10)
	}
	return dst
}

// appendDateTime appends a datetime in ISO 8601 with milliseconds, in its zone.
func appendDateTime(dst []byte, o *value.Object) ([]byte, error) {
	m, _ := momentOf(value.OfObject(o))
	t, err := m.local()
	if err != nil {
		return dst, err
	}
	if m.zone == "UTC" {
		return t.AppendFormat(dst, "2006-01-02T15:04:05.000Z"), nil
	}
	return t.AppendFormat(dst, "2006-01-02T15:04:05.000-07:00"), nil
}

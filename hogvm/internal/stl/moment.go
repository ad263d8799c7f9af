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
		year, month, day := peekFloat(o, "year"), peekFloat(o, "month"), peekFloat(o, "day")
		m := moment{seconds: math.NaN(), zone: "UTC", date: true}
		if sum := year + month + day; sum == sum {
			m.seconds = date.Midnight(int(truncate(year)), int(truncate(month)), int(truncate(day)))
		}
		return m, true
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
	return m, m.check(c)
}

// anyMoment is needMoment where the Node VM takes text, too, and goes on with an invalid datetime for what is no date.
func anyMoment(c *native.Call, v value.Value) (moment, error) {
	m, ok := momentOf(v)
	if ok || !c.IsNode() {
		return needMoment(c, v)
	}
	m = moment{seconds: math.NaN(), zone: "UTC"}
	if s, isString := v.AsString(); isString {
		if seconds, ok := date.Parse(s, time.UTC); ok {
			m.seconds = seconds
		}
	}
	return m, nil
}

// check fails for the date that toDate of the Node VM makes of what is none: nothing goes on with parts that are NaN.
func (m moment) check(c *native.Call) error {
	if m.date && m.seconds != m.seconds {
		return errNaNPart(c)
	}
	return nil
}

func errNaNPart(c *native.Call) error { return failed(c, "Invalid unit value NaN") }

// isInvalid tells whether m is what the Node VM calls an invalid datetime: NaN, beyond the calendar, or in a zone that nobody knows. Its
// parts are NaN there and its text is null, where R fails.
func (m moment) isInvalid(c *native.Call) bool {
	if !c.IsNode() {
		return false
	}
	_, err := m.local()
	return err != nil
}

// newInvalid makes the datetime that the Node VM gets from an invalid one.
func newInvalid(c *native.Call) (value.Value, error) { return newDateTime(c, math.NaN(), "UTC") }

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
	for i, key := range [...]string{"year", "month", "day"} {
		if i > 0 {
			dst = append(dst, '-')
		}
		f := peekFloat(o, key)
		if f != f {
			dst = append(dst, "NaN"...)
			continue
		}
		if i > 0 && f >= 0 && f < 10 {
			dst = append(dst, '0')
		}
		dst = strconv.AppendInt(dst, truncate(f), 10)
	}
	return dst
}

// appendDateTime appends a datetime in ISO 8601 with milliseconds, in its zone.
func appendDateTime(c *native.Call, dst []byte, m moment) ([]byte, error) {
	t, err := m.local()
	if err != nil {
		return dst, err
	}
	dst = appendYear(c, dst, t.Year())
	if m.zone == "UTC" {
		return t.AppendFormat(dst, "-01-02T15:04:05.000Z"), nil
	}
	return t.AppendFormat(dst, "-01-02T15:04:05.000-07:00"), nil
}

// appendYear appends a year in four digits. Years beyond those have a sign, and in the Node VM six digits.
func appendYear(c *native.Call, dst []byte, year int) []byte {
	if year >= 0 && year <= 9999 {
		return appendPadded(dst, year, 4)
	}
	width, sign := 4, byte('+')
	if c.IsNode() {
		width = 6
	}
	if year < 0 {
		year, sign = -year, '-'
	}
	return appendPadded(append(dst, sign), year, width)
}

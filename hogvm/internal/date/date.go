// Package date reads the one form of date that all of Hog agrees on.
//
//	2024-01-31                       midnight
//	2024-01-31T10:20  …T10:20:30     T, t or one space; seconds may be left out
//	….123  …,123456                  a fraction of the seconds; beyond milliseconds it is cut off
//	…Z  …z  …+05  …+0530  …-05:30    a zone
//
// Blanks around it are no part of it. Everything else (week dates, dates without dashes, a number of seconds) is text, not a date.
package date

import (
	"math"
	"strings"
	"time"
)

// Parse returns the epoch seconds of a date, whole milliseconds, and whether s is one. Text without a zone is in loc; nil means UTC.
func Parse(s string, loc *time.Location) (seconds float64, ok bool) {
	t, ok := ParseTime(s, loc)
	if !ok {
		return 0, false
	}
	return float64(t.UnixMilli()) / 1000, true
}

// ParseZoned is Parse of text with a zone of its own; other text is no date to it.
func ParseZoned(s string) (seconds float64, ok bool) {
	w, ok := read(s)
	if !ok || !w.zoned {
		return 0, false
	}
	return float64(w.instant().UnixMilli()) / 1000, true
}

// ParseTime is Parse for callers that want the time itself. It is false, too, for a local time that the zone skips.
func ParseTime(s string, loc *time.Location) (time.Time, bool) {
	w, ok := read(s)
	if !ok {
		return time.Time{}, false
	}
	if w.zoned || loc == nil || loc == time.UTC {
		return w.instant(), true
	}
	t := time.Date(w.Year(), w.Month(), w.Day(), w.Hour(), w.Minute(), w.Second(), w.Nanosecond(), loc)
	return settle(t, w.Hour(), w.Minute())
}

// written is a date as it is written: what the clock shows, as a time in UTC, and how far the zone is ahead of UTC if there is one.
type written struct {
	time.Time
	offset time.Duration
	zoned  bool
}

func (w written) instant() time.Time { return w.Add(-w.offset) }

func read(s string) (w written, ok bool) {
	p := parser{rest: strings.TrimSpace(s)}
	year, month, day := p.number(4), p.after('-', 2), p.after('-', 2)
	if p.bad || year < 1 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return w, false
	}
	var hour, minute, second, milli, offset int
	if p.rest != "" {
		p.oneOf("Tt ")
		hour, minute = p.number(2), p.after(':', 2)
		if p.has(":") {
			second = p.after(':', 2)
			if p.has(".,") {
				milli = p.fraction()
			}
		}
		offset, w.zoned = p.zone()
	}
	if p.bad || p.rest != "" || hour > 23 || minute > 59 || second > 59 {
		return w, false
	}
	w.Time = time.Date(year, time.Month(month), day, hour, minute, second, milli*int(time.Millisecond), time.UTC)
	w.offset = time.Duration(offset) * time.Minute
	return w, true
}

// settle refuses a wall clock time that the zone skips and takes the earlier of two instants that share one.
func settle(t time.Time, hour, minute int) (time.Time, bool) {
	if t.Hour() != hour || t.Minute() != minute {
		return time.Time{}, false
	}
	_, offset := t.Zone()
	began, _ := t.ZoneBounds()
	if began.IsZero() {
		return t, true
	}
	_, before := began.Add(-time.Second).Zone()
	if earlier := t.Add(time.Duration(offset-before) * time.Second); before > offset && earlier.Before(began) {
		return earlier, true
	}
	return t, true
}

// Seconds returns t as epoch seconds with all the precision a float has.
func Seconds(t time.Time) float64 {
	return float64(t.Unix()) + float64(t.Nanosecond())/1e9
}

// Time returns the instant of epoch seconds, rounded to microseconds, which is as exact as a float is today.
func Time(seconds float64) time.Time {
	whole := math.Floor(seconds)
	micros := math.Round((seconds - whole) * 1e6)
	return time.Unix(int64(whole), int64(micros)*1000).UTC()
}

// parser takes ASCII off the front of rest; bad is set once something is not as it must be.
type parser struct {
	rest string
	bad  bool
}

// number takes exactly n digits.
func (p *parser) number(n int) int {
	if len(p.rest) < n {
		p.bad = true
		return 0
	}
	v := 0
	for i := range n {
		c := p.rest[i]
		if c < '0' || c > '9' {
			p.bad = true
			return 0
		}
		v = 10*v + int(c-'0')
	}
	p.rest = p.rest[n:]
	return v
}

func (p *parser) has(set string) bool {
	return p.rest != "" && strings.IndexByte(set, p.rest[0]) >= 0
}

func (p *parser) oneOf(set string) {
	if !p.has(set) {
		p.bad = true
		return
	}
	p.rest = p.rest[1:]
}

// after takes the byte c and n digits.
func (p *parser) after(c byte, n int) int {
	if p.rest == "" || p.rest[0] != c {
		p.bad = true
		return 0
	}
	p.rest = p.rest[1:]
	return p.number(n)
}

// fraction takes a point or comma and 1 to 9 digits, and returns whole milliseconds.
func (p *parser) fraction() int {
	p.rest = p.rest[1:]
	n, milli := 0, 0
	for n < len(p.rest) && p.rest[n] >= '0' && p.rest[n] <= '9' {
		if n < 3 {
			milli = 10*milli + int(p.rest[n]-'0')
		}
		n++
	}
	if n < 1 || n > 9 {
		p.bad = true
	}
	for i := n; i < 3; i++ {
		milli *= 10
	}
	p.rest = p.rest[n:]
	return milli
}

// zone takes an optional zone and returns its offset in minutes.
func (p *parser) zone() (minutes int, found bool) {
	if p.bad || p.rest == "" {
		return 0, false
	}
	if p.has("Zz") {
		p.rest = p.rest[1:]
		return 0, true
	}
	sign := 1
	if p.rest[0] == '-' {
		sign = -1
	}
	p.oneOf("+-")
	hour, minute := p.number(2), 0
	switch {
	case p.has(":"):
		minute = p.after(':', 2)
	case p.rest != "":
		minute = p.number(2)
	}
	if hour > 23 || minute > 59 {
		p.bad = true
	}
	return sign * (60*hour + minute), true
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// Midnight returns the epoch seconds at which a day begins in UTC; months and days beyond their range carry over.
func Midnight(year, month, day int) float64 {
	return float64(time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).Unix())
}

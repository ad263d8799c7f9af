package definition

import (
	"bytes"
	"time"
)

// dateLike tells whether s, untrimmed, looks like a date: by its shape, or as a valid RFC 3339 or RFC 2822 date-time.
func dateLike(s []byte) bool {
	return len(s) >= 10 && (dateShape(s) || rfc3339(s) || rfc2822(s))
}

// dateShape matches ^(DDDD S [0-2]D S [0-3]D | [0-2]D S [0-3]D S DDDD)([ T][0-2]D:[0-6]D:[0-6]D.*)?$ where S is - or /, and
// the free tail does not cross a line feed. Whether there is such a day is not looked at.
func dateShape(s []byte) bool {
	if len(s) < 10 {
		return false
	}
	yearFirst := digit(s[0], '9') && digit(s[1], '9') && digit(s[2], '9') && digit(s[3], '9') && separator(s[4]) &&
		digit(s[5], '2') && digit(s[6], '9') && separator(s[7]) && digit(s[8], '3') && digit(s[9], '9')
	yearLast := digit(s[0], '2') && digit(s[1], '9') && separator(s[2]) && digit(s[3], '3') && digit(s[4], '9') && separator(s[5]) &&
		digit(s[6], '9') && digit(s[7], '9') && digit(s[8], '9') && digit(s[9], '9')
	if !yearFirst && !yearLast {
		return false
	}
	rest := s[10:]
	if len(rest) == 0 {
		return true
	}
	return len(rest) >= 9 && (rest[0] == ' ' || rest[0] == 'T') &&
		digit(rest[1], '2') && digit(rest[2], '9') && rest[3] == ':' &&
		digit(rest[4], '6') && digit(rest[5], '9') && rest[6] == ':' &&
		digit(rest[7], '6') && digit(rest[8], '9') && bytes.IndexByte(rest[9:], '\n') < 0
}

func digit(c, most byte) bool { return c >= '0' && c <= most }

func separator(c byte) bool { return c == '-' || c == '/' }

// rfc3339 tells whether s is an RFC 3339 date-time that dateShape does not take, which leaves those with a small t. Every
// other one has the shape.
func rfc3339(s []byte) bool {
	if len(s) < 20 || s[10] != 't' {
		return false
	}
	up := bytes.ToUpper(s)
	if string(up[17:19]) == "60" { // a leap second, which Go does not know
		up[17], up[18] = '5', '9'
	}
	_, err := time.Parse(time.RFC3339Nano, string(up))
	return err == nil
}

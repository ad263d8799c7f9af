package otel

import (
	"strconv"
	"strings"
)

const (
	exceptionMessage = "exception.message"
	exceptionType    = "exception.type"
)

// httpStatusKeys are the attributes that may hold the status of the provider's answer, in order.
var httpStatusKeys = []string{
	"$ai_http_status", "http.response.status_code", "http.status_code", "http.status", "status_code", "error.status_code",
	"exception.status_code",
}

// explain sets the properties of a span that ended in an error; exception are the attributes of the last one it
// recorded. What the client says itself stays. The rules are those of PostHog's rust/capture/src/otel/error_status.rs.
func (m *maker) explain(exception []attr) {
	p, told := &m.props, lastOf(exception)
	p.set([]byte("$ai_is_error"), yes)
	if p.get("$ai_error") == nil {
		p.set([]byte("$ai_error"), m.quoted([]byte(errorText(told, m.span.message))))
	}
	if p.get("$ai_http_status") != nil {
		return
	}
	status := statusOf(told)
	for _, key := range []string{exceptionMessage, "error.message"} {
		if status == 0 {
			status = statusInText(string(contents(told(key))))
		}
	}
	if status == 0 {
		status = statusOf(p.get)
	}
	if status == 0 {
		status = statusInText(string(m.span.message))
	}
	if status == 0 {
		status = 500
	}
	p.set([]byte("$ai_http_status"), strconv.AppendInt(nil, int64(status), 10))
}

// errorText says what went wrong: the exception, else the status of the span.
func errorText(exception func(string) []byte, message []byte) string {
	kind, text := string(contents(exception(exceptionType))), string(contents(exception(exceptionMessage)))
	switch {
	case kind != "" && text != "":
		return kind + ": " + text
	case text != "":
		return text
	case kind != "":
		return kind
	case len(message) > 0:
		return string(message)
	}
	return "OpenTelemetry span status error"
}

// statusOf returns the HTTP status that an attribute holds as a number or as digits, 0 where none does.
func statusOf(value func(string) []byte) int {
	for _, key := range httpStatusKeys {
		v := value(key)
		if s := contents(v); s != nil {
			v = s
		}
		if status, err := strconv.Atoi(string(v)); err == nil && isStatus(status) {
			return status
		}
	}
	return 0
}

func isStatus(n int) bool { return n >= 100 && n <= 599 }

// statusInText finds an HTTP status in a message: "status_code: 429", "status code 429", "status=429", "HTTP 429" and
// the like. Other numbers, as in an address or a count, are none. It returns 0 where there is none.
func statusInText(text string) int {
	lower := strings.ToLower(text)
	for _, m := range []struct {
		marker string
		after  func(string) int
	}{
		{"status_code", func(s string) int { return separated(s, true) }},
		{"status code", func(s string) int { return separated(s, true) }},
		{"status", afterStatus},
		{"http", afterHTTP},
	} {
		for from := 0; ; {
			i := strings.Index(lower[from:], m.marker)
			if i < 0 {
				break
			}
			start, end := from+i, from+i+len(m.marker)
			if (start == 0 || !isWord(lower[start-1])) && (end == len(lower) || !isWord(lower[end])) {
				if status := m.after(lower[end:]); status != 0 {
					return status
				}
			}
			from = end
		}
	}
	return 0
}

func afterStatus(s string) int {
	if rest, ok := cutWord(s, "code"); ok {
		return separated(rest, true)
	}
	return separated(s, false)
}

func afterHTTP(s string) int {
	if rest, ok := cutWord(s, "status"); ok {
		return afterStatus(rest)
	}
	return separated(s, true)
}

// cutWord cuts word, as a whole word, from the start of s.
func cutWord(s, word string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(strings.TrimSpace(s), word)
	return rest, ok && (rest == "" || !isWord(rest[0]))
}

// separated reads a status behind a colon or equals sign, or behind nothing if bare is allowed.
func separated(s string, bare bool) int {
	s = strings.TrimSpace(s)
	switch {
	case strings.HasPrefix(s, "://"), s == "":
		return 0
	case s[0] == ':' || s[0] == '=':
		s = strings.TrimSpace(s[1:])
	case !bare:
		return 0
	}
	if len(s) < 3 || len(s) > 3 && isWord(s[3]) {
		return 0
	}
	status, err := strconv.ParseUint(s[:3], 10, 16)
	if err != nil || !isStatus(int(status)) {
		return 0
	}
	return int(status)
}

func isWord(c byte) bool {
	return c == '_' || c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'z'
}

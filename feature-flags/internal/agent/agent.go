// Package agent tells from the headers of a request who sent it: which kind of SDK, from which address, and whether it is a crawler.
// Sources: PostHog's rust/feature-flags/src/utils/user_agent.rs and bot_detection.rs.
package agent

import (
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/hog-go/hog/feature-flags/match"
)

// ParseRuntime reads the runtime that a request asks for; every unknown word is all.
func ParseRuntime(s string) match.Runtime {
	switch {
	case strings.EqualFold(s, "client"):
		return match.RuntimeClient
	case strings.EqualFold(s, "server"):
		return match.RuntimeServer
	default:
		return match.RuntimeAll
	}
}

var (
	serverSDKs = []string{"python", "ruby", "php", "java", "go", "node", "dotnet", "elixir", "rs", "server"}
	clientSDKs = []string{"js", "android", "ios", "react-native", "flutter"}
	browsers   = []string{"Mozilla/", "Chrome/", "Safari/", "Firefox/", "Edge/"}
	scripts    = []string{"python-requests/", "curl/"}
	// billed are the SDKs that usage is told apart by.
	billed = map[string]string{
		"js": "posthog-js", "node": "posthog-node", "python": "posthog-python", "php": "posthog-php", "ruby": "posthog-ruby", "go": "posthog-go", "java": "posthog-java",
		"dotnet": "posthog-dotnet", "elixir": "posthog-elixir", "android": "posthog-android", "ios": "posthog-ios", "react-native": "posthog-react-native",
		"flutter": "posthog-flutter",
	}
)

// DetectRuntime guesses the runtime of a request that does not say it.
func DetectRuntime(h http.Header) match.Runtime {
	if r := runtimeOf(first(h["User-Agent"])); r != match.RuntimeUnknown {
		return r
	}
	for _, name := range []string{"Origin", "Referer", "Sec-Fetch-Mode", "Sec-Fetch-Site"} {
		if _, ok := h[name]; ok {
			return match.RuntimeClient
		}
	}
	return match.RuntimeUnknown
}

func runtimeOf(ua string) match.Runtime {
	if name, ok := sdkName(ua); ok {
		switch {
		case oneOf(name, serverSDKs):
			return match.RuntimeServer
		case oneOf(name, clientSDKs):
			return match.RuntimeClient
		default:
			return match.RuntimeUnknown // the rest of an SDK's user agent says nothing
		}
	}
	if strings.HasPrefix(ua, prefix) {
		return match.RuntimeUnknown
	}
	switch {
	case containsAny(ua, browsers):
		return match.RuntimeClient
	case containsAny(ua, scripts):
		return match.RuntimeServer
	default:
		return match.RuntimeUnknown
	}
}

const prefix = "posthog-"

// sdkName is the name in a user agent posthog-<name>/<version>. The Ruby SDK leaves the slash out.
func sdkName(ua string) (string, bool) {
	rest, ok := strings.CutPrefix(ua, prefix)
	if !ok {
		return "", false
	}
	if version, ok := strings.CutPrefix(rest, "ruby"); ok && version != "" && '0' <= version[0] && version[0] <= '9' {
		return "ruby", true
	}
	name, version, _ := strings.Cut(rest, "/")
	return name, name != "" && version != ""
}

// SDKVersion is what an SDK says of itself in its user agent, "" where that is another client's.
func SDKVersion(ua string) string {
	if _, ok := sdkName(ua); !ok {
		return ""
	}
	_, version, _ := strings.Cut(ua, "/")
	version, _, _ = strings.Cut(version, " ")
	return version
}

// SDK is the name under which usage is counted: posthog-js and so on, or other.
func SDK(h http.Header) string {
	ua := first(h["User-Agent"])
	if strings.HasPrefix(ua, prefix) {
		name, _ := sdkName(ua)
		if full, known := billed[name]; known {
			return full
		}
		return "other"
	}
	_, fetched := h["Sec-Fetch-Mode"]
	if !fetched {
		_, fetched = h["Sec-Fetch-Site"]
	}
	if fetched || containsAny(ua, browsers) {
		return "posthog-js"
	}
	return "other"
}

// ClientIP is the address of the client: the first that proxies name, else the peer's. It is empty if both are unreadable.
func ClientIP(r *http.Request) string {
	forwarded, _, _ := strings.Cut(first(r.Header["X-Forwarded-For"]), ",")
	for _, text := range []string{strings.TrimSpace(forwarded), r.RemoteAddr} {
		if ip, ok := address(text); ok {
			return ip
		}
	}
	return ""
}

// RequestStart is when the first proxy got a request, in unix milliseconds, from the header X-Request-Start: t=<seconds>.<fraction>, or
// without the t=. ok is false if it does not say.
func RequestStart(h http.Header) (ms int64, ok bool) {
	text := strings.TrimPrefix(first(h["X-Request-Start"]), "t=")
	seconds, fraction, hasFraction := strings.Cut(text, ".")
	if hasFraction && fraction == "" {
		return 0, false
	}
	for i, digits := range []string{seconds, (fraction + "000")[:3]} {
		n, err := strconv.ParseUint(digits, 10, 40)
		if err != nil {
			return 0, false
		}
		if i == 0 {
			ms = int64(n) * 1000
		} else {
			ms += int64(n)
		}
	}
	return ms, true
}

// address takes the port off. One address has one text, however it was written: limits and cookieless ids go by it.
func address(s string) (string, bool) {
	if s == "" {
		return "", false
	}
	if ip, err := netip.ParseAddr(s); err == nil {
		return ip.String(), true
	}
	host := s
	if h, _, err := net.SplitHostPort(s); err == nil {
		host = h
	}
	ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	return ip.String(), err == nil
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

func oneOf(s string, list []string) bool {
	for _, l := range list {
		if s == l {
			return true
		}
	}
	return false
}

func containsAny(s string, list []string) bool {
	for _, l := range list {
		if strings.Contains(s, l) {
			return true
		}
	}
	return false
}

package sdkconfig

import (
	"net/url"
	"strings"
)

// allowed tells whether a page lies under one of the domains. Both are URLs: what has no scheme matches nothing. A leading www. counts for
// neither; *.x is every subdomain of x, but not x; any other star stands for anything. Source: PostHog's replay domain rules.
func allowed(domains []string, page string) bool {
	host := hostOf(page)
	if host == "" {
		return false
	}
	for _, d := range domains {
		pattern := hostOf(d)
		if pattern == "" {
			continue
		}
		if parent, ok := strings.CutPrefix(pattern, "*."); ok && !strings.Contains(parent, "*") {
			if strings.HasSuffix(host, "."+parent) {
				return true
			}
			continue
		}
		if wildcard(pattern, host) {
			return true
		}
	}
	return false
}

// hostOf is the host of a URL in lower case without www. and port, "" if there is none.
func hostOf(s string) string {
	_, rest, ok := strings.Cut(s, "://")
	if !ok {
		return ""
	}
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	if strings.Contains(rest, "*") { // a pattern, which url.Parse may refuse
		host, _, _ := strings.Cut(rest, ":")
		return strings.TrimPrefix(strings.ToLower(host), "www.")
	}
	u, err := url.Parse("//" + rest)
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(strings.ToLower(u.Hostname()), "www.")
}

// wildcard matches the whole of host.
func wildcard(pattern, host string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == host
	}
	rest, ok := strings.CutPrefix(host, parts[0])
	if !ok {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(rest, part)
		if !found {
			return false
		}
		rest = after
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}

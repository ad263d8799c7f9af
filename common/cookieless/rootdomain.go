package cookieless

import (
	"net/netip"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// RootDomain reduces a host, with or without scheme and path, to what all pages of one site share: the registrable domain by the
// public suffix list (private section included), followed by the port if it is not the default of the scheme.
//
// Addresses stay whole (IPv6 in brackets), localhost becomes 127.0.0.1 so that both names of a developer's machine give the same
// visitor, and what is no URL comes back unchanged.
func RootDomain(host string) string {
	if host == "" {
		return ""
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is6() && ip.Zone() == "" {
		return "[" + ip.String() + "]"
	}
	raw := host
	if !strings.Contains(host, "://") {
		raw = "http://" + host
	}
	origin, err := parseOrigin(raw)
	if err != nil {
		return host
	}
	if origin.host == "" { // a URL without authority, such as file:///a: the original goes on with the whole text
		origin.host = host
	}
	domain := registrable(origin.host)
	if domain == "localhost" {
		domain = "127.0.0.1"
	}
	if origin.port == "" {
		return domain
	}
	return domain + ":" + origin.port
}

// registrable is the public suffix of host and one label more, or host itself when it has no such part.
func registrable(host string) string {
	if strings.HasPrefix(host, "[") {
		return host
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return host
	}
	domain, err := publicsuffix.EffectiveTLDPlusOne(host)
	if err != nil {
		return host
	}
	return domain
}

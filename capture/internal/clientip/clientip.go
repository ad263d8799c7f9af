// Package clientip finds the address of the client behind the proxies in front of capture.
package clientip

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
)

// singleHeaders hold one address each, in the order in which they are believed after X-Forwarded-For and Forwarded.
var singleHeaders = [...]string{"X-Real-Ip", "Fly-Client-Ip", "True-Client-Ip", "Cf-Connecting-Ip"}

// Append appends the client's address to dst in its canonical text form: the first valid address of X-Forwarded-For,
// left to right over all its lines; else of the other headers that proxies set; else the peer, host:port. A header
// that holds no address is passed over. The order is that of the axum-client-ip crate, which the original uses.
func Append(dst []byte, h http.Header, peer string) []byte {
	if addr, ok := forwarded(h); ok {
		return addr.AppendTo(dst)
	}
	if ap, err := netip.ParseAddrPort(peer); err == nil {
		return ap.Addr().WithZone("").AppendTo(dst)
	}
	return append(dst, "127.0.0.1"...) // a peer without an address: a Unix socket, or a handler called in process
}

func forwarded(h http.Header) (netip.Addr, bool) {
	for _, line := range h["X-Forwarded-For"] {
		for entry := range strings.SplitSeq(line, ",") {
			if addr, err := parse(strings.TrimSpace(entry)); err == nil {
				return addr, true
			}
		}
	}
	for _, line := range h["Forwarded"] {
		if addr, ok := forwardedFor(line); ok {
			return addr, true
		}
	}
	for _, name := range singleHeaders {
		if v := h[name]; len(v) > 0 {
			if addr, err := parse(strings.TrimSpace(v[0])); err == nil {
				return addr, true
			}
		}
	}
	if v := h["Cloudfront-Viewer-Address"]; len(v) > 0 { // address:port, IPv6 without brackets
		if i := strings.LastIndexByte(v[0], ':'); i > 0 {
			addr, err := parse(strings.Trim(v[0][:i], "[] "))
			return addr, err == nil
		}
	}
	return netip.Addr{}, false
}

// forwardedFor reads the first for= parameter of an RFC 7239 header line that is an address.
func forwardedFor(line string) (netip.Addr, bool) {
	for element := range strings.SplitSeq(line, ",") {
		for pair := range strings.SplitSeq(element, ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
			if !strings.EqualFold(name, "for") {
				continue
			}
			value = strings.Trim(value, `"`)
			if ap, err := netip.ParseAddrPort(value); err == nil && ap.Addr().Zone() == "" {
				return ap.Addr(), true
			}
			if addr, err := parse(strings.Trim(value, "[]")); err == nil {
				return addr, true
			}
		}
	}
	return netip.Addr{}, false
}

var errZone = errors.New("an address with a zone means something to one machine only")

// parse reads an address without a zone. A zone may be any text, quotes too, and the address is written into JSON as it is.
func parse(s string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(s)
	if err == nil && addr.Zone() != "" {
		return netip.Addr{}, errZone
	}
	return addr, err
}

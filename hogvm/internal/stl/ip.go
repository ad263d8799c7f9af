package stl

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/hog-go/hog/hogvm/native"
	"github.com/hog-go/hog/hogvm/value"
)

// isIPAddressInRange takes an address and a range in CIDR form. Whatever is wrong with them, the address is not in the range.
func isIPAddressInRange(_ *native.Call, args []value.Value) (value.Value, error) {
	address, ok := args[0].AsString()
	cidr, okToo := args[1].AsString()
	return value.OfBool(ok && okToo && inRange(address, cidr)), nil
}

func inRange(address, cidr string) bool {
	network, length, found := strings.Cut(cidr, "/")
	bits, err := strconv.Atoi(length)
	if !found || err != nil {
		return false
	}
	addr, ok := parseIP(address)
	if !ok {
		return false
	}
	base, ok := parseIP(network)
	if !ok || base.BitLen() != addr.BitLen() {
		return false
	}
	prefix, err := base.Prefix(bits)
	return err == nil && prefix.Contains(addr)
}

// parseIP reads an address. Beyond what package netip takes for one, IPv4 inside IPv6 and zones are none.
func parseIP(s string) (netip.Addr, bool) {
	if strings.Contains(s, ":") && strings.ContainsAny(s, ".%") {
		return netip.Addr{}, false
	}
	addr, err := netip.ParseAddr(s)
	return addr, err == nil
}

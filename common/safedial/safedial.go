// Package safedial fetches URLs that customers chose without letting them reach what only this machine can reach.
//
// The rule is enforced where nothing can slip past it: in the dialer, on the address that is about to be dialled. So it holds for
// addresses written in a URL in whatever spelling, for names, for every hop of a redirect, and for names whose DNS answer
// changes between two looks. A refused address is never connected to. A name stays reachable through those of its addresses
// that pass.
//
// After PostHog's rust/common/dns, which blocks all of IPv6 and the private, loopback, link-local and broadcast ranges of IPv4. We also
// block shared (CGNAT), protocol, benchmark, multicast and reserved ranges.
package safedial

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// ErrNoPublicIPv4 is in the chain of every error that is due to the guard. The text is the original's, and reaches customers.
var ErrNoPublicIPv4 = errors.New("No public IPv4 found for specified host")

// Resolver finds the addresses of a host name, as *net.Resolver does.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Options of a dialer or client. The zero value is the guarded form.
type Options struct {
	// AllowInternal turns the guard off: for installations whose webhooks and sources are inside their own network.
	AllowInternal bool
	// DialTimeout bounds lookup and connection together; default 10s.
	DialTimeout time.Duration
	// Resolver replaces the system's.
	Resolver Resolver
}

// Dialer opens TCP connections to public IPv4 addresses only. It is safe for concurrent use.
type Dialer struct {
	allowInternal bool
	timeout       time.Duration
	resolver      Resolver
	net           net.Dialer
}

// NewDialer makes a Dialer; see NewClient for HTTP.
func NewDialer(o Options) *Dialer {
	d := &Dialer{allowInternal: o.AllowInternal, timeout: cmp.Or(o.DialTimeout, 10*time.Second), resolver: o.Resolver}
	if d.resolver == nil {
		d.resolver = net.DefaultResolver
	}
	if !o.AllowInternal {
		d.net.Control = refuseInternal
	}
	return d
}

// NewClient makes an HTTP client that connects by a guarded Dialer. timeout is for a whole request with its redirects (at most ten)
// and the reading of its body; 0 means none.
//
// The client knows no proxy: through one, the address dialled would be the proxy's, and the guard blind.
func NewClient(o Options, timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			DialContext:         NewDialer(o).DialContext,
			ForceAttemptHTTP2:   true, // not by itself once DialContext is set
			MaxIdleConns:        100,
			IdleConnTimeout:     90 * time.Second,
			TLSHandshakeTimeout: 10 * time.Second,
		},
	}
}

// DialContext connects to address, host:port, on network tcp. It tries the allowed addresses of a name in the order of the lookup.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	if d.allowInternal {
		return d.net.DialContext(ctx, network, address)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	ips, err := d.Lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	return d.dialAny(ctx, ips, port)
}

// Lookup is the public IPv4 addresses of host, at least one, or an error: that of the lookup, or ErrNoPublicIPv4. A host that
// is an address itself is judged like any other.
func (d *Dialer) Lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		if !Public(ip) {
			return nil, ErrNoPublicIPv4
		}
		return []netip.Addr{ip}, nil
	}
	// Both families, so that a name with nothing but IPv6 gets our error and not "no such host".
	ips, err := d.resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	var public []netip.Addr
	for _, ip := range ips {
		if ip = ip.Unmap(); Public(ip) { // resolvers may give IPv4 as ::ffff:a.b.c.d
			public = append(public, ip)
		}
	}
	if len(public) == 0 {
		return nil, ErrNoPublicIPv4
	}
	return public, nil
}

// dialAny gives each address an equal share of the time that is left, so that a dead first one does not use it up.
func (d *Dialer) dialAny(ctx context.Context, ips []netip.Addr, port string) (net.Conn, error) {
	var errs []error
	for i, ip := range ips {
		conn, err := d.dialOne(ctx, net.JoinHostPort(ip.String(), port), len(ips)-i)
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

func (d *Dialer) dialOne(ctx context.Context, address string, shares int) (net.Conn, error) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(shares))
		defer cancel()
	}
	return d.net.DialContext(ctx, "tcp4", address)
}

// refuseInternal is the last look at an address, after all parsing and resolving, between socket and connect.
func refuseInternal(_, address string, _ syscall.RawConn) error {
	addr, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("dial %s: %w", address, err)
	}
	if !Public(addr.Addr()) {
		return ErrNoPublicIPv4
	}
	return nil
}

// internal are the IPv4 ranges that are not on the public internet, by IANA's special-purpose registry.
var internal = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),      // this host
	netip.MustParsePrefix("10.0.0.0/8"),     // private
	netip.MustParsePrefix("100.64.0.0/10"),  // shared, behind carrier NAT and in some clouds
	netip.MustParsePrefix("127.0.0.0/8"),    // loopback
	netip.MustParsePrefix("169.254.0.0/16"), // link-local, with the clouds' metadata services
	netip.MustParsePrefix("172.16.0.0/12"),  // private
	netip.MustParsePrefix("192.0.0.0/24"),   // protocol assignments
	netip.MustParsePrefix("192.168.0.0/16"), // private
	netip.MustParsePrefix("198.18.0.0/15"),  // benchmarks
	netip.MustParsePrefix("224.0.0.0/4"),    // multicast
	netip.MustParsePrefix("240.0.0.0/4"),    // reserved, and broadcast
}

// Public tells whether ip is an IPv4 address outside all internal ranges. IPv6 never is, nor IPv4 written as IPv6.
func Public(ip netip.Addr) bool {
	if !ip.Is4() {
		return false
	}
	for _, p := range internal {
		if p.Contains(ip) {
			return false
		}
	}
	return true
}

package safedial

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPublic(t *testing.T) {
	for _, tt := range []struct {
		first, last string // of a blocked range; what lies beside it is public unless blocked by a neighbour
	}{
		{"0.0.0.0", "0.255.255.255"}, {"10.0.0.0", "10.255.255.255"}, {"100.64.0.0", "100.127.255.255"},
		{"127.0.0.0", "127.255.255.255"}, {"169.254.0.0", "169.254.255.255"}, {"172.16.0.0", "172.31.255.255"},
		{"192.0.0.0", "192.0.0.255"}, {"192.168.0.0", "192.168.255.255"}, {"198.18.0.0", "198.19.255.255"},
		{"224.0.0.0", "255.255.255.255"},
	} {
		t.Run(tt.first, func(t *testing.T) {
			first, last := netip.MustParseAddr(tt.first), netip.MustParseAddr(tt.last)
			require.False(t, Public(first))
			require.False(t, Public(last))
			if before := first.Prev(); before.IsValid() {
				require.True(t, Public(before), before)
			}
			if after := last.Next(); after.IsValid() {
				require.True(t, Public(after), after)
			}
		})
	}
	for _, ip := range []string{"::1", "fe80::1", "fd00::1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"} {
		t.Run(ip, func(t *testing.T) { require.False(t, Public(netip.MustParseAddr(ip))) })
	}
	t.Run("no address", func(t *testing.T) { require.False(t, Public(netip.Addr{})) })
}

func TestLookup(t *testing.T) {
	noSuchHost := &net.DNSError{Err: "no such host", Name: "example.test", IsNotFound: true}
	tests := map[string]struct {
		resolver fakeResolver
		host     string
		want     []string
		wantErr  error
	}{
		"public kept in order":         {fakeResolver{ips: []string{"8.8.8.8", "10.0.0.1", "2606:4700::1", "1.1.1.1"}}, "example.test", []string{"8.8.8.8", "1.1.1.1"}, nil},
		"IPv4 given as IPv6":           {fakeResolver{ips: []string{"::ffff:8.8.8.8"}}, "example.test", []string{"8.8.8.8"}, nil},
		"only internal":                {fakeResolver{ips: []string{"10.0.0.1", "169.254.169.254"}}, "example.test", nil, ErrNoPublicIPv4},
		"internal given as IPv6":       {fakeResolver{ips: []string{"::ffff:127.0.0.1"}}, "example.test", nil, ErrNoPublicIPv4},
		"only IPv6":                    {fakeResolver{ips: []string{"2606:4700::1"}}, "example.test", nil, ErrNoPublicIPv4},
		"lookup error passes through":  {fakeResolver{err: noSuchHost}, "example.test", nil, noSuchHost},
		"address needs no lookup":      {fakeResolver{err: noSuchHost}, "8.8.8.8", []string{"8.8.8.8"}, nil},
		"internal address":             {fakeResolver{err: noSuchHost}, "127.0.0.1", nil, ErrNoPublicIPv4},
		"IPv6 address":                 {fakeResolver{err: noSuchHost}, "2606:4700::1", nil, ErrNoPublicIPv4},
		"IPv6 address that embeds one": {fakeResolver{err: noSuchHost}, "::ffff:8.8.8.8", nil, ErrNoPublicIPv4},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			ips, err := NewDialer(Options{Resolver: tt.resolver}).Lookup(t.Context(), tt.host)
			require.ErrorIs(t, err, tt.wantErr)
			var got []string
			for _, ip := range ips {
				got = append(got, ip.String())
			}
			require.Equal(t, tt.want, got)
		})
	}

	t.Run("row 58 localhost by the system's resolver", func(t *testing.T) {
		_, err := NewDialer(Options{}).Lookup(t.Context(), "localhost")
		require.EqualError(t, err, "No public IPv4 found for specified host")
	})
}

func TestClient(t *testing.T) {
	server := newCountingServer(t)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)

	refused := map[string]string{
		"row 59 private address":                 "http://192.168.1.1:8080/x",
		"row 58 localhost":                       "http://localhost:" + port,
		"loopback":                               server.URL,
		"loopback as IPv6":                       "http://[::ffff:127.0.0.1]:" + port,
		"loopback of IPv6":                       "http://[::1]:" + port,
		"name with a lookup that gives loopback": "http://rebind.test:" + port,
	}
	for name, target := range refused {
		t.Run(name, func(t *testing.T) {
			o := Options{}
			if name == "name with a lookup that gives loopback" {
				o.Resolver = fakeResolver{ips: []string{"127.0.0.1"}}
			}
			_, err := newClient(t, o).Get(target)
			require.ErrorIs(t, err, ErrNoPublicIPv4)
			require.EqualError(t, err, `Get "`+target+`": No public IPv4 found for specified host`)
			require.Zero(t, server.connections.Load())
		})
	}
	// Spellings of 127.0.0.1 that some system resolvers understand: whatever they make of them, nothing is connected to.
	for _, spelling := range []string{"2130706433", "0x7f.1", "127.1", "0177.0.0.1"} {
		t.Run("loopback as "+spelling, func(t *testing.T) {
			_, err := newClient(t, Options{}).Get("http://" + spelling + ":" + port)
			require.Error(t, err)
			require.Zero(t, server.connections.Load())
		})
	}

	t.Run("row 60 insecure client, local server", func(t *testing.T) {
		resp, err := newClient(t, Options{AllowInternal: true}).Get(server.URL)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusOK, resp.StatusCode)
	})
}

// A first hop cannot be public in a test, so it is one of our own that the guard is told to let pass.
func TestClientRefusesRedirectToInternalAddress(t *testing.T) {
	for name, host := range map[string]string{"address": "127.0.0.1", "name": "localhost"} {
		t.Run(name, func(t *testing.T) {
			server := newCountingServer(t)
			_, port, err := net.SplitHostPort(server.Listener.Addr().String())
			require.NoError(t, err)
			target := &url.URL{Scheme: "http", Host: net.JoinHostPort(host, port), Path: "/secret"}
			first := httptest.NewServer(http.RedirectHandler(target.String(), http.StatusFound))
			t.Cleanup(first.Close)

			client := newClient(t, Options{})
			transport := client.Transport.(*http.Transport)
			guarded := transport.DialContext
			transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
				if address == "first.test:80" {
					return net.Dial("tcp", first.Listener.Addr().String())
				}
				return guarded(ctx, network, address)
			}
			_, err = client.Get("http://first.test/")
			require.ErrorIs(t, err, ErrNoPublicIPv4)
			require.Zero(t, server.connections.Load())
		})
	}
}

// The guard between socket and connect stands even if what comes before it were fooled.
func TestControlRefusesTheDialledAddress(t *testing.T) {
	server := newCountingServer(t)
	_, err := NewDialer(Options{}).net.DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	require.ErrorIs(t, err, ErrNoPublicIPv4)
	require.Zero(t, server.connections.Load())
}

func TestDialTriesEveryAllowedAddress(t *testing.T) {
	ips := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.3")}

	t.Run("dead addresses share the time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var tried []string
			start := time.Now()
			d := NewDialer(Options{})
			d.net.ControlContext = func(ctx context.Context, _, address string, _ syscall.RawConn) error {
				tried = append(tried, time.Since(start).String()+" "+address)
				<-ctx.Done() // as a host that never answers
				return ctx.Err()
			}
			ctx, cancel := context.WithTimeout(t.Context(), 6*time.Second)
			defer cancel()
			_, err := d.dialAny(ctx, ips, "80")
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, []string{"0s 192.0.2.1:80", "2s 192.0.2.2:80", "4s 192.0.2.3:80"}, tried)
		})
	})
	t.Run("first that answers is taken", func(t *testing.T) {
		server := newCountingServer(t)
		_, port, err := net.SplitHostPort(server.Listener.Addr().String())
		require.NoError(t, err)
		d := NewDialer(Options{AllowInternal: true}) // without the last guard, so that loopback can stand for the public network
		d.net.Control = func(_, address string, _ syscall.RawConn) error {
			if address != server.Listener.Addr().String() {
				return errors.New("cut off")
			}
			return nil
		}
		conn, err := d.dialAny(t.Context(), append(ips, netip.MustParseAddr("127.0.0.1")), port)
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	})
	t.Run("all errors are told", func(t *testing.T) {
		d := NewDialer(Options{})
		d.net.Control = func(_, address string, _ syscall.RawConn) error { return errors.New("cut off from " + address) }
		_, err := d.dialAny(t.Context(), ips, "80")
		require.ErrorContains(t, err, "cut off from 192.0.2.1:80")
		require.ErrorContains(t, err, "cut off from 192.0.2.3:80")
	})
}

func TestDialRefusesAddressWithoutPort(t *testing.T) {
	_, err := NewDialer(Options{}).DialContext(t.Context(), "tcp", "example.test")
	require.ErrorContains(t, err, "missing port in address")
}

type fakeResolver struct {
	ips []string
	err error
}

func (r fakeResolver) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	var ips []netip.Addr
	for _, ip := range r.ips {
		ips = append(ips, netip.MustParseAddr(ip))
	}
	return ips, r.err
}

type countingServer struct {
	*httptest.Server
	connections atomic.Int64
}

// newCountingServer counts connections, not requests: the guard must act before the first packet.
func newCountingServer(t *testing.T) *countingServer {
	t.Helper()
	s := &countingServer{Server: httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))}
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.connections.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func newClient(t *testing.T, o Options) *http.Client {
	t.Helper()
	client := NewClient(o, 5*time.Second)
	t.Cleanup(client.CloseIdleConnections)
	return client
}

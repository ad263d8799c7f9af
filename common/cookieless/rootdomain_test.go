package cookieless_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/cookieless"
)

func TestRootDomain(t *testing.T) {
	tests := []struct{ name, host, want string }{
		{"row 12 https URL", "https://test.example.com/foo", "example.com"},
		{"row 13 localhost with port", "http://localhost:3000", "127.0.0.1:3000"},
		{"row 14 address with fragment", "http://127.0.0.1:3000#foo", "127.0.0.1:3000"},
		{"row 15 bare address", "1.2.3.4", "1.2.3.4"},
		{"row 16 suffix of two labels", "example.co.uk", "example.co.uk"},
		{"row 17 user and password", "https://user:pass@example.com", "example.com"},
		{"row 18 empty", "", ""},
		{"row 19 subdomain with port", "sub.example.co.uk:8080", "example.co.uk:8080"},
		{"row 20 bare IPv6", "2001:0db8:85a3:0000:0000:8a2e:0370:7334", "[2001:db8:85a3::8a2e:370:7334]"},
		{"row 21 IPv6 with port", "[::1]:8080", "[::1]:8080"},
		{"row 22 not a url", "not a url", "not a url"},

		// Rest of the vectors that the original shares between its languages.
		{"shared", "https://test.example.co.uk/foo", "example.co.uk"},
		{"shared", "http://127.0.0.1:3000", "127.0.0.1:3000"},
		{"shared", "http://127.0.0.1:3000/foo", "127.0.0.1:3000"},
		{"shared", "1.2.3.4:5000", "1.2.3.4:5000"},
		{"shared", "sub.example.com", "example.com"},
		{"shared", "http://example.com:8000", "example.com:8000"},
		{"shared", "https://example.com?param=value", "example.com"},
		{"shared", "https://example.com#fragment", "example.com"},
		{"shared", "localhost", "127.0.0.1"},
		{"shared", "example.com:8080", "example.com:8080"},
		{"shared", "http://[2001:0db8:85a3:0000:0000:8a2e:0370:7334]", "[2001:db8:85a3::8a2e:370:7334]"},
		{"shared", "[2001:0db8:85a3:0000:0000:8a2e:0370:7334]:8080", "[2001:db8:85a3::8a2e:370:7334]:8080"},
		{"shared", "http://[2001:0db8:85a3::8a2e:0370:7334]:8080", "[2001:db8:85a3::8a2e:370:7334]:8080"},
		{"shared", "[::1]", "[::1]"},
		{"shared", "::1", "[::1]"},

		{"default port of http", "http://example.com:80", "example.com"},
		{"default port of https, scheme assumed http", "example.com:443", "example.com:443"},
		{"default port of https", "https://example.com:443", "example.com"},
		{"port with leading zeros", "example.com:0080", "example.com"},
		{"empty port", "http://example.com:", "example.com"},
		{"port too large", "http://example.com:65536", "http://example.com:65536"},
		{"port is a word", "http://example.com:http", "http://example.com:http"},
		{"no host", "http://", "http://"},
		{"port without host", "http://:80", "http://:80"},
		{"slashes of any kind and number", `HTTP:\\///www.Example.COM\path://`, "example.com"},
		{"user with at signs", "http://a@b:c@example.com", "example.com"},
		{"surrounding space and line breaks", " https://www.exam\nple.com/ ", "example.com"},
		{"upper case", "WWW.EXAMPLE.COM", "example.com"},
		{"escapes", "http://www.ex%61mple.com", "example.com"},
		{"escaped slash", "http://example%2fcom", "http://example%2fcom"},
		{"stray percent sign", "http://exa%mple.com", "http://exa%mple.com"},
		{"escape that is no UTF-8", "http://%ff.com", "http://%ff.com"},
		{"private suffix", "https://me.github.io", "me.github.io"},
		{"below a private suffix", "https://blog.me.github.io", "me.github.io"},
		{"suffix alone", "co.uk", "co.uk"},
		{"unlisted suffix", "a.b.c.internal", "c.internal"},
		{"single label", "intranet:8000", "intranet:8000"},
		{"final dot", "www.example.com.", "www.example.com."},
		{"empty label", "www..example.com", "www..example.com"},
		{"underscore", "my_shop.example.com", "example.com"},
		{"null origin", "null", "null"},

		{"umlaut", "https://www.MÜNCHEN.de", "xn--mnchen-3ya.de"},
		{"already punycode", "https://www.XN--MNCHEN-3YA.de", "xn--mnchen-3ya.de"},
		{"bad punycode", "https://xn--a.de", "https://xn--a.de"},
		{"sharp s is kept apart", "https://straße.de", "xn--strae-oqa.de"},
		{"ideographic full stop", "https://www.例え。jp", "xn--r8jz45g.jp"},
		{"suffix in another script", "https://a.食狮.公司.cn", "xn--85x722f.xn--55qx5d.cn"},
		{"soft hyphen only", "http://\u00ad", "http://\u00ad"},

		{"hexadecimal address", "http://0x7f.1:3000", "127.0.0.1:3000"},
		{"octal address", "http://0177.0.0.01", "127.0.0.1"},
		{"address as one number", "2130706433", "127.0.0.1"},
		{"address with final dot", "1.2.3.4.", "1.2.3.4"},
		{"bare 0x is zero", "http://1.2.3.0x", "1.2.3.0"},
		{"wide digits", "http://１.2.3.4", "1.2.3.4"},
		{"number too large", "256.1.1.1", "256.1.1.1"},
		{"last number too large", "1.2.65536", "1.2.65536"},
		{"five numbers", "1.2.3.4.5", "1.2.3.4.5"},
		{"not octal", "1.2.3.08", "1.2.3.08"},
		{"number at the end only", "example.0x1", "example.0x1"},
		{"no address after all", "1.2.3.4a", "3.4a"},

		{"IPv6 that embeds IPv4", "::ffff:1.2.3.4", "[::ffff:1.2.3.4]"},
		{"IPv6 that embeds IPv4, in a URL", "http://[::ffff:1.2.3.4]/", "[::ffff:102:304]"},
		{"IPv6 zone", "fe80::1%eth0", "fe80::1%eth0"},
		{"IPv6 zone in brackets", "[fe80::1%eth0]:80", "[fe80::1%eth0]:80"},
		{"open bracket", "http://[::1", "http://[::1"},
		{"IPv4 in brackets", "[1.2.3.4]", "[1.2.3.4]"},

		{"app scheme", "capacitor://localhost", "127.0.0.1"},
		{"app scheme keeps port 80", "ionic://app.example.com:80", "example.com:80"},
		{"app scheme keeps case", "chrome-extension://AbCdEf/x", "AbCdEf"},
		{"app scheme escapes", "app://münchen", "m%C3%BCnchen"},
		{"app scheme without host", "app:///a/x.b.html", "b.html"},
		{"app scheme with user only", "app://user@", "app://user@"},
		{"app scheme with a space", "app://a b", "app://a b"},
		{"file", "file://", "file://"},
		{"file with path", "file:///a/index.html", "file:///a/index.html"},
		{"file on a host", `file:\\Server.example.com\share://`, "example.com"},
		{"file on this host", "file://localhost/a", "file://localhost/a"},
		{"file on a drive", "file://c|/a.b.c", "b.c"},
		{"file with a port", "file://a.b.c:80/a.b.c", "file://a.b.c:80/a.b.c"},
		{"scheme only further on", "example.com/?u=http://x", "example.com/?u=http://x"},
		{"scheme that is a port", "example.com:8000/?u=http://a.b.c", "b.c"},
	}
	for _, tt := range tests {
		t.Run(tt.name+" "+tt.host, func(t *testing.T) { require.Equal(t, tt.want, cookieless.RootDomain(tt.host)) })
	}
}

// Whatever a client sends as host must not crash, and a scheme of http adds nothing to a host that has none.
func FuzzRootDomain(f *testing.F) {
	for _, seed := range []string{"www.example.com:80", "http://a@[::1]:1/", "0x7f.1", "xn--a.de", "file://c|/", "app://é", "a%2", "1.2.3.4."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, host string) {
		got := cookieless.RootDomain(host)
		if ip, err := netip.ParseAddr(host); host == "" || strings.Contains(host, "://") || err == nil && ip.Is6() {
			return
		}
		if withScheme := cookieless.RootDomain("http://" + host); withScheme != "http://"+host {
			require.Equal(t, withScheme, got)
		}
	})
}

func BenchmarkDistinctIDParts(b *testing.B) {
	salt := make([]byte, 16)
	b.Run("root domain", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			cookieless.RootDomain("https://www.example.com/path")
		}
	})
	b.Run("sum", func(b *testing.B) {
		in := cookieless.Input{TeamID: 1, IP: "1.2.3.4", RootDomain: "example.com", UserAgent: chrome58}
		b.ReportAllocs()
		for b.Loop() {
			_, _ = cookieless.Sum(salt, in)
		}
	})
}

package cookieless

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/idna"

	"github.com/hog-go/hog/common/urlencoded"
)

// net/url follows RFC 3986; the original follows the URL Standard of the browsers (https://url.spec.whatwg.org), which maps
// names to ASCII, reads 0x7f.1 as an address and drops default ports. What follows is that standard's parser as far as
// the port: nothing behind it matters here.

// origin is the part of a URL that names a server.
type origin struct {
	host string // lower-case ASCII for the special schemes; an IPv6 address in brackets; empty if the URL has no authority
	port string // decimal; empty if absent or the default of the scheme
}

var errNoHost = errors.New("url: no host")

// defaultPorts are those of the special schemes, whose hosts are domains or addresses.
var defaultPorts = map[string]string{"ftp": "21", "file": "", "http": "80", "https": "443", "ws": "80", "wss": "443"}

// lineBreaks removes what the standard ignores anywhere in a URL.
var lineBreaks = strings.NewReplacer("\t", "", "\n", "", "\r", "")

// parseOrigin reads scheme and authority of an absolute URL.
func parseOrigin(raw string) (origin, error) {
	raw = strings.TrimFunc(raw, func(r rune) bool { return r <= ' ' })
	raw = lineBreaks.Replace(raw)

	scheme, rest, ok := cutScheme(raw)
	if !ok {
		return origin{}, fmt.Errorf("url: %q has no scheme", raw)
	}
	defaultPort, special := defaultPorts[scheme]
	ends := "/?#"
	if special {
		ends = `/\?#`
	}
	switch {
	case scheme == "file":
		return parseFile(rest, ends)
	case special: // any number of slashes, of either kind, even none
		rest = strings.TrimLeft(rest, `/\`)
	case strings.HasPrefix(rest, "//"):
		rest = rest[2:]
	default:
		return origin{}, nil
	}
	authority, _, _ := cutAny(rest, ends)
	o, err := parseAuthority(authority, special)
	if o.port == defaultPort {
		o.port = ""
	}
	return o, err
}

// cutScheme splits off the lower-cased scheme; ok is false if raw does not begin with one.
func cutScheme(raw string) (scheme, rest string, ok bool) {
	scheme, rest, ok = strings.Cut(raw, ":")
	scheme = strings.ToLower(scheme)
	for i := range len(scheme) {
		c := scheme[i]
		letter := 'a' <= c && c <= 'z'
		if !letter && (i == 0 || !strings.ContainsRune("0123456789+-.", rune(c))) {
			return "", "", false
		}
	}
	return scheme, rest, ok && scheme != ""
}

// cutAny is strings.Cut at the first byte that is one of chars.
func cutAny(s, chars string) (before, after string, found bool) {
	if i := strings.IndexAny(s, chars); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// parseFile reads what follows "file:": a host without user or port, and none at all before a Windows drive letter.
func parseFile(rest, ends string) (origin, error) {
	if len(rest) < 2 || !strings.ContainsRune(`/\`, rune(rest[0])) || !strings.ContainsRune(`/\`, rune(rest[1])) {
		return origin{}, nil
	}
	name, _, _ := cutAny(rest[2:], ends)
	if name == "" || drive(name) {
		return origin{}, nil
	}
	host, err := parseHost(name, true)
	if host == "localhost" {
		host = ""
	}
	return origin{host: host}, err
}

// drive tells whether s is a Windows drive, such as c: or c|.
func drive(s string) bool {
	if len(s) != 2 {
		return false
	}
	letter := s[0] | 0x20 // lower case
	return 'a' <= letter && letter <= 'z' && (s[1] == ':' || s[1] == '|')
}

func parseAuthority(authority string, special bool) (origin, error) {
	hostport := authority[strings.LastIndexByte(authority, '@')+1:]

	name, port := hostport, ""
	// A colon inside brackets belongs to an IPv6 address.
	if i := strings.LastIndexByte(hostport, ']') + 1; strings.IndexByte(hostport[i:], ':') >= 0 {
		i += strings.IndexByte(hostport[i:], ':')
		name, port = hostport[:i], hostport[i+1:]
	}
	if name == "" {
		if special || authority != "" { // user or port without a host
			return origin{}, errNoHost
		}
		return origin{}, nil
	}
	host, err := parseHost(name, special)
	if err != nil {
		return origin{}, err
	}
	if port == "" {
		return origin{host: host}, nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return origin{}, fmt.Errorf("url: port %q: %w", port, err)
	}
	return origin{host: host, port: strconv.FormatUint(n, 10)}, nil
}

// Characters that no host may contain; a domain also excludes controls and the percent sign.
const forbiddenInHost = "\x00\t\n\r #/:<>?@[\\]^|"

func parseHost(name string, special bool) (string, error) {
	if strings.HasPrefix(name, "[") {
		return parseIPv6(name)
	}
	if !special {
		return parseOpaqueHost(name)
	}
	name, err := toASCII(unescape(name))
	if err != nil {
		return "", err
	}
	for _, r := range name {
		if r <= ' ' || r == 0x7f || r == '%' || strings.ContainsRune(forbiddenInHost, r) {
			return "", fmt.Errorf("url: host %q has a forbidden character", name)
		}
	}
	switch {
	case name == "":
		return "", errNoHost
	case endsInNumber(name):
		return parseIPv4(name)
	}
	return name, nil
}

// parseOpaqueHost takes the host of a scheme that browsers do not know as it is, with bytes outside ASCII escaped.
func parseOpaqueHost(name string) (string, error) {
	if strings.ContainsAny(name, forbiddenInHost) {
		return "", fmt.Errorf("url: host %q has a forbidden character", name)
	}
	var b strings.Builder
	for i := range len(name) {
		if c := name[i]; c < ' ' || c > '~' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String(), nil
}

// parseIPv6 reads an address in brackets. Unlike netip, the standard prints addresses that embed IPv4 in hexadecimal.
func parseIPv6(name string) (string, error) {
	inner, closed := strings.CutSuffix(name[1:], "]")
	ip, err := netip.ParseAddr(inner)
	if err != nil || !closed || !ip.Is6() || ip.Zone() != "" {
		return "", fmt.Errorf("url: %q is no IPv6 address", name)
	}
	if b := ip.As16(); ip.Is4In6() {
		return fmt.Sprintf("[::ffff:%x:%x]", uint16(b[12])<<8|uint16(b[13]), uint16(b[14])<<8|uint16(b[15])), nil
	}
	return "[" + ip.String() + "]", nil
}

// unescape decodes percent escapes.
func unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	return strings.ToValidUTF8(string(urlencoded.AppendPercent(nil, s)), "\ufffd")
}

// domainToASCII is the standard's "domain to ASCII" with beStrict false.
var domainToASCII = idna.New(
	idna.MapForLookup(), idna.Transitional(false), idna.BidiRule(), idna.CheckJoiners(true),
	idna.CheckHyphens(false), idna.StrictDomainName(false), idna.VerifyDNSLength(false))

func toASCII(name string) (string, error) {
	lower := strings.ToLower(name)
	plain := !strings.HasPrefix(lower, "xn--") && !strings.Contains(lower, ".xn--")
	for i := 0; plain && i < len(name); i++ {
		plain = name[i] < 0x80
	}
	if plain { // nearly every host: the standard's own shortcut
		return lower, nil
	}
	return domainToASCII.ToASCII(name)
}

// endsInNumber tells whether the last label of a host makes it an IPv4 address, or an error.
func endsInNumber(name string) bool {
	labels := strings.Split(name, ".")
	last := labels[len(labels)-1]
	if last == "" && len(labels) > 1 {
		last = labels[len(labels)-2]
	}
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}

// parseIPv4 reads one to four numbers, decimal, octal (0) or hexadecimal (0x), the last of which fills the bytes that are left.
func parseIPv4(name string) (string, error) {
	parts := strings.Split(name, ".")
	if n := len(parts); n > 1 && parts[n-1] == "" {
		parts = parts[:n-1]
	}
	if len(parts) > 4 {
		return "", fmt.Errorf("url: address %q has more than four numbers", name)
	}
	var address uint64
	for i, part := range parts {
		n, err := parseNumber(part)
		if err != nil {
			return "", fmt.Errorf("url: address %q: %w", name, err)
		}
		most := uint64(math.MaxUint8)
		if i == len(parts)-1 {
			most = 1<<(8*(4-i)) - 1
			address += n
		} else {
			address += n << (8 * (3 - i))
		}
		if n > most {
			return "", fmt.Errorf("url: number %d of address %q is too large", n, name)
		}
	}
	return netip.AddrFrom4([4]byte{byte(address >> 24), byte(address >> 16), byte(address >> 8), byte(address)}).String(), nil
}

func parseNumber(s string) (uint64, error) {
	digits, base := s, 10
	switch {
	case s == "":
		return 0, errors.New("empty number")
	case strings.HasPrefix(s, "0x"):
		digits, base = s[2:], 16
	case len(s) > 1 && s[0] == '0':
		digits, base = s[1:], 8
	}
	if digits == "" { // a bare 0x counts as zero
		return 0, nil
	}
	return strconv.ParseUint(digits, base, 64)
}

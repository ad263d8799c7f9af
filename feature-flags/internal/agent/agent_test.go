package agent_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/feature-flags/internal/agent"
	"github.com/hog-go/hog/feature-flags/match"
)

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

func TestDetectRuntime(t *testing.T) {
	tests := map[string]struct {
		header []string
		want   match.Runtime
	}{
		"row 137 SDK of a server, whatever follows": {[]string{"User-Agent", "posthog-node/4.1 Mozilla/5.0"}, match.RuntimeServer},
		"row 137 unknown SDK":                       {[]string{"User-Agent", "posthog-foo/1.0 Chrome/1"}, match.RuntimeUnknown},
		"row 137 unknown SDK with an origin":        {[]string{"User-Agent", "posthog-foo/1.0 Chrome/1", "Origin", "https://a.example"}, match.RuntimeClient},
		"row 137 SDK of a browser":                  {[]string{"User-Agent", "posthog-js/1.2"}, match.RuntimeClient},
		"row 137 SDK not in front":                  {[]string{"User-Agent", "App posthog-node/4 Mozilla/5.0"}, match.RuntimeClient},
		"SDK without a version":                     {[]string{"User-Agent", "posthog-node/"}, match.RuntimeUnknown},
		"SDK without a slash":                       {[]string{"User-Agent", "posthog-node"}, match.RuntimeUnknown},
		"Ruby has no slash":                         {[]string{"User-Agent", "posthog-ruby2.3.0"}, match.RuntimeServer},
		"script":                                    {[]string{"User-Agent", "curl/8.1"}, match.RuntimeServer},
		"nothing":                                   {nil, match.RuntimeUnknown},
		"fetch metadata":                            {[]string{"Sec-Fetch-Site", "cross-site"}, match.RuntimeClient},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { require.Equal(t, tt.want, agent.DetectRuntime(header(tt.header...))) })
	}
}

func TestSDK(t *testing.T) {
	tests := map[string]struct {
		header []string
		want   string
	}{
		"row 138 unknown SDK":        {[]string{"User-Agent", "posthog-custom/1 Chrome/9"}, "other"},
		"row 138 fetch metadata":     {[]string{"Sec-Fetch-Mode", "cors"}, "posthog-js"},
		"row 138 origin alone":       {[]string{"Origin", "https://a.example"}, "other"},
		"row 138 browser":            {[]string{"User-Agent", "Mozilla/5.0"}, "posthog-js"},
		"SDK with a hyphen":          {[]string{"User-Agent", "posthog-react-native/3.1"}, "posthog-react-native"},
		"server SDK though fetching": {[]string{"User-Agent", "posthog-node/5.1", "Sec-Fetch-Mode", "cors"}, "posthog-node"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { require.Equal(t, tt.want, agent.SDK(header(tt.header...))) })
	}
}

func TestClientIP(t *testing.T) {
	tests := map[string]struct{ forwarded, remote, want string }{
		"row 65 with a port, and a proxy":  {"203.0.113.5:1234, 10.0.0.1", "10.0.0.2:1", "203.0.113.5"},
		"row 65 IPv6 with a port":          {"[2001:db8::1]:443", "10.0.0.2:1", "2001:db8::1"},
		"IPv6 as it is":                    {"2001:db8::1", "10.0.0.2:1", "2001:db8::1"},
		"nonsense leaves the peer":         {"unknown", "10.0.0.2:1", "10.0.0.2"},
		"no proxy":                         {"", "[::1]:99", "::1"},
		"the second address never matters": {"unknown, 203.0.113.5", "10.0.0.2:1", "10.0.0.2"},
		"nothing at all":                   {"", "", ""},
		"IPv6 in another spelling":         {"2001:DB8:0::1", "10.0.0.2:1", "2001:db8::1"},
		"and with a port":                  {"[2001:0db8::0001]:443", "10.0.0.2:1", "2001:db8::1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: tt.remote, Header: http.Header{}}
			if tt.forwarded != "" {
				r.Header.Set("X-Forwarded-For", tt.forwarded)
			}
			require.Equal(t, tt.want, agent.ClientIP(r))
		})
	}
}

func TestSDKVersion(t *testing.T) {
	for ua, want := range map[string]string{
		"posthog-node/5.0.0": "5.0.0", "posthog-android/3.1 okhttp/4": "3.1", "posthog-ruby2.3.0": "", "posthog-node/": "", "curl/8": "", "": "",
	} {
		require.Equal(t, want, agent.SDKVersion(ua), ua)
	}
}

func TestRequestStart(t *testing.T) {
	for name, tt := range map[string]struct {
		header string
		want   int64
		ok     bool
	}{
		"row 66 with a fraction":    {"t=1774859827.782", 1774859827782, true},
		"row 66 no seconds":         {".5", 0, false},
		"row 66 no fraction":        {"t=1.", 0, false},
		"bare":                      {"1774859827", 1774859827000, true},
		"microseconds":              {"t=1774859827.782999", 1774859827782, true},
		"few digits":                {"t=1.5", 1500, true},
		"nothing":                   {"", 0, false},
		"a fraction that is a word": {"t=1.abc", 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := agent.RequestStart(header("X-Request-Start", tt.header))
			require.Equal(t, tt.ok, ok)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestDetectBot(t *testing.T) {
	tests := map[string]struct {
		ua, ip string
		want   agent.Bot
	}{
		"specific before generic":   {"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "", agent.Bot{"google", "user_agent"}},
		"generic":                   {"Mozilla/5.0 (compatible; ExampleBot/1.0)", "", agent.Bot{"other", "user_agent"}},
		"address, mapped into IPv6": {"posthog-python/3", "::ffff:66.249.66.1", agent.Bot{"google", "ip"}},
		"address, IPv6":             {"", "2001:4860:4801:1::2", agent.Bot{"google", "ip"}},
		"an SDK":                    {"posthog-js/1.2", "203.0.113.5", agent.Bot{}},
		"nobody":                    {"", "", agent.Bot{}},
		"a browser":                 {"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36", "192.0.2.1", agent.Bot{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, is := agent.DetectBot(tt.ua, tt.ip)
			require.Equal(t, tt.want, got)
			require.Equal(t, tt.want != agent.Bot{}, is)
		})
	}
}

package clientip_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/capture/internal/clientip"
)

func TestAppend(t *testing.T) {
	const peer = "192.0.2.1:4711"
	h := func(kv ...string) http.Header {
		header := http.Header{}
		for i := 0; i < len(kv); i += 2 {
			header.Add(kv[i], kv[i+1])
		}
		return header
	}
	tests := map[string]struct {
		header http.Header
		peer   string
		want   string
	}{
		"peer":                            {h(), peer, "192.0.2.1"},
		"IPv6 peer":                       {h(), "[2001:db8::1]:1", "2001:db8::1"},
		"peer without an address":         {h(), "@", "127.0.0.1"},
		"first of the forwarded":          {h("X-Forwarded-For", "203.0.113.9, 10.0.0.1"), peer, "203.0.113.9"},
		"invalid ones are skipped":        {h("X-Forwarded-For", "junk,, 203.0.113.9"), peer, "203.0.113.9"},
		"over all lines":                  {h("X-Forwarded-For", "junk", "X-Forwarded-For", "203.0.113.9"), peer, "203.0.113.9"},
		"canonical form":                  {h("X-Forwarded-For", "2001:0DB8:0:0::1"), peer, "2001:db8::1"},
		"an address with a port is none":  {h("X-Forwarded-For", "203.0.113.9:80"), peer, "192.0.2.1"},
		"Forwarded":                       {h("Forwarded", `by=x;for=203.0.113.9;proto=https, for=10.0.0.1`), peer, "203.0.113.9"},
		"Forwarded with IPv6 and port":    {h("Forwarded", `For="[2001:db8::1]:4711"`), peer, "2001:db8::1"},
		"Forwarded, obfuscated":           {h("Forwarded", "for=_hidden"), peer, "192.0.2.1"},
		"X-Real-Ip before the next":       {h("X-Real-Ip", "203.0.113.8", "Fly-Client-IP", "203.0.113.7"), peer, "203.0.113.8"},
		"fly":                             {h("Fly-Client-IP", "203.0.113.7", "True-Client-IP", "203.0.113.6"), peer, "203.0.113.7"},
		"an invalid header falls through": {h("X-Real-Ip", "junk", "True-Client-IP", "203.0.113.6"), peer, "203.0.113.6"},
		"cloudflare":                      {h("CF-Connecting-IP", "203.0.113.5"), peer, "203.0.113.5"},
		"cloudfront":                      {h("CloudFront-Viewer-Address", "203.0.113.4:4711"), peer, "203.0.113.4"},
		"cloudfront with IPv6":            {h("CloudFront-Viewer-Address", "2001:db8::4:4711"), peer, "2001:db8::4"},
		"the zone of a peer is local":     {h(), "[fe80::1%eth0]:1", "fe80::1"},
		"a zone with JSON in it":          {h("X-Real-Ip", `fe80::1%","token":"x`), peer, "192.0.2.1"},
		"a zone in the list":              {h("X-Forwarded-For", `fe80::1%", 203.0.113.2`), peer, "203.0.113.2"},
		"Forwarded with a zone":           {h("Forwarded", `for="[fe80::1%\"x]:1";for=[fe80::1%x]`), peer, "192.0.2.1"},
		"cloudfront with a zone":          {h("CloudFront-Viewer-Address", `fe80::1%":1`), peer, "192.0.2.1"},
		"X-Forwarded-For before all":      {h("Forwarded", "for=203.0.113.1", "X-Forwarded-For", "203.0.113.2"), peer, "203.0.113.2"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tt.want, string(clientip.Append(nil, tt.header, tt.peer)))
		})
	}
}

package featureflags_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
	"github.com/stretchr/testify/require"
)

// places writes a GeoIP database in which 81.2.69.0/24 is in London.
func places(t *testing.T) string {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "GeoLite2-City", IncludeReservedNetworks: true})
	require.NoError(t, err)
	_, london, err := net.ParseCIDR("81.2.69.0/24")
	require.NoError(t, err)
	require.NoError(t, tree.Insert(london, mmdbtype.Map{
		"city": mmdbtype.Map{"names": mmdbtype.Map{"en": mmdbtype.String("London")}}, "country": mmdbtype.Map{"iso_code": mmdbtype.String("GB")},
	}))
	path := filepath.Join(t.TempDir(), "city.mmdb")
	f, err := os.Create(path)
	require.NoError(t, err)
	_, err = tree.WriteTo(f)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	return path
}

func TestPlaces(t *testing.T) {
	h := setup(t, options{env: []string{"MAXMIND_DB_PATH=" + places(t)}})
	h.cacheFlags(t, 1, flagOn("london", `{"key":"$geoip_city_name","type":"person","value":"London"}`), flagOn("gb", `{"key":"$geoip_country_code","type":"person","value":"GB"}`))
	london := []string{"X-Forwarded-For", "81.2.69.142"}
	for name, tt := range map[string]struct {
		body   string
		header []string
		want   bool
	}{
		"from London":                 {ann, london, true},
		"from elsewhere":              {ann, []string{"X-Forwarded-For", "192.0.2.1"}, false},
		"the place wins over claims":  {`{"token":"phc_1","distinct_id":"a","person_properties":{"$geoip_city_name":"Paris","$geoip_country_code":"FR"}}`, london, true},
		"the client wants no places":  {`{"token":"phc_1","distinct_id":"a","geoip_disable":true}`, london, false},
		"its claims then stand alone": {`{"token":"phc_1","distinct_id":"a","geoip_disable":true,"person_properties":{"$geoip_city_name":"London","$geoip_country_code":"GB"}}`, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			flags := h.post(t, "/flags?v=2", tt.body, tt.header...).flags(t)
			require.Equal(t, tt.want, flags["london"].Enabled)
			require.Equal(t, tt.want, flags["gb"].Enabled)
		})
	}
}

func TestBrokenUpload(t *testing.T) {
	h := setup(t, options{})
	u, err := url.Parse(h.url)
	require.NoError(t, err)
	conn, err := net.Dial("tcp", u.Host)
	require.NoError(t, err)
	defer conn.Close()
	fmt.Fprintf(conn, "POST /flags HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n%s", `{"token"`)
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, 400, resp.StatusCode)
	require.Equal(t, "Failed to buffer the request body", string(body))
}

// Requests beyond MAX_CONCURRENCY wait, and are answered.
func TestConcurrency(t *testing.T) {
	h := setup(t, options{apart: true, env: append([]string{"MAX_CONCURRENCY=2"}, limits...)})
	h.cacheFlags(t, 1, three...)
	h.person(t, 1, "ann", `{"plan":"pro"}`)
	h.personsWire.slow(20 * time.Millisecond)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			resp, err := http.Post(h.url+"/flags?v=2", "application/json", http.NoBody)
			if err != nil || resp.StatusCode != 400 {
				t.Errorf("%v %v", resp, err)
				return
			}
			_ = resp.Body.Close()
		})
		wg.Go(func() {
			if r := h.post(t, "/flags?v=2", ann); r.status != 200 {
				t.Errorf("%d %s", r.status, r.body)
			}
		})
	}
	require.Equal(t, 200, h.do(t, "GET", "/_liveness", "").status, "probes do not queue")
	wg.Wait()
}

// A stop finishes the requests in flight.
func TestStopDrains(t *testing.T) {
	h := setup(t, options{apart: true})
	h.cacheFlags(t, 1, three...)
	h.person(t, 1, "ann", `{"plan":"pro"}`)
	require.True(t, h.post(t, "/flags?v=2", ann).flags(t)["plan"].Enabled)
	h.personsWire.slow(300 * time.Millisecond)
	answered := make(chan reply, 1)
	go func() { answered <- h.post(t, "/flags?v=2", ann) }()
	require.Eventually(t, func() bool { return h.personsWire.waiting() > 0 }, 5*time.Second, time.Millisecond)
	require.NoError(t, h.stop())
	require.True(t, (<-answered).flags(t)["plan"].Enabled)
	require.Len(t, h.redis.Keys(t.Context(), "posthog:decide_requests:1").Val(), 1)
}

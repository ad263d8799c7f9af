package geoip_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/geoip"
)

func names(en string) mmdbtype.Map {
	return mmdbtype.Map{"en": mmdbtype.String(en), "de": mmdbtype.String("auf deutsch")}
}

// records of the test's database; the shape is that of GeoLite2-City.
var records = map[string]mmdbtype.Map{
	"81.2.69.0/24": {
		"city":      mmdbtype.Map{"geoname_id": mmdbtype.Uint32(2643743), "names": names("London")},
		"continent": mmdbtype.Map{"code": mmdbtype.String("EU"), "names": names("Europe")},
		"country":   mmdbtype.Map{"iso_code": mmdbtype.String("GB"), "names": names("United Kingdom")},
		"location": mmdbtype.Map{
			"latitude": mmdbtype.Float64(51.5), "longitude": mmdbtype.Float64(-0.1), "time_zone": mmdbtype.String("Europe/London"),
		},
		"postal":       mmdbtype.Map{"code": mmdbtype.String("SW1")},
		"subdivisions": mmdbtype.Slice{mmdbtype.Map{"iso_code": mmdbtype.String("ENG"), "names": names("England")}},
	},
	"2001:218::/32": {"country": mmdbtype.Map{"iso_code": mmdbtype.String("JP"), "names": names("Japan")}},
	"89.160.20.0/24": {
		"country": mmdbtype.Map{"iso_code": mmdbtype.Uint32(46), "names": names("Sweden")},
		"city":    mmdbtype.String("Linköping"),
	},
	"67.43.156.0/24": {"registered_country": mmdbtype.Map{"iso_code": mmdbtype.String("CN")}},
	"127.0.0.0/8":    {"country": mmdbtype.Map{"iso_code": mmdbtype.String("XX")}},
}

func TestLookup(t *testing.T) {
	db := open(t)
	tests := map[string]struct {
		ip   string
		want []geoip.Property // nil: not found
	}{
		"every property": {"81.2.69.142", []geoip.Property{
			{"$geoip_country_name", "United Kingdom"},
			{"$geoip_city_name", "London"},
			{"$geoip_country_code", "GB"},
			{"$geoip_continent_name", "Europe"},
			{"$geoip_continent_code", "EU"},
			{"$geoip_postal_code", "SW1"},
			{"$geoip_time_zone", "Europe/London"},
		}},
		"only what is there":                 {"2001:218::1", []geoip.Property{{"$geoip_country_name", "Japan"}, {"$geoip_country_code", "JP"}}},
		"only what is text":                  {"89.160.20.112", []geoip.Property{{"$geoip_country_name", "Sweden"}}},
		"record without any of them":         {"67.43.156.1", []geoip.Property{}},
		"row 61 loopback":                    {"127.0.0.1", nil},
		"row 61 no address":                  {"not_an_ip", nil},
		"row 61 numbers out of range":        {"999.999.999.999", nil},
		"loopback of IPv6":                   {"::1", nil},
		"empty":                              {"", nil},
		"address with port":                  {"81.2.69.142:80", nil},
		"private address":                    {"192.168.0.1", nil},
		"public address not in the database": {"8.8.8.8", nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			place, found := db.Lookup(tt.ip)
			require.Equal(t, tt.want, place)
			require.Equal(t, tt.want != nil, found)
		})
	}
}

func TestOpen(t *testing.T) {
	t.Run("missing file says what to do", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "none.mmdb")
		_, err := geoip.Open(path)
		require.ErrorIs(t, err, os.ErrNotExist)
		require.ErrorContains(t, err, path)
		require.ErrorContains(t, err, "set MAXMIND_DB_PATH to a GeoLite2-City.mmdb file")
	})
	t.Run("file of another kind", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "text.mmdb")
		require.NoError(t, os.WriteFile(path, []byte("not a database"), 0o600))
		_, err := geoip.Open(path)
		require.ErrorContains(t, err, "open GeoIP database")
	})
}

func BenchmarkLookup(b *testing.B) {
	db := open(b)
	b.ReportAllocs()
	for b.Loop() {
		db.Lookup("81.2.69.142")
	}
}

// open writes the records to a database file and opens it.
func open(tb testing.TB) *geoip.Database {
	tb.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "GeoLite2-City", RecordSize: 24, IncludeReservedNetworks: true})
	require.NoError(tb, err)
	for cidr, record := range records {
		_, network, err := net.ParseCIDR(cidr)
		require.NoError(tb, err)
		require.NoError(tb, tree.Insert(network, record))
	}
	path := filepath.Join(tb.TempDir(), "GeoLite2-City.mmdb")
	file, err := os.Create(path)
	require.NoError(tb, err)
	_, err = tree.WriteTo(file)
	require.NoError(tb, err)
	require.NoError(tb, file.Close())

	db, err := geoip.Open(path)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, db.Close()) })
	return db
}

// Package geoip finds the place of an IP address in a MaxMind City database, as the properties that PostHog puts on events.
package geoip

import (
	"fmt"
	"net/netip"

	"github.com/oschwald/maxminddb-golang/v2"
)

// Property is one fact about a place, under its name in an event.
type Property struct{ Name, Value string }

// properties are all that is read, and where in a record: the list of PostHog's rust/common/geoip.
var properties = []struct {
	name string
	path []any
}{
	{"$geoip_country_name", []any{"country", "names", "en"}},
	{"$geoip_city_name", []any{"city", "names", "en"}},
	{"$geoip_country_code", []any{"country", "iso_code"}},
	{"$geoip_continent_name", []any{"continent", "names", "en"}},
	{"$geoip_continent_code", []any{"continent", "code"}},
	{"$geoip_postal_code", []any{"postal", "code"}},
	{"$geoip_time_zone", []any{"location", "time_zone"}},
}

// Database is an open City database, mapped into memory. It is safe for concurrent use, except for Close.
type Database struct{ reader *maxminddb.Reader }

// Open opens the .mmdb file at path.
func Open(path string) (*Database, error) {
	reader, err := maxminddb.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open GeoIP database %q: %w; set MAXMIND_DB_PATH to a GeoLite2-City.mmdb file "+
			"(https://mmdbcdn.posthog.net/ gives one, compressed with brotli)", path, err)
	}
	return &Database{reader: reader}, nil
}

// Close gives the memory map back. Nothing may use d any more.
func (d *Database) Close() error { return d.reader.Close() }

// Lookup is what the database says about ip, in a fixed order. found is false for text that is no address, for loopback, and for
// addresses that the database does not have; a record that has none of the properties is found, and empty.
func (d *Database) Lookup(ip string) (place []Property, found bool) {
	addr, err := netip.ParseAddr(ip)
	if err != nil || addr.IsLoopback() {
		return nil, false
	}
	record := d.reader.Lookup(addr)
	if !record.Found() {
		return nil, false
	}
	place = make([]Property, 0, len(properties))
	for _, p := range properties {
		// A value that is no string is as good as none, and takes no others with it: hence one decode for each.
		var value *string
		if err := record.DecodePath(&value, p.path...); err == nil && value != nil {
			place = append(place, Property{Name: p.name, Value: *value})
		}
	}
	return place, true
}

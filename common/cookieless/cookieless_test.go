package cookieless_test

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/cookieless"
	"github.com/hog-go/hog/common/testkit"
)

const (
	chrome58 = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/58.0.3029.110 Safari/537.3"
	salt1    = "AQIDBAUGBwgJCgsMDQ4PEA=="
	pangram  = "Sphinx of Black Quartz, Judge My Vow. This is a pretty long extra string - it is exactly 100 chars!!"
	saltKey  = "cookieless_salt:2025-01-10"
)

var noon = time.Date(2025, 1, 10, 12, 0, 0, 0, time.UTC)

func TestSum(t *testing.T) {
	base := cookieless.Input{TeamID: 1, IP: "1.2.3.4", RootDomain: "example.com", UserAgent: chrome58}
	with := func(change func(*cookieless.Input)) cookieless.Input {
		in := base
		change(&in)
		return in
	}
	tests := map[string]struct {
		salt string
		in   cookieless.Input
		want string
	}{
		"row 1 base":                       {salt1, base, "jZfBjkLcdjlQTVmIKIhC3Q=="},
		"row 2 other salt":                 {"BBBBBBBBBBBBBBBBBBBBBA==", base, "+enbKKNpXkdkAyA7u+VkRA=="},
		"row 3 other ip":                   {salt1, with(func(in *cookieless.Input) { in.IP = "5.6.7.8" }), "kmHSjAz71inr4axAIDUN1A=="},
		"row 4 other user agent":           {salt1, with(func(in *cookieless.Input) { in.UserAgent = "Smart Fridge" }), "sjSJh5qV4gsbEAc2DG6w7g=="},
		"row 5 one identify":               {salt1, with(func(in *cookieless.Input) { in.N = 1 }), "igaaEDUIUxmCqAaPyFWP7Q=="},
		"row 6 extra of 100":               {salt1, with(func(in *cookieless.Input) { in.Extra = pangram }), "lPLnR7N4qR683u8oyGmTGg=="},
		"row 7 extra beyond 100":           {salt1, with(func(in *cookieless.Input) { in.Extra = pangram + "! Actually no, it's longer" }), "lPLnR7N4qR683u8oyGmTGg=="},
		"other team":                       {salt1, with(func(in *cookieless.Input) { in.TeamID = 3000 }), "BiC9Zpcr2Ctyc6mvZh4+lg=="},
		"other domain":                     {salt1, with(func(in *cookieless.Input) { in.RootDomain = "other.com" }), "HSTgvTovdKSCZxOWE0fiOA=="},
		"developer's machine with Firefox": {"ymdOUMYgo0sM6RlAEjs6qQ==", cookieless.Input{TeamID: 1, IP: "127.0.0.1", RootDomain: "127.0.0.1:3000", UserAgent: "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:136.0) Gecko/20100101 Firefox/136.0"}, "/R98LDV5ssv0VIx1j8n8aQ=="},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			salt, err := base64.StdEncoding.DecodeString(tt.salt)
			require.NoError(t, err)
			digest, err := cookieless.Sum(salt, tt.in)
			require.NoError(t, err)
			require.Equal(t, tt.want, base64.StdEncoding.EncodeToString(digest[:]))
		})
	}

	t.Run("row 8 salt of 8 bytes", func(t *testing.T) {
		_, err := cookieless.Sum(make([]byte, 8), base)
		require.EqualError(t, err, "Salt must be exactly 16 bytes, but got 8 bytes.")
	})
	t.Run("extra is cut by characters, not bytes", func(t *testing.T) {
		hundred, err := cookieless.Sum(make([]byte, 16), with(func(in *cookieless.Input) { in.Extra = strings.Repeat("€", 100) }))
		require.NoError(t, err)
		more, err := cookieless.Sum(make([]byte, 16), with(func(in *cookieless.Input) { in.Extra = strings.Repeat("€", 101) }))
		require.NoError(t, err)
		fewer, err := cookieless.Sum(make([]byte, 16), with(func(in *cookieless.Input) { in.Extra = strings.Repeat("€", 99) }))
		require.NoError(t, err)
		require.Equal(t, hundred, more)
		require.NotEqual(t, hundred, fewer)
	})
}

func TestDigestNames(t *testing.T) {
	t.Run("row 9 id", func(t *testing.T) {
		d := cookieless.Digest{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
		require.Equal(t, "cookieless_AQIDBAUGBwgJCgsMDQ4PEA", d.ID())
	})
	salt, err := base64.StdEncoding.DecodeString(salt1)
	require.NoError(t, err)
	d, err := cookieless.Sum(salt, cookieless.Input{TeamID: 1, IP: "1.2.3.4", RootDomain: "example.com", UserAgent: chrome58})
	require.NoError(t, err)
	for name, tt := range map[string]struct {
		team int32
		want string
	}{
		"row 10 identifies key of team 42":   {42, "cklsi:42:jZfBjkLcdjlQTVmIKIhC3Q"},
		"row 11 identifies key of team 0":    {0, "cklsi:0:jZfBjkLcdjlQTVmIKIhC3Q"},
		"identifies key of the largest team": {2147483647, "cklsi:2147483647:jZfBjkLcdjlQTVmIKIhC3Q"},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, tt.want, d.IdentifiesKey(tt.team)) })
	}
}

func TestDay(t *testing.T) {
	svc, _ := setup(t, cookieless.Config{})
	tests := map[string]struct {
		at    string
		zones []string
		want  string
	}{
		"row 23 zone ahead":              {"2025-01-01T20:30:01Z", []string{"Asia/Tehran", "UTC"}, "2025-01-02"},
		"row 24 zone behind":             {"2025-01-01T02:59:00Z", []string{"America/Sao_Paulo"}, "2024-12-31"},
		"row 25 unknown zone":            {"2025-01-01T10:00:00Z", []string{"Not/A/Timezone", "UTC"}, "2025-01-01"},
		"row 26 no zone":                 {"2025-01-01T10:59:00Z", nil, "2025-01-01"},
		"team zone behind an unknown":    {"2025-01-01T20:30:01Z", []string{"asia/tehran", "Asia/Tehran"}, "2025-01-02"},
		"empty zone is unknown":          {"2025-01-01T20:30:01Z", []string{"", "Asia/Tehran"}, "2025-01-02"},
		"Go's Local is unknown":          {"2025-01-01T20:30:01Z", []string{"Local", "Asia/Tehran"}, "2025-01-02"},
		"host's own folders are unknown": {"2025-01-01T20:30:01Z", []string{"right/UTC", "posix/UTC", "localtime", "Asia/Tehran"}, "2025-01-02"},
		"path out of the database":       {"2025-01-01T20:30:01Z", []string{"../zoneinfo/UTC", "/etc/localtime", "Asia/Tehran"}, "2025-01-02"},
		"link of the database":           {"2025-01-01T10:59:00Z", []string{"US/Samoa"}, "2024-12-31"},
		"event zone before team zone":    {"2025-01-01T12:00:00Z", []string{"Pacific/Tongatapu", "Pacific/Midway"}, "2025-01-02"},
		"fraction of a second":           {"2025-01-01T23:59:59.999Z", []string{"UTC"}, "2025-01-01"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339, tt.at)
			require.NoError(t, err)
			for range 2 { // the second time from memory
				require.Equal(t, tt.want, svc.Day(at.UnixMilli(), tt.zones...))
			}
		})
	}
}

func TestSaltDayRange(t *testing.T) {
	for name, tt := range map[string]struct {
		day, now string
		ok       bool
	}{
		"row 27 not a date":           {"not-a-date", "2025-01-10T12:00:00Z", false},
		"row 27 slashes":              {"2023/01/01", "2025-01-10T12:00:00Z", false},
		"no such day":                 {"2025-02-30", "2025-02-28T12:00:00Z", false},
		"before the first zone":       {"2025-01-10", "2025-01-09T11:59:59Z", false},
		"first moment":                {"2025-01-10", "2025-01-09T12:00:00Z", true},
		"last moment":                 {"2025-01-10", "2025-01-13T13:59:59.999Z", true},
		"after the last late arrival": {"2025-01-10", "2025-01-13T14:00:00Z", false},
	} {
		t.Run(name, func(t *testing.T) {
			svc, store := setup(t, cookieless.Config{})
			now, err := time.Parse(time.RFC3339, tt.now)
			require.NoError(t, err)
			_, err = svc.Salt(t.Context(), now, tt.day)
			if tt.ok {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, cookieless.ErrDateOutOfRange)
			require.EqualError(t, err, "Date is out of range")
			require.Empty(t, store.calls)
		})
	}
}

func TestDistinctID(t *testing.T) {
	event := cookieless.Event{
		DistinctID: cookieless.Sentinel, UnixMilli: noon.UnixMilli(), IP: "1.2.3.4", Host: "https://www.example.com/a", UserAgent: chrome58,
	}
	with := func(change func(*cookieless.Event)) cookieless.Event {
		e := event
		change(&e)
		return e
	}
	stateless := cookieless.Team{ID: 1, TimeZone: "UTC", Mode: cookieless.Stateless}
	stateful := cookieless.Team{ID: 1, TimeZone: "UTC", Mode: cookieless.Stateful}
	const (
		baseID  = "cookieless_jZfBjkLcdjlQTVmIKIhC3Q"
		baseKey = "cklsi:1:jZfBjkLcdjlQTVmIKIhC3Q"
		oneID   = "cookieless_igaaEDUIUxmCqAaPyFWP7Q"
	)
	getSalt, count := "GET "+saltKey, "SCARD "+baseKey

	tests := map[string]struct {
		cfg     cookieless.Config
		event   cookieless.Event
		team    cookieless.Team
		prepare func(*recorder)
		want    string
		wantErr string
		calls   []string
	}{
		"row 28 id of its own":               {event: cookieless.Event{DistinctID: "non_sentinel_id"}, team: stateless, want: "non_sentinel_id"},
		"row 29 service disabled":            {cfg: cookieless.Config{Disabled: true}, event: event, team: stateful, want: cookieless.Sentinel},
		"team disabled":                      {event: event, team: cookieless.Team{ID: 1}, want: cookieless.Sentinel},
		"unknown team mode counts as off":    {event: event, team: cookieless.Team{ID: 1, Mode: 3}, want: cookieless.Sentinel},
		"row 30 no ip":                       {event: with(func(e *cookieless.Event) { e.IP, e.Host = "", "" }), team: stateful, wantErr: "Missing required property: ip"},
		"no host":                            {event: with(func(e *cookieless.Event) { e.Host, e.UserAgent = "", "" }), team: stateful, wantErr: "Missing required property: host"},
		"row 31 no user agent":               {event: with(func(e *cookieless.Event) { e.UserAgent = "" }), team: stateful, wantErr: "Missing required property: user_agent"},
		"day long ago":                       {event: with(func(e *cookieless.Event) { e.UnixMilli = 0 }), team: stateful, wantErr: "Date is out of range"},
		"day beyond four digits":             {event: with(func(e *cookieless.Event) { e.UnixMilli = 1 << 60 }), team: stateful, wantErr: "Date is out of range"},
		"stateless team":                     {event: event, team: stateless, want: baseID, calls: []string{getSalt}},
		"forced stateless":                   {cfg: cookieless.Config{ForceStateless: true}, event: event, team: stateful, want: baseID, calls: []string{getSalt}},
		"stateful team without identifies":   {event: event, team: stateful, want: baseID, calls: []string{getSalt, count}},
		"stateful team with one identify":    {event: event, team: stateful, prepare: func(r *recorder) { r.SAdd(t.Context(), baseKey, "uuid") }, want: oneID, calls: []string{getSalt, count}},
		"count written as a number":          {event: event, team: stateful, prepare: func(r *recorder) { r.Set(t.Context(), baseKey, "1", 0) }, want: oneID, calls: []string{getSalt, count, "GET " + baseKey}},
		"count written as something else":    {event: event, team: stateful, prepare: func(r *recorder) { r.Set(t.Context(), baseKey, "one", 0) }, wantErr: "Invalid identify count: invalid syntax", calls: []string{getSalt, count, "GET " + baseKey}},
		"count unreadable: no silent zero":   {event: event, team: stateful, prepare: func(r *recorder) { r.fail["SCARD"] = errors.New("timeout") }, wantErr: "Redis error(key=" + baseKey + "): timeout", calls: []string{getSalt, count}},
		"salt unreadable":                    {event: event, team: stateless, prepare: func(r *recorder) { r.fail["GET"] = errors.New("timeout") }, wantErr: "Redis error: timeout", calls: []string{getSalt}},
		"salt of wrong length":               {event: event, team: stateless, prepare: func(r *recorder) { r.Set(t.Context(), saltKey, "AAAA", 0) }, wantErr: "Salt must be exactly 16 bytes, but got 3 bytes.", calls: []string{getSalt}},
		"extra enters the hash":              {event: with(func(e *cookieless.Event) { e.Extra = pangram }), team: stateless, want: "cookieless_lPLnR7N4qR683u8oyGmTGg", calls: []string{getSalt}},
		"event zone decides which day it is": {event: with(func(e *cookieless.Event) { e.TimeZone = "Pacific/Kiritimati" }), team: stateless, want: baseID, prepare: func(r *recorder) { r.Set(t.Context(), "cookieless_salt:2025-01-11", salt1, 0) }, calls: []string{"GET cookieless_salt:2025-01-11"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			svc, store := setup(t, tt.cfg)
			store.Set(t.Context(), saltKey, salt1, 0)
			if tt.prepare != nil {
				tt.prepare(store)
			}
			id, err := svc.DistinctID(t.Context(), noon, tt.event, tt.team)
			if tt.wantErr != "" {
				require.EqualError(t, err, tt.wantErr)
			} else {
				require.NoError(t, err)
			}
			require.Equal(t, tt.want, id)
			require.Equal(t, tt.calls, store.calls)
		})
	}

	t.Run("missing property is told apart", func(t *testing.T) {
		svc, _ := setup(t, cookieless.Config{})
		_, err := svc.DistinctID(t.Context(), noon, cookieless.Event{DistinctID: cookieless.Sentinel}, stateless)
		missing, ok := errors.AsType[*cookieless.MissingPropertyError](err)
		require.True(t, ok)
		require.Equal(t, "ip", missing.Property)
	})
}

func TestSalt(t *testing.T) {
	const get, set = "GET " + saltKey, "SETNX " + saltKey
	want, err := base64.StdEncoding.DecodeString(salt1)
	require.NoError(t, err)

	t.Run("rows 32 and 33", func(t *testing.T) {
		svc, store := setup(t, cookieless.Config{})
		store.Set(t.Context(), saltKey, salt1, 0)
		read := func() {
			salt, err := svc.Salt(t.Context(), noon, "2025-01-10")
			require.NoError(t, err)
			require.Equal(t, want, salt)
		}
		t.Run("row 32 second call is served from memory", func(t *testing.T) {
			read()
			read()
			require.Equal(t, []string{get}, store.calls)
		})
		t.Run("row 33 cleared memory asks again", func(t *testing.T) {
			svc.ClearSalts()
			read()
			require.Equal(t, []string{get, get}, store.calls)
		})
		require.NoError(t, testutil.GatherAndCompare(store.metrics, strings.NewReader(`
			# HELP cookieless_salt_cache_hit_total Salts of cookieless days found in this process.
			# TYPE cookieless_salt_cache_hit_total counter
			cookieless_salt_cache_hit_total{day="2025-01-10",operation="getSaltForDay"} 1
			# HELP cookieless_salt_cache_miss_total Salts of cookieless days asked of Redis.
			# TYPE cookieless_salt_cache_miss_total counter
			cookieless_salt_cache_miss_total{day="2025-01-10",operation="getSaltForDay"} 2
		`)))
	})

	t.Run("memory ends with the configured time", func(t *testing.T) {
		svc, store := setup(t, cookieless.Config{SaltTTL: time.Hour})
		store.Set(t.Context(), saltKey, salt1, 0)
		for _, later := range []time.Duration{0, time.Hour - 1, time.Hour} {
			_, err := svc.Salt(t.Context(), noon.Add(later), "2025-01-10")
			require.NoError(t, err)
		}
		require.Equal(t, []string{get, get}, store.calls)
	})
	t.Run("memory does not outlive the day's range", func(t *testing.T) {
		svc, store := setup(t, cookieless.Config{})
		store.Set(t.Context(), saltKey, salt1, 0)
		_, err := svc.Salt(t.Context(), noon, "2025-01-10")
		require.NoError(t, err)
		_, err = svc.Salt(t.Context(), noon.AddDate(0, 0, 4), "2025-01-10")
		require.ErrorIs(t, err, cookieless.ErrDateOutOfRange)
	})

	t.Run("quotes of other writers", func(t *testing.T) {
		svc, store := setup(t, cookieless.Config{})
		store.Set(t.Context(), saltKey, `"`+salt1+`"`, 0)
		salt, err := svc.Salt(t.Context(), noon, "2025-01-10")
		require.NoError(t, err)
		require.Equal(t, want, salt)
	})

	t.Run("made when there is none", func(t *testing.T) {
		svc, store := setup(t, cookieless.Config{SaltTTL: time.Hour})
		salt, err := svc.Salt(t.Context(), noon, "2025-01-10")
		require.NoError(t, err)
		require.Len(t, salt, 16)
		stored, err := store.Client.Get(t.Context(), saltKey).Result()
		require.NoError(t, err)
		require.Equal(t, base64.StdEncoding.EncodeToString(salt), stored)
		ttl := store.TTL(t.Context(), saltKey).Val()
		require.InDelta(t, 345600, ttl.Seconds(), 60, "the time in Redis does not follow the time in memory")
		require.Equal(t, []string{get, set}, store.calls)
	})
	t.Run("lost race takes the winner's", func(t *testing.T) {
		svc, store := setup(t, cookieless.Config{})
		store.beforeSetNX = func() { store.Set(t.Context(), saltKey, salt1, 0) }
		salt, err := svc.Salt(t.Context(), noon, "2025-01-10")
		require.NoError(t, err)
		require.Equal(t, want, salt)
		require.Equal(t, []string{get, set, get}, store.calls)
	})

	for name, tt := range map[string]struct {
		prepare   func(*recorder)
		wantErr   string
		operation string
	}{
		"read fails":  {func(r *recorder) { r.fail["GET"] = errors.New("refused") }, "Redis error: refused", "get_salt"},
		"write fails": {func(r *recorder) { r.fail["SETNX"] = errors.New("refused") }, "Redis error: refused", "set_salt_nx_ex"},
		"winner's salt is gone again": {func(r *recorder) {
			r.beforeSetNX = func() { r.Set(t.Context(), saltKey, salt1, 0) }
			r.afterSetNX = func() { r.Del(t.Context(), saltKey) }
		}, "Redis error: redis: nil", "get_salt_retry"},
		"no base64": {func(r *recorder) { r.Set(t.Context(), saltKey, "-", 0) }, "Failed to get salt from redis", "decode_salt"},
		"winner wrote no base64": {func(r *recorder) {
			r.beforeSetNX = func() { r.Set(t.Context(), saltKey, "-", 0) }
		}, "Failed to get salt from redis", "decode_salt_retry"},
	} {
		t.Run(name+", and nothing is kept", func(t *testing.T) {
			svc, store := setup(t, cookieless.Config{})
			tt.prepare(store)
			_, err := svc.Salt(t.Context(), noon, "2025-01-10")
			require.EqualError(t, err, tt.wantErr)
			require.NoError(t, testutil.GatherAndCompare(store.metrics, strings.NewReader(`
				# HELP cookieless_redis_error_total Salts that Redis could not give or keep, by the step that failed. Events of that day get no distinct id.
				# TYPE cookieless_redis_error_total counter
				cookieless_redis_error_total{day="2025-01-10",operation="`+tt.operation+`"} 1
			`), "cookieless_redis_error_total"))

			clear(store.fail)
			store.beforeSetNX, store.afterSetNX = nil, nil
			store.Set(t.Context(), saltKey, salt1, 0)
			salt, err := svc.Salt(t.Context(), noon, "2025-01-10")
			require.NoError(t, err)
			require.Equal(t, want, salt)
		})
	}
}

func TestNewRefusesNegativeTTL(t *testing.T) {
	_, err := cookieless.New(cookieless.Config{SaltTTL: -1}, cookieless.Deps{})
	require.EqualError(t, err, "cookieless: salt TTL -1ns is negative")
}

// recorder is a Redis that notes what it is asked and fails on demand.
type recorder struct {
	*redis.Client
	metrics     *prometheus.Registry
	calls       []string
	fail        map[string]error // by command
	beforeSetNX func()
	afterSetNX  func()
}

func setup(t *testing.T, cfg cookieless.Config) (*cookieless.Service, *recorder) {
	t.Helper()
	options, err := redis.ParseURL(testkit.Redis(t))
	require.NoError(t, err)
	client := redis.NewClient(options)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	r := &recorder{Client: client, metrics: prometheus.NewRegistry(), fail: map[string]error{}}
	svc, err := cookieless.New(cfg, cookieless.Deps{
		Redis:      r,
		NotFound:   func(err error) bool { return errors.Is(err, redis.Nil) },
		Registerer: r.metrics,
	})
	require.NoError(t, err)
	return svc, r
}

func (r *recorder) Get(ctx context.Context, key string) (string, error) {
	r.calls = append(r.calls, "GET "+key)
	if err := r.fail["GET"]; err != nil {
		return "", err
	}
	return r.Client.Get(ctx, key).Result()
}

func (r *recorder) SetNX(ctx context.Context, key, value string, ttl time.Duration) (bool, error) {
	r.calls = append(r.calls, "SETNX "+key)
	if err := r.fail["SETNX"]; err != nil {
		return false, err
	}
	if r.beforeSetNX != nil {
		r.beforeSetNX()
	}
	if r.afterSetNX != nil {
		defer r.afterSetNX()
	}
	return r.Client.SetNX(ctx, key, value, ttl).Result()
}

func (r *recorder) SCard(ctx context.Context, key string) (int64, error) {
	r.calls = append(r.calls, "SCARD "+key)
	if err := r.fail["SCARD"]; err != nil {
		return 0, err
	}
	return r.Client.SCard(ctx, key).Result()
}

package featureflags_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/config"
	featureflags "github.com/hog-go/hog/feature-flags"
)

func TestTeams(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		has  []int32
		not  []int32
		fail bool
	}{
		"row 70 ids and a range":  {text: "1:3,7", has: []int32{1, 2, 3, 7}, not: []int32{0, 4, 8}},
		"row 70 all":              {text: "*", has: []int32{0, 99}},
		"row 70 backward":         {text: "5:2", fail: true},
		"all in words":            {text: "all", has: []int32{1}},
		"none":                    {text: "none", not: []int32{0, 1}},
		"blanks":                  {text: " 1 , 2 ", has: []int32{1, 2}},
		"a third part":            {text: "1:2:3", fail: true},
		"no number":               {text: "x", fail: true},
		"larger than any team id": {text: "99999999999", fail: true},
	} {
		t.Run(name, func(t *testing.T) {
			var teams featureflags.Teams
			err := teams.UnmarshalText([]byte(tt.text))
			require.Equal(t, tt.fail, err != nil)
			for _, id := range tt.has {
				require.True(t, teams.Has(id), id)
			}
			for _, id := range tt.not {
				require.False(t, teams.Has(id), id)
			}
		})
	}
}

func TestSwitch(t *testing.T) {
	for text, want := range map[string]bool{"true": true, " YES ": true, "1": true, "On": true, "false": false, "0": false, "no": false, "OFF": false, "": false} {
		var s featureflags.Switch
		require.NoError(t, s.UnmarshalText([]byte(text)))
		require.Equal(t, want, bool(s), text)
	}
	var s featureflags.Switch
	require.Error(t, s.UnmarshalText([]byte("maybe")))
}

func TestSettings(t *testing.T) {
	load := func(environ ...string) (cfg featureflags.Config, err error) {
		if err = config.LoadFrom(&cfg, environ); err != nil {
			return cfg, err
		}
		cfg.Address = ""
		_, err = featureflags.New(t.Context(), cfg, featureflags.Deps{})
		return cfg, err
	}
	cfg, err := load("OBJECT_STORAGE_BUCKET=")
	require.NoError(t, err)
	require.Empty(t, cfg.Objects.Bucket)
	require.True(t, bool(cfg.Limits.TokenLogOnly))
	for name, environ := range map[string]string{
		"a rate of nothing":   "FLAGS_BUCKET_REPLENISH_RATE=0",
		"a ratio above one":   "FLAGS_WARN_CAPACITY_RATIO=1.5",
		"overrides, no JSON":  "FLAGS_TOKEN_RATE_LIMIT_OVERRIDES=x",
		"overrides, no rate":  `FLAGS_TOKEN_RATE_LIMIT_OVERRIDES={"a":"often"}`,
		"team limits":         "LOCAL_EVAL_RATE_LIMITS={\"x\":\"1/minute\"}",
		"teams":               "TEAM_IDS_TO_TRACK=5:2",
		"mode":                "BOT_FILTER_MODE=sometimes",
		"a switch":            "SKIP_WRITES=maybe",
		"no place database":   "MAXMIND_DB_PATH=/nowhere.mmdb",
		"strictly a boolean":  "ENABLE_METRICS=sure",
		"an address of Redis": "REDIS_URL=http://localhost",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(environ)
			require.Error(t, err)
			variable, _, _ := strings.Cut(environ, "=")
			require.ErrorContains(t, err, variable)
		})
	}
}

func TestWarnings(t *testing.T) {
	for name, tt := range map[string]struct{ environ, want string }{
		"ignored":          {"FLAGS_CACHE_TTL_SECONDS=5", "FLAGS_CACHE_TTL_SECONDS has no effect"},
		"misspelt":         {"FLAGS_REDIS_URLS=x", "FLAGS_REDIS_URL"},
		"reader alone":     {"FLAGS_REDIS_READER_URL=redis://x", "set FLAGS_REDIS_URL, too"},
		"more than most":   {"REDIS_RESPONSE_TIMEOUT_MS=99999", "30000, the most there can be, is used"},
		"half the persons": {"PERSONS_READ_DATABASE_URL=postgres://x", "set both"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, strings.Join(featureflags.Warnings([]string{tt.environ}), "\n"), tt.want)
		})
	}
	require.Empty(t, featureflags.Warnings([]string{"FLAGS_REDIS_URL=redis://x", "PATH=/bin", "REDIS_CONNECTION_TIMEOUT_MS=60000"}))
}

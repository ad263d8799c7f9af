package config_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/config"
)

type mode string

// everything has one field of each kind.
type everything struct {
	Text     string         `env:"TEXT" default:"dflt"`
	Trimmed  string         `env:"TRIMMED" trim:"true"`
	Color    string         `env:"COLOR" oneof:"red,green" default:"red"`
	Flag     bool           `env:"FLAG"`
	Small    uint8          `env:"SMALL"`
	Count    uint32         `env:"COUNT" default:"7" min:"1"`
	Offset   int64          `env:"OFFSET"`
	Tiny     int8           `env:"TINY"`
	Share    float64        `env:"SHARE" min:"0" max:"1"`
	Workers  int            `env:"WORKERS" min:"1" max:"64" default:"4"`
	Wait     time.Duration  `env:"WAIT" default:"1m30s" max:"1h"`
	WaitMS   time.Duration  `env:"WAIT_MS" unit:"ms" default:"20" max:"60000"`
	WaitSecs time.Duration  `env:"WAIT_SECS" unit:"s"`
	List     []string       `env:"LIST" default:"" allowempty:"true"`
	TrimList []string       `env:"TRIM_LIST" trim:"true"`
	Addr     netip.AddrPort `env:"ADDR" default:"127.0.0.1:3000"`
	Mode     mode           `env:"MODE"`
	Password config.Secret  `env:"PASSWORD"`
	MaybeInt *uint32        `env:"MAYBE_INT"`
	MaybeOn  *bool          `env:"MAYBE_ON"`
	MaybeStr *string        `env:"MAYBE_STR"`
	Aliased  string         `env:"NEW_NAME,OLD_NAME,OLDEST_NAME" default:"none"`
	Kept     string         `env:"KEPT" default:"full" allowempty:"true"`
	NotOurs  map[string]int
	_        int
}

func defaults() everything {
	return everything{
		Text: "dflt", Color: "red", Count: 7, Workers: 4, Wait: 90 * time.Second, WaitMS: 20 * time.Millisecond,
		Addr: netip.MustParseAddrPort("127.0.0.1:3000"), Aliased: "none", Kept: "full",
	}
}

func TestLoadFromValues(t *testing.T) {
	tests := map[string]struct {
		environ []string
		want    func(*everything)
	}{
		"defaults":                           {nil, func(*everything) {}},
		"empty variables count as unset":     {[]string{"TEXT=", "COUNT=", "WAIT_MS=", "MAYBE_INT=", "MAYBE_STR=", "FLAG=", "ADDR="}, func(*everything) {}},
		"text is taken as it is":             {[]string{"TEXT= a=b "}, func(e *everything) { e.Text = " a=b " }},
		"trimmed text":                       {[]string{"TRIMMED= x "}, func(e *everything) { e.Trimmed = "x" }},
		"oneof":                              {[]string{"COLOR=green"}, func(e *everything) { e.Color = "green" }},
		"boolean in words, any case":         {[]string{"FLAG=TRUE"}, func(e *everything) { e.Flag = true }},
		"boolean as digit":                   {[]string{"FLAG=1", "MAYBE_ON=0"}, func(e *everything) { e.Flag, e.MaybeOn = true, new(bool) }},
		"integers":                           {[]string{"SMALL=255", "COUNT=4294967295", "OFFSET=-9223372036854775808", "TINY=-128"}, func(e *everything) { e.Small, e.Count, e.Offset, e.Tiny = 255, 1<<32-1, -1<<63, -128 }},
		"float":                              {[]string{"SHARE=0.25"}, func(e *everything) { e.Share = 0.25 }},
		"bounds are inclusive":               {[]string{"SHARE=1", "WORKERS=64", "WAIT=1h", "WAIT_MS=60000"}, func(e *everything) { e.Share, e.Workers, e.Wait, e.WaitMS = 1, 64, time.Hour, time.Minute }},
		"duration in units":                  {[]string{"WAIT_MS=0", "WAIT_SECS=30"}, func(e *everything) { e.WaitMS, e.WaitSecs = 0, 30*time.Second }},
		"list keeps order, spaces and gaps":  {[]string{"LIST=b, a,,c"}, func(e *everything) { e.List = []string{"b", " a", "", "c"} }},
		"trimmed list":                       {[]string{"TRIM_LIST= b , a,,"}, func(e *everything) { e.TrimList = []string{"b", "a"} }},
		"text unmarshaler":                   {[]string{"ADDR=[::1]:80"}, func(e *everything) { e.Addr = netip.MustParseAddrPort("[::1]:80") }},
		"named string":                       {[]string{"MODE=ai"}, func(e *everything) { e.Mode = "ai" }},
		"secret":                             {[]string{"PASSWORD=hunter2"}, func(e *everything) { e.Password = "hunter2" }},
		"pointers are set":                   {[]string{"MAYBE_INT=0", "MAYBE_STR=x"}, func(e *everything) { e.MaybeInt, e.MaybeStr = new(uint32), new("x") }},
		"the new name wins":                  {[]string{"OLD_NAME=old", "NEW_NAME=new"}, func(e *everything) { e.Aliased = "new" }},
		"an alias serves":                    {[]string{"OLDEST_NAME=oldest"}, func(e *everything) { e.Aliased = "oldest" }},
		"an empty new name hides no alias":   {[]string{"NEW_NAME=", "OLD_NAME=old"}, func(e *everything) { e.Aliased = "old" }},
		"allowempty keeps the empty value":   {[]string{"KEPT="}, func(e *everything) { e.Kept = "" }},
		"of two entries the later wins":      {[]string{"TEXT=1", "TEXT=2"}, func(e *everything) { e.Text = "2" }},
		"other variables are not looked at":  {[]string{"NOTOURS=1", "HIDDEN=2", "PATH=/bin"}, func(*everything) {}},
		"an entry without = is an empty one": {[]string{"TEXT"}, func(*everything) {}},
		"names are told apart by their case": {[]string{"text=lower"}, func(*everything) {}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got everything
			require.NoError(t, config.LoadFrom(&got, tt.environ))
			want := defaults()
			tt.want(&want)
			require.Equal(t, want, got)
		})
	}
}

func TestLoadFromProblems(t *testing.T) {
	tests := map[string]string{ // entry of the environment -> error
		"FLAG=yep":                       `FLAG: "yep" is not a boolean: use true or false`,
		"FLAG= true":                     `FLAG: " true" is not a boolean: use true or false`,
		"MAYBE_ON=2":                     `MAYBE_ON: "2" is not a boolean: use true or false`,
		"COUNT=-5":                       `COUNT: "-5" is negative: use a whole number, 0 or more`,
		"COUNT=4294967296":               `COUNT: "4294967296" is out of range: the largest is 4294967295`,
		"COUNT=1e3":                      `COUNT: "1e3" is not a whole number: use digits only`,
		"COUNT=0":                        `COUNT: "0" is too small: use at least 1`,
		"COUNT=-x":                       `COUNT: "-x" is not a whole number: use digits only`,
		"MAYBE_INT=20ms":                 `MAYBE_INT: "20ms" is not a whole number: use digits only`,
		"SMALL=256":                      `SMALL: "256" is out of range: the largest is 255`,
		"TINY=128":                       `TINY: "128" is out of range: the largest is 127`,
		"OFFSET=x":                       `OFFSET: "x" is not a whole number: use digits, with a minus sign if negative`,
		"SHARE=half":                     `SHARE: "half" is not a number: use a form like 0.5`,
		"SHARE=NaN":                      `SHARE: "NaN" is not a number: use a form like 0.5`,
		"SHARE=1.01":                     `SHARE: "1.01" is too large: use at most 1`,
		"WORKERS=0":                      `WORKERS: "0" is too small: use at least 1`,
		"WAIT=5":                         `WAIT: "5" is not a duration: use a form like 500ms, 30s or 5m`,
		"WAIT=-5s":                       `WAIT: "-5s" is negative: use a duration of 0 or more`,
		"WAIT=61m":                       `WAIT: "61m" is too large: use at most 1h`,
		"WAIT_MS=20ms":                   `WAIT_MS: "20ms" is not a whole number of milliseconds: use digits only`,
		"WAIT_MS=-1":                     `WAIT_MS: "-1" is negative: use a whole number of milliseconds, 0 or more`,
		"WAIT_MS=60001":                  `WAIT_MS: "60001" is too large: use at most 60000`,
		"WAIT_SECS=1.5":                  `WAIT_SECS: "1.5" is not a whole number of seconds: use digits only`,
		"WAIT_SECS=9223372037":           `WAIT_SECS: "9223372037" is out of range: the largest is 9223372036`,
		"WAIT_SECS=99999999999999999999": `WAIT_SECS: "99999999999999999999" is out of range: the largest is 9223372036`,
		"COLOR=blue":                     `COLOR: "blue" is not one of the known values: use red, green`,
		"ADDR=nowhere":                   `ADDR: "nowhere" is not valid: not an ip:port`,
	}
	for entry, want := range tests {
		t.Run(entry, func(t *testing.T) {
			require.EqualError(t, config.LoadFrom(new(everything), []string{entry}), want)
		})
	}
}

func TestLoadFromReportsAllProblemsAtOnce(t *testing.T) {
	var dst struct {
		Host  string        `env:"HOST" required:"true" doc:"where to listen"`
		Token config.Secret `env:"TOKEN" required:"true"`
		Port  uint16        `env:"PORT,BIND_PORT"`
	}
	err := config.LoadFrom(&dst, []string{"HOST=", "BIND_PORT=70000"})
	require.EqualError(t, err, strings.Join([]string{
		`HOST: required but not set: where to listen`,
		`TOKEN: required but not set`,
		`BIND_PORT: "70000" is out of range: the largest is 65535`, // the name that was used, not the first one
	}, "\n"))
	all, ok := errors.AsType[*config.Error](err)
	require.True(t, ok)
	require.Len(t, all.Problems, 3)
}

// pair is valid only when Low is at most High.
type pair struct {
	Low  int `env:"LOW"`
	High int `env:"HIGH" default:"10"`
}

var errOrder = errors.New("out of order")

func (p *pair) Validate() error {
	if p.Low > p.High {
		return fmt.Errorf("LOW (%d) is above HIGH (%d): %w", p.Low, p.High, errOrder)
	}
	return nil
}

type outer struct {
	Pair  pair
	Other int `env:"OTHER"`
}

func (o *outer) Validate() error {
	if o.Other > o.Pair.High {
		return errors.New("OTHER is above HIGH")
	}
	return nil
}

func TestValidate(t *testing.T) {
	t.Run("nested problem is joined to parse problems", func(t *testing.T) {
		err := config.LoadFrom(new(outer), []string{"LOW=11", "OTHER=x"})
		require.EqualError(t, err, "OTHER: \"x\" is not a whole number: use digits, with a minus sign if negative\nLOW (11) is above HIGH (10): out of order")
		require.ErrorIs(t, err, errOrder)
	})
	t.Run("rules are not checked on values that could not be read", func(t *testing.T) {
		err := config.LoadFrom(new(outer), []string{"LOW=x", "OTHER=11"})
		require.EqualError(t, err, `LOW: "x" is not a whole number: use digits, with a minus sign if negative`)
	})
	t.Run("outer rule", func(t *testing.T) {
		require.EqualError(t, config.LoadFrom(new(outer), []string{"OTHER=11"}), "OTHER is above HIGH")
	})
	t.Run("a promoted method speaks once", func(t *testing.T) {
		var dst struct{ Pair }
		require.EqualError(t, config.LoadFrom(&dst, []string{"LOW=11"}), "LOW (11) is above HIGH (10): out of order")
	})
}

// Pair has an exported name, as an embedded block needs.
type Pair pair

func (p *Pair) Validate() error { return (*pair)(p).Validate() }

func TestCallersValueIsTheDefault(t *testing.T) {
	type consumer struct {
		Group string `env:"KAFKA_CONSUMER_GROUP" required:"true"`
		Reset string `env:"KAFKA_CONSUMER_OFFSET_RESET" default:"earliest"`
	}
	dst := struct{ Consumer consumer }{consumer{Group: "property-defs", Reset: "latest"}}
	require.NoError(t, config.LoadFrom(&dst, []string{"KAFKA_CONSUMER_OFFSET_RESET=earliest"}))
	require.Equal(t, consumer{Group: "property-defs", Reset: "earliest"}, dst.Consumer)
}

func TestLoadReadsTheProcessEnvironment(t *testing.T) {
	t.Setenv("NEW_NAME", "")
	t.Setenv("OLD_NAME", "from the process")
	t.Setenv("COUNT", "8")
	t.Setenv("KEPT", "")
	var got everything
	require.NoError(t, config.Load(&got))
	want := defaults()
	want.Aliased, want.Count, want.Kept = "from the process", 8, ""
	require.Equal(t, want, got)

	t.Setenv("COUNT", "many")
	require.EqualError(t, config.Load(&got), `COUNT: "many" is not a whole number: use digits only`)
}

func TestMalformedStructsPanic(t *testing.T) {
	tests := map[string]any{
		"config: config_test.outer is not a pointer to a struct": outer{},
		"config: N: cannot fill field N of type complex128": &struct {
			N complex128 `env:"N"`
		}{},
		"config: N: cannot fill field n of type int": &struct {
			n int `env:"N"`
		}{},
		`config: default of N: "x" is not a boolean: use true or false`: &struct {
			N bool `env:"N" default:"x"`
		}{},
		`config: N: unit "m" on time.Duration: want ms or s on a time.Duration`: &struct {
			N time.Duration `env:"N" unit:"m"`
		}{},
		`config: N: unit "s" on int: want ms or s on a time.Duration`: &struct {
			N int `env:"N" unit:"s"`
		}{},
		"config: bounds on a value of type string": &struct {
			N string `env:"N" default:"b" min:"a"`
		}{},
		`config: N: bound "a" is not a whole number: use digits only`: &struct {
			N uint `env:"N" default:"1" min:"a"`
		}{},
	}
	for want, dst := range tests {
		t.Run(want, func(t *testing.T) {
			require.PanicsWithValue(t, want, func() { _ = config.LoadFrom(dst, nil) })
		})
	}
}

func TestSecretIsNotShown(t *testing.T) {
	s := config.Secret("hunter2")
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "url", s, "cfg", struct{ S config.Secret }{s})
	text, err := s.MarshalText()
	require.NoError(t, err)
	for _, shown := range []string{s.String(), log.String(), string(text), fmt.Sprintf("%v %s %q %x %+v %#v", s, s, s, s, s, struct{ S config.Secret }{s})} {
		require.NotContains(t, shown, "hunter2")
		require.NotContains(t, shown, "68756e") // its hexadecimal form
	}
	require.Equal(t, "hunter2", s.Reveal())
	require.Empty(t, config.Secret("").String())

	var dst struct {
		S config.Secret `env:"S" oneof:"a,b"`
	}
	require.EqualError(t, config.LoadFrom(&dst, []string{"S=hunter2"}), "S: the value (not shown) is not one of the known values: use a, b")

	var other struct {
		U veiled `env:"U"`
	}
	require.EqualError(t, config.LoadFrom(&other, []string{"U=hunter2"}), "U: the value (not shown) is not valid: it has no scheme")
}

// veiled is a type of another package that hides itself, as URLs with passwords do.
type veiled string

func (v veiled) LogValue() slog.Value        { return slog.StringValue("*****") }
func (v *veiled) UnmarshalText([]byte) error { return errors.New("it has no scheme") }

package postgres_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/hog-go/hog/common/postgres"
	"github.com/stretchr/testify/require"
)

func TestURLNeverShowsThePassword(t *testing.T) {
	for name, raw := range map[string]string{
		"in the user part": "postgres://hog:s3cret@db:5432/posthog?sslmode=disable",
		"as an option":     "postgres://hog@db:5432/posthog?password=s3cret",
		"percent-encoded":  "postgres://hog:s3cret%2F%40@db:5432/posthog",
	} {
		t.Run(name, func(t *testing.T) {
			u, err := postgres.ParseURL(raw)
			require.NoError(t, err)
			require.Equal(t, raw, u.Reveal())

			var logged bytes.Buffer
			slog.New(slog.NewJSONHandler(&logged, nil)).Info("m", "url", u)
			encoded, err := json.Marshal(struct{ URL postgres.URL }{u})
			require.NoError(t, err)
			for _, shown := range []string{
				u.String(), logged.String(), string(encoded),
				fmt.Sprintf("%v", u), fmt.Sprintf("%+v", struct{ U postgres.URL }{u}), fmt.Sprintf("%#v", u),
			} {
				require.NotContains(t, shown, "s3cret")
				require.Contains(t, shown, "*****")
				require.Contains(t, shown, "db:5432/posthog")
			}
		})
	}
}

func TestPasswordsAsTheyAre(t *testing.T) {
	for _, password := range []string{"p@ss", "p%ss", "%zz@", "%", "p%4", "^{}|", "p\u00e4 ss", `"<>\`, "p:ss", "[s]", "+&=$(x)!,;'*~"} {
		u, err := postgres.ParseURL("postgresql://us%40er:" + password + "@db:5432/posthog")
		require.NoError(t, err, password)
		parsed, err := url.Parse(u.Reveal())
		require.NoError(t, err, password)
		have, _ := parsed.User.Password()
		require.Equal(t, []string{"us@er", password, "db:5432"}, []string{parsed.User.Username(), have, parsed.Host})
		config, err := pgxpool.ParseConfig(u.Reveal())
		require.NoError(t, err)
		require.Equal(t, []string{"us@er", password, "db"}, []string{config.ConnConfig.User, config.ConnConfig.Password, config.ConnConfig.Host})
	}
}

func TestParseURLErrors(t *testing.T) {
	for name, tt := range map[string]struct{ raw, want string }{
		"slash in the password": {"postgres://hog:s3/cret@db/posthog", "must be percent-encoded"},
		"other scheme":          {"mysql://hog:s3cret@db/posthog", "must begin with postgres://"},
		"key and value form":    {"host=db password=s3cret", "must begin with postgres://"},
		"unknown sslmode":       {"postgres://hog:s3cret@db/posthog?sslmode=sometimes", "sslmode is invalid"},
		"empty":                 {"", "must begin with postgres://"},
	} {
		t.Run(name, func(t *testing.T) {
			var u postgres.URL
			err := u.UnmarshalText([]byte(tt.raw))
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "s3")
			require.NotContains(t, err.Error(), "cret")
			require.Empty(t, u)
		})
	}
}

func TestURLDatabase(t *testing.T) {
	u, err := postgres.ParseURL("postgres://hog:pw@db:5432/posthog?sslmode=disable")
	require.NoError(t, err)
	require.Equal(t, "posthog", u.Database())
	require.Equal(t, "postgres://hog:pw@db:5432/posthog_persons?sslmode=disable", u.WithDatabase("posthog_persons").Reveal())
	require.Empty(t, postgres.URL("postgres://db").Database())
}

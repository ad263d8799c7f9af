package redis

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseURL(t *testing.T) {
	type server struct {
		addr, user, password string
		db                   int
		tls, unchecked       bool
	}
	for text, want := range map[string]server{
		"redis://redis7:6379/":                               {addr: "redis7:6379"},
		"redis://redis7":                                     {addr: "redis7:6379"},
		"redis://redis7:6380/1":                              {addr: "redis7:6380", db: 1},
		"redis://:p%40%23%2F%3A%3F%25%20w@h/2":               {addr: "h:6379", password: "p@#/:?% w", db: 2},
		"redis://user%40x:secret@[::1]:7":                    {addr: "[::1]:7", user: "user@x", password: "secret"},
		"redis://:p@ss%^w[1@h":                               {addr: "h:6379", password: "p@ss%^w[1"},
		"rediss://h":                                         {addr: "h:6379", tls: true},
		"rediss://h/#insecure":                               {addr: "h:6379", tls: true, unchecked: true},
		"redis://h/#insecure":                                {addr: "h:6379"},
		"rediss://:p@h:6380/3?ssl_cert_reqs=none&protocol=3": {addr: "h:6380", password: "p", db: 3, tls: true},
	} {
		t.Run(text, func(t *testing.T) {
			o, err := parseURL(text)
			require.NoError(t, err)
			got := server{o.Addr, o.Username, o.Password, o.DB, o.TLSConfig != nil, o.TLSConfig != nil && o.TLSConfig.InsecureSkipVerify}
			require.Equal(t, want, got)
		})
	}
}

func TestErrorsOfURLsKeepThePassword(t *testing.T) {
	for _, text := range []string{"redis://:s3cr#t@h:6379/0", "redis://:s3cr/t@h:6379", "redis://:s3cr?t@h", "redis://:s3crt@h/x"} {
		_, err := parseURL(text)
		require.Error(t, err, text)
		require.NotContains(t, err.Error(), "s3cr", text)
	}
}

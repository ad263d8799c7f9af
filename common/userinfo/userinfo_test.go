package userinfo_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/userinfo"
)

func TestEncode(t *testing.T) {
	for given, want := range map[string]string{
		"":                      "",
		"host":                  "host",
		"redis://h:1/2":         "redis://h:1/2",
		"redis://h/a@b":         "redis://h/a@b",
		"redis://u:p@h":         "redis://u:p@h",
		"redis://:p%40%2F@h":    "redis://:p%40%2F@h",
		"redis://:p@ss@h":       "redis://:p%40ss@h",
		"redis://:5%&100%@h":    "redis://:5%25&100%25@h",
		"redis://:[^|é \"]@h:1": "redis://:%5B%5E%7C%C3%A9%20%22%5D@h:1",
	} {
		require.Equal(t, want, userinfo.Encode(given))
	}
}

func FuzzEncode(f *testing.F) {
	f.Add("p@ss%2F^")
	f.Fuzz(func(t *testing.T, password string) {
		u, err := url.Parse(userinfo.Encode("redis://:" + url.PathEscape(password) + "@host"))
		require.NoError(t, err, "what is encoded already stays")
		got, _ := u.User.Password()
		require.Equal(t, password, got)
	})
}

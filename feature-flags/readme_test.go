package featureflags_test

import (
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/config"
	featureflags "github.com/hog-go/hog/feature-flags"
)

var update = flag.Bool("update", false, "write what the tests compare with")

// The README's table of settings is made from the Config struct: go test -run README -update.
func TestREADMESettings(t *testing.T) {
	have, err := os.ReadFile("README.md")
	require.NoError(t, err)
	want, err := config.SyncTable(have, "env", config.Table(featureflags.Config{}))
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile("README.md", want, 0o644))
		return
	}
	require.Equal(t, string(want), string(have), "run: go test ./feature-flags -run README -update")
}

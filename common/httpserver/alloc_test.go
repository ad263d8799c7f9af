//go:build !race

package httpserver_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The race detector allocates on its own, hence the build tag.
func TestMiddlewareDoesNotAllocate(t *testing.T) {
	send := hotRequest(captureEngine())
	send() // resolves the series
	require.Zero(t, testing.AllocsPerRun(1000, send))
}

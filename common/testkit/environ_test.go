package testkit_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/testkit"
)

func TestLastWins(t *testing.T) {
	require.ElementsMatch(t, []string{"A=3", "B=x=y"}, testkit.LastWins([]string{"A=1", "B=x=y", "A=2", "A=3"}))
}

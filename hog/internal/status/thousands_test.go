package status

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestThousands(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1\u2009000", 1234567: "1\u2009234\u2009567", -999: "-999", -123456: "-123\u2009456"} {
		require.Equal(t, want, thousands(n))
	}
}

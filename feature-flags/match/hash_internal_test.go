package match

import (
	"crypto/sha1"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHashValues(t *testing.T) {
	h := newHasher()
	for _, row := range []struct {
		key, id       string
		share, chosen float64 // chosen: with the salt of variants, 0 if not given
	}{
		{"simple-flag", "distinct_id_0", 0.7836963764220432, 0},
		{"simple-flag", "distinct_id_1", 0.3397069926995401, 0},
		{"simple-flag", "distinct_id_2", 0.3720434350239052, 0},
		{"simple-flag", "distinct_id_4", 0.03958497475359249, 0},
		{"multivariate-flag", "distinct_id_0", 0.502037796130735, 0.6186454537930379},
		{"multivariate-flag", "distinct_id_1", 0.3180303231730598, 0.6473165157302697},
		{"multivariate-flag", "distinct_id_2", 0.35660411704312434, 0.06390106281412483},
		{"multivariate-flag", "distinct_id_3", 0.701012555518958, 0.39543050849997363},
		{"org-flag", "amazon", 0.1799816949958842, 0.5547567505533976},
		{"org-flag", "42", 0.8851079626971844, 0.9863236263203888},
		{"unicode-flag", "użytkownik", 0.4209253017261098, 0.9737867026529715},
	} {
		require.Equal(t, row.share, ratio(h.sum(row.key+".", row.id, "")), row)
		if row.chosen != 0 {
			require.Equal(t, row.chosen, ratio(h.sum(row.key+".", row.id, "variant")), row)
		}
	}
	require.Equal(t, uint64(903540405459435855), h.sum("simple-flag.", "distinct_id_0", ""))
	require.Equal(t, 0.9268829483920294, ratio(h.sum("holdout-", "", "")))
	require.Equal(t, 0.7270002403585725, ratio(h.sum("holdout-", "some_distinct_id", "")))
}

// The bounds decide every hash as the division of two floats does, at the edges above all.
func TestBoundsEqualTheFloatRule(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	percentages := []float64{0, 100, 50, 45, 33.3333, 62.5, 0.1, 1e-300, 99.999999, 100.5, 5e-324, -1, math.Nextafter(100, 0)}
	for range 300 {
		percentages = append(percentages, random.Float64()*100)
	}
	const last = uint64(1)<<hashBits - 1
	for _, p := range percentages {
		rollout, weight := rolloutBound(p), []variant{{}}
		variantBounds(weight, []float64{p})
		for _, bound := range []uint64{rollout, weight[0].bound} {
			for _, h := range []uint64{0, 1, bound - 1, bound, bound + 1, last / 2, last - 1, last, random.Uint64N(last)} {
				if h > last {
					continue // of a bound at an end
				}
				require.Equal(t, ratio(h) <= p/100, h < rollout, "rollout %g of %d", p, h)
				require.Equal(t, ratio(h) < p/100, h < weight[0].bound, "weight %g of %d", p, h)
			}
		}
	}
}

// The padding by hand against the standard library, for texts of every length that matters; and the way without it.
func TestHasher(t *testing.T) {
	long := strings.Repeat("0123456789ä", 40)
	fast, slow := newHasher(), hasher{}
	require.NotNil(t, fast.digest)
	for n := range long {
		want := sha1.Sum([]byte(long[:n] + "salt"))
		require.Equal(t, binary.BigEndian.Uint64(want[:])>>4, fast.sum(long[:n/2], long[n/2:n], "salt"), n)
		require.Equal(t, binary.BigEndian.Uint64(want[:])>>4, slow.sum(long[:n/2], long[n/2:n], "salt"), n)
	}
}

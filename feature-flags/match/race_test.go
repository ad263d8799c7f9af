//go:build race

package match_test

import "math"

// limit is what an allocation test asks for. Under the race detector sync.Pool drops at random, so that nothing can be asked.
func limit(float64) float64 { return math.Inf(1) }

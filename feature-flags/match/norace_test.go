//go:build !race

package match_test

// limit is what an allocation test asks for.
func limit(allocations float64) float64 { return allocations }

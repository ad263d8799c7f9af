//go:build race

package hogvm_test

// raceEnabled tells that code runs ten times slower, and allocates.
const raceEnabled = true

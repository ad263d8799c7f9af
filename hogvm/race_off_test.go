//go:build !race

package hogvm_test

const raceEnabled = false

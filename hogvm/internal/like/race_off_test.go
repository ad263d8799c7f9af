//go:build !race

package like_test

const raceEnabled = false

//go:build !linux

package known

// largePages is for Linux.
func largePages([]byte) {}

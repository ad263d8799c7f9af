package known

import "syscall"

// largePages asks for pages of 2 MiB: a lookup in a large table costs a walk of the page tables otherwise. Where the kernel does not
// give any, lookups are a little slower.
func largePages(memory []byte) {
	const (
		adviseHugePage = 14 // MADV_HUGEPAGE, which package syscall lacks a name for
		size           = 2 << 20
	)
	if len(memory) >= size {
		_ = syscall.Madvise(memory, adviseHugePage)
	}
}

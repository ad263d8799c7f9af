//go:build !linux

package embedded

import "syscall"

// dieWithParent does nothing where the kernel cannot: there the next start stops the server that was left behind.
func dieWithParent(*syscall.SysProcAttr) {}

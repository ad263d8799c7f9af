package embedded

import "syscall"

// dieWithParent has the kernel shut the child down (SIGINT is PostgreSQL's fast, orderly shutdown) when the thread that
// started it ends, as it does with kill -9 of the process.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGINT }

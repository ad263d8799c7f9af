package embedded

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
)

// explain adds the way out to an error about files below dir. The cause stays reachable with errors.Is.
func explain(err error, dir string) error {
	var advice string
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		advice = "the disk is full: free some space, or choose another data directory"
	case errors.Is(err, syscall.EROFS):
		advice = "the file system is read-only: remount it writable, or choose another data directory"
	case errors.Is(err, os.ErrPermission):
		advice = fmt.Sprintf("%s may not write there: change the owner or the mode, or choose another data directory", whoami())
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EEXIST):
		advice = "a file is in the way: move it, or choose another data directory"
	default:
		return err
	}
	return fmt.Errorf("data directory %s: %w (%s)", dir, err, advice)
}

// whoami names the user of this process as well as it can without a user database.
func whoami() string {
	if name := os.Getenv("USER"); name != "" && os.Geteuid() != 0 {
		return "user " + name
	}
	return fmt.Sprintf("user id %d", os.Geteuid())
}

// makeDir creates dir and its parents.
func makeDir(dir string, mode os.FileMode) error {
	return explain(os.MkdirAll(dir, mode), dir)
}

// CheckAddr refuses, as the starts do, what other machines could connect to: the servers have no password, or one that everybody knows.
func CheckAddr(addr, server string) error {
	host, _, err := net.SplitHostPort(addr)
	switch {
	case err != nil:
		return fmt.Errorf("embedded %s: address %q: %w", server, addr, err)
	case host != "localhost" && !net.ParseIP(host).IsLoopback():
		return fmt.Errorf("embedded %s: address %q is not a loopback address: this server is for this machine only", server, addr)
	}
	return nil
}

// explainPort says what to do about a port that is taken.
func explainPort(err error, server string) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("embedded %s: %w (stop the server that has the port, or choose another address)", server, err)
	}
	return fmt.Errorf("embedded %s: %w", server, err)
}

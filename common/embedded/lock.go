package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// lockName is the file in a data directory that the process using it holds locked. The lock, not the file, is what
// counts: the kernel drops it with the process, so a file left by kill -9 locks nobody out.
const lockName = "lock"

// dirLock is a held lock on a data directory.
type dirLock struct{ f *os.File }

// lockDir creates dir if need be and takes its lock. The error names the holder's process.
func lockDir(dir string) (*dirLock, error) {
	if err := makeDir(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, explain(err, dir)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock data directory %s: %w", dir, err)
		}
		return nil, fmt.Errorf("data directory %s is in use by process %s: stop that process, or choose another data directory",
			dir, holder(f))
	}
	if err := writePID(f); err != nil {
		f.Close()
		return nil, explain(err, dir)
	}
	return &dirLock{f: f}, nil
}

// unlock lets another process in. The file stays: removing it could pull it away from under a process that just locked it.
func (l *dirLock) unlock() { l.f.Close() }

func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func holder(f *os.File) string {
	buf := make([]byte, 32)
	n, _ := f.ReadAt(buf, 0) // an error leaves what was read, which says enough
	pid := strings.TrimSpace(string(buf[:n]))
	switch pid {
	case "":
		return "(unknown)"
	case strconv.Itoa(os.Getpid()):
		return pid + " (this one)"
	}
	return pid
}

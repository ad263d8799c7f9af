package stack

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// Instance is a running hog as its data directory describes it, so that other commands find it. The file is readable by its owner
// alone, since the URLs may hold passwords.
type Instance struct {
	PID      int       `json:"pid"`
	Version  string    `json:"version"`
	Started  time.Time `json:"started"`
	HTTP     string    `json:"http"`  // URL
	Kafka    []string  `json:"kafka"` // host:port of the brokers
	Redis    string    `json:"redis,omitempty"`
	Postgres string    `json:"postgres,omitempty"`
	Internal string    `json:"internal"` // bearer token for what only internal callers may ask
	Embedded []string  `json:"embedded"` // names of the servers that this hog runs itself
	Topics   []string  `json:"topics"`   // that its services produce to
}

const (
	instanceFile = "hog.json"
	lockFile     = "hog.lock"
)

// ErrNotRunning means that no hog runs on a data directory.
var ErrNotRunning = errors.New("hog is not running")

// ReadInstance finds the hog that runs on the data directory dir.
func ReadInstance(dir string) (*Instance, error) {
	path := filepath.Join(dir, instanceFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w on the data directory %s: start it with hog start, or name another with --data", ErrNotRunning, dir)
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("find the running hog: %w: only who started it may read the file, which can hold passwords; be the same user, or name another data directory with --data", err)
	}
	if err != nil {
		return nil, fmt.Errorf("find the running hog: %w", err)
	}
	var i Instance
	if err := json.Unmarshal(text, &i); err != nil {
		return nil, fmt.Errorf("%s is damaged (%w): remove it and start hog again", path, err)
	}
	// The file stays behind when hog is killed. A process of another user (EPERM) is one that lives.
	if err := syscall.Kill(i.PID, 0); errors.Is(err, syscall.ESRCH) {
		return nil, fmt.Errorf("%w on the data directory %s any more (process %d is gone): start it with hog start", ErrNotRunning, dir, i.PID)
	}
	return &i, nil
}

// Embeds tells whether this hog runs the server itself.
func (i *Instance) Embeds(server Need) bool { return slices.Contains(i.Embedded, server.String()) }

// write replaces the file in one step, so that readers see all of it or nothing.
func (i *Instance) write(dir string) error {
	text, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return fmt.Errorf("describe this hog: %w", err)
	}
	path := filepath.Join(dir, instanceFile)
	if err := os.WriteFile(path+".new", append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("describe this hog: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("describe this hog: %w", err)
	}
	return nil
}

// claim makes dir and takes it for this process, until release. The kernel drops the lock with the process, so kill -9 locks nobody out.
func claim(dir string) (release func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("data directory %s: %w: choose another with --data or HOG_DATA", dir, err)
	}
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w: make it writable, or choose another with --data or HOG_DATA", dir, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock the data directory %s: %w", dir, err)
		}
		if other, err := ReadInstance(dir); err == nil {
			return nil, fmt.Errorf("hog already runs on the data directory %s: process %d, %s", dir, other.PID, other.HTTP)
		}
		return nil, fmt.Errorf("hog already runs on the data directory %s, or is just starting", dir)
	}
	return func() {
		_ = os.Remove(filepath.Join(dir, instanceFile)) // a stale one is known by its process
		f.Close()
	}, nil
}

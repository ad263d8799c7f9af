package testkit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// startTimeout bounds the start of a server: an image may have to be pulled, or PostgreSQL to be fetched.
const startTimeout = 3 * time.Minute

// shared is a server that is started at first use and stopped by Main. One per kind and process is what it is for, so
// the values of this type are the package's only variables.
type shared[S any] struct {
	variable string // of the environment, naming a server to use
	start    func(ctx context.Context, kind, address string) (server S, label string, stop func(context.Context) error, err error)

	mu      sync.Mutex
	started bool
	server  S
	err     error
	label   string // for the summary, "" = never asked for
	stop    func(context.Context) error
}

// get returns the server, or fails tb. A failed start is not tried again: the next test would only wait as long.
func (s *shared[S]) get(tb testing.TB) S {
	tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.started {
		s.started = true
		s.err = s.startLocked()
	}
	if s.err != nil {
		tb.Fatalf("testkit: %v", s.err)
	}
	return s.server
}

func (s *shared[S]) startLocked() error {
	address := os.Getenv(s.variable)
	kind, err := chooseKind(address, os.Getenv("HOG_TESTKIT"), dockerAnswers)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	s.server, s.label, s.stop, err = s.start(ctx, kind, address)
	switch {
	case err != nil && kind == KindEnv:
		return fmt.Errorf("%s=%s does not answer (unset it, or start the server): %w", s.variable, address, err)
	case err != nil:
		return fmt.Errorf("%s server for tests: %w", kind, err)
	}
	return nil
}

// end stops the server, if there is one, and returns its label.
func (s *shared[S]) end(ctx context.Context) (label string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stop != nil {
		err = s.stop(ctx)
	}
	s.started, s.stop = true, nil
	s.err = errors.New("the servers were stopped at the end of the tests")
	return s.label, err
}

// Main runs the tests, stops the shared servers, says on standard error which were used, and exits.
func Main(m *testing.M) { os.Exit(Wrap(m).Run()) }

// Runner is a *testing.M whose Run also stops the shared servers. It is what goleak.VerifyTestMain takes.
type Runner struct{ m *testing.M }

// Wrap makes a Runner.
func Wrap(m *testing.M) Runner { return Runner{m: m} }

// Run runs the tests and returns the exit code.
func (r Runner) Run() int {
	code := r.m.Run()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var labels []string
	for _, g := range []struct {
		name string
		end  func(context.Context) (string, error)
	}{{"kafka", kafkaServer.end}, {"postgres", postgresServer.end}, {"redis", redisServer.end}} {
		label, err := g.end(ctx)
		if label != "" {
			labels = append(labels, g.name+"="+label)
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "testkit: stop %s: %v\n", g.name, err)
			code = max(code, 1)
		}
	}
	if len(labels) > 0 {
		fmt.Fprintln(os.Stderr, "testkit:", strings.Join(labels, " "))
	}
	return code
}

// scratchPrefix begins the name of every directory made here; the process id follows.
const scratchPrefix = "hog-testkit-"

// scratchDir makes a directory for an embedded server, and removes those of test processes that ended without Main.
// It is not tb.TempDir because the server outlives the test.
func scratchDir(server string) (string, error) {
	old, _ := filepath.Glob(filepath.Join(os.TempDir(), scratchPrefix+"*"))
	for _, dir := range old {
		pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), scratchPrefix), "-")
		n, err := strconv.Atoi(pid)
		if err == nil && errors.Is(syscall.Kill(n, 0), syscall.ESRCH) {
			os.RemoveAll(dir)
		}
	}
	dir, err := os.MkdirTemp("", fmt.Sprintf("%s%d-%s-", scratchPrefix, os.Getpid(), server))
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o755) // where we are root, PostgreSQL runs as another user, who must get in
}

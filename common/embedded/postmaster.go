package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Each step of a stop gets this long before the next, harder one.
const (
	leftoverGrace = 30 * time.Second // for a server left behind by a killed process
	hardGrace     = 5 * time.Second  // for an immediate shutdown
)

// postmaster is the server's main process, our child.
type postmaster struct {
	inst    install
	account *account
	data    string
	logFile string

	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended; err is set before
	err  error
}

// start starts the process. Its owner is a goroutine that ends with it.
func (p *postmaster) start(settings []string) error {
	log, err := os.Create(p.logFile)
	if err != nil {
		return err
	}
	defer log.Close() // the child has its own copy
	args := append([]string{"-D", p.data}, settings...)
	p.cmd = p.account.command(context.Background(), filepath.Join(p.inst.bin, "postgres"), args...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr.Setpgid = true // Ctrl-C is for us: we stop the server last
	dieWithParent(p.cmd.SysProcAttr)
	p.done = make(chan struct{})
	started := make(chan error)
	go func() {
		defer close(p.done)
		// The child is told when the thread that started it ends, so this goroutine keeps that thread until it is over.
		runtime.LockOSThread()
		if err := p.cmd.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		p.err = p.cmd.Wait()
	}()
	if err := <-started; err != nil {
		<-p.done
		return err
	}
	return nil
}

// stop is harder the longer it takes: an orderly shutdown until ctx ends, an immediate one for hardGrace, SIGKILL.
func (p *postmaster) stop(ctx context.Context) error {
	steps := []struct {
		signal syscall.Signal
		until  func() (context.Context, context.CancelFunc)
	}{
		{syscall.SIGINT, func() (context.Context, context.CancelFunc) { return context.WithCancel(ctx) }},
		{syscall.SIGQUIT, func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(context.Background(), hardGrace)
		}},
		{syscall.SIGKILL, func() (context.Context, context.CancelFunc) { return context.WithCancel(context.Background()) }},
	}
	for i, step := range steps {
		if err := p.cmd.Process.Signal(step.signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("stop postgres (pid %d): %w", p.cmd.Process.Pid, err)
		}
		until, cancel := step.until()
		select {
		case <-p.done:
			cancel()
			if i > 0 {
				return fmt.Errorf("postgres did not shut down in time and was ended with %s: %w", step.signal, context.Cause(ctx))
			}
			return nil
		case <-until.Done():
			cancel()
		}
	}
	return nil // not reached: the last step waits for the end
}

// failure says why the process ended, in its own words.
func (p *postmaster) failure() error {
	raw, err := os.ReadFile(p.logFile)
	if err != nil {
		return fmt.Errorf("postgres ended: %w", errors.Join(p.err, err))
	}
	cause := p.err
	if cause == nil {
		cause = errors.New("it was shut down")
	}
	return fmt.Errorf("postgres ended: %w (its log is %s)", outputError(cause, raw), p.logFile)
}

// outputError adds the last lines of a program's output to err, and what errno they speak of, so that errors.Is knows it.
func outputError(err error, output []byte) error {
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	tail := strings.Join(lines[max(0, len(lines)-5):], "; ")
	for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EACCES} {
		if containsFold(output, errno.Error()) {
			return fmt.Errorf("%w: %w: %s", err, errno, tail)
		}
	}
	return fmt.Errorf("%w: %s", err, tail)
}

// containsFold is for the C library's messages, which Go spells with a small first letter.
func containsFold(output []byte, message string) bool {
	return bytes.Contains(bytes.ToLower(output), []byte(strings.ToLower(message)))
}

// stopLeftover deals with postmaster.pid. We hold the directory's lock, so a server that runs on it belongs to a process
// that was killed, and is shut down. A number that is some other process's now (in containers they are small and soon
// used again) would keep PostgreSQL from starting, so then the file is removed.
func stopLeftover(ctx context.Context, data string, log *slog.Logger) error {
	file := filepath.Join(data, "postmaster.pid")
	raw, err := os.ReadFile(file)
	if err != nil {
		return ignoreMissing(err)
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 1 || !alive(pid) {
		return nil // PostgreSQL sees by itself that the file is stale
	}
	if !strings.Contains(commandLine(ctx, pid), data) {
		log.WarnContext(ctx, "removing a stale lock file of postgres: its process id belongs to another process", "file", file, "pid", pid)
		return ignoreMissing(os.Remove(file))
	}
	log.WarnContext(ctx, "shutting down a postgres left behind by a killed process", "pid", pid, "dir", data)
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT} {
		if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("stop the postgres left behind (pid %d): %w", pid, err)
		}
		if waitGone(ctx, pid, leftoverGrace) {
			return nil
		}
	}
	return fmt.Errorf("a postgres left behind by a killed process (pid %d) does not stop: kill it, then start again", pid)
}

func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// waitGone polls, which is all one can do about a process that is not one's child.
func waitGone(ctx context.Context, pid int, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for alive(pid) {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}

// commandLine is empty for a zombie and for a process that is gone.
func commandLine(ctx context.Context, pid int) string {
	if raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil {
		return string(bytes.ReplaceAll(raw, []byte{0}, []byte{' '}))
	}
	out, err := exec.CommandContext(ctx, "ps", "-o", "args=", "-p", strconv.Itoa(pid)).Output() // no /proc on macOS
	if err != nil {
		return ""
	}
	return string(out)
}

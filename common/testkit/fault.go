package testkit

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// faultTimeout bounds one stop or start. Apache Kafka takes a few seconds for either, and more than a minute for a start after a kill on
// a busy machine.
const faultTimeout = 3 * time.Minute

// power stops and starts a server that keeps its address and data.
type power interface {
	stop(ctx context.Context, kill bool) error
	start(ctx context.Context) error // returns when the server answers
}

// Fault stops and starts the broker under a test. The broker is shared: such a test must not run in parallel with others.
type Fault struct {
	tb    testing.TB
	power power
	down  bool
}

// Fault gives control over the broker, which is up again at the end of the test in any case. With a broker from the
// environment it works only if "bin/servers" runs it (HOG_SERVERS).
func (s *KafkaServer) Fault(tb testing.TB) *Fault {
	tb.Helper()
	if s.power == nil {
		tb.Fatalf("testkit: the broker %v cannot be stopped: KAFKA_HOSTS names it, but HOG_SERVERS, as \"bin/servers env\" prints it, is not set", s.Brokers)
	}
	f := &Fault{tb: tb, power: s.power}
	tb.Cleanup(func() {
		if f.down {
			f.Start()
		}
	})
	return f
}

// Stop shuts the broker down in an orderly way and returns when its port is closed.
func (f *Fault) Stop() { f.tb.Helper(); f.stop(false) }

// Kill ends the broker with SIGKILL. An embedded broker, which is part of the test process, is stopped instead.
func (f *Fault) Kill() { f.tb.Helper(); f.stop(true) }

func (f *Fault) stop(kill bool) {
	f.tb.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(f.tb.Context()), faultTimeout)
	defer cancel()
	f.down = true
	if err := f.power.stop(ctx, kill); err != nil {
		f.tb.Errorf("testkit: stop the broker: %v", err)
	}
}

// Start starts the broker again, on the same address and data, and returns when it answers.
func (f *Fault) Start() {
	f.tb.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(f.tb.Context()), faultTimeout)
	defer cancel()
	if err := f.power.start(ctx); err != nil {
		f.tb.Errorf("testkit: start the broker again: %v", err)
		return
	}
	f.down = false
}

// scripted stops and starts a server through bin/servers, which leaves a link to itself in its state directory.
type scripted struct {
	stateDir, server string
	waitUp           func(context.Context) error
}

// scriptPower returns nil if stateDir is empty.
func scriptPower(stateDir, server string, waitUp func(context.Context) error) power {
	if stateDir == "" {
		return nil
	}
	return &scripted{stateDir: stateDir, server: server, waitUp: waitUp}
}

func (s *scripted) stop(ctx context.Context, kill bool) error {
	args := []string{"stop", s.server}
	if kill {
		args = append(args, "-9")
	}
	return s.run(ctx, args...)
}

func (s *scripted) start(ctx context.Context) error {
	return errors.Join(s.run(ctx, "start", s.server), s.waitUp(ctx))
}

func (s *scripted) run(ctx context.Context, args ...string) error {
	script := filepath.Join(s.stateDir, "servers")
	cmd := exec.CommandContext(ctx, script, args...)
	cmd.Env = append(cmd.Environ(), "HOG_SERVERS_DIR="+s.stateDir)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %v: %w\n%s", script, args, err, out)
	}
	return nil
}

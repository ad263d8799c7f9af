package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/hog-go/hog/common/config"
)

// Main is the whole main function of a service: it makes the logger of [NewLogger], calls run, and exits: with 0 after nil or [ErrStop],
// with 1 after any other error, which it logs; settings that config.Load refused are printed to standard error, a line each. The context
// ends at SIGINT, at SIGTERM and when [DefaultPreStopFile] appears; a second signal kills the process.
func Main(name string, run func(ctx context.Context, log *slog.Logger) error) {
	p := process{name: name, environ: os.Environ(), out: os.Stdout, errs: os.Stderr, preStopFile: DefaultPreStopFile}
	os.Exit(p.main(run))
}

// process is what Main takes from its surroundings.
type process struct {
	name        string
	environ     []string
	out, errs   io.Writer
	preStopFile string
}

// main returns the exit code.
func (p *process) main(run func(context.Context, *slog.Logger) error) int {
	log, err := NewLogger(p.out, p.environ)
	if err != nil {
		return p.refuse(err)
	}
	log = log.With("service", p.name)
	ctx, cancel := context.WithCancelCause(context.Background())
	var watchers sync.WaitGroup
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM) // before run, so that none is missed
	watchers.Go(func() { cancel(watchSignals(ctx, signals)) })
	watchers.Go(func() { cancel(p.watchFile(ctx)) })
	err = run(ctx, log)
	asked := ctx.Err() != nil
	cancel(nil)
	watchers.Wait()

	settings, refused := errors.AsType[*config.Error](err)
	switch {
	case err == nil, errors.Is(err, ErrStop), asked && (errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx))):
		return 0
	case refused:
		return p.refuse(settings.Problems...)
	default:
		log.ErrorContext(ctx, "stopped by a failure", "err", err)
		return 1
	}
}

// refuse tells an operator what to mend; these errors are settled before there is a log that anybody reads.
func (p *process) refuse(problems ...error) int {
	fmt.Fprintf(p.errs, "%s cannot start:\n", p.name)
	for _, problem := range problems {
		fmt.Fprintf(p.errs, "  %v\n", problem)
	}
	return 1
}

// watchSignals returns at the first signal, or when ctx ends. From then on signals have their default effect again, so that a second one
// ends a process that is stuck in its shutdown.
func watchSignals(ctx context.Context, signals chan os.Signal) error {
	defer signal.Stop(signals)
	select {
	case s := <-signals:
		return &Shutdown{Component: external, Reason: ReasonSignal, Err: fmt.Errorf("received %s", s)}
	case <-ctx.Done():
		return nil
	}
}

// watchFile returns when the pre-stop file appears or ctx ends.
func (p *process) watchFile(ctx context.Context) error {
	started := time.Now()
	look := time.NewTicker(preStopPoll)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
			if appeared(p.preStopFile, started) {
				return preStop(p.preStopFile)
			}
		}
	}
}

// Package cli holds the commands of hog.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/hog-go/hog/common/config"
	"github.com/hog-go/hog/hog/internal/stack"
)

// Process is what the commands take from their surroundings.
type Process struct {
	Args    []string // without the name of the program
	Environ []string // as os.Environ gives it
	Out     io.Writer
	Err     io.Writer
	Version string // set by the build; "" is worked out
}

// Main runs the command line of this process and returns its exit code. SIGINT and SIGTERM end the context of the command; a second one
// kills the process.
func Main(version string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return Run(ctx, Process{Args: os.Args[1:], Environ: os.Environ(), Out: os.Stdout, Err: os.Stderr, Version: version})
}

// unknownCommand begins an error about a word that names no command.
const unknownCommand = "unknown command"

// errSilent is a failure that the command itself has reported.
var errSilent = errors.New("failed")

// Run runs one command line and returns the exit code: 0, or 1 after an error, which is printed.
func Run(ctx context.Context, p Process) int {
	p.Version = versionOf(p.Version)
	root, err := p.root()
	if err == nil {
		var c *cobra.Command
		if c, err = root.ExecuteContextC(ctx); err != nil && strings.HasPrefix(err.Error(), unknownCommand) { // cobra has no type for it
			err = fmt.Errorf("%s (see %s --help)", strings.TrimSpace(err.Error()), c.CommandPath())
		}
	}
	if err == nil {
		return 0
	}
	if !errors.Is(err, errSilent) {
		printError(p.Err, err)
	}
	return 1
}

// printError shows an error to the person at the keyboard; problems with settings get a line each.
func printError(w io.Writer, err error) {
	_, ofConfig := errors.AsType[*config.Error](err)
	_, ofServices := errors.AsType[stack.SettingsError](err)
	if ofConfig || ofServices {
		fmt.Fprintf(w, "hog cannot start, the settings are not in order:\n  %s\n", strings.ReplaceAll(err.Error(), "\n", "\n  "))
		return
	}
	fmt.Fprintf(w, "hog: %v\n", err)
}

func (p *Process) root() (*cobra.Command, error) {
	s, err := readSettings(p.Environ)
	if err != nil {
		return nil, err
	}
	root := &cobra.Command{
		Use:   "hog",
		Short: "PostHog's services in one program",
		Long: `hog runs PostHog's services in one process, with Kafka, Redis and PostgreSQL inside or beside it: nothing to install, nothing to
configure. Start it, and point any PostHog SDK at it.`,
		Version:       p.Version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetVersionTemplate("hog {{.Version}}\n")
	root.SetArgs(p.Args)
	root.SetOut(p.Out)
	root.SetErr(p.Err)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return fmt.Errorf("%w (see %s --help)", err, c.CommandPath()) })
	root.PersistentFlags().StringVar(&s.Data, "data", s.Data, "data directory (HOG_DATA)")
	root.AddCommand(p.start(s), p.doctor(s), p.tail(s), p.send(s), p.team(s), p.flags(s), p.runProgram(), p.disasm(), p.version())
	explainArgs(root)
	return root, nil
}

// explainArgs adds the usage to what cobra says about too many arguments or too few.
func explainArgs(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return fmt.Errorf("%w: the usage is %s (see %s --help)", err, c.UseLine(), c.CommandPath())
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		explainArgs(sub)
	}
}

// groupOf makes c a command that does nothing itself. Left alone, cobra would answer a word that is none of subs with the help, as a success.
func groupOf(c *cobra.Command, subs ...*cobra.Command) *cobra.Command {
	c.AddCommand(subs...)
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return c.Help()
		}
		return fmt.Errorf(unknownCommand+" %q for %q", args[0], c.CommandPath())
	}
	return c
}

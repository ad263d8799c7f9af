package cli

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/hog-go/hog/hogvm"
)

// maxProgram bounds what is read of a file: bytecode and globals are small, and a mistyped name may be anything.
const maxProgram = 64 << 20

// machine is how "hog run" and "hog disasm" set up the virtual machine.
type machine struct {
	node, coerce bool
	globals      string
	maxSteps     int
}

func (m *machine) vm(print func(string)) (*hogvm.VM, error) {
	cfg := hogvm.Config{Coerce: m.coerce, MaxSteps: m.maxSteps, Print: print}
	if m.node {
		cfg.Profile = hogvm.Node
	}
	return hogvm.New(cfg)
}

func (p *Process) runProgram() *cobra.Command {
	var m machine
	c := &cobra.Command{
		Use:   "run program.json",
		Short: "Run a Hog program and print its result as JSON",
		Long: `Run executes the bytecode of a Hog program, a JSON array that begins with "_H" as the main app compiles and stores it, and prints the
result as JSON. "-" reads the program from standard input. What the program prints goes to standard error.`,
		Example: `  hog run filter.json --globals event.json
  echo '["_H",1,33,1,33,2,6,38]' | hog run -`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return m.run(c, args[0])
		},
	}
	c.Flags().StringVar(&m.globals, "globals", "", "JSON file with the globals, such as an event; \"-\" reads standard input (default: none)")
	c.Flags().BoolVar(&m.node, "node", false, "do as PostHog's VM for Node where it differs from that of the Rust services")
	c.Flags().BoolVar(&m.coerce, "coerce", false, "let < and > compare numbers, text, booleans and dates, as realtime cohorts do")
	c.Flags().IntVar(&m.maxSteps, "max-steps", 0, "end a run after so many instructions (default 10000)")
	return c
}

func (m *machine) run(c *cobra.Command, path string) error {
	if path == "-" && m.globals == "-" {
		return errors.New("standard input can not be the program and the globals: name a file for one of them")
	}
	vm, err := m.vm(func(line string) { fmt.Fprintln(c.ErrOrStderr(), line) })
	if err != nil {
		return err
	}
	program, err := load(c, vm, path)
	if err != nil {
		return err
	}
	var globals hogvm.Globals
	if m.globals != "" {
		text, err := readText(c, m.globals)
		if err != nil {
			return err
		}
		if globals, err = hogvm.ParseGlobals(text); err != nil {
			return fmt.Errorf("globals %s: %w", m.globals, err)
		}
	}
	result, err := program.RunJSON(c.Context(), globals, nil)
	if failure, ok := errors.AsType[*hogvm.Failure](err); ok {
		return fmt.Errorf("%s failed after %d steps at element %d of %s (see hog disasm): %w", path, failure.Steps, failure.IP, failure.Chunk, failure.Err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s\n", result)
	return err
}

func (p *Process) disasm() *cobra.Command {
	var m machine
	c := &cobra.Command{
		Use:   "disasm program.json",
		Short: "Show a Hog program, an instruction a line, and what is wrong with it",
		Long: `Disasm prints the instructions of a Hog program with the numbers of their elements, which errors name, and to standard error what
would fail in a run: instructions that make no sense, unknown functions, wrong numbers of arguments. "-" reads standard input.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			vm, err := m.vm(func(string) {})
			if err != nil {
				return err
			}
			program, err := load(c, vm, args[0])
			if err != nil {
				return err
			}
			fmt.Fprint(c.OutOrStdout(), program.Disassemble())
			problems := program.Check()
			for _, problem := range problems {
				fmt.Fprintln(c.ErrOrStderr(), problem)
			}
			if len(problems) > 0 {
				return errSilent
			}
			return nil
		},
	}
	c.Flags().BoolVar(&m.node, "node", false, "know the functions of PostHog's VM for Node")
	return c
}

func load(c *cobra.Command, vm *hogvm.VM, path string) (*hogvm.Program, error) {
	text, err := readText(c, path)
	if err != nil {
		return nil, err
	}
	program, err := vm.Load(text)
	if err != nil {
		return nil, fmt.Errorf("%s is no Hog program: %w", path, err)
	}
	return program, nil
}

// readText reads a file, or standard input for "-".
func readText(c *cobra.Command, path string) ([]byte, error) {
	in := c.InOrStdin()
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxProgram+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", path, err)
	case len(text) > maxProgram:
		return nil, fmt.Errorf("%s is larger than %d MiB: is it the right file?", path, maxProgram>>20)
	}
	return text, nil
}

package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hog-go/hog/hog/internal/doctor"
	"github.com/hog-go/hog/hog/internal/stack"
)

func (p *Process) doctor(s *Settings) *cobra.Command {
	var asJSON, postgres bool
	c := &cobra.Command{
		Use:   "doctor [service...]",
		Short: "Check settings, ports, disk and servers, and say what to do",
		Long: `Doctor looks at what "hog start" with the same arguments and environment would find: settings and misspelt names, the data directory
and its disk, ports, and the Kafka, Redis and PostgreSQL that the environment names or that a running hog has. It changes nothing.
The exit code is 1 when a check fails.`,
		ValidArgs: stack.Names(),
		RunE: func(c *cobra.Command, names []string) error {
			results, err := doctor.Run(c.Context(), doctor.Options{
				Services: names, Postgres: postgres, Data: s.Data, Addr: s.Addr,
				KafkaAddr: s.KafkaAddr, RedisAddr: s.RedisAddr, PostgresAddr: s.PostgresAddr,
				Environ: p.Environ, Settings: []any{*s},
			})
			if err != nil {
				return err
			}
			if asJSON {
				out := json.NewEncoder(p.Out)
				out.SetIndent("", "  ")
				err = out.Encode(results)
			} else {
				err = printResults(p.Out, results)
			}
			if err != nil {
				return fmt.Errorf("print the results: %w", err)
			}
			if doctor.Failed(results) {
				return errSilent
			}
			return nil
		},
	}
	s.addressFlags(c.Flags())
	c.Flags().BoolVar(&postgres, "postgres", false, "check what hog start --postgres needs, too")
	c.Flags().BoolVar(&asJSON, "json", false, "print a JSON list")
	return c
}

func printResults(w io.Writer, results []doctor.Result) error {
	var b strings.Builder
	for _, r := range results {
		fmt.Fprintf(&b, "%-5s %-9s %s", r.State, r.Check, strings.ReplaceAll(r.Detail, "\n", "; "))
		if r.Advice != "" {
			b.WriteString(": " + r.Advice)
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hog-go/hog/feature-flags/admin"
	"github.com/hog-go/hog/hog/internal/stack"
)

func (p *Process) flags(s *Settings) *cobra.Command {
	return groupOf(&cobra.Command{
		Use:   "flags",
		Short: "Import, list and try feature flags",
		Long: `These commands work on the hog that runs on the data directory; import and list also on the servers that DATABASE_URL and REDIS_URL
name. They leave a database of PostHog's main app alone.`,
	}, p.flagsImport(s), p.flagsList(s), p.flagsTest(s))
}

func (p *Process) flagsImport(s *Settings) *cobra.Command {
	var token string
	var prune bool
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Make or change flags, cohorts and group types as a file says",
		Long: `Import reads a JSON file and makes the team's flags what it says; services see the change at once. It may be run as often as you like:
flags are found again by key, cohorts by name, and what is the same stays untouched. A team that does not exist is made. The file is

  {"flags": [{"key": "new-nav", "filters": {"groups": [{"properties": [], "rollout_percentage": 50}]}}],
   "cohorts": [{"id": 1, "name": "testers", "is_static": true, "distinct_ids": ["ann"]},
               {"id": 2, "name": "payers", "filters": {"properties": {"type": "AND", "values": [{"key": "plan", "type": "person", "value": "pro"}]}}}],
   "group_type_mapping": {"0": "organization"}}

with filters as PostHog has them, where conditions name cohorts by the file's ids and other flags by key. Exports work, too: the
answer of PostHog's /api/projects/<id>/feature_flags or of /flags/definitions, or a list of flags.`,
		Example: "  hog flags import flags.json",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			text, err := os.ReadFile(args[0])
			if err != nil {
				return fmt.Errorf("import: %w", err)
			}
			document, err := admin.Parse(text)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			return p.withAdmin(c.Context(), s, func(store *admin.Store) error {
				team, err := store.EnsureTeam(c.Context(), admin.NewTeam{Name: token, Token: token})
				if err != nil {
					return err
				}
				n, err := store.Import(c.Context(), team, document, prune)
				if err != nil {
					return fmt.Errorf("%s: %w", args[0], err)
				}
				fmt.Fprintf(p.Out, "%s: flags: %d new, %d changed, %d as they were, %d deleted; cohorts: %d\n", team.Token, n.Created, n.Changed, n.Unchanged, n.Deleted, n.Cohorts)
				return nil
			})
		},
	}
	c.Flags().StringVar(&token, "token", stack.LocalToken, "project key of the team")
	c.Flags().BoolVar(&prune, "prune", false, "delete the team's flags that are not in the file")
	return c
}

func (p *Process) flagsList(s *Settings) *cobra.Command {
	var token string
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List a team's flags",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return p.withAdmin(c.Context(), s, func(store *admin.Store) error {
				team, err := store.Team(c.Context(), token)
				if err != nil {
					return fmt.Errorf("%w: see hog team list", err)
				}
				flags, err := store.Flags(c.Context(), team)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(p.Out, flags)
				}
				rows := [][]string{{"key", "state", "version", "rollout %", "variants", "name"}}
				for _, f := range flags {
					state := "off"
					if f.Active {
						state = "on"
					}
					rows = append(rows, []string{f.Key, state, fmt.Sprint(f.Version), strings.Join(f.Rollouts, " "), strings.Join(f.Variants, " "), f.Name})
				}
				return printTable(p.Out, rows)
			})
		},
	}
	c.Flags().StringVar(&token, "token", stack.LocalToken, "project key of the team")
	c.Flags().BoolVar(&asJSON, "json", false, "print a JSON list")
	return c
}

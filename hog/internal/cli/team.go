package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/hog-go/hog/feature-flags/admin"
	"github.com/hog-go/hog/hog/internal/stack"
)

func (p *Process) team(s *Settings) *cobra.Command {
	return groupOf(&cobra.Command{
		Use:   "team",
		Short: "Make and list teams, which have events and flags of their own",
		Long: `A team is a project: whoever sends its key sends events to it, and gets its flags. These commands work on the hog that runs on the data
directory, or on the servers that DATABASE_URL and REDIS_URL name. They leave a database of PostHog's main app alone.`,
	}, p.teamCreate(s), p.teamList(s))
}

func (p *Process) teamCreate(s *Settings) *cobra.Command {
	var team admin.NewTeam
	var email string
	var asJSON bool
	c := &cobra.Command{
		Use:   "create [name]",
		Short: "Make a team and print its keys",
		Long: `Create makes a team and prints its project key, which SDKs send, and its secret key, with which servers fetch flag definitions and
remote config. With --user it also prints a personal API key, which does the same for a person; it is not stored and cannot be shown
again.`,
		Example: `  hog team create Shop
  hog team create Blog --token phc_blog --user ann@example.com`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			team.Name = "Default project"
			if len(args) == 1 {
				team.Name = args[0]
			}
			return p.withAdmin(c.Context(), s, func(store *admin.Store) error {
				made, err := store.CreateTeam(c.Context(), team)
				if err != nil {
					return err
				}
				var personal string
				if email != "" {
					if personal, err = store.CreatePersonalKey(c.Context(), made, email); err != nil {
						return err
					}
				}
				return printTeam(p.Out, made, personal, asJSON)
			})
		},
	}
	c.Flags().StringVar(&team.Token, "token", "", "project key (default: a random one)")
	c.Flags().StringVar(&email, "user", "", "email of a person who gets a personal API key")
	c.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	return c
}

func printTeam(w io.Writer, t admin.Team, personal string, asJSON bool) error {
	if asJSON {
		return printJSON(w, struct {
			admin.Team
			Personal string `json:"personal_key,omitempty"`
		}{t, personal})
	}
	rows := [][]string{{"team", fmt.Sprintf("%d  %s", t.ID, t.Name)}, {"project key", t.Token}, {"secret key", t.Secret}}
	if personal != "" {
		rows = append(rows, []string{"personal key", personal})
	}
	return printTable(w, rows)
}

func (p *Process) teamList(s *Settings) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List all teams and their keys",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return p.withAdmin(c.Context(), s, func(store *admin.Store) error {
				teams, err := store.Teams(c.Context())
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(p.Out, teams)
				}
				rows := [][]string{{"id", "project key", "secret key", "name"}}
				for _, t := range teams {
					rows = append(rows, []string{fmt.Sprint(t.ID), t.Token, t.Secret, t.Name})
				}
				return printTable(p.Out, rows)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print a JSON list")
	return c
}

// withAdmin gives f the store of teams and flags: of the servers in the environment, else of the hog that runs on the data directory.
func (p *Process) withAdmin(ctx context.Context, s *Settings, f func(*admin.Store) error) (err error) {
	at, err := stack.ReadExternal(p.Environ)
	if err != nil {
		return err
	}
	if at.Postgres == "" || at.Redis == "" {
		running, err := stack.ReadInstance(s.Data)
		if err != nil {
			return fmt.Errorf("%w; or name servers with DATABASE_URL and REDIS_URL", err)
		}
		if running.Postgres == "" || running.Redis == "" {
			return errors.New("the running hog has no PostgreSQL or no Redis: start it with the service feature-flags")
		}
		at.Postgres, at.Redis = running.Postgres, running.Redis
	}
	store, closeStore, err := stack.OpenAdmin(at, p.Environ, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	return f(store)
}

func printJSON(w io.Writer, v any) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	if err := out.Encode(v); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// printTable aligns the cells of rows.
func printTable(w io.Writer, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			if i > 0 {
				fmt.Fprint(t, "\t")
			}
			fmt.Fprint(t, cell)
		}
		fmt.Fprintln(t)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// Package schema makes the subset of the PostHog main app's tables that the services read and write, for
// running without the main app.
//
// Two sets, which may go to one database or to two:
//
//	Main     organizations, projects, teams, users, API keys, flags, cohorts, event and property definitions
//	Persons  persons, distinct ids, cohort members, flag overrides, groups, group types
//
// Types, nullability, checks and the unique indexes that ON CONFLICT relies on are the main app's
// (posthog/models, rust/persons_migrations); tables hold fewer columns than there. Defaults that Django
// applies in Python are database defaults here, so that an INSERT needs to name only what matters. Identity
// columns and gen_random_uuid ask for Postgres 13 or newer.
//
// Nothing here touches what the main app made. A database with the table django_migrations is the main
// app's: nothing is done in it for Main. For Persons, which the main app's own tooling keeps apart from
// Django, each table that is there already stays as it is, together with its indexes. The tables that we
// make carry a comment, by which the down files know them.
package schema

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/hog-go/hog/common/postgres"
)

//go:embed main/*.sql persons/*.sql
var files embed.FS

// DjangoTable is the table by which a database of the main app is known.
const DjangoTable = "django_migrations"

// Set is a set of migrations with its own version.
type Set struct {
	// Name is what operators call it.
	Name string

	// Table is the bookkeeping table.
	Table string

	// Files holds the numbered pairs at its root.
	Files fs.FS

	// OwnedBy is the table whose presence means that nothing must be done.
	OwnedBy string
}

// The sets, by what owns them in a full deployment.
var (
	Main    = Set{Name: "main", Table: "hog_migrations_main", Files: sub("main"), OwnedBy: DjangoTable}
	Persons = Set{Name: "persons", Table: "hog_migrations_persons", Files: sub("persons")}
)

// Migrate brings the database of url to the newest version of the set. It may be called at every start, and
// by several processes at once.
func (s Set) Migrate(ctx context.Context, url postgres.URL, log *slog.Logger) (postgres.MigrateResult, error) {
	return postgres.Migrate(ctx, url, s.Files, postgres.MigrateOptions{
		Set:     s.Name,
		Table:   s.Table,
		OwnedBy: s.OwnedBy,
		Log:     log,
	})
}

func sub(dir string) fs.FS {
	f, err := fs.Sub(files, dir)
	if err != nil {
		panic(fmt.Sprintf("schema: %v", err)) // dir is a constant of this file
	}
	return f
}

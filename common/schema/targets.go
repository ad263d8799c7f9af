package schema

import "github.com/hog-go/hog/common/postgres/migrator"

// Targets are the sets as targets of the migration command. Where DATABASE_URL and PERSONS_DATABASE_URL name
// the same database, both sets go there.
func Targets() []migrator.Target {
	return []migrator.Target{
		{
			Name:     Main.Name,
			URLEnv:   "DATABASE_URL",
			Database: "posthog",
			Owner:    DjangoTable,
			Migrate:  Main.Migrate,
		},
		{
			Name:     Persons.Name,
			URLEnv:   "PERSONS_DATABASE_URL",
			NameEnv:  "PERSONS_DATABASE_NAME",
			Database: "posthog_persons",
			Owner:    DjangoTable,
			Migrate:  Persons.Migrate,
		},
	}
}

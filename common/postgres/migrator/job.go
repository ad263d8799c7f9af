package migrator

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/hog-go/hog/common/postgres"
)

// job is one target in one run: prepare first, then apply.
type job struct {
	Target
	reporter
	url postgres.URL
}

// prepare sees to it that the database is there, and for --fresh that it is empty.
func (j *job) prepare(ctx context.Context, getenv func(string) string) error {
	u, err := j.locate(getenv)
	if err != nil {
		return err
	}
	j.url, j.database = u, u.Database()
	j.starting()
	created, err := postgres.EnsureDatabase(ctx, u)
	switch {
	case err != nil:
		return err
	case created:
		j.running("database created")
		return nil
	case j.fresh:
		return j.renew(ctx)
	}
	return nil
}

// renew drops the database and makes it again, unless it is another application's.
func (j *job) renew(ctx context.Context) error {
	if j.Owner != "" {
		owned, err := postgres.TableExists(ctx, j.url, j.Owner)
		if err != nil {
			return err
		}
		if owned {
			return fmt.Errorf("--fresh would drop database %s, which has the table %s and so belongs to another application: "+
				"drop it by hand if you mean it", j.database, j.Owner)
		}
	}
	if err := postgres.DropDatabase(ctx, j.url); err != nil {
		return err
	}
	if _, err := postgres.EnsureDatabase(ctx, j.url); err != nil {
		return err
	}
	j.running("database dropped and created")
	return nil
}

// apply runs the migrations that are missing.
func (j *job) apply(ctx context.Context) error {
	result, err := j.Migrate(ctx, j.url, slog.New(slog.DiscardHandler)) // the lines below say it all
	for _, file := range result.Applied {
		j.running("applied " + file)
	}
	switch {
	case err != nil:
		return err
	case result.OwnedBy != "":
		j.running(fmt.Sprintf("table %s is there: this database is managed by another application, nothing to do", result.OwnedBy))
	case len(result.Applied) == 0:
		j.running(fmt.Sprintf("nothing to apply, version is %d", result.To))
	}
	return nil
}

package flagset

import (
	"context"
	"time"

	"github.com/hog-go/hog/common/postgres"
)

// Cohorts reads the cohorts of a team from the main database as a JSON array, for those who bring the flags themselves.
func Cohorts(ctx context.Context, db *postgres.DB, timeout time.Duration, teamID int32) ([]byte, error) {
	return (&tables{db: db, timeout: timeout}).cohorts(ctx, teamID)
}

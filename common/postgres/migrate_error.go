package postgres

import (
	"errors"
	"fmt"
	"strings"

	"github.com/golang-migrate/migrate/v4/database"
	"github.com/jackc/pgx/v5/pgconn"
)

// MigrationError tells which migration failed, where, and what an operator can do.
type MigrationError struct {
	Set  string // as in MigrateOptions
	File string // name of the up file
	Line int    // in File, 1-based; 0 when the server did not say
	At   string // the text at Line, or the statement inside a DO block
	Err  error  // the server's or the driver's
}

func newMigrationError(set string, steps []step, version uint, err error) *MigrationError {
	e := &MigrationError{Set: set, File: fmt.Sprintf("version %d", version), Err: rootCause(err)}
	for _, s := range steps {
		if s.version == version {
			e.File = s.file
			e.locate(s.sql)
		}
	}
	return e
}

// locate finds the place by the position that the server reports, which counts characters from 1, or for
// an error inside a DO block by its context.
func (e *MigrationError) locate(sql string) {
	pg, ok := errors.AsType[*pgconn.PgError](e.Err)
	if !ok {
		return
	}
	text := []rune(sql)
	if pos := int(pg.Position); pos > 0 && pos <= len(text) {
		before := string(text[:pos-1])
		e.Line = strings.Count(before, "\n") + 1
		e.At = strings.TrimSpace(strings.Split(sql, "\n")[e.Line-1])
		return
	}
	if statement, found := strings.CutPrefix(pg.Where, `SQL statement "`); found {
		statement, _, _ = strings.Cut(statement, "\"\nPL/pgSQL function") // the frames around it
		e.At = shorten(statement)
	}
}

// Error names set, file and place, the cause, and the remedy.
func (e *MigrationError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "migrate %s: %s", e.Set, e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, " line %d", e.Line)
	}
	if e.At != "" {
		fmt.Fprintf(&b, " (%s)", e.At)
	}
	fmt.Fprintf(&b, ": %v", e.Err)
	if pg, ok := errors.AsType[*pgconn.PgError](e.Err); ok && pg.Detail != "" {
		fmt.Fprintf(&b, ": %s", pg.Detail)
	}
	fmt.Fprintf(&b, "; %s", e.remedy())
	return b.String()
}

// Unwrap returns the cause.
func (e *MigrationError) Unwrap() error { return e.Err }

func (e *MigrationError) remedy() string {
	const again = "what it did was rolled back: mend the cause and run it again"
	switch Code(e.Err) {
	case "42501":
		return "the role needs CREATE on the schema and ownership of the tables it alters; " + again
	case "53100":
		return "the server's disk is full; " + again
	case "55P03", "57014", "40P01":
		return "other sessions hold locks on the same tables: run it again when they are done"
	default:
		return again
	}
}

// connectHint adds what an operator can do to a failed connection.
func connectHint(err error) error {
	switch Code(err) {
	case "28P01", "28000":
		return fmt.Errorf("%w: check user and password of the URL, and the server's pg_hba.conf", err)
	case "3D000":
		return fmt.Errorf("%w: create the database first (bin/migrate does)", err)
	case "":
		return fmt.Errorf("%w: check that Postgres runs there and that host and port of the URL are right", err)
	default:
		return err
	}
}

// rootCause unwraps golang-migrate's error, whose text repeats the whole file.
func rootCause(err error) error {
	if e, ok := errors.AsType[database.Error](err); ok && e.OrigErr != nil {
		return e.OrigErr
	}
	if e, ok := errors.AsType[*database.Error](err); ok && e.OrigErr != nil {
		return e.OrigErr
	}
	return err
}

func shorten(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 120 {
		return string(r[:120]) + "…"
	}
	return s
}

package postgres

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/golang-migrate/migrate/v4/source"
)

// step is one migration.
type step struct {
	version uint
	file    string // name of the up file
	sql     string // its text, for error messages
}

// readSteps lists the up files by version and checks that each has its down file.
func readSteps(files fs.FS) ([]step, error) {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	var steps []step
	downs := map[uint]bool{}
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".sql") {
			continue
		}
		parsed, err := source.DefaultParse(e.Name())
		switch {
		case err != nil:
			return nil, fmt.Errorf("migration %s: want a name like 0001_words.up.sql", e.Name())
		case parsed.Version == 0:
			return nil, fmt.Errorf("migration %s: numbers begin at 1", e.Name())
		case parsed.Direction == source.Down:
			downs[parsed.Version] = true
			continue
		}
		text, err := fs.ReadFile(files, e.Name())
		if err != nil {
			return nil, fmt.Errorf("read migration: %w", err)
		}
		steps = append(steps, step{version: parsed.Version, file: e.Name(), sql: string(text)})
	}
	if len(steps) == 0 {
		return nil, errors.New("no migrations found")
	}
	slices.SortFunc(steps, func(a, b step) int { return int(a.version) - int(b.version) })
	for i, s := range steps {
		if i > 0 && steps[i-1].version == s.version {
			return nil, fmt.Errorf("migrations %s and %s have the same number", steps[i-1].file, s.file)
		}
		if !downs[s.version] {
			return nil, fmt.Errorf("migration %s has no down file", s.file)
		}
	}
	return steps, nil
}

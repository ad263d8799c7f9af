package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// minMajor is the oldest PostgreSQL that the main app still ran on.
const minMajor = 12

// fetchedMajor is what is fetched for a new data directory: that of the main app's own image.
const fetchedMajor = 15

// fetchedDir is where in a data directory fetched programs go.
const fetchedDir = "postgresql"

// fetchable are the versions that embedded-postgres knows.
var fetchable = map[int]embeddedpostgres.PostgresVersion{
	13: embeddedpostgres.V13, 14: embeddedpostgres.V14, 15: embeddedpostgres.V15,
	16: embeddedpostgres.V16, 17: embeddedpostgres.V17, 18: embeddedpostgres.V18,
}

// install is a set of PostgreSQL programs.
type install struct {
	bin     string // the directory that holds postgres and initdb
	version string // as the program says it, for example "15.14"
	major   int
}

// binDirs are where packages put the server programs, which they mostly keep out of PATH.
var binDirs = []string{
	"/usr/lib/postgresql/*/bin",                               // Debian, Ubuntu
	"/usr/pgsql-*/bin",                                        // PostgreSQL's packages for Red Hat
	"/usr/libexec/postgresql*",                                // Alpine
	"/usr/local/pgsql/bin",                                    // built from source
	"/opt/homebrew/opt/postgresql@*/bin",                      // Homebrew, Apple silicon
	"/usr/local/opt/postgresql@*/bin",                         // Homebrew, Intel
	"/Applications/Postgres.app/Contents/Versions/[0-9]*/bin", // Postgres.app
}

// installation finds the newest installed PostgreSQL that can run the data directory, or fetches one into o.Dir.
func installation(ctx context.Context, o PostgresOptions, data string) (install, error) {
	major, err := readMajor(data)
	if err != nil {
		return install{}, err
	}
	fetched := filepath.Join(o.Dir, fetchedDir)
	if o.repository == "" { // else as if nothing were installed
		if inst, ok := newest(ctx, candidates(o.Dir), major); ok {
			return inst, nil
		}
	}
	if ctx.Err() != nil { // then no program could be asked for its version either
		return install{}, fmt.Errorf("find PostgreSQL: %w", context.Cause(ctx))
	}
	o.Log.InfoContext(ctx, "no installed PostgreSQL will do, fetching one", "into", fetched, "data_version", major)
	err = fetchUntil(ctx, o, fetched, major)
	if ctx.Err() != nil {
		return install{}, fmt.Errorf("fetch PostgreSQL: %w", context.Cause(ctx))
	}
	if err != nil {
		what := "no PostgreSQL server is installed"
		if major != 0 {
			what = fmt.Sprintf("the data directory was made by PostgreSQL %d, and no server of that version is installed", major)
		}
		return install{}, fmt.Errorf("%s, and fetching one failed: %w (install it, for example \"apt-get install postgresql\", allow access to the network, or set DATABASE_URL to a server)", what, err)
	}
	inst, ok := newest(ctx, []string{filepath.Join(fetched, "bin")}, major)
	if !ok {
		return install{}, fmt.Errorf("the PostgreSQL fetched into %s does not run on this machine: install one, for example \"apt-get install postgresql\"", fetched)
	}
	return inst, nil
}

// FindPostgres tells which server program StartPostgres would run on the data directory dir, or "" if it would fetch one.
func FindPostgres(ctx context.Context, dir string) string {
	major, _ := readMajor(filepath.Join(dir, "data")) // where it cannot be read any version will do; StartPostgres says more
	if inst, ok := newest(ctx, candidates(dir), major); ok {
		return filepath.Join(inst.bin, "postgres")
	}
	return ""
}

// candidates are the directories where server programs may be, among them what was fetched into dir.
func candidates(dir string) []string {
	dirs := append(pathDirs(), filepath.Join(dir, fetchedDir, "bin"))
	for _, pattern := range binDirs {
		found, _ := filepath.Glob(pattern)
		dirs = append(dirs, found...)
	}
	return dirs
}

// pathDirs is the directory of the postgres in PATH, if there is one.
func pathDirs() []string {
	program, err := exec.LookPath("postgres")
	if err != nil {
		return nil
	}
	if real, err := filepath.EvalSymlinks(program); err == nil {
		program = real // initdb and share/ lie beside the real one
	}
	return []string{filepath.Dir(program)}
}

// newest picks the highest version among dirs; of that major version only, unless it is 0.
func newest(ctx context.Context, dirs []string, major int) (best install, ok bool) {
	for _, dir := range dirs {
		inst, err := inspect(ctx, dir)
		if err != nil || inst.major < minMajor || major != 0 && inst.major != major {
			continue
		}
		if inst.major > best.major {
			best, ok = inst, true
		}
	}
	return best, ok
}

// inspect asks the programs in dir for their version.
func inspect(ctx context.Context, dir string) (install, error) {
	if _, err := exec.LookPath(filepath.Join(dir, "initdb")); err != nil {
		return install{}, err
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return install{}, err
	}
	fields := strings.Fields(string(out)) // postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)
	if len(fields) < 3 {
		return install{}, fmt.Errorf("version line %q", out)
	}
	number, _, _ := strings.Cut(fields[2], ".")
	major, err := strconv.Atoi(number) // a beta ("19beta1") is no number, and not used
	return install{bin: dir, version: fields[2], major: major}, err
}

// fetchUntil is fetch, which cannot be stopped, until ctx ends: what goes on then is in a directory that the next fetch clears.
func fetchUntil(ctx context.Context, o PostgresOptions, dir string, major int) error {
	done := make(chan error, 1) // nobody may be there to take it
	go func() { done <- fetch(o, dir, major) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// fetch downloads the programs of a major version (0 = fetchedMajor) into dir.
//
// The library can only start a whole server, and not as root. It fetches first, though, so we let it fail after that: it
// finds a "data directory" of the right version with nothing in it, which pg_ctl refuses at once.
func fetch(o PostgresOptions, dir string, major int) error {
	if major == 0 {
		major = fetchedMajor
	}
	version, ok := fetchable[major]
	if !ok {
		return fmt.Errorf("there is no build of PostgreSQL %d to fetch", major)
	}
	temp := dir + ".tmp"
	defer os.RemoveAll(temp)
	decoy := filepath.Join(temp, "decoy")
	if err := errors.Join(os.RemoveAll(temp), os.MkdirAll(decoy, 0o755)); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(decoy, "PG_VERSION"), []byte(strconv.Itoa(major)+"\n"), 0o644); err != nil {
		return err
	}
	addr, err := reservePort("127.0.0.1:0") // the library insists on a free port before it begins
	if err != nil {
		return err
	}
	port := netip.MustParseAddrPort(addr).Port()
	programs := filepath.Join(temp, "programs")
	config := embeddedpostgres.DefaultConfig().Version(version).Port(uint32(port)).Logger(io.Discard).
		CachePath(filepath.Join(temp, "cache")).RuntimePath(filepath.Join(temp, "runtime")).
		BinariesPath(programs).DataPath(decoy)
	if o.repository != "" {
		config = config.BinaryRepositoryURL(o.repository)
	}
	err = embeddedpostgres.NewDatabase(config).Start()
	if _, serr := os.Stat(filepath.Join(programs, "bin", "postgres")); serr != nil {
		return errors.Join(err, serr)
	}
	return errors.Join(os.RemoveAll(dir), os.Rename(programs, dir))
}

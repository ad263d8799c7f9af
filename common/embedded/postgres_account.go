package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// account is whom the server runs as when this process is root, which PostgreSQL refuses to be. A nil account is this
// process's own user.
type account struct {
	name     string
	uid, gid uint32
}

// accountFor returns nil unless this process is root. Then it is the owner of the data directory if there is one, so that
// a directory made by an ordinary user goes on working; else the user postgres or nobody.
func accountFor(data string) (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	if info, err := os.Stat(data); err == nil {
		if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 {
			return &account{name: strconv.Itoa(int(st.Uid)), uid: st.Uid, gid: st.Gid}, nil
		}
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uerr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gerr := strconv.ParseUint(u.Gid, 10, 32)
		if uerr == nil && gerr == nil && uid != 0 {
			return &account{name: name, uid: uint32(uid), gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("this process is root, which PostgreSQL refuses to run as, and there is no user postgres or nobody to run it as: add one, or do not run as root")
}

// CheckPostgresDir tells why StartPostgres would not get into the data directory dir, as far as that is about who runs it. The directory
// need not exist.
func CheckPostgresDir(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	account, err := accountFor(filepath.Join(dir, "data"))
	if err != nil {
		return err
	}
	return account.canReach(dir)
}

// systemDir is where everybody gets to.
const systemDir = "/var/lib/hog"

// PostgresDir is the directory for StartPostgres where dir is wanted: dir, unless this process is root and the account that the server then
// runs as cannot get there, as it cannot get to anything below a closed /root. Then it is a directory below /var/lib/hog, the same for the
// same dir.
func PostgresDir(dir string) string { return postgresDir(dir, systemDir) }

func postgresDir(dir, system string) string {
	abs, err := filepath.Abs(dir)
	if err != nil || CheckPostgresDir(dir) == nil {
		return dir
	}
	if elsewhere := filepath.Join(system, abs); CheckPostgresDir(elsewhere) == nil {
		return elsewhere
	}
	return dir // StartPostgres says what is wrong with it
}

// canReach tells whether the account can get into dir: each directory on the way must let it through. One that is missing yet will.
func (a *account) canReach(dir string) error {
	if a == nil {
		return nil
	}
	var closed []string // from the root on
	for d := dir; ; d = filepath.Dir(d) {
		info, err := os.Stat(d)
		if ignoreMissing(err) != nil {
			return err
		}
		if err == nil && !a.mayEnter(info) {
			closed = slices.Insert(closed, 0, d)
		}
		if d == filepath.Dir(d) {
			break
		}
	}
	if len(closed) == 0 {
		return nil
	}
	return fmt.Errorf("the server runs as user %s, because PostgreSQL refuses root, and that user cannot enter %s: choose a data directory elsewhere, for example below /var/lib, or \"chmod o+x %s\"",
		a.name, strings.Join(closed, " and "), strings.Join(closed, " "))
}

func (a *account) mayEnter(info os.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return true
	case st.Uid == a.uid:
		return info.Mode()&0o100 != 0
	case st.Gid == a.gid:
		return info.Mode()&0o010 != 0
	}
	return info.Mode()&0o001 != 0
}

// own gives file to the account.
func (a *account) own(file string) error {
	if a == nil {
		return nil
	}
	return os.Chown(file, int(a.uid), int(a.gid))
}

// command runs program as the account, in an environment without our PG* variables and with English messages.
func (a *account) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = "/" // where we are may be closed to the account
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if a != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	return cmd
}

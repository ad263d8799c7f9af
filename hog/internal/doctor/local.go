package doctor

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/hog-go/hog/common/config"
	"github.com/hog-go/hog/hog/internal/stack"
)

// settings checks those of every service and of the servers.
func (x *examination) settings() {
	names := make([]string, len(x.entries))
	for i, e := range x.entries {
		names[i] = e.Name
	}
	var problems []string
	if _, err := stack.Topics(names, x.Environ); err != nil {
		problems = strings.Split(err.Error(), "\n")
	}
	var err error
	if x.servers, err = stack.ReadExternal(x.Environ); err != nil {
		problems = append(problems, strings.Split(err.Error(), "\n")...)
	}
	slices.Sort(problems)
	for _, p := range slices.Compact(problems) {
		x.fail("settings", p, "correct the variable, or unset it to get its default")
	}
	if len(problems) == 0 {
		x.ok("settings", "in order for "+strings.Join(names, ", "))
	}
}

// names looks for variables that have no effect.
func (x *examination) names() {
	known := append([]any{stack.External{}}, x.Settings...)
	for _, e := range x.entries {
		known = append(known, e.Settings)
	}
	found := config.Suspicious(x.Environ, known...)
	for _, w := range stack.Warnings(x.entries, x.Environ) {
		if !strings.Contains(w, "is not a setting") { // a service does not know the names of the others: those above do
			found = append(found, w)
		}
	}
	for _, w := range found {
		x.warn("names", w, "rename or unset the variable")
	}
	if len(found) == 0 {
		x.ok("names", "no variable looks misspelt")
	}
}

// directory checks the data directory, or the place where it would be made.
func (x *examination) directory() {
	const check, advice = "data", "make the directory writable, or choose another with --data or HOG_DATA"
	dir, err := filepath.Abs(x.Data)
	if err != nil {
		x.fail(check, err.Error(), advice)
		return
	}
	place := dir
	for {
		info, err := os.Stat(place)
		if err == nil && !info.IsDir() {
			x.fail(check, place+" is not a directory", "move the file, or choose another directory with --data or HOG_DATA")
			return
		}
		if err == nil {
			break
		}
		if !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) || filepath.Dir(place) == place {
			x.fail(check, err.Error(), advice)
			return
		}
		place = filepath.Dir(place)
	}
	probe, err := os.CreateTemp(place, ".hog-doctor-*")
	if err != nil {
		x.fail(check, fmt.Sprintf("%s cannot be written: %v", place, err), advice)
		return
	}
	probe.Close()
	os.Remove(probe.Name())
	x.diskSpace(dir, place)
}

// comfortable is room for some topics at their default retention; below it the disk may fill up unnoticed.
const comfortable = 2 << 30

func (x *examination) diskSpace(dir, place string) {
	const advice = "free some space, lower --retention-bytes, or choose another directory with --data or HOG_DATA"
	var fs syscall.Statfs_t
	if err := syscall.Statfs(place, &fs); err != nil {
		x.warn("data", fmt.Sprintf("%s is writable, its free space is unknown: %v", dir, err), "look at it with df")
		return
	}
	free := uint64(fs.Bavail) * uint64(fs.Bsize)
	detail := fmt.Sprintf("%s is writable, %.1f GiB are free", dir, float64(free)/(1<<30))
	switch {
	case free < x.MinFree:
		x.fail("data", detail, advice)
	case free < comfortable:
		x.warn("data", detail, advice)
	default:
		x.ok("data", detail)
	}
}

func (x *examination) httpPort() {
	if x.running != nil && samePort(x.running.HTTP, x.Addr) {
		x.ok("http", fmt.Sprintf("%s is served by the running hog (process %d)", x.Addr, x.running.PID))
		return
	}
	if err := free(x.Addr); err != nil {
		x.fail("http", err.Error(), "stop the program that has it, or choose another with --addr or HOG_ADDR")
		return
	}
	x.ok("http", x.Addr+" is free")
}

// free checks that a server could listen on addr.
func free(addr string) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("%s is not free: %w", addr, err)
	}
	return ln.Close()
}

// samePort tells whether the hog at base has taken the port of addr.
func samePort(base, addr string) bool {
	u, err := url.Parse(base)
	if err != nil {
		return false
	}
	_, port, err := net.SplitHostPort(addr)
	return err == nil && port == u.Port()
}

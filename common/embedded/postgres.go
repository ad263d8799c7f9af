package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// PostgresOptions says where the server listens and keeps its data. Only Dir is required.
type PostgresOptions struct {
	Dir       string            // data directory, created if missing
	Addr      string            // a loopback address; default "127.0.0.1:0" (a free port)
	User      string            // superuser, made with the data directory; default "posthog"
	Password  string            // its password, set with the data directory; default "posthog"
	Databases []string          // created at start where missing; default "posthog"
	Settings  map[string]string // server settings beyond ours, for example "work_mem"
	Log       *slog.Logger      // default: discarded; the server's own log is the file postgres.log in Dir

	repository string // where binaries are fetched from; "" = Maven Central
}

func (o PostgresOptions) withDefaults() (PostgresOptions, error) {
	o.Addr = cmp.Or(o.Addr, "127.0.0.1:0")
	o.User = cmp.Or(o.User, "posthog")
	o.Password = cmp.Or(o.Password, "posthog")
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler)).With("component", "embedded_postgres")
	if o.Databases == nil {
		o.Databases = []string{"posthog"}
	}
	if o.Dir == "" {
		return o, errors.New("embedded postgres: no data directory given")
	}
	if err := CheckAddr(o.Addr, "postgres"); err != nil {
		return o, err
	}
	dir, err := filepath.Abs(o.Dir) // the server runs in another directory
	o.Dir = dir
	return o, err
}

// Postgres is a running server.
type Postgres struct {
	server   *postmaster
	addr     string
	options  PostgresOptions
	lock     *dirLock
	stopOnce sync.Once
	stopErr  error
}

// StartPostgres returns when the server answers and every database of o.Databases exists. The first start in a directory
// takes a few seconds for initdb, and a download of some 30 MB where no PostgreSQL is installed.
func StartPostgres(ctx context.Context, o PostgresOptions) (*Postgres, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	lock, err := lockDir(o.Dir)
	if err != nil {
		return nil, err
	}
	p, err := startPostgres(ctx, o)
	if err != nil {
		lock.unlock()
		return nil, explain(fmt.Errorf("embedded postgres: %w", err), o.Dir)
	}
	p.lock = lock
	o.Log.InfoContext(ctx, "postgres is up", "addr", p.addr, "dir", o.Dir, "binaries", p.server.inst.bin, "version", p.server.inst.version)
	return p, nil
}

func startPostgres(ctx context.Context, o PostgresOptions) (*Postgres, error) {
	if _, err := reservePort(o.Addr); err != nil {
		return nil, err // before the seconds that initdb takes
	}
	data := filepath.Join(o.Dir, "data")
	account, err := accountFor(data)
	if err != nil {
		return nil, err
	}
	if err := account.canReach(o.Dir); err != nil {
		return nil, err
	}
	inst, err := installation(ctx, o, data)
	if err != nil {
		return nil, err
	}
	if err := initData(ctx, o, inst, account, data); err != nil {
		return nil, err
	}
	if err := stopLeftover(ctx, data, o.Log); err != nil {
		return nil, err
	}
	p := &Postgres{options: o}
	if p.server, p.addr, err = p.launch(ctx, &postmaster{inst: inst, account: account, data: data, logFile: filepath.Join(o.Dir, "postgres.log")}); err != nil {
		return nil, err
	}
	for _, name := range o.Databases {
		if err := p.EnsureDatabase(ctx, name); err != nil {
			return nil, errors.Join(err, p.server.stop(context.WithoutCancel(ctx)))
		}
	}
	return p, nil
}

// launchAttempts covers a chosen port that somebody took before the server did, and a predecessor's backends that need a
// moment to notice that their postmaster was killed.
const (
	launchAttempts = 20
	launchPause    = 250 * time.Millisecond
)

// launch starts the server until it answers.
func (p *Postgres) launch(ctx context.Context, template *postmaster) (_ *postmaster, addr string, err error) {
	host, port, _ := net.SplitHostPort(p.options.Addr) // checked by withDefaults
	for range launchAttempts {
		if addr, err = reservePort(p.options.Addr); err != nil {
			return nil, "", err
		}
		server := *template
		if err = server.start(p.settings(addr)); err != nil {
			return nil, "", err
		}
		if err = p.waitReady(ctx, &server, addr); err == nil {
			return &server, net.JoinHostPort(host, addr[strings.LastIndexByte(addr, ':')+1:]), nil
		}
		err = errors.Join(err, server.stop(context.WithoutCancel(ctx)))
		portLost := port == "0" && strings.Contains(err.Error(), "Address already in use")
		if !portLost && !strings.Contains(err.Error(), "pre-existing shared memory block") {
			return nil, "", err
		}
		time.Sleep(launchPause)
	}
	return nil, "", err
}

// reservePort turns port 0 into a free one, and finds out early whether a given one is taken.
func reservePort(addr string) (string, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return "", explainPort(err, "postgres")
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// settings are those of the server's command line, which win over postgresql.conf.
func (p *Postgres) settings(addr string) []string {
	host, port, _ := net.SplitHostPort(addr)
	set := map[string]string{
		"listen_addresses":        host,
		"port":                    port,
		"unix_socket_directories": "", // one way in is enough, and a path in Dir could be too long for a socket
		"max_connections":         "200",
		"timezone":                "UTC",
		"log_timezone":            "UTC",
	}
	for k, v := range p.options.Settings {
		set[k] = v
	}
	var args []string
	for k, v := range set {
		args = append(args, "-c", k+"="+v)
	}
	return args
}

// waitReady returns when server accepts a login on addr, or with the reason why it will not.
func (p *Postgres) waitReady(ctx context.Context, server *postmaster, addr string) error {
	const wrongPassword, noSuchRole = "28P01", "28000"
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, p.urlOn(addr, "postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		if pg, ok := errors.AsType[*pgconn.PgError](err); ok && (pg.Code == wrongPassword || pg.Code == noSuchRole) {
			return fmt.Errorf("the data directory was made with another user or password than %q, and keeps it: %w", p.options.User, err)
		}
		select {
		case <-server.done:
			return server.failure()
		case <-ctx.Done():
			return fmt.Errorf("wait for postgres to answer: %w (last: %w)", context.Cause(ctx), err)
		case <-tick.C:
		}
	}
}

// URL is what a client connects to.
func (p *Postgres) URL(database string) string { return p.urlOn(p.addr, database) }

func (p *Postgres) urlOn(addr, database string) string {
	u := url.URL{
		Scheme: "postgres", Host: addr, Path: "/" + database, RawQuery: "sslmode=disable",
		User: url.UserPassword(p.options.User, p.options.Password),
	}
	return u.String()
}

// Done is closed when the server has ended, by Stop or by itself.
func (p *Postgres) Done() <-chan struct{} { return p.server.done }

// EnsureDatabase creates the database unless it is there.
func (p *Postgres) EnsureDatabase(ctx context.Context, name string) error {
	conn, err := pgx.Connect(ctx, p.URL("postgres"))
	if err != nil {
		return fmt.Errorf("create database %s: %w", name, err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	const duplicate = "42P04"
	_, err = conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize())
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == duplicate {
		return nil
	}
	if err != nil {
		return fmt.Errorf("create database %s: %w", name, err)
	}
	return nil
}

// Stop ends open sessions and shuts the server down; when ctx ends first it is stopped hard, which costs the next start
// a recovery but no data. Only the first call does anything.
func (p *Postgres) Stop(ctx context.Context) error {
	p.stopOnce.Do(func() {
		p.stopErr = p.server.stop(ctx)
		p.lock.unlock()
	})
	return p.stopErr
}

// locale of new databases: bytes sort as they are, letters are those of Unicode. macOS has no such locale.
func locale() string {
	if runtime.GOOS == "darwin" {
		return "en_US.UTF-8"
	}
	return "C.UTF-8"
}

// initData makes the data directory if there is none. It is made under another name first, so that one that a crash left
// half made is never taken for whole.
func initData(ctx context.Context, o PostgresOptions, inst install, account *account, data string) error {
	if _, err := os.Stat(filepath.Join(data, "PG_VERSION")); ignoreMissing(err) != nil || err == nil {
		return err
	}
	temp, secret := data+".new", filepath.Join(o.Dir, "password.tmp")
	defer os.Remove(secret)
	if err := os.RemoveAll(temp); err != nil {
		return err
	}
	if err := os.Mkdir(temp, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(secret, []byte(o.Password+"\n"), 0o600); err != nil {
		return err
	}
	if err := errors.Join(account.own(temp), account.own(secret)); err != nil {
		return err
	}
	args := []string{"--pgdata=" + temp, "--username=" + o.User, "--pwfile=" + secret, "--auth=scram-sha-256",
		"--encoding=UTF8", "--locale=" + locale(), "--data-checksums", "--no-instructions"}
	if o.Settings["fsync"] == "off" {
		args = append(args, "--no-sync")
	}
	cmd := account.command(ctx, filepath.Join(inst.bin, "initdb"), args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w", outputError(err, out))
	}
	return os.Rename(temp, data)
}

// readMajor returns the major version that made the data directory, 0 if there is none.
func readMajor(data string) (int, error) {
	raw, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if err != nil {
		return 0, ignoreMissing(err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil {
		return 0, fmt.Errorf("PG_VERSION in %s: %w", data, err)
	}
	return major, nil
}

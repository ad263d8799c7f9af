package cli

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/hog-go/hog/common/app"
	"github.com/hog-go/hog/hog/internal/stack"
	"github.com/hog-go/hog/hog/internal/status"
)

func (p *Process) start(s *Settings) *cobra.Command {
	var postgres bool
	c := &cobra.Command{
		Use:   "start [service...]",
		Short: "Run services; without names, all of them",
		Long: `Start runs services behind one HTTP port, and the servers that they need:

` + serviceList() + `
Embedded servers keep their data below --data and start again with it. KAFKA_HOSTS, REDIS_URL and DATABASE_URL each name a server of
your own in place of one of them. All other variables of the services work as in the services' own programs, with these differences:

  ADDRESS, CAPTURE_MODE  are ignored: see --addr and the names of services
  KAFKA_TOPIC            is the topic of events alone. Recordings go to session_recording_snapshot_item_events unless
                         CAPTURE_OUTPUT_SESSION_REPLAY_MAIN_TOPIC names another
  KAFKA_PRODUCER_LINGER_MS  is 1 by default while Kafka is embedded

The embedded Kafka deletes what is older than --retention-time or beyond --retention-bytes of a topic.

Events that were answered with 200 survive a crash of hog and of the machine. Redis (quotas and counters) may lose 5 seconds.
SIGINT and SIGTERM finish what is under way; a second one ends hog at once.`,
		ValidArgs: stack.Names(),
		RunE: func(c *cobra.Command, names []string) error {
			if err := s.validate(); err != nil {
				return err
			}
			data, err := filepath.Abs(s.Data)
			if err != nil {
				return fmt.Errorf("data directory: %w", err)
			}
			log, friendly, err := p.logger()
			if err != nil {
				return err
			}
			return stack.Run(c.Context(), stack.Options{
				Services: names, Postgres: postgres, Data: data, Addr: s.Addr,
				KafkaAddr: s.KafkaAddr, RedisAddr: s.RedisAddr, PostgresAddr: s.PostgresAddr,
				RetentionTime: s.RetentionTime, RetentionBytes: s.RetentionBytes,
				Environ: p.Environ, Version: p.Version, Log: log, PreStopFile: app.DefaultPreStopFile,
				Page: func(r *stack.Running) http.Handler { return status.Handler(r, data, log) },
				Started: func(r *stack.Running) {
					if friendly {
						banner(p.Err, r, data)
					}
				},
			})
		},
	}
	s.addressFlags(c.Flags())
	s.retentionFlags(c.Flags())
	c.Flags().BoolVar(&postgres, "postgres", false, "run PostgreSQL with the main app's tables, too, even if no service needs it")
	return c
}

func serviceList() string {
	var b strings.Builder
	for _, e := range stack.Table {
		fmt.Fprintf(&b, "  %-14s %s\n", e.Name, e.About)
	}
	return b.String()
}

// logger returns the log that the environment asks for. On a terminal, where it asks for nothing, there is the banner and a log of
// warnings only.
func (p *Process) logger() (log *slog.Logger, friendly bool, err error) {
	f, isFile := p.Err.(*os.File)
	friendly = isFile && isatty.IsTerminal(f.Fd())
	environ := p.Environ
	if friendly && !asksForLog(environ) {
		environ = append([]string{"LOG_LEVEL=warn", "DEBUG=1"}, environ...) // DEBUG: text for people
	}
	log, err = app.NewLogger(p.Err, environ)
	return log, friendly, err
}

func asksForLog(environ []string) bool {
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		if name == "DEBUG" || (name == "RUST_LOG" || name == "LOG_LEVEL") && value != "" {
			return true
		}
	}
	return false
}

// banner tells somebody who has just started hog what to do with it.
func banner(w io.Writer, r *stack.Running, data string) {
	name := "hog"
	if len(os.Args) > 0 && strings.Contains(os.Args[0], string(filepath.Separator)) {
		name = os.Args[0]
	}
	fmt.Fprintf(w, "\nhog %s is running\n\n", r.Version)
	line := func(what, value string) { fmt.Fprintf(w, "  %-14s %s\n", what, value) }
	line("SDKs", r.HTTP+"   (as host or api_host, with any project key, for example phc_local)")
	line("status page", r.HTTP+"/")
	for _, s := range status.ServersOf(r.Servers) {
		if s.Embedded {
			s.Address += "   (embedded)"
		}
		line(s.Name, s.Address)
	}
	line("data", data)
	line("try", fmt.Sprintf("%s send --data %s   and   %s tail --data %s", name, data, name, data))
	fmt.Fprint(w, "\nCtrl-C stops it.\n\n")
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hog-go/hog/common/app"
	"github.com/hog-go/hog/common/kafka"
	"github.com/hog-go/hog/hog/internal/stack"
	"github.com/hog-go/hog/hog/internal/tail"
)

func (p *Process) tail(s *Settings) *cobra.Command {
	var o tail.Options
	var asJSON, fromStart bool
	c := &cobra.Command{
		Use:   "tail [topic...]",
		Short: "Show events as they arrive",
		Long: `Tail shows events as they arrive: time, topic, event, distinct id, project key and some properties. It reads from KAFKA_HOSTS where
that is set, else from the hog that runs on the data directory. Without topics it reads all that the services produce to.
It reads beside all consumers and disturbs none.`,
		RunE: func(c *cobra.Command, names []string) (err error) {
			if o.Limit < 0 {
				return fmt.Errorf("-n %d: give the number of events after which to stop, 0 for no end", o.Limit)
			}
			// A time, rather than the end of the topics: what is sent while the connection is made is shown, too.
			o.From = kafka.At(time.Now())
			if fromStart {
				o.From = kafka.Earliest
			}
			if o.Log, err = clientLog(p.Err, p.Environ); err != nil {
				return err
			}
			var known []string
			if o.At, known, err = p.broker(s.Data); err != nil {
				return err
			}
			if o.Topics = names; len(names) == 0 {
				if o.Topics, err = existing(c.Context(), o.At, known, o.Log); err != nil {
					return err
				}
			}
			return tail.Follow(c.Context(), o, &tail.Printer{Out: p.Out, JSON: asJSON, Location: time.Local})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print the records' values as they are, one a line")
	c.Flags().BoolVar(&fromStart, "from-start", false, "begin with the oldest event that is kept")
	c.Flags().IntVarP(&o.Limit, "number", "n", 0, "stop after this many events")
	return c
}

// clientLog is for the tools around a running hog, whose output is not a log: it says what is wrong, in text.
func clientLog(w io.Writer, environ []string) (*slog.Logger, error) {
	return app.NewLogger(w, append([]string{"LOG_LEVEL=warn", "DEBUG=1"}, environ...))
}

// broker finds the Kafka to read from, and the topics that services produce to there.
func (p *Process) broker(data string) (at kafka.ClientConfig, topics []string, err error) {
	external, err := stack.ReadExternal(p.Environ)
	if err != nil {
		return at, nil, err
	}
	running, notRunning := stack.ReadInstance(data)
	switch {
	case len(external.Kafka.Brokers) > 0 && running != nil && slices.Equal(running.Kafka, external.Kafka.Brokers):
		return external.Kafka, running.Topics, nil
	case len(external.Kafka.Brokers) > 0:
		topics, err = stack.Topics(nil, p.Environ)
		return external.Kafka, topics, err
	case running != nil:
		return kafka.ClientConfig{Brokers: running.Kafka}, running.Topics, nil
	case errors.Is(notRunning, stack.ErrNotRunning):
		return at, nil, fmt.Errorf("%w; to read from another Kafka, set KAFKA_HOSTS", notRunning)
	default:
		return at, nil, notRunning
	}
}

const askTimeout = 10 * time.Second

// existing leaves out the topics that are not there: brokers of one's own need not have all.
func existing(ctx context.Context, at kafka.ClientConfig, names []string, log *slog.Logger) ([]string, error) {
	admin, err := kafka.NewAdmin(at, log)
	if err != nil {
		return nil, err
	}
	defer admin.Close()
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	infos, err := admin.Topics(ctx, names...)
	if err != nil && len(infos) == 0 {
		return nil, fmt.Errorf("list the topics: %w (see hog doctor)", err)
	}
	var there []string
	for _, i := range infos {
		there = append(there, i.Name)
	}
	if len(there) == 0 {
		return nil, fmt.Errorf("%s has none of the topics %s: name others after hog tail", strings.Join(at.Brokers, ","), strings.Join(names, ", "))
	}
	return there, nil
}

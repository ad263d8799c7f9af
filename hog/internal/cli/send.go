package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/hog-go/hog/hog/internal/stack"
)

// sample is what "hog send" sends.
type sample struct {
	host, token, event, distinctID string
	properties                     []string // k=v
	count                          int
}

func (p *Process) send(s *Settings) *cobra.Command {
	m := sample{event: "hog test event"}
	c := &cobra.Command{
		Use:   "send [event]",
		Short: "Send a sample event over HTTP, as an SDK does",
		Long: `Send sends an event to the hog that runs on the data directory, or to any PostHog that --host names, and prints the answer.
Watch it arrive with hog tail.`,
		Example: `  hog send "signed up" --distinct-id anna --property plan=scale --property seats=5`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				m.event = args[0]
			}
			if m.host == "" {
				running, err := stack.ReadInstance(s.Data)
				if err != nil {
					return fmt.Errorf("%w; or name a server with --host", err)
				}
				m.host = running.HTTP
			}
			return m.send(c.Context(), p.Out)
		},
	}
	c.Flags().StringVar(&m.host, "host", "", "URL to send to (default: that of the running hog)")
	c.Flags().StringVar(&m.token, "token", stack.LocalToken, "project key")
	c.Flags().StringVar(&m.distinctID, "distinct-id", "hog-send", "who did it")
	c.Flags().StringArrayVar(&m.properties, "property", nil, "name=value, repeated; a value that is JSON is sent as such, others as text")
	c.Flags().IntVar(&m.count, "count", 1, "number of events")
	return c
}

// perRequest keeps a body far below what a server takes.
const perRequest = 500

// sendTimeout of one request is above the 20 s that a server may wait for Kafka before it refuses.
const sendTimeout = 30 * time.Second

func (m *sample) send(ctx context.Context, out io.Writer) error {
	properties, err := m.parseProperties()
	if err != nil {
		return err
	}
	if m.count < 1 {
		return fmt.Errorf("--count %d: send at least one event", m.count)
	}
	for left := m.count; left > 0; left -= perRequest {
		status, answer, err := m.post(ctx, m.body(properties, min(left, perRequest)))
		if err != nil {
			return err
		}
		if status != http.StatusOK {
			return fmt.Errorf("%s answered %d: %s", m.host, status, strings.TrimSpace(answer))
		}
		if left <= perRequest {
			fmt.Fprintf(out, "%d %s\n", status, strings.TrimSpace(answer))
		}
	}
	return nil
}

// body is a request of the form that SDKs use.
func (m *sample) body(properties map[string]any, n int) []byte {
	type item struct {
		UUID       uuid.UUID      `json:"uuid"`
		Event      string         `json:"event"`
		DistinctID string         `json:"distinct_id"`
		Properties map[string]any `json:"properties"`
		Timestamp  time.Time      `json:"timestamp"`
	}
	body := struct {
		APIKey string    `json:"api_key"`
		SentAt time.Time `json:"sent_at"`
		Batch  []item    `json:"batch"`
	}{APIKey: m.token, SentAt: time.Now().UTC()}
	for range n {
		body.Batch = append(body.Batch, item{UUID: uuid.Must(uuid.NewV7()), Event: m.event, DistinctID: m.distinctID, Properties: properties, Timestamp: body.SentAt})
	}
	text, err := json.Marshal(body)
	if err != nil {
		panic(fmt.Sprintf("encode events: %v", err)) // texts, times, and values that were JSON
	}
	return text
}

func (m *sample) parseProperties() (map[string]any, error) {
	out, err := assignments("--property", m.properties)
	if err != nil {
		return nil, err
	}
	if _, own := out["$lib"]; !own {
		out["$lib"] = "hog-send"
	}
	return out, nil
}

// assignments reads the values of a flag that is name=value, repeated. A value that is JSON is taken as such, others are texts.
func assignments(flag string, given []string) (map[string]any, error) {
	out := map[string]any{}
	for _, p := range given {
		name, value, ok := strings.Cut(p, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("%s %q is not name=value", flag, p)
		}
		if json.Valid([]byte(value)) {
			out[name] = json.RawMessage(value)
		} else {
			out[name] = value
		}
	}
	return out, nil
}

func (m *sample) post(ctx context.Context, body []byte) (status int, answer string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, sendTimeout, errors.New("no answer within 30 seconds"))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(m.host, "/")+"/batch/", bytes.NewReader(body))
	if err != nil {
		return 0, "", fmt.Errorf("--host %q is no URL such as http://127.0.0.1:8000: %w", m.host, err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", fmt.Errorf("send to %s: %w (is hog running? see hog doctor)", m.host, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 4096))
	if err != nil {
		return 0, "", fmt.Errorf("read the answer of %s: %w", m.host, err)
	}
	return res.StatusCode, string(text), nil
}

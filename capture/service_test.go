package capture_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/capture"
	"github.com/hog-go/hog/common/config"
	"github.com/hog-go/hog/common/testkit"
)

// deadBroker is an address on which nobody listens.
var deadBroker = []string{"127.0.0.1:1"}

func TestKafkaDown(t *testing.T) {
	t.Run("row 69 no broker answers", func(t *testing.T) {
		h := setup(t, options{brokers: deadBroker, early: true, env: []string{"KAFKA_MESSAGE_TIMEOUT_MS=200"}})
		row{body: eventBody, status: 503, text: "transient error, please retry"}.run(t, h)
		status, text, _ := h.do(t, "GET", "/_readiness", nil, "")
		require.Equal(t, 503, status)
		require.Contains(t, text, "kafka", "the probe says what is missing")
		status, _, _ = h.do(t, "GET", "/_liveness", nil, "")
		require.Equal(t, 200, status, "waiting is no reason to be killed")
	})
	t.Run("row 69 the queue is full", func(t *testing.T) {
		h := setup(t, options{brokers: deadBroker, early: true, env: []string{"KAFKA_MESSAGE_TIMEOUT_MS=5000", "KAFKA_PRODUCER_QUEUE_BUFFERING_MAX_MESSAGES=2", "CAPTURE_V1_ENABLED=true"}})
		waiting, leave := context.WithCancel(t.Context())
		defer leave()
		go func() { // stays in the queue, as nobody takes it
			req, err := http.NewRequestWithContext(waiting, "POST", h.url+"/e", strings.NewReader(eventBody))
			if err == nil {
				_, _ = http.DefaultTransport.RoundTrip(req)
			}
		}()
		h.awaitMetric(t, "capture_kafka_producer_queue_depth", func(v float64) bool { return v == 1 })
		start := time.Now()
		row{body: `[` + eventBody + `,` + eventBody + `]`, status: 503, text: "transient error, please retry"}.run(t, h)
		require.Less(t, time.Since(start), 30*time.Second, "a full queue answers at once")

		// What could never be in the queue is not to be tried again.
		row{body: `[` + eventBody + `,` + eventBody + `,` + eventBody + `]`, status: 413, text: "maximum event size exceeded: Batch of more than 2 events"}.run(t, h)
		row{path: v1Path, headers: v1Headers(), body: v1Batch(v1Event(1, "e", ""), v1Event(2, "e", ""), v1Event(3, "e", "")), status: 413,
			text: v1Error("payload_too_large", "payload too large: Batch of more than 2 events")}.run(t, h)
	})
}

func TestReadinessThroughAStop(t *testing.T) {
	t.Run("row 105 readiness", func(t *testing.T) {
		h := setup(t, options{})
		status, _, _ := h.do(t, "GET", "/_readiness", nil, "")
		require.Equal(t, 200, status)
		require.NoError(t, h.stop())
		status, _, _ = h.do(t, "GET", "/_readiness", nil, "")
		require.Equal(t, 503, status)
		status, text, _ := h.do(t, "GET", "/_liveness", nil, "")
		require.Equal(t, 200, status)
		require.Equal(t, "ok", text)
	})
}

// A client that is still sending when its body is refused must see the answer, not a reset.
func TestRefusedBodyIsDrained(t *testing.T) {
	h := setup(t, options{})
	conn := h.dial(t)
	const size = 30 << 20
	_, err := fmt.Fprintf(conn, "POST /batch HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", size)
	require.NoError(t, err)
	chunk := bytes.Repeat([]byte{'x'}, 1<<20)
	for range size >> 20 {
		_, err := conn.Write(chunk)
		require.NoError(t, err, "the connection stays open while the body comes")
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, 413, resp.StatusCode)
	require.Equal(t, "maximum event size exceeded: Request body exceeds limit of 20971520 bytes", string(body))

	// The same for a body of unknown length.
	conn = h.dial(t)
	_, err = io.WriteString(conn, "POST /batch HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
	require.NoError(t, err)
	for range 22 {
		_, err := fmt.Fprintf(conn, "%x\r\n%s\r\n", len(chunk), chunk)
		require.NoError(t, err)
	}
	_, err = io.WriteString(conn, "0\r\n\r\n")
	require.NoError(t, err)
	resp, err = http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.Equal(t, 413, resp.StatusCode)
	_ = resp.Body.Close()
	require.Eventually(t, func() bool {
		_, metrics, _ := h.do(t, "GET", "/metrics", nil, "")
		return strings.Contains(metrics, `capture_rejected_body_drain_total{capture_mode="events",outcome="complete",path="/batch",reason="oversize_event",role="capture"} 2`)
	}, 10*time.Second, 10*time.Millisecond)
}

func TestStalledBody(t *testing.T) {
	h := setup(t, options{env: []string{"BODY_CHUNK_READ_TIMEOUT_MS=100"}})
	conn := h.dial(t)
	_, err := io.WriteString(conn, "POST /e HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{\"event\"")
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	body, _ := io.ReadAll(resp.Body)
	require.Equal(t, 408, resp.StatusCode)
	require.Equal(t, "client stopped sending data", string(body))
	row{body: eventBody, want: []want{{key: "t:d"}}}.run(t, h)
}

func TestBrokenOffBody(t *testing.T) {
	h := setup(t, options{})
	conn := h.dial(t)
	_, err := io.WriteString(conn, "POST /e HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	body, _ := io.ReadAll(resp.Body)
	require.Equal(t, 400, resp.StatusCode)
	require.True(t, strings.HasPrefix(string(body), "failed to decode request: Error reading request body: "), string(body))
}

// Requests over the limit wait for their turn; probes do not.
func TestConcurrencyLimit(t *testing.T) {
	h := setup(t, options{env: []string{"CONCURRENCY_LIMIT=1"}})
	holder := h.dial(t)
	_, err := fmt.Fprintf(holder, "POST /e HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", len(eventBody))
	require.NoError(t, err)
	require.Eventually(t, func() bool { // until the first request has the slot, this one gets through
		conn := h.dial(t)
		_, err := fmt.Fprintf(conn, "POST /e HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", len(eventBody), eventBody)
		require.NoError(t, err)
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
		_, err = http.ReadResponse(bufio.NewReader(conn), nil)
		_ = conn.Close()
		return err != nil
	}, 10*time.Second, time.Millisecond)
	status, _, _ := h.do(t, "GET", "/_liveness", nil, "")
	require.Equal(t, 200, status)

	_, err = io.WriteString(holder, eventBody)
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(holder), nil)
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode)
	status, _, _ = h.do(t, "POST", "/e", nil, eventBody)
	require.Equal(t, 200, status)
}

func (h *harness) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	return conn
}

func TestMetrics(t *testing.T) {
	h := setup(t, options{env: []string{"DROP_EVENTS_BY_TOKEN_DISTINCT_ID=gone"}})
	h.do(t, "POST", "/e?_=1672574410000", nil, withFields(`"distinct_id":" d ","timestamp":"2023-01-01T11:00:00Z"`))
	h.do(t, "POST", "/e", nil, strings.Replace(eventBody, `"t"`, `"gone"`, 1))
	h.do(t, "POST", "/batch", nil, `{`)
	_, text, _ := h.do(t, "GET", "/metrics", nil, "")
	const labels = `capture_mode="events",role="capture"`
	for _, line := range []string{
		"capture_events_received_total{" + labels + "} 2",
		"capture_events_ingested_total{" + labels + "} 1",
		`capture_events_dropped_total{capture_mode="events",cause="token_dropper",role="capture"} 1`,
		`capture_error_by_stage_and_type{capture_mode="events",error="req_parsing",role="capture",stage="parsing"} 1`,
		"capture_distinct_id_has_whitespace_total{" + labels + "} 1",
		"capture_client_clock_skew_seconds_sum{" + labels + "} 10",
		`http_requests_total{capture_mode="events",method="POST",path="/e",role="capture",status="200"} 2`,
		`http_requests_total{capture_mode="events",method="POST",path="/batch",role="capture",status="400"} 1`,
		"capture_kafka_producer_queue_depth{" + labels + "} 0",
	} {
		require.Contains(t, text, line+"\n")
	}
}

func TestBadSettings(t *testing.T) {
	tests := map[string]struct {
		env  []string
		want []string // in the error
	}{
		"no Redis":                 {[]string{}, []string{"REDIS_URL"}},
		"unknown mode":             {[]string{"CAPTURE_MODE=imports"}, []string{"CAPTURE_MODE", "imports", "events, recordings, ai or import"}},
		"empty mode":               {[]string{"CAPTURE_MODE="}, []string{"CAPTURE_MODE"}},
		"not a boolean":            {[]string{"PRINT_SINK=maybe"}, []string{"PRINT_SINK", "maybe", "true or false"}},
		"negative number":          {[]string{"KAFKA_PRODUCER_LINGER_MS=-1"}, []string{"KAFKA_PRODUCER_LINGER_MS", "-1"}},
		"zero burst":               {[]string{"OVERFLOW_BURST_LIMIT=0"}, []string{"OVERFLOW_BURST_LIMIT"}},
		"unknown producer":         {[]string{"CAPTURE_OUTPUT_DLQ_PRODUCER=x", "CAPTURE_OUTPUT_HEATMAPS_PRODUCER=ingestion"}, []string{"CAPTURE_OUTPUT_HEATMAPS_PRODUCER", "INGESTION"}},
		"empty AI topic":           {[]string{"CAPTURE_OUTPUT_AI_MAIN_TOPIC="}, []string{"CAPTURE_OUTPUT_AI_MAIN_TOPIC"}},
		"empty topics":             {[]string{"CAPTURE_OUTPUTS_COMPLETENESS_CHECK_ENABLED=true", "KAFKA_DLQ_TOPIC=", "CAPTURE_OUTPUT_HEATMAPS_TOPIC="}, []string{"CAPTURE_OUTPUT_DLQ_TOPIC", "events_plugin_ingestion_dlq", "CAPTURE_OUTPUT_HEATMAPS_TOPIC"}},
		"AI overflow of an import": {[]string{"CAPTURE_MODE=import", "CAPTURE_OUTPUT_AI_OVERFLOW_TOPIC=x"}, []string{"CAPTURE_OUTPUT_AI_OVERFLOW_TOPIC", "import"}},
		"unknown lane predicate":   {[]string{"CAPTURE_AI_LANE_PREDICATE=all"}, []string{"CAPTURE_AI_LANE_PREDICATE", "allowlist", "prefix"}},
		"fallback to nowhere":      {[]string{"S3_FALLBACK_ENABLED=true"}, []string{"S3_FALLBACK_BUCKET"}},
		"unknown envelope":         {[]string{"KAFKA_REPLAY_ENVELOPE_COMPRESSION=gzip"}, []string{"KAFKA_REPLAY_ENVELOPE_COMPRESSION", "gzip"}},
		"unknown codec":            {[]string{"KAFKA_COMPRESSION_CODEC=brotli"}, []string{"KAFKA_COMPRESSION_CODEC", "brotli", "zstd"}},
		"all at once":              {[]string{"PRINT_SINK=1x", "NOOP_SINK=2x"}, []string{"PRINT_SINK", "NOOP_SINK"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if name != "no Redis" {
				tt.env = append(tt.env, "REDIS_URL=redis://localhost/")
			}
			var cfg capture.Config
			err := config.LoadFrom(&cfg, tt.env)
			require.Error(t, err)
			for _, w := range tt.want {
				require.ErrorContains(t, err, w)
			}
		})
	}
	t.Run("what only the parts can judge", func(t *testing.T) {
		for _, env := range []string{"KAFKA_PRODUCER_PARTITIONER=round_robin", "KAFKA_INGESTION_PRODUCER_SECURITY_PROTOCOL=tls", "REDIS_URL=http://x", "KAFKA_PRODUCER_ACKS=2"} {
			var cfg capture.Config
			require.NoError(t, config.LoadFrom(&cfg, testkit.LastWins([]string{"REDIS_URL=redis://localhost/", env})))
			_, err := capture.New(t.Context(), cfg, capture.Deps{})
			require.Error(t, err, env)
		}
	})
}

func TestWarnings(t *testing.T) {
	got := capture.Warnings([]string{"REDIS_URL=redis://localhost/", "KAFKA_HOST=x", "EVENT_RESTRICTIONS_ENABLED=true", "S3_FALLBACK_ENABLED=false", "HOME=/root"})
	require.Len(t, got, 2)
	require.Contains(t, got[0], "KAFKA_HOSTS")
	require.Equal(t, "EVENT_RESTRICTIONS_ENABLED is on and has no effect: set EVENT_RESTRICTIONS_REDIS_URL, too", got[1])
	require.Empty(t, capture.Warnings([]string{"EVENT_RESTRICTIONS_ENABLED=true", "EVENT_RESTRICTIONS_REDIS_URL=redis://localhost/"}))
}

func TestSettingsByEitherName(t *testing.T) {
	var cfg capture.Config
	require.NoError(t, config.LoadFrom(&cfg, []string{
		"REDIS_URL=redis://localhost/", "KAFKA_TOPIC=old", "KAFKA_HOSTS=a:1, b", "KAFKA_EXCEPTIONS_TOPIC=oldest", "OVERFLOW_FORCED_KEYS=k",
		"KAFKA_OVERFLOW_TOPIC=older", "CAPTURE_OUTPUT_ANALYTICS_OVERFLOW_TOPIC=newer", "KAFKA_CLIENT_INGESTION_WARNING_TOPIC=",
	}))
	require.Equal(t, "old", cfg.Outputs.Main)
	require.Equal(t, "old", cfg.Outputs.ReplayMain)
	require.Equal(t, "newer", cfg.Outputs.Overflow, "the newer name wins")
	require.Equal(t, "oldest", cfg.Outputs.ErrorTracking)
	require.Equal(t, "ingestion-clientwarnings-main-1", cfg.Outputs.ClientWarnings, "empty is unset")
	require.Equal(t, "k", cfg.ForcedOverflowKeys)
	require.Equal(t, []string{"a:1", "b"}, cfg.Kafka.Brokers)
	require.Equal(t, capture.ModeEvents, cfg.Mode)
}

// A port that is taken stops the process with words that say what to change.
func TestBusyPort(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	var cfg capture.Config
	require.NoError(t, config.LoadFrom(&cfg, []string{"REDIS_URL=" + testkit.Redis(t), "NOOP_SINK=true", "ADDRESS=" + ln.Addr().String()}))
	svc, err := capture.New(t.Context(), cfg, capture.Deps{})
	require.NoError(t, err)
	err = svc.Run(t.Context())
	require.ErrorContains(t, err, ln.Addr().String())
	require.ErrorContains(t, err, "ADDRESS")
}

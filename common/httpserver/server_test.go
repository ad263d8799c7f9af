package httpserver_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hog-go/hog/common/httpserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs s on a free port of its own until stop is called, which returns what Run returned.
func start(t *testing.T, s *httpserver.Server) (url string, stop context.CancelFunc, ended <-chan error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.Listener = ln
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- s.Run(ctx) }()
	t.Cleanup(cancel)
	return "http://" + ln.Addr().String(), cancel, result
}

// get fetches url on a connection of its own.
func get(t *testing.T, url string) (string, error) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

func TestServerSaysWhereItListens(t *testing.T) {
	var log lockedBuffer
	s := &httpserver.Server{Handler: http.NotFoundHandler(), Log: slog.New(slog.NewTextHandler(&log, nil))}
	url, stop, ended := start(t, s)
	_, err := get(t, url)
	require.NoError(t, err)
	stop()
	require.NoError(t, <-ended)
	require.Contains(t, log.String(), `msg="listening on `+strings.TrimPrefix(url, "http://")+`"`)
}

func TestServerDrains(t *testing.T) {
	arrived, finish := make(chan struct{}), make(chan struct{})
	var opened, closed atomic.Int32
	s := &httpserver.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(arrived)
			<-finish
			if r.Context().Err() != nil {
				w.WriteHeader(http.StatusTeapot)
			}
			_, _ = io.WriteString(w, "finished")
		}),
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				opened.Add(1)
			case http.StateClosed:
				closed.Add(1)
			}
		},
	}
	url, stop, ended := start(t, s)
	bodies := make(chan string, 1)
	go func() {
		body, err := get(t, url)
		if err != nil {
			body = err.Error()
		}
		bodies <- body
	}()
	<-arrived
	stop()
	require.Eventually(t, func() bool { // the port closes while the request is still running
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		if err == nil {
			conn.Close()
		}
		return err != nil
	}, 5*time.Second, time.Millisecond)
	require.Empty(t, ended)
	close(finish)
	require.NoError(t, <-ended)
	require.Equal(t, "finished", <-bodies)
	require.Positive(t, opened.Load())
	require.Equal(t, opened.Load(), closed.Load())
}

func TestServerCutsOffWhatOutlastsTheDrain(t *testing.T) {
	arrived := make(chan struct{})
	s := &httpserver.Server{
		Name: "api", DrainTimeout: 20 * time.Millisecond,
		Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(arrived)
			<-r.Context().Done() // ends when the connection is closed
		}),
	}
	url, stop, ended := start(t, s)
	failed := make(chan error, 1)
	go func() {
		_, err := get(t, url)
		failed <- err
	}()
	<-arrived
	stop()
	require.EqualError(t, <-ended, "stop api server: requests were still running after 20ms and were cut off")
	require.Error(t, <-failed)
}

func TestServerReportsABusyPort(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	addr := ln.Addr().String()
	require.EqualError(t, (&httpserver.Server{Addr: addr}).Run(t.Context()),
		"listen on "+addr+": address already in use: another process holds the port; set ADDRESS to a free one")
	require.EqualError(t, (&httpserver.Server{Addr: addr, Setting: "BIND_PORT"}).Run(t.Context()),
		"listen on "+addr+": address already in use: another process holds the port; set BIND_PORT to a free one")
	require.ErrorContains(t, (&httpserver.Server{Addr: "nonsense"}).Run(t.Context()), "listen on nonsense: listen tcp: address nonsense: missing port in address; check ADDRESS")
}

func TestServerAskedToStopBeforeItStarted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, (&httpserver.Server{Addr: "127.0.0.1:0", Handler: http.NotFoundHandler()}).Run(ctx))
}

func TestServerFailsWithItsListener(t *testing.T) {
	s := &httpserver.Server{Name: "api", Handler: http.NotFoundHandler()}
	_, _, ended := start(t, s)
	require.NoError(t, s.Listener.Close())
	require.ErrorIs(t, <-ended, net.ErrClosed)
}

func TestServerCutsSlowHeaders(t *testing.T) {
	s := &httpserver.Server{ReadHeaderTimeout: 10 * time.Millisecond, Handler: http.NotFoundHandler()}
	_, stop, ended := start(t, s)
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n")
	require.NoError(t, err)
	_, err = io.ReadAll(conn)
	require.NoError(t, err, "the server closes the connection")
	stop()
	require.NoError(t, <-ended)
}

// lockedBuffer is a buffer for a log that several goroutines write to.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

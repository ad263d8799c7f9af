package featureflags_test

import (
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// wire forwards TCP connections to a server, and can be cut or made slow.
type wire struct {
	target   string
	listener net.Listener

	mu    sync.Mutex
	down  bool
	delay time.Duration // before each piece of an answer
	held  int           // pieces that are being delayed
	conns map[net.Conn]struct{}
	wg    sync.WaitGroup
}

func newWire(t testing.TB, target string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &wire{target: target, listener: l, conns: map[net.Conn]struct{}{}}
	w.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			w.wg.Go(func() { w.forward(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		w.cut()
		w.wg.Wait()
	})
	return w
}

func (w *wire) host() string { return w.listener.Addr().(*net.TCPAddr).IP.String() }

func (w *wire) port() string {
	_, port, _ := net.SplitHostPort(w.listener.Addr().String())
	return port
}

// cut ends all connections, and each new one at once.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = true
	for c := range w.conns {
		_ = c.Close()
	}
}

// slow delays all answers by d; 0 mends the wire.
func (w *wire) slow(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down, w.delay = false, d
}

func (w *wire) mend() { w.slow(0) }

func (w *wire) add(c net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down {
		_ = c.Close()
		return false
	}
	w.conns[c] = struct{}{}
	return true
}

func (w *wire) forward(client net.Conn) {
	defer client.Close()
	if !w.add(client) {
		return
	}
	network := "tcp"
	if strings.HasPrefix(w.target, "/") {
		network = "unix"
	}
	server, err := net.Dial(network, w.target)
	if err != nil {
		return
	}
	defer server.Close()
	if !w.add(server) {
		return
	}
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.conns, client)
		delete(w.conns, server)
	}()
	w.wg.Go(func() {
		w.pipe(server, client, false)
		_ = server.Close()
	})
	w.pipe(client, server, true)
}

// hold delays a piece.
func (w *wire) hold() {
	w.mu.Lock()
	d := w.delay
	w.held++
	w.mu.Unlock()
	time.Sleep(d)
	w.mu.Lock()
	w.held--
	w.mu.Unlock()
}

func (w *wire) waiting() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.held
}

func (w *wire) pipe(dst, src net.Conn, answers bool) {
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			if answers {
				w.hold()
			}
			if _, err := dst.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

package embedded

import (
	"context"
	"fmt"
	"net"
	"sync"
)

// connTracker is a listener that knows its open connections, so that Stop can wait for the last of them.
type connTracker struct {
	net.Listener
	open      sync.WaitGroup // the connections, and the accept loop until its first error
	loopEnded func()
}

func trackConns(l net.Listener) *connTracker {
	t := &connTracker{Listener: l}
	t.open.Add(1)
	t.loopEnded = sync.OnceFunc(t.open.Done)
	return t
}

// Accept implements net.Listener.
func (t *connTracker) Accept() (net.Conn, error) {
	c, err := t.Listener.Accept()
	if err != nil {
		t.loopEnded()
		return nil, err
	}
	t.open.Add(1)
	return &trackedConn{Conn: c, done: sync.OnceFunc(t.open.Done)}, nil
}

// wait returns when every connection is closed, or with an error when ctx ends first.
func (t *connTracker) wait(ctx context.Context) error {
	closed := make(chan struct{})
	go func() { t.open.Wait(); close(closed) }()
	select {
	case <-closed:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for open connections on %s: %w", t.Addr(), context.Cause(ctx))
	}
}

type trackedConn struct {
	net.Conn
	done func()
}

// Close implements net.Conn.
func (c *trackedConn) Close() error {
	defer c.done()
	return c.Conn.Close()
}

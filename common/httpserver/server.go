package httpserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"
)

// Server is one listening HTTP server, a component for common/app. Fill the fields, then call Run once.
type Server struct {
	// Name tells the servers of one process apart in logs and errors; default "http".
	Name string
	// Addr is where to listen, ip:port; port 0 takes a free one, which only the log line tells.
	Addr string
	// Listener, if not nil, is used (and closed) in place of listening on Addr.
	Listener net.Listener
	// Setting is the variable that an operator changes when Addr is taken; default ADDRESS.
	Setting string

	Handler http.Handler

	// ReadHeaderTimeout cuts clients that do not finish their headers in time; default 30s, negative for none.
	ReadHeaderTimeout time.Duration
	// IdleTimeout closes connections on which no next request comes; 0 keeps them, since proxies hold theirs open and a close that
	// crosses a request is an error to their client.
	IdleTimeout time.Duration
	// MaxHeaderBytes bounds request line and headers; default 1 MiB. Events sent by GET live in the request line.
	MaxHeaderBytes int
	// DrainTimeout is how long requests in flight may go on once Run's context has ended; default 60s.
	DrainTimeout time.Duration
	// ConnState, if not nil, is told of every change of a connection, as in net/http.
	ConnState func(net.Conn, http.ConnState)

	Log *slog.Logger // nil discards
}

// Run listens and serves until ctx ends, then stops accepting and waits for the requests in flight, DrainTimeout at most. It returns nil
// after a complete drain. Requests do not see ctx end: they are let finish, and their own contexts end when the drain is cut off.
func (s *Server) Run(ctx context.Context) error {
	name, log := cmp.Or(s.Name, "http"), s.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	log = log.With("component", name)
	ln := s.Listener
	if ln == nil {
		var err error
		if ln, err = s.listen(ctx); ctx.Err() != nil && err != nil {
			return nil // asked to stop before there was anything to stop
		} else if err != nil {
			return err
		}
	}
	srv := s.server(ctx, log)
	served := make(chan error, 1) // Serve returns once; room for it even when nobody is listening any more
	go func() { served <- srv.Serve(listener{ln}) }()
	// The phrase is what launchers wait for before they call the service ready.
	log.InfoContext(ctx, "listening on "+ln.Addr().String(), "addr", ln.Addr().String())

	select {
	case err := <-served:
		return fmt.Errorf("serve %s on %s: %w", name, ln.Addr(), err)
	case <-ctx.Done():
	}
	err := s.drain(ctx, srv)
	<-served
	if err != nil {
		return fmt.Errorf("stop %s server: %w", name, err)
	}
	return nil
}

// drain waits for the requests in flight; those that outlast the budget are cut off.
func (s *Server) drain(ctx context.Context, srv *http.Server) error {
	budget := cmp.Or(s.DrainTimeout, 60*time.Second)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), budget)
	defer cancel()
	err := srv.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.Join(fmt.Errorf("requests were still running after %s and were cut off", budget), srv.Close())
	}
	return err
}

func (s *Server) server(ctx context.Context, log *slog.Logger) *http.Server {
	base := context.WithoutCancel(ctx)
	return &http.Server{
		Handler:           s.Handler,
		ReadHeaderTimeout: max(cmp.Or(s.ReadHeaderTimeout, 30*time.Second), 0),
		IdleTimeout:       s.IdleTimeout,
		MaxHeaderBytes:    s.MaxHeaderBytes,
		ConnState:         s.ConnState,
		BaseContext:       func(net.Listener) context.Context { return base },
		ConnContext:       withConn,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// listen opens the port, or says what an operator can do about it.
func (s *Server) listen(ctx context.Context) (net.Listener, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", s.Addr)
	setting := cmp.Or(s.Setting, "ADDRESS")
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("listen on %s: %w: another process holds the port; set %s to a free one", s.Addr, syscall.EADDRINUSE, setting)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("listen on %s: %w: ports below 1024 need privileges; set %s to a higher one", s.Addr, syscall.EACCES, setting)
	case err != nil:
		return nil, fmt.Errorf("listen on %s: %w; check %s", s.Addr, err, setting)
	default:
		return ln, nil
	}
}

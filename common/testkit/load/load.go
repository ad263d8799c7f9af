// Package load measures what requests cost an HTTP server. The server is a process of its own, the test binary started again, so that its
// processor time can be read from the operating system apart from that of the load.
//
//	func TestMain(m *testing.M) {
//		if kind := load.Kind(); kind != "" { // this is the server's process
//			load.Serve(handlerOf(kind))
//		}
//		…
//	}
package load

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/httpserver"
)

// kindVariable tells a process that it is a server, and which.
const kindVariable = "HOG_BENCH_SERVER"

// Kind is what Start was asked for, in the process that it started; "" in any other.
func Kind() string { return os.Getenv(kindVariable) }

// Serve serves handler until the process is killed. It is the main function of the server's process.
func Serve(handler http.Handler) {
	control := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		var ru syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &ru)
		var mem runtime.MemStats
		runtime.ReadMemStats(&mem)
		_ = json.NewEncoder(w).Encode(Usage{CPU: time.Duration(ru.Utime.Nano() + ru.Stime.Nano()), Mallocs: mem.Mallocs, RSS: residentBytes()})
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr(), httptest.NewServer(control).Listener.Addr())
	panic((&httpserver.Server{Listener: l, Handler: handler}).Run(context.Background()))
}

// residentBytes is 0 where there is no /proc.
func residentBytes() int64 {
	text, _ := os.ReadFile("/proc/self/statm")
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

// Server is a server's process.
type Server struct {
	Addr    string // host:port
	control string
}

// Start starts the test binary as a server of a kind, with env added to the environment. It is killed at the end of the test.
func Start(t testing.TB, kind string, env []string) *Server {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), kindVariable+"="+kind), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait()
	})
	var s Server
	_, err = fmt.Fscan(out, &s.Addr, &s.control)
	require.NoError(t, err, "the server process did not start")
	return &s
}

// Usage is what a process has used since it began.
type Usage struct {
	CPU     time.Duration // user and system
	Mallocs uint64
	RSS     int64 // bytes, now; 0 where it cannot be told
}

// Since is what was used after v.
func (u Usage) Since(v Usage) Usage {
	return Usage{CPU: u.CPU - v.CPU, Mallocs: u.Mallocs - v.Mallocs, RSS: u.RSS}
}

// Usage asks the process what it has used.
func (s *Server) Usage(t testing.TB) Usage {
	t.Helper()
	resp, err := http.Get("http://" + s.control)
	require.NoError(t, err)
	defer resp.Body.Close()
	var u Usage
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&u))
	return u
}

// Fire sends a request, in the form that it has on the wire, n times over so many connections. It returns how long each took, the shortest
// first; an answer other than 200 ends the test.
func (s *Server) Fire(t testing.TB, request []byte, connections, n int) []time.Duration {
	t.Helper()
	var left atomic.Int64
	left.Store(int64(n))
	var failed atomic.Pointer[error]
	took := make([]time.Duration, n)
	var wg sync.WaitGroup
	for range connections {
		wg.Go(func() {
			if err := s.fire(request, &left, took); err != nil {
				failed.Store(&err)
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		require.NoError(t, *err)
	}
	slices.Sort(took)
	return took
}

// fire sends requests over one connection while there are any left.
func (s *Server) fire(request []byte, left *atomic.Int64, took []time.Duration) error {
	conn, err := net.Dial("tcp", s.Addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 4096)
	for {
		i := left.Add(-1)
		if i < 0 {
			return nil
		}
		begun := time.Now()
		if _, err := conn.Write(request); err != nil {
			return err
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK {
			body, _ := io.ReadAll(resp.Body)
			return fmt.Errorf("answer %d: %s", resp.StatusCode, body)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return err
		}
		took[i] = time.Since(begun)
	}
}

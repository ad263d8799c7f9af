package capture_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/testkit"
)

// TestAbuse does to capture what somebody does who wants it to fall over. Each case has a process of its own, the program as it is
// deployed, so that the most memory it ever held is the operating system's figure; at the end the process must be there and take events.
func TestAbuse(t *testing.T) {
	raiseFileLimit(t)
	program := filepath.Join(t.TempDir(), "capture")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/capture").CombinedOutput()
	require.NoError(t, err, "%s", out)

	// Bounds are what a case may hold, with room: the collector lets as much garbage lie as there is in use, and buffers double as they grow.
	const idle, garbage, growth = 64 << 20, 2, 2
	const wire, unpacked, recording = 20 << 20, 100 << 20, 1 << 20 // limits of requests
	const bomb = idle + garbage*atOnce*(wire+growth*unpacked)
	tests := map[string]struct {
		env    []string
		attack func(t *testing.T, v *victim)
		most   int // bytes of memory
	}{
		"slow headers":          {[]string{"HTTP1_HEADER_READ_TIMEOUT_MS=500"}, slowHeaders, idle + slow*64<<10},
		"slow bodies":           {[]string{"BODY_CHUNK_READ_TIMEOUT_MS=500"}, slowBodies, idle + slow*64<<10},
		"announced, never sent": {[]string{"BODY_CHUNK_READ_TIMEOUT_MS=500"}, announced, idle + slow*64<<10},
		"10k connections":       {nil, crowd, idle + connections*128<<10},
		"zip bombs, gzip":       {nil, bombs("gzip", gzipBomb), bomb},
		"zip bombs, deflate":    {nil, bombs("deflate", deflateBomb), bomb},
		"zip bombs, zstd":       {nil, bombs("zstd", zstdBomb), bomb},
		"zip bombs, br":         {nil, bombs("br", brotliBomb), bomb},
		"zip bombs, recordings": {[]string{"CAPTURE_MODE=recordings"}, bombs("gzip", gzipBomb), idle + garbage*atOnce*(wire+growth*recording)},
		"100k-deep JSON":        {nil, deep, idle + garbage*atOnce*wire},
		"invalid UTF-8":         {nil, notText, idle + garbage*atOnce*growth*wire},
		// The text of the batch, 48 MB, which is found to be too long after 100,000 events of 0.4 kB each.
		"a million events": {nil, million, idle + garbage*growth*(50<<20+100_000*400)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			v := startVictim(t, program, tt.env...)
			began := time.Now()
			tt.attack(t, v)
			took := time.Since(began)
			v.requireAlive(t)
			peak, known := v.peak()
			if !known {
				t.Logf("%s; this system does not tell how much memory", took.Round(time.Millisecond))
				return
			}
			t.Logf("peak %d MiB of at most %d, %s", peak>>20, tt.most>>20, took.Round(time.Millisecond))
			require.LessOrEqual(t, peak, tt.most)
		})
	}
}

const (
	connections = 10_000
	slow        = 1_000 // clients that are
	atOnce      = 4     // requests that are large
	workers     = 64    // goroutines of this process for many connections; the race detector bears 8,128
)

// raiseFileLimit lets this process have as many connections as the test needs; a child in Go does it for itself, to the hard limit.
func raiseFileLimit(t *testing.T) {
	t.Helper()
	const need = connections + 1000
	var l syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l))
	if l.Cur >= need && l.Max >= need {
		return
	}
	l.Cur, l.Max = max(l.Cur, need), max(l.Max, need)
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l), "raise the hard limit of open files to %d: ulimit -Hn", need)
}

// victim is a capture in a process of its own.
type victim struct {
	addr string
	path string // where its mode takes events
	pid  int
	gone chan error
}

func startVictim(t *testing.T, program string, env ...string) *victim {
	t.Helper()
	k := testkit.Kafka(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	v := &victim{addr: ln.Addr().String(), path: "/e", gone: make(chan error, 1)}
	require.NoError(t, ln.Close())
	if slices.Contains(env, "CAPTURE_MODE=recordings") {
		v.path = "/s"
	}
	topic := k.Topic(t, 4)
	cmd := exec.Command(program)
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "ADDRESS=" + v.addr, "KAFKA_HOSTS=" + strings.Join(k.Brokers, ","), "KAFKA_TOPIC=" + topic, "REDIS_URL=" + testkit.Redis(t),
	}, env...)
	var log bytes.Buffer
	cmd.Stderr = &log
	require.NoError(t, cmd.Start())
	v.pid = cmd.Process.Pid
	go func() { v.gone <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-v.gone
		if t.Failed() {
			t.Logf("its log: %.2000s", log.String())
		}
	})
	require.Eventually(t, func() bool {
		resp, err := http.Get("http://" + v.addr + "/_readiness")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}, 20*time.Second, 10*time.Millisecond, "capture is not ready")
	return v
}

// peak is the most memory that the process ever held, in bytes.
func (v *victim) peak() (n int, known bool) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", v.pid))
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			return kb << 10, err == nil
		}
	}
	return 0, false
}

func (v *victim) requireAlive(t *testing.T) {
	t.Helper()
	select {
	case err := <-v.gone:
		v.gone <- err
		require.FailNow(t, "capture has ended", "%v", err)
	default:
	}
	body := eventBody
	if v.path == "/s" {
		body = `[{"event":"$snapshot","token":"t","distinct_id":"d","properties":{"$session_id":"s","$snapshot_data":[{"a":1}]}}]`
	}
	status, text := v.post(t, nil, []byte(body))
	require.Equal(t, 200, status, text)
	resp, err := http.Get("http://" + v.addr + "/_liveness")
	require.NoError(t, err)
	_ = resp.Body.Close()
	require.Equal(t, 200, resp.StatusCode)
}

func (v *victim) post(t *testing.T, headers map[string]string, body []byte) (status int, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "POST", "http://"+v.addr+v.path, bytes.NewReader(body))
	require.NoError(t, err)
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(answer)
}

// several does a thing in as many goroutines.
func several(n int, do func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { do(i) })
	}
	wg.Wait()
}

// all posts the same body from several clients at once and expects the same answer to each.
func (v *victim) all(t *testing.T, headers map[string]string, body []byte, status int, text string) {
	t.Helper()
	several(atOnce, func(int) {
		got, answer := v.post(t, headers, body)
		if got != status || !strings.HasPrefix(answer, text) {
			t.Errorf("%d %.200s, want %d %s", got, answer, status, text)
		}
	})
}

// dial connects n times and begins a request on each with text.
func (v *victim) dial(t *testing.T, n int, text string) []net.Conn {
	t.Helper()
	conns := make([]net.Conn, n)
	several(workers, func(worker int) {
		for i := worker; i < n; i += workers {
			conn, err := net.Dial("tcp", v.addr)
			if err != nil {
				t.Error(err)
				return
			}
			_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
			if _, err := io.WriteString(conn, text); err != nil {
				t.Error(err)
			}
			conns[i] = conn
		}
	})
	t.Cleanup(func() {
		for _, conn := range conns {
			if conn != nil {
				_ = conn.Close()
			}
		}
	})
	require.False(t, t.Failed(), "%d connections", n)
	return conns
}

// answers reads the answer on each connection; 0 stands for a connection that was closed without one.
func answers(conns []net.Conn) map[int]int {
	var mu sync.Mutex
	out := map[int]int{}
	several(workers, func(worker int) {
		for i := worker; i < len(conns); i += workers {
			status := 0
			if resp, err := http.ReadResponse(bufio.NewReaderSize(conns[i], 512), nil); err == nil {
				status = resp.StatusCode
			}
			mu.Lock()
			out[status]++
			mu.Unlock()
		}
	})
	return out
}

// slowHeaders sends a byte of a header now and then and never comes to the end.
func slowHeaders(t *testing.T, v *victim) {
	conns := v.dial(t, slow, "POST /e HTTP/1.1\r\nHost: h\r\nX-Slow: ")
	stop := make(chan struct{})
	var dripping sync.WaitGroup
	dripping.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond):
			}
			for _, conn := range conns {
				_, _ = io.WriteString(conn, "x") // fails once capture has closed it, as it should
			}
		}
	})
	v.requireAlive(t) // while they all are connected
	got := answers(conns)
	close(stop)
	dripping.Wait()
	require.Equal(t, map[int]int{0: slow}, got, "each is cut off, though it kept on sending")
}

// slowBodies stops in the middle of its body.
func slowBodies(t *testing.T, v *victim) {
	conns := v.dial(t, slow, "POST /e HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{\"event\r\n")
	v.requireAlive(t)
	require.Equal(t, map[int]int{http.StatusRequestTimeout: slow}, answers(conns))
}

// announced claims a large body and sends none: memory is for what came, not for what was claimed.
func announced(t *testing.T, v *victim) {
	conns := v.dial(t, slow, "POST /e HTTP/1.1\r\nHost: h\r\nContent-Length: 20000000\r\n\r\n{")
	v.requireAlive(t)
	require.Equal(t, map[int]int{http.StatusRequestTimeout: slow}, answers(conns))
}

// bombSize is what a bomb unpacks to.
const bombSize = 10 << 30

func bombs(encoding string, build func(t *testing.T) []byte) func(*testing.T, *victim) {
	return func(t *testing.T, v *victim) {
		bomb := build(t)
		t.Logf("%d kB that unpack to %d GB", len(bomb)>>10, bombSize>>30)
		v.all(t, map[string]string{"Content-Encoding": encoding}, bomb, http.StatusRequestEntityTooLarge, "maximum event size exceeded: ")
	}
}

func deflateBomb(t *testing.T) []byte {
	piece := make([]byte, 1<<20)
	return deflated(t, nil, piece, bombSize/len(piece), nil)
}

// deflated is one deflate stream of head, n times piece, and tail. From its second time on a piece that is longer than the window, 32 kB,
// is packed to the same bytes, so that not all has to be packed here.
func deflated(t *testing.T, head, piece []byte, n int, tail []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	require.NoError(t, err)
	pack := func(text []byte) []byte {
		from := out.Len()
		_, err := w.Write(text)
		require.NoError(t, err)
		require.NoError(t, w.Flush())
		return bytes.Clone(out.Bytes()[from:])
	}
	stream := append(pack(head), pack(piece)...)
	stream = append(stream, bytes.Repeat(pack(piece), n-1)...)
	stream = append(stream, pack(tail)...)
	return append(stream, 1, 0, 0, 0xff, 0xff) // an empty block that is the last
}

// gzipBomb has no right checksum: nobody may ever come to it.
func gzipBomb(t *testing.T) []byte {
	header := []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}
	return append(append(header, deflateBomb(t)...), make([]byte, 8)...)
}

// zstdBomb is a frame (RFC 8878, section 3.1.1) of blocks that say "128 kB of zeros" in four bytes.
func zstdBomb(*testing.T) []byte {
	const piece = 128 << 10
	header := []byte{0x28, 0xb5, 0x2f, 0xfd, 0, 7 << 3} // the magic number, no flags, a window of 2^(10+7)
	const runLength, last = 1 << 1, 1
	block := func(flags int) []byte {
		h := piece<<3 | runLength | flags
		return []byte{byte(h), byte(h >> 8), byte(h >> 16), 0}
	}
	return append(append(header, bytes.Repeat(block(0), bombSize/piece-1)...), block(last)...)
}

// brotliBomb is what a packer makes of zeros when it is told to flush after each 16 MiB: after the first piece two others take turns.
func brotliBomb(t *testing.T) []byte {
	const piece = 16 << 20
	first, err := hex.DecodeString("cfffff7ff82700e2b14020f7fedf00")
	require.NoError(t, err)
	others, err := hex.DecodeString("fcffff877f02200e0b0074efff0d" + "fcffff877f02200e8b0074efff0d")
	require.NoError(t, err)
	return append(append(first, bytes.Repeat(others, bombSize/piece/2)...), 3) // 3: the end
}

// deep is nested within the properties, and is the whole of a payload.
func deep(t *testing.T, v *victim) {
	const levels = 100_000
	for _, pair := range [][2]string{{`{"a":`, `}`}, {`[`, `]`}} {
		nested := strings.Repeat(pair[0], levels) + "1" + strings.Repeat(pair[1], levels)
		event := `{"event":"e","distinct_id":"d","token":"t","properties":{"x":` + nested + `}}`
		v.all(t, nil, []byte(event), http.StatusBadRequest, "failed to parse request: ")
		v.all(t, nil, []byte(nested), http.StatusBadRequest, "failed to parse request: ")
	}
}

// million is a batch of more events than the producer's queue takes (KAFKA_PRODUCER_QUEUE_BUFFERING_MAX_MESSAGES): none of them is kept.
func million(t *testing.T, v *victim) {
	const event, times = `{"event":"e","distinct_id":"d","properties":{}}`, 1000
	piece := []byte(strings.Repeat(","+event, times))
	body := deflated(t, []byte(`{"api_key":"t","batch":[`+event), piece, 1_000_000/times, []byte(`]}`))
	status, text := v.post(t, map[string]string{"Content-Encoding": "deflate"}, body)
	require.Equal(t, http.StatusRequestEntityTooLarge, status, text)
	require.Equal(t, "maximum event size exceeded: Batch of more than 100000 events", text)
}

func notText(t *testing.T, v *victim) {
	const refusal = "failed to decode request: invalid UTF8 in request payload"
	for _, bad := range []string{"\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"} { // no character, overlong, half a pair, beyond the last, cut off
		v.all(t, nil, []byte(`{"event":"e`+bad+`","distinct_id":"d","token":"t"}`), http.StatusBadRequest, refusal)
	}
	v.all(t, nil, bytes.Repeat([]byte{0xff}, 20<<20), http.StatusBadRequest, refusal)
}

// crowd holds many connections open in the middle of a request, then ends all of these.
func crowd(t *testing.T, v *victim) {
	head := fmt.Sprintf("POST /e HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n{", len(eventBody))
	conns := v.dial(t, connections, head)
	v.requireAlive(t)
	several(workers, func(worker int) {
		for i := worker; i < len(conns); i += workers {
			if _, err := io.WriteString(conns[i], eventBody[1:]); err != nil {
				t.Error(err)
			}
		}
	})
	require.Equal(t, map[int]int{http.StatusOK: connections}, answers(conns))
}

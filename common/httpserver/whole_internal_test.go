package httpserver

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// pair is a connection of a listener of ours, and its peer.
func pair(t *testing.T) (*conn, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	peer, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	c, err := listener{l}.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = c.Close(), peer.Close() })
	return c.(*conn), peer
}

func TestConnJoinsTwoPieces(t *testing.T) {
	c, peer := pair(t)
	write := func(s string) {
		n, err := c.Write([]byte(s))
		require.NoError(t, err)
		require.Equal(t, len(s), n)
	}
	write("1")
	require.Nil(t, c.held, "nothing is to be joined")
	c.joining = true
	write("2")
	require.Equal(t, "2", string(*c.held))
	write("3")
	require.Nil(t, c.held)
	write("4")
	require.Nil(t, c.held, "two pieces are enough")
	c.joining = true
	write("5")
	require.NoError(t, c.flush())
	require.Nil(t, c.held)
	require.NoError(t, c.flush(), "nothing is left")
	c.joining = true
	write(strings.Repeat("6", bufferSize+1))
	require.Nil(t, c.held, "larger than any first piece")
	require.NoError(t, c.CloseWrite())
	got, err := io.ReadAll(peer)
	require.NoError(t, err)
	require.Equal(t, "12345"+strings.Repeat("6", bufferSize+1), string(got))
}

func TestConnThatPeerHasLeft(t *testing.T) {
	c, _ := pair(t)
	require.NoError(t, c.Close())
	c.joining = true
	n, err := c.Write([]byte("first"))
	require.NoError(t, err)
	require.Equal(t, 5, n)
	n, err = c.Write([]byte("second"))
	require.ErrorIs(t, err, net.ErrClosed)
	require.Zero(t, n)
	require.Nil(t, c.held)
}

// Bodies of all sizes around those of the buffers arrive whole, one after the other on one connection, also where there is none of ours.
func TestWriteWhole(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		size, err := strconv.Atoi(r.URL.Query().Get("size"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Length", strconv.Itoa(size))
		n, err := WriteWhole(w, r, bytes.Repeat([]byte{'x'}, size))
		if n != size || err != nil {
			panic(fmt.Sprint(n, err))
		}
		if c, ok := r.Context().Value(connKey{}).(*conn); ok && (c.joining || c.held != nil) {
			panic("the connection still holds something")
		}
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { ended <- (&Server{Listener: l, Handler: handler}).Run(ctx) }()
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		stop()
		require.NoError(t, <-ended)
	})
	sizes := []int{0, 1, 2047, 2048, 2049, 4095, 4096, 4097, 8192, 25_000, 1 << 20}
	for size := 3700; size < 4096; size += 7 { // with the header, around the buffer's size
		sizes = append(sizes, size)
	}
	for _, size := range sizes {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			req, err := http.NewRequest(method, fmt.Sprintf("http://%s/?size=%d", l.Addr(), size), nil)
			require.NoError(t, err)
			resp, err := client.Do(req)
			require.NoError(t, err)
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.EqualValues(t, size, resp.ContentLength)
			if method == http.MethodGet {
				require.Equal(t, strings.Repeat("x", size), string(body))
			}
		}
	}
}

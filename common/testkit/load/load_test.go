package load_test

import (
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/testkit/load"
)

func TestMain(m *testing.M) {
	if load.Kind() == "greeter" {
		load.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte("hello " + os.Getenv("GREETED")))
		}))
	}
	os.Exit(m.Run())
}

func TestServer(t *testing.T) {
	s := load.Start(t, "greeter", []string{"GREETED=world"})
	before := s.Usage(t)
	took := s.Fire(t, []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), 4, 1000)
	used := s.Usage(t).Since(before)
	require.Len(t, took, 1000)
	require.Positive(t, took[0])
	require.LessOrEqual(t, took[0], took[999])
	require.Greater(t, used.CPU, time.Duration(0))
	require.GreaterOrEqual(t, used.Mallocs, uint64(1000))
	resp, err := http.Get("http://" + s.Addr)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.EqualValues(t, len("hello world"), resp.ContentLength)
}

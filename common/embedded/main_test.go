package embedded_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hog-go/hog/common/embedded"
)

// The test binary runs itself as the process that is going to be killed: a server named by childServer in childDir.
const (
	childServer = "HOG_TEST_CHILD_SERVER"
	childDir    = "HOG_TEST_CHILD_DIR"
)

// childSaveEvery is the child's RedisOptions.SaveEvery.
const childSaveEvery = 200 * time.Millisecond

func TestMain(m *testing.M) {
	if server := os.Getenv(childServer); server != "" {
		runChild(server, os.Getenv(childDir))
		return
	}
	goleak.VerifyTestMain(m)
}

// runChild prints where the server listens, and serves until standard input ends, as it does when the test is gone.
func runChild(server, dir string) {
	var where string
	var err error
	switch ctx := context.Background(); server {
	case "kafka":
		var k *embedded.Kafka
		if k, err = embedded.StartKafka(ctx, embedded.KafkaOptions{Dir: dir, Topics: []embedded.TopicSpec{{Name: "given"}}}); err == nil {
			where = k.Addr()
		}
	case "redis":
		var r *embedded.Redis
		if r, err = embedded.StartRedis(ctx, embedded.RedisOptions{Dir: dir, SaveEvery: childSaveEvery}); err == nil {
			where = r.URL()
		}
	case "postgres":
		var p *embedded.Postgres
		if p, err = embedded.StartPostgres(ctx, embedded.PostgresOptions{Dir: dir}); err == nil {
			where = p.URL("posthog")
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(where)
	io.Copy(io.Discard, os.Stdin)
	os.Exit(1)
}

// startChild returns the process and where its server listens.
func startChild(t *testing.T, server, dir string) (child *os.Process, where string) {
	t.Helper()
	cmd := childCommand(os.Args[0], server, dir)
	cmd.Stderr = os.Stderr
	_, err := cmd.StdinPipe() // kept open until the test ends the child, or ends itself
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	where, err = bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return cmd.Process, strings.TrimSpace(where)
}

func childCommand(binary, server, dir string) *exec.Cmd {
	cmd := exec.Command(binary)
	cmd.Env = append(os.Environ(), childServer+"="+server, childDir+"="+dir)
	return cmd
}

func kill(t *testing.T, p *os.Process) {
	t.Helper()
	require.NoError(t, p.Kill())
	_, err := p.Wait()
	require.NoError(t, err)
}

package testkit

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/stretchr/testify/require"
	"github.com/testcontainers/testcontainers-go"
)

func TestChooseKind(t *testing.T) {
	yes, no := func() bool { return true }, func() bool { return false }
	tests := map[string]struct {
		address, forced string
		docker          func() bool
		want            string
	}{
		"environment first":             {"127.0.0.1:9092", "", yes, KindEnv},
		"environment, whatever forced":  {"127.0.0.1:9092", KindEmbedded, yes, KindEnv},
		"docker if it answers":          {"", "", yes, KindDocker},
		"embedded without docker":       {"", "", no, KindEmbedded},
		"embedded though docker is":     {"", KindEmbedded, yes, KindEmbedded},
		"docker though it seems to not": {"", KindDocker, no, KindDocker},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			kind, err := chooseKind(tt.address, tt.forced, tt.docker)
			require.NoError(t, err)
			require.Equal(t, tt.want, kind)
		})
	}
	_, err := chooseKind("", "podman", no)
	require.ErrorContains(t, err, "HOG_TESTKIT=podman")
}

func TestDockerEndpoint(t *testing.T) {
	serve := func(handler http.HandlerFunc) string {
		socket := filepath.Join(t.TempDir(), "docker.sock")
		l, err := net.Listen("unix", socket)
		require.NoError(t, err)
		s := &httptest.Server{Listener: l, Config: &http.Server{Handler: handler}}
		s.Start()
		t.Cleanup(s.Close)
		return "unix://" + socket
	}
	answering := serve(func(w http.ResponseWriter, r *http.Request) { require.Equal(t, "/_ping", r.URL.Path) })
	failing := serve(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	silent := serve(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	overTCP := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer overTCP.Close()
	tcp := "tcp://" + overTCP.Listener.Addr().String()

	require.Equal(t, answering, dockerEndpoint([]string{"unix:///nowhere/docker.sock", failing, answering, tcp}))
	require.Equal(t, tcp, dockerEndpoint([]string{tcp}))
	require.Empty(t, dockerEndpoint([]string{"unix:///nowhere/docker.sock", failing, "::not a url"}))
	start := time.Now()
	require.Empty(t, dockerEndpoint(slices.Repeat([]string{silent}, 20)))
	require.Less(t, time.Since(start), 10*dockerPatience, "all share it")
}

func TestDockerCandidates(t *testing.T) {
	env := func(vars map[string]string) func(string) string { return func(k string) string { return vars[k] } }
	require.Equal(t, []string{"tcp://docker:2375"}, dockerCandidates(env(map[string]string{"DOCKER_HOST": "tcp://docker:2375", "HOME": "/home/a"})))
	require.Equal(t, []string{"unix:///var/run/docker.sock", "unix:///run/user/1/docker.sock", "unix:///home/a/.docker/run/docker.sock"},
		dockerCandidates(env(map[string]string{"XDG_RUNTIME_DIR": "/run/user/1", "HOME": "/home/a"})))
	require.Equal(t, "docker", dockerAddress("tcp://docker:2375"))
	require.Equal(t, "127.0.0.1", dockerAddress("unix:///var/run/docker.sock"))
	require.Equal(t, "127.0.0.1", dockerAddress(""))
}

func TestContainerRequests(t *testing.T) {
	tests := map[string]struct {
		request func(placement) testcontainers.ContainerRequest
		image   string
		port    string
	}{
		"kafka":    {kafkaRequest, "apache/kafka:4.1.0", "9092/tcp"},
		"postgres": {postgresRequest, "postgres:15", "5432/tcp"},
		"redis":    {redisRequest, "redis:7.2", "6379/tcp"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			req := tt.request(placement{host: "127.0.0.1", port: 34567})
			require.NoError(t, req.Validate())
			require.Equal(t, tt.image, req.Image)
			require.Equal(t, []string{tt.port}, req.ExposedPorts)
			require.NotNil(t, req.WaitingFor)
			var hc container.HostConfig
			req.HostConfigModifier(&hc)
			require.Equal(t, network.PortMap{network.MustParsePort(tt.port): {{HostIP: netip.MustParseAddr("127.0.0.1"), HostPort: "34567"}}}, hc.PortBindings)
			// A daemon on another machine: reachable from here.
			tt.request(placement{host: "docker", port: 1}).HostConfigModifier(&hc)
			require.Equal(t, []network.PortBinding{{HostPort: "1"}}, hc.PortBindings[network.MustParsePort(tt.port)])
		})
	}
	require.Equal(t, "PLAINTEXT://docker:1", kafkaRequest(placement{host: "docker", port: 1}).Env["KAFKA_ADVERTISED_LISTENERS"],
		"clients are told what they can reach")
}

func TestScratchDirsOfTheDeadAreRemoved(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	gone := exec.Command("true")
	require.NoError(t, gone.Run())
	dead := filepath.Join(os.TempDir(), scratchPrefix+strconv.Itoa(gone.Process.Pid)+"-kafka-1")
	alive := filepath.Join(os.TempDir(), scratchPrefix+strconv.Itoa(os.Getppid())+"-kafka-1")
	other := filepath.Join(os.TempDir(), scratchPrefix+"redis-127.0.0.1.lock")
	for _, dir := range []string{dead, alive, other} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "data"), 0o755))
	}
	dir, err := scratchDir("kafka")
	require.NoError(t, err)
	require.DirExists(t, dir)
	require.NoDirExists(t, dead)
	require.DirExists(t, alive)
	require.DirExists(t, other)
}

func TestUniqueName(t *testing.T) {
	require.Regexp(t, `^test-TestA-row-1-a-b--c-[a-z0-9]{10}$`, uniqueName("TestA/row_1_a.b->c"))
	require.Len(t, uniqueName(strings.Repeat("x", 300)), len("test-")+80+1+10)
	require.NotEqual(t, uniqueName("TestA"), uniqueName("TestA"))
}

func TestEnvironmentServerMustAnswer(t *testing.T) {
	port, err := freePort()
	require.NoError(t, err)
	nowhere := "127.0.0.1:" + strconv.Itoa(port)
	t.Setenv("TESTKIT_TEST_SERVER", nowhere)
	s := shared[string]{variable: "TESTKIT_TEST_SERVER", start: startNothing}
	require.EqualError(t, s.startLocked(), "TESTKIT_TEST_SERVER="+nowhere+" does not answer (unset it, or start the server): "+errNothing.Error())
}

var errNothing = errors.New("connection refused")

func startNothing(context.Context, string, string) (string, string, func(context.Context) error, error) {
	return "", "", nil, errNothing
}

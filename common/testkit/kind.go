package testkit

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// The kinds of server, as KafkaServer.Kind and the summary of Main have them.
const (
	KindEnv      = "env"
	KindDocker   = "docker"
	KindEmbedded = "embedded"
)

// dockerPatience is how long a daemon has to answer a ping. A running one does so in a few milliseconds.
const dockerPatience = time.Second

// chooseKind applies the order of the package comment. address is the environment's value for this kind of server,
// forced is HOG_TESTKIT, and docker is asked only if it matters.
func chooseKind(address, forced string, docker func() bool) (string, error) {
	switch {
	case address != "":
		return KindEnv, nil
	case forced == KindEmbedded, forced == KindDocker:
		return forced, nil
	case forced != "":
		return "", fmt.Errorf("HOG_TESTKIT=%s: want %q, %q or nothing", forced, KindEmbedded, KindDocker)
	case docker():
		return KindDocker, nil
	}
	return KindEmbedded, nil
}

// dockerAnswers is asked once per process.
var dockerAnswers = sync.OnceValue(func() bool { return dockerEndpoint(dockerCandidates(os.Getenv)) != "" })

// dockerCandidates are the places where testcontainers-go would find a daemon.
func dockerCandidates(getenv func(string) string) []string {
	if host := getenv("DOCKER_HOST"); host != "" {
		return []string{host}
	}
	candidates := []string{"unix:///var/run/docker.sock"}
	if dir := getenv("XDG_RUNTIME_DIR"); dir != "" {
		candidates = append(candidates, "unix://"+filepath.Join(dir, "docker.sock"))
	}
	if home := getenv("HOME"); home != "" {
		candidates = append(candidates, "unix://"+filepath.Join(home, ".docker", "run", "docker.sock"))
	}
	return candidates
}

// dockerEndpoint is the first of the endpoints that answers a ping, or "". They share one dockerPatience.
func dockerEndpoint(endpoints []string) string {
	ctx, cancel := context.WithTimeout(context.Background(), dockerPatience)
	defer cancel()
	for _, e := range endpoints {
		if pingDocker(ctx, e) {
			return e
		}
	}
	return ""
}

func pingDocker(ctx context.Context, endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	address := u.Host
	if u.Scheme == "unix" {
		address = u.Path
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, u.Scheme, address)
	}}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://docker/_ping", nil)
	if err != nil {
		return false
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// dockerAddress is where the ports of containers are reached: here, unless the daemon is elsewhere.
func dockerAddress(endpoint string) string {
	if u, err := url.Parse(endpoint); err == nil && u.Scheme != "unix" && u.Hostname() != "" {
		return u.Hostname()
	}
	return "127.0.0.1"
}

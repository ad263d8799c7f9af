package testkit

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/wait"
)

// The images: Redis and PostgreSQL as the main app's compose file has them, Kafka as bin/servers has it.
const (
	kafkaImage    = "apache/kafka:4.1.0"
	postgresImage = "postgres:15"
	redisImage    = "redis:7.2"
)

// placement is where a container's port is reached. It is chosen before the start, because Kafka has to tell its
// clients, and because a stopped and started container must keep it.
type placement struct {
	host string
	port int
}

func (p placement) String() string { return p.host + ":" + strconv.Itoa(p.port) }

func newPlacement() (placement, error) {
	port, err := freePort()
	return placement{host: dockerAddress(dockerEndpoint(dockerCandidates(os.Getenv))), port: port}, err
}

// publish binds the container's port to the placement; loopback only, unless the daemon is on another machine.
func (p placement) publish(containerPort string) func(*container.HostConfig) {
	return func(hc *container.HostConfig) {
		binding := network.PortBinding{HostPort: strconv.Itoa(p.port)}
		if p.host == "127.0.0.1" {
			binding.HostIP = netip.MustParseAddr(p.host)
		}
		hc.PortBindings = network.PortMap{network.MustParsePort(containerPort): {binding}}
	}
}

// kafkaRequest is one node that is broker and controller, with the settings of bin/servers.
func kafkaRequest(p placement) testcontainers.ContainerRequest {
	return testcontainers.ContainerRequest{
		Image:        kafkaImage,
		ExposedPorts: []string{"9092/tcp"},
		Env: map[string]string{
			"KAFKA_NODE_ID":                                  "1",
			"KAFKA_PROCESS_ROLES":                            "broker,controller",
			"KAFKA_LISTENERS":                                "PLAINTEXT://:9092,CONTROLLER://:9093",
			"KAFKA_ADVERTISED_LISTENERS":                     "PLAINTEXT://" + p.String(),
			"KAFKA_LISTENER_SECURITY_PROTOCOL_MAP":           "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
			"KAFKA_CONTROLLER_LISTENER_NAMES":                "CONTROLLER",
			"KAFKA_CONTROLLER_QUORUM_VOTERS":                 "1@localhost:9093",
			"KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR":         "1",
			"KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS":             "1",
			"KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
			"KAFKA_TRANSACTION_STATE_LOG_MIN_ISR":            "1",
			"KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS":         "0",
			"KAFKA_NUM_PARTITIONS":                           "1",
			"KAFKA_AUTO_CREATE_TOPICS_ENABLE":                "true",
			"KAFKA_HEAP_OPTS":                                "-Xmx512m -Xms256m",
		},
		HostConfigModifier: p.publish("9092/tcp"),
		WaitingFor:         wait.ForLog("Kafka Server started").WithStartupTimeout(startTimeout),
	}
}

func postgresRequest(p placement) testcontainers.ContainerRequest {
	return testcontainers.ContainerRequest{
		Image:              postgresImage,
		ExposedPorts:       []string{"5432/tcp"},
		Env:                map[string]string{"POSTGRES_USER": "posthog", "POSTGRES_PASSWORD": "posthog", "POSTGRES_DB": "posthog"},
		Cmd:                []string{"-c", "fsync=off", "-c", "max_connections=200"},
		Tmpfs:              map[string]string{"/var/lib/postgresql/data": "rw"},
		HostConfigModifier: p.publish("5432/tcp"),
		WaitingFor: wait.ForLog("database system is ready to accept connections").
			WithOccurrence(2). // the first is the image's own set-up run
			WithStartupTimeout(startTimeout),
	}
}

func redisRequest(p placement) testcontainers.ContainerRequest {
	return testcontainers.ContainerRequest{
		Image:              redisImage,
		ExposedPorts:       []string{"6379/tcp"},
		Cmd:                []string{"redis-server", "--save", "", "--databases", "64"},
		HostConfigModifier: p.publish("6379/tcp"),
		WaitingFor:         wait.ForLog("Ready to accept connections").WithStartupTimeout(startTimeout),
	}
}

// run starts a container made by request and returns where it is reached.
func run(ctx context.Context, request func(placement) testcontainers.ContainerRequest) (placement, testcontainers.Container, error) {
	p, err := newPlacement()
	if err != nil {
		return p, nil, err
	}
	req := request(p)
	c, err := testcontainers.GenericContainer(ctx, testcontainers.GenericContainerRequest{ContainerRequest: req, Started: true})
	if err != nil {
		return p, nil, fmt.Errorf("container %s: %w", req.Image, err)
	}
	return p, c, nil
}

// terminate is the stop function of a container.
func terminate(c testcontainers.Container) func(context.Context) error {
	return func(ctx context.Context) error { return c.Terminate(ctx) }
}

func dockerKafka(ctx context.Context, waitUp func(context.Context) error) ([]string, power, func(context.Context) error, error) {
	p, c, err := run(ctx, kafkaRequest)
	if err != nil {
		return nil, nil, nil, err
	}
	return []string{p.String()}, &containerPower{c: c, waitUp: waitUp}, terminate(c), nil
}

func dockerPostgres(ctx context.Context) (url string, stop func(context.Context) error, err error) {
	p, c, err := run(ctx, postgresRequest)
	if err != nil {
		return "", nil, err
	}
	return "postgres://posthog:posthog@" + p.String() + "/posthog?sslmode=disable", terminate(c), nil
}

func dockerRedis(ctx context.Context) (url string, stop func(context.Context) error, err error) {
	p, c, err := run(ctx, redisRequest)
	if err != nil {
		return "", nil, err
	}
	return "redis://" + p.String() + "/", terminate(c), nil
}

// containerPower stops and starts a container, whose port and data stay.
type containerPower struct {
	c      testcontainers.Container
	waitUp func(context.Context) error
}

func (p *containerPower) stop(ctx context.Context, kill bool) error {
	grace := 30 * time.Second
	if kill {
		grace = 0
	}
	return p.c.Stop(ctx, &grace)
}

func (p *containerPower) start(ctx context.Context) error {
	if err := p.c.Start(ctx); err != nil {
		return err
	}
	return p.waitUp(ctx)
}

package group

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// method of the service, and its name in metrics.
const (
	method     = "/personhog.service.v1.PersonHogService/GetGroupTypeMappingsByTeamIds"
	methodName = "get_group_type_mappings_by_team_ids"
	clientName = "property-defs-rs"
)

// PersonHogConfig of the client; every field is required.
type PersonHogConfig struct {
	Addr           string // host:port, or the same as a URL
	Timeout        time.Duration
	ConnectTimeout time.Duration
	MaxRetries     int
	InitialBackoff time.Duration // doubled for each further retry, half of it at random
	MaxBackoff     time.Duration
}

// PersonHog is the gRPC service that owns group types in newer deployments of PostHog.
type PersonHog struct {
	cfg                       PersonHogConfig
	conn                      *grpc.ClientConn
	errors, retries, terminal *prometheus.CounterVec
}

// NewPersonHog makes a client. It dials at the first request.
func NewPersonHog(cfg PersonHogConfig, reg prometheus.Registerer) (*PersonHog, error) {
	addr := cfg.Addr
	if _, rest, ok := strings.Cut(addr, "://"); ok {
		addr = strings.TrimSuffix(rest, "/")
	}
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{MinConnectTimeout: cfg.ConnectTimeout}),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(wire{})))
	if err != nil {
		return nil, fmt.Errorf("personhog client for %s (PERSONHOG_ADDR): %w", addr, err)
	}
	counters := func(name, help string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"method", "client", "error_type"})
		reg.MustRegister(c)
		return c
	}
	return &PersonHog{
		cfg: cfg, conn: conn,
		errors:   counters("personhog_errors_total", "requests to personhog that failed"),
		retries:  counters("personhog_retries_total", "requests made again"),
		terminal: counters("personhog_terminal_errors_total", "requests given up"),
	}, nil
}

// Close ends the connection.
func (p *PersonHog) Close() error { return p.conn.Close() }

// Indexes asks for all teams at once.
func (p *PersonHog) Indexes(ctx context.Context, names []Name) (map[Name]int16, error) {
	var req request
	for _, n := range names {
		req.teamIDs = append(req.teamIDs, int64(n.Team))
	}
	slices.Sort(req.teamIDs)
	req.teamIDs = slices.Compact(req.teamIDs)
	res, err := p.call(ctx, &req)
	if err != nil {
		return nil, err
	}
	found := map[Name]int16{}
	for _, n := range names {
		for _, m := range res.mappings {
			if m.team == int64(n.Team) && m.name == n.Name && m.index >= 0 && m.index <= 4 {
				found[n] = int16(m.index)
			}
		}
	}
	return found, nil
}

// call makes a request and retries what may pass.
func (p *PersonHog) call(ctx context.Context, req *request) (*response, error) {
	ctx = metadata.AppendToOutgoingContext(ctx, "x-client-name", clientName, "x-caller-tag", "property-defs/group-type-resolution", "x-read-consistency", "eventual")
	delay := p.cfg.InitialBackoff
	for retry := 0; ; retry++ {
		res := &response{}
		limited, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
		err := p.conn.Invoke(limited, method, req, res)
		cancel()
		if err == nil {
			return res, nil
		}
		kind := status.Code(err).String()
		p.errors.WithLabelValues(methodName, clientName, kind).Inc()
		if retry >= p.cfg.MaxRetries || !mayPass(status.Code(err)) || ctx.Err() != nil {
			p.terminal.WithLabelValues(methodName, clientName, kind).Inc()
			return nil, fmt.Errorf("ask personhog for group types of %d teams: %w", len(req.teamIDs), err)
		}
		p.retries.WithLabelValues(methodName, clientName, kind).Inc()
		select {
		case <-time.After(delay/2 + rand.N(delay/2+1)):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		delay = min(2*delay, p.cfg.MaxBackoff)
	}
}

func mayPass(c codes.Code) bool {
	switch c {
	case codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted, codes.Aborted, codes.Internal, codes.Unknown:
		return true
	default:
		return false
	}
}

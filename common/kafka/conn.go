package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/apiversions"
	"github.com/segmentio/kafka-go/protocol/saslauthenticate"
	"github.com/segmentio/kafka-go/protocol/saslhandshake"
	"github.com/segmentio/kafka-go/sasl"
)

// dialer opens connections to brokers: TCP, TLS, version negotiation, SASL.
type dialer struct {
	cfg  ClientConfig
	tls  *tls.Config    // nil = plain text
	sasl sasl.Mechanism // nil = none
}

func newDialer(cfg ClientConfig) (*dialer, error) {
	tlsConfig, tlsErr := cfg.tlsConfig()
	mechanism, saslErr := cfg.saslMechanism()
	return &dialer{cfg: cfg, tls: tlsConfig, sasl: mechanism}, errors.Join(tlsErr, saslErr)
}

// network is what net.Dial wants for the configured address family.
func (d *dialer) network() string {
	switch d.cfg.AddressFamily {
	case "v4":
		return "tcp4"
	case "v6":
		return "tcp6"
	default:
		return "tcp"
	}
}

// dialTCP gives the bare or TLS connection, without a word of Kafka spoken.
func (d *dialer) dialTCP(ctx context.Context, addr string) (net.Conn, error) {
	nc, err := (&net.Dialer{}).DialContext(ctx, d.network(), addr)
	if err != nil {
		return nil, err
	}
	if tcp, ok := nc.(*net.TCPConn); ok {
		if n := d.cfg.SocketSendBuffer; n > 0 {
			_ = tcp.SetWriteBuffer(n) // a wish: the kernel has its own limits
		}
		if n := d.cfg.SocketReceiveBuffer; n > 0 {
			_ = tcp.SetReadBuffer(n)
		}
	}
	if d.tls == nil {
		return nc, nil
	}
	cfg := d.tls.Clone()
	cfg.ServerName, _, _ = net.SplitHostPort(addr)
	tc := tls.Client(nc, cfg)
	if err := tc.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("TLS handshake: %w", err)
	}
	return tc, nil
}

// dial gives a connection that is ready for requests.
func (d *dialer) dial(ctx context.Context, addr string) (*conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, d.cfg.DialTimeout, errors.New("no connection within the dial timeout"))
	defer cancel()
	nc, err := d.dialTCP(ctx, addr)
	if err != nil {
		return nil, fmt.Errorf("connect to Kafka broker %s: %w", addr, err)
	}
	c := &conn{addr: addr, nc: nc, pc: protocol.NewConn(nc, d.cfg.ClientID), timeout: d.cfg.SocketTimeout}
	if err = c.negotiate(ctx); err == nil && d.sasl != nil {
		err = c.authenticate(ctx, d.sasl)
	}
	if err != nil {
		c.close()
		return nil, fmt.Errorf("connect to Kafka broker %s: %w", addr, err)
	}
	return c, nil
}

// conn is one connection to one broker with at most one request on it; not safe for concurrent use.
type conn struct {
	addr    string
	nc      net.Conn
	pc      *protocol.Conn
	timeout time.Duration // of a request whose context has no earlier deadline
	used    time.Time     // end of the last request
	spent   bool          // its deadline may still be changed from behind
}

// idleLimit is when a connection counts as stale: below the ten minutes of a broker's connections.max.idle.ms and the 350
// seconds of common load balancers, so that a request is hardly ever lost to a connection which the other side has forgotten.
const idleLimit = 4 * time.Minute

func (c *conn) stale(now time.Time) bool { return c.spent || now.Sub(c.used) > idleLimit }

func (c *conn) close() { _ = c.nc.Close() }

// roundTrip sends req and waits for the answer, until ctx ends or the socket timeout. After an error the connection is spent.
func (c *conn) roundTrip(ctx context.Context, req protocol.Message) (protocol.Message, error) {
	deadline := time.Now().Add(c.timeout)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	if err := c.nc.SetDeadline(deadline); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.nc.SetDeadline(time.Unix(1, 0)) })
	res, err := c.pc.RoundTrip(req)
	c.spent = !stop()
	if err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("%w (%w)", context.Cause(ctx), err)
		}
		return nil, fmt.Errorf("%s request to %s: %w", req.ApiKey(), c.addr, err)
	}
	c.used = time.Now()
	return res, nil
}

// negotiate agrees on the highest version of each API that both sides know.
func (c *conn) negotiate(ctx context.Context) error {
	msg, err := c.roundTrip(ctx, &apiversions.Request{})
	if err != nil {
		return err
	}
	res := msg.(*apiversions.Response)
	if res.ErrorCode != 0 {
		return brokerError(res.ErrorCode, "negotiate API versions")
	}
	versions := make(map[protocol.ApiKey]int16, len(res.ApiKeys))
	for _, k := range res.ApiKeys {
		key := protocol.ApiKey(k.ApiKey)
		versions[key] = key.SelectVersion(k.MinVersion, k.MaxVersion)
	}
	c.pc.SetVersions(versions)
	return nil
}

// authenticate runs the exchange of mechanism (KIP-43 and KIP-152).
func (c *conn) authenticate(ctx context.Context, mechanism sasl.Mechanism) error {
	host, _, _ := net.SplitHostPort(c.addr)
	ctx = sasl.WithMetadata(ctx, &sasl.Metadata{Host: host})
	msg, err := c.roundTrip(ctx, &saslhandshake.Request{Mechanism: mechanism.Name()})
	if err != nil {
		return err
	}
	hello := msg.(*saslhandshake.Response)
	if err := brokerError(hello.ErrorCode, "SASL handshake for %s (broker offers %v)", mechanism.Name(), hello.Mechanisms); err != nil {
		return err
	}
	session, data, err := mechanism.Start(ctx)
	if err != nil {
		return fmt.Errorf("SASL %s: %w", mechanism.Name(), err)
	}
	for done := false; !done; {
		msg, err := c.roundTrip(ctx, &saslauthenticate.Request{AuthBytes: data})
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("SASL %s: broker closed the connection, which mostly means wrong credentials", mechanism.Name())
		}
		if err != nil {
			return err
		}
		res := msg.(*saslauthenticate.Response)
		if res.ErrorCode != 0 {
			return fmt.Errorf("SASL %s: %w: %s", mechanism.Name(), brokerError(res.ErrorCode, "authenticate"), res.ErrorMessage)
		}
		if done, data, err = session.Next(ctx, res.AuthBytes); err != nil {
			return fmt.Errorf("SASL %s: %w", mechanism.Name(), err)
		}
	}
	return nil
}

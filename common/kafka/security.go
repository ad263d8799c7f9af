package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// tlsConfig is nil for the protocols without TLS. An authority given by name is there to be checked against, so it wins over
// TLSSkipVerify, which KAFKA_TLS=true sets for clusters with certificates of their own making.
func (c *ClientConfig) tlsConfig() (*tls.Config, error) {
	if !strings.HasSuffix(c.SecurityProtocol, "ssl") {
		return nil, nil
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: c.TLSSkipVerify && c.TLSCAFile == ""}
	if c.TLSCAFile != "" {
		pem, err := os.ReadFile(c.TLSCAFile)
		if err != nil {
			return nil, fmt.Errorf("read Kafka TLS authorities: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("no PEM certificate in Kafka TLS authority file %s", c.TLSCAFile)
		}
	}
	if c.TLSCertFile != "" || c.TLSKeyFile != "" {
		pair, err := tls.LoadX509KeyPair(c.TLSCertFile, c.TLSKeyFile)
		if err != nil {
			return nil, fmt.Errorf("load Kafka client certificate and key: %w", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}

// saslMechanism is nil for the protocols without SASL.
func (c *ClientConfig) saslMechanism() (sasl.Mechanism, error) {
	if !strings.HasPrefix(c.SecurityProtocol, "sasl_") {
		return nil, nil
	}
	if c.SASLUsername == "" {
		return nil, errors.New("a SASL security protocol needs a user name (KAFKA_SASL_USERNAME)")
	}
	switch c.SASLMechanism {
	case "SCRAM-SHA-256":
		return scram.Mechanism(scram.SHA256, c.SASLUsername, c.SASLPassword)
	case "SCRAM-SHA-512":
		return scram.Mechanism(scram.SHA512, c.SASLUsername, c.SASLPassword)
	default:
		return plain.Mechanism{Username: c.SASLUsername, Password: c.SASLPassword}, nil
	}
}

package kafka_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/hog-go/hog/common/kafka"
)

// certificate makes a self-signed certificate for 127.0.0.1 that is its own authority, and the files of it.
func certificate(t *testing.T) (pair tls.Certificate, pool *x509.CertPool, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "broker of a test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	certFile, keyFile = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	require.NoError(t, os.WriteFile(certFile, certPEM, 0o600))
	require.NoError(t, os.WriteFile(keyFile, keyPEM, 0o600))
	pair, err = tls.X509KeyPair(certPEM, keyPEM)
	require.NoError(t, err)
	pool = x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(certPEM))
	return pair, pool, certFile, keyFile
}

func TestSecurity(t *testing.T) {
	pair, pool, certFile, keyFile := certificate(t)
	encrypted := kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}})
	mutual := kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool})
	sasl := func(mechanism string) []kfake.Opt {
		return []kfake.Opt{kfake.EnableSASL(), kfake.Superuser(mechanism, "hog", "secret")}
	}
	tests := map[string]struct {
		broker []kfake.Opt
		cfg    kafka.ClientConfig
		err    string // in Ping's; empty = everything works
	}{
		"tls, certificate not checked":          {[]kfake.Opt{encrypted}, kafka.ClientConfig{SecurityProtocol: "SSL", TLSSkipVerify: true}, ""},
		"tls, certificate checked":              {[]kfake.Opt{encrypted}, kafka.ClientConfig{SecurityProtocol: "ssl", TLSCAFile: certFile}, ""},
		"tls, an authority beats skipping":      {[]kfake.Opt{encrypted}, kafka.ClientConfig{SecurityProtocol: "ssl", TLSCAFile: otherAuthority(t), TLSSkipVerify: true}, "certificate"},
		"tls, unknown authority":                {[]kfake.Opt{encrypted}, kafka.ClientConfig{SecurityProtocol: "ssl"}, "certificate"},
		"tls, client certificate":               {[]kfake.Opt{mutual}, kafka.ClientConfig{SecurityProtocol: "ssl", TLSCAFile: certFile, TLSCertFile: certFile, TLSKeyFile: keyFile}, ""},
		"tls, client certificate missing":       {[]kfake.Opt{mutual}, kafka.ClientConfig{SecurityProtocol: "ssl", TLSCAFile: certFile}, "certificate required"},
		"plain text to a broker that wants tls": {[]kfake.Opt{encrypted}, kafka.ClientConfig{}, "connect to Kafka broker"},
		"sasl plain":                            {sasl("PLAIN"), kafka.ClientConfig{SecurityProtocol: "sasl_plaintext", SASLUsername: "hog", SASLPassword: "secret"}, ""},
		"sasl scram 256":                        {sasl("SCRAM-SHA-256"), kafka.ClientConfig{SecurityProtocol: "sasl_plaintext", SASLMechanism: "scram-sha-256", SASLUsername: "hog", SASLPassword: "secret"}, ""},
		"sasl scram 512 over tls":               {append(sasl("SCRAM-SHA-512"), encrypted), kafka.ClientConfig{SecurityProtocol: "sasl_ssl", TLSSkipVerify: true, SASLMechanism: "SCRAM-SHA-512", SASLUsername: "hog", SASLPassword: "secret"}, ""},
		"sasl, wrong password":                  {sasl("PLAIN"), kafka.ClientConfig{SecurityProtocol: "sasl_plaintext", SASLUsername: "hog", SASLPassword: "guess"}, "SASL PLAIN"},
		"address family v4":                     {nil, kafka.ClientConfig{AddressFamily: "v4"}, ""},
		"address family v6, broker has v4 only": {nil, kafka.ClientConfig{AddressFamily: "v6"}, "connect to Kafka broker"},
		"socket buffers":                        {nil, kafka.ClientConfig{SocketSendBuffer: 65536, SocketReceiveBuffer: 65536}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := fake(t, append(tt.broker, kfake.SeedTopics(1, "t"))...)
			tt.cfg.Brokers = c.ListenAddrs()
			a, err := kafka.NewAdmin(tt.cfg, quiet)
			require.NoError(t, err)
			defer a.Close()
			_, err = a.Ping(soon(t))
			if tt.err != "" {
				require.ErrorContains(t, err, tt.err)
				require.NotContains(t, err.Error(), "guess")
				return
			}
			require.NoError(t, err)
			p, stop := start(t, kafka.ProducerConfig{Client: tt.cfg})
			require.NoError(t, p.Produce(soon(t), values("t", 10)))
			stop()
			read(t, tt.cfg, "t", 10)
			got := newCollector()
			consume(t, kafka.ConsumerConfig{Client: tt.cfg, Group: "g", Topics: []string{"t"}}, got.handle)
			got.wait(t, 10)
		})
	}
}

func otherAuthority(t *testing.T) string {
	_, _, file, _ := certificate(t)
	return file
}

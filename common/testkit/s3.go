package testkit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// S3Server is an object store of one test, which speaks S3's protocol and checks signatures. It holds its objects in memory;
// they outlive Stop.
type S3Server struct {
	Endpoint  string // http://host:port
	Bucket    string // made, and empty
	Region    string
	AccessKey string
	SecretKey string

	tb      testing.TB
	handler http.Handler
	server  *http.Server // nil: stopped
	served  chan error
	cancel  context.CancelFunc // of the contexts of all requests
	running sync.WaitGroup     // requests
	meddle  atomic.Pointer[func(http.ResponseWriter, *http.Request) bool]
}

// S3 starts a server for the test. It is of this process whatever other servers are used.
func S3(tb testing.TB) *S3Server {
	tb.Helper()
	s := &S3Server{Bucket: "testkit", Region: "us-east-1", AccessKey: "testkit-key", SecretKey: "testkit-secret", tb: tb}
	store := s3mem.New()
	if err := store.CreateBucket(s.Bucket); err != nil {
		tb.Fatalf("testkit: make bucket %s: %v", s.Bucket, err)
	}
	s.handler = gofakes3.New(store, gofakes3.WithTimeSkewLimit(0)).Server()
	s.listen("127.0.0.1:0")
	tb.Cleanup(func() {
		if s.server != nil {
			s.Stop()
		}
	})
	return s
}

// Stop closes the server's port and connections, and returns when no request is served any more.
func (s *S3Server) Stop() {
	s.tb.Helper()
	err := s.server.Close()
	s.cancel() // after that, so that a handler which ends with its request has nobody left to answer
	if served := <-s.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	if err != nil {
		s.tb.Errorf("testkit: stop the S3 server: %v", err)
	}
	s.running.Wait()
	s.server = nil
}

// Start starts it again, at the same address and with the same objects.
func (s *S3Server) Start() {
	s.tb.Helper()
	s.listen(strings.TrimPrefix(s.Endpoint, "http://"))
}

// Meddle lets f see every request before the server does; true means that f has answered it. nil ends that.
func (s *S3Server) Meddle(f func(http.ResponseWriter, *http.Request) bool) {
	if f == nil {
		s.meddle.Store(nil)
		return
	}
	s.meddle.Store(&f)
}

func (s *S3Server) listen(address string) {
	s.tb.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		s.tb.Fatalf("testkit: S3 server: %v", err)
	}
	s.Endpoint = "http://" + l.Addr().String()
	base, cancel := context.WithCancel(context.WithoutCancel(s.tb.Context()))
	s.cancel = cancel
	s.server = &http.Server{
		Handler: http.HandlerFunc(s.serve), ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return base },
	}
	s.served = make(chan error, 1)
	go func(server *http.Server, served chan<- error) { served <- server.Serve(l) }(s.server, s.served)
}

func (s *S3Server) serve(w http.ResponseWriter, r *http.Request) {
	s.running.Add(1)
	defer s.running.Done()
	if f := s.meddle.Load(); f != nil && (*f)(w, r) {
		return
	}
	if code := s.unauthorized(r); code != "" {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>the request is not signed with the key of this server</Message></Error>`, code)
		return
	}
	s.handler.ServeHTTP(w, r)
}

// unauthorized signs the request again and returns S3's code for what is wrong with its signature, or "".
func (s *S3Server) unauthorized(r *http.Request) string {
	// AWS4-HMAC-SHA256 Credential=key/day/region/s3/aws4_request, SignedHeaders=a;b, Signature=hex
	parts := map[string]string{}
	_, list, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	for part := range strings.SplitSeq(list, ", ") {
		name, value, _ := strings.Cut(part, "=")
		parts[name] = value
	}
	if key, _, _ := strings.Cut(parts["Credential"], "/"); key != s.AccessKey {
		return "InvalidAccessKeyId"
	}
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil {
		return "AccessDenied"
	}
	again := r.Clone(r.Context())
	again.Header = http.Header{}
	for name := range strings.SplitSeq(parts["SignedHeaders"], ";") {
		again.Header[http.CanonicalHeaderKey(name)] = r.Header.Values(name)
	}
	again.Header.Del("Host")
	again.Header.Del("Content-Length") // the signer takes both from the request
	again.URL.Host = r.Host
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	credentials := aws.Credentials{AccessKeyID: s.AccessKey, SecretAccessKey: s.SecretKey}
	err = signer.SignHTTP(r.Context(), credentials, again, r.Header.Get("X-Amz-Content-Sha256"), "s3", s.Region, at)
	if err != nil || again.Header.Get("Authorization") != r.Header.Get("Authorization") {
		return "SignatureDoesNotMatch"
	}
	return ""
}

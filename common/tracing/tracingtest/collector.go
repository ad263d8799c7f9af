// Package tracingtest gives tests an OpenTelemetry collector: it speaks OTLP over gRPC and keeps what it gets.
package tracingtest

import (
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/grpc"
)

// Span is one span as a collector sees it. Kind and Status are without their prefix; attributes are in the form of fmt.
type Span struct {
	Service, Name, Kind, Status string
	TraceID, ParentID           string // hexadecimal
	Attributes                  map[string]string
}

// Collector listens on URL until the test ends.
type Collector struct {
	collector.UnimplementedTraceServiceServer
	URL    string
	answer func(ctx context.Context) error

	mu    sync.Mutex
	spans []Span
}

// Start returns a collector that takes a batch if answer returns nil; an answer of nil takes all.
func Start(t testing.TB, answer func(ctx context.Context) error) *Collector {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &Collector{URL: "http://" + l.Addr().String(), answer: answer}
	server := grpc.NewServer()
	collector.RegisterTraceServiceServer(server, c)
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(l) })
	t.Cleanup(func() { server.Stop(); serving.Wait() })
	return c
}

// Spans are those of the batches taken so far.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Span(nil), c.spans...)
}

// Export is what a client of the collector calls.
func (c *Collector) Export(ctx context.Context, r *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	if c.answer != nil {
		if err := c.answer(ctx); err != nil {
			return nil, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, of := range r.ResourceSpans {
		service := attributes(of.Resource.Attributes)["service.name"]
		for _, scope := range of.ScopeSpans {
			for _, s := range scope.Spans {
				c.spans = append(c.spans, Span{
					Service: service, Name: s.Name,
					Kind: strings.TrimPrefix(s.Kind.String(), "SPAN_KIND_"), Status: strings.TrimPrefix(s.Status.GetCode().String(), "STATUS_CODE_"),
					TraceID: hex.EncodeToString(s.TraceId), ParentID: hex.EncodeToString(s.ParentSpanId), Attributes: attributes(s.Attributes),
				})
			}
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

func attributes(list []*common.KeyValue) map[string]string {
	out := make(map[string]string, len(list))
	for _, a := range list {
		switch v := a.Value.Value.(type) {
		case *common.AnyValue_StringValue:
			out[a.Key] = v.StringValue
		case *common.AnyValue_IntValue:
			out[a.Key] = fmt.Sprint(v.IntValue)
		default:
			out[a.Key] = a.Value.String()
		}
	}
	return out
}

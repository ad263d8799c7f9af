package group

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/hog-go/hog/common/testkit"
	"github.com/hog-go/hog/property-defs/internal/definition"
	"github.com/hog-go/hog/property-defs/internal/pgtest"
)

func TestMain(m *testing.M) { testkit.Main(m) }

var quiet = slog.New(slog.DiscardHandler)

func groupUpdate(team int32, project int64, group string) definition.Update {
	return definition.Update{Kind: definition.Property, Parent: definition.OfGroup, GroupIndex: definition.NoGroup, Team: team, Project: project, Group: group, Property: "p"}
}

func indexes(rows []definition.Update) (out []int16) {
	for _, r := range rows {
		out = append(out, r.GroupIndex)
	}
	return out
}

// personhog is a gRPC server of the one method. It knows the wire format by descriptors and protobuf's own codec, so that it checks
// ours.
type personhog struct {
	mu       sync.Mutex
	answers  []codes.Code // of the next calls; after that OK
	calls    int
	teams    []int64
	metadata metadata.MD
}

func (p *personhog) start(t *testing.T) string {
	t.Helper()
	request, response := messages(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer()
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "personhog.service.v1.PersonHogService", HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "GetGroupTypeMappingsByTeamIds", Handler: func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			req := dynamicpb.NewMessage(request)
			if err := decode(req); err != nil {
				return nil, err
			}
			return p.answer(ctx, req, response)
		}}},
	}, p)
	done := make(chan error)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() { server.Stop(); <-done })
	return listener.Addr().String()
}

func (p *personhog) answer(ctx context.Context, req *dynamicpb.Message, response protoreflect.MessageDescriptor) (any, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	p.metadata, _ = metadata.FromIncomingContext(ctx)
	if len(p.answers) > 0 {
		code := p.answers[0]
		p.answers = p.answers[1:]
		if code != codes.OK {
			return nil, status.Error(code, "not now")
		}
	}
	ids := req.Get(req.Descriptor().Fields().ByName("team_ids")).List()
	p.teams = nil
	for i := range ids.Len() {
		p.teams = append(p.teams, ids.Get(i).Int())
	}
	res := dynamicpb.NewMessage(response)
	results := res.Mutable(response.Fields().ByName("results")).List()
	byKey := results.NewElement().Message()
	fields := byKey.Descriptor().Fields()
	byKey.Set(fields.ByName("key"), protoreflect.ValueOfInt64(1))
	mappings := byKey.Mutable(fields.ByName("mappings")).List()
	for i, name := range []string{"org", "plan"} {
		m := mappings.NewElement().Message()
		f := m.Descriptor().Fields()
		m.Set(f.ByName("id"), protoreflect.ValueOfInt64(77))
		m.Set(f.ByName("group_type"), protoreflect.ValueOfString(name))
		m.Set(f.ByName("group_type_index"), protoreflect.ValueOfInt32(int32(i)))
		mappings.Append(protoreflect.ValueOfMessage(m))
	}
	results.Append(protoreflect.ValueOfMessage(byKey))
	return res, nil
}

// messages builds the descriptors of what the service exchanges, field numbers as in PostHog's proto/personhog/types/v1.
func messages(t *testing.T) (request, response protoreflect.MessageDescriptor) {
	t.Helper()
	field := func(name string, number int32, typ descriptorpb.FieldDescriptorProto_Type, label descriptorpb.FieldDescriptorProto_Label, of string) *descriptorpb.FieldDescriptorProto {
		f := &descriptorpb.FieldDescriptorProto{Name: new(name), Number: new(number), Type: typ.Enum(), Label: label.Enum()}
		if of != "" {
			f.TypeName = new(".t." + of)
		}
		return f
	}
	const (
		one, many  = descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL, descriptorpb.FieldDescriptorProto_LABEL_REPEATED
		i64, i32   = descriptorpb.FieldDescriptorProto_TYPE_INT64, descriptorpb.FieldDescriptorProto_TYPE_INT32
		text, node = descriptorpb.FieldDescriptorProto_TYPE_STRING, descriptorpb.FieldDescriptorProto_TYPE_MESSAGE
	)
	message := func(name string, fields ...*descriptorpb.FieldDescriptorProto) *descriptorpb.DescriptorProto {
		return &descriptorpb.DescriptorProto{Name: new(name), Field: fields}
	}
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: new("t.proto"), Package: new("t"), Syntax: new("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{
			message("ReadOptions", field("consistency", 1, i32, one, "")),
			message("Request", field("team_ids", 1, i64, many, ""), field("read_options", 2, node, one, "ReadOptions")),
			message("Mapping", field("id", 1, i64, one, ""), field("group_type", 4, text, one, ""), field("group_type_index", 5, i32, one, "")),
			message("ByKey", field("key", 1, i64, one, ""), field("mappings", 2, node, many, "Mapping")),
			message("Response", field("results", 1, node, many, "ByKey")),
		},
	}, nil)
	require.NoError(t, err)
	return file.Messages().ByName("Request"), file.Messages().ByName("Response")
}

func client(t *testing.T, addr string) *PersonHog {
	t.Helper()
	p, err := NewPersonHog(PersonHogConfig{
		Addr: addr, Timeout: 5 * time.Second, ConnectTimeout: 5 * time.Second, MaxRetries: 2, InitialBackoff: time.Millisecond, MaxBackoff: 2 * time.Millisecond,
	}, prometheus.NewRegistry())
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

var config = Config{CacheSize: 100, NegativeSize: 100, NegativeTTL: 30 * time.Second}

func TestPersonHog(t *testing.T) {
	t.Run("row G1 what may pass is tried again", func(t *testing.T) {
		server := &personhog{answers: []codes.Code{codes.Unavailable, codes.Unavailable}}
		r := New(config, client(t, "http://"+server.start(t)), quiet, prometheus.NewRegistry())
		rows := []definition.Update{groupUpdate(3, 3, "org"), groupUpdate(1, 1, "org"), groupUpdate(1, 1, "plan"), groupUpdate(1, 1, "planet"), groupUpdate(3, 3, "x")}
		require.NoError(t, r.Resolve(t.Context(), rows))
		require.Equal(t, []int16{-1, 0, 1, -1, -1}, indexes(rows))
		require.Equal(t, 3, server.calls)
		require.Equal(t, []int64{1, 3}, server.teams, "sorted, once each")
		require.Equal(t, []string{"property-defs-rs", "property-defs/group-type-resolution", "eventual"},
			slices.Concat(server.metadata["x-client-name"], server.metadata["x-caller-tag"], server.metadata["x-read-consistency"]))
	})
	t.Run("row G2 what does not pass is not", func(t *testing.T) {
		server := &personhog{answers: []codes.Code{codes.InvalidArgument}}
		r := New(config, client(t, server.start(t)), quiet, prometheus.NewRegistry())
		rows := []definition.Update{groupUpdate(1, 1, "org")}
		require.Error(t, r.Resolve(t.Context(), rows))
		require.Equal(t, []int16{-1}, indexes(rows))
		require.Equal(t, 1, server.calls)
	})
	t.Run("retries are bounded", func(t *testing.T) {
		server := &personhog{answers: slices.Repeat([]codes.Code{codes.Internal}, 9)}
		r := New(config, client(t, server.start(t)), quiet, prometheus.NewRegistry())
		require.Error(t, r.Resolve(t.Context(), []definition.Update{groupUpdate(1, 1, "org")}))
		require.Equal(t, 3, server.calls)
	})
	t.Run("nobody listens", func(t *testing.T) {
		r := New(config, client(t, "127.0.0.1:1"), quiet, prometheus.NewRegistry())
		require.Error(t, r.Resolve(t.Context(), []definition.Update{groupUpdate(1, 1, "org")}))
	})
}

func TestSQL(t *testing.T) {
	db := pgtest.New(t)
	db.MustExec(`INSERT INTO posthog_grouptypemapping (team_id, project_id, group_type, group_type_index) VALUES (1, 1, 'org', 2), (2, 2, 'org', 0), (1, 1, 'plan', 4), (2, 2, 'x', -1)`)
	r := New(config, SQL{DB: db.DB}, quiet, prometheus.NewRegistry())
	rows := []definition.Update{
		groupUpdate(1, 1, "org"), groupUpdate(2, 2, "org"), groupUpdate(1, 1, "plan"), groupUpdate(2, 2, "plan"),
		groupUpdate(11, 1, "org"), // a second team of project 1
		groupUpdate(2, 2, "x"),
		{Kind: definition.Event, GroupIndex: definition.NoGroup},
	}
	require.NoError(t, r.Resolve(t.Context(), rows))
	require.Equal(t, []int16{2, 0, 4, -1, 2, -1, -1}, indexes(rows))
}

// Names that no group type can have are not asked for, nor remembered.
func TestImpossibleNames(t *testing.T) {
	source := &counter{}
	r := New(config, source, quiet, prometheus.NewRegistry())
	rows := []definition.Update{groupUpdate(1, 1, strings.Repeat("é", 401)), groupUpdate(1, 1, "a\x00"), groupUpdate(1, 1, strings.Repeat("é", 400)), groupUpdate(1, 1, "org")}
	require.NoError(t, r.Resolve(t.Context(), rows))
	require.Equal(t, []int16{-1, -1, -1, 1}, indexes(rows))
	require.Equal(t, []string{"1:org", "1:" + strings.Repeat("é", 400)}, source.asked)
	require.Len(t, r.missing.entries, 1)
}

// counter is a source that knows "org" and counts what it is asked.
type counter struct{ asked []string }

func (c *counter) Indexes(_ context.Context, names []Name) (map[Name]int16, error) {
	found := map[Name]int16{}
	for _, n := range names {
		c.asked = append(c.asked, fmt.Sprintf("%d:%s", n.Team, n.Name))
		if n.Name == "org" {
			found[n] = 1
		}
	}
	return found, nil
}

func TestMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &counter{}
		r := New(Config{CacheSize: 2, NegativeSize: 10, NegativeTTL: 30 * time.Second}, source, quiet, prometheus.NewRegistry())
		resolve := func(groups ...string) string {
			source.asked = nil
			var rows []definition.Update
			for _, g := range groups {
				rows = append(rows, groupUpdate(1, 1, g))
			}
			require.NoError(t, r.Resolve(t.Context(), rows))
			return strings.Join(source.asked, " ")
		}
		require.Equal(t, "1:org 1:planet", resolve("planet", "org", "org"))
		require.Empty(t, resolve("planet", "org"))
		time.Sleep(29 * time.Second)
		require.Empty(t, resolve("planet", "org"))
		time.Sleep(time.Second)
		require.Equal(t, "1:planet", resolve("planet", "org"), "what was not found is asked for again, what was found never")
	})
}

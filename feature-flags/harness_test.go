package featureflags_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/config"
	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/common/redis"
	"github.com/hog-go/hog/common/schema"
	"github.com/hog-go/hog/common/schema/schematest"
	"github.com/hog-go/hog/common/testkit"
	"github.com/hog-go/hog/common/testkit/load"
	featureflags "github.com/hog-go/hog/feature-flags"
)

func TestMain(m *testing.M) {
	if kind := load.Kind(); kind != "" {
		load.Serve(benchHandler(kind))
	}
	testkit.Main(m)
}

const org = "00000000-0000-0000-0000-000000000001"

// options of a harness; zero fields are the defaults.
type options struct {
	env   []string  // settings
	now   time.Time // default 2024-06-01T12:00:00Z
	apart bool      // persons in a database of their own
	log   io.Writer // gets every line as JSON; default: errors go to the test
}

// harness is a whole service on real servers, each behind a wire that can be cut.
type harness struct {
	svc     *featureflags.Service
	url     string
	db      *postgres.DB // main database
	persons *postgres.DB // the same, unless apart
	redis   *goredis.Client
	caches  *redis.Client // pickled

	mainWire, personsWire, redisWire *wire
	stop                             func() error
}

func setup(t testing.TB, o options) *harness {
	t.Helper()
	h := &harness{}
	mainURL := postgres.URL(testkit.Postgres(t))
	personsURL := mainURL
	if o.apart {
		personsURL = postgres.URL(testkit.Postgres(t))
	}
	h.db, h.persons = schematest.Migrate(t, mainURL, schema.Main), schematest.Migrate(t, personsURL, schema.Persons)
	redisURL := testkit.Redis(t)
	parsed, err := goredis.ParseURL(redisURL)
	require.NoError(t, err)
	h.redis = goredis.NewClient(parsed)
	t.Cleanup(func() { _ = h.redis.Close() })
	client, err := redis.New(redis.Config{URL: redisURL}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	h.caches = client.As(redis.Pickle)

	var through [3]string
	h.mainWire, through[0] = wireTo(t, string(mainURL))
	h.personsWire, through[1] = wireTo(t, string(personsURL))
	h.redisWire, through[2] = wireTo(t, redisURL)
	environ := []string{
		"READ_DATABASE_URL=" + through[0], "WRITE_DATABASE_URL=" + through[0], "REDIS_URL=" + through[2], "OBJECT_STORAGE_BUCKET=",
		"BILLING_FLUSH_INTERVAL_MS=5", "COOKIELESS_REDIS_HOST=" + h.redisWire.host(), "COOKIELESS_REDIS_PORT=" + h.redisWire.port(),
		"ENABLE_METRICS=true", "ADDRESS=",
	}
	if o.apart {
		environ = append(environ, "PERSONS_READ_DATABASE_URL="+through[1], "PERSONS_WRITE_DATABASE_URL="+through[1])
	}
	h.seedTeams(t)
	h.start(t, append(environ, o.env...), o)
	return h
}

// seedTeams makes the teams 1 to 4 with tokens phc_1 to phc_4. Team 2 lives in Los Angeles, teams 3 and 4 are cookieless: stateless, stateful.
func (h *harness) seedTeams(t testing.TB) {
	t.Helper()
	h.exec(t, `INSERT INTO posthog_organization (id, name, slug) VALUES ($1, 'test', 'test')`, org)
	h.exec(t, `INSERT INTO posthog_project (id, organization_id) SELECT n, $1::uuid FROM generate_series(1, 4) n`, org)
	h.exec(t, `INSERT INTO posthog_team (id, organization_id, project_id, api_token, timezone, cookieless_server_hash_mode)
		VALUES (1, $1, 1, 'phc_1', 'UTC', 0), (2, $1, 2, 'phc_2', 'America/Los_Angeles', 0), (3, $1, 3, 'phc_3', 'UTC', 1), (4, $1, 4, 'phc_4', 'UTC', 2)`, org)
}

func (h *harness) start(t testing.TB, environ []string, o options) {
	t.Helper()
	now, log := o.now, slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
	if o.log != nil {
		log = slog.New(slog.NewJSONHandler(o.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	if now.IsZero() {
		now = time.Date(2024, 6, 1, 12, 0, 0, 0, time.UTC)
	}
	var cfg featureflags.Config
	require.NoError(t, config.LoadFrom(&cfg, testkit.LastWins(environ)))
	cfg.Address = ""
	begun := time.Now()
	var err error
	h.svc, err = featureflags.New(t.Context(), cfg, featureflags.Deps{
		Now: func() time.Time { return now.Add(time.Since(begun)) },
		Log: log,
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.svc.Run(ctx) }()
	server := httptest.NewServer(h.svc.Handler())
	stopped := false
	h.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		server.Close()
		cancel()
		return <-done
	}
	t.Cleanup(func() { require.NoError(t, h.stop()) })
	h.url = server.URL
}

func (h *harness) exec(t testing.TB, query string, args ...any) {
	t.Helper()
	_, err := h.db.ExecContext(t.Context(), query, args...)
	require.NoError(t, err, query)
}

func (h *harness) execPersons(t testing.TB, query string, args ...any) {
	t.Helper()
	_, err := h.persons.ExecContext(t.Context(), query, args...)
	require.NoError(t, err, query)
}

// cacheFlags writes the flags of a team as the main app does; each is the inside of a flag's object without ids.
func (h *harness) cacheFlags(t testing.TB, team int, flags ...string) {
	t.Helper()
	h.cacheDocument(t, team, `{"flags":[`+strings.Join(numbered(team, flags), ",")+`],"evaluation_metadata":{},"cohorts":[]}`)
}

func numbered(team int, flags []string) []string {
	out := make([]string, len(flags))
	for i, f := range flags {
		out[i] = fmt.Sprintf(`{"id":%d,"team_id":%d,"active":true,"deleted":false,"version":%d,%s}`, i+1, team, i+10, f)
	}
	return out
}

func (h *harness) cacheDocument(t testing.TB, team int, document string) {
	t.Helper()
	require.True(t, json.Valid([]byte(document)), document)
	key := fmt.Sprintf("posthog:1:cache/teams/%d/feature_flags/flags.json", team)
	require.NoError(t, h.caches.Set(t.Context(), key, document, 0))
	require.NoError(t, h.caches.Set(t.Context(), key+":etag", strconv.FormatInt(time.Now().UnixNano(), 36), 0))
}

func (h *harness) cacheConfig(t testing.TB, token, document string) {
	t.Helper()
	require.NoError(t, h.caches.Set(t.Context(), "posthog:1:cache/team_tokens/"+token+"/array/config.json", document, 0))
}

// reply is an answer.
type reply struct {
	status int
	header http.Header
	body   string
}

// json decodes the body of an answer with 200.
func (r reply) json(t testing.TB) map[string]any {
	t.Helper()
	require.Equal(t, 200, r.status, r.body)
	require.Equal(t, "application/json", r.header.Get("Content-Type"))
	var v map[string]any
	require.NoError(t, json.Unmarshal([]byte(r.body), &v), r.body)
	return v
}

// flags are the records of a V2 or V3 answer.
func (r reply) flags(t testing.TB) map[string]record {
	t.Helper()
	var v struct {
		Errors bool              `json:"errorsWhileComputingFlags"`
		Flags  map[string]record `json:"flags"`
	}
	require.Equal(t, 200, r.status, r.body)
	require.NoError(t, json.Unmarshal([]byte(r.body), &v), r.body)
	return v.Flags
}

func (r reply) errors(t testing.TB) bool { return r.json(t)["errorsWhileComputingFlags"].(bool) }

type record struct {
	Enabled bool    `json:"enabled"`
	Variant *string `json:"variant"`
	Value   any     `json:"value"`
	Failed  bool    `json:"failed"`
	Reason  struct {
		Code  string `json:"code"`
		Index *int   `json:"condition_index"`
		Text  string `json:"description"`
	} `json:"reason"`
	Metadata map[string]any `json:"metadata"`
}

// do sends a request; header is name, value, name, value ...
func (h *harness) do(t testing.TB, method, path, body string, header ...string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, h.url+path, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("User-Agent", "posthog-node/5.0.0")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1]) // an empty user agent keeps net/http from sending its own
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return reply{status: resp.StatusCode, header: resp.Header, body: string(text)}
}

func (h *harness) post(t testing.TB, path, body string, header ...string) reply {
	t.Helper()
	return h.do(t, "POST", path, body, header...)
}

// person makes a person with a distinct id.
func (h *harness) person(t testing.TB, team int, distinctID, properties string) (id int64) {
	t.Helper()
	require.NoError(t, h.persons.GetContext(t.Context(), &id, `INSERT INTO posthog_person (team_id, properties, created_at) VALUES ($1, $2, '2024-05-01') RETURNING id`, team, properties))
	h.execPersons(t, `INSERT INTO posthog_persondistinctid (team_id, distinct_id, person_id) VALUES ($1, $2, $3)`, team, distinctID, id)
	return id
}

// metric is the sum over all series of a metric whose labels contain with.
func (h *harness) metric(t testing.TB, name, with string) (sum float64) {
	t.Helper()
	for line := range strings.Lines(h.do(t, "GET", "/metrics", "").body) {
		rest, ok := strings.CutPrefix(line, name)
		if !ok || rest[0] != '{' && rest[0] != ' ' || !strings.Contains(rest, with) {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(rest[strings.LastIndexByte(rest, ' '):]), 64)
		require.NoError(t, err, line)
		sum += v
	}
	return sum
}

// wireTo gives a wire to the server of a URL, and the URL by which to go through it.
func wireTo(t testing.TB, raw string) (*wire, string) {
	t.Helper()
	u, err := url.Parse(raw)
	require.NoError(t, err)
	target := u.Host
	if host := u.Query().Get("host"); host != "" { // a socket
		target = host + "/.s.PGSQL." + u.Port()
	}
	w := newWire(t, target)
	q := u.Query()
	q.Del("host")
	u.Host, u.RawQuery = w.listener.Addr().String(), q.Encode()
	return w, u.String()
}

// member is one of a quota set, limited for a day.
func member(token string) goredis.Z {
	return goredis.Z{Score: float64(time.Now().Add(24 * time.Hour).Unix()), Member: token}
}

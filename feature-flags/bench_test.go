package featureflags_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
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

// fromMemory keeps a request from asking the database about the person, which a cohort among the flags otherwise does.
const fromMemory = "&only_use_override_person_properties=true"

// BenchmarkFlags asks for all flags of a project by a request that carries the person's 20 properties: from memory alone (FLAGS_FRESH_MS),
// with the question to Redis whether the flags have changed, which is the default, and with the person and its static cohorts from Postgres
// besides. The floor is a gin handler that reads the body and answers two bytes.
func BenchmarkFlags(b *testing.B) {
	redisURL := testkit.Redis(b)
	database := postgres.URL(testkit.Postgres(b))
	persons := schematest.Migrate(b, database, schema.Persons)
	client, err := redis.New(redis.Config{URL: redisURL}, slog.New(slog.DiscardHandler))
	require.NoError(b, err)
	defer client.Close()
	counts := []int{1, 100, 1000}
	for i, n := range counts {
		seedBench(b, client.As(redis.Pickle), i+1, n)
		seedBenchPersons(b, persons, i+1)
	}
	env := []string{"REDIS_URL=" + redisURL, "READ_DATABASE_URL=" + database.Reveal(), "WRITE_DATABASE_URL=" + database.Reveal()}
	var floor float64
	measure := func(name, kind string, request []byte, settings ...string) {
		b.Run(name, func(b *testing.B) {
			cpu := benchLoad(b, load.Start(b, kind, slices.Concat(env, settings)), request)
			if kind == "floor" {
				floor = cpu
			}
			b.ReportMetric(cpu/floor, "x-floor")
		})
	}
	measure("floor", "floor", benchRequest(1, fromMemory))
	measure("floor that answers 25 kB", "floor25k", benchRequest(1, fromMemory))
	for i, n := range counts {
		measure(fmt.Sprintf("memory/%d flags", n), "flags", benchRequest(i+1, fromMemory), "FLAGS_FRESH_MS=1000")
	}
	for i, n := range counts {
		measure(fmt.Sprintf("redis/%d flags", n), "flags", benchRequest(i+1, fromMemory))
	}
	for i, n := range counts {
		measure(fmt.Sprintf("postgres/%d flags", n), "flags", benchRequest(i+1, ""))
	}
}

// benchLoad measures b.N requests and returns the CPU time of each in microseconds.
func benchLoad(b *testing.B, s *load.Server, request []byte) float64 {
	const connections = 64
	s.Fire(b, request, connections, 2000) // warm up
	before, begun := s.Usage(b), time.Now()
	took := s.Fire(b, request, connections, b.N)
	elapsed, used := time.Since(begun), s.Usage(b).Since(before)
	cpu := float64(used.CPU.Microseconds()) / float64(b.N)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(b.N)/elapsed.Seconds(), "requests/s")
	b.ReportMetric(cpu, "cpu-µs/request")
	b.ReportMetric(float64(used.Mallocs)/float64(b.N), "allocs/request")
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
	b.ReportMetric(float64(used.RSS)/(1<<20), "rss-MB")
	return cpu
}

// seedBenchPersons makes 1000 persons, one of them the one that requests are about.
func seedBenchPersons(b *testing.B, db *postgres.DB, team int) {
	b.Helper()
	_, err := db.ExecContext(b.Context(), `WITH p AS (
		INSERT INTO posthog_person (team_id, properties)
		SELECT $1, (SELECT jsonb_object_agg('stored_' || k, 'value_' || n || '_' || k) FROM generate_series(1, 20) k) FROM generate_series(1, 1000) n RETURNING id, team_id)
	INSERT INTO posthog_persondistinctid (team_id, person_id, distinct_id)
	SELECT team_id, id, CASE WHEN id % 1000 = 0 THEN $2 ELSE 'id_' || id END FROM p`, team, benchID)
	require.NoError(b, err)
}

const benchID = "018f2d0e-4b7a-7c11-a1f3-6f3d5d2f1a77"

// seedBench writes a project as the main app does: half of its flags are rollouts alone, three tenths look at properties, a tenth has
// variants with payloads, a tenth a cohort.
func seedBench(b *testing.B, caches *redis.Client, team, n int) {
	b.Helper()
	flags := make([]string, n)
	for i := range flags {
		inside := fmt.Sprintf(`"groups":[{"rollout_percentage":%d}]`, 5+i*7%95)
		switch i % 10 {
		case 1, 4, 7:
			inside = fmt.Sprintf(`"groups":[{"properties":[{"key":"prop_%d","type":"person","operator":"exact","value":["value_%d","other"]},{"key":"email","type":"person","operator":"icontains","value":"@example.com"}],"rollout_percentage":%d}]`, i%20, i%20, 20+i%80)
		case 2:
			inside = fmt.Sprintf(`"groups":[{"rollout_percentage":100}],"multivariate":{"variants":[{"key":"a","rollout_percentage":%d},{"key":"b","rollout_percentage":33},{"key":"c","rollout_percentage":33}]},"payloads":{"a":"{\"x\":1}","b":"{\"x\":2}","c":"{\"x\":3}"}`, 34)
		case 3:
			inside = fmt.Sprintf(`"groups":[{"properties":[{"key":"id","type":"cohort","operator":"in","value":%d}]}]`, 1+i/10%3)
		}
		flags[i] = fmt.Sprintf(`{"id":%d,"team_id":%d,"key":"flag-number-%d","name":"Flag %d","active":true,"deleted":false,"version":3,"filters":{%s}}`, i+1, team, i, i, inside)
	}
	var cohorts []string
	for i := range 3 {
		cohorts = append(cohorts, fmt.Sprintf(`{"id":%d,"team_id":%d,"deleted":false,"is_static":false,"groups":[],"filters":{"properties":{"type":"OR","values":[{"type":"AND","values":[{"key":"prop_%d","type":"person","value":["value_%d"]},{"key":"plan","type":"person","value":"pro"}]}]}}}`, i+1, team, i, i))
	}
	document := `{"flags":[` + strings.Join(flags, ",") + `],"cohorts":[` + strings.Join(cohorts, ",") + `]}`
	require.True(b, json.Valid([]byte(document)))
	key := fmt.Sprintf("posthog:1:cache/teams/%d/feature_flags/flags.json", team)
	require.NoError(b, caches.Set(b.Context(), key, document, 0))
	require.NoError(b, caches.Set(b.Context(), key+":etag", "v1", 0))
	token := fmt.Sprintf("phc_%d", team)
	require.NoError(b, caches.Set(b.Context(), "posthog:1:cache/team_tokens/"+token+"/team_metadata/full_metadata.json",
		fmt.Sprintf(`{"id":%d,"uuid":"u","api_token":%q,"project_id":%d,"timezone":"UTC"}`, team, token, team), 0))
}

// benchRequest asks with the person's properties; more is added to the query.
func benchRequest(team int, more string) []byte {
	properties := []string{`"email":"ann@example.com"`, `"plan":"pro"`}
	for i := range 18 {
		properties = append(properties, fmt.Sprintf(`"prop_%d":"value_%d"`, i, i))
	}
	body := fmt.Sprintf(`{"token":"phc_%d","distinct_id":%q,"groups":{},"person_properties":{%s},"geoip_disable":true}`, team, benchID, strings.Join(properties, ","))
	return fmt.Appendf(nil, "POST /flags?v=2%s HTTP/1.1\r\nHost: bench\r\nUser-Agent: posthog-node/5.1.0\r\nContent-Type: application/json\r\nX-Forwarded-For: 203.0.113.9\r\nContent-Length: %d\r\n\r\n%s", more, len(body), body)
}

// benchHandler is what a server of a kind serves.
func benchHandler(kind string) http.Handler {
	switch kind {
	case "flags":
		return flagsHandler()
	case "floor25k": // what sending an answer for 100 flags costs, whoever has made it
		return floorHandler(bytes.Repeat([]byte{' '}, 25_000))
	default:
		return floorHandler([]byte(`{}`))
	}
}

func floorHandler(answer []byte) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.POST("/flags", func(c *gin.Context) {
		_, _ = io.Copy(io.Discard, c.Request.Body)
		c.Header("Content-Length", strconv.Itoa(len(answer)))
		c.Data(http.StatusOK, "application/json", answer)
	})
	return engine
}

func flagsHandler() http.Handler {
	gin.SetMode(gin.ReleaseMode)
	var cfg featureflags.Config
	if err := config.LoadFrom(&cfg, append(os.Environ(), "OBJECT_STORAGE_BUCKET=", "ENABLE_METRICS=true")); err != nil {
		panic(err)
	}
	cfg.Address = ""
	svc, err := featureflags.New(context.Background(), cfg, featureflags.Deps{})
	if err != nil {
		panic(err)
	}
	go func() { panic(svc.Run(context.Background())) }()
	return svc.Handler()
}

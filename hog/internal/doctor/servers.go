package doctor

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/hog-go/hog/common/embedded"
	"github.com/hog-go/hog/common/kafka"
	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/common/redis"
	"github.com/hog-go/hog/hog/internal/stack"
)

func (x *examination) kafka(ctx context.Context) {
	at, where := x.servers.Kafka, "from the environment"
	if len(at.Brokers) == 0 {
		if !x.runs(stack.Kafka) {
			x.embedded(stack.Kafka, x.KafkaAddr, "KAFKA_HOSTS")
			return
		}
		at, where = kafka.ClientConfig{Brokers: x.running.Kafka}, "of the running hog"
	}
	ctx, cancel := context.WithTimeout(ctx, x.Timeout)
	defer cancel()
	at.DialTimeout = x.Timeout
	address := strings.Join(at.Brokers, ",")
	const advice = "check that Kafka runs and that KAFKA_HOSTS and the security settings are right, or unset KAFKA_HOSTS to use the embedded one"
	admin, err := kafka.NewAdmin(at, x.log)
	if err != nil {
		x.fail("kafka", fmt.Sprintf("%s: %v", address, err), advice)
		return
	}
	defer admin.Close()
	cluster, err := admin.Ping(ctx)
	if err != nil {
		x.fail("kafka", fmt.Sprintf("%s (%s): %v", address, where, err), advice)
		return
	}
	x.ok("kafka", fmt.Sprintf("%s (%s) answers: brokers %s, %d topics", address, where, strings.Join(cluster.Brokers, ", "), cluster.Topics))
	x.topics(ctx, admin)
}

// topics looks for those that the services produce to.
func (x *examination) topics(ctx context.Context, admin *kafka.Admin) {
	names := make([]string, len(x.entries))
	for i, e := range x.entries {
		names[i] = e.Name
	}
	want, err := stack.Topics(names, x.Environ)
	if err != nil {
		return // told by settings
	}
	infos, err := admin.Topics(ctx, want...)
	if err != nil && len(infos) == 0 { // else it is about offsets, of no interest here
		x.fail("topics", err.Error(), "check the brokers and what this user may see there")
		return
	}
	there := map[string]bool{}
	for _, i := range infos {
		there[i.Name] = true
	}
	var missing []string
	for _, name := range want {
		if !there[name] {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		x.warn("topics", fmt.Sprintf("%d of %d are missing: %s", len(missing), len(want), strings.Join(missing, ", ")),
			"create them, unless the brokers do so at first use (auto.create.topics.enable)")
		return
	}
	x.ok("topics", fmt.Sprintf("all %d are there", len(want)))
}

func (x *examination) redis(ctx context.Context) {
	url, where := x.servers.Redis, "from the environment"
	if url == "" {
		if !x.runs(stack.Redis) {
			x.embedded(stack.Redis, x.RedisAddr, "REDIS_URL")
			return
		}
		url, where = x.running.Redis, "of the running hog"
	}
	ctx, cancel := context.WithTimeout(ctx, x.Timeout)
	defer cancel()
	const advice = "check that Redis runs and that REDIS_URL (redis://[user:password@]host:port[/db]) is right, or unset it to use the embedded one"
	client, err := redis.New(redis.Config{URL: url, ConnectTimeout: redis.Timeout(x.Timeout)}, x.log)
	if err != nil {
		x.fail("redis", err.Error(), advice)
		return
	}
	defer client.Close()
	if err := client.Ping(ctx); err != nil {
		x.fail("redis", fmt.Sprintf("the server %s: %v", where, err), advice)
		return
	}
	x.ok("redis", "the server "+where+" answers")
}

func (x *examination) postgres(ctx context.Context) {
	text, where := x.servers.Postgres, "from the environment"
	if text == "" {
		if !x.runs(stack.Postgres) {
			if x.embedded(stack.Postgres, x.PostgresAddr, "DATABASE_URL") {
				x.postgresPrograms(ctx, stack.PostgresDir(x.Data))
			}
			return
		}
		text, where = x.running.Postgres, "of the running hog"
	}
	ctx, cancel := context.WithTimeout(ctx, x.Timeout)
	defer cancel()
	database, err := pingPostgres(ctx, text)
	switch advice := "check that PostgreSQL runs and that DATABASE_URL (postgres://user:password@host:port/database) is right, or unset it"; {
	case err == nil:
		x.ok("postgres", fmt.Sprintf("the server %s answers, database %s", where, database))
	case x.needs(stack.Postgres):
		x.fail("postgres", fmt.Sprintf("the server %s: %v", where, err), advice)
	default:
		x.warn("postgres", fmt.Sprintf("the server %s: %v; no service that was named needs it", where, err), advice)
	}
}

func pingPostgres(ctx context.Context, text string) (database string, err error) {
	url, err := postgres.ParseURL(text)
	if err != nil {
		return "", err
	}
	db, err := postgres.Open(postgres.Config{URL: url, MaxConns: 1}, nil)
	if err != nil {
		return "", err
	}
	defer db.Close()
	return url.Database(), db.PingContext(ctx)
}

// embedded checks whether the start of hog's own server could listen, and tells whether it can and has to.
func (x *examination) embedded(server stack.Need, addr, variable string) bool {
	name := server.String()
	if !x.needs(server) {
		x.ok(name, "not needed by the services named")
		return false
	}
	if err := embedded.CheckAddr(addr, name); err != nil {
		x.fail(name, err.Error(), fmt.Sprintf("choose another with --%s-addr or HOG_%s_ADDR", name, strings.ToUpper(name)))
		return false
	}
	if err := free(addr); err != nil {
		x.fail(name, err.Error(), fmt.Sprintf("stop the program that has it, choose another with --%s-addr or HOG_%s_ADDR, or set %s to use a server of your own",
			name, strings.ToUpper(name), variable))
		return false
	}
	x.ok(name, "hog start runs its own on "+addr)
	return true
}

// postgresPrograms checks what the start of the embedded PostgreSQL would run, and whether it could on the directory dir.
func (x *examination) postgresPrograms(ctx context.Context, dir string) {
	if err := embedded.CheckPostgresDir(dir); err != nil {
		x.warn("postgres", err.Error(), "until then hog start leaves out the services that need it, or refuses those that are named")
	} else if filepath.Dir(dir) != filepath.Clean(x.Data) {
		x.ok("postgres", "it does not run as root and cannot enter the data directory: it has "+dir)
	}
	if program := x.FindPostgres(ctx, dir); program != "" {
		x.ok("postgres", "found "+program)
		return
	}
	x.warn("postgres", "no PostgreSQL server is installed, so the first start fetches one (30 MB)",
		"install one, for example with apt-get install postgresql, where the network is not reachable")
}

// runs tells whether a hog on this data directory runs the server.
func (x *examination) runs(server stack.Need) bool {
	return x.running != nil && x.running.Embeds(server)
}

// Package testkit gives a test the servers it needs: a Kafka broker, a PostgreSQL database, a Redis database, an S3 bucket.
//
//	func TestMain(m *testing.M) { testkit.Main(m) }
//
//	func TestX(t *testing.T) {
//		k := testkit.Kafka(t)
//		topic := k.Topic(t, 3)
//		…
//		records := k.Records(t, topic, 2, 10*time.Second)
//	}
//
// # Which servers
//
// Each kind of server is looked for in this order, once per test process:
//
//  1. env: KAFKA_HOSTS, DATABASE_URL or REDIS_URL is set ("bin/servers run -- go test ./..." sets all three to real
//     servers). A server that is named but does not answer fails the test: it is never replaced silently.
//  2. docker: a Docker daemon answers within a second; a container is started through testcontainers-go.
//  3. embedded: what package embedded starts.
//
// The object store is a server in the test process wherever the others are.
//
// HOG_TESTKIT=embedded or HOG_TESTKIT=docker leaves out the other of the last two. A test that passes on one kind must
// pass on each; where it cannot, that is a finding.
//
// # Sharing
//
// The servers are started at first use and shared by the tests of the process (Redis: where it is embedded, each test has
// a server of its own). Tests are kept apart by names: a topic, a database, a database number of their own. So tests
// may run in parallel, except those that use Fault.
package testkit

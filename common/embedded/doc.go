// Package embedded starts the three servers hog needs where nobody else runs them: a Kafka broker and a Redis in this
// process, a PostgreSQL beside it.
//
// # What is promised
//
//   - Kafka (kfake with a data directory): a record whose produce request was answered is on disk, synced, and there
//     again after kill -9. So are topics, partition counts and committed offsets.
//   - Redis (miniredis with a snapshot file): what was written more than SaveEvery ago is there again after kill -9,
//     and everything after Stop. It is a cache and a counter store, never the only copy of something.
//   - PostgreSQL: the real server, with fsync on.
//
// # Common shape
//
// StartX returns when the server answers, and takes a data directory of its own. The directory is locked with flock for
// as long as the server runs, so a second process gets an error that names the first. Stop is idempotent, waits for
// every goroutine and child, and leaves a directory that starts again. Servers listen on a loopback address and have
// no TLS: whoever wants them on a network wants the real ones.
//
// Errors about the directory and the port say what to do about them; the cause stays reachable with errors.Is.
package embedded

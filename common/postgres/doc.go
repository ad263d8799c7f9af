// Package postgres gives the services their Postgres: pools, error classes, transactions, set-wise
// writes and migrations.
//
// A DB is a *sqlx.DB whose connections come from a pgxpool.Pool. database/sql has a pool of its own; we
// use pgx's instead, since only that one keeps a minimum of connections warm, has a limit on the wait for
// a connection apart from the caller's own deadline, tests a connection that has been idle before it is
// handed out, and can be asked for the raw connection that COPY needs. database/sql keeps no idle
// connection here, so every statement takes its connection from, and returns it to, the one pool.
//
// Open never dials: a service starts while its database is down, and Wait blocks until it answers.
//
// # Errors
//
// Errors come back as the driver made them, wrapped. IsForeignKey, IsTimeout, TimeoutLabel and IsTransient
// sort them into the classes by which the services retry, count and answer; see errors.go for the table.
//
// # Migrations
//
// Migrate applies numbered SQL files (golang-migrate's naming, 0001_name.up.sql) and records the version in
// a bookkeeping table that the caller names, never golang-migrate's default schema_migrations and never
// sqlx's _sqlx_migrations, which other owners of the same database may be using. Three rules make it safe
// to run at every start of every process:
//
//   - one process at a time, by an advisory lock that a waiting process polls;
//   - files are idempotent, so one that was cut off (a "dirty" version) is simply run again;
//   - a database that is ahead of this build is left alone.
package postgres

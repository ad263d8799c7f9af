package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// The classes follow PostHog's rust/common/database, so that retries, metrics and answers stay the same:
//
//	foreign key  SQLSTATE 23503; without a code, a message that speaks of a foreign key constraint
//	timeout      the pool's, an I/O timeout, driver text with "timeout", SQLSTATE 57014, 55P03, 25P03;
//	             without a code: "timeout", "canceling", "cancelling"
//	transient    I/O, TLS, the pool's own errors; SQLSTATE class 08, 53, 57, 58, and 40001, 40003, 40P01;
//	             driver text with connection, timeout, ssl, tls; without a code see transientWords
//
// A caller's own deadline counts as an I/O timeout and a cancelled context as none of the classes. Whether
// retrying still makes sense is for the caller's context to say.

// Labels of TimeoutLabel.
const (
	labelPool     = "pool_timeout"
	labelIO       = "io_timeout"
	labelProtocol = "protocol_timeout"
	labelDatabase = "database_timeout"
)

var timeoutCodes = map[string]string{
	"57014": "query_canceled", // statement_timeout, or canceled by hand
	"55P03": "lock_not_available",
	"25P03": "idle_in_transaction_timeout",
}

var transientCodes = map[string]bool{
	"40001": true, // serialization failure
	"40003": true, // statement completion unknown
	"40P01": true, // deadlock
}

var transientClasses = map[string]bool{
	"08": true, // connection
	"53": true, // out of resources
	"57": true, // operator intervention, statement_timeout among them
	"58": true, // system error
}

// transientWords mark a server's error without code as transient; driverWords do so for text of the driver.
var (
	transientWords = []string{
		"connection", "timeout", "timed out", "temporary", "deadlock", "serialization", "disk full",
		"canceling statement due to", "terminating connection due to", "ssl", "tls",
	}
	driverWords = []string{"connection", "timeout", "ssl", "tls"}
)

// Code returns the SQLSTATE of err, "" when it did not come from the server.
func Code(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}

// Detail returns the detail that the server gave with err, such as "Key (team_id)=(7) is not present in table ...", "" if there is none.
func Detail(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Detail
	}
	return ""
}

// IsForeignKey tells whether err is a violated foreign key.
func IsForeignKey(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case !ok:
		return false
	case pg.Code != "":
		return pg.Code == "23503"
	default:
		return containsAny(pg.Message, "foreign key constraint")
	}
}

// IsTimeout tells whether err is a timeout of any kind; TimeoutLabel says which.
func IsTimeout(err error) bool { return TimeoutLabel(err) != "" }

// TimeoutLabel returns the metric label of a timeout, "" for any other error: pool_timeout, io_timeout,
// protocol_timeout, query_canceled, lock_not_available, idle_in_transaction_timeout, database_timeout.
func TimeoutLabel(err error) string {
	switch {
	case err == nil || errors.Is(err, context.Canceled):
		return ""
	case errors.Is(err, ErrPoolTimeout):
		return labelPool
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		if pg.Code == "" && containsAny(pg.Message, "timeout", "canceling", "cancelling") {
			return labelDatabase
		}
		return timeoutCodes[pg.Code]
	}
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		return labelIO
	}
	if !isPermanent(err) && !isIO(err) && containsAny(err.Error(), "timeout") {
		return labelProtocol
	}
	return ""
}

// IsTransient tells whether the same statement may well succeed when it is tried again.
func IsTransient(err error) bool {
	switch {
	case err == nil || errors.Is(err, context.Canceled):
		return false
	case errors.Is(err, ErrPoolTimeout) || errors.Is(err, ErrPoolClosed):
		return true
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		if pg.Code == "" {
			return containsAny(pg.Message, transientWords...)
		}
		return transientCodes[pg.Code] || len(pg.Code) == 5 && transientClasses[pg.Code[:2]]
	}
	if isPermanent(err) {
		return false
	}
	return isIO(err) || containsAny(err.Error(), driverWords...)
}

// isPermanent knows the errors on our side that no retry mends: configuration, no row, decoding. Their
// texts quote names and values, so a look for words such as "connection" would be misled.
func isPermanent(err error) bool {
	if errors.Is(err, sql.ErrNoRows) || errors.Is(err, pgx.ErrNoRows) {
		return true
	}
	if _, ok := errors.AsType[*pgconn.ParseConfigError](err); ok {
		return true
	}
	if _, ok := errors.AsType[pgx.ScanArgError](err); ok {
		return true
	}
	// database/sql and sqlx have no types for a value that does not fit and a column without a field.
	return containsAny(err.Error(), "sql: scan error", "missing destination name")
}

// isIO knows the failures of the network, of TLS and of a connection that is gone.
func isIO(err error) bool {
	for _, target := range []error{
		io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed, pgconn.ErrConnClosed, sql.ErrConnDone,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	return isType[net.Error](err) || isType[syscall.Errno](err) || isType[*pgconn.ConnectError](err) ||
		isType[tls.RecordHeaderError](err) || isType[tls.AlertError](err) || isType[*tls.CertificateVerificationError](err) ||
		isType[x509.UnknownAuthorityError](err) || isType[x509.HostnameError](err) || isType[x509.CertificateInvalidError](err) ||
		containsAny(err.Error(), "conn closed", "database is closed") // untyped: pgx's closed connection, sql's closed DB
}

func isType[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func containsAny(text string, words ...string) bool {
	text = strings.ToLower(text)
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

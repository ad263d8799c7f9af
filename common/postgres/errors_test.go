package postgres_test

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/hog-go/hog/common/postgres"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

func TestErrorClasses(t *testing.T) {
	code := func(c string) error { return &pgconn.PgError{Code: c, Message: "anything about a connection timeout"} }
	server := func(message string) error { return &pgconn.PgError{Message: message} } // no code
	driver := func(text string) error { return errors.New(text) }
	_, badURL := pgx.ParseConfig("postgres://h/d?sslmode=connection")
	dial := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}

	type class struct {
		foreignKey bool
		label      string
		transient  bool
	}
	tests := []struct {
		name string
		err  error
		want class
	}{
		{"row 71 deadlock", code("40P01"), class{transient: true}},
		{"row 71 unique violation", code("23505"), class{}},
		{"row 72 pool timeout", postgres.ErrPoolTimeout, class{label: "pool_timeout", transient: true}},
		{"pool closed", postgres.ErrPoolClosed, class{transient: true}},

		{"foreign key", code("23503"), class{foreignKey: true}},
		{"foreign key without a code", server("violates foreign key constraint \"x\""), class{foreignKey: true}},
		{"foreign key in a message that has another code", &pgconn.PgError{Code: "42601", Message: "foreign key constraint"}, class{}},

		{"query canceled", code("57014"), class{label: "query_canceled", transient: true}},
		{"lock not available", code("55P03"), class{label: "lock_not_available"}},
		{"idle in transaction", code("25P03"), class{label: "idle_in_transaction_timeout"}},
		{"timeout without a code", server("statement timeout"), class{label: "database_timeout", transient: true}},
		{"canceling without a code", server("canceling statement due to user request"), class{label: "database_timeout", transient: true}},
		{"cancelling without a code", server("cancelling"), class{label: "database_timeout"}},
		{"network timeout", &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, class{label: "io_timeout", transient: true}},
		{"deadline of the caller", fmt.Errorf("query: %w", context.DeadlineExceeded), class{label: "io_timeout", transient: true}},
		{"driver text with timeout", driver("expected ReadyForQuery, got timeout"), class{label: "protocol_timeout", transient: true}},
		{"cancelled by the caller", fmt.Errorf("query: %w", context.Canceled), class{}},

		{"serialization failure", code("40001"), class{transient: true}},
		{"statement completion unknown", code("40003"), class{transient: true}},
		{"transaction rolled back otherwise", code("40002"), class{}},
		{"connection exception class", code("08006"), class{transient: true}},
		{"too many connections", code("53300"), class{transient: true}},
		{"starting up", code("57P03"), class{transient: true}},
		{"system error class", code("58030"), class{transient: true}},
		{"read only", code("25006"), class{}},
		{"syntax error", code("42601"), class{}},
		{"disk full without a code", server("could not extend file: disk full"), class{transient: true}},
		{"terminated without a code", server("terminating connection due to administrator command"), class{transient: true}},
		{"other without a code", server("no such thing"), class{}},

		{"connection refused", dial, class{transient: true}},
		{"end of stream", fmt.Errorf("receive: %w", io.ErrUnexpectedEOF), class{transient: true}},
		{"connection gone", fmt.Errorf("exec: %w", pgconn.ErrConnClosed), class{transient: true}},
		{"DB closed", driver("sql: database is closed"), class{transient: true}},
		{"not a TLS server", tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, class{transient: true}},
		{"TLS text", driver("server refused TLS connection"), class{transient: true}},
		{"protocol version", driver("invalid protocol version"), class{}},

		{"configuration", badURL, class{}},
		{"no row", fmt.Errorf("team 1: %w", sql.ErrNoRows), class{}},
		{"column without a field", driver("missing destination name connection_timeout in *T"), class{}},
		{"value that does not fit", driver(`sql: Scan error on column index 0, name "timeout": converting`), class{}},
		{"decode error of the driver", pgx.ScanArgError{ColumnIndex: 1, FieldName: "connection", Err: driver("timeout")}, class{}},
		{"nil", nil, class{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, err := range []error{tt.err, wrap(tt.err)} {
				got := class{postgres.IsForeignKey(err), postgres.TimeoutLabel(err), postgres.IsTransient(err)}
				require.Equal(t, tt.want, got)
				require.Equal(t, tt.want.label != "", postgres.IsTimeout(err))
			}
		})
	}
}

func wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("write chunk: %w", err)
}

func TestDetail(t *testing.T) {
	err := fmt.Errorf("insert: %w", &pgconn.PgError{Code: "23503", Detail: `Key (team_id)=(7) is not present in table "posthog_team".`})
	require.Equal(t, `Key (team_id)=(7) is not present in table "posthog_team".`, postgres.Detail(err))
	require.Empty(t, postgres.Detail(errors.New("connection refused")))
	require.Empty(t, postgres.Detail(nil))
}

package write_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/postgres"
	"github.com/hog-go/hog/common/testkit"
	"github.com/hog-go/hog/property-defs/internal/definition"
	"github.com/hog-go/hog/property-defs/internal/known"
	"github.com/hog-go/hog/property-defs/internal/pgtest"
	"github.com/hog-go/hog/property-defs/internal/store"
	"github.com/hog-go/hog/property-defs/internal/write"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// recorder notes what goes to the store.
type recorder struct {
	write.Store
	mu     sync.Mutex
	sizes  []int // rows of each statement
	resets int
	fail   func(call int) error // not nil: this call fails
}

func (r *recorder) Write(ctx context.Context, kind definition.Kind, rows []definition.Update) (int64, error) {
	r.mu.Lock()
	r.sizes = append(r.sizes, len(rows))
	call, fail := len(r.sizes), r.fail
	r.mu.Unlock()
	if fail != nil {
		if err := fail(call); err != nil {
			return 0, err
		}
	}
	return r.Store.Write(ctx, kind, rows)
}

func (r *recorder) Reset() { r.resets++; r.Store.Reset() }

type bundle struct {
	*testing.T
	db     *pgtest.DB
	cache  *known.Cache
	store  *recorder
	writer *write.Writer
	reg    *prometheus.Registry
}

// setup makes a writer on empty tables. change may be nil.
func setup(t *testing.T, db *pgtest.DB, change func(*write.Config, *write.Deps)) *bundle {
	t.Helper()
	db.Clean(t)
	b := &bundle{T: t, db: db, cache: known.New(known.Capacities{Events: 1000, EventProperties: 1000, Properties: 1000}), reg: prometheus.NewRegistry()}
	b.store = &recorder{Store: store.NewWriter(b.db.DB, time.Now)}
	cfg := write.Config{BatchSize: 1000, BatchPeriod: time.Second, ChunkSize: 100, Concurrency: 4, ProbeTimeout: 5 * time.Second}
	deps := write.Deps{Cache: b.cache, Store: b.store, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	if change != nil {
		change(&cfg, &deps)
	}
	b.writer = write.New(cfg, deps, b.reg)
	return b
}

// write passes updates through the cache, as package derive does, and writes them as one batch.
func (b *bundle) write(updates ...definition.Update) {
	b.Helper()
	for i := range updates {
		updates[i].Key = definition.KeyOf(&updates[i])
		b.cache.Add(&updates[i])
	}
	require.True(b, b.writer.Batch(b.Context(), updates))
}

func (b *bundle) covered(u definition.Update) bool {
	u.Key = definition.KeyOf(&u)
	return b.cache.Covers(&u)
}

func (b *bundle) counter(name string) (v float64) {
	b.Helper()
	name, label, _ := strings.Cut(name, "/")
	families, err := b.reg.Gather()
	require.NoError(b, err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && (label == "" || len(m.GetLabel()) > 0 && m.GetLabel()[0].GetValue() == label) {
				v += m.GetCounter().GetValue()
			}
		}
	}
	return v
}

func event(team int32, name string) definition.Update {
	return definition.Update{Kind: definition.Event, GroupIndex: definition.NoGroup, Team: team, Project: int64(team), Event: name}
}

func pair(team int32, event, property string) definition.Update {
	return definition.Update{Kind: definition.EventProperty, GroupIndex: definition.NoGroup, Team: team, Project: int64(team), Event: event, Property: property}
}

func prop(name string, t definition.Type) definition.Update {
	return definition.Update{Kind: definition.Property, Parent: definition.OfEvent, GroupIndex: definition.NoGroup, Team: 1, Project: 1, Property: name, Type: t}
}

func groupProp(name, group string) definition.Update {
	return definition.Update{Kind: definition.Property, Parent: definition.OfGroup, GroupIndex: definition.NoGroup, Team: 1, Project: 1, Property: name, Group: group, Type: definition.Numeric}
}

func TestProperties(t *testing.T) {
	db := pgtest.New(t)
	t.Run("row S1 a type comes once", func(t *testing.T) {
		b := setup(t, db, nil)
		for _, step := range []struct {
			t    definition.Type
			rows float64
		}{{definition.Untyped, 1}, {definition.Numeric, 2}, {definition.String, 2}} {
			b.write(prop("p", step.t))
			require.Equal(t, step.rows, b.counter("propdefs_v2_propdefs_batch_rows"), "rows changed so far")
		}
		require.Equal(t, []string{"1|1|1||p|Numeric|true"}, b.db.Rows(t, pgtest.Properties))
	})
	t.Run("row S2 three types in one chunk", func(t *testing.T) {
		b := setup(t, db, nil)
		b.write(prop("p", definition.Untyped), prop("p", definition.Numeric), prop("p", definition.Boolean))
		require.Equal(t, []int{3}, b.store.sizes)
		require.Equal(t, []string{"1|1|1||p|Numeric|true"}, b.db.Rows(t, pgtest.Properties))
	})
	t.Run("row S3 what people set stays", func(t *testing.T) {
		b := setup(t, db, nil)
		b.db.MustExec(`INSERT INTO posthog_propertydefinition (name, team_id, project_id, property_type) VALUES ('p', 1, 1, 'String')`)
		b.write(prop("p", definition.Numeric))
		require.Zero(t, b.counter("propdefs_v2_propdefs_batch_rows"))
		require.Equal(t, []string{"1|1|1||p|String|false"}, b.db.Rows(t, pgtest.Properties))
	})
	t.Run("row S4 untyped twice", func(t *testing.T) {
		b := setup(t, db, nil)
		b.write(prop("p", definition.Untyped))
		b.write(prop("p", definition.Untyped))
		require.Equal(t, 1.0, b.counter("propdefs_v2_propdefs_batch_rows"))
	})
	t.Run("equal updates are sent once", func(t *testing.T) {
		b := setup(t, db, nil)
		b.write(prop("p", definition.String), prop("q", definition.String), prop("p", definition.String))
		require.Equal(t, []int{2}, b.store.sizes)
		require.Equal(t, 1.0, b.counter("prop_defs_duplicates_in_batch"))
	})
}

const seen = `SELECT id, created_at, last_seen_at FROM posthog_eventdefinition`

func TestEvents(t *testing.T) {
	db := pgtest.New(t)
	t.Run("row S5 seen again", func(t *testing.T) {
		now := time.Now()
		b := setup(t, db, nil)
		b.store.Store = store.NewWriter(b.db.DB, func() time.Time { return now })
		b.write(event(1, "e"))
		var before, after struct {
			ID         string
			CreatedAt  time.Time `db:"created_at"`
			LastSeenAt time.Time `db:"last_seen_at"`
		}
		require.NoError(t, b.db.Get(&before, seen))
		now = now.Add(time.Second)
		b.write(event(1, "e"))
		require.NoError(t, b.db.Get(&after, seen))
		require.Equal(t, before.ID, after.ID)
		require.Equal(t, before.CreatedAt, after.CreatedAt)
		require.Equal(t, time.Second, after.LastSeenAt.Sub(before.LastSeenAt))
	})
	t.Run("row S6 times that are missing", func(t *testing.T) {
		b := setup(t, db, nil)
		b.db.MustExec(`INSERT INTO posthog_eventdefinition (name, team_id, project_id, created_at) VALUES ('e', 1, 1, NULL)`)
		b.write(event(1, "e"))
		require.Equal(t, []string{"true|true"}, b.db.Rows(t, `SELECT created_at IS NOT NULL, last_seen_at IS NOT NULL FROM posthog_eventdefinition`))
	})
	t.Run("row S7 seen in the future", func(t *testing.T) {
		b := setup(t, db, nil)
		b.db.MustExec(`INSERT INTO posthog_eventdefinition (name, team_id, project_id, last_seen_at) VALUES ('e', 1, 1, now() + interval '1 hour')`)
		b.write(event(1, "e"))
		require.Zero(t, b.counter("propdefs_v2_eventdefs_batch_rows"))
	})
	t.Run("row S8 the project is the identity", func(t *testing.T) {
		b := setup(t, db, nil)
		second := event(11, "e")
		second.Project = 1
		b.write(event(1, "e"), second)
		require.Equal(t, []int{2}, b.store.sizes)
		require.Equal(t, []string{"1|1|e"}, b.db.Rows(t, pgtest.Events))
	})
	t.Run("rows of before projects", func(t *testing.T) {
		b := setup(t, db, nil)
		b.db.MustExec(`INSERT INTO posthog_eventdefinition (name, team_id) VALUES ('e', 1)`)
		b.write(event(1, "e"))
		require.Equal(t, []string{"1||e"}, b.db.Rows(t, pgtest.Events), "found by its team")
	})
}

// The column enforcement_mode of the newest main app comes with a default or without, and goes again.
func TestEnforcementMode(t *testing.T) {
	b := setup(t, pgtest.New(t), nil)
	b.write(event(1, "before"))
	b.db.MustExec(`ALTER TABLE posthog_eventdefinition ALTER enforcement_mode DROP DEFAULT`) // as Django leaves it
	b.write(event(1, "e"))
	require.Equal(t, []string{"allow", "allow"}, b.db.Rows(t, `SELECT enforcement_mode FROM posthog_eventdefinition`))
	b.db.MustExec(`ALTER TABLE posthog_eventdefinition DROP enforcement_mode`) // an older main app
	b.write(event(1, "after"))
	require.Len(t, b.db.Rows(t, pgtest.Events), 3)
}

func TestEventProperties(t *testing.T) {
	db := pgtest.New(t)
	t.Run("row S9 some exist", func(t *testing.T) {
		b := setup(t, db, nil)
		var all []definition.Update
		for i := range 10 {
			all = append(all, pair(1, "e", fmt.Sprint(i)))
		}
		b.write(all[2], all[5], all[7])
		b.write(all...)
		require.Equal(t, 10.0, b.counter("propdefs_v2_eventprops_batch_rows"), "3 and 7")
		require.Len(t, b.db.Rows(t, pgtest.Pairs), 10)
	})
	t.Run("row S15 chunks", func(t *testing.T) {
		b := setup(t, db, func(c *write.Config, _ *write.Deps) { c.Concurrency = 1 })
		var all []definition.Update
		for i := range 250 {
			all = append(all, pair(1, "e", fmt.Sprint(i)))
		}
		b.write(all...)
		require.Equal(t, []int{100, 100, 50}, b.store.sizes)
	})
}

func TestMissingTenants(t *testing.T) {
	db := pgtest.New(t)
	t.Run("row S10 one of two teams is gone", func(t *testing.T) {
		b := setup(t, db, nil)
		b.write(pair(1, "e", "a"), pair(999, "e", "a"), pair(999, "e", "b"))
		require.Equal(t, []string{"1|1|e|a"}, b.db.Rows(t, pgtest.Pairs))
		require.True(t, b.covered(pair(999, "e", "a")), "so that it is not tried again")
		require.Equal(t, 1.0, b.counter("propdefs_v2_eventprops_batch_attempt/dropped_fk"))
		require.Equal(t, 1.0, b.counter("propdefs_v2_eventprops_batch_attempt/success"))
		require.Equal(t, 2.0, b.counter("propdefs_v2_batch_rows_dropped_fk/eventprops"))
	})
	t.Run("row S11 nothing is left", func(t *testing.T) {
		b := setup(t, db, nil)
		b.write(event(999, "e"))
		require.Equal(t, 1.0, b.counter("propdefs_v2_eventdefs_batch_attempt/emptied_fk"))
		require.Zero(t, b.counter("prop_defs_issue_failed"))
		require.Empty(t, b.db.Rows(t, pgtest.Events))
	})
	// The original gives the chunk up after this; ours goes on with its halves, so that the good row is not lost.
	t.Run("row S12 more teams than strips", func(t *testing.T) {
		b := setup(t, db, nil)
		b.write(event(1, "good"), event(996, "e"), event(997, "e"), event(998, "e"), event(999, "e"))
		require.Equal(t, 3.0+1, b.counter("propdefs_v2_eventdefs_batch_attempt/dropped_fk"), "of the chunk, and of a half")
		require.Equal(t, 2.0, b.counter("propdefs_v2_eventdefs_batch_attempt/retry"))
		require.Equal(t, 1.0, b.counter("propdefs_v2_eventdefs_batch_attempt/failed"))
		require.Equal(t, 1.0, b.counter("prop_defs_issue_failed"))
		require.Equal(t, []string{"1|1|good"}, b.db.Rows(t, pgtest.Events))
		require.True(t, b.covered(event(1, "good")))
	})
	t.Run("a project is gone", func(t *testing.T) {
		b := setup(t, db, nil)
		gone := event(1, "e")
		gone.Project = 77
		b.write(gone, event(2, "e"))
		require.Equal(t, []string{"2|2|e"}, b.db.Rows(t, pgtest.Events))
	})
}

// A row that the table refuses for itself is left out; the rest of its chunk is written.
func TestRefusedRow(t *testing.T) {
	for name, rule := range map[string]string{
		"by a constraint": `ALTER TABLE posthog_eventproperty ADD CHECK (property <> 'bad')`,
		"by a constraint that is checked at the commit": `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
			$$BEGIN IF NEW.property = 'bad' THEN RAISE check_violation; END IF; RETURN NULL; END$$;
			CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON posthog_eventproperty DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()`,
		"by a trigger": `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
			$$BEGIN IF NEW.property = 'bad' THEN RAISE 'no such property, please'; END IF; RETURN NEW; END$$;
			CREATE TRIGGER refuse BEFORE INSERT ON posthog_eventproperty FOR EACH ROW EXECUTE FUNCTION refuse()`,
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t, pgtest.New(t), nil)
			b.db.MustExec(rule)
			b.write(pair(1, "e", "a"), pair(1, "e", "bad"), pair(1, "e", "c"), pair(1, "e", "d"))
			require.Equal(t, []string{"1|1|e|a", "1|1|e|c", "1|1|e|d"}, b.db.Rows(t, pgtest.Pairs))
			require.False(t, b.covered(pair(1, "e", "bad")), "the next sighting tries it again")
			require.True(t, b.covered(pair(1, "e", "a")))
		})
	}
}

// Two rows of a chunk that a trigger gives one name are SQLSTATE 21000, whatever the statement does against repeats.
func TestRowsMadeEqual(t *testing.T) {
	b := setup(t, pgtest.New(t), nil)
	b.db.MustExec(`CREATE FUNCTION lower_name() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.name := lower(NEW.name); RETURN NEW; END$$;
		CREATE TRIGGER lower_name BEFORE INSERT ON posthog_eventdefinition FOR EACH ROW EXECUTE FUNCTION lower_name()`)
	b.write(event(1, "a"), event(1, "E"), event(1, "e"))
	require.Equal(t, []string{"1|1|a", "1|1|e"}, b.db.Rows(t, pgtest.Events))
	require.True(t, b.covered(event(1, "E")))
}

// resolver knows one group type.
type resolver struct{ err error }

func (r resolver) Resolve(_ context.Context, rows []definition.Update) error {
	for i := range rows {
		if rows[i].Unresolved() && rows[i].Group == "org" {
			rows[i].GroupIndex = 2
		}
	}
	return r.err
}

func TestGroups(t *testing.T) {
	db := pgtest.New(t)
	withResolver := func(r write.Resolver) func(*write.Config, *write.Deps) {
		return func(_ *write.Config, d *write.Deps) { d.Resolver = r }
	}
	t.Run("row S13 unknown group", func(t *testing.T) {
		b := setup(t, db, withResolver(resolver{}))
		b.write(groupProp("seats", "planet"))
		require.Empty(t, b.store.sizes)
		require.False(t, b.covered(groupProp("seats", "planet")))
		require.Equal(t, 1.0, b.counter("propdefs_v2_propdefs_batch_attempt/noop"))
		require.Equal(t, 1.0, b.counter("propdefs_v2_propdefs_dropped_uncached"))
	})
	t.Run("row S14 known group", func(t *testing.T) {
		b := setup(t, db, withResolver(resolver{}))
		b.write(groupProp("seats", "org"))
		require.Equal(t, []string{"1|1|3|2|seats|Numeric|true"}, b.db.Rows(t, pgtest.Properties))
		require.True(t, b.covered(groupProp("seats", "org")))
	})
	t.Run("row G3 only what is written fills a chunk", func(t *testing.T) {
		b := setup(t, db, func(c *write.Config, d *write.Deps) { c.ChunkSize = 2; d.Resolver = resolver{} })
		b.write(prop("a", definition.String), groupProp("b", "planet"), prop("c", definition.String))
		require.Equal(t, []int{2}, b.store.sizes)
		require.False(t, b.covered(groupProp("b", "planet")))
		require.True(t, b.covered(prop("a", definition.String)))
	})
	t.Run("the lookup fails", func(t *testing.T) {
		b := setup(t, db, withResolver(resolver{err: errors.New("no answer")}))
		b.write(prop("a", definition.String), groupProp("seats", "planet"))
		require.Equal(t, []string{"1|1|1||a|String|false"}, b.db.Rows(t, pgtest.Properties))
		require.False(t, b.covered(groupProp("seats", "planet")))
	})
	t.Run("nothing is looked up", func(t *testing.T) {
		b := setup(t, db, nil)
		b.write(groupProp("seats", "org"))
		require.Empty(t, b.db.Rows(t, pgtest.Properties))
	})
}

func TestProbe(t *testing.T) {
	db := pgtest.New(t)
	probing := func(t *testing.T) *bundle {
		b := setup(t, db, nil)
		b.writer = write.New(write.Config{BatchSize: 1000, ChunkSize: 100, Concurrency: 1, ProbeTimeout: 5 * time.Second},
			write.Deps{Cache: b.cache, Store: b.store, Prober: store.NewReader(b.db.DB), Log: slog.New(slog.DiscardHandler)}, prometheus.NewRegistry())
		return b
	}
	t.Run("row R1 pairs", func(t *testing.T) {
		b := probing(t)
		b.write(pair(1, "e", "plan"), pair(1, "e", "browser"))
		b.store.sizes = nil
		b.write(pair(1, "e", "plan"), pair(1, "e", "fresh"), pair(1, "e", "browser"))
		require.Equal(t, []int{1}, b.store.sizes)
		require.Equal(t, []string{"1|1|e|browser", "1|1|e|fresh", "1|1|e|plan"}, b.db.Rows(t, pgtest.Pairs))
		require.True(t, b.covered(pair(1, "e", "plan")))
	})
	t.Run("row R2 properties", func(t *testing.T) {
		b := probing(t)
		b.db.MustExec(`INSERT INTO posthog_propertydefinition (name, team_id, project_id, property_type) VALUES ('plan', 1, 1, 'String'), ('misc', 1, 1, NULL)`)
		b.write(prop("plan", definition.Untyped), prop("misc", definition.Untyped), prop("misc", definition.Boolean), prop("fresh", definition.Untyped))
		require.Equal(t, []int{2}, b.store.sizes)
		require.Equal(t, []string{"1|1|1||fresh||false", "1|1|1||misc|Boolean|false", "1|1|1||plan|String|false"}, b.db.Rows(t, pgtest.Properties))
		require.True(t, b.covered(prop("plan", definition.DateTime)), "the stored type is known now")
	})
	t.Run("row R3 events", func(t *testing.T) {
		b := probing(t)
		now := time.Now().Unix()
		b.db.MustExec(`INSERT INTO posthog_eventdefinition (name, team_id, project_id, last_seen_at) VALUES ('e', 1, 1, to_timestamp($1)), ('never', 1, 1, NULL)`, now)
		inWindow, later, never := event(1, "e"), event(1, "e"), event(1, "never")
		inWindow.Window, later.Window, never.Window = now-10, now+10, now-10
		b.write(inWindow)
		require.Empty(t, b.store.sizes)
		b.write(later, never)
		require.Equal(t, []int{2}, b.store.sizes)
	})
	t.Run("row R4 the reader is down", func(t *testing.T) {
		b := probing(t)
		dead, err := postgres.Open(postgres.Config{URL: "postgres://nobody@127.0.0.1:1/none"}, nil)
		require.NoError(t, err)
		defer dead.Close()
		reg := prometheus.NewRegistry()
		b.writer = write.New(write.Config{BatchSize: 1000, ChunkSize: 100, Concurrency: 1, ProbeTimeout: 5 * time.Second},
			write.Deps{Cache: b.cache, Store: b.store, Prober: store.NewReader(dead), Log: slog.New(slog.DiscardHandler)}, reg)
		b.write(pair(1, "e", "plan"))
		require.Equal(t, []string{"1|1|e|plan"}, b.db.Rows(t, pgtest.Pairs))
		require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(`
			# HELP propdefs_read_filter_attempt probes before a write
			# TYPE propdefs_read_filter_attempt counter
			propdefs_read_filter_attempt{result="failed",table="eventprops"} 1
		`), "propdefs_read_filter_attempt"))
	})
}

// While the database takes nothing, rows are kept and tried again, however often.
func TestDatabaseInTrouble(t *testing.T) {
	db := pgtest.New(t)
	for name, failure := range map[string]error{
		"server is down": errors.New("dial tcp: connection refused"),
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t, db, nil)
			b.store.fail = func(call int) error {
				if call <= 4 {
					return failure
				}
				return nil
			}
			b.write(pair(1, "e", "a"))
			require.Equal(t, []string{"1|1|e|a"}, b.db.Rows(t, pgtest.Pairs))
			require.Equal(t, 1.0, b.counter("prop_defs_issue_failed"))
			ok, _ := b.writer.Ready()
			require.True(t, ok)
		})
	}
	t.Run("read-only", func(t *testing.T) {
		b := setup(t, db, nil)
		b.db.MustExec(`ALTER DATABASE ` + b.db.URL.Database() + ` SET default_transaction_read_only = on`)
		b.db.Reset()
		b.store.fail = func(call int) error {
			if call == 4 { // the failover is over, but only new connections notice
				b.db.MustExec(`SET default_transaction_read_only = off`)
				b.db.MustExec(`BEGIN READ WRITE; ALTER DATABASE ` + b.db.URL.Database() + ` RESET default_transaction_read_only; COMMIT`)
			}
			return nil
		}
		b.write(pair(1, "e", "a"))
		require.Equal(t, 1, b.store.resets)
		require.Equal(t, []string{"1|1|e|a"}, b.db.Rows(t, pgtest.Pairs))
	})
	t.Run("the table comes later", func(t *testing.T) {
		b := setup(t, db, nil)
		b.db.MustExec(`ALTER TABLE posthog_eventproperty RENAME TO hidden`)
		b.store.fail = func(call int) error {
			if call == 4 {
				b.db.MustExec(`ALTER TABLE hidden RENAME TO posthog_eventproperty`)
			}
			return nil
		}
		b.write(pair(1, "e", "a"))
		require.Equal(t, []string{"1|1|e|a"}, b.db.Rows(t, pgtest.Pairs))
	})
	t.Run("a stop ends the waiting", func(t *testing.T) {
		b := setup(t, db, nil)
		ctx, cancel := context.WithCancel(t.Context())
		b.store.fail = func(call int) error {
			if call == 2 {
				cancel()
			}
			return errors.New("dial tcp: connection refused")
		}
		u := pair(1, "e", "a")
		u.Key = definition.KeyOf(&u)
		require.False(t, b.writer.Batch(ctx, []definition.Update{u}), "not settled, so that nothing is committed")
	})
}

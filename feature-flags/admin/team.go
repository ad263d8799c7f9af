package admin

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"regexp"

	"github.com/jmoiron/sqlx"

	"github.com/hog-go/hog/feature-flags/internal/auth"
)

// Team is a project of one's own: whose events and flags are apart from others'.
type Team struct {
	ID        int32  `json:"id" db:"id"`
	ProjectID int64  `json:"project_id" db:"project_id"`
	Name      string `json:"name" db:"name"`
	Token     string `json:"token" db:"token"`   // public; SDKs send it
	Secret    string `json:"secret" db:"secret"` // for server SDKs that evaluate flags themselves; "" if it has none
}

// NewTeam describes a team to be made.
type NewTeam struct {
	Name  string
	Token string // default: a random one
}

// Reasons for which there is no team.
var (
	ErrNoTeam = errors.New("there is no such team")
	ErrTaken  = errors.New("a team has this token already")
	ErrToken  = errors.New("a token has up to 200 letters, digits, _ and -")
)

// tokenShape is what the main app takes for a token. Tokens are part of URLs and of keys in Redis.
var tokenShape = regexp.MustCompile(`^[A-Za-z0-9_-]{1,200}$`)

// CreateTeam makes a team and publishes it.
func (s *Store) CreateTeam(ctx context.Context, n NewTeam) (Team, error) {
	if err := s.writable(ctx); err != nil {
		return Team{}, err
	}
	t := Team{Name: n.Name, Token: n.Token, Secret: randomKey("phs_")}
	if t.Token == "" {
		t.Token = randomKey("phc_")
	}
	if !tokenShape.MatchString(t.Token) {
		return Team{}, fmt.Errorf("%w: %q", ErrToken, t.Token)
	}
	err := s.DB.InTx(ctx, func(tx *sqlx.Tx) error {
		err := tx.GetContext(ctx, &t.ID, createTeamStatement, t.Name, t.Token, t.Secret)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrTaken
		}
		return err
	})
	if err != nil {
		return Team{}, fmt.Errorf("create team %q with the token %s: %w", t.Name, t.Token, err)
	}
	t.ProjectID = int64(t.ID)
	return t, s.Publish(ctx, t.ID)
}

// One organization holds whatever is made here. A team's project has the id of the team, which is the first in it.
const createTeamStatement = `
WITH organization AS (
    INSERT INTO posthog_organization (id, name, slug) VALUES ('00000000-0000-7000-8000-000000000000', 'hog', 'hog') ON CONFLICT DO NOTHING
),
project AS (
    INSERT INTO posthog_project (id, organization_id, name)
    SELECT nextval(pg_get_serial_sequence('posthog_team', 'id')), '00000000-0000-7000-8000-000000000000', $1::text RETURNING id, organization_id
)
INSERT INTO posthog_team (id, organization_id, project_id, name, api_token, secret_api_token)
SELECT id, organization_id, id, $1::text, $2::text, $3::text FROM project ON CONFLICT (api_token) DO NOTHING RETURNING id`

// EnsureTeam returns the team of token, and makes it if there is none. Several may do so at once.
func (s *Store) EnsureTeam(ctx context.Context, n NewTeam) (Team, error) {
	t, err := s.Team(ctx, n.Token)
	if errors.Is(err, ErrNoTeam) {
		t, err = s.CreateTeam(ctx, n)
	}
	if errors.Is(err, ErrTaken) {
		return s.Team(ctx, n.Token)
	}
	return t, err
}

const teamColumns = `SELECT id, COALESCE(project_id, id) AS project_id, name, api_token AS token, COALESCE(secret_api_token, '') AS secret FROM posthog_team`

// Team finds a team by its token.
func (s *Store) Team(ctx context.Context, token string) (t Team, err error) {
	err = s.DB.GetContext(ctx, &t, teamColumns+` WHERE api_token = $1`, token)
	if errors.Is(err, sql.ErrNoRows) {
		return Team{}, fmt.Errorf("token %s: %w", token, ErrNoTeam)
	}
	if err != nil {
		return Team{}, fmt.Errorf("look up team %s: %w", token, err)
	}
	return t, nil
}

// Teams lists all teams by id.
func (s *Store) Teams(ctx context.Context) (all []Team, err error) {
	if err := s.DB.SelectContext(ctx, &all, teamColumns+` ORDER BY id`); err != nil {
		return nil, fmt.Errorf("list teams: %w", err)
	}
	return all, nil
}

// CreatePersonalKey makes a user who may read the team's flags, unless there is one of that address, and a new personal API key of
// theirs. The key is stored as a hash: it is shown now or never.
func (s *Store) CreatePersonalKey(ctx context.Context, team Team, email string) (key string, err error) {
	if err := s.writable(ctx); err != nil {
		return "", err
	}
	key = randomKey("phx_")
	err = s.DB.InTx(ctx, func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO posthog_user (email) VALUES ($1) ON CONFLICT (email) DO NOTHING`, email); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, membershipStatement, email, team.ID); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, personalKeyStatement, rand.Text(), email, auth.Hash(key), team.ID)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("create a personal API key for %s: %w", email, err)
	}
	return key, nil
}

const membershipStatement = `
INSERT INTO posthog_organizationmembership (organization_id, user_id)
SELECT t.organization_id, u.id FROM posthog_team t, posthog_user u WHERE u.email = $1 AND t.id = $2
ON CONFLICT (organization_id, user_id) DO NOTHING`

const personalKeyStatement = `
INSERT INTO posthog_personalapikey (id, user_id, label, secure_value, scopes, scoped_teams)
SELECT $1::text, u.id, 'hog', $3::text, '{feature_flag:read}', ARRAY[$4::integer] FROM posthog_user u WHERE u.email = $2`

// randomKey makes a key that cannot be guessed: rand.Text has 130 bits.
func randomKey(prefix string) string { return prefix + rand.Text() }

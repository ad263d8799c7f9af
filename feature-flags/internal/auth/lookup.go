package auth

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
)

// The queries return a credential in the form of its entry in Redis, or no row.

const teamSecretQuery = `
SELECT json_build_object('type', 'secret', 'team_id', id, 'api_token', api_token)
FROM posthog_team WHERE secret_api_token = $1 OR secret_api_token_backup = $1 LIMIT 1`

const projectSecretQuery = `
SELECT json_build_object('type', 'project_secret', 'team_id', k.team_id, 'key_id', k.id, 'scopes', k.scopes, 'api_token', t.api_token)
FROM posthog_projectsecretapikey k JOIN posthog_team t ON t.id = k.team_id
WHERE k.secure_value = $1
  AND (k.scopes IS NULL OR k.scopes && ARRAY['*', 'feature_flag:read', 'feature_flag:write']::varchar[])`

// A personal key without scopes is unlimited in the main app, but does not read flags here: it does not in PostHog's service either.
const personalQuery = `
SELECT json_build_object('type', 'personal', 'user_id', k.user_id, 'key_id', k.id,
    'org_ids', ARRAY(SELECT m.organization_id FROM posthog_organizationmembership m WHERE m.user_id = k.user_id),
    'scoped_teams', k.scoped_teams, 'scoped_orgs', k.scoped_organizations, 'scopes', k.scopes)
FROM posthog_personalapikey k JOIN posthog_user u ON u.id = k.user_id
WHERE k.secure_value = $1 AND u.is_active
  AND k.scopes && ARRAY['*', 'feature_flag:read', 'feature_flag:write']::varchar[]`

// secret looks first among the teams' own secrets, then among the project secret API keys. An error of the first ends the search:
// what a broken database does not know may well exist.
func (a *Authenticator) secret(ctx context.Context, key, hash string) (Credential, bool, error) {
	c, found, err := a.row(ctx, teamSecretQuery, key)
	if err != nil || found {
		return c, found, err
	}
	return a.row(ctx, projectSecretQuery, hash)
}

func (a *Authenticator) personal(ctx context.Context, _, hash string) (Credential, bool, error) {
	return a.row(ctx, personalQuery, hash)
}

func (a *Authenticator) row(ctx context.Context, query, arg string) (c Credential, found bool, err error) {
	var entry []byte
	err = a.db.QueryRowContext(ctx, query, arg).Scan(&entry)
	if errors.Is(err, sql.ErrNoRows) {
		return Credential{}, false, nil
	}
	if err != nil {
		return Credential{}, false, fmt.Errorf("look up a credential: %w", err)
	}
	if err := json.Unmarshal(entry, &c); err != nil {
		return Credential{}, false, fmt.Errorf("read a credential: %w", err)
	}
	return c, true, nil
}

package admin

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/hog-go/hog/common/hypercache"
)

// The caches that are published. Those of flags have a version tag beside them.
var (
	evaluationCache  = hypercache.Config{Namespace: "feature_flags", Value: "flags.json"}
	definitionsCache = hypercache.Config{Namespace: "feature_flags", Value: "flags_with_cohorts.json"}
	teamCache        = hypercache.Config{Namespace: "team_metadata", Value: "full_metadata.json", ByToken: true}
	clientCache      = hypercache.Config{Namespace: "array", Value: "config.json", ByToken: true}
)

const tagSuffix = ":etag"

// PublishAll publishes every team.
func (s *Store) PublishAll(ctx context.Context) error {
	teams, err := s.Teams(ctx)
	if err != nil {
		return err
	}
	for _, t := range teams {
		if err := s.Publish(ctx, t.ID); err != nil {
			return err
		}
	}
	return nil
}

// Publish writes what the tables hold of a team to the caches, from where services read it.
func (s *Store) Publish(ctx context.Context, teamID int32) error {
	if err := s.publish(ctx, teamID); err != nil {
		return fmt.Errorf("publish team %d: %w", teamID, err)
	}
	return nil
}

func (s *Store) publish(ctx context.Context, teamID int32) error {
	token, metadata, err := s.metadata(ctx, teamID)
	if err != nil {
		return err
	}
	rows, err := s.read(ctx, s.DB, teamID)
	if err != nil {
		return err
	}
	evaluation, _, err := rows.evaluation()
	if err != nil {
		return err
	}
	definitions, err := rows.definitions()
	if err != nil {
		return err
	}
	key := hypercache.Team(teamID, token)
	values := [][2]string{
		{teamCache.RedisKey(key), string(metadata)},
		{evaluationCache.RedisKey(key), string(evaluation)},
		{evaluationCache.RedisKey(key) + tagSuffix, tag(evaluation)},
		{definitionsCache.RedisKey(key), string(definitions)},
		{definitionsCache.RedisKey(key) + tagSuffix, tag(definitions)},
	}
	if s.ClientConfig != nil {
		values = append(values, [2]string{clientCache.RedisKey(key), string(s.ClientConfig(token))})
	}
	for _, cache := range s.caches {
		for _, v := range values {
			// For good: nobody would write it anew, and SDKs get no definitions from anywhere else.
			if err := cache.Set(ctx, v[0], v[1], 0); err != nil {
				return fmt.Errorf("write %s: %w", v[0], err)
			}
		}
	}
	return nil
}

// tag is the version of a document. It comes after the document, so that a reader who sees the new one finds the new document, too.
func tag(document []byte) string {
	sum := sha256.Sum256(document)
	return hex.EncodeToString(sum[:8])
}

// metadata is all of a team's row that is no secret.
func (s *Store) metadata(ctx context.Context, teamID int32) (token string, document []byte, err error) {
	const query = `SELECT api_token, to_jsonb(t) - 'secret_api_token' - 'secret_api_token_backup' FROM posthog_team t WHERE id = $1`
	err = s.DB.QueryRowContext(ctx, query, teamID).Scan(&token, &document)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil, ErrNoTeam
	}
	if err != nil {
		return "", nil, fmt.Errorf("read the team: %w", err)
	}
	return token, document, nil
}

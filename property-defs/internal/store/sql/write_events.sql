-- One row for each event; created_at stays what it is, and last_seen_at never goes back. The order of the rows is that in which all
-- replicas take their locks, so that none waits for another in a circle.
INSERT INTO posthog_eventdefinition (id, name, team_id, project_id, last_seen_at, created_at)
SELECT DISTINCT ON (COALESCE(u.project_id, u.team_id::bigint), u.name)
    u.id, u.name, u.team_id, u.project_id, $5::timestamptz, $5::timestamptz
FROM UNNEST($1::uuid[], $2::text[], $3::integer[], $4::bigint[]) AS u (id, name, team_id, project_id)
ORDER BY COALESCE(u.project_id, u.team_id::bigint), u.name, u.team_id
ON CONFLICT (COALESCE(project_id, team_id::bigint), name) DO UPDATE SET
    last_seen_at = EXCLUDED.last_seen_at,
    created_at = COALESCE(posthog_eventdefinition.created_at, EXCLUDED.created_at)
WHERE posthog_eventdefinition.last_seen_at IS NULL OR posthog_eventdefinition.last_seen_at < EXCLUDED.last_seen_at

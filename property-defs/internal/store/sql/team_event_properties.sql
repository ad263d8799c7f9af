-- The next page after a pair, in the order of the unique index.
SELECT event, property
FROM posthog_eventproperty
WHERE COALESCE(project_id, team_id::bigint) = $1 AND (event, property) > ($2, $3)
ORDER BY event, property
LIMIT $4

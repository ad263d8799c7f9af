-- Places in the input of the events that were seen in their window or later.
SELECT u.place
FROM UNNEST($1::bigint[], $2::text[], $3::timestamptz[]) WITH ORDINALITY AS u (project_id, name, since, place)
JOIN posthog_eventdefinition d ON COALESCE(d.project_id, d.team_id::bigint) = u.project_id AND d.name = u.name
WHERE d.last_seen_at >= u.since

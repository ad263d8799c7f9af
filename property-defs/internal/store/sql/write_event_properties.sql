-- Rows come sorted, for the sake of the locks. A row says all by being there.
INSERT INTO posthog_eventproperty (event, property, team_id, project_id)
SELECT u.event, u.property, u.team_id, u.project_id
FROM UNNEST($1::text[], $2::text[], $3::integer[], $4::bigint[]) AS u (event, property, team_id, project_id)
ON CONFLICT DO NOTHING

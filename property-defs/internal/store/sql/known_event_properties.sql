SELECT u.place
FROM UNNEST($1::bigint[], $2::text[], $3::text[]) WITH ORDINALITY AS u (project_id, event, property, place)
JOIN posthog_eventproperty p ON COALESCE(p.project_id, p.team_id::bigint) = u.project_id AND p.event = u.event AND p.property = u.property

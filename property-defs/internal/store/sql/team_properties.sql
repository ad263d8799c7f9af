SELECT name, COALESCE(property_type, ''), type
FROM posthog_propertydefinition
WHERE COALESCE(project_id, team_id::bigint) = $1 AND group_type_index IS NULL
LIMIT $2

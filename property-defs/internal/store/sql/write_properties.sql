-- A type goes from NULL to a value once, and then stays: people may have set it. Of several rows for one property the typed one
-- counts, a number before the others.
INSERT INTO posthog_propertydefinition (id, name, type, group_type_index, is_numerical, team_id, project_id, property_type)
SELECT DISTINCT ON (COALESCE(u.project_id, u.team_id::bigint), u.name, u.type, COALESCE(u.group_type_index, -1))
    u.id, u.name, u.type, u.group_type_index, u.is_numerical, u.team_id, u.project_id, u.property_type
FROM UNNEST($1::uuid[], $2::text[], $3::smallint[], $4::smallint[], $5::boolean[], $6::integer[], $7::bigint[], $8::text[])
    AS u (id, name, type, group_type_index, is_numerical, team_id, project_id, property_type)
ORDER BY COALESCE(u.project_id, u.team_id::bigint), u.name, u.type, COALESCE(u.group_type_index, -1),
    u.property_type IS NULL, u.is_numerical DESC, u.team_id
ON CONFLICT (COALESCE(project_id, team_id::bigint), name, type, COALESCE(group_type_index, -1)) DO UPDATE SET
    property_type = EXCLUDED.property_type,
    is_numerical = EXCLUDED.is_numerical
WHERE posthog_propertydefinition.property_type IS NULL AND EXCLUDED.property_type IS NOT NULL

-- Places in the input of the properties that are there, with their type.
SELECT u.place, COALESCE(p.property_type, '')
FROM UNNEST($1::bigint[], $2::text[], $3::smallint[], $4::smallint[]) WITH ORDINALITY AS u (project_id, name, type, group_type_index, place)
JOIN posthog_propertydefinition p ON COALESCE(p.project_id, p.team_id::bigint) = u.project_id AND p.name = u.name AND p.type = u.type
    AND COALESCE(p.group_type_index, -1) = u.group_type_index

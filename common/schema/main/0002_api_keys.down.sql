-- Drops the tables that the up file made, told by their comment. The main app's own tables stay.
DO $$
DECLARE
    name text;
BEGIN
FOREACH name IN ARRAY ARRAY[
    'posthog_projectsecretapikey',
    'posthog_personalapikey'
] LOOP
    IF obj_description(to_regclass(name), 'pg_class') = 'hog: standalone copy of a PostHog table' THEN
        EXECUTE format('DROP TABLE %I', name);
    END IF;
END LOOP;
END $$;

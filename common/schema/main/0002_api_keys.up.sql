-- API keys of users and of projects. Only hashes are stored, in secure_value.
-- Each table is made, with its indexes, only where there is none of that name; one that is there stays as it is.

DO $$ BEGIN
IF to_regclass('posthog_personalapikey') IS NULL THEN
    CREATE TABLE posthog_personalapikey (
        id varchar(50) CONSTRAINT posthog_personalapikey_pkey PRIMARY KEY,
        user_id integer NOT NULL,
        label varchar(40) NOT NULL,
        mask_value varchar(11),
        secure_value varchar(300) CONSTRAINT posthog_personalapikey_secure_value_key UNIQUE,
        created_at timestamptz NOT NULL DEFAULT now(),
        last_used_at timestamptz,
        last_rolled_at timestamptz,
        scopes varchar(100)[],
        scoped_teams integer[],
        scoped_organizations varchar(100)[],
        CONSTRAINT posthog_personalapikey_user_id_fkey FOREIGN KEY (user_id) REFERENCES posthog_user (id) DEFERRABLE INITIALLY DEFERRED
    );
    CREATE INDEX posthog_personalapikey_user_id_idx ON posthog_personalapikey (user_id);
    COMMENT ON TABLE posthog_personalapikey IS 'hog: standalone copy of a PostHog table';
END IF;
END $$;

DO $$ BEGIN
IF to_regclass('posthog_projectsecretapikey') IS NULL THEN
    CREATE TABLE posthog_projectsecretapikey (
        id varchar(50) CONSTRAINT posthog_projectsecretapikey_pkey PRIMARY KEY,
        team_id integer NOT NULL,
        label varchar(40) NOT NULL,
        mask_value varchar(11),
        secure_value varchar(300) CONSTRAINT posthog_projectsecretapikey_secure_value_key UNIQUE,
        created_at timestamptz NOT NULL DEFAULT now(),
        created_by_id integer,
        last_used_at timestamptz,
        last_rolled_at timestamptz,
        scopes varchar(100)[],
        CONSTRAINT unique_team_label UNIQUE (team_id, label),
        CONSTRAINT posthog_projectsecretapikey_team_id_fkey FOREIGN KEY (team_id) REFERENCES posthog_team (id) DEFERRABLE INITIALLY DEFERRED,
        CONSTRAINT posthog_projectsecretapikey_created_by_id_fkey FOREIGN KEY (created_by_id) REFERENCES posthog_user (id) DEFERRABLE INITIALLY DEFERRED
    );
    COMMENT ON TABLE posthog_projectsecretapikey IS 'hog: standalone copy of a PostHog table';
END IF;
END $$;
